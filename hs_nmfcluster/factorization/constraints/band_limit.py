"""Maps without what the probe cannot resolve: a limit of their spatial frequencies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

# Projections in turn onto the band and onto what is not negative; what then is left beyond the
# band is below a thousandth of a map's power.
_ALTERNATIONS = 5
# Steps of the fit of a band-limited map to a scan with positions left out, where each needs one.
_FITTING_STEPS = 20


def pass_band(shape: Sequence[int], steps: Sequence[float], limit: float) -> NDArray[np.bool_]:
    """Cosines that a map may be made of: those of a period of at least `limit`.

    Parameters
    ----------
    shape
        Shape of the map.
    steps
        Distance of its samples along each axis.
    limit
        Shortest period, in the unit of `steps`.

    Returns
    -------
    numpy.ndarray
        Bool of shape `shape`, in the order of the coefficients of :func:`low_pass`.

    Examples
    --------
    >>> pass_band((4,), (1.0,), 4.0).tolist()
    [True, True, True, False]
    """
    return _squared_frequency(shape, steps) <= (1 + 1e-9) / limit**2


def _squared_frequency(shape: Sequence[int], steps: Sequence[float]) -> NDArray[np.float64]:
    along = [(np.arange(n) / (2 * n * step)) ** 2 for n, step in zip(shape, steps, strict=True)]
    return np.asarray(sum(np.meshgrid(*along, indexing="ij")), dtype=np.float64)


def low_pass(maps: NDArray[np.float64], band: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Closest maps that lie within a band: the orthogonal projection.

    Cosines (DCT-II) continue a map as in a mirror, so that nothing wraps around from one edge to
    the opposite one, as it would in a Fourier series.

    Parameters
    ----------
    maps
        ``(…, *band.shape)``.
    band
        From :func:`pass_band`.

    Returns
    -------
    numpy.ndarray
        Of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> low_pass(np.array([[1.0, -1.0, 1.0, 0.0]]), np.array([True, False, False, False]))
    array([[0.25, 0.25, 0.25, 0.25]])
    """
    axes = tuple(range(maps.ndim - band.ndim, maps.ndim))
    coefficients = fft.dctn(maps, axes=axes, norm="ortho")
    limited: NDArray[np.float64] = fft.idctn(coefficients * band, axes=axes, norm="ortho")
    return limited


@dataclass(frozen=True)
class BandLimit:
    """The limit of the maps of one scan.

    Parameters
    ----------
    shape
        Shape of the scan; the limit holds along the axes of `band`, the last ones.
    band
        What may be in a map, see :func:`pass_band`.
    positions
        Flat indices of the positions kept, ascending, ``(n,)``.
    nearest
        For every position of the scan the kept one nearest to it, as an index into `positions`.

    Notes
    -----
    Make one with :meth:`of_scan`. Maps are rows ``(k, n)`` of the kept positions. What was left
    out is free: a map is to lie within the band where it was measured.
    """

    shape: tuple[int, ...]
    band: NDArray[np.bool_]
    positions: NDArray[np.int64]
    nearest: NDArray[np.int64]

    @classmethod
    def of_scan(
        cls,
        shape: Sequence[int],
        steps: Sequence[float],
        limit: float,
        positions: NDArray[np.int64] | None = None,
    ) -> "BandLimit":
        """Limit the maps of a scan.

        Parameters
        ----------
        shape
            Shape of the scan in array order.
        steps
            Steps along its last axes, those that are resolved: one or two of them.
        limit
            Smallest resolvable distance, in the unit of the steps.
        positions
            Flat indices of the positions kept; None keeps all.

        Raises
        ------
        ValueError
            If a scan of such steps holds nothing finer than `limit` anyway, or nothing coarser.
        """
        plane = tuple(shape[len(shape) - len(steps) :])
        finest = 1 / np.sqrt(max(_squared_frequency(plane, steps).max(), np.finfo(float).tiny))
        band = pass_band(plane, steps, limit)
        if band.all():
            raise ValueError(
                f"`limit` = {limit:g} has no effect: the scan steps of "
                f"{' x '.join(f'{step:g}' for step in steps)} hold nothing finer than "
                f"{finest:.3g}. Give more than that, or leave the constraint out."
            )
        if band.sum() == 1:
            raise ValueError(
                f"`limit` = {limit:g} leaves nothing of a map but its mean: the scan covers "
                f"{' x '.join(f'{n * s:g}' for n, s in zip(plane, steps, strict=True))}. "
                "Give less than twice its longer side."
            )
        if positions is None:
            positions = np.arange(int(np.prod(shape)))
        return cls(tuple(shape), band, positions, _nearest(tuple(shape), positions, len(steps)))

    def fit(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Closest values of band-limited maps, without regard to their sign.

        Parameters
        ----------
        rows
            ``(k, n)``.

        Returns
        -------
        numpy.ndarray
            ``(k, n)``.

        Notes
        -----
        Where positions were left out, by the iteration of Papoulis and Gerchberg: what was left
        out is taken from the last fit.
        """
        return self._gather(low_pass(self._filled(rows), self.band))

    def limit(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Non-negative maps near these, with next to nothing beyond the band.

        Parameters
        ----------
        rows
            ``(k, n)``.

        Returns
        -------
        numpy.ndarray
            ``(k, n)``, not negative.

        Examples
        --------
        >>> import numpy as np
        >>> band = BandLimit.of_scan((8,), (1.0,), 3.0)
        >>> band.limit(np.array([[0.0, 0, 0, 0, 1, 0, 0, 0]])).min() >= 0
        np.True_
        """
        kept, full = self._kept(), self._filled(rows)
        for _ in range(_ALTERNATIONS):
            full = low_pass(full, self.band)
            full = np.where(kept, np.maximum(full, 0.0), full)
        return self._gather(full)

    @property
    def _complete(self) -> bool:
        return len(self.positions) == len(self.nearest)

    def _kept(self) -> NDArray[np.bool_]:
        kept = np.zeros(len(self.nearest), bool)
        kept[self.positions] = True
        return kept.reshape(self.shape)

    def _filled(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Whole maps; where positions were left out, what a band-limited map has there."""
        measured = filled = self._spread(rows)
        if not self._complete:
            kept = self._kept()
            for _ in range(_FITTING_STEPS):
                filled = np.where(kept, measured, low_pass(filled, self.band))
        return filled

    def _spread(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        full = rows if self._complete else rows[:, self.nearest]
        return full.reshape(len(rows), *self.shape)

    def _gather(self, full: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = full.reshape(len(full), -1)
        return flat if self._complete else flat[:, self.positions]


def _nearest(
    shape: tuple[int, ...], positions: NDArray[np.int64], n_resolved: int
) -> NDArray[np.int64]:
    left_out = np.ones(shape, bool)
    left_out.ravel()[positions] = False
    # What lies in another plane of the scan (another tilt, another time) is far away.
    sampling = [1e6] * (len(shape) - n_resolved) + [1.0] * n_resolved
    where = ndimage.distance_transform_edt(
        left_out, sampling=sampling, return_distances=False, return_indices=True
    )
    return np.searchsorted(positions, np.ravel_multi_index(tuple(where), shape).ravel())
