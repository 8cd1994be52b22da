"""How fast patterns become polar ones, beside a bare copy of what goes in and out, and pyxem.

The same counts, in memory, are transformed

- by ``NMFDiffraction2D.polar_transform``;
- by pyxem's ``get_azimuthal_integral2d``, where pyxem is installed;
- not at all: they are converted to float32, and as many numbers as the transform gives are written.

    python benchmarks/polar.py [--patterns 2000] [--pixels 128] [--radial 64] [--azimuthal 360]
                               [--repeats 5]

Medians of the repeats, in patterns a second.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import hyperspy.api as hs
import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster import NMFDiffraction2D


def counts(number: int, pixels: int) -> NDArray[np.uint16]:
    """Patterns of a ring with counting noise."""
    y, x = np.mgrid[:pixels, :pixels] - (pixels - 1) / 2
    ring = 5 * np.exp(-((np.hypot(x, y) - pixels / 4) ** 2) / pixels)
    return np.random.default_rng(0).poisson(ring, (number, pixels, pixels)).astype("u2")


def seconds(function: Callable[[], object], repeats: int) -> float:
    """Median time of a function, after a first call that does not count."""
    function()
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        function()
        taken.append(time.perf_counter() - begun)
    return median(taken)


def ours(data: NDArray, n_radial: int, n_azimuthal: int) -> Callable[[], object]:
    """Prepare the transform of this package."""
    s = NMFDiffraction2D(data)
    center = ((data.shape[-1] - 1) / 2,) * 2
    return lambda: s.polar_transform(n_radial=n_radial, n_azimuthal=n_azimuthal, center=center)


def bare_copy(data: NDArray, n_radial: int, n_azimuthal: int) -> Callable[[], object]:
    """Prepare to read and write as much as any transform has to."""

    def copy() -> NDArray[np.float32]:
        data.astype(np.float32)
        written = np.empty((len(data), n_radial, n_azimuthal), np.float32)
        written.fill(1.0)
        return written

    return copy


def pyxem(data: NDArray, n_radial: int, n_azimuthal: int) -> Callable[[], object] | None:
    """Prepare the transform of pyxem, None where that is not installed."""
    try:
        import pyxem  # noqa: F401
    except ImportError:
        return None
    s = hs.signals.Signal2D(data.copy())
    s.set_signal_type("electron_diffraction")
    s.calibration.center = None
    return lambda: s.get_azimuthal_integral2d(
        npt=n_radial, npt_azim=n_azimuthal, inplace=False, show_progressbar=False
    )


def main() -> None:
    """Print one line for each method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patterns", type=int, default=2000)
    parser.add_argument("--pixels", type=int, default=128)
    parser.add_argument("--radial", type=int, default=64)
    parser.add_argument("--azimuthal", type=int, default=360)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    data = counts(arguments.patterns, arguments.pixels)
    print(
        f"{arguments.patterns} patterns of {arguments.pixels}² pixels to {arguments.radial} × "
        f"{arguments.azimuthal} bins"
    )
    methods = {"bare copy of input and output": bare_copy, "ours": ours, "pyxem": pyxem}
    for name, prepared in methods.items():
        method = prepared(data, arguments.radial, arguments.azimuthal)
        if method is None:
            print(f"{name:30} not installed")
            continue
        rate = arguments.patterns / seconds(method, arguments.repeats)
        print(f"{name:30} {rate:10.0f} patterns/s")


if __name__ == "__main__":
    main()
