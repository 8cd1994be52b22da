"""Tables as CSV files."""

import csv

import numpy as np
import pytest

from hs_nmfcluster.results.tables import Table


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_not_known_is_empty(tmp_path):
    rows = [
        {"a": 1, "b": np.nan, "units": "nm⁻¹"},
        {"a": np.float64(0.1), "units": 'with, comma and "quotes"'},
        {"a": None, "b": np.int64(3)},
    ]
    Table(("a", "b", "units"), rows).to_csv(tmp_path / "table.csv")
    assert read(tmp_path / "table.csv") == [
        {"a": "1", "b": "", "units": "nm⁻¹"},
        {"a": "0.1", "b": "", "units": 'with, comma and "quotes"'},
        {"a": "", "b": "3", "units": ""},
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_same_as_for_pandas(tmp_path):
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    rows = [{"x": x, "n": i, "name": f"Å {i}"} for i, x in enumerate(rng.random(9))]
    table = Table(("name", "n", "x"), rows)
    table.to_csv(tmp_path / "table.csv")
    pandas.testing.assert_frame_equal(pandas.read_csv(tmp_path / "table.csv"), table.to_dataframe())
