"""Windows, the edge of the noise, joining: what the factorization in neighbourhoods is made of."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.cluster import hierarchy

from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.engine.shelf import Shelf
from hs_nmfcluster.factorization.neighbourhoods import joining
from hs_nmfcluster.factorization.neighbourhoods.assembly import (
    Components,
    Joined,
    Windows,
    assemble,
)
from hs_nmfcluster.factorization.neighbourhoods.chains import parts_of_chain
from hs_nmfcluster.factorization.neighbourhoods.first_look import (
    correlations,
    looked_at,
    places,
    structure_sizes,
)
from hs_nmfcluster.factorization.neighbourhoods.linking import Link, linked
from hs_nmfcluster.factorization.neighbourhoods.local import Pieces, Plan, factorize_tile
from hs_nmfcluster.factorization.neighbourhoods.solving import solve_maps
from hs_nmfcluster.factorization.neighbourhoods.tiling import Tiling, taper
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.spectrum import count_above_bulk
from hs_nmfcluster.scan.local_maps import LocalMap, LocalMaps
from hs_nmfcluster.validation import adjusted_rand_index

SCANS = [
    ((40, 60), (20, 20), (4, 4)),
    ((41, 23), (13, 30), (5, 6)),
    ((7,), (20,), (3,)),
    ((300,), (64,), (9,)),
    ((3, 25, 21), (1, 10, 12), (0, 3, 4)),
]


@pytest.mark.parametrize(("shape", "size", "overlap"), SCANS)
class TestTiling:
    def test_covers(self, shape, size, overlap):
        tiling = Tiling(shape, size, overlap)
        times = np.zeros(shape, int)
        for tile in tiling.tiles:
            times[tile.window] += 1
            assert tile.shape == tuple(min(s, n) for s, n in zip(size, shape, strict=True))
        assert times.min() == 1
        assert len(tiling.tiles) == np.prod(tiling.numbers)

    def test_neighbours_share(self, shape, size, overlap):
        tiling = Tiling(shape, size, overlap)
        for tile in tiling.tiles:
            for axis, number in enumerate(tiling.numbers):
                if tile.index[axis] + 1 < number:
                    index = list(tile.index)
                    index[axis] += 1
                    other = next(t for t in tiling.tiles if t.index == tuple(index))
                    assert tile.stop[axis] - other.start[axis] >= overlap[axis]

    def test_pairs(self, shape, size, overlap):
        tiling = Tiling(shape, size, overlap)
        found = {frozenset((a.index, b.index)) for a, b in tiling.neighbours()}
        expected = set()
        for a in tiling.tiles:
            for b in tiling.tiles:
                near = max(abs(i - j) for i, j in zip(a.index, b.index, strict=True)) == 1
                if near and a.overlap(b) is not None:
                    expected.add(frozenset((a.index, b.index)))
        assert found == expected

    def test_groups(self, shape, size, overlap):
        tiling = Tiling(shape, size, overlap)
        together = [tile.index for group in tiling.groups() for tile in group]
        assert sorted(together) == [tile.index for tile in tiling.tiles]


def test_taper_falls_to_the_rim():
    (tile,) = Tiling((5, 4), (9, 9), (2, 2)).tiles
    weight = taper(tile)
    assert weight.shape == (5, 4)
    assert weight.max() == weight[2, 1] == weight[2, 2] == 6
    assert weight.min() == weight[0, 0] == 1


class TestEdge:
    """The number of what stands above the noise, without a level of the noise."""

    @pytest.mark.parametrize("n", [100, 400, 800])
    @pytest.mark.parametrize("k", [0, 1, 5, 10])
    def test_white_noise(self, n, k):
        rng = np.random.default_rng(n + k)
        x = rng.standard_normal((n, 3000))
        for _ in range(k):
            u, v = rng.standard_normal(n), rng.standard_normal(3000)
            strength = 2.0 * (np.sqrt(n) + np.sqrt(3000))
            x += strength * np.outer(u / np.linalg.norm(u), v / np.linalg.norm(v))
        assert abs(count_above_bulk(np.linalg.eigvalsh(x @ x.T)[::-1]) - k) <= 1

    def test_coloured_noise(self):
        """Of speckle neighbouring pixels are alike, and its spectrum falls off slowly."""
        from scipy.ndimage import gaussian_filter

        rng = np.random.default_rng(0)
        x = gaussian_filter(rng.exponential(size=(400, 64, 64)), (0, 1.5, 1.5)).reshape(400, -1)
        x -= x.mean()
        spots = np.zeros((2, 400, 64, 64))
        spots[0, :30, 10, 10] = spots[1, 200:240, 40, 20] = 8.0
        with_spots = x + spots.sum(axis=0).reshape(400, -1)
        alone = count_above_bulk(np.linalg.eigvalsh(x @ x.T)[::-1])
        assert alone <= 2
        assert count_above_bulk(np.linalg.eigvalsh(with_spots @ with_spots.T)[::-1]) == alone + 2

    def test_few_values(self):
        assert count_above_bulk(np.array([5.0, 1.0, 0.5])) == 0


class TestFirstLook:
    def test_places_are_of_the_scan(self):
        for shape in [(500, 700), (40, 3000), (5000,), (6, 200, 300)]:
            inside = np.zeros(shape, bool)
            for window in places(shape):
                assert all(0 <= s.start < s.stop <= n for s, n in zip(window, shape, strict=True))
                inside[window] = True
            assert inside.sum() <= 9 * 32 * 32

    def test_small_scans_are_looked_at_whole(self):
        kept = np.ones((50, 60), bool)
        kept[3] = False
        assert looked_at(kept).tolist() == np.flatnonzero(kept).tolist()

    @pytest.mark.parametrize("diameter", [5, 9, 14])
    def test_diameter(self, diameter):
        rng = np.random.default_rng(diameter)
        y, x = np.mgrid[:32, :32]
        maps = []
        for cx, cy in ((8, 8), (24, 9), (9, 24), (23, 23)):
            left = 1 - ((x - cx) ** 2 + (y - cy) ** 2) / (diameter / 2) ** 2
            maps.append(np.sqrt(np.maximum(left, 0)).ravel())
        patterns = rng.random((4, 300)) ** 8
        rows = rng.poisson(50 + 400 * np.array(maps).T @ patterns).astype(float)
        found = correlations(rows, np.arange(1024), (32, 32), None)
        for seen in structure_sizes(found):
            assert seen == pytest.approx(diameter, rel=0.3)

    def test_nothing(self):
        rows = np.random.default_rng(0).poisson(5.0, (1024, 500)).astype(float)
        assert structure_sizes(correlations(rows, np.arange(1024), (32, 32), None)) == (None, None)


class TestLocalMaps:
    def test_dense_and_lazy(self):
        left_out = np.zeros((4, 5), bool)
        left_out[1, 1] = True
        maps = LocalMaps(
            [
                LocalMap((0, 0), np.full((2, 3), 1, np.float32)),
                LocalMap((2, 1), np.full((2, 4), 2, np.float32)),
            ],
            left_out,
        )
        dense = maps.dense()
        assert np.isnan(dense[:, 1, 1]).all()
        assert np.nansum(dense, axis=(1, 2)).tolist() == [5, 16]
        assert dense[1, 2:, 1:].tolist() == [[2] * 4] * 2
        np.testing.assert_array_equal(maps.lazy().compute(), dense)
        assert maps.n_bytes == dense.nbytes

    def test_without_zeros(self):
        rng = np.random.default_rng(0)
        whole = np.where(rng.random((5, 6, 7)) > 0.8, rng.random((5, 6, 7)), 0)
        whole[2] = 0
        whole[:, 1, 2] = np.nan
        maps = LocalMaps.of(whole)
        np.testing.assert_allclose(maps.dense(), whole, rtol=1e-6)
        np.testing.assert_allclose(maps.means(), np.nanmean(whole, axis=(1, 2)), rtol=1e-6)
        positions = np.array([0, 3, 20, 41])
        there, values = maps.at(positions)
        expected = whole.reshape(5, -1)[:, positions].T
        np.testing.assert_allclose(values, expected[:, there], rtol=1e-6)
        assert not expected[:, np.setdiff1d(np.arange(5), there)].any()


class TestRegrouped:
    @pytest.mark.parametrize("masked", [False, True])
    def test_same_rows(self, masked):
        import dask.array as da

        data = np.arange(6 * 7 * 2 * 3).reshape(6, 7, 2, 3)
        mask = np.zeros((6, 7), bool)
        mask[2, 3] = masked
        kept = np.flatnonzero(~mask)
        groups = [[kept[:9], kept[4:20]], [kept[30:]]]
        expected = [data.reshape(42, 6)[positions] for group in groups for positions in group]
        for own in (data, da.from_array(data, chunks=(2, 3, 2, 2))):
            matrix = ScanMatrix.from_array(own, mask, chunk_bytes=100).regrouped(groups)
            assert [block.ends_chunk for block in matrix.blocks] == [False, True, True]
            for block, rows in zip(matrix.blocks, expected, strict=True):
                found = block.rows.compute() if matrix.is_lazy else block.rows[:]
                np.testing.assert_array_equal(found, rows)


def pieces_of(patterns, maps, positions, data) -> Pieces:
    """What a window found, with its products with the data."""
    products = (data @ patterns.T.astype(np.float64)).astype(np.float32)
    squares, none = (data**2).sum(axis=1), np.zeros(2)
    return Pieces(patterns, maps, positions, products, squares, 2, np.ones(2), none, none)


def pieces_at(pieces: Pieces, which) -> Pieces:
    """The same of some of the positions."""
    names = ("maps", "positions", "products", "squares")
    return replace(pieces, **{name: getattr(pieces, name)[which] for name in names})


def two_windows(same: bool, rng: np.random.Generator) -> tuple[Windows, np.ndarray]:
    """Two windows in a row, each of which has found a matrix and a crystal."""
    tiling = Tiling((10, 16), (10, 10), (4, 4))
    shared, crystals = 10 + np.zeros(200), rng.random((2, 200)) ** 20
    if same:
        crystals[1] = crystals[0]
    y, x = np.mgrid[:10, :16]
    disc = (np.hypot(x - 7.5, y - 4.5) < 2.5).astype(np.float32)
    found = []
    for tile, crystal in zip(tiling.tiles, crystals, strict=True):
        patterns = np.array([shared, shared / 50 + crystal])
        patterns += rng.normal(0, 0.01, patterns.shape)
        patterns /= np.linalg.norm(patterns, axis=1, keepdims=True)
        own = disc[tile.window].ravel()
        maps = np.stack([np.ones_like(own), own], axis=1)
        positions = np.arange(160).reshape(10, 16)[tile.window].ravel()
        rounded = patterns.astype(np.float16)
        found.append(pieces_of(rounded, maps, positions, maps @ rounded.astype(np.float32)))
    return Windows(tiling, tiling.tiles, found, np.ones((10, 16), bool), Shelf()), shared


def together(windows: Windows, labels: np.ndarray) -> Components:
    """Components on a detector that is kept whole."""
    return assemble(Joined(windows, labels), np.ones(200, bool))


class TestJoining:
    def test_one_crystal_in_two_windows(self):
        windows, shared = two_windows(True, np.random.default_rng(0))
        labels = joining.same_crystal(windows, shared, None)
        assert labels[1] == labels[3] != labels[0]
        found = together(windows, labels)
        (crystal,) = (found.labels[1],)
        y, x = np.mgrid[:10, :16]
        disc = np.hypot(x - 7.5, y - 4.5) < 2.5
        np.testing.assert_allclose(found.maps.dense()[crystal], disc, atol=1e-6)

    def test_two_crystals_in_one_place(self):
        windows, shared = two_windows(False, np.random.default_rng(0))
        labels = joining.same_crystal(windows, shared, None)
        assert labels[1] != labels[3]

    def test_blend(self):
        """Where windows disagree, the one whose middle is nearer has more of a say."""
        windows, _ = two_windows(True, np.random.default_rng(0))
        windows.found[1].maps[:, 1] *= 3
        found = together(windows, np.array([0, 1, 0, 1]))
        (values,) = (one.values for i, one in enumerate(found.maps) if i == found.labels[1])
        row = values[4, 6:10]
        assert (np.diff(row) > 0).all()
        assert (row > 1).all()
        assert (row < 3).all()

    def test_masked_positions(self):
        windows, _ = two_windows(True, np.random.default_rng(0))
        windows.kept[2, 3] = False
        found = together(windows, np.arange(4))
        assert np.isnan(found.maps.dense()[:, 2, 3]).all()

    def test_split_in_two(self):
        profiles = np.array([[1.0, 2, 3], [1, 2, 3.1], [3, 2, 1], [3, 2, 1.1]])
        halves = joining.split_in_two(profiles)
        assert halves[0] == halves[1] != halves[2] == halves[3]
        assert set(joining.split_in_two(np.ones((3, 4))).tolist()) == {True, False}


class TestChains:
    @staticmethod
    def pieces(angles, noise=0.1):
        """Discs on a circle, without the ring that they share, at angles (degrees)."""
        rng = np.random.default_rng(0)
        around = np.arange(0, 360, 2) - np.asarray(angles)[:, None]
        rows = np.exp(-((np.mod(around + 30, 60) - 30) ** 2) / 72) + rng.normal(
            0, noise, around.shape
        )
        rows -= rows.mean(axis=1, keepdims=True)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def test_parts_are_alike(self):
        angles = np.arange(0, 60, 2)
        parts = parts_of_chain(self.pieces(angles), np.ones(30))
        assert 3 <= len(parts) <= 8
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(30))
        for part in parts:
            turns = np.abs(np.exp(6j * np.deg2rad(angles[part])).mean())
            assert turns > 0.8

    def test_one_crystal_stays_whole(self):
        assert len(parts_of_chain(self.pieces([10] * 12, noise=0.2), np.ones(12))) == 1

    def test_noise_has_no_alike_parts(self):
        rows = np.random.default_rng(0).normal(size=(60, 500))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        assert all(len(part) == 1 for part in parts_of_chain(rows, np.ones(60)))


class TestLinking:
    """Pieces that are linked as long as all of them are alike."""

    @staticmethod
    def linked(vectors, least, weights=None):
        shelf, n = Shelf(), len(vectors)
        rows = [shelf.put(vector) for vector in vectors]
        pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
        links = [Link(i, j, float(vectors[i] @ vectors[j])) for i, j in pairs]
        links = [link for link in links if link.likeness > least]
        weights = np.ones(n) if weights is None else weights
        return linked(links, rows, shelf, weights, lambda *_: least)

    def test_equals_average_linkage(self):
        # SciPy's takes no weights, and all pairs; of tight clusters both say the same.
        rng = np.random.default_rng(0)
        middles = rng.normal(size=(6, 40))
        vectors = middles[rng.integers(6, size=60)] + rng.normal(0, 0.3, (60, 40))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        merges = hierarchy.average(1 - (vectors @ vectors.T)[np.triu_indices(60, 1)])
        expected = hierarchy.fcluster(merges, 0.5, "distance")
        assert adjusted_rand_index(self.linked(vectors, 0.5), expected) == 1

    def test_a_chain_is_no_crystal(self):
        angles = np.deg2rad(np.arange(0, 90, 15))
        chain = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        labels = self.linked(chain, 0.9)
        assert labels[0] != labels[-1]
        for label in set(labels.tolist()):
            members = chain[labels == label]
            assert (members @ members.T).mean() > 0.9

    def test_what_is_weak_links_no_others(self):
        vectors = np.array([[1.0, 0.0], [0.7, 0.7], [0.0, 1.0]])
        assert len(set(self.linked(vectors, 0.3, np.array([1.0, 1e-3, 1.0])).tolist())) == 2

    def test_nothing_to_link(self):
        assert linked([], [], Shelf(), np.zeros(0), max).tolist() == []


class TestNoise:
    """What a window says of the noise of its patterns and maps."""

    def test_of_patterns_and_maps(self):
        rng = np.random.default_rng(0)
        n, n_pixels = 400, 600
        patterns = rng.random((2, n_pixels)) ** 4
        patterns /= np.linalg.norm(patterns, axis=1, keepdims=True)
        maps = np.stack([300 + 0 * np.arange(n), 200 * (rng.random(n) > 0.7)], axis=1)
        clean = maps @ patterns
        settings = Settings(restarts=2, tolerance=1e-5)
        found = [
            factorize_tile(clean + rng.normal(size=clean.shape), np.arange(n), Plan(2, 2, settings))
            for _ in range(2)
        ]
        one, other = (pieces.of_tiles[0] for pieces in found)
        unlike = np.square(one.patterns.astype(float) - other.patterns.astype(float)).sum(axis=1)
        np.testing.assert_allclose(unlike, one.pattern_noise + other.pattern_noise, rtol=0.3)
        # Where a crystal is not, up to a half of the noise of its map is cut off.
        where = maps[:, 1] == 0
        unlike = (one.maps.astype(float) - other.maps.astype(float))[where, 1].var()
        both = one.map_noise[1] + other.map_noise[1]
        assert both < unlike < both / (0.5 - 0.5 / np.pi)


class TestSolving:
    """Maps of joined components, without the data."""

    def solved(self, windows, labels, matrix, weights=None):
        joined = together(windows, labels)
        which = np.isin(np.arange(len(joined.patterns)), joined.labels[matrix])
        maps, residual = solve_maps(windows, joined, which, weights)
        return joined, maps.dense(), residual.reshape(windows.kept.shape)

    @pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2, 200)])
    def test_model_is_that_of_the_windows(self, weights):
        """Where the windows agree, they are described as well as by themselves."""
        windows, _ = two_windows(True, np.random.default_rng(0))
        joined, maps, residual = self.solved(windows, np.array([0, 1, 0, 1]), [], weights)
        model = np.tensordot(maps, joined.patterns, (0, 0))
        for tile, pieces in zip(windows.tiles, windows.found, strict=True):
            own = (pieces.maps @ pieces.patterns.astype(np.float32)).reshape(*tile.shape, -1)
            np.testing.assert_allclose(model[tile.window], own, rtol=0.2, atol=0.05)
            # Exact beside the data: there is no noise.
            assert residual[tile.window].max() < 1e-5 * pieces.squares.max()

    def test_one_window(self):
        """What one window found alone is solved as it was."""
        windows, _ = two_windows(False, np.random.default_rng(1))
        joined, maps, residual = self.solved(windows, np.arange(4), [])
        first = windows.found[0]
        own = maps[joined.labels[:2], :, :6]
        expected = first.maps.T.reshape(2, 10, 10)[:, :, :6]
        np.testing.assert_allclose(own, expected, rtol=1e-2, atol=1e-2)
        assert residual[:, :6].max() < 1e-3 * first.squares.max()

    def test_floors(self):
        """What a crystal's map holds all over a window is matrix, as far as that describes it."""
        windows, _ = two_windows(True, np.random.default_rng(0))
        for number, pieces in enumerate(windows.found):
            pieces.maps[:, 1] += (0.1, 0.2)[number]
        labels = np.array([0, 1, 0, 1])
        joined, with_floor, _ = self.solved(windows, labels, [])
        _, maps, residual = self.solved(windows, labels, [0])
        crystal, matrix = joined.labels[1], joined.labels[0]
        bare = np.hypot(*(np.mgrid[:10, :16] - np.array([4.5, 7.5])[:, None, None])) >= 2.5
        assert with_floor[crystal][bare].min() > 0.05
        # In each window by its own: one number for both would leave a patch in the second.
        assert maps[crystal][bare].max() < 0.06
        assert maps[crystal].max() > 0.8
        assert maps[matrix][bare].min() > with_floor[matrix][bare].max()
        assert residual[bare].mean() < 0.02 * np.mean([p.squares.mean() for p in windows.found])

    def test_masked(self):
        windows, _ = two_windows(True, np.random.default_rng(0))
        windows.kept[2, 3] = False
        kept = windows.kept.ravel()
        found = [pieces_at(pieces, kept[pieces.positions]) for pieces in windows.found]
        masked = replace(windows, found=found)
        _, maps, residual = self.solved(masked, np.array([0, 1, 0, 1]), [0])
        assert np.isnan(maps[:, 2, 3]).all()
        assert np.isfinite(maps[:, windows.kept]).all()
        assert residual[2, 3] == 0


class TestLocal:
    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("shape", [(150, 400), (150, 60)])
    def test_model(self, weighted, shape):
        """What it reports is what it found: residual, unit norms, counts."""
        rng = np.random.default_rng(0)
        truth = rng.random((shape[0], 3)) ** 4 @ (rng.random((3, shape[1])) ** 6 + 0.05)
        rows = rng.poisson(60 * truth)
        mean = rows.mean(axis=0)
        weights = np.sqrt(mean / mean.mean()) if weighted else None
        plan = Plan(3, 10, Settings(restarts=3, tolerance=1e-6, pixel_weights=weights))
        (found,) = factorize_tile(rows, np.arange(len(rows)), plan).of_tiles
        left = rows - found.maps.astype(float) @ found.patterns
        np.testing.assert_allclose(
            np.linalg.norm(found.patterns.astype(float), axis=1), 1, rtol=1e-3
        )
        products = rows @ found.patterns.T.astype(float)
        np.testing.assert_allclose(found.products, products, rtol=1e-4)
        np.testing.assert_allclose(found.squares, (rows**2.0).sum(axis=1))
        assert (found.maps >= 0).all()
        assert np.mean(left**2) < 1.1 * mean.mean()

    def test_nothing_counted(self):
        plan = Plan(None, 10, Settings())
        (found,) = factorize_tile(np.zeros((20, 30), "u2"), np.arange(20), plan).of_tiles
        assert found.patterns.shape == (0, 30)
        assert found.maps.shape == (20, 0)
