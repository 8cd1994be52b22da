"""Patterns and maps drawn analytically, so that their rotations and shifts are known."""

from types import SimpleNamespace

import numpy as np
import pytest

NETS = (
    ((12.0, 0.0), (12.0, 180.0), (19.0, 40.0), (19.0, 220.0)),
    ((14.0, 0.0), (14.0, 60.0), (14.0, 120.0), (14.0, 180.0), (14.0, 240.0), (14.0, 300.0)),
    ((17.0, 0.0), (17.0, 75.0), (17.0, 180.0), (17.0, 255.0)),
)
SYMMETRY = (180.0, 60.0, 180.0)


def spots(angle, net=NETS[0], *, shape=(64, 60), center=(30.3, 31.1), scale=(1.0, 1.0), width=1.3):
    """Gaussian spots of a net rotated by an angle, drawn at their true places."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    x, y = (x - center[0]) * scale[0], (y - center[1]) * scale[1]
    image = np.zeros(shape)
    for radius, phi in net:
        turned = np.deg2rad(phi + angle)
        dx, dy = x - radius * np.cos(turned), y - radius * np.sin(turned)
        image += np.exp(-(dx**2 + dy**2) / (2 * width**2))
    return image


def family_patterns(families, angles, **kwargs):
    """One pattern of spots for each family and angle."""
    return np.array([spots(a, NETS[f], **kwargs) for f, a in zip(families, angles, strict=True)])


def particle(position, *, shape=(30, 25), width=1.7):
    """Gaussian particle at (y, x)."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.exp(-((y - position[0]) ** 2 + (x - position[1]) ** 2) / (2 * width**2))


def wrapped(angles, period=360.0):
    """Angles within plus or minus half a period."""
    return (np.asarray(angles) + period / 2) % period - period / 2


@pytest.fixture(scope="session")
def draw():
    """The functions above, as test modules cannot import this one."""
    return SimpleNamespace(
        nets=NETS,
        symmetry=SYMMETRY,
        spots=spots,
        family_patterns=family_patterns,
        particle=particle,
        wrapped=wrapped,
    )
