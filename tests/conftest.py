"""Fixtures shared by all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

# Workers that run side by side take a core each. Threads of BLAS beyond that wait for one another,
# which more than doubles the work. The libraries read this when they are loaded: it comes first.
if "PYTEST_XDIST_WORKER" in os.environ:
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import matplotlib as mpl
import pytest
from hypothesis import HealthCheck, settings

mpl.use("agg")
# How long an example takes says how busy the machine is.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

ROOT = Path(__file__).resolve().parents[1]
DATA_VARIABLE = "HS_NMFCLUSTER_TEST_DATA"


@pytest.fixture(scope="session")
def project_root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of files written by microscopes, which are not part of the project."""
    folder = Path(os.environ.get(DATA_VARIABLE) or ROOT.parent / "shared" / "data" / "real")
    if not folder.is_dir():
        pytest.skip(f"no real files: {folder} is not a folder (set {DATA_VARIABLE})")
    return folder


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with files of slow tests: each is one worker's, and the last to end should be short."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave figures of runs of the command line out: they take most of the time."""
    for name in ("outputs.illustrations", "products.further_figures"):
        monkeypatch.setattr(f"hs_nmfcluster.cli.{name}", lambda _: iter(()))


@pytest.fixture
def few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of figures of runs of the command line draw some only."""
    from hs_nmfcluster.report.figures import illustrations

    def some(findings: object) -> list[object]:
        every = illustrations(findings)  # type: ignore[arg-type]
        return [one for one in every if one.name in ("scan", "group_map", "sizes", "residual")]

    monkeypatch.setattr("hs_nmfcluster.cli.outputs.illustrations", some)
    monkeypatch.setattr("hs_nmfcluster.cli.products.further_figures", lambda _: iter(()))


@pytest.fixture
def block_numbers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Leave chunks as they were read, and take down into how many blocks each scan is divided.

    Scans of the tests are small: put together, each would be one block, and nothing would be seen
    of what is lost between blocks.
    """
    from hs_nmfcluster.engine.matrix import ScanMatrix

    numbers: list[int] = []
    divide = ScanMatrix.from_array.__func__  # type: ignore[attr-defined]

    def from_array(cls: type[ScanMatrix], *args: object, **kwargs: object) -> ScanMatrix:
        matrix = divide(cls, *args, **kwargs)
        numbers.append(len(matrix.blocks))
        return matrix

    monkeypatch.setattr("hs_nmfcluster.engine.chunks._put_together", lambda sizes, _: tuple(sizes))
    monkeypatch.setattr(ScanMatrix, "from_array", classmethod(from_array))
    return numbers
