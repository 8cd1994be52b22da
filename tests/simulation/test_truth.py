"""What is known of a specimen, and how it is kept."""

import hyperspy.api as hs
import numpy as np
import pytest

from hs_nmfcluster.simulation import Truth, linear_mixture


@pytest.fixture(scope="module")
def specimen():
    return linear_mixture((14, 20), (24, 32), pixel_size=0.7, n_particles=3, diameter=4.0)


def assert_same(first: Truth, second: Truth) -> None:
    for name, value in first.as_dict().items():
        other = second.as_dict()[name]
        if isinstance(value, dict):
            assert list(value) == list(other)
            for key in value:
                np.testing.assert_array_equal(value[key], other[key])
        else:
            np.testing.assert_array_equal(value, other, err_msg=name)
    assert isinstance(second.families, tuple)
    assert isinstance(second.center, tuple)


class TestTruth:
    def test_derived(self, specimen):
        truth = specimen[1]
        assert truth.n_components == 4
        assert truth.families == ("amorphous", "A", "B", "C")
        assert truth.labels.tolist() == [0, 1, 2, 3]
        assert truth.crystalline.tolist() == [False, True, True, True]
        area = truth.masks[1:].sum(axis=(1, 2)) * 1.5**2
        np.testing.assert_allclose(area, np.pi * 4.0**2 / 4, rtol=0.3)

    def test_repr_is_a_line(self, specimen):
        truth = specimen[1]
        assert repr(truth).startswith("<Truth: 1 amorphous, 1 A, 1 B, 1 C; scan of ")
        assert "\n" not in repr(truth)
        assert len(repr(truth)) < 100

    def test_npz(self, specimen, tmp_path):
        truth = specimen[1]
        truth.save(tmp_path / "truth.npz")
        assert_same(truth, Truth.load(tmp_path / "truth.npz"))

    @pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
    def test_goes_with_the_signal(self, specimen, tmp_path, suffix):
        signal, truth = specimen
        signal.save(tmp_path / f"scan{suffix}")
        loaded = hs.load(tmp_path / f"scan{suffix}")
        assert_same(truth, Truth.from_signal(loaded))

    def test_cropped_signal(self, specimen):
        with pytest.raises(ValueError, match="cropped or binned"):
            Truth.from_signal(specimen[0].inav[:5])

    def test_other_signal(self, specimen):
        with pytest.raises(ValueError, match="holds no truth"):
            Truth.from_signal(hs.signals.Signal2D(np.zeros((2, 3, 4))))

    def test_no_crystals(self, tmp_path):
        _, truth = linear_mixture((3, 4), (8, 8), particles=())
        truth.save(tmp_path / "truth.npz")
        loaded = Truth.load(tmp_path / "truth.npz")
        assert loaded.families == ("amorphous",)
        assert loaded.spacings == {}
