"""What a report, or a folder of results, reads of the objects that an analysis hands back.

Protocols, so that the report knows nothing of the classes that are above it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.clustering.compounds import Compounds
from hs_nmfcluster.clustering.membership import Membership
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.clustering.relative import Relative
from hs_nmfcluster.clustering.separation import Separation
from hs_nmfcluster.clustering.suggestion import SuggestedCut
from hs_nmfcluster.plotting.choices import Kind, Scaling
from hs_nmfcluster.report.table import Table
from hs_nmfcluster.scan.units import PixelSize

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# HyperSpy's signals, which has no types.
Signal = Any


class Drawn(Protocol):
    """Whatever draws itself."""

    def plot(self) -> "Figure":
        """Draw it."""


class Tabular(Protocol):
    """Whatever is a table."""

    def to_csv(self, path: Path) -> None:
        """Write it as a CSV file."""

    def _table(self) -> Table:
        """Return it."""


class Factorization(Drawn, Protocol):
    """Patterns, maps and how far to trust them."""

    patterns: Signal
    maps: Signal
    mse: float
    pca_mse: float
    restart_mse: NDArray[np.float64]
    history: list[NDArray[np.float64]]
    stability: NDArray[np.float64]
    detector_mask: NDArray[np.bool_]
    position_mse: NDArray[np.float64]
    center: tuple[float, float]
    best_restart: int
    passes: int
    settings: dict[str, Any]

    @property
    def n_components(self) -> int:
        """Number of components."""

    def plot(self, scaling: Scaling = "weak") -> "Figure":
        """Draw all pairs of pattern and map."""

    def plot_convergence(self) -> "Figure":
        """Draw the error of every restart."""

    def save(self, path: Path, overwrite: bool | None = None) -> None:
        """Write everything into one file."""

    def residual(self, signal: Signal, *, show_progressbar: bool | None = None) -> "Residual":
        """See what the components leave."""


class Residual(Drawn, Protocol):
    """What the components leave of a scan."""

    @property
    def share_left(self) -> float:
        """Share of the positions that stand out."""


class Suggestion(Protocol):
    """A range for the number of components, and why."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, in words."""


class RankStudy(Drawn, Protocol):
    """Errors against the number of components."""

    ranks: NDArray[np.int64]
    nmf_mse: NDArray[np.float64]
    passes: int

    @property
    def suggestion(self) -> Suggestion:
        """A range, with the reasons."""

    @property
    def suggested(self) -> tuple[int, int]:
        """The range."""


class Scan(Protocol):
    """A scan whose components are in a tree."""

    @property
    def patterns(self) -> Signal:
        """Its components' patterns."""

    @property
    def name(self) -> str:
        """What it is called."""


class Tree(Protocol):
    """Tree of components."""

    patterns: Signal
    linkage: NDArray[np.float64]
    maps: Signal
    factorization: Any
    settings: dict[str, Any]
    evidence: Any
    hosts: NDArray[np.intp]

    @property
    def by(self) -> str:
        """What was compared."""

    @property
    def metric(self) -> str:
        """How."""

    @property
    def grid(self) -> PolarGrid:
        """Bins in which patterns were compared."""

    @property
    def scans(self) -> Sequence[Scan]:
        """The scans whose components these are."""

    @property
    def scan_of(self) -> NDArray[np.intp]:
        """Number of the scan of each component."""

    @property
    def crystalline(self) -> NDArray[np.bool_]:
        """Which components are grouped as crystals."""

    @property
    def uncertain(self) -> NDArray[np.intp]:
        """Components of which it was a close call whether they show spots."""

    @property
    def compounds(self) -> Compounds:
        """Which crystals hold two at once, and which are tilted."""

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """Distance below which a cut undoes each merge."""

    @property
    def relative(self) -> Relative:
        """Distances that a common halo does not move."""

    def __len__(self) -> int: ...

    def suggest_cut(self) -> SuggestedCut:
        """Say where the tree falls apart."""

    def plot_dendrogram(self, *, insets: bool = True) -> "Figure":
        """Draw the tree."""

    def save(self, path: Path, overwrite: bool | None = None) -> None:
        """Write everything into one file."""

    def plot_similarity(self) -> "Figure":
        """Draw the similarity of all pairs."""


class Group(Protocol):
    """One of the groups."""

    components: NDArray[np.intp]


class Groups(Drawn, Protocol):
    """Groups that a cut through a tree left."""

    kept: NDArray[np.bool_]
    distance: float | None

    @property
    def tree(self) -> Tree:
        """The tree."""

    @property
    def scans(self) -> "Sequence[Groups]":
        """The same groups in each scan."""

    @property
    def matrix(self) -> tuple[int, ...]:
        """Numbers of the groups that hold no crystal."""

    @property
    def separation(self) -> Separation:
        """How far each component lies from its own group and the nearest other."""

    @property
    def membership(self) -> Membership:
        """How surely each crystal is of its group's kind."""

    @property
    def patterns(self) -> Signal:
        """Average pattern of each group."""

    @property
    def maps(self) -> Signal:
        """Sum of the maps of each group, or None."""

    @property
    def aligned_maps(self) -> Signal:
        """Average of the maps of each group, shifted onto each other, or None."""

    @property
    def labels(self) -> NDArray[np.intp]:
        """Group of each component."""

    @property
    def rotations(self) -> NDArray[np.float64]:
        """Rotation of each component against the first of its group."""

    @property
    def shifts(self) -> NDArray[np.float64] | None:
        """Shift of each component's map against the first of its group, in scan pixels."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[NDArray[np.intp]]: ...

    def __getitem__(self, group: int) -> "Group": ...

    def plot_map(self) -> "Figure":
        """Draw where the groups are."""

    @property
    def component_pages(self) -> int:
        """Number of pages of the figure of the components."""

    def plot_components(self, *, page: int = 1) -> "Figure":
        """Draw the components in the colours of the groups."""

    def plot_dendrogram(self, kind: Kind = "distance") -> "Figure":
        """Draw the tree and the cut."""

    def lattice_spacings(self, *, beam_energy: float | None = None) -> "Spacings":
        """Measure the lattice spacings."""

    def particle_sizes(
        self, probe_size: float | None = None, *, shape: Literal["auto", "disc", "sphere"] = "auto"
    ) -> "Sizes":
        """Measure the particles."""

    def orientation_map(self) -> "Orientation":
        """Measure the in-plane angles."""

    def crystallinity(self) -> "Crystallinity":
        """Share the scattered intensity between the groups."""

    def match_phases(self, candidates: object, *, spacings: Any = None) -> "Phases":
        """Compare spacings with known phases."""


class Spacing(Protocol):
    """One ring of spots as a lattice spacing."""

    @property
    def d(self) -> float:
        """Spacing in nm."""

    @property
    def sigma(self) -> float:
        """Its uncertainty."""

    @property
    def n_spots(self) -> int:
        """Spots on the ring."""

    @property
    def radius(self) -> float:
        """Radius of the ring in the unit of the pattern's axes."""


class Spacings(Drawn, Tabular, Protocol):
    """Lattice spacings of each group."""

    @property
    def units(self) -> str:
        """Unit of the pattern's axes."""

    @property
    def camera_error(self) -> float:
        """Relative uncertainty of the camera constant."""

    @property
    def calibrated(self) -> bool:
        """Whether spacings are known in nm."""

    def __iter__(self) -> Iterator[Sequence[Spacing]]: ...

    def __getitem__(self, group: int) -> Sequence[Spacing]: ...

    def describe(self, group: int) -> tuple[str, ...]:
        """Say what one group's pattern shows."""


class GroupSizes(Protocol):
    """Particles of one group."""

    @property
    def diameters(self) -> NDArray[np.float64]:
        """Diameters of whole particles."""

    @property
    def particles(self) -> Sequence[Any]:
        """Each particle once."""

    @property
    def n_at_edge(self) -> int:
        """Number of particles that the edge cuts."""

    @property
    def mean(self) -> tuple[float, float]:
        """Mean diameter and its standard error."""

    @property
    def aspect_ratio(self) -> float:
        """Median of long over short axis."""


class Sizes(Drawn, Tabular, Protocol):
    """Particles of each group."""

    @property
    def units(self) -> str:
        """Unit of the diameters."""

    @property
    def probe_size(self) -> float:
        """Full width of the probe."""

    @property
    def shape(self) -> str:
        """What the diameters were measured as."""

    @property
    def pixel(self) -> PixelSize:
        """Step of the scan."""

    def __iter__(self) -> Iterator[GroupSizes]: ...

    def __getitem__(self, group: int) -> GroupSizes: ...

    def describe(self, number: int) -> str:
        """Say what is known of the particles of one group."""


class Trust(Tabular, Protocol):
    """What is known of how far to trust an answer."""

    def in_words(self) -> str:
        """Say it in a sentence."""


class DetectionLimit(Drawn, Trust, Protocol):
    """Which synthetic particles were found."""


class Orientation(Drawn, Tabular, Protocol):
    """In-plane angles of the crystals of each group."""

    @property
    def symmetry(self) -> tuple[int, ...]:
        """Order of each group's rotation axis."""

    def describe(self, group: int) -> str:
        """Say at which angles the crystals of one group lie."""


class Crystallinity(Tabular, Protocol):
    """Shares of the scattered intensity."""

    def share(self, group: int) -> float:
        """Share of one group in the intensity of all."""

    @property
    def in_spots(self) -> tuple[float, float]:
        """Share of what lies in spots, and its uncertainty."""

    def plot(self) -> "Figure":
        """Draw the share of what lies in spots."""


class Phases(Tabular, Protocol):
    """Candidate phases ranked by how they explain the spacings."""

    @property
    def n_groups(self) -> int:
        """Number of groups."""

    def best(self, group: int | None = None) -> tuple[str, ...]:
        """Phases that explain the most spacings."""

    def unexplained(self, phase: str, group: int | None = None) -> tuple[float, ...]:
        """Spacings that a phase does not explain."""

    def verdict(self, group: int | None = None) -> str:
        """Say the answer in words."""
