"""Small made-up results to draw."""

import numpy as np
from numpy.typing import NDArray

GROUPS = [0, 0, 1, 1, 2, -1]
# Merge 2 (node 8) lies nearer to the leaves than merge 0 (node 6), which it contains.
LINKAGE = np.array(
    [
        [0, 1, 0.30, 2],
        [2, 3, 0.40, 2],
        [5, 6, 0.25, 3],
        [7, 4, 0.60, 3],
        [8, 9, 0.90, 6],
    ]
)


def patterns(number: int = 6, rows: int = 24, columns: int = 30) -> NDArray[np.float64]:
    """Halos with spots; the direct beam and the corners are masked."""
    v, u = np.mgrid[:rows, :columns]
    r = np.hypot(u - (columns - 1) / 2, v - (rows - 1) / 2)
    result = []
    for index in range(number):
        image = np.exp(-0.5 * ((r - 7) / 2) ** 2)
        image[rows // 4, (3 * index + 5) % columns] += 5.0
        result.append(np.where((r < 2) | (r > 11.5), np.nan, image))
    return np.array(result)


def maps(number: int = 6, *scan_shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).gamma(1.0, 1.0, (number, *(scan_shape or (9, 7))))


def vision(color: str, deficiency: str) -> NDArray[np.float64]:
    """CIELAB coordinates of a hex colour as seen with a colour vision deficiency (Machado 2009)."""
    matrices = {
        "none": np.eye(3),
        "protanopia": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deuteranopia": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
    }
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    rgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(matrices[deficiency]) @ linear, 0, 1)
    x, y, z = np.array(to_xyz) @ seen / [0.95047, 1.0, 1.08883]
    fx, fy, fz = (np.cbrt(w) if w > 0.008856 else 7.787 * w + 16 / 116 for w in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])
