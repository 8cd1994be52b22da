"""
Which belong together?
======================

Components that are the same crystal, only rotated and elsewhere, make one
group (the paper's Fig. 7).
"""

from hs_nmfcluster.simulation import linear_mixture

s, truth = linear_mixture(
    (40, 40), (64, 64), pixel_size=0.32, n_particles=12, angles_per_family=3
)
nmf = s.decompose_als_nmf(
    14, restarts=5, random_state=0, show_progressbar=False
)
tree = s.hierarchical_cluster()
tree

# %%
# The most similar pair is rotated onto each other, added, and compared anew,
# until one is left. Along the sequence of merges:
tree.plot_dendrogram(kind="sequence")

# %%
# and along their distances, one minus the correlation. A merge may lie left of
# one before it, as noise averages out.
tree.plot_dendrogram(kind="distance")

# %%
# Where to cut?
# -------------
# A tree can be cut anywhere. The suggested cut is where crystals are nearest to
# their own group beside the nearest other. The summary says how clear it is.
print(tree.suggest_cut().reason)
groups = tree.cut()
print(groups.summary())

# %%
# Each group in a row: the rotation-corrected pattern, the sum of the maps, and
# the shift-corrected map, which is the average particle.
groups.plot()

# %%
# Every rotation on the way is kept. Truth is known up to the first member of
# each group and modulo the symmetry of the pattern:
from hs_nmfcluster.validation import match_components, rotation_errors

match = match_components(
    nmf.patterns.data,
    truth.patterns,
    nmf.maps.data,
    truth.maps,
    by="both",
    mask=nmf.detector_mask,
    background=truth.patterns[~truth.crystalline],
)
crystals = truth.crystalline[match.true]
found, true = match.found[crystals], match.true[crystals]
errors = rotation_errors(
    groups.rotations[found],
    truth.angles[true],
    groups.labels[found],
    [truth.symmetry[truth.families[index]] for index in true],
)
print("errors of the rotations in degrees:", errors.round(1).tolist())

# %%
# Another cut is one call away; in a notebook with ``%matplotlib widget``,
# ``tree.explore()`` lets you drag it.
tree.cut(n_groups=6)
