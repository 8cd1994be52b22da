"""What a real instrument does to an analysis, and what of it is put right.

Each imperfection alone at three strengths, and an ordinary day's together, without and with
corrections, by the defaults: nothing is named. Told are how many crystals were found (by their
maps: patterns of a distorted detector are not resampled), the adjusted Rand index (ARI) of the
crystals' families at the own cut and at the best of all cuts, the largest error of a rotation, by
how much nine in ten lattice spacings are off at most and how many lie within two standard
uncertainties of a true one, and what the inspection says of the instrument against what it is.

    python benchmarks/validation/instrument.py [--seeds N] [--size small|full] [-o DIR]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import Table, located, main, mean_and_spread
from numpy.typing import NDArray

from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.simulation import Instrument, Truth, nanocrystals_in_glass
from hs_nmfcluster.simulation.flaws import known_corrections
from hs_nmfcluster.validation import (
    adjusted_rand_index,
    rotation_errors,
    spacing_errors,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Share of a group's intensity from which on a ring of spots is looked at.
_STRONG = 0.01

#: Three strengths of each imperfection.
KINDS: dict[str, Sequence[Instrument]] = {
    "perfect": (Instrument(),),
    "hot and dead pixels": tuple(Instrument(hot_pixels=n, dead_pixels=2 * n) for n in (5, 20, 80)),
    "chips' cross": tuple(Instrument(cross=n, edge=2.5) for n in (1, 2, 4)),
    "beam stop": tuple(Instrument(beam_stop=r) for r in (4, 7, 12)),
    "drift, linear": tuple(Instrument(drift=d) for d in (1, 3, 5)),
    "drift, jumps": tuple(Instrument(drift=d, course="jumps") for d in (1, 3, 5)),
    "ellipse": tuple(Instrument(ellipse=e) for e in (1, 2, 6)),
    "gain": tuple(Instrument(gain=g) for g in (2, 5, 10)),
    "blank frames": tuple(Instrument(blank=b) for b in (0.001, 0.01, 0.1)),
    "all": (
        Instrument(hot_pixels=12, dead_pixels=20, ellipse=1, drift=0.5, gain=2),
        Instrument(hot_pixels=25, dead_pixels=40, ellipse=2, drift=1, gain=5),
        Instrument(hot_pixels=25, dead_pixels=40, ellipse=4, drift=3, gain=5, cross=2, edge=2.5),
    ),
}


@dataclass(frozen=True)
class Settings:
    """Size of the scans, and of which seeds."""

    scan: int = 38
    detector: int = 64
    kinds: Sequence[str] = tuple(KINDS)
    seeds: int = 1
    first_seed: int = 0


FULL_SETTINGS = Settings(58, 128, seeds=3, first_seed=80)


def study(settings: Settings) -> Table:
    """Scores of every instrument, with and without corrections, mean over seeds."""
    columns = (
        "imperfection",
        "strength",
        "corrected",
        "recall",
        "ARI own",
        "ARI best",
        "turn °",
        "spacing %",
        "in 2 σ",
        "pixels",
        "false ‰",
        "drift off",
        "ellipse off",
    )
    rows: list[tuple[Any, ...]] = []
    for kind in settings.kinds:
        for strength, instrument in enumerate(KINDS[kind], start=1):
            scores: dict[bool, list[tuple[float, ...]]] = {False: [], True: []}
            for seed in range(settings.first_seed, settings.first_seed + settings.seeds):
                signal, truth = _scan(settings, instrument, seed)
                found = list(_found(signal, truth, instrument))
                for corrected in scores:
                    scores[corrected].append((*_analysed(signal, truth, corrected, seed), *found))
            for corrected, values in scores.items():
                means = [mean_and_spread(column)[0] for column in zip(*values, strict=True)]
                rows.append((kind, strength, "yes" if corrected else "no", *means))
                print(rows[-1], flush=True)
    return Table(columns, rows)


def _scan(settings: Settings, instrument: Instrument, seed: int) -> tuple[Any, Truth]:
    n = settings.detector
    signal, truth = nanocrystals_in_glass(
        (settings.scan,) * 2,
        (n, n),
        pixel_size=0.16 * 128 / n,
        angles_per_family=3,
        n_particles=9,
        instrument=instrument,
        seed=seed,
    )
    # As it comes from the microscope: nobody has said where the beam is.
    for axis in signal.axes_manager.signal_axes:
        axis.offset = 0.0
    return signal, truth


def _analysed(signal: Any, truth: Truth, corrected: bool, seed: int) -> tuple[float, ...]:
    """Recall, ARI at the own and at the best cut, errors of rotations and of spacings.

    NaN where the run ends in an error, or there is nothing to measure.
    """
    try:
        nmf = signal.decompose_als_nmf(
            corrections="auto" if corrected else None,
            random_state=seed,
            print_info=False,
            show_progressbar=False,
        )
        tree = signal.hierarchical_cluster(nmf)
        groups = tree.cut()
    except (ValueError, OSError):
        return (0.0, *[np.nan] * 5)
    own = np.asarray(groups.labels)
    members, true = located(nmf, truth)
    recall = len(members) / truth.crystalline.sum()
    if len(members) < 2:
        return (float(recall), *[np.nan] * 5)
    families = truth.labels[true]
    cuts = [np.asarray(tree.cut(n_groups=n).labels) for n in range(1, len(own) + 1)]
    best = max(adjusted_rand_index(cut[members], families) for cut in cuts)
    turned = rotation_errors(
        groups.rotations[members],
        truth.angles[true],
        own[members],
        [truth.symmetry[truth.families[k]] for k in true],
    )
    return (
        float(recall),
        adjusted_rand_index(own[members], families),
        best,
        float(np.nanmax(np.abs(turned))),
        *_spacings(groups, own, members, [truth.families[k] for k in true], truth),
    )


def _spacings(
    groups: Any,
    own: NDArray[np.intp],
    members: NDArray[np.intp],
    families: Sequence[str],
    truth: Truth,
) -> tuple[float, float]:
    """Ninth decile of the errors of spacings in per cent, and the share within two sigma.

    Of rings with at least a per cent of the intensity, against those of the family that most
    members of the group belong to.
    """
    errors, pulls = [], []
    found = groups.lattice_spacings()
    for group in np.unique(own[members]):
        inside = [f for f, k in zip(families, members, strict=True) if own[k] == group]
        true = truth.spacings[max(set(inside), key=inside.count)]
        strong = [one for one in found[group] if one.intensity >= _STRONG]
        if strong:
            off = spacing_errors([one.d for one in strong], true)
            errors.extend(np.abs(off))
            pulls.extend(np.abs(off) * [one.d / one.sigma for one in strong])
    if not errors:
        return np.nan, np.nan
    return 100 * float(np.quantile(errors, 0.9)), float((np.array(pulls) <= 2).mean())


def _found(signal: Any, truth: Truth, instrument: Instrument) -> Iterator[float]:
    """Share of the bad pixels found, false ones, and errors of drift and ellipse."""
    shape = truth.maps.shape[1:]
    right = known_corrections(instrument, shape, Detector(truth.patterns.shape[1:], truth.center))
    found = signal.inspect_scan(show_progressbar=False).corrections
    nothing = np.zeros(truth.patterns.shape[1:], bool)
    bad = nothing if right.bad_pixels is None else right.bad_pixels
    flagged = nothing if found.bad_pixels is None else found.bad_pixels
    still = np.zeros((*shape, 2))
    off = (still if found.shifts is None else found.shifts) - (
        still if right.shifts is None else right.shifts
    )
    round_ = np.eye(2)
    ellipse = (round_ if found.distortion is None else found.distortion) - (
        round_ if right.distortion is None else right.distortion
    )
    yield float(flagged[bad].mean()) if bad.any() else np.nan
    yield 1000 * float(flagged[~bad].mean())
    yield float(np.percentile(np.abs(off), 99))
    # Of the strength, in per cent.
    yield 100 * 2 * float(np.abs(np.linalg.eigvalsh(ellipse)).max())


def figure(table: Table) -> "Figure":
    """ARI of the own cut by imperfection and strength, without and with corrections."""
    from hs_nmfcluster.plotting.figures import new_figure
    from hs_nmfcluster.plotting.style import PAGE_WIDTH, SMALL_FONT_SIZE, group_color, tidy

    kinds = list(dict.fromkeys(table.column("imperfection").tolist()))
    drawn = new_figure(PAGE_WIDTH, 2.6)
    panels = drawn.subplots(2, 1, sharex=True)
    for ax, score in zip(panels, ("recall", "ARI own"), strict=True):
        for side, corrected in enumerate(("no", "yes")):
            rows = table.where(corrected=corrected)
            x = [
                kinds.index(kind) + 0.25 * (strength - 2) + 0.1 * (side - 0.5)
                for kind, strength in zip(
                    rows.column("imperfection"), rows.column("strength").astype(int), strict=True
                )
            ]
            ax.bar(
                x,
                np.nan_to_num(rows.column(score).astype(float)),
                width=0.1,
                color=group_color(side),
                label=("as it is", "corrected")[side],
            )
        ax.set_ylim(0, 1.05)
        tidy(ax, x="", y=score)
    panels[1].set_xticks(range(len(kinds)), kinds, rotation=25, ha="right")
    panels[0].legend(
        fontsize=SMALL_FONT_SIZE, frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1)
    )
    return drawn


if __name__ == "__main__":
    main(
        "instrument",
        __doc__.splitlines()[0],
        {"small": Settings(), "full": FULL_SETTINGS},
        study,
        figure,
    )
