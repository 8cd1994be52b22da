"""A source of phases of one's own: a table in a CSV file."""

import csv
import tempfile
from pathlib import Path

from hs_nmfcluster import ClusterTree
from hs_nmfcluster.materials import Cell
from hs_nmfcluster.simulation import linear_mixture


def phases_from_csv(path):
    """Candidates by name from rows ``name, a, b, c, beta, space group``, edges in nm."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return {
            name: Cell(float(a), float(b), float(c), beta=float(beta), space_group=group)
            for name, a, b, c, beta, group in csv.reader(file)
        }


path = Path(tempfile.mkdtemp()) / "phases.csv"
path.write_text(
    "ZrCu B2,0.3262,0.3262,0.3262,90,P m -3 m\nZrCu B19',0.3278,0.4161,0.5245,103.9,P2_1/m\n",
    encoding="utf-8",
)

s, truth = linear_mixture((16, 16), (64, 64), pixel_size=0.3, n_particles=3)
patterns = s.inav[: truth.n_components, 0]
patterns.data = truth.patterns
groups = ClusterTree.from_patterns(patterns, radial_range=(2, 9)).cut(n_groups=4)
match = groups.match_phases(phases_from_csv(path))
print(match.verdict(0))
