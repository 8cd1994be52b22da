"""Every validation study runs, at a tiny size, and makes the table and figure that it promises."""

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

STUDIES = (
    "detection",
    "clustering",
    "rank",
    "linearity",
    "restarts",
    "tolerance",
    "stability",
    "constraints",
    "side_effects",
    "tiles",
    "particles",
    "defaults",
    "matrix_only",
    "cross_validation",
    "detection_limit",
    "uncertainties",
    "memberships",
    "phases",
    "more_components",
)
SHARED = "_common"


@pytest.fixture(scope="module")
def studies(project_root) -> Iterator[dict[str, ModuleType]]:
    """The scripts as modules; their names are forgotten again, as others may use them."""
    names = (*STUDIES, SHARED)
    kept = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(project_root / "benchmarks" / "validation"))
    try:
        yield {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.pop(0)
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(kept)


@pytest.fixture(scope="module")
def geometry(studies) -> Any:
    return studies[SHARED].Geometry(scan=16, detector=32, n_particles=3, angles_per_family=1)


@pytest.mark.slow
class TestStudies:
    def check(self, study: ModuleType, settings: Any, tmp_path) -> Any:
        table = study.study(settings)
        name = study.__name__
        sys.modules[SHARED].save(name, table, study.figure(table), tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {f"{name}.csv", f"{name}.png"}
        header, *lines = (tmp_path / f"{name}.csv").read_text(encoding="utf-8").splitlines()
        assert header.split(",") == list(table.columns)
        assert len(lines) == len(table.rows)
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert len(str(table).splitlines()) == 1 + len(table.rows)
        return table

    def test_tiles(self, studies, tmp_path):
        settings = studies["tiles"].Settings(
            (("mixture", 24, 26, 3),), 32, (3,), whole_ranks=(None,), seeds=1
        )
        table = self.check(studies["tiles"], settings, tmp_path)
        assert set(table.column("crystals")) == {3}

    def test_particles(self, studies, tmp_path):
        study = studies["particles"]
        table = self.check(study, study.Settings(("discs 5 nm",), (1.0,), 2), tmp_path)
        assert table.column("true").tolist() == [12]
        assert table.column("extra").tolist() == table.column("missed").tolist() == [0]

    def test_uncertainties(self, studies, tmp_path):
        study = studies["uncertainties"]
        table = self.check(study, study.Settings(("discs",), (5e5,), 40, 64, 1), tmp_path)
        assert table.column("angles")[0] >= 3
        assert table.column("spacings")[0] >= 3
        for name in ("pull", "angles' pull"):
            assert 0.1 < table.column(name)[0] < 4

    def test_memberships(self, studies, tmp_path):
        study = studies["memberships"]
        specimen = study.Specimen("linear", 2, 30, 1)
        table = self.check(study, study.Settings((specimen,), (), 2, 1, 3), tmp_path)
        assert table.column("hold")[-1] == 1
        assert table.column("is")[0] == 1

    def test_matrix_only(self, studies, tmp_path):
        study = studies["matrix_only"]
        table = self.check(study, study.Settings((2e5,), (), 16, 1, 0, 0, ((0.05,),)), tmp_path)
        assert table.column("confirmed").tolist() == [0]

    def test_cross_validation(self, studies, tmp_path):
        study = studies["cross_validation"]
        cases = (("linear", 2e5, 0.05, 1),)
        table = self.check(study, study.Settings(cases, (3, 4, 5), 24, 2, 1), tmp_path)
        assert table.column("K").tolist() == table.column("cross-validated").tolist() == [4]

    @pytest.mark.slow
    def test_detection_limit(self, studies, tmp_path, monkeypatch):
        study = studies["detection_limit"]
        monkeypatch.setattr(study, "SIDE", 40)
        settings = study.Settings((study.Specimen("linear", 2e5),), 1, 1)
        table = self.check(study, settings, tmp_path)
        assert table.column("hold").tolist() == ["yes"]

    def test_defaults(self, studies, tmp_path, capsys):
        study = studies["defaults"]
        specimens = (study.Specimen("linear", 2, 30, 1.5),)
        table = self.check(study, study.Settings(specimens, 2, 1, 3), tmp_path)
        assert table.column("families").tolist() == table.column("told").tolist() == [2]
        assert table.column("ARI").tolist() == table.column("best ARI").tolist() == [1.0]
        assert table.column("missed").tolist() == table.column("mistaken").tolist() == [0]
        assert abs(table.column("in spots")[0] - 1) < 0.2
        assert table.column("phases wrong").tolist() == [0]
        assert "own cut right (ARI >= 0.95): 1 of 1" in capsys.readouterr().out

    def test_more_components(self, studies, tmp_path):
        study = studies["more_components"]
        specimens = (study.Specimen("linear", 2, 30, 1),)
        table = self.check(study, study.Settings(specimens, (1.0, 2.0), 2), tmp_path)
        assert table.column("same").tolist() == table.column("right").tolist() == ["True"]

    def test_phases(self, studies, tmp_path):
        study = studies["phases"]
        table = self.check(study, study.Settings((4,), draws=20, nets=1), tmp_path)
        assert (table.column("wrong") <= 0.1).all()
        assert table.where(spacings="ZrCu B2").column("right")[0] >= 0.8

    def test_detection(self, studies, geometry, tmp_path):
        study = studies["detection"]
        settings = study.Settings(geometry, (0.001, 0.2), (300,), (4,), 2, 1)
        table = self.check(study, settings, tmp_path)
        assert table.column("signal %").tolist() == [0.1, 20]
        assert table.where(**{"signal %": 20.0}).column("recall") == [1.0]
        assert ((table.column("recall") >= 0) & (table.column("recall") <= 1)).all()

    def test_clustering(self, studies, geometry, tmp_path):
        study = studies["clustering"]
        larger = replace(geometry, scan=24, n_particles=6, angles_per_family=2)
        settings = study.Settings(larger, ("linear_mixture",), 8, 2, 1)
        table = self.check(study, settings, tmp_path)
        assert len(set(table.column("method"))) == len(table.rows) == 9
        assert (table.column("best number") >= table.column("true number")).all()

    def test_rank(self, studies, geometry, tmp_path):
        study = studies["rank"]
        settings = study.Settings(geometry, (1,), (), (0.1,), 300, (2, 3, 4, 5, 6), 2, 1)
        table = self.check(study, settings, tmp_path)
        assert table.column("K").tolist() == [4]
        assert table.column("low") <= table.column("high")
        curves = np.array(
            [[table.column(f"{kind} {k}")[0] for k in settings.ranks] for kind in ("NMF", "PCA")]
        )
        assert (curves[0] >= curves[1] * (1 - 1e-6)).all()

    def test_linearity(self, studies, geometry, tmp_path):
        study = studies["linearity"]
        settings = study.Settings(geometry, (0.05, 0.1, 0.2), (1000,), 5, 3, 1)
        table = self.check(study, settings, tmp_path)
        assert table.column("true %").tolist() == [5, 10, 20]
        strongest = table.rows[-1]
        assert strongest[table.columns.index("spots %")] == pytest.approx(20, rel=0.1)

    def test_restarts(self, studies, geometry, tmp_path):
        study = studies["restarts"]
        settings = study.Settings(geometry, (1, 3), ("linear_mixture",), 5, 0.1, 300, 1)
        table = self.check(study, settings, tmp_path)
        assert table.column("restarts").tolist() == [1, 3]
        assert table.column("excess %").min() == pytest.approx(0)

    def test_tolerance(self, studies, geometry, tmp_path):
        study = studies["tolerance"]
        specimens = ("linear_mixture", "linear_mixture, weak")
        settings = study.Settings(geometry, specimens, (300,), (5,), (1e-3, 1e-6), 2, 1)
        table = self.check(study, settings, tmp_path)
        assert table.column("tolerance").tolist() == 4 * ["0.001", "1e-06"]
        assert table.column("polished").tolist() == 2 * ["yes", "yes", "no", "no"]
        strong = table.where(specimen="linear_mixture", polished="yes")
        assert strong.column("MSE %")[1] < strong.column("MSE %")[0] == 0
        assert (strong.column("recall") == 1).all()
        for quantity in ("patterns", "spots", "maps"):
            assert ((strong.column(quantity) > 0.8) & (strong.column(quantity) <= 1)).all()
        assert (strong.column("passes") >= table.where(polished="no").column("passes")[:2]).all()
        assert strong.column("model %")[1] > 0

    def test_stability(self, studies, geometry, tmp_path):
        study = studies["stability"]
        settings = study.Settings(geometry, ("linear_mixture",), (300,), (4, 6), 3, 1e-5, 50, 1)
        table = self.check(study, settings, tmp_path)
        assert table.column("starts").tolist() == 2 * ["here", "independent"]
        few, many = table.where(k=4), table.where(k=6)
        # Fifty iterations from random maps are not enough to find all of them.
        assert few.column("true")[0] > 0.95 > few.column("true")[1]
        assert np.isnan(few.column("surplus")).all()
        assert many.column("surplus")[0] < many.column("true")[0]
        assert (many.column("true ≥0.9") <= many.column("true ≥0.8")).all()

    def test_constraints(self, studies, geometry, tmp_path):
        study = studies["constraints"]
        fine = replace(geometry, scan=20, detector=48, scan_step=0.9, diameter=5.0)
        settings = study.Settings(fine, ("linear_mixture",), (30,), 0.1, (4,), 1, 1)
        table = self.check(study, settings, tmp_path)
        assert table.column("constraints").tolist() == ["none", "maps", "patterns", "both"]
        errors = table.column("pattern error"), table.column("map error")
        assert all(error[-1] < error[0] for error in errors)
        assert (table.column("recall") == 1).all()
        figures = study.components(settings), study.course(settings)
        assert [len(figure.axes) for figure in figures] == [24, 1]

    def test_side_effects(self, studies):
        study = studies["side_effects"]
        rows = [*study.noise(size=128), *study.halos(detectors=(32,)), *study.maps()]
        found = {(effect, of): value for effect, of, value in rows}
        for radius in ("radius 2 px", "radius 4 px"):
            assert 0 < found["noise raised, ours", radius] < 0.5
            assert found["noise raised, by a disk", radius] > 1
        assert 0 < found["variance beyond %", "rectified noise"] < 0.1
        changed = [value for effect, _, value in rows if effect.startswith("halo")]
        assert len(changed) == 2
        assert 0 < min(changed) <= max(changed) < 5


class TestTable:
    def test_text_to_the_left_and_numbers_to_the_right(self, studies):
        table = studies[SHARED].Table(("name", "x"), [("a", 1.0), ("long", np.nan)])
        assert str(table).splitlines() == ["name  x", "a     1", "long  –"]

    def test_spread_of_known_numbers(self, studies):
        assert studies[SHARED].mean_and_spread([1.0, np.nan, 3.0]) == (2.0, 1.0)
        assert np.isnan(studies[SHARED].mean_and_spread([np.nan])).all()
