"""What can be chosen of a figure; results name these choices without loading Matplotlib."""

from typing import Literal

# Of a dendrogram: along the sequence of merges, or along their distances.
Kind = Literal["sequence", "distance"]
# Of intensity: low ones enhanced, or not.
Scaling = Literal["weak", "linear"]
