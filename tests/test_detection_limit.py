from dataclasses import replace

import numpy as np
import pytest

from hs_nmfcluster.report.figures import illustrations
from hs_nmfcluster.results.planted import PlantedParticles
from hs_nmfcluster.simulation import linear_mixture

QUIET = {"show_progressbar": False}


def analysed(signal):
    nmf = signal.decompose_als_nmf(random_state=0, print_info=False, **QUIET)
    return signal.hierarchical_cluster(nmf, **QUIET).cut()


@pytest.fixture(scope="module")
def scan():
    signal, _ = linear_mixture(
        (30, 32), (48, 48), pixel_size=0.4, n_particles=3, dose=3e5, probe_width=1.0, seed=4
    )
    return signal, analysed(signal)


@pytest.fixture(scope="module")
def limit(scan):
    signal, groups = scan
    before = signal.data.copy()
    found = signal.detection_limit(groups, random_state=0, **QUIET)
    np.testing.assert_array_equal(signal.data, before)
    return found


def test_large_particles_are_found_and_small_ones_are_not(limit):
    low, half, high = limit.diameter()
    assert 1 < low < half < high < 10
    sizes, found = limit.planted.diameter, limit.planted.found
    assert found[sizes > 1.5 * high].all()
    assert not found[sizes < low / 1.5].any()
    assert sum(limit.false_positives) <= 1
    assert limit.size_bias == pytest.approx(0, abs=0.15)
    assert limit.intensity_bias == pytest.approx(0, abs=0.3)
    most = limit.diameter(0.95)[1]
    assert most <= sizes.max()
    assert f"would be found, 95 % of those of {most:.2g} nm" in repr(limit)


def test_a_share_that_is_not_reached_is_not_claimed(limit):
    sizes = np.repeat(np.geomspace(1.5, 12, 8), 20)
    same, number = np.ones(160), np.zeros(160, int)

    def said(found):
        columns = (same, same, sizes, same, number, same, number, found, sizes, same)
        return replace(limit, planted=PlantedParticles(*columns), found_in_scan=0)

    large = said(sizes > 3)
    most = f"{large.diameter(0.95)[1]:.2g} nm"
    assert f"95 % of those of {most}: there are hardly any above {most}; 160" in large.in_words()
    lossy = said((sizes > 3) & (np.arange(160) % 6 > 0))
    assert np.isinf(lossy.diameter(0.95)[1])
    words = lossy.in_words()
    assert "would be found, 85 % of the largest tried, 12 nm; 160" in words
    assert "hardly" not in words


def test_particles_take_what_those_of_the_specimen_do(limit):
    # 5 % in 7 nm, of electrons on the whole detector.
    ratio = limit.planted.fraction / limit.planted.diameter
    assert ratio == pytest.approx(0.05 / 7, rel=0.15)


@pytest.mark.slow
def test_lazy_data_give_the_same(scan, limit):
    signal, groups = scan
    lazy = signal.as_lazy().detection_limit(groups, random_state=0, **QUIET)
    np.testing.assert_array_equal(lazy.planted.x, limit.planted.x)
    np.testing.assert_array_equal(lazy.planted.found, limit.planted.found)


@pytest.mark.slow
def test_weaker_particles_must_be_larger(scan):
    signal, groups = scan
    found = signal.detection_limit(
        groups, diameters=[2, 4, 7], fractions=[0.1, 0.002], number=12, random_state=0, **QUIET
    )
    assert found.fractions == (0.002, 0.1)
    strong, weak = ([share for _, _, share, *_ in found.recall(f)] for f in (0.1, 0.002))
    assert sum(strong) > sum(weak) + 0.5
    assert found.diameter(fraction=0.1)[1] < found.diameter(fraction=0.002)[1]
    with pytest.raises(ValueError, match="`fraction` must be one of"):
        found.diameter()
    assert found.in_words().count("% of the electrons") >= 1
    assert [ax.get_label() for ax in found.plot().axes] == ["recall", "diameters"]


@pytest.mark.slow
def test_scan_without_crystals_needs_a_pattern(scan):
    _, groups = scan
    glass, _ = linear_mixture((24, 24), (48, 48), pixel_size=0.4, n_particles=0, dose=3e5, seed=1)
    own = analysed(glass)
    with pytest.raises(ValueError, match="There is no crystal"):
        glass.detection_limit(own)
    crystal = groups.patterns.data[0]
    with pytest.raises(ValueError, match="give `fractions`"):
        glass.detection_limit(own, pattern=crystal)
    found = glass.detection_limit(own, pattern=crystal, fractions=0.02, random_state=0, **QUIET)
    assert found.found_in_scan == 0
    assert "particles that scatter 2 % of the electrons" in found.in_words()


@pytest.mark.slow
def test_report_tells_of_it(scan, limit, tmp_path, monkeypatch):
    signal, groups = scan

    def own(findings):
        """Its figure alone: all others are looked at elsewhere."""
        return [one for one in illustrations(findings) if one.name == "detection_limit"]

    monkeypatch.setattr("hs_nmfcluster.report.page.illustrations", own)
    confirmation = signal.confirm_components(groups.tree.factorization, random_state=0, **QUIET)
    groups.report(tmp_path / "r.html", detection_limit=limit, confirmation=confirmation)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert 'id="figure-detection_limit"' in page
    assert limit.in_words().split(";")[0] in page.replace("\N{NO-BREAK SPACE}", " ")
    assert "in the held-out electrons" in page.replace("\N{NO-BREAK SPACE}", " ")


def test_table_has_a_row_for_each_particle(limit, tmp_path):
    limit.to_csv(tmp_path / "limit.csv")
    lines = (tmp_path / "limit.csv").read_text().splitlines()
    assert lines[0].startswith("x,y,diameter,fraction")
    assert len(lines) == len(limit.planted) + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"diameters": [0, 3]}, "`diameters` must be numbers > 0, got"),
        ({"diameters": "3 nm"}, "`diameters` must be numbers > 0, got"),
        ({"fractions": [-0.5]}, "`fractions` must be numbers > 0, got"),
        ({"pattern": "crystal"}, "`pattern` must be one of 'groups'"),
        ({"pattern": np.ones((3, 4))}, r"a pattern of shape \(48, 48\)"),
        ({"number": 0}, "`number` must be ≥ 1"),
        (
            {"diameters": [60.0, 90.0]},
            "no room for a particle of 60 nm or more in 32 × 30",
        ),
    ],
)
def test_wrong_arguments_are_named(scan, arguments, message):
    signal, groups = scan
    with pytest.raises((TypeError, ValueError), match=message):
        signal.detection_limit(groups, **arguments)
