"""The exact mixture."""

import numpy as np
import pytest

from hs_nmfcluster import NMFDiffraction2D
from hs_nmfcluster.results.tree import ClusterTree
from hs_nmfcluster.simulation import Halo, Particle, SpotFamily, linear_mixture
from hs_nmfcluster.simulation.patterns import PatternPainter
from hs_nmfcluster.validation import adjusted_rand_index, rotation_errors

SMALL = {"scan_shape": (14, 20), "detector_shape": (24, 32), "pixel_size": 0.7}


class TestLinearMixture:
    def test_expected_data_are_the_mixture(self):
        signal, truth = linear_mixture(
            **SMALL,
            n_particles=2,
            diameter=4.0,
            halos=(Halo(), Halo((4.4,), (0.5,), (1.0,))),
            noise=False,
        )
        np.testing.assert_allclose(signal.data, truth.reconstruction(), rtol=1e-6)
        np.testing.assert_allclose(truth.maps.sum(axis=0), 1.5e6)
        np.testing.assert_allclose(truth.patterns.sum(axis=(1, 2)), 1)
        assert truth.families[:2] == ("amorphous",) * 2

    def test_counts_are_poissonian(self):
        signal, truth = linear_mixture(**SMALL, n_particles=2, diameter=4.0)
        expected = truth.reconstruction()
        residual = (signal.data - expected) / np.sqrt(expected)
        assert abs(residual.mean()) < 4 / np.sqrt(residual.size)
        assert residual.var() == pytest.approx(1, abs=0.02)

    def test_same_for_every_chunking(self):
        eager = linear_mixture(**SMALL, n_particles=2, diameter=4.0)[0]
        for chunks in [(1, 20), (14, 3), 5, None]:
            lazy = linear_mixture(**SMALL, n_particles=2, diameter=4.0, lazy=True, chunks=chunks)[0]
            assert lazy._lazy
            np.testing.assert_array_equal(lazy.data.compute(), eager.data)

    def test_seed(self):
        same, again, other = (
            linear_mixture(**SMALL, n_particles=1, diameter=4.0, seed=seed)[0].data
            for seed in (3, 3, 4)
        )
        np.testing.assert_array_equal(same, again)
        assert (same != other).mean() > 0.5

    def test_beam_over_halo_and_dose(self):
        signal, truth = linear_mixture(
            (2, 2), (128, 128), particles=(), point_spread=0.8, beam_to_halo=150, dose=4e5
        )
        halo = truth.patterns[0]
        assert halo.max() / halo[~truth.detector_mask].max() == pytest.approx(150, rel=0.01)
        assert signal.data.sum() == pytest.approx(4 * 4e5, rel=0.01)

    def test_default_counts_fit_16_bits(self):
        signal, _ = linear_mixture(lazy=True)
        assert signal.data.dtype == np.uint16
        assert signal.data.shape == (58, 58, 128, 128)

    def test_calibration(self):
        signal, truth = linear_mixture(
            (3, 5), (24, 32), particles=(), center=(14.3, 10.8), pixel_size=0.5, scan_step=2.0
        )
        assert isinstance(signal, NMFDiffraction2D)
        kx, ky = signal.axes_manager.signal_axes
        assert (kx.value2index(0.0), ky.value2index(0.0)) == (14, 11)
        assert (kx.scale, kx.units) == (0.5, "1/nm")
        assert [axis.scale for axis in signal.axes_manager.navigation_axes] == [2.0, 2.0]
        rows, columns = np.indices((24, 32))
        beam = np.where(np.hypot(columns - 14.3, rows - 10.8) < 3, truth.patterns[0], 0)
        found = [(beam * index).sum() / beam.sum() for index in (columns, rows)]
        np.testing.assert_allclose(found, truth.center, atol=0.02)
        assert signal.metadata.Acquisition_instrument.TEM.beam_energy == 300
        assert signal.metadata.Simulation.seed == 0

    def test_given_particles(self):
        particles = [
            Particle("A", 10.0, (4.0, 6.0), 4.0, 0.3),
            Particle("A", 190.0, (15.0, 8.0), 6.0, 0.2),
            Particle("B", 20.0, (9.0, 2.0)),
        ]
        _, truth = linear_mixture(**SMALL, particles=particles)
        assert truth.families == ("amorphous", "A", "B")
        assert truth.diameters[1] == 5.0
        assert truth.particle_components.tolist() == [1, 1, 2]
        np.testing.assert_allclose(truth.maps[1, 6, 4] / 1.5e6, 0.3, rtol=0.05)

    @pytest.mark.parametrize("scan_shape", [(30,), (1, 30), (2, 14, 20)])
    def test_other_scans(self, scan_shape):
        signal, truth = linear_mixture(scan_shape, (16, 16), n_particles=1, diameter=4.0)
        assert signal.data.shape == (*scan_shape, 16, 16)
        assert truth.maps.shape == (2, *scan_shape)
        assert truth.maps[1].max() == pytest.approx(1.5e6 * 0.05, rel=0.2)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"dose": 0}, "dose must be positive"),
            ({"signal_fraction": 1.5}, "signal_fraction must lie"),
            ({"scan_shape": (2, 2, 2, 2)}, "scan_shape must be"),
            ({"detector_shape": (1, 8)}, "detector_shape must be"),
            ({"seed": -1}, "seed must be"),
            ({"halos": ()}, "at least one Halo"),
            ({"n_particles": 900}, "do not fit"),
            ({"particles": [Particle("Q", 0, (1, 1))]}, "family 'Q'"),
            ({"particles": [Particle("A", k, (9, 9), 7, 0.6) for k in (0, 9)]}, "at most 1"),
        ],
    )
    def test_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            linear_mixture(**{**SMALL, **arguments})


class TestDemoSpecimen:
    """The default families are one group each only when rotations are allowed for."""

    @pytest.fixture(scope="class")
    @classmethod
    def tree_of(cls):
        _, truth = linear_mixture((58, 58), lazy=True)
        patterns = NMFDiffraction2D(truth.patterns * (1 - truth.detector_mask))

        def make(metric: str) -> ClusterTree:
            return ClusterTree.from_patterns(
                patterns, center=truth.center, metric=metric, radial_range=(6, 60)
            )

        return truth, make

    def test_cross_correlation_separates_the_families(self, tree_of):
        truth, make = tree_of
        groups = make("cross_correlation").cut(n_groups=4)
        assert adjusted_rand_index(groups.labels, truth.labels) == 1
        errors = rotation_errors(
            groups.rotations,
            truth.angles,
            truth.labels,
            [truth.symmetry.get(family, 2) for family in truth.families],
        )
        assert np.nanmax(np.abs(errors)) < 0.5

    @pytest.mark.parametrize("metric", ["cosine", "euclidean"])
    def test_plain_metrics_do_not(self, tree_of, metric):
        truth, make = tree_of
        tree = make(metric)
        scores = [
            adjusted_rand_index(tree.cut(n_groups=n).labels, truth.labels) for n in range(2, 16)
        ]
        assert max(scores) < 0.5


class TestPatterns:
    @pytest.mark.parametrize(
        ("family", "order"),
        [
            (SpotFamily("", (0.2, 0.3)), 2),
            (SpotFamily("", (0.2, 0.2)), 4),
            (SpotFamily("", (0.2, 0.2), 60), 6),
            (SpotFamily("", (0.2, 0.2), 75), 2),
        ],
    )
    def test_symmetry_is_that_of_the_net(self, family, order):
        assert family.symmetry == order
        painter = PatternPainter((81, 81), (40.0, 40.0), 0.3, 0.3)
        base = painter.crystal(family, 10.0)
        turned = painter.crystal(family, 10.0 + 360 / order)
        np.testing.assert_allclose(turned, base, atol=1e-12)

    def test_angle_runs_from_x_to_y(self):
        family = SpotFamily("", (0.25, 0.11), 90.0, falloff=4.0)
        pattern = PatternPainter((81, 101), (50.0, 40.0), 0.2, 0.3).crystal(family, 30.0)
        radius = 4.0 / 0.2
        x, y = 50 + radius * np.cos(np.pi / 6), 40 + radius * np.sin(np.pi / 6)
        near = pattern[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3]
        assert near.max() == pattern.max()

    def test_spacings_of_the_paper(self):
        _, truth = linear_mixture((58, 58), lazy=True)
        assert [values[0] for values in truth.spacings.values()] == [0.259, 0.228, 0.191]

    def test_hexagonal_spacings(self):
        spacings = SpotFamily("", (0.2, 0.2), 60).lattice_spacings(10.5)
        np.testing.assert_allclose(spacings, [0.2, 0.2 / np.sqrt(3), 0.1])
