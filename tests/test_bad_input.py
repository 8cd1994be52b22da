"""What cannot be used is refused with an error that names it, before any long work."""

import inspect
import warnings

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from scans import counts, decompose, signal

from hs_nmfcluster import LazyNMFDiffraction2D, NMFDiffraction2D

METHODS = {
    "decompose": lambda s: decompose(s),
    "mean": lambda s: s.get_mean_pattern(),
    "image": lambda s: s.get_virtual_image(0, 2),
    "center": lambda s: s.estimate_beam_center(),
    "polar": lambda s: s.polar_transform(),
    "cluster": lambda s: s.hierarchical_cluster(),
    "plot": lambda s: s.plot_scan(),
    "mask": lambda s: s.get_detector_mask(0, 2),
}


class TestData:
    @pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
    @pytest.mark.parametrize("dtype", ["c8", "c16", "bool", "U3"])
    @pytest.mark.parametrize("lazy", [False, True])
    def test_type(self, method, dtype, lazy):
        data = counts().astype(dtype)
        # HyperSpy's own `as_lazy` would make a complex signal of complex data.
        s = LazyNMFDiffraction2D(da.from_array(data)) if lazy else NMFDiffraction2D(data)
        with pytest.raises(TypeError, match=f"dtype {np.dtype(dtype)}"):
            method(s)

    @pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
    def test_objects(self, method):
        s = NMFDiffraction2D(np.empty((2, 3, 4, 5), dtype=object))
        with pytest.raises(TypeError, match="object"):
            method(s)

    @pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
    def test_ragged(self, method):
        data = np.empty((2, 3), dtype=object)
        for index in np.ndindex(data.shape):
            data[index] = np.ones((4, 4 + sum(index)))
        s = hs.signals.BaseSignal(data, ragged=True)
        s.__class__ = NMFDiffraction2D
        with pytest.raises(ValueError, match="ragged"):
            method(s)

    @pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
    @pytest.mark.parametrize("dimension", [1, 3])
    def test_signal_dimension(self, method, dimension):
        s = signal(counts())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            s = s.transpose(signal_axes=dimension)
        s.__class__ = NMFDiffraction2D
        with pytest.raises(ValueError, match=f"signal dimension is {dimension}"):
            method(s)

    @pytest.mark.parametrize("method", ["decompose", "mean", "image", "plot"])
    def test_single_pattern(self, method):
        with pytest.raises(ValueError, match="no navigation axis"):
            METHODS[method](signal(counts()[0, 0]))

    @pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
    @pytest.mark.parametrize("axis", [0, -1])
    def test_non_uniform_axis(self, method, axis):
        s = signal(counts())
        s.axes_manager[axis].name = "bent"
        s.axes_manager[axis].convert_to_non_uniform_axis()
        with pytest.raises(ValueError, match="bent is not uniform"):
            method(s)

    @pytest.mark.parametrize("order", [(0, 1), (0, 3), (1, 2)])
    def test_detector_axes_not_last_in_the_array(self, order):
        axes = [{"size": n, "navigate": i not in order} for i, n in enumerate((5, 6, 7, 9))]
        s = NMFDiffraction2D(counts(), axes=axes)
        with pytest.raises(ValueError, match="transpose"):
            decompose(s)
        found = decompose(s.transpose(signal_axes=s.axes_manager.signal_axes))
        ordered = np.moveaxis(counts(), order, (2, 3))
        np.testing.assert_allclose(
            found.patterns.data, decompose(signal(ordered)).patterns.data, rtol=1e-9
        )


class TestValues:
    @pytest.mark.parametrize("chunks", [None, (2, 4, 3, 9)])
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_invalid(self, value, chunks):
        data = counts().astype("f4")
        data[3, 1, 2, 5] = data[3, 1, 2, 6] = data[4, 5, 2, 5] = value
        with pytest.raises(ValueError, match="NaN or infinite") as error:
            decompose(signal(data, chunks))
        message = str(error.value)
        assert "3 NaN" in message
        assert "(1, 3)" in message
        assert "(5, 2)" in message
        for way_out in ("signal_mask", "navigation_mask", "nan_to_num"):
            assert way_out in message

    def test_place_is_one_that_matters(self):
        """Values that a mask leaves out are not where to look."""
        data = counts().astype("f4")
        left_out = np.zeros((7, 9), dtype=bool)
        left_out[0, 0] = True
        data[0, 2, 0, 0] = data[4, 1, 6, 8] = np.nan
        with pytest.raises(ValueError, match="hold 1 NaN") as error:
            decompose(signal(data), signal_mask=left_out)
        assert "(1, 4)" in str(error.value)
        assert "(8, 6)" in str(error.value)

    def test_the_advice_helps(self):
        data = counts().astype("f4")
        data[3, 1, 2, 5] = np.nan
        s = signal(data)
        bad = np.isnan(data).any(axis=(0, 1))
        assert np.isfinite(decompose(s, signal_mask=bad).mse)
        bad = np.isnan(data).any(axis=(2, 3))
        assert np.isfinite(decompose(s, navigation_mask=bad).mse)
        s.map(np.nan_to_num, show_progressbar=False)
        assert np.isfinite(decompose(s).mse)

    @pytest.mark.parametrize("chunks", [None, (2, 4, 3, 9)])
    @pytest.mark.parametrize(("value", "dtype"), [(0, "u2"), (0, "f4"), (-3, "i2"), (-1.5, "f8")])
    def test_no_positive_value(self, value, dtype, chunks):
        with pytest.raises(ValueError, match="no positive value"):
            decompose(signal(np.full((5, 6, 7, 9), value, dtype), chunks), signal_mask="auto")

    @pytest.mark.parametrize("chunks", [None, (2, 4, 3, 9)])
    @pytest.mark.parametrize("scale", [1e304, 1e200, 1e99, 1e-103, 1e-200])
    @pytest.mark.parametrize("mask", ["auto", None])
    def test_squares_out_of_range(self, scale, chunks, mask):
        with pytest.raises(ValueError, match=r"cannot be summed\. Divide the data"):
            decompose(signal(counts() * scale, chunks), signal_mask=mask)

    def test_squares_within_range(self):
        """Of electrons as a physicist may count them, in coulombs."""
        expected = decompose(signal(counts()))
        found = decompose(signal(counts() * 1.6e-19))
        np.testing.assert_allclose(found.patterns.data, expected.patterns.data, rtol=1e-6)

    def test_signal_in_masked_pixels_only(self):
        data, left_out = np.zeros((5, 6, 7, 9), dtype="u2"), np.zeros((7, 9), dtype=bool)
        data[..., 2, 3], left_out[2, 3] = 7, True
        with pytest.raises(ValueError, match=r"No signal is left after masking.*signal_mask"):
            decompose(signal(data), signal_mask=left_out)

    def test_signal_in_masked_positions_only(self):
        data, left_out = np.zeros((5, 6, 7, 9), dtype="u2"), np.zeros((5, 6), dtype=bool)
        data[1, 2], left_out[1, 2] = 7, True
        with pytest.raises(ValueError, match="navigation_mask"):
            decompose(signal(data), navigation_mask=left_out)

    def test_empty_scan(self):
        with pytest.raises(ValueError, match="empty"):
            decompose(signal(np.zeros((0, 7, 9))))


class TestArguments:
    @pytest.mark.parametrize(
        ("name", "value", "error"),
        [
            ("n_components", 0, ValueError),
            ("n_components", -2, ValueError),
            ("n_components", 31, ValueError),
            ("n_components", 2.0, TypeError),
            ("n_components", "3", TypeError),
            ("n_components", True, TypeError),
            ("n_components", None, TypeError),
            ("n_components", [2, 3], TypeError),
            ("restarts", 0, ValueError),
            ("restarts", 1.5, TypeError),
            ("tolerance", 0, ValueError),
            ("tolerance", -1e-3, ValueError),
            ("tolerance", np.nan, ValueError),
            ("tolerance", np.inf, ValueError),
            ("tolerance", "small", TypeError),
            ("tolerance", None, TypeError),
            ("max_iterations", 0, ValueError),
            ("max_iterations", 10.0, TypeError),
            ("solver", "mu", ValueError),
            ("solver", None, ValueError),
            ("solver", ["als"], ValueError),
            ("compression", "svd", ValueError),
            ("compression", True, ValueError),
            ("ridge", -1e-3, ValueError),
            ("ridge", np.nan, ValueError),
            ("ridge", "0.1", TypeError),
            ("random_state", -1, ValueError),
            ("random_state", "seed", TypeError),
            ("random_state", 0.5, TypeError),
            ("signal_mask", "automatic", ValueError),
            ("signal_mask", True, TypeError),
            ("signal_mask", [[True]], TypeError),
            ("signal_mask", np.zeros((9, 7), dtype=bool), ValueError),
            ("signal_mask", np.zeros((7, 9, 1), dtype=bool), ValueError),
            ("signal_mask", np.zeros((7, 9), dtype="u1"), TypeError),
            ("signal_mask", np.ones((7, 9), dtype=bool), ValueError),
            ("signal_mask", hs.signals.Signal2D(np.zeros((9, 7), dtype=bool)), ValueError),
            ("signal_mask", hs.signals.Signal2D(np.zeros((7, 9))), TypeError),
            ("navigation_mask", "auto", TypeError),
            ("navigation_mask", np.zeros((6, 5), dtype=bool), ValueError),
            ("navigation_mask", np.zeros(30, dtype=bool), ValueError),
            ("navigation_mask", np.zeros((5, 6)), TypeError),
            ("navigation_mask", np.ones((5, 6), dtype=bool), ValueError),
            ("navigation_mask", hs.signals.Signal2D(np.zeros((6, 5), dtype=bool)), ValueError),
            ("center", (9, 3), ValueError),
            ("center", (-1, 3), ValueError),
            ("center", (3, 7), ValueError),
            ("center", (np.nan, 3), ValueError),
            ("center", (3,), TypeError),
            ("center", (1, 2, 3), TypeError),
            ("center", 4, TypeError),
            ("center", "middle", TypeError),
            ("center", (3, None), TypeError),
        ],
    )
    def test_decompose(self, name, value, error):
        with pytest.raises(error, match=f"`{name}`"):
            decompose(signal(counts()), **{name: value})

    def test_no_data_are_read_for_a_wrong_argument(self):
        def fail(_):
            raise AssertionError("the data were read")

        data = da.zeros((5, 6, 7, 9), chunks=(2, 3, 7, 9)).map_blocks(
            fail, dtype=float, meta=np.empty((0,) * 4)
        )
        s = signal(counts(), (5, 6, 7, 9))
        s.data = data
        for wrong in (
            {"n_components": 0},
            {"restarts": 0},
            {"center": (90, 3)},
            {"signal_mask": np.zeros((2, 2), dtype=bool)},
            {"navigation_mask": np.zeros((2, 2), dtype=bool)},
            {"n_components": 31},
        ):
            with pytest.raises(ValueError, match=f"`{next(iter(wrong))}`"):
                decompose(s, **wrong)

    def test_more_components_than_masks_leave(self):
        left_out = np.ones((5, 6), dtype=bool)
        left_out[0, :2] = False
        with pytest.raises(ValueError, match=r"`n_components` = 3 .*at most 2 .*2 positions"):
            decompose(signal(counts()), navigation_mask=left_out)

    def test_more_components_than_pixels(self):
        with pytest.raises(ValueError, match=r"`n_components` = 5 .*at most 4"):
            decompose(signal(counts((5, 6, 2, 2))), 5)

    @pytest.mark.parametrize("ranks", [5, None])
    def test_ranks_that_are_no_collection(self, ranks):
        with pytest.raises(TypeError, match=rf"`ranks` must be .*got {ranks}"):
            signal(counts()).estimate_number_of_components(ranks)

    def test_zero_is_allowed_where_the_message_says_so(self):
        with pytest.raises(ValueError, match="`ridge` must be finite and ≥ 0, got -1"):
            decompose(signal(counts()), ridge=-1)
        decompose(signal(counts()), ridge=0)

    @pytest.mark.parametrize("mask", ["auto", None])
    def test_more_components_in_a_study_than_positions(self, mask):
        with pytest.raises(ValueError, match=r"`max\(ranks\)` = 31 .*at most 30"):
            signal(counts()).estimate_number_of_components([2, 31], signal_mask=mask)

    def test_more_components_in_a_study_than_the_mask_that_is_found_leaves(self):
        scan = signal(np.random.default_rng(0).poisson(5, (20, 20, 6, 6)).astype(float))
        with pytest.raises(ValueError, match=r"`max\(ranks\)` = 36 .*400 positions × \d\d pixels"):
            scan.estimate_number_of_components([2, 36], print_info=False)

    def test_hint_at_the_order_of_axes(self):
        with pytest.raises(ValueError, match=r"mask\.T"):
            decompose(signal(counts()), navigation_mask=np.zeros((6, 5), dtype=bool))

    @pytest.mark.parametrize(
        ("inner", "outer", "error", "match"),
        [
            (2, 1, ValueError, "inner < outer"),
            (2, 2, ValueError, "inner < outer"),
            (-1, 2, ValueError, "inner < outer"),
            (np.nan, 2, ValueError, "inner < outer"),
            (0, np.nan, ValueError, "inner < outer"),
            ("0", 2, TypeError, "`inner`"),
            (0, None, TypeError, "`outer`"),
            (True, 2, TypeError, "`inner`"),
            (0, [1, 2], TypeError, "`outer`"),
            (0, 1 + 1j, TypeError, "`outer`"),
        ],
    )
    @pytest.mark.parametrize("method", ["get_detector_mask", "get_virtual_image"])
    def test_radii(self, method, inner, outer, error, match):
        with pytest.raises(error, match=match):
            getattr(signal(counts()), method)(inner, outer)

    @pytest.mark.parametrize("method", ["get_detector_mask", "get_virtual_image"])
    def test_ring_centre(self, method):
        with pytest.raises(ValueError, match="`center`"):
            getattr(signal(counts()), method)(0, 2, center=(50, 3))

    @pytest.mark.parametrize(
        ("name", "value", "error"),
        [
            ("n_radial", 0, ValueError),
            ("n_radial", 2.5, TypeError),
            ("n_azimuthal", 0, ValueError),
            ("n_azimuthal", "many", TypeError),
            ("radial_range", (3, 1), ValueError),
            ("radial_range", (1,), (TypeError, ValueError)),
            ("radial_range", 3, TypeError),
            ("radial_range", (0, np.nan), ValueError),
            ("radial_range", (100, 200), ValueError),
            ("center", (50, 3), ValueError),
        ],
    )
    @pytest.mark.parametrize("method", ["polar_transform", "hierarchical_cluster"])
    def test_polar(self, method, name, value, error):
        s = signal(counts((6, 21, 25)))
        with pytest.raises(error, match=f"`{name}`"):
            getattr(s, method)(**{"center": (12, 10)} | {name: value})

    @pytest.mark.parametrize("components", [[7], -4, "all", 1.5])
    def test_model_components(self, components):
        nmf = decompose(signal(counts()))
        with pytest.raises(IndexError):
            nmf.model(components)


class TestNamesOfOtherPrograms:
    @pytest.mark.parametrize(
        ("method", "given", "ours"),
        [
            ("decompose_als_nmf", "output_dimension", "n_components"),
            ("decompose_als_nmf", "max_iter", "max_iterations"),
            ("decompose_als_nmf", "mask", "signal_mask"),
            ("estimate_number_of_components", "n_components", "ranks"),
        ],
    )
    def test_hint(self, method, given, ours):
        s = signal(counts())
        with pytest.raises(TypeError, match=f"`{given}` is called `{ours}` here"):
            getattr(s, method)(**{given: 3})
        assert ours in inspect.signature(getattr(s, method)).parameters

    def test_others_as_ever(self):
        with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
            signal(counts()).decompose_als_nmf(colour=3)


class TestCenter:
    """A centre that is given but lies off the beam."""

    @pytest.fixture
    def scan(self):
        y, x = np.indices((48, 56))
        beam = 2000 * np.exp(-((x - 35) ** 2 + (y - 20) ** 2) / 4)
        return signal(np.random.default_rng(0).poisson(beam + 2, (4, 5, 48, 56)))

    @pytest.mark.parametrize(
        ("center", "words"),
        [((20, 35), "Are x and y swapped?"), ((35, 28), "lies 8 px off the beam")],
    )
    def test_is_warned_of(self, scan, caplog, center, words):
        nmf = decompose(scan, 2, center=center)
        (record,) = [r for r in caplog.records if "off the beam" in r.getMessage()]
        assert record.levelname == "WARNING"
        assert words in record.getMessage()
        assert "`center=(35.0" in record.getMessage()
        assert nmf.settings["center_off"] > 4
        assert ("swapped" in words) == ("swapped" in record.getMessage())

    @pytest.mark.parametrize("center", [(35, 20), (36, 20.5), None])
    def test_is_not_where_it_lies_on_it(self, scan, caplog, center):
        nmf = decompose(scan, 2, center=center)
        assert "off the beam" not in caplog.text
        assert nmf.settings["center_off"] < 2

    def test_no_beam(self, caplog):
        nmf = decompose(signal(counts()), 2, center=(1, 1))
        assert "off the beam" not in caplog.text
        assert nmf.settings["center_off"] == 0


class TestClustering:
    @pytest.mark.parametrize("lazy", [False, True])
    def test_before_a_decomposition(self, lazy):
        s = signal(counts(), (2, 3, 7, 9) if lazy else None)
        with pytest.raises(ValueError, match="decompose_als_nmf"):
            s.hierarchical_cluster()

    def test_not_a_factorization(self):
        with pytest.raises(TypeError, match="`factorization`"):
            signal(counts()).hierarchical_cluster(counts())

    def test_single_component(self):
        s = signal(counts())
        nmf = decompose(s, 1)
        with pytest.raises(ValueError, match="At least 2"):
            s.hierarchical_cluster(nmf)

    @pytest.mark.parametrize(("name", "value"), [("by", "spots"), ("metric", "manhattan")])
    def test_choices(self, name, value):
        s = signal(counts())
        nmf = decompose(s)
        with pytest.raises(ValueError, match=f"`{name}`"):
            s.hierarchical_cluster(nmf, **{name: value})

    def test_cut(self):
        s = signal(counts())
        tree = s.hierarchical_cluster(decompose(s), center=(4, 3))
        for wrong in (
            {"distance": 0.2, "n_groups": 2},
            {"n_groups": 0},
            {"n_groups": 4},
            {"distance": -0.1},
            {"distance": np.nan},
        ):
            with pytest.raises(ValueError, match=r"distance|n_groups"):
                tree.cut(**wrong)
        for wrong in ({"distance": "0.2"}, {"n_groups": 1.5}):
            with pytest.raises(TypeError, match=r"distance|n_groups"):
                tree.cut(**wrong)
        assert len(tree.cut()) >= 1
