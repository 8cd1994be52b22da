"""Arrays and text that a page carries with it."""

import json
import zlib
from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of a byte that holds an intensity: the power that raises low ones, the brightest, and what is not
# measured.
POWER, BRIGHTEST, NOT_MEASURED = 0.45, 254, 255


def packed(array: NDArray) -> dict[str, Any]:
    """Compress an array of numbers for a browser: little-endian, zlib, base64.

    Examples
    --------
    >>> packed(np.zeros((2, 3), np.uint8))["shape"]
    [2, 3]
    """
    plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return {
        "shape": list(plain.shape),
        "type": plain.dtype.str[1:],
        "data": b64encode(zlib.compress(plain.tobytes())).decode("ascii"),
    }


def in_bytes(images: NDArray) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Scale each image to bytes, low intensities raised.

    Parameters
    ----------
    images
        ``(n, rows, columns)``; NaN where not measured.

    Returns
    -------
    images : numpy.ndarray
        ``(n, rows, columns)``: 254 times the power 0.45 of the share of the brightest pixel; 255
        where not measured.
    brightest : numpy.ndarray
        ``(n,)``.

    Examples
    --------
    >>> scaled, brightest = in_bytes(np.array([[[0.0, 4.0, np.nan]]]))
    >>> scaled.tolist(), brightest.tolist()
    ([[[0, 254, 255]]], [4.0])
    """
    values = np.asarray(images, dtype=np.float64)
    positive = np.where(np.isfinite(values) & (values > 0), values, 0.0)
    brightest = positive.max(axis=(1, 2), initial=0.0)
    shares = positive / np.where(brightest > 0, brightest, 1.0)[:, None, None]
    scaled = np.rint(BRIGHTEST * shares**POWER).astype(np.uint8)
    scaled[~np.isfinite(values)] = NOT_MEASURED
    return scaled, brightest


def json_for_script(content: Any) -> str:
    r"""Write JSON that no HTML parser takes for the end of its script element.

    Examples
    --------
    >>> json_for_script(["</script>"])
    '["\\u003c/script\\u003e"]'
    """
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def finite(values: Any) -> list[Any]:
    """Numbers for JSON, which has no NaN: None."""
    return [value if np.isfinite(value) else None for value in np.asarray(values, float).tolist()]
