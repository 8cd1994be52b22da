"""Four times the positions: what they take, and whether as many of their crystals are found.

Specimens of 128 × 128 positions are simulated, linear mixtures of crystals in glass whose truth is
known, and put side by side. Scans of one, four (and sixteen) of them, stored in chunks on disk, are
factorized in neighbourhoods by default settings, each in a process of its own, with so little
memory that no data are kept.

    python benchmarks/growth.py [--detector 64] [--crystals 100] [--electrons 1.4] [--sides 1 2]
        [--memory "280 MB"] [--seed 0]
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import _common
import numpy as np

# Positions along a side of a specimen, and similarity from which on a crystal is found.
_SIDE, _FOUND = 128, 0.5


class Grown(NamedTuple):
    """What one scan took: processor time, memory in GiB, and crystals that were found."""

    seconds: float
    resident: float
    above: float
    estimate: float
    windows: int
    components: int
    found: int
    crystals: int


def simulate(seed: int, detector: int, crystals: int, electrons: float) -> tuple[Any, Any]:
    """Simulate a specimen with so many electrons in a pixel on average."""
    from hs_nmfcluster.simulation import linear_mixture

    arguments: dict[str, Any] = {
        "detector_shape": (detector, detector),
        "pixel_size": 0.16 * 128 / detector,
        "angles_per_family": -(-crystals // 3),
        "seed": seed,
    }
    bare, truth = linear_mixture((4, 4), n_particles=0, noise=False, dose=1e6, **arguments)
    dose = 1e6 * electrons / bare.data[..., ~truth.detector_mask].mean()
    return linear_mixture((_SIDE, _SIDE), n_particles=crystals, dose=dose, **arguments)


def write(path: Path, side: int, seed: int, *specimen: Any) -> None:
    """Write a scan of ``side × side`` specimens."""
    import dask.array as da

    from hs_nmfcluster import LazyNMFDiffraction2D

    one, _ = simulate(seed, *specimen)
    rows = [
        [simulate(seed + row * side + column, *specimen)[0].data for column in range(side)]
        for row in range(side)
    ]
    data = da.from_array(np.concatenate([np.concatenate(row, axis=1) for row in rows]), name=False)
    whole = LazyNMFDiffraction2D(data.astype(np.uint16).rechunk((32, 32, -1, -1)))
    for old, new in zip(one.axes_manager.signal_axes, whole.axes_manager.signal_axes, strict=True):
        new.scale, new.offset, new.units = old.scale, old.offset, old.units
    with _common.quiet():
        whole.save(path)


def grow(path: Path, side: int, memory: str, seed: int, *specimen: Any) -> Grown:
    """Factorize a scan, and count the crystals that were found in each specimen."""
    _common.load_libraries()
    import hyperspy.api as hs

    signal = hs.load(path, lazy=True, signal_type="nmf_diffraction")
    before, start = _common.memory("VmRSS"), time.process_time()
    nmf = signal.decompose_als_nmf(
        max_memory=memory, random_state=0, print_info=False, show_progressbar=False
    )
    seconds, peak = time.process_time() - start, _common.memory("VmHWM")
    assert not nmf.settings["data_in_memory"]
    found = crystals = 0
    for index in range(side**2):
        _, truth = simulate(seed + index, *specimen)
        row, column = divmod(index, side)
        here = np.s_[:, row * _SIDE : (row + 1) * _SIDE, column * _SIDE : (column + 1) * _SIDE]
        found += _found(nmf, np.asarray(nmf.maps.data[here]), truth)
        crystals += int(truth.crystalline.sum())
    windows = int(np.prod(nmf.settings["tiles_numbers"]))
    estimate = nmf.settings["memory_estimate"] / 2**30
    return Grown(seconds, peak, peak - before, estimate, windows, nmf.n_components, found, crystals)


def _found(nmf: Any, maps: Any, truth: Any) -> int:
    from hs_nmfcluster.validation import match_components

    there = maps.any(axis=(1, 2))
    match = match_components(
        np.nan_to_num(nmf.patterns.data[there]),
        truth.patterns,
        maps[there],
        truth.maps,
        by="both",
        mask=truth.detector_mask,
        background=truth.patterns[~truth.crystalline],
    )
    return int(((match.scores >= _FOUND) & truth.crystalline[match.true]).sum())


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each scan."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", type=int, default=64)
    parser.add_argument("--crystals", type=int, default=100)
    parser.add_argument("--electrons", type=float, default=1.4)
    parser.add_argument("--sides", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--memory", default="280 MB")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    specimen = (given.detector, given.crystals, given.electrons)
    print(
        f"{'positions':<12}{'windows':>8}{'CPU s':>8}{'times':>7}{'peak GiB':>10}{'above':>7}"
        f"{'estimate':>10}{'components':>12}{'found':>14}"
    )
    before: float | None = None
    with TemporaryDirectory() as folder:
        for side in given.sides:
            path = Path(folder) / f"{side}.zspy"
            _common.alone(write, path, side, given.seed, *specimen)
            one = _common.alone(grow, path, side, given.memory, given.seed, *specimen)
            times = "" if before is None else f"{one.seconds / before:.2f}"
            size = f"{side * _SIDE} × {side * _SIDE}"
            print(
                f"{size:<12}{one.windows:>8}{one.seconds:>8.1f}{times:>7}{one.resident:>10.2f}"
                f"{one.above:>7.2f}{one.estimate:>10.2f}{one.components:>12}"
                f"{f'{one.found} of {one.crystals}':>14}",
                flush=True,
            )
            before = one.seconds


if __name__ == "__main__":
    main()
