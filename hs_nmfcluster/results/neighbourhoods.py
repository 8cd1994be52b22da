"""Components of what neighbourhoods found: each crystal one, the matrix of all of them two."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.shelf import Placed, Shelf
from hs_nmfcluster.factorization.neighbourhoods import joining
from hs_nmfcluster.factorization.neighbourhoods.assembly import Components, Joined, assemble
from hs_nmfcluster.factorization.neighbourhoods.chains import parts_of_chain
from hs_nmfcluster.factorization.neighbourhoods.mosaic import Mosaic
from hs_nmfcluster.factorization.neighbourhoods.solving import solve_maps
from hs_nmfcluster.materials.significance import SpotEvidence, spot_evidence
from hs_nmfcluster.scan.detector import Detector
from hs_nmfcluster.scan.local_maps import LocalMap, LocalMaps

# Pieces of a chain that are parted together.
_PIECES_AT_A_TIME = 512


def components_of(
    mosaic: Mosaic, kept: NDArray[np.bool_], detector: Detector
) -> tuple[Components, NDArray[np.bool_], NDArray[np.float64]]:
    """Put pieces together to components.

    What shows no spots is matrix, unless it is a chain of crystals. Each neighbourhood needs some
    components for it, which together would crowd out the crystals, and of which none says more
    than their mean.

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
    joined, looked = mosaic.joined, _Looked.at(mosaic, mosaic.joined, kept, detector)
    crystals = _crystals_in_chains(mosaic, looked.matrix, kept, detector)
    if crystals:
        joined = Joined(joined.windows, _on_their_own(joined.labels, crystals))
        looked = _Looked.at(mosaic, joined, kept, detector)
    labels, matrix = _united(looked), looked.matrix
    united = assemble(Joined(joined.windows, labels[joined.labels]), kept.ravel())
    taken = np.zeros(len(united.patterns), bool)
    taken[united.labels[matrix[joined.labels]]] = True
    maps, residual = solve_maps(joined.windows, united, taken, mosaic.pixel_weights)
    solved, order = united.with_maps(maps)
    return solved, taken[order], residual


def _crystals_in_chains(
    mosaic: Mosaic, matrix: NDArray[np.bool_], kept: NDArray[np.bool_], detector: Detector
) -> list[NDArray[np.int64]]:
    """Pieces of each crystal that is part of a chain which shows no spots as a whole.

    The matrix may be a chain, too, but what it is parted into shows no spots either: a chain of
    crystals is one most of which is crystals.
    """
    windows, labels = mosaic.joined.windows, mosaic.joined.labels
    chains = []
    for number in np.flatnonzero(matrix):
        members = np.flatnonzero(labels == number)
        # Neighbours at a time: of a large scan all of them would take much memory.
        for start in range(0, len(members), _PIECES_AT_A_TIME):
            some = members[start : start + _PIECES_AT_A_TIME]
            rows = joining.contrast(
                windows.pieces(some),
                windows.pattern_noise[some],
                mosaic.shared,
                mosaic.pixel_weights,
            )
            parts = [some[part] for part in parts_of_chain(rows, windows.strengths[some])]
            if len(parts) > 1:
                chains.append((some, parts))
    every = [part for _, parts in chains for part in parts]
    if not every:
        return []
    parted, crystals = Joined(windows, _on_their_own(labels, every)), list[NDArray[np.int64]]()
    for some, parts in chains:
        chosen = parted.labels[[part[0] for part in parts]]
        patterns, maps = parted.patterns_of(chosen), list(parted.maps_of(chosen))
        shown = _evidence(patterns, maps, parted.number, kept, detector).crystalline
        own = [part for part, shows in zip(parts, shown, strict=True) if shows]
        strengths = [windows.strengths[part].sum() for part in own]
        if sum(strengths) > windows.strengths[some].sum() / 2:
            crystals += own
    return crystals


def _on_their_own(labels: NDArray[np.int64], parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Labels of the pieces with each part a component of its own."""
    anew = labels.copy()
    for number, part in enumerate(parts, int(labels.max()) + 1):
        anew[part] = number
    return np.unique(anew, return_inverse=True)[1]


def _evidence(
    patterns: NDArray[np.float32],
    maps: Sequence[LocalMap],
    number: int,
    kept: NDArray[np.bool_],
    detector: Detector,
) -> SpotEvidence:
    """Whether some of so many components show spots."""
    on_detector = np.full((len(patterns), *kept.shape), np.nan, np.float32)
    on_detector[:, kept] = patterns
    return spot_evidence(on_detector, detector, [one.values for one in maps], among=number)


def _united(looked: "_Looked") -> NDArray[np.int64]:
    """Say which components are one after all, a label of each, ``(k,)``."""
    again = joining.same_crystal_again(
        looked.crystals, looked.contrasts, looked.maps, looked.map_noise
    )
    matrix = looked.matrix
    if matrix.sum() > 1:
        profiles = [looked.profiles[k] for k in np.flatnonzero(matrix).tolist()]
        second = joining.split_in_two(np.stack(profiles))
        again[matrix] = again.max() + 1 + second
    return np.unique(again, return_inverse=True)[1]


@dataclass(frozen=True, eq=False)
class _Looked:
    """What a look at the pattern of each component says, without the patterns.

    Parameters
    ----------
    matrix
        Which have no spots, ``(k,)``.
    profiles
        Radial profile of each of these, ``(n_radii,)``.
    crystals, contrasts, maps, map_noise
        As of :func:`~hs_nmfcluster.factorization.neighbourhoods.joining.same_crystal_again`.
    """

    matrix: NDArray[np.bool_]
    profiles: dict[int, NDArray[np.float64]]
    crystals: dict[int, Placed]
    contrasts: Shelf
    maps: LocalMaps
    map_noise: NDArray[np.float64]

    @classmethod
    def at(
        cls, mosaic: Mosaic, joined: Joined, kept: NDArray[np.bool_], detector: Detector
    ) -> "_Looked":
        """Look at some components at a time."""
        maps, crystals, contrasts = joined.maps(), dict[int, Placed](), Shelf()
        matrix = np.zeros(len(maps), bool)
        profiles = dict[int, NDArray[np.float64]]()
        for chosen, patterns in joined.patterns():
            own_maps = [maps.maps[k] for k in chosen.tolist()]
            evidence = _evidence(patterns, own_maps, len(maps), kept, detector)
            matrix[chosen] = ~(evidence.crystalline | evidence.uncertain)
            without = matrix[chosen]
            of_matrix = _radial_profiles(patterns[without], kept, detector)
            profiles |= zip(chosen[without].tolist(), of_matrix, strict=True)
            shown = chosen[evidence.crystalline]
            own = joining.contrast(
                patterns[evidence.crystalline],
                joined.pattern_noise[shown],
                mosaic.shared,
                mosaic.pixel_weights,
            )
            for k, row in zip(shown.tolist(), own, strict=True):
                crystals[k] = contrasts.put(row)
        return cls(matrix, profiles, crystals, contrasts, maps, joined.map_noise)


def _radial_profiles(
    patterns: NDArray[np.float32], kept: NDArray[np.bool_], detector: Detector
) -> NDArray[np.float64]:
    """Mean of each ring of one pixel's width, of patterns ``(n, n_pixels)`` of unit mean."""
    bins = np.rint(detector.radius() / detector.pixel).astype(np.int64)[kept]
    counts = np.maximum(np.bincount(bins), 1)
    rows = patterns.astype(np.float64)
    rows /= np.maximum(rows.mean(axis=1, keepdims=True), np.finfo(float).tiny)
    return np.array([np.bincount(bins, row) / counts for row in rows])
