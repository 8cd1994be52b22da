"""What the components leave, against the plain formula and a phase that was left out."""

from dataclasses import replace

import numpy as np
import pytest
from scans import CHUNKS, counts, decompose, signal

from hs_nmfcluster.factorization.residual import excess, position_excess, standing_out


@pytest.fixture(scope="module")
def scan():
    return counts()


@pytest.fixture(scope="module")
def masks():
    rng = np.random.default_rng(3)
    return rng.random((5, 6)) < 0.2, rng.random((7, 9)) < 0.2


class TestResidual:
    @pytest.mark.parametrize("chunks", [None, *CHUNKS.values()], ids=["eager", *CHUNKS])
    def test_is_data_minus_model(self, scan, masks, chunks, block_numbers):
        s = signal(scan, chunks)
        nmf = decompose(s, navigation_mask=masks[0], signal_mask=masks[1])
        found = nmf.residual(s, show_progressbar=False)
        left = scan - nmf.model().data.compute()
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(found.mean.data, _mean(left, (0, 1)))
            np.testing.assert_allclose(
                found.worst.data, _mean(left[found.worst_positions], 0), atol=1e-12
            )
        assert found.mse == pytest.approx(nmf.mse)
        assert found.worst_positions.sum() == 3
        assert np.isnan(found.position_excess.data[masks[0]]).all()
        assert np.isnan(found.pattern_excess.data[masks[1]]).all()

    def test_blank_frames(self, scan):
        """Their model is zero, hence no excess; but they were factorized like the others."""
        data = scan.copy()
        data[2, 1:4] = 0
        s = signal(data)
        nmf = decompose(s)
        found = nmf.residual(s, show_progressbar=False)
        left = data - nmf.model().data.compute()
        np.testing.assert_allclose(found.mean.data, left.mean(axis=(0, 1)))
        assert found.mse == pytest.approx((left**2).mean())
        assert np.isnan(found.position_excess.data[2, 1:4]).all()

    @pytest.mark.parametrize("share", [0.8, 0.999])
    def test_mostly_negative(self, scan, share):
        """The dark signal was taken off twice: the model is zero nearly everywhere."""
        data = scan - int(np.quantile(scan, share))
        s = signal(data)
        nmf = decompose(s, 2)
        found = nmf.residual(s, show_progressbar=False)
        left = data - nmf.model().data.compute()
        np.testing.assert_allclose(found.mean.data, left.mean(axis=(0, 1)), atol=1e-9)
        worst = left[found.worst_positions].mean(axis=0)
        np.testing.assert_allclose(found.worst.data, worst, atol=1e-9)
        assert "MSE" in repr(found)
        found.plot().canvas.draw()

    def test_no_position_with_intensity(self, scan):
        s = signal(scan)
        nmf = decompose(s)
        nothing = replace(nmf, maps=nmf.maps * 0, position_mse=(scan**2).mean(axis=(2, 3)))
        nothing.mse = (scan.astype(float) ** 2).mean()
        found = nothing.residual(s, show_progressbar=False)
        assert found.worst_positions.flat[np.argmax(nothing.position_mse)]
        assert np.isnan(found.position_excess.data).all()
        np.testing.assert_allclose(found.mean.data, scan.mean(axis=(0, 1)))
        assert "no intensity to compare it with" in repr(found)
        found.plot().canvas.draw()

    def test_maps_on_a_cluster(self, scan):
        s = signal(scan)
        nmf = decompose(s)
        found = replace(nmf, maps=nmf.maps.as_lazy()).residual(s, show_progressbar=False)
        expected = nmf.residual(s, show_progressbar=False)
        np.testing.assert_allclose(found.mean.data, expected.mean.data)
        np.testing.assert_allclose(found.position_excess.data, expected.position_excess.data)

    def test_excesses(self, scan):
        s = signal(scan)
        nmf = decompose(s)
        model = nmf.model().data.compute()
        square = (scan - model) ** 2
        # One pixel never counts: what is 0/0 is not known.
        with np.errstate(invalid="ignore"):
            ratio = square.mean(axis=(0, 1)) / scan.mean(axis=(0, 1))
        assert np.isnan(ratio).sum() == 1
        found = nmf.residual(s, show_progressbar=False)
        np.testing.assert_allclose(found.pattern_excess.data, ratio / np.nanmedian(ratio))
        ratio = square.mean(axis=(2, 3)) / model.mean(axis=(2, 3))
        np.testing.assert_allclose(found.position_excess.data, ratio / np.median(ratio))

    def test_calibration_follows_the_scan(self, scan):
        s = signal(scan)
        s.axes_manager[0].scale, s.axes_manager[0].units = 1.5, "nm"
        for axis in s.axes_manager.signal_axes:
            axis.scale, axis.units = 0.2, "1/nm"
        found = decompose(s).residual(s, show_progressbar=False)
        assert found.position_excess.axes_manager.signal_axes[0].scale == 1.5
        assert [a.units for a in found.worst.axes_manager.signal_axes] == ["1/nm"] * 2

    @pytest.mark.parametrize("shape", [(30,), (2, 3, 5)])
    def test_any_scan(self, shape):
        s = signal(counts((*shape, 7, 9)))
        found = decompose(s).residual(s, show_progressbar=False)
        assert found.position_excess.data.shape == shape
        assert found.plot().axes

    def test_refuses_another_scan(self, scan):
        s = signal(scan)
        nmf = decompose(s)
        with pytest.raises(ValueError, match=r"shape \(5, 6, 7, 9\)"):
            nmf.residual(s.inav[:3])
        with pytest.raises(ValueError, match="not the scan that was factorized"):
            nmf.residual(signal(counts(seed=5)))


def _mean(values, axis):
    """Mean without NaN; NaN where nothing is measured."""
    number = np.isfinite(values).sum(axis=axis)
    return np.where(number > 0, np.nansum(values, axis=axis) / np.maximum(number, 1), np.nan)


class TestMissedPhase:
    """A crystal at a few positions that a single component cannot describe."""

    @pytest.fixture(scope="class")
    @classmethod
    def found(cls):
        rng = np.random.default_rng(0)
        halo = 50 * np.exp(-(np.linspace(-1.5, 1.5, 20) ** 2))
        scan = np.broadcast_to(halo[:, None] + halo, (12, 14, 20, 20)).copy()
        scan[3:5, 6:8, 4, [5, 15]] += 120
        s = signal(rng.poisson(scan))
        one = decompose(s, 1).residual(s, show_progressbar=False)
        two = decompose(s, 2, max_iterations=200, restarts=5).residual(s, show_progressbar=False)
        return one, two

    def test_its_positions_stand_out(self, found):
        out = standing_out(found[0].position_excess.data)
        assert out[3:5, 6:8].all()
        assert out.sum() == 4
        assert found[0].share_left == pytest.approx(4 / 168)

    def test_its_pattern_is_seen(self, found):
        rows, columns = np.unravel_index(np.argsort(-found[0].worst.data, axis=None)[:2], (20, 20))
        assert rows.tolist() == [4, 4]
        assert sorted(columns) == [5, 15]

    def test_its_pixels_stand_out(self, found):
        out = np.argwhere(standing_out(found[0].pattern_excess.data))
        assert out.tolist() == [[4, 5], [4, 15]]

    def test_nothing_stands_out_once_it_is_described(self, found):
        assert found[1].share_left == 0
        assert not standing_out(found[1].pattern_excess.data).any()

    def test_repr_says_it(self, found):
        assert "2.4 % of the positions stand out" in repr(found[0])


class TestExcess:
    def test_does_not_depend_on_thickness_and_gain(self):
        rng = np.random.default_rng(1)
        thickness = np.linspace(1, 5, 40)[:, None]
        data = 7.0 * rng.poisson(100 * thickness * np.ones(4000))
        mse = ((data - 700 * thickness) ** 2).mean(axis=1)
        np.testing.assert_allclose(excess(mse, 700 * thickness[:, 0]), 1, atol=0.12)

    def test_no_intensity_is_not_known(self):
        assert np.isnan(excess(np.array([1.0, 1.0, np.nan]), np.array([0.0, -1.0, 1.0]))).all()

    def test_exact_model(self):
        assert excess(np.zeros(3), np.ones(3)).tolist() == [1, 1, 1]
        assert not standing_out(np.ones(3)).any()

    def test_of_a_factorization(self, scan):
        nmf = decompose(signal(scan))
        assert position_excess(nmf.position_mse, nmf.patterns.data, nmf.maps.data).shape == (5, 6)
