"""Thumbnails of patterns and maps: arrays in, a PNG out."""

import io

import numpy as np
from matplotlib.image import imsave
from numpy.typing import ArrayLike, NDArray

from hs_nmfcluster.plotting.panels import colormap, intensity_norm
from hs_nmfcluster.plotting.style import MAP_CMAP, PATTERN_CMAP
from hs_nmfcluster.scan.binning import binned

# Pixels along the longer side.
_SIZE = 64


def pattern_thumbnail(image: ArrayLike, size: int = _SIZE) -> bytes:
    """Thumbnail of a pattern ``(n_v, n_u)``; NaN is grey."""
    return _thumbnail(np.asarray(image, dtype=float), PATTERN_CMAP, size)


def map_thumbnail(scan: ArrayLike, size: int = _SIZE) -> bytes:
    """Thumbnail of a map ``scan_shape``; leading axes are summed."""
    values = np.atleast_2d(np.asarray(scan, dtype=float))
    while values.ndim > 2:
        values = np.nansum(values, axis=0)
    if min(values.shape) == 1:
        # A line is shown as a band.
        values = np.repeat(values, max(1, max(values.shape) // 3), axis=int(values.shape[1] == 1))
    return _thumbnail(values, MAP_CMAP, size)


def _thumbnail(image: NDArray[np.float64], cmap: str, size: int) -> bytes:
    small = binned(image, max(1, max(image.shape) // size))
    norm = intensity_norm(small)
    stream = io.BytesIO()
    imsave(stream, colormap(cmap)(norm(np.ma.masked_invalid(small)), bytes=True), format="png")
    return stream.getvalue()
