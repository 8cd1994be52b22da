"""
How many components?
====================

All numbers of components at once, beside PCA and counting noise (the paper's
Fig. 4). This specimen has ten: one halo, three families of crystals at three
in-plane angles each.
"""

from hs_nmfcluster.simulation import linear_mixture

s, truth = linear_mixture(
    (40, 40), (64, 64), pixel_size=0.32, n_particles=12, angles_per_family=3
)
study = s.estimate_number_of_components(
    range(2, 21, 2),
    restarts=4,
    random_state=0,
    print_info=False,
    show_progressbar=False,
)
study

# %%
# The error falls steeply until every component of the specimen is there, then
# only by fitting noise.
study.plot()

# %%
# The answer is a range, with its reasons in words. Rather too many than too
# few: clustering puts together what belongs together.
print(study.suggested)
for reason in study.suggestion.reasons:
    print("-", reason)

# %%
# The leading patterns at each number (the paper's Fig. 4b): with more
# components the halo is split.
study.plot_patterns()
