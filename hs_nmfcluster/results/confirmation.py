"""Whether components are real: there in electrons that had no part in finding them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import dask.array as da
import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster.bridge.axes import detector_of
from hs_nmfcluster.bridge.progress import pass_progress
from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.mapping import changed
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.held_out import (
    every_other,
    expected_false,
    held_out_significance,
    likeness,
    thinned,
)
from hs_nmfcluster.materials.apertures import without_rings
from hs_nmfcluster.report.cards import answer_card
from hs_nmfcluster.report.table import Table
from hs_nmfcluster.results.factorization import Factorization
from hs_nmfcluster.results.repeating import counting, repeated
from hs_nmfcluster.results.tables import Tabular
from hs_nmfcluster.scan.local_maps import LocalMaps
from hs_nmfcluster.words import counted, named_components

if TYPE_CHECKING:
    from pandas import DataFrame

#: How a scan may be divided.
Split = Literal["auto", "electrons", "positions"]

_COLUMNS = (
    "component",
    "crystal",
    "likeness",
    "significance",
    "expected_false",
    "confirmed",
    "stability",
)
# Likeness from which two components are the same.
_SAME = 0.5
# False components that are expected, at most, where one is called confirmed.
_EXPECTED = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class Confirmation(Tabular):
    """Which crystals are in electrons that had no part in finding them.

    Made by :meth:`~hs_nmfcluster.NMFDiffraction2D.confirm_components`. All but `stability` is NaN
    for components of the matrix.

    Attributes
    ----------
    likeness : numpy.ndarray
        How alike each component is to a crystal that was found without the held-out electrons, 0 to
        1, ``(n,)``.
    significance : numpy.ndarray
        How surely that crystal is in the held-out electrons, in standard deviations, ``(n,)``.
    expected_false : numpy.ndarray
        How many of all crystals of the scan noise alone would be expected to make so significant,
        ``(n,)``.
    crystalline : numpy.ndarray
        Which components are crystals, ``(n,)``.
    stability : numpy.ndarray
        How well each returns in other restarts, as of the `Factorization`, ``(n,)``.
    split : str
        ``"electrons"`` or ``"positions"``: how the scan was divided.
    share : float
        Share of the electrons, or of the positions, that was held out.
    without : Factorization
        What was found without them.

    Examples
    --------
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> s, truth = linear_mixture((20, 20), (48, 48), pixel_size=0.4, n_particles=2)
    >>> nmf = s.decompose_als_nmf(3, restarts=2, random_state=0, print_info=False)
    >>> confirmation = s.confirm_components(show_progressbar=False)
    >>> confirmation
    <Confirmation: 2 of 2 crystals are in the held-out electrons (10 %)>
    """

    likeness: NDArray[np.float64]
    significance: NDArray[np.float64]
    expected_false: NDArray[np.float64]
    crystalline: NDArray[np.bool_]
    stability: NDArray[np.float64]
    split: str
    share: float
    without: Factorization

    @property
    def confirmed(self) -> NDArray[np.bool_]:
        """Crystals of which not even one in twenty scans would show one by chance, ``(n,)``."""
        return (self.likeness >= _SAME) & (self.expected_false < _EXPECTED)

    def __repr__(self) -> str:
        return f"<Confirmation: {self.in_words()}>"

    def _repr_html_(self) -> str:
        return answer_card("Confirmation", self.in_words(), [], None)

    def in_words(self) -> str:
        """Say how many of the crystals are confirmed, and which are not.

        Returns
        -------
        str

        Examples
        --------
        >>> confirmation.in_words()
        '2 of 2 crystals are in the held-out electrons (10 %)'
        """
        number = int(self.crystalline.sum())
        if not number:
            return "no crystals to confirm"
        doubtful = np.flatnonzero(self.crystalline & ~self.confirmed)
        verb = "is" if number == 1 else "are"
        said = (
            f"{int(self.confirmed.sum())} of {counted(number, 'crystal')} {verb} in the held-out "
            f"{self.split} ({100 * self.share:.0f} %)"
        )
        return said + (f"; not confirmed: {named_components(doubtful)}" if doubtful.size else "")

    def to_dataframe(self) -> "DataFrame":
        """Table with one row for each component.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> int(confirmation.to_dataframe()["confirmed"].sum())
        2
        """
        return self._table().to_dataframe()

    def _table(self) -> Table:
        values = (
            range(len(self.crystalline)),
            self.crystalline,
            self.likeness,
            self.significance,
            self.expected_false,
            self.confirmed,
            self.stability,
        )
        rows: list[dict[str, Any]] = [
            dict(zip(_COLUMNS, row, strict=True)) for row in zip(*values, strict=True)
        ]
        return Table(_COLUMNS, rows)


def confirm(
    signal: BaseSignal,
    nmf: Factorization,
    *,
    share: float,
    split: Split,
    seed: int,
    show_progressbar: bool | None,
) -> Confirmation:
    """Find components without some of the electrons, and look for them in these.

    See :meth:`~hs_nmfcluster.NMFDiffraction2D.confirm_components`.
    """
    crystalline = _crystals(nmf, show_progressbar)
    training, held, how, part = _divided(signal, nmf, share, split, seed, show_progressbar)
    own, again = (np.flatnonzero(c) for c in (crystalline, _crystals(training, show_progressbar)))
    alike, z, expected = (np.full(nmf.n_components, np.nan) for _ in range(3))
    alike[own], z[own], expected[own] = 0.0, 0.0, np.inf
    if own.size and again.size:
        maps = LocalMaps.known(training.maps.data).some(again)
        templates = _templates(training, again)
        with pass_progress(show_progressbar, "Held-out data") as bar:
            found = held_out_significance(held, templates, maps, Job(bar))
        pairs = likeness(
            (_templates(nmf, own), templates), (LocalMaps.known(nmf.maps.data).some(own), maps)
        )
        best = pairs.argmax(axis=1)
        alike[own] = pairs.max(axis=1)
        z[own], expected[own] = found[best], expected_false(found)[best]
    stability = np.asarray(nmf.stability)
    return Confirmation(alike, z, expected, crystalline, stability, how, part, training)


def _divided(
    signal: BaseSignal,
    nmf: Factorization,
    share: float,
    split: Split,
    seed: int,
    show_progressbar: bool | None,
) -> tuple[Factorization, ScanMatrix, str, float]:
    """Make the analysis of one part of a scan; the other part, and how the scan was divided."""
    mask, skipped = nmf.detector_mask, np.isnan(nmf.position_mse)

    def held_out(data: NDArray | da.Array, left_out: NDArray[np.bool_]) -> ScanMatrix:
        return ScanMatrix.from_array(data, left_out, mask, placement=nmf._placement())

    counts = counting(signal, nmf, show_progressbar)[0] == 1
    if split == "electrons" and not counts:
        raise ValueError(
            '`split="electrons"` needs data that are counts of single electrons; these are not. '
            'Take `split="positions"`.'
        )
    if split == "positions" or not counts:
        rest = every_other(skipped.shape)
        training = repeated(
            signal, nmf, signal.data, left_out=rest, show_progressbar=show_progressbar
        )
        return training, held_out(signal.data, skipped | ~rest), "positions", 0.5
    held, others = (changed(thinned, signal.data, seed, share, part) for part in (True, False))
    training = repeated(signal, nmf, others, show_progressbar=show_progressbar)
    return training, held_out(held, skipped), "electrons", share


def _crystals(nmf: Factorization, show_progressbar: bool | None) -> NDArray[np.bool_]:
    """Which components are crystals; a single one is the matrix."""
    if nmf.n_components < 2:
        return np.zeros(nmf.n_components, bool)
    return nmf.hierarchical_cluster(show_progressbar=show_progressbar).crystalline


def _templates(nmf: Factorization, components: NDArray[np.intp]) -> NDArray[np.float64]:
    """Patterns without their rings at the kept pixels, ``(k, n_pixels)``."""
    kept, detector = ~nmf.detector_mask, detector_of(nmf.patterns, nmf.center)
    patterns = nmf.patterns.data[components]
    return np.array([without_rings(one, kept, detector) for one in patterns])
