"""
Why not a plain distance?
=========================

The same components compared in four ways (the paper's Figs. 6 and S2). To the
correlation coefficient, the cosine and the Euclidean distance a rotated
crystal is another crystal.
"""

from hs_nmfcluster.simulation import linear_mixture
from hs_nmfcluster.validation import (
    adjusted_rand_index,
    labels_of_found,
    match_components,
)

s, truth = linear_mixture(
    (40, 40), (64, 64), pixel_size=0.32, n_particles=12, angles_per_family=3
)
nmf = s.decompose_als_nmf(
    10, restarts=5, random_state=0, show_progressbar=False
)
tree = s.hierarchical_cluster()
tree.plot_similarity()

# %%
# What is compared is the pattern in polar coordinates, without the direct
# beam, over all rotations and no radial shift (the paper's Fig. 6c):
tree.plot_polar(1)

# %%
# The maps of crystals are alike too, after a shift: all are discs. They say
# nothing of the structure.
tree.plot_similarity(["correlation", "cross_correlation"], by="maps")

# %%
# Against the truth
# -----------------
# The adjusted Rand index of the crystals' families, 1 = all right, 0 = no
# better than chance, at four groups:
match = match_components(
    nmf.patterns.data,
    truth.patterns,
    nmf.maps.data,
    truth.maps,
    by="both",
    mask=nmf.detector_mask,
    background=truth.patterns[~truth.crystalline],
)
families = labels_of_found(match.similarity, truth.labels)
crystals = families > 0
for metric in ("cross_correlation", "correlation", "cosine", "euclidean"):
    groups = s.hierarchical_cluster(metric=metric).cut(n_groups=4)
    score = adjusted_rand_index(groups.labels[crystals], families[crystals])
    print(f"{metric:18}{score:6.2f}")
