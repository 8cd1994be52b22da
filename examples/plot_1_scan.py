"""
Look at a scan
==============

Before anything is factorized: is the scan what it should be? The virtual
bright field and the mean pattern (the paper's Fig. 3) show where the beam is
and which pixels will be used.
"""

from hs_nmfcluster.simulation import linear_mixture

s, truth = linear_mixture(
    (40, 40), (64, 64), pixel_size=0.32, n_particles=12, angles_per_family=3
)
s

# %%
# One call draws both. Crystals of 7 nm that scatter 5 % of the intensity are
# in this scan, and neither image shows them.
s.plot_scan()

# %%
# The centre
# ----------
# Everything that is rotated or measured is so around the direct beam. Where
# the axes are calibrated, their zero is the centre; otherwise the beam is
# looked for in the mean pattern. The true place is known:
print(f"estimated: {s.estimate_beam_center()}")
print(f"true:      {truth.center}")

# %%
# A virtual dark field
# --------------------
# The ring from 3.5 to 4.8 1/nm holds the halo's maximum and the strongest
# spots.
dark_field = s.get_virtual_image(inner=3.5, outer=4.8)
s.plot_scan(inner=3.5, outer=4.8)
dark_field

# %%
# The same ring as a mask, *True = left out*, for ``signal_mask=`` of the
# factorization:
mask = s.get_detector_mask(inner=3.5, outer=4.8)
print(f"{(~mask.data).sum()} of {mask.data.size} pixels are kept")

# %%
# Polar coordinates
# -----------------
# In r and φ a rotation of the pattern is a shift, which is how patterns are
# compared later.
import matplotlib.pyplot as plt
import numpy as np

polar = s.get_mean_pattern().polar_transform(radial_range=(1, 9))
r, phi = polar.axes_manager["r"].axis, polar.axes_manager["phi"].axis
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
image = ax.imshow(
    np.log10(polar.data),
    extent=(phi[0], phi[-1], r[-1], r[0]),
    aspect="auto",
    cmap="magma",
)
ax.set(
    xlabel="φ (°)", ylabel="r (1/nm)", title="Mean pattern in polar coordinates"
)
fig.colorbar(image, label="log₁₀ of the mean count")
