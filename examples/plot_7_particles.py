"""
How large, how oriented, how crystalline?
=========================================

From the maps of a group to diameters, in-plane angles and the crystalline
share.
"""

from hs_nmfcluster.simulation import linear_mixture

s, truth = linear_mixture(
    (48, 48), (64, 64), pixel_size=0.32, n_particles=18, angles_per_family=3
)
s.decompose_als_nmf(
    12, restarts=5, random_state=0, print_info=False, show_progressbar=False
)
groups = s.hierarchical_cluster().cut()

# %%
# Sizes
# -----
# 18 particles of 7 nm were put in, discs seen by a probe of 2 nm. Both are
# found from the outlines.
sizes = groups.particle_sizes()
sizes

# %%
sizes.plot()

# %%
# Angles
# ------
# Against the first crystal of each group, modulo the symmetry of its pattern.
angles = groups.orientation_map()
angles

# %%
angles.plot()

# %%
# Share of the intensity
# ----------------------
# What the spots hold of all that is scattered. No volume fraction: crystals
# off a zone axis show no spots.
crystallinity = groups.crystallinity()
crystallinity

# %%
crystallinity.plot()
