"""From groups of components to answers: spacings, phases, sizes, orientations, crystallinity."""

from hs_nmfcluster.materials.crystals import Cell

__all__ = ["Cell"]
