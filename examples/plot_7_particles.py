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
# 18 particles of 7 nm were put in. Both ways measure the width at half height,
# of each particle and of the shift-corrected map; the probe of 2 nm is taken
# off in quadrature, which makes a disc of 7 nm too small by some per cent.
#
# Look at the outlines before you trust the numbers: with 14 components, one
# that follows noise shows two particles that are none.
sizes = groups.particle_sizes(probe_size=2.0)
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
