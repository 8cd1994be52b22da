"""From which particles were found to how large one must be to be found."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

# Grid of the fit: diameters beyond those tried by this factor, steepness in 1/log diameter, and the
# share that is lost whatever its size, as where two lie on each other, in the steps in which a
# share is equally well known everywhere (Jeffreys).
_BEYOND, _DIAMETERS = 2.0, 161
_STEEP = np.geomspace(2.0, 40.0, 25)
_LOST = np.sin(np.linspace(0.0, np.pi / 6, 9)) ** 2
# Of all that the fit leaves possible, this share lies between two limits.
_CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class RecallFit:
    """Recall as a logistic function of the logarithm of the diameter.

    All curves of a grid are weighed by how well they explain what was found and what was not
    (Bayes' rule, all equally likely before), so that few particles give wide limits, and no failure
    of an iteration is possible.

    Parameters
    ----------
    diameters
        Of half recall, the first axis of the weights.
    weights
        Of each curve ``(n_diameters, n_steep, n_lost)``, of unit sum.
    """

    diameters: NDArray[np.float64]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, diameters: NDArray[np.float64], found: NDArray[np.bool_]) -> "RecallFit":
        """Weigh the curves.

        Parameters
        ----------
        diameters
            Of all particles, ``(n,)``.
        found
            Which of them were found.

        Examples
        --------
        >>> sizes = np.repeat([2.0, 3.0, 4.0, 6.0], 20)
        >>> chance = 1 / (1 + (3.3 / sizes) ** 8)
        >>> found = np.random.default_rng(0).random(80) < chance
        >>> low, half, high = RecallFit.of(sizes, found).diameter()
        >>> bool(low < 3.3 < high)
        True
        """
        middles = np.geomspace(diameters.min() / _BEYOND, _BEYOND * diameters.max(), _DIAMETERS)
        likelihood = np.zeros((middles.size, _STEEP.size, _LOST.size))
        for size in np.unique(diameters):
            own = found[diameters == size]
            chance = _curves(size, middles)
            likelihood += own.sum() * np.log(chance) + (~own).sum() * np.log1p(-chance)
        weights = np.exp(likelihood - likelihood.max())
        return cls(middles, weights / weights.sum())

    def diameter(self, recall: float = 0.5) -> tuple[float, float, float]:
        """Diameter from which a share of the particles is found, and its limits.

        It is where :meth:`recall` and its limits reach that share.

        Parameters
        ----------
        recall
            The share.

        Returns
        -------
        tuple of float
            Lower limit, diameter, upper limit; infinite where so many are never found.
        """
        reached = np.minimum(recall / (1 - _LOST), 1.0)
        steps = np.exp(special.logit(reached) / _STEEP[:, None])
        low, middle, high = _limits(self.diameters[:, None, None] * steps, self.weights)
        return low, middle, high

    @property
    def bracketed(self) -> tuple[bool, bool]:
        """Whether half recall lies within the grid, at its lower and its upper end."""
        of = self.weights.sum(axis=(1, 2))
        few = (1 - _CONFIDENCE) / 2
        n = _DIAMETERS // 20
        return bool(of[:n].sum() < few), bool(of[-n:].sum() < few)

    def recall(self, diameters: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share that is found of particles of some diameters.

        Parameters
        ----------
        diameters
            ``(n,)``.

        Returns
        -------
        numpy.ndarray
            Lower limits, shares, upper limits, ``(3, n)``.
        """
        return np.array([_limits(_curves(d, self.diameters), self.weights) for d in diameters]).T


def _limits(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, ...]:
    """Median of weighed values between its limits."""
    tails = [(1 - _CONFIDENCE) / 2, 0.5, (1 + _CONFIDENCE) / 2]
    found = np.quantile(values, tails, weights=weights, method="inverted_cdf")
    return tuple(found.tolist())


def _curves(diameter: float, middles: NDArray[np.float64]) -> NDArray[np.float64]:
    steps = np.log(diameter / middles)[:, None] * _STEEP
    chance = special.expit(steps)[..., None] * (1 - _LOST)
    return np.clip(chance, 1e-9, 1 - 1e-9)


def share_found(found: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Share of particles that were found, with its limits (Wilson): lower, share, upper.

    Examples
    --------
    >>> [round(value, 2) for value in share_found(np.array([True, True, True, False]))]
    [0.3, 0.75, 0.95]
    """
    test = stats.binomtest(int(found.sum()), found.size)
    limits = test.proportion_ci(_CONFIDENCE, method="wilson")
    return float(limits.low), float(found.mean()), float(limits.high)
