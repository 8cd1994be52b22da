"""A metric of one's own: amplitudes of the Fourier transform along φ, which no rotation changes."""

import numpy as np

from hs_nmfcluster import ClusterTree
from hs_nmfcluster.clustering.agglomeration import agglomerate
from hs_nmfcluster.clustering.alignable import FixedRows
from hs_nmfcluster.clustering.cuts import members
from hs_nmfcluster.clustering.similarity import pairwise
from hs_nmfcluster.simulation import linear_mixture

s, truth = linear_mixture((32, 32), (64, 64), pixel_size=0.32, n_particles=6, angles_per_family=2)
patterns = s.inav[: truth.n_components, 0]
patterns.data = truth.patterns
tree = ClusterTree.from_patterns(patterns, radial_range=(2, 9))

polar = tree.grid.transform(tree.patterns.data)
amplitudes = np.abs(np.fft.rfft(polar, axis=-1))[..., 1:]
items = FixedRows(amplitudes.reshape(len(polar), -1), "cosine")
linkage = agglomerate(items, pairwise(items)[0]).linkage

print("families:", truth.labels.tolist())
print("groups:  ", [group.tolist() for group in members(linkage, np.arange(6) < 3)])
