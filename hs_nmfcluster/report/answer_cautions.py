"""What to distrust in spacings, sizes and phases."""

from collections.abc import Iterator

import numpy as np

from hs_nmfcluster.report.caution import Caution
from hs_nmfcluster.report.subject import Phases, Sizes, Spacings
from hs_nmfcluster.words import counted, group_name, named_groups

# Relative uncertainty of a spacing from which on it is called uncertain.
_UNCERTAIN = 0.01
# Particles of a group, fewer of which make a poor mean; pixels that a diameter should have.
_FEW_PARTICLES, _FEW_PIXELS = 10, 3.0


def of_spacings(spacings: Spacings) -> Iterator[Caution]:
    """Say what to distrust in lattice spacings."""
    rings = [(group, ring) for group, own in enumerate(spacings) for ring in own]
    if not rings:
        return
    if not spacings.calibrated:
        yield Caution(
            "No spacings",
            f"The detector's axes are in {spacings.units}, which is no reciprocal length: radii "
            "are given instead of spacings. Calibrate the axes.",
            serious=True,
        )
        return
    if not spacings.camera_error:
        yield Caution(
            "Camera constant",
            "The errors of the spacings are those of the fits alone. The error of the camera "
            "constant, often 1 % and more, comes on top and shifts all of them together: "
            "calibrate by a ring that is known.",
        )
    uncertain = [f"{r.d:.3g} nm ({group_name(g)})" for g, r in rings if r.sigma > _UNCERTAIN * r.d]
    if uncertain:
        yield Caution("Uncertain spacings", f"Known to no better than 1 %: {', '.join(uncertain)}.")
    pairs = sum(ring.n_spots <= 2 for _, ring in rings)
    if pairs:
        yield Caution(
            "Rings of one pair",
            f"{pairs} of {counted(len(rings), 'ring')} rest on a single pair of spots: look "
            "whether the pattern shows them.",
        )


def of_sizes(sizes: Sizes) -> Iterator[Caution]:
    """Say what to distrust in particle sizes."""
    whole = [group.diameters for group in sizes]
    if not any(len(diameters) for diameters in whole):
        return
    if sizes.units == "px":
        yield Caution("No sizes in nm", "The scan's axes are not calibrated: sizes are in pixels.")
    if sizes.shape == "sphere":
        yield Caution(
            "Taken for spheres",
            "Diameters are those of spheres. Discs with the same profile would have some 0.8 times "
            "the diameter: give particle_sizes the shape if it is known.",
        )
    pixel = float(np.sqrt(abs(sizes.pixel.x * sizes.pixel.y)))
    small = [g for g, d in enumerate(whole) if len(d) and d.mean() < _FEW_PIXELS * pixel]
    if small:
        yield Caution(
            "Small particles",
            f"The particles of {named_groups(small).lower()} are less than {_FEW_PIXELS:g} scan "
            "pixels wide: their diameters are upper bounds, and some may be noise.",
        )
    few = [g for g, d in enumerate(whole) if 0 < len(d) < _FEW_PARTICLES]
    if few:
        yield Caution(
            "Few particles",
            f"The mean diameters of {named_groups(few).lower()} come from fewer than "
            f"{_FEW_PARTICLES} whole particles each.",
        )


def of_phases(phases: Phases) -> Iterator[Caution]:
    """Say what to distrust in a match of phases."""
    for group in range(phases.n_groups):
        best = phases.best(group)
        if len(best) > 1:
            yield Caution(
                f"Phases of group {group_name(group)}",
                f"{', '.join(best)} explain its spacings equally well: these spacings cannot tell "
                "which it is.",
            )
        elif best and phases.unexplained(best[0], group):
            left = ", ".join(f"{d:.3g}" for d in phases.unexplained(best[0], group))
            yield Caution(
                f"Phase of group {group_name(group)}",
                f"{best[0]} leaves {left} nm unexplained.",
            )
