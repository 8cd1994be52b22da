"""Patterns of which a cross between chips or a beam stop hides parts."""

import numpy as np
import pytest
from scipy import ndimage

from hs_nmfcluster.clustering.agglomeration import agglomerate
from hs_nmfcluster.clustering.alignable import RotatablePatterns
from hs_nmfcluster.clustering.gaps import have_gaps
from hs_nmfcluster.clustering.mirror import MirrorablePatterns
from hs_nmfcluster.clustering.polar import PolarGrid
from hs_nmfcluster.clustering.relative import relative_distances
from hs_nmfcluster.clustering.similarity import InBins, item_bytes, pairwise
from hs_nmfcluster.scan.detector import Detector

N_PHI, N_R = 120, 14
ANGLES = (0, 17, 48, 66, 91)
#: Spots of two crystals on a halo: r, phi in bins, height.
FIRST = [(4, 3, 9.0), (6, 25, 5.0), (10, 46, 4.0)]
SECOND = [(4, 10, 5.0), (7, 33, 8.0), (11, 52, 6.0)]


def crystal(spots, bins, mirrored=False):
    rings = np.exp(-(((np.arange(N_R) - 5) / 3) ** 2)) * 2 + 1
    image = np.zeros((N_R, N_PHI))
    for r, phi, height in spots:
        for opposite in (0, N_PHI // 2):
            place = phi + opposite
            image[r, ((-place if mirrored else place) + bins) % N_PHI] += height
    return rings[:, None] + ndimage.gaussian_filter(image, (0.7, 2), mode=("nearest", "wrap")) * 10


def cross(width=2.5):
    """Bins that four arms, as wide as `width` pixels, leave."""
    phi = np.deg2rad(360 / N_PHI * np.arange(N_PHI))
    r = np.arange(N_R)[:, None] + 3
    return np.minimum(np.abs(r * np.sin(phi)), np.abs(r * np.cos(phi))) > width / 2


def behind(patterns, known):
    return np.where(known, patterns, np.nan)


@pytest.fixture
def crystals():
    return np.stack([crystal(FIRST, b) for b in ANGLES] + [crystal(SECOND, b) for b in ANGLES])


def slow_similarity(a, b, known):
    """Similarity of two patterns behind the same gaps, bin by bin and angle by angle."""

    def parts(pattern):
        means = np.array([ring[seen].mean() for ring, seen in zip(pattern, known, strict=True)])
        rest = np.where(known, pattern - means[:, None], 0.0)
        power = sum(
            N_PHI * np.mean(ring[seen] ** 2) for ring, seen in zip(rest, known, strict=True)
        )
        return means - means.mean(), rest, power

    (rings_a, rest_a, power_a), (rings_b, rest_b, power_b) = parts(a), parts(b)
    of_rings = N_PHI * rings_a @ rings_b
    norms = [
        np.sqrt(N_PHI * rings @ rings + power)
        for rings, power in ((rings_a, power_a), (rings_b, power_b))
    ]
    best = -1.0
    for turn in range(N_PHI):
        turned, seen = np.roll(rest_b, turn, axis=1), np.roll(known, turn, axis=1)
        shown_a = max((rest_a[seen] ** 2).sum(), 0.05 * (rest_a**2).sum())
        shown_b = max((turned[known] ** 2).sum(), 0.05 * (rest_b**2).sum())
        along = (rest_a * turned).sum() / np.sqrt(shown_a * shown_b)
        value = (of_rings + along * np.sqrt(power_a * power_b)) / (norms[0] * norms[1])
        best = max(best, value)
    return best


def test_similarity_is_that_of_a_slow_implementation(crystals):
    seen = behind(crystals, cross())
    similarity = pairwise(RotatablePatterns(seen))[0]
    expected = [[slow_similarity(a, b, cross()) for b in seen] for a in seen]
    np.fill_diagonal(similarity, np.diag(expected))
    # The vertex of a parabola lies a little higher than the highest sample.
    assert np.abs(similarity - expected).max() < 0.02
    assert (similarity - np.array(expected)).min() > -1e-9


def test_hidden_spots_are_not_missing(crystals):
    whole = pairwise(RotatablePatterns(crystals))
    similarity, shifts = pairwise(RotatablePatterns(behind(crystals, cross())))
    same = np.kron(np.eye(2, dtype=bool), np.ones((5, 5), dtype=bool))
    assert whole[0][same].min() > 0.999
    assert similarity[same].min() > 0.95
    assert similarity[~same].max() < whole[0][~same].max() + 0.1
    # Alike up to a turn by half a circle.
    apart = (shifts - whole[1])[same] % 180
    assert np.minimum(apart, 180 - apart).max() < 2


def test_two_crystals_of_one_pair_of_spots_do_not_become_alike_by_hiding_both():
    known = cross(6)
    pairs = [[(3, 3, 9.0)], [(9, 40, 9.0)]]
    rng = np.random.default_rng(0)
    patterns = np.stack([crystal(pair, 11) for pair in pairs])
    patterns += rng.normal(0, 0.3, patterns.shape)
    seen = behind(patterns, known)
    similarity = pairwise(RotatablePatterns(seen))[0]
    assert relative_distances(seen, similarity).distances[0, 1] > 0.8


def test_relative_distances_of_hidden_crystals(crystals):
    rng = np.random.default_rng(1)
    whole = crystals + rng.normal(0, 0.2, crystals.shape)

    def distances(patterns):
        similarity = pairwise(RotatablePatterns(patterns))[0]
        return relative_distances(patterns, similarity).distances

    same = np.kron(np.eye(2, dtype=bool), np.ones((5, 5), dtype=bool))
    seen = distances(behind(whole, cross()))
    assert seen[same].max() < 0.1
    np.testing.assert_allclose(seen[~same], distances(whole)[~same], atol=0.2)
    assert seen[~same].min() > 2 * seen[same].max()


@pytest.mark.parametrize("kind", [RotatablePatterns, MirrorablePatterns])
def test_unions_know_what_their_members_know(crystals, kind):
    items = kind(behind(crystals, cross()))
    similarity = pairwise(items)[0]
    merges = agglomerate(items, similarity)
    joined = merges.linkage[:-1, :2].astype(int)
    members = [{k} for k in range(10)]
    for a, b in joined:
        members.append(members[a] | members[b])
    # The families stay apart to the last merge, and within them nothing is unlike.
    families = {frozenset(range(5)), frozenset(range(5, 10))}
    last = merges.linkage[-1, :2].astype(int)
    assert {frozenset(members[k]) for k in last} == families
    assert merges.linkage[:-1, 2].max() < 0.06
    assert merges.linkage[-1, 2] > 0.15


def test_union_of_gapless_patterns_is_their_sum(crystals):
    """With weights that are one everywhere, sums are those of patterns without gaps."""
    some = crystals[:3].copy()
    some[0, 5:9, :30] = np.nan
    weighted, plain = RotatablePatterns(some), RotatablePatterns(crystals[:3])
    for items in (weighted, plain):
        items.merge(1, 2, np.array([-48 * 3 + 17 * 3.0]))
    np.testing.assert_allclose(
        weighted.compare(slice(1, 2), slice(1, 2))[0],
        plain.compare(slice(1, 2), slice(1, 2))[0],
        atol=1e-6,
    )
    np.testing.assert_allclose(
        weighted.compare(slice(0, 1), slice(1, 2))[0],
        plain.compare(slice(0, 1), slice(1, 2))[0],
        atol=0.03,
    )


def test_mirror_images_behind_gaps():
    patterns = np.stack([crystal(FIRST, 0), crystal(FIRST, 31, mirrored=True)])
    similarity, shifts = pairwise(MirrorablePatterns(behind(patterns, cross())))
    assert similarity[0, 1] > 0.95
    assert shifts[0, 1, 1] == 1
    assert abs((shifts[0, 1, 0] - 31 * 3 + 90) % 180 - 90) < 2


def test_many_in_single_precision(crystals):
    many = np.tile(behind(crystals, cross()), (30, 1, 1))
    similarity = pairwise(RotatablePatterns(many))[0]
    few = pairwise(RotatablePatterns(many[:10]))[0]
    np.testing.assert_allclose(similarity[:10, :10], few, atol=1e-4)


def test_strength_of_counts_does_not_matter(crystals):
    seen = behind(crystals, cross())
    first = pairwise(RotatablePatterns(seen))[0]
    np.testing.assert_allclose(pairwise(RotatablePatterns(seen * 1e30))[0], first, atol=1e-9)


def test_a_few_pixels_are_no_gaps(crystals):
    seen = crystals.copy()
    seen[:, :2] = np.nan
    seen[:, 5, 3] = np.nan
    assert not have_gaps(seen)
    assert have_gaps(behind(crystals, cross()))
    # Gaps of a second scan count too.
    assert have_gaps(np.concatenate([seen, behind(crystals, cross())]))


def test_memory_counts_weights_and_powers():
    grid = PolarGrid.covering(Detector((41, 41), (20, 20)), radial_range=(3, 20))
    patterns = np.ones((5, 41, 41))
    hidden = patterns.copy()
    hidden[:, 19:22] = np.nan
    whole = item_bytes(patterns, "patterns", "cross_correlation", grid)
    assert item_bytes(hidden, "patterns", "cross_correlation", grid) == 3 * whole
    assert len(RotatablePatterns(InBins((hidden, grid)))) == 5
