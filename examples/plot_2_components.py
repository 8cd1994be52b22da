"""
Which components?
=================

The scan as a sum of patterns, each with a map (the paper's Fig. 5), and how
far to trust them.
"""

import matplotlib.pyplot as plt

from hs_nmfcluster.simulation import linear_mixture

s, truth = linear_mixture(
    (40, 40), (64, 64), pixel_size=0.32, n_particles=12, angles_per_family=3
)
nmf = s.decompose_als_nmf(
    14, restarts=5, random_state=0, show_progressbar=False
)
nmf

# %%
# Pairs of pattern and map, the strongest first. The halo comes first, crystals
# follow, and what is left over when there are more components than the
# specimen has describes noise.
nmf.plot()

# %%
# Do they come back?
# ------------------
# Stability is the mean correlation of each pattern with its counterpart in the
# other restarts. It is near 1 for the halo's and the nine crystals'
# components, and lower for those that follow noise. Stable does not mean
# crystalline: that is seen in the pattern.
fig, ax = plt.subplots(figsize=(6, 2.5), layout="constrained")
ax.set(
    xlabel="Component",
    ylabel="Stability",
    ylim=(0, 1.05),
    title="Found again by other restarts",
)
bars = ax.bar(range(nmf.n_components), nmf.stability, color="0.6")

# %%
# Has it converged?
# -----------------
# Errors on the data themselves; restarts that were not polished have one value
# only.
nmf.plot_convergence()

# %%
# Is anything left?
# -----------------
# What the components leave should be as featureless as noise. A particle that
# shows up in it has no component yet: take more.
residual = nmf.residual(s, show_progressbar=False)
residual.plot()

# %%
residual

# %%
# A single component, or a few, as they would be recorded alone:
nmf.model([1, 4])
