"""A scan factorized in neighbourhoods: the same answer however it lies, and every crystal once."""

import dask
import dask.array as da
import numpy as np
import pytest

import hs_nmfcluster
from hs_nmfcluster import LazyNMFDiffraction2D, NMFDiffraction2D
from hs_nmfcluster.scan import local_maps
from hs_nmfcluster.simulation import linear_mixture
from hs_nmfcluster.validation import match_components, recall_precision

SCAN = (34, 45)
PART_TILES = (16, 13)
QUIET = {"random_state": 0, "print_info": False, "show_progressbar": False}


@pytest.fixture(scope="module")
def specimen():
    return linear_mixture(
        SCAN,
        (48, 44),
        pixel_size=0.45,
        scan_step=1.5,
        n_particles=10,
        angles_per_family=4,
        signal_fraction=0.15,
        dose=2e4,
        seed=5,
    )


@pytest.fixture(scope="module")
def found(specimen):
    return specimen[0].decompose_als_nmf(tiles=(20, 18), **QUIET)


@pytest.fixture(scope="module")
def part(specimen):
    """Enough of the scan for some windows: for what does not hang on its crystals."""
    return like(specimen[0], specimen[0].data[14:, :24])


@pytest.fixture(scope="module")
def found_in_part(part):
    found = part.decompose_als_nmf(tiles=PART_TILES, **QUIET)
    assert found.settings["tiles_numbers"] == [2, 2]
    assert found.n_components >= 4
    return found


def like(signal, data):
    """The same scan of other data."""
    kind = LazyNMFDiffraction2D if isinstance(data, da.Array) else NMFDiffraction2D
    other = kind(data)
    for own, given in zip(other.axes_manager._axes, signal.axes_manager._axes, strict=True):
        own.scale, own.offset, own.units = given.scale, given.offset, given.units
    return other


def assert_same(a, b):
    np.testing.assert_allclose(a.patterns.data, b.patterns.data, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(a.maps.data, b.maps.data, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(a.position_mse, b.position_mse, rtol=1e-6)
    assert a.mse == pytest.approx(b.mse, rel=1e-9)


class TestAnswer:
    def test_every_crystal_once(self, specimen, found):
        _, truth = specimen
        match = match_components(
            np.nan_to_num(found.patterns.data),
            truth.patterns,
            found.maps.data,
            truth.maps,
            by="both",
            mask=truth.detector_mask,
            background=truth.patterns[~truth.crystalline],
        )
        recall, _ = recall_precision(match, truth.crystalline)
        assert recall == 1.0
        matrix = found.settings["matrix_components"]
        assert 1 <= len(matrix) <= 2
        assert found.n_components <= truth.crystalline.sum() + 4

    def test_matrix_covers_the_scan(self, specimen, found):
        _, truth = specimen
        matrix = found.maps.data[found.settings["matrix_components"]].sum(axis=0)
        bare = truth.maps[truth.crystalline].sum(axis=0) == 0
        np.testing.assert_allclose(matrix[bare], np.median(matrix[bare]), rtol=0.5)

    def test_model_describes_the_data(self, specimen, found):
        signal, _ = specimen
        kept = ~found.detector_mask
        model = found.model().data.compute()[..., kept]
        data = signal.data[..., kept]
        left = np.mean((data - model) ** 2, axis=-1)
        # What no window tells of the others' patterns is a few per mille.
        assert np.mean(left) == pytest.approx(found.mse, rel=0.01)
        assert np.corrcoef(left.ravel(), found.position_mse.ravel())[0, 1] > 0.99
        np.testing.assert_allclose(np.nanmean(found.position_mse), found.mse, rtol=1e-12)

    def test_tree_and_groups(self, specimen, found):
        signal, _ = specimen
        groups = signal.hierarchical_cluster(found).cut()
        assert len(groups) >= 2
        assert groups.plot() is not None

    def test_settings(self, found):
        settings = found.settings
        assert settings["tiles"] == [20, 18]
        assert settings["weighting"] == "poisson"
        assert settings["n_components"] is None
        numbers = settings["components_per_tile"]
        assert len(numbers) == np.prod(settings["tiles_numbers"])
        assert min(numbers) >= 2

    def test_residual(self, specimen, found):
        residual = found.residual(specimen[0], show_progressbar=False)
        assert residual.mse == pytest.approx(found.mse, rel=0.01)

    def test_saved(self, found, tmp_path):
        found.save(tmp_path / "nmf.hspy")
        again = hs_nmfcluster.load(tmp_path / "nmf.hspy")
        assert_same(again, found)
        assert again.settings["tiles"] == found.settings["tiles"]

    def test_again_by_what_it_says_of_its_windows(self, part, found_in_part):
        known = found_in_part.settings
        again = part.decompose_als_nmf(tiles=(known["tiles"], known["tiles_overlap"]), **QUIET)
        assert_same(again, found_in_part)
        assert again.passes == found_in_part.passes - 1

    def test_learning_results(self, part):
        signal = part.deepcopy()
        found = signal.decompose_als_nmf(tiles=PART_TILES, **QUIET)
        assert signal.learning_results.factors.shape == (48 * 44, found.n_components)
        assert len(signal.hierarchical_cluster()) == found.n_components

    def test_automatic(self, specimen):
        found = specimen[0].deepcopy().decompose_als_nmf(**QUIET)
        assert found.settings["tiles_asked_for"] == "auto"
        assert all(10 <= n <= 40 for n in found.settings["tiles"])
        for size, shared in zip(
            found.settings["tiles"], found.settings["tiles_overlap"], strict=True
        ):
            assert 0 < shared < size


class TestWhateverTheDataLookLike:
    @pytest.mark.parametrize(
        "chunks", [(20, 24, 48, 44), (8, 8, -1, -1), (5, 24, 20, -1), ((1, 19), 7, 48, 11)]
    )
    def test_chunks(self, part, found_in_part, chunks, block_numbers):
        lazy = like(part, da.from_array(part.data, chunks=chunks))
        assert_same(lazy.decompose_als_nmf(tiles=PART_TILES, **QUIET), found_in_part)
        assert max(block_numbers) >= 1

    def test_read_again(self, part, found_in_part, monkeypatch, block_numbers):
        """Data that are not kept in memory: read for the first look, and once for each group."""
        from hs_nmfcluster.engine import memory

        monkeypatch.setattr(memory, "default_budget", lambda: 2**20)
        lazy = like(part, da.from_array(part.data, chunks=(5, 8, -1, -1)))
        again = lazy.decompose_als_nmf(tiles=PART_TILES, **QUIET)
        assert max(block_numbers) > 10
        assert not again.settings["data_in_memory"]
        assert_same(again, found_in_part)

    @pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
    def test_schedulers(self, part, found_in_part, scheduler):
        lazy = like(part, da.from_array(part.data, chunks=(10, 10, -1, -1)))
        with dask.config.set(scheduler=scheduler):
            assert_same(lazy.decompose_als_nmf(tiles=PART_TILES, **QUIET), found_in_part)

    @pytest.mark.parametrize("dtype", [">u2", ">u4", "f4", "f8", "i4"])
    def test_dtypes(self, part, found_in_part, dtype):
        other = like(part, part.data.astype(dtype))
        assert_same(other.decompose_als_nmf(tiles=PART_TILES, **QUIET), found_in_part)

    def test_few_components_at_a_time(self, specimen, found, monkeypatch):
        """Also where some of them are crystals all."""
        from hs_nmfcluster.factorization.neighbourhoods import assembly, joining

        monkeypatch.setattr(assembly, "_AT_A_TIME", 1)
        monkeypatch.setattr(joining, "_AT_A_TIME", 2)
        assert_same(specimen[0].decompose_als_nmf(tiles=(20, 18), **QUIET), found)

    def test_along_a_line(self):
        signal, truth = linear_mixture(
            (1, 400), (40, 44), pixel_size=0.5, n_particles=6, signal_fraction=0.3, dose=2e4, seed=1
        )
        line = NMFDiffraction2D(signal.data[0])
        found = line.decompose_als_nmf(signal_mask=truth.detector_mask, **QUIET)
        assert found.maps.data.shape[1:] == (400,)
        assert found.settings["tiles"] == [min(found.settings["tiles"][0], 400)]
        assert found.n_components >= 3

    def test_series_of_scans(self, specimen):
        signal, _ = specimen
        series = NMFDiffraction2D(np.stack([signal.data[:20, :22], signal.data[14:, 23:]]))
        found = series.decompose_als_nmf(tiles=(14, 12), **QUIET)
        assert found.maps.data.shape[1:] == (2, 20, 22)
        assert found.settings["tiles_numbers"][-1] == 2

    def test_masks(self, specimen):
        """A window that masks leave empty, and one that they leave a few positions of."""
        signal, _ = specimen
        mask = np.zeros(SCAN, bool)
        mask[:20, :20] = True
        mask[30:, 40:] = True
        found = signal.decompose_als_nmf(tiles=(12, 12), navigation_mask=mask, **QUIET)
        assert np.isnan(found.maps.data[:, mask]).all()
        assert np.isfinite(found.maps.data[:, ~mask]).all()
        np.testing.assert_array_equal(np.isnan(found.position_mse), mask)

    def test_larger_than_the_scan(self, part):
        found = part.decompose_als_nmf(tiles=(100, 100), **QUIET)
        assert np.prod(found.settings["tiles_numbers"]) == 1

    def test_empty_patterns(self, specimen):
        signal, _ = specimen
        data = signal.data.copy()
        data[:, :20] = 0
        found = like(signal, data).decompose_als_nmf(tiles=(12, 12), **QUIET)
        assert np.isfinite(found.mse)


@pytest.fixture(scope="module")
def large(specimen):
    """The same with maps that are taken to be too large for memory."""
    kept, local_maps.DENSE_BYTES = local_maps.DENSE_BYTES, 0
    signal = specimen[0].deepcopy()
    try:
        nmf = signal.decompose_als_nmf(tiles=(20, 18), **QUIET)
    finally:
        local_maps.DENSE_BYTES = kept
    return signal, nmf


class TestManyComponents:
    """Maps that are too large for memory: lazy, and without their zeros."""

    def test_maps(self, large, found):
        assert isinstance(large[1].maps.data, da.Array)
        assert_same(large[1], found)

    def test_model(self, large, found):
        model = large[1].model().data.compute()
        np.testing.assert_allclose(model, found.model().data.compute(), rtol=1e-5, atol=1e-6)
        one = large[1].model([1]).data.compute()
        np.testing.assert_allclose(one, found.model([1]).data.compute(), rtol=1e-5, atol=1e-6)

    def test_residual(self, large, found, specimen):
        residual = large[1].residual(specimen[0], show_progressbar=False)
        expected = found.residual(specimen[0], show_progressbar=False)
        assert residual.mse == pytest.approx(expected.mse, rel=1e-6)
        np.testing.assert_allclose(residual.mean.data, expected.mean.data, atol=1e-4)
        np.testing.assert_allclose(
            residual.pattern_excess.data, expected.pattern_excess.data, rtol=1e-4
        )

    def test_tree(self, large, specimen, found):
        tree = large[0].hierarchical_cluster()
        assert tree.factorization is large[1]
        expected = specimen[0].hierarchical_cluster(found)
        np.testing.assert_allclose(tree.linkage, expected.linkage, atol=1e-6)
        assert tree.cut().maps is not None

    def test_saved(self, large, found, tmp_path):
        large[1].save(tmp_path / "nmf.zspy")
        assert_same(hs_nmfcluster.load(tmp_path / "nmf.zspy"), found)

    def test_figures(self, large):
        assert large[1].plot() is not None
        assert "components" in large[1]._repr_html_()


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "error", "match"),
        [
            ({"tiles": (5, 1)}, ValueError, "`tiles`"),
            ({"tiles": 0}, ValueError, "`tiles`"),
            ({"tiles": "small"}, ValueError, "`tiles`"),
            ({"tiles": (5, 5, 5)}, ValueError, "`tiles`"),
            ({"tiles": 3.5}, TypeError, "`tiles`"),
            ({"tiles": ((20, 18), (4,))}, ValueError, "`tiles`"),
            ({"tiles": ((20, 18), (4, 10))}, ValueError, "half of their positions"),
            ({"tiles": None}, ValueError, "`n_components`"),
            ({"n_components": 30, "tiles": (5, 5)}, ValueError, "`n_components` = 30"),
            ({"tiles": (4, 6)}, ValueError, "`tiles` of 4 × 6 hold 24 positions"),
            ({"tiles": 4}, ValueError, "`tiles` of 4 × 4"),
            ({"weighting": "gauss"}, ValueError, "`weighting`"),
            ({"compression": None}, ValueError, "`compression=None`"),
            (
                {"constraints": hs_nmfcluster.SmoothPatterns()},
                ValueError,
                "`constraints`",
            ),
        ],
    )
    def test_refused(self, specimen, arguments, error, match):
        with pytest.raises(error, match=match):
            specimen[0].decompose_als_nmf(**arguments, **QUIET)

    @pytest.mark.parametrize("lazy", [False, True])
    def test_not_finite(self, specimen, lazy):
        signal, _ = specimen
        data = signal.data.astype("f4")
        data[21, 13, 20, 20] = np.nan
        chunks = {"chunks": (8, 8, -1, -1)}
        other = like(signal, da.from_array(data, **chunks) if lazy else data)
        with pytest.raises(ValueError, match=r"position \(13, 21\)"):
            other.decompose_als_nmf(tiles=(12, 12), **QUIET)

    def test_one_size_is_along_both_axes(self, part):
        found = part.decompose_als_nmf(tiles=14, restarts=1, **QUIET)
        assert found.settings["tiles"] == [14, 14]

    @pytest.mark.parametrize(
        ("tiles", "match"), [((10, 10), "has one axis"), (10, "hold 10 positions")]
    )
    def test_line(self, specimen, tiles, match):
        with pytest.raises(ValueError, match=match):
            NMFDiffraction2D(specimen[0].data[4]).decompose_als_nmf(tiles=tiles, **QUIET)

    def test_fewer_positions_than_a_window_needs(self, specimen):
        """Of a scan that is small anyway all is taken."""
        few = NMFDiffraction2D(specimen[0].data[:2, :4])
        assert few.decompose_als_nmf(tiles=(10, 10), **QUIET).n_components >= 1

    def test_masks_that_leave_one_position(self, specimen):
        mask = np.ones(SCAN, bool)
        mask[5, 5] = False
        found = specimen[0].decompose_als_nmf(tiles=(12, 12), navigation_mask=mask, **QUIET)
        assert np.isfinite(found.maps.data[:, 5, 5]).all()

    def test_masks_that_leave_fewer_than_components(self, specimen):
        mask = np.ones(SCAN, bool)
        mask[:4, :4] = False
        with pytest.raises(ValueError, match="at most 16"):
            specimen[0].decompose_als_nmf(20, tiles=(12, 12), navigation_mask=mask, **QUIET)

    def test_a_number_is_of_the_whole_scan(self, part):
        found = part.decompose_als_nmf(4, restarts=2, **QUIET)
        assert found.n_components == 4
        assert found.settings["tiles"] is None

    def test_a_number_and_tiles(self, part):
        found = part.decompose_als_nmf(3, tiles=PART_TILES, restarts=1, **QUIET)
        assert set(found.settings["components_per_tile"]) == {3}


class TestStopAndGoOn:
    def test_killed_between_groups(self, specimen, found, tmp_path, monkeypatch):
        from hs_nmfcluster.engine import job as jobs
        from hs_nmfcluster.factorization.neighbourhoods import tiling

        signal, _ = specimen
        monkeypatch.setattr(tiling, "GROUP", 1)
        monkeypatch.setattr(jobs, "_BLOCKS_AT_A_TIME", 0)
        done = []
        compute = jobs.scheduling.Pass.compute

        def stopping(self, blocks):
            done.append(len(blocks))
            if len(done) == 6:
                raise KeyboardInterrupt
            return compute(self, blocks)

        with monkeypatch.context() as once:
            once.setattr(jobs.scheduling.Pass, "compute", stopping)
            with pytest.raises(KeyboardInterrupt, match="goes on"):
                signal.decompose_als_nmf(tiles=(20, 18), checkpoint=tmp_path / "c", **QUIET)
        before = len(done)
        # What a part that was cut off would leave.
        with (tmp_path / "c" / "patterns.bin").open("ab") as put_aside:
            assert put_aside.tell() > 0
            put_aside.write(b"half a pattern")
        again = signal.decompose_als_nmf(tiles=(20, 18), checkpoint=tmp_path / "c", **QUIET)
        assert before == 6
        assert_same(again, found)


@pytest.mark.parametrize(("rows", "told"), [(50, False), (51, True)])
def test_a_study_of_a_large_scan_says_that_neighbourhoods_need_none(rows, told, capsys):
    data = np.random.default_rng(0).poisson(3.0, (rows, 50, 8, 8))
    NMFDiffraction2D(data).estimate_number_of_components(
        [2], restarts=1, signal_mask=None, show_progressbar=False
    )
    assert ("neighbourhoods" in capsys.readouterr().out) == told
