"""Components of what neighbourhoods found: each crystal one, the matrix of all of them two."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.neighbourhoods import joining
from hs_nmfcluster.factorization.neighbourhoods.joining import Components
from hs_nmfcluster.factorization.neighbourhoods.mosaic import Mosaic
from hs_nmfcluster.factorization.neighbourhoods.solving import solve_maps
from hs_nmfcluster.materials.significance import spot_evidence
from hs_nmfcluster.scan.detector import Detector


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
    components = joining.assemble(mosaic.windows, mosaic.labels)
    on_detector = np.full((len(components.patterns), *kept.shape), np.nan, np.float32)
    on_detector[:, kept] = components.patterns
    in_windows = [one.values for one in components.maps]
    evidence = spot_evidence(on_detector, detector, in_windows)
    again = joining.same_crystal_again(
        components, evidence.crystalline, mosaic.shared, mosaic.pixel_weights
    )
    matrix = ~(evidence.crystalline | evidence.uncertain)
    if matrix.sum() > 1:
        second = joining.split_in_two(_radial_profiles(on_detector[matrix], detector))
        again[matrix] = again.max() + 1 + second
    again = np.unique(again, return_inverse=True)[1]
    united = joining.assemble(mosaic.windows, again[components.labels])
    taken = np.zeros(len(united.patterns), bool)
    taken[united.labels[matrix[components.labels]]] = True
    maps, residual = solve_maps(mosaic.windows, united, taken, mosaic.pixel_weights)
    solved, order = joining.strongest_first(replace(united, maps=maps))
    return solved, taken[order], residual


def _radial_profiles(patterns: NDArray[np.floating], detector: Detector) -> NDArray[np.float64]:
    """Mean of each ring of one pixel's width, of patterns of unit mean."""
    measured = np.isfinite(patterns[0])
    bins = np.rint(detector.radius() / detector.pixel).astype(np.int64)[measured]
    counts = np.maximum(np.bincount(bins), 1)
    rows = patterns[:, measured].astype(np.float64)
    rows /= np.maximum(rows.mean(axis=1, keepdims=True), np.finfo(float).tiny)
    return np.stack([np.bincount(bins, row) / counts for row in rows])
