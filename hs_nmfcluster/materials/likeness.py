"""Close calls between crystal and matrix, decided by likeness to what is surely a crystal.

Where spots fill most of a ring, as rows of them do, the texture of the ring is that of the spots
themselves, and hardly any stands out of it. But nothing else in a specimen looks like a crystal
that was turned in the plane.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.clustering.relative import relative_distances
from hs_nmfcluster.clustering.similarity import pattern_similarity
from hs_nmfcluster.materials.significance import SpotEvidence

# Relative distance below which two patterns are of the same kind: half-way to those that have
# nothing but their rings in common.
_ALIKE = 0.5
# So many crystals, those with the most significant spots, are compared with.
_MOST = 100


def decided_by_likeness(
    evidence: SpotEvidence, patterns: NDArray[np.floating], grid: PolarGrid
) -> SpotEvidence:
    """Call crystals what was a close call and looks like a crystal that was turned in the plane.

    Those of which it was no close call stay what they are: so does a matrix that took up some
    spots of a crystal, as its map is in no one place. What is called a crystal so is still
    uncertain.

    Parameters
    ----------
    evidence
        Of the components.
    patterns
        ``(n, n_v, n_u)``, NaN where not measured.
    grid
        Bins of r and phi in which they are compared.

    Examples
    --------
    >>> from hs_nmfcluster.scan.detector import Detector
    >>> grid = PolarGrid.covering(Detector((41, 41), (20, 20)))
    >>> row, turned, other = patterns = np.zeros((3, 41, 41))
    >>> row[20, ::5] = turned[::5, 20] = other[10, 10] = other[3, 18] = 1
    >>> sure = np.array([True, False, False])
    >>> evidence = SpotEvidence(9.0 * sure, sure, ~sure)
    >>> decided_by_likeness(evidence, patterns, grid).crystalline.tolist()
    [True, True, False]
    """
    close = np.flatnonzero(evidence.uncertain & ~evidence.crystalline)
    crystals = np.flatnonzero(evidence.crystalline)
    if not close.size or not crystals.size:
        return evidence
    strongest = crystals[np.argsort(-evidence.significance[crystals], kind="stable")][:_MOST]
    compared = grid.transform(patterns[np.concatenate([strongest, close])])
    distances = relative_distances(compared, pattern_similarity(compared)[0]).distances
    nearest = distances[strongest.size :, : strongest.size].min(axis=1)
    crystalline: NDArray[np.bool_] = evidence.crystalline.copy()
    crystalline[close[nearest < _ALIKE]] = True
    return replace(evidence, crystalline=crystalline)
