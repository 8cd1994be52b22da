"""Crystals that lie upside down: patterns compared as they are and with the azimuth reversed."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hs_nmfcluster.clustering.alignable import RotatablePatterns
from hs_nmfcluster.clustering.correlation import Places
from hs_nmfcluster.clustering.cuts import members
from hs_nmfcluster.scan.detector import Detector

# Share of what is unlike between two patterns that a mirror image must explain to be preferred:
# many patterns are their own mirror images but for noise.
_BETTER = 0.1


class MirrorablePatterns(RotatablePatterns):
    """Polar patterns, compared over all rotations of them and of their mirror images.

    A shift is a pair: degrees, and 1 if the pattern is mirrored (phi reversed) before it is
    rotated, else 0. Parameters as of `RotatablePatterns`.
    """

    n_shifts = 2

    def compare(
        self, rows: Places, columns: Places
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Similarities, and the shifts that bring the columns onto the rows."""
        plain, rotations = self._compare(rows, columns)
        mirrored, rotations_of_mirrored = self._compare(rows, columns, mirrored=True)
        chosen = mirrored - plain > _BETTER * (1 - plain) + 1e-6
        shifts = np.where(chosen[..., None], rotations_of_mirrored, rotations)
        return (
            np.where(chosen, mirrored, plain),
            np.concatenate([shifts, chosen[..., None]], axis=-1),
        )

    def undone(self, shifts: NDArray[np.floating]) -> NDArray[np.floating]:
        """Opposite rotations; a rotated mirror image is undone by itself."""
        degrees, mirrored = shifts[..., 0], shifts[..., 1]
        return np.stack([np.where(mirrored > 0, degrees, -degrees), mirrored], axis=-1)

    def merge(self, onto: int, other: int, shift: NDArray[np.floating]) -> None:
        """Mirror `other` if so, rotate it by ``shift[0]`` degrees and add it to `onto`."""
        self._merge(onto, other, shift[0], mirrored=bool(shift[1]))


def orientations(
    linkage: NDArray[np.float64], shifts: NDArray[np.float64], kept: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How each component lies against the first of its group.

    Parameters
    ----------
    linkage
        ``(n - 1, 4)``.
    shifts
        ``(n - 1, 2)``: degrees and mirror of each merge.
    kept
        ``(n - 1,)`` merges that are not undone.

    Returns
    -------
    degrees, mirrored
        ``(n,)``: a component is the first one, mirrored if so, then rotated.

    Examples
    --------
    >>> linkage = np.array([[0, 1, 0.1, 2], [2, 3, 0.2, 3]])
    >>> merges = np.array([[30.0, 1], [-90, 0]])
    >>> degrees, mirrored = orientations(linkage, merges, np.array([True, True]))
    >>> degrees.tolist(), mirrored.tolist()
    ([0.0, 30.0, -90.0], [False, True, False])
    """
    n = len(linkage) + 1
    degrees, mirrored = np.zeros(n), np.zeros(n, dtype=bool)
    inside: list[list[int]] = [[component] for component in range(n)]
    for (first, second), (turn, flip), keep in zip(
        linkage[:, :2].astype(int), shifts, kept, strict=True
    ):
        inside.append(inside[first] + inside[second] if keep else [])
        if keep:
            moved = inside[second]
            degrees[moved] = turn + (-degrees[moved] if flip else degrees[moved])
            mirrored[moved] ^= bool(flip)
    for group in members(linkage, kept):
        # First the first one into the common frame, then back out as the component went in.
        turned = degrees[group] - degrees[group[0]]
        degrees[group] = np.where(mirrored[group], turned, 0.0 - turned)
        mirrored[group] ^= mirrored[group[0]]
    return degrees, mirrored


def mirror_images(patterns: NDArray, detector: Detector) -> NDArray[np.float64]:
    """Patterns with the azimuth about the beam reversed: y becomes minus y.

    Parameters
    ----------
    patterns
        ``(n, n_v, n_u)``, NaN where not measured.
    detector
        Its centre.

    Examples
    --------
    >>> pattern = np.arange(9.0).reshape(1, 3, 3)
    >>> mirror_images(pattern, Detector((3, 3), center=(1, 1)))[0, 0].tolist()
    [6.0, 7.0, 8.0]
    """
    offset = [2 * detector.center[1], 0.0]
    images = [
        ndimage.affine_transform(
            np.asarray(pattern, dtype=np.float64), [-1.0, 1.0], offset, order=1, cval=np.nan
        )
        for pattern in patterns
    ]
    return np.stack(images) if images else np.zeros(patterns.shape)
