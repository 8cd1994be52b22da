"""
Bad pixels, holes and other things to leave out
===============================================

A hot pixel, a beam stop, a corner of the scan without specimen: what is masked
takes no part. *True* is left out, as in HyperSpy.
"""

import numpy as np

from hs_nmfcluster.simulation import linear_mixture

s, truth = linear_mixture(
    (40, 40), (64, 64), pixel_size=0.32, n_particles=12, angles_per_family=3
)
s.data[:, :, 20, 45] = 60_000  # a hot pixel
s.data[:8, :16] = 0  # no specimen here

# %%
# The default leaves out the direct beam and the corners beyond the inscribed
# circle. A list adds pixels to that: an array is in the order of ``s.data``.
hot = np.zeros((64, 64), dtype=bool)
hot[20, 45] = True
signal_mask = ["auto", hot]

# %%
# Positions likewise: here those that scatter next to nothing into a ring.
dark_field = s.get_virtual_image(inner=1.2, outer=9.8)
navigation_mask = dark_field < 0.2 * np.median(dark_field.data)
left_out = navigation_mask.data
print(f"{left_out.sum()} of {left_out.size} positions are left out")

# %%
nmf = s.decompose_als_nmf(
    12,
    restarts=5,
    navigation_mask=navigation_mask,
    signal_mask=signal_mask,
    random_state=0,
    show_progressbar=False,
)
nmf.plot()

# %%
# What was left out is NaN in maps and patterns, and grey in figures. The tree
# and the groups leave it out as well.
s.hierarchical_cluster().cut().plot()
