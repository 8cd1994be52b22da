"""How many components: the error of every number of them, beside PCA, noise and stability."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster import plotting
from hs_nmfcluster.bridge import axes
from hs_nmfcluster.factorization.decomposition import Study
from hs_nmfcluster.factorization.suggestion import Suggestion
from hs_nmfcluster.report.cards import rank_card
from hs_nmfcluster.words import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(eq=False, repr=False)
class RankStudy:
    """Result of :meth:`~hs_nmfcluster.NMFDiffraction2D.estimate_number_of_components`.

    Parameters
    ----------
    ranks
        Numbers of components studied, ``(n,)``.
    nmf_mse
        MSE of every restart on the data, ``(n, restarts)``.
    pca_mse
        MSE of an uncentred PCA (nothing subtracted, as in NMF), ``(n,)``. No NMF can be below.
    noise_mse
        MSE that a perfect model of counted data would have, which is the mean count (variance =
        mean); NaN where the data are not counts (negative values, or not whole numbers).
    stability
        How well the best restart's components return in the other restarts, ``(n,)``: mean
        correlation of patterns matched one to one. Of this search alone: its starts share the
        leading singular vectors.
    rotated_stability
        The same if patterns may be turned in the plane onto their counterparts, ``(n,)``. Where
        only this is high, the same kinds of crystal return, but not at the same angles.
    patterns
        For each rank the patterns of the best restart, `NMFDiffraction2D` ``(k | x, y)``.
    suggestion
        A range, with the reasons in words.
    passes
        Passes over the data that it took.
    settings
        Every argument and what was derived from it.

    Examples
    --------
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> s, truth = linear_mixture((16, 16), (32, 32), pixel_size=0.6, n_particles=2)
    >>> study = s.estimate_number_of_components(range(1, 5), restarts=3, random_state=0,
    ...     print_info=False, show_progressbar=False)
    >>> truth.n_components, study.suggested[0]
    (3, 3)
    """

    ranks: NDArray[np.int64]
    nmf_mse: NDArray[np.float64]
    pca_mse: NDArray[np.float64]
    noise_mse: float
    stability: NDArray[np.float64]
    rotated_stability: NDArray[np.float64]
    patterns: list[BaseSignal]
    suggestion: Suggestion
    passes: int
    settings: dict[str, Any]

    @classmethod
    def _of(cls, scan: "BaseSignal", found: Study) -> "RankStudy":
        """Give the patterns of a study the axes of its scan."""
        detector = found.prepared.detector
        return cls(
            ranks=found.curves.ranks,
            nmf_mse=found.curves.nmf_mse,
            pca_mse=found.curves.pca_mse,
            noise_mse=found.noise_mse,
            stability=found.curves.stability,
            rotated_stability=found.rotated_stability,
            patterns=[
                axes.pattern_stack(
                    scan, stack, detector.center, "NMF patterns", detector.distortion
                )
                for stack in found.patterns
            ],
            suggestion=found.suggestion,
            passes=found.curves.passes,
            settings=found.settings,
        )

    @property
    def suggested(self) -> tuple[int, int]:
        """Range of sensible numbers of components, ``(low, high)``."""
        return self.suggestion.low, self.suggestion.high

    def __repr__(self) -> str:
        low, high = self.suggested
        reasons = "; ".join(self.suggestion.reasons)
        return (
            f"<RankStudy: {self.ranks[0]} … {self.ranks[-1]} components, "
            f"{counted(self.nmf_mse.shape[1], 'restart')} each, {self.passes} data passes; "
            f"suggested {low} … {high}: {reasons}>"
        )

    def _repr_html_(self) -> str:
        return rank_card(self)

    def plot(self) -> "Figure":
        """Draw the errors of NMF and PCA against the number of components (Fig. 4a).

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = study.plot()
        """
        return plotting.plot_rank_curves(
            self.ranks,
            self.nmf_mse,
            self.pca_mse,
            noise_mse=self.noise_mse,
            stability=self.stability,
            rotated_stability=self.rotated_stability,
            suggested=self.suggested,
        )

    def plot_patterns(self, number: int = 5) -> "Figure":
        """Draw the leading patterns at each number of components (Fig. 4b).

        Parameters
        ----------
        number
            Patterns a rank.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> figure = study.plot_patterns(number=3)
        """
        return plotting.plot_rank_patterns(
            self.ranks,
            [stack.data[:number] for stack in self.patterns],
            pattern_pixel=axes.pixel_size(self.patterns[0].axes_manager.signal_axes),
        )
