"""Components of what neighbourhoods found: each crystal one, the matrix of all of them two."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.shelf import Placed, Shelf
from hs_nmfcluster.factorization.neighbourhoods import joining
from hs_nmfcluster.factorization.neighbourhoods.assembly import Components, Joined, assemble
from hs_nmfcluster.factorization.neighbourhoods.mosaic import Mosaic
from hs_nmfcluster.factorization.neighbourhoods.solving import solve_maps
from hs_nmfcluster.materials.significance import spot_evidence
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.local_maps import LocalMaps


def components_of(
    mosaic: Mosaic, kept: NDArray[np.bool_], detector: Detector
) -> tuple[Components, NDArray[np.bool_], NDArray[np.float64]]:
    """Put pieces together to components.

    What shows no spots is matrix. Each neighbourhood needs some components for it, which together
    would crowd out the crystals, and of which none says more than their mean.

    Parameters
    ----------
    mosaic
        What was found.
    kept
        Pixels of the patterns, ``(n_v, n_u)``.
    detector
        Geometry.

    Returns
    -------
    Components
    numpy.ndarray
        Which of them were taken for matrix, ``(k,)``.
    numpy.ndarray
        Squared residual of each position of the scan, flat; zero where masked.
    """
    joined = mosaic.joined
    labels, matrix = _united(mosaic, kept, detector)
    united = assemble(Joined(joined.windows, labels[joined.labels]), kept.ravel())
    taken = np.zeros(len(united.patterns), bool)
    taken[united.labels[matrix[joined.labels]]] = True
    maps, residual = solve_maps(joined.windows, united, taken, mosaic.pixel_weights)
    solved, order = united.with_maps(maps)
    return solved, taken[order], residual


def _united(
    mosaic: Mosaic, kept: NDArray[np.bool_], detector: Detector
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Say which components are one after all, a label of each, and which are matrix, ``(k,)``."""
    maps = mosaic.joined.maps()
    looked = _Looked.at(mosaic, maps, kept, detector)
    again = joining.same_crystal_again(looked.crystals, looked.contrasts, maps)
    matrix = looked.matrix
    if matrix.sum() > 1:
        profiles = [looked.profiles[k] for k in np.flatnonzero(matrix).tolist()]
        second = joining.split_in_two(np.stack(profiles))
        again[matrix] = again.max() + 1 + second
    return np.unique(again, return_inverse=True)[1], matrix


@dataclass(frozen=True, eq=False)
class _Looked:
    """What a look at the pattern of each component says, without the patterns.

    Parameters
    ----------
    matrix
        Which have no spots, ``(k,)``.
    profiles
        Radial profile of each of these, ``(n_radii,)``.
    crystals, contrasts
        As of :func:`~hs_nmfcluster.factorization.neighbourhoods.joining.same_crystal_again`.
    """

    matrix: NDArray[np.bool_]
    profiles: dict[int, NDArray[np.float64]]
    crystals: dict[int, Placed]
    contrasts: Shelf

    @classmethod
    def at(
        cls, mosaic: Mosaic, maps: LocalMaps, kept: NDArray[np.bool_], detector: Detector
    ) -> "_Looked":
        """Look at some components at a time."""
        number, crystals, contrasts = len(maps), dict[int, Placed](), Shelf()
        matrix = np.zeros(number, bool)
        profiles = dict[int, NDArray[np.float64]]()
        for chosen, patterns in mosaic.joined.patterns():
            on_detector = np.full((len(chosen), *kept.shape), np.nan, np.float32)
            on_detector[:, kept] = patterns
            in_windows = [maps.maps[k].values for k in chosen.tolist()]
            evidence = spot_evidence(on_detector, detector, in_windows, among=number)
            matrix[chosen] = ~(evidence.crystalline | evidence.uncertain)
            without = matrix[chosen]
            of_matrix = _radial_profiles(patterns[without], kept, detector)
            profiles |= zip(chosen[without].tolist(), of_matrix, strict=True)
            own = joining.contrast(
                patterns[evidence.crystalline], mosaic.shared, mosaic.pixel_weights
            )
            for k, row in zip(chosen[evidence.crystalline].tolist(), own, strict=True):
                crystals[k] = contrasts.put(row)
        return cls(matrix, profiles, crystals, contrasts)


def _radial_profiles(
    patterns: NDArray[np.float32], kept: NDArray[np.bool_], detector: Detector
) -> NDArray[np.float64]:
    """Mean of each ring of one pixel's width, of patterns ``(n, n_pixels)`` of unit mean."""
    bins = np.rint(detector.radius() / detector.pixel).astype(np.int64)[kept]
    counts = np.maximum(np.bincount(bins), 1)
    rows = patterns.astype(np.float64)
    rows /= np.maximum(rows.mean(axis=1, keepdims=True), np.finfo(float).tiny)
    return np.array([np.bincount(bins, row) / counts for row in rows])
