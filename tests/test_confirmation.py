import numpy as np
import pytest

from hs_nmfcluster.simulation import Instrument, linear_mixture

QUIET = {"show_progressbar": False}


@pytest.fixture(scope="module")
def scan():
    signal, _ = linear_mixture((20, 22), (48, 48), pixel_size=0.4, n_particles=3, dose=2e5, seed=4)
    nmf = signal.decompose_als_nmf(random_state=0, print_info=False, **QUIET)
    return signal, nmf


def test_crystals_are_confirmed_by_other_electrons(scan):
    signal, nmf = scan
    found = signal.confirm_components(random_state=0, **QUIET)
    assert found.split == "electrons"
    assert found.crystalline.sum() == 3
    np.testing.assert_array_equal(found.confirmed, found.crystalline)
    np.testing.assert_array_equal(np.isnan(found.significance), ~found.crystalline)
    assert repr(found) == "<Confirmation: 3 of 3 crystals are in the held-out electrons (10 %)>"
    lazy = signal.as_lazy().confirm_components(nmf, random_state=0, **QUIET)
    np.testing.assert_allclose(lazy.significance, found.significance)


def test_crystals_are_confirmed_at_other_positions(scan):
    signal, nmf = scan
    scaled = signal * 0.5
    found = scaled.confirm_components(nmf, **QUIET)
    assert (found.split, found.share) == ("positions", 0.5)
    np.testing.assert_array_equal(found.confirmed, found.crystalline)
    with pytest.raises(ValueError, match='split="positions"'):
        scaled.confirm_components(nmf, split="electrons", **QUIET)


@pytest.mark.slow
def test_a_beam_that_moves_is_no_noise():
    moving, _ = linear_mixture(
        (26, 26),
        (64, 64),
        pixel_size=0.3,
        n_particles=3,
        dose=3e5,
        seed=4,
        instrument=Instrument(drift=5.0),
    )
    nmf = moving.decompose_als_nmf(random_state=0, print_info=False, **QUIET)
    assert nmf.corrections.shifts is not None
    found = moving.confirm_components(nmf, random_state=0, **QUIET)
    assert found.split == "electrons"
    np.testing.assert_array_equal(found.confirmed, found.crystalline)
    assert found.crystalline.sum() == 3


def test_what_is_not_found_again_is_not_confirmed(scan):
    signal, nmf = scan
    # The same crystals elsewhere, as if these had never been there.
    other = signal._deepcopy_with_new_data(signal.data[::-1, ::-1].copy())
    found = other.confirm_components(nmf, random_state=0, **QUIET)
    assert found.crystalline.sum() == 3
    assert not found.confirmed.any()
    assert "not confirmed: Components" in found.in_words()


def test_wrong_arguments_are_named(scan):
    signal, nmf = scan
    with pytest.raises(ValueError, match="`share` must be > 0 and < 1, got 1"):
        signal.confirm_components(share=1)
    with pytest.raises(ValueError, match="`split` must be one of"):
        signal.confirm_components(split="half")
    with pytest.raises(ValueError, match="of a scan of shape"):
        signal.inav[:10].confirm_components(nmf)
    fresh, _ = linear_mixture((6, 6), (32, 32), pixel_size=0.6, n_particles=0)
    with pytest.raises(ValueError, match="call `decompose_als_nmf` first"):
        fresh.confirm_components()


def test_table_has_a_row_for_each_component(scan, tmp_path):
    signal, nmf = scan
    signal.confirm_components(random_state=0, **QUIET).to_csv(tmp_path / "confirmed.csv")
    lines = (tmp_path / "confirmed.csv").read_text().splitlines()
    assert lines[0].startswith("component,crystal,likeness,significance")
    assert len(lines) == nmf.n_components + 1
