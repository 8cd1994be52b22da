"""Specimens by a simulator that nobody here wrote: multislice by abTEM, analysed at the defaults.

Two scans are simulated with abTEM (Madsen & Susi, Open Research Europe 1, 24, 2021), which is not
installed with this package: ``pip install abtem ase``.

* *gold*: nine spheres of gold, 3.2 nm, on 4 nm of amorphous carbon, three each near [110], [112]
  and [111], which share rings, at random angles and tilted by about a degree;
* *WS2*: 64 grains of WS2 without any matrix, each seen along one of three zone axes at a random
  in-plane angle, after the phantom of DINO-4DSTEM (adjusted Rand index there 0.982, of NMF followed
  by k-means 0.049 to 0.163).

Counted are crystals that a component of their own describes (correlation of its map with the true
disc above 0.5), and how well the groups are the zone axes (adjusted Rand index, on gold of the
crystals, on WS2 of all positions), beside scikit-learn's NMF followed by k-means of the patterns,
with the true number of components and of groups, which ours is not told.

    python benchmarks/validation/independent.py [--case gold WS2] [--doses 1e4 3e4 1e6]
        [--positions 34] [--pixels 128] [--seeds 0] [-o DIR]

Simulations are kept in DIR: that of gold takes 20 minutes on two cores, those of WS2 two.
"""

import argparse
import itertools
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _common import Table
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF
from sklearn.metrics import adjusted_rand_score

from hs_nmfcluster import NMFDiffraction2D

#: Half angle of the probe in mrad, and its energy in eV.
CONVERGENCE, ENERGY = 1.5, 300e3
#: Half angle of the detector in mrad, and pixels along each axis of the patterns: of gold, and of
#: WS2 as simulated.
GOLD_DETECTOR, GOLD_PIXELS, WS2_DETECTOR, WS2_PIXELS = 17.0, 121, 18.1, 256
#: Correlation with the true disc from which a component describes a crystal.
FOUND = 0.5


@dataclass(frozen=True)
class Scan:
    """Patterns without noise and what they are of.

    Attributes
    ----------
    patterns
        ``(n_y, n_x, n_v, n_u)``, each of sum 1.
    pixel, step
        1/nm and nm.
    regions
        For each crystal where it is, ``(n, n_y, n_x)``.
    families
        Zone axis of each crystal, ``(n,)``.
    """

    patterns: NDArray[np.float32]
    pixel: float
    step: float
    regions: NDArray[np.bool_]
    families: NDArray[np.int64]

    def counted(self, dose: float, seed: int) -> NMFDiffraction2D:
        """Count so many electrons a pattern."""
        rng = np.random.default_rng(seed)
        signal = NMFDiffraction2D(rng.poisson(self.patterns * dose).astype(np.uint16))
        for axis in signal.axes_manager.signal_axes:
            axis.scale, axis.units = self.pixel, "1/nm"
        for axis in signal.axes_manager.navigation_axes:
            axis.scale, axis.units = self.step, "nm"
        return signal


def _kept(path: Path, simulate: Any) -> dict[str, Any]:
    """Simulate, or take what was simulated before."""
    if not path.exists():
        np.savez_compressed(path, **simulate())
    with np.load(path) as stored:
        return {name: stored[name] if stored[name].ndim else float(stored[name]) for name in stored}


def _turned(axis: tuple[int, int, int], angle: float, tilt: NDArray[np.float64]) -> NDArray:
    """Rotation that brings a direction of a cubic or orthogonal cell onto the beam."""
    z = np.array(axis, float) / np.linalg.norm(axis)
    x = np.cross((0.3, 0.5, 0.9), z)
    x /= np.linalg.norm(x)
    onto = np.stack([x, np.cross(z, x), z])
    a, (b, c) = np.deg2rad(angle), np.deg2rad(tilt)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_y = np.array([[np.cos(c), 0, np.sin(c)], [0, 1, 0], [-np.sin(c), 0, np.cos(c)]])
    return about_y @ about_x @ about_z @ onto


def _carbon(width: float, thickness: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Atoms of amorphous carbon: at random, none nearer than a bond."""
    number = int(width * width * thickness * 0.16)
    atoms = rng.uniform(0, (width, width, thickness), (number, 3))
    kept = np.ones(number, bool)
    for i, j in cKDTree(atoms).query_pairs(1.35):
        if kept[i] and kept[j]:
            kept[j] = False
    return atoms[kept]


def _scanned(
    atoms: Any, gpts: tuple[int, int], start: Any, end: Any, half_angle: float, pixels: int
) -> tuple[NDArray, float]:
    """Patterns of a scan by abTEM, so many pixels wide, and the size of a pixel in 1/nm."""
    import abtem

    abtem.config.set({"device": "cpu"})
    potential = abtem.Potential(
        atoms, sampling=0.3, slice_thickness=2.0, parametrization="kirkland", projection="infinite"
    )
    probe = abtem.Probe(energy=ENERGY, semiangle_cutoff=CONVERGENCE)
    probe.grid.match(potential)
    measured = probe.scan(
        potential,
        scan=abtem.GridScan(start, end, gpts=gpts, endpoint=False),
        detectors=abtem.PixelatedDetector(max_angle=half_angle),
    ).compute(scheduler="synchronous")
    patterns = np.asarray(measured.array)
    by = patterns.shape[-1] // pixels
    # abTEM's first axis is x.
    binned = _binned(patterns[..., : by * pixels, : by * pixels].transpose(1, 0, 3, 2), by)
    return binned / binned.sum((-1, -2), keepdims=True), 10 * by * float(measured.sampling[0])


def _binned(patterns: NDArray, by: int) -> NDArray:
    """Sum so many pixels along both axes."""
    *shape, n_v, n_u = patterns.shape
    return patterns.reshape(*shape, n_v // by, by, n_u // by, by).sum((-3, -1))


def gold(positions: int, seed: int) -> Scan:
    """Simulate spheres of gold on carbon."""
    import ase
    from ase.build import bulk

    rng = np.random.default_rng(seed)
    width, film, diameter = 140.0, 40.0, 32.0
    carbon = _carbon(width, film, rng)
    edge = bulk("Au", cubic=True).cell[0, 0]
    cells = np.stack(np.meshgrid(*[np.arange(-8, 9)] * 3, indexing="ij"), -1).reshape(-1, 3)
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    lattice = (cells[:, None] + basis).reshape(-1, 3) * edge
    middles = [(x, y) for y in (25, 70, 115) for x in (25, 70, 115)]
    axes = [(1, 1, 0)] * 3 + [(1, 1, 2)] * 3 + [(1, 1, 1)] * 3
    families = rng.permutation(np.repeat(np.arange(3), 3))
    places, symbols = [carbon], ["C"] * len(carbon)
    for family, (x, y) in zip(families, middles, strict=True):
        turn = _turned(axes[3 * family], rng.uniform(0, 360), rng.normal(0, 0.7, 2))
        atoms = lattice @ turn.T
        atoms = atoms[np.linalg.norm(atoms, axis=1) < diameter / 2]
        places.append(atoms + np.array([x, y, film + diameter / 2]))
        symbols += ["Au"] * len(atoms)
    cell = [width, width, film + diameter + 2]
    atoms = ase.Atoms(symbols, positions=np.concatenate(places), cell=cell, pbc=True)
    start, end = (2.0, 2.0), (width - 2, width - 2)
    gpts = (positions, positions)
    patterns, pixel = _scanned(atoms, gpts, start, end, GOLD_DETECTOR, GOLD_PIXELS)
    step = (width - 4) / positions / 10
    x = 0.2 + step * np.arange(positions)
    regions = [np.hypot(x - a / 10, x[:, None] - b / 10) < 0.75 * diameter / 20 for a, b in middles]
    return Scan(patterns.astype(np.float32), pixel, step, np.array(regions), families)


def tungsten_disulfide() -> dict[str, Any]:
    """Simulate one pattern for each of three zone axes of WS2."""
    import ase
    from ase.build import mx2

    layer = mx2("WS2", "2H", a=3.18, thickness=3.19)
    cells = np.stack(np.meshgrid(*[np.arange(-12, 13)] * 3, indexing="ij"), -1).reshape(-1, 3)
    a, b = layer.cell[0], layer.cell[1]
    vectors = np.array([a, b, (0.0, 0.0, 6.16)])
    first = layer.positions - layer.positions.mean(axis=0)
    lattice = (cells @ vectors)[:, None] + first
    symbols = np.tile(layer.get_chemical_symbols(), len(cells))
    # Vacuum around the crystal, which the probe does not reach, makes the pixels small.
    width, crystal_width, thickness = 140.0, 60.0, 30.0
    seen = []
    for direction in ((0, 0, 1), (1, 0, 0), (0, 1, 0)):
        atoms = lattice.reshape(-1, 3) @ _turned(direction, 0.0, np.zeros(2)).T
        half = np.array([crystal_width, crystal_width, thickness]) / 2
        inside = (np.abs(atoms) < half).all(axis=1)
        placed = atoms[inside] + np.array([width / 2, width / 2, thickness / 2 + 1])
        crystal = ase.Atoms(
            symbols[inside], positions=placed, cell=[width, width, thickness + 2], pbc=True
        )
        middle = width / 2
        start, end = (middle, middle), (middle + 3, middle + 3)
        patterns, pixel = _scanned(crystal, (3, 3), start, end, WS2_DETECTOR, WS2_PIXELS)
        seen.append(patterns.mean(axis=(0, 1)))
    return {"patterns": np.array(seen), "pixel": pixel}


def grains(patterns: NDArray, pixel: float, positions: int, pixels: int, seed: int) -> Scan:
    """Turn the patterns of three zone axes at random in 64 Voronoi grains."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:positions, :positions]
    grain = cKDTree(rng.uniform(0, positions, (64, 2))).query(np.stack([y, x], -1))[1]
    families = rng.integers(0, 3, 64)
    turned = np.array(
        [
            ndimage.rotate(patterns[family], rng.uniform(0, 360), reshape=False, order=1)
            for family in families
        ]
    )
    by = WS2_PIXELS // pixels
    turned = _binned(np.maximum(turned, 0), by)
    turned /= turned.sum((-1, -2), keepdims=True)
    regions = grain == np.arange(64)[:, None, None]
    return Scan(turned[grain].astype(np.float32), by * pixel, 1.0, regions, families)


def _scores(scan: Scan, maps: NDArray, groups: NDArray, intensity: NDArray) -> tuple[float, float]:
    """Share of crystals with a component of their own, and adjusted Rand index of the groups."""
    flat = maps.reshape(len(maps), -1).astype(float)
    centred = flat - flat.mean(axis=1, keepdims=True)
    regions = scan.regions.reshape(len(scan.regions), -1).astype(float)
    regions -= regions.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(regions, axis=1)[:, None] * np.linalg.norm(centred, axis=1)
    alike = regions @ centred.T / np.maximum(norms, 1e-12)
    owners = alike.argmax(axis=1)
    own = np.unique(owners[alike.max(axis=1) > FOUND]).size / len(scan.families)
    if scan.regions.any(axis=0).all():
        strongest = (maps * intensity[:, None, None]).argmax(axis=0)
        truth = scan.families[scan.regions.argmax(axis=0)]
        return own, float(adjusted_rand_score(truth.ravel(), groups[strongest].ravel()))
    return own, float(adjusted_rand_score(scan.families, groups[owners]))


def by_us(scan: Scan, dose: float, seed: int) -> tuple[float, float, int, str]:
    """Analyse at the defaults, which are told nothing."""
    quiet = {"print_info": False, "show_progressbar": False}
    nmf = scan.counted(dose, seed).decompose_als_nmf(random_state=seed, **quiet)
    groups = nmf.hierarchical_cluster(show_progressbar=False).cut()
    intensity = np.nansum(nmf.patterns.data, axis=(1, 2))
    own, rand = _scores(scan, np.asarray(nmf.maps.data), groups.labels, intensity)
    return own, rand, nmf.n_components, groups.summary().splitlines()[0]


def by_scikit_learn(scan: Scan, dose: float, seed: int) -> tuple[float, float, int, str]:
    """NMF with the true number of components, then k-means with the true number of groups."""
    signal = scan.counted(dose, seed)
    pixels = signal.data.shape[-1]
    y, x = np.indices((pixels, pixels)) - (pixels - 1) / 2
    kept = (np.hypot(x, y) > pixels / 15) & (np.hypot(x, y) < pixels / 2)
    number = len(scan.families) + int(not scan.regions.any(axis=0).all())
    model = NMF(number, init="nndsvda", random_state=seed, max_iter=300)
    with warnings.catch_warnings():
        # That it has not converged is its own default.
        warnings.simplefilter("ignore")
        rows = signal.data[..., kept].reshape(-1, kept.sum()).astype(np.float32)
        maps = model.fit_transform(rows).T.reshape(number, *signal.data.shape[:2])
    patterns = model.components_ / np.linalg.norm(model.components_, axis=1, keepdims=True)
    n_groups = np.unique(scan.families).size + number - len(scan.families)
    groups = KMeans(n_groups, n_init=10, random_state=seed).fit_predict(patterns)
    own, rand = _scores(scan, maps, groups, model.components_.sum(axis=1))
    return own, rand, number, f"{n_groups} groups, told"


WAYS = {"defaults": by_us, "NMF + k-means": by_scikit_learn}


def _scans(arguments: argparse.Namespace, case: str, seed: int) -> Iterator[tuple[str, Scan]]:
    """Simulate what is asked for, with its name."""
    if case == "gold":
        n, path = arguments.positions, arguments.output / f"gold_{arguments.positions}_{seed}.npz"
        yield "gold", Scan(**_kept(path, lambda: vars(gold(n, seed))))
    else:
        seen = _kept(arguments.output / "WS2.npz", tungsten_disulfide)
        for pixels in arguments.pixels:
            yield f"WS2, {pixels} px", grains(**seen, positions=64, pixels=pixels, seed=seed)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="+", choices=("gold", "WS2"), default=("gold", "WS2"))
    parser.add_argument("--doses", type=float, nargs="+", default=(1e4, 3e4, 1e6))
    parser.add_argument("--positions", type=int, default=34, help="along each axis, of gold")
    parser.add_argument("--pixels", type=int, nargs="+", choices=(64, 128), default=(128,))
    parser.add_argument("--seeds", type=int, nargs="+", default=(0,))
    parser.add_argument("--ways", nargs="+", choices=tuple(WAYS), default=tuple(WAYS))
    parser.add_argument("-o", "--output", type=Path, default=Path("independent"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for case, seed in itertools.product(arguments.case, arguments.seeds):
        for specimen, scan in _scans(arguments, case, seed):
            for dose, name in itertools.product(arguments.doses, arguments.ways):
                start = time.perf_counter()
                own, rand, number, said = WAYS[name](scan, dose, seed)
                seconds = time.perf_counter() - start
                mean = f"{dose / scan.patterns[0, 0].size:.2g}"
                rows.append((specimen, seed, mean, name, number, own, rand, seconds, said))
                print(rows[-1], flush=True)
    columns = ("specimen", "seed", "e/px", "way", "components", "recall", "ARI", "seconds")
    print(Table((*columns, "answer"), rows))


if __name__ == "__main__":
    main()
