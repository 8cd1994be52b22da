"""From groups of components to answers: spacings, phases, sizes, orientations, crystallinity."""
