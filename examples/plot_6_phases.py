"""
Which spacings, which phase?
============================

From the rotation-corrected pattern of a group to lattice spacings with errors,
and to known phases (the paper's discussion of Fig. 7).
"""

from hs_nmfcluster.materials import Cell
from hs_nmfcluster.plotting import group_name
from hs_nmfcluster.simulation import linear_mixture

s, truth = linear_mixture(
    (40, 40), (64, 64), pixel_size=0.32, n_particles=12, angles_per_family=3
)
s.decompose_als_nmf(
    14, restarts=5, random_state=0, print_info=False, show_progressbar=False
)
groups = s.hierarchical_cluster().cut()
spacings = groups.lattice_spacings(camera_error=0.005)
spacings

# %%
# The maximum over the azimuth beside the mean: spots stand out, a halo does
# not.
spacings.plot()

# %%
# What was put in:
truth.spacings

# %%
# Candidates
# ----------
# A table of spacings, a cell with or without space group, or a CIF file. Space
# groups and CIF files need `gemmi <https://gemmi.readthedocs.io>`_.
match = groups.match_phases(
    {
        "ZrCu B2": Cell(0.3262, space_group="P m -3 m"),
        "ZrCu B19'": Cell(
            0.3278, 0.4161, 0.5245, beta=103.9, space_group="P2_1/m"
        ),
        "measured elsewhere": [0.191, 0.1103],
    },
    spacings=spacings,
)
match

# %%
# One or two spacings seldom name a phase, and then the verdict says so:
for number in range(len(groups)):
    print(f"group {group_name(number)}: {match.verdict(number)}")

# %%
# As a table:
match.to_dataframe().query("phase == 'ZrCu B2'").round(4)

# %%
# An uncalibrated camera
# ----------------------
# A ring that is known corrects the camera constant afterwards, here as if the
# first ring of group i were known to be at 0.2593 nm.
spacings.calibrate(spacings["i"][0].d, known=0.2593, error=0.0005)
