"""Run HyperSpy's own tests with our signal classes in place of ``Signal2D`` and ``LazySignal2D``.

The tests that HyperSpy installs with itself run twice, plain and with the two names replaced.
Whatever passes plain must pass with our classes too; the exit status is 1 if something does not.

    python tools/hyperspy_tests.py [-n PROCESSES] [TEST_MODULE ...]
"""

import argparse
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Those that concern images; the others are about spectra.
TEST_MODULES = (
    "hyperspy.tests.signals.test_2D",
    "hyperspy.tests.signals.test_2D_tools",
    "hyperspy.tests.signals.test_3D",
    "hyperspy.tests.signals.test_4D",
    "hyperspy.tests.signals.test_apodization",
    "hyperspy.tests.signals.test_assign_subclass",
    "hyperspy.tests.signals.test_binned",
    "hyperspy.tests.signals.test_check_mask",
    "hyperspy.tests.signals.test_complex_signal2d",
    "hyperspy.tests.signals.test_copy",
    "hyperspy.tests.signals.test_fancy_indexing",
    "hyperspy.tests.signals.test_find_peaks2D",
    "hyperspy.tests.signals.test_folding",
    "hyperspy.tests.signals.test_fourier_transform",
    "hyperspy.tests.signals.test_image",
    "hyperspy.tests.signals.test_image_contrast_editor_tool",
    "hyperspy.tests.signals.test_inheritance",
    "hyperspy.tests.signals.test_interpolate_on_axis",
    "hyperspy.tests.signals.test_lazy",
    "hyperspy.tests.signals.test_lazy_tools",
    "hyperspy.tests.signals.test_linear_rebin",
    "hyperspy.tests.signals.test_map_method",
    "hyperspy.tests.signals.test_mask",
    "hyperspy.tests.signals.test_obj_in_dict2hspy",
    "hyperspy.tests.signals.test_ragged_signal",
    "hyperspy.tests.signals.test_rgb",
    "hyperspy.tests.signals.test_signal_operators",
    "hyperspy.tests.signals.test_signal_subclass_conversion",
    "hyperspy.tests.signals.test_tools",
    "hyperspy.tests.signals.test_transpose",
    "hyperspy.tests.learn.test_decomposition",
    "hyperspy.tests.learn.test_lazy_decomposition",
)

SUBSTITUTES = {"Signal2D": "NMFDiffraction2D", "LazySignal2D": "LazyNMFDiffraction2D"}

# Tests that hold of HyperSpy's class by its name alone, with the reason. Prefixes of pytest's ids.
EXPECTED_DIFFERENCES: dict[str, str] = {}

_RECORD = "HS_NMFCLUSTER_RECORD"
_SUBSTITUTE = "HS_NMFCLUSTER_SUBSTITUTE"


class Recorder:
    """Pytest plugin that writes the outcome of every test to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outcomes: dict[str, str] = {}
        self.signals_made = 0

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep the outcome of the call, unless setup or teardown went wrong or skipped."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = report.outcome

    def pytest_testnodedown(self, node: Any) -> None:
        """Add up what the processes of pytest-xdist made."""
        self.signals_made += getattr(node, "workeroutput", {}).get("signals_made", 0)

    def pytest_sessionfinish(self) -> None:
        """Write the file once all tests have run."""
        made = self.signals_made + InstanceCounter.made
        self.path.write_text(json.dumps({"outcomes": self.outcomes, "signals_made": made}))


class InstanceCounter:
    """Counts signals of our class, to prove that the tests use it."""

    made = 0

    def pytest_sessionfinish(self, session: Any) -> None:
        """Hand the count of one pytest-xdist process to the one that records."""
        session.config.workeroutput["signals_made"] = InstanceCounter.made

    @classmethod
    def watch(cls, signal_class: Any) -> None:
        """Count the calls of the class's initialiser."""
        initialise = signal_class.__init__

        def counting_init(self: Any, *args: Any, **kwargs: Any) -> None:
            cls.made += 1
            initialise(self, *args, **kwargs)

        signal_class.__init__ = counting_init


def pytest_configure(config: Any) -> None:
    """Replace HyperSpy's classes before a test module imports them (hook of pytest)."""
    is_worker = hasattr(config, "workerinput")
    if _SUBSTITUTE in os.environ:
        substitute_classes()
        if is_worker:
            config.pluginmanager.register(InstanceCounter())
    if not is_worker:
        config.pluginmanager.register(Recorder(Path(os.environ[_RECORD])))


def substitute_classes() -> None:
    """Put our classes where HyperSpy's public names and its registry find ``Signal2D``."""
    import hyperspy.api as hs
    from hyperspy import signals as internal
    from hyperspy.extensions import EXTENSIONS

    ours = importlib.import_module("hs_nmfcluster.signals")
    for theirs, name in SUBSTITUTES.items():
        module = importlib.import_module(EXTENSIONS["signals"][theirs]["module"])
        setattr(module, theirs, getattr(ours, name))
    InstanceCounter.watch(ours.NMFDiffraction2D)
    for namespace in (hs.signals, internal):
        if namespace.Signal2D is not ours.NMFDiffraction2D:
            raise RuntimeError(f"{namespace.__name__}.Signal2D could not be replaced")
    if type(hs.signals.BaseSignal([[1.0]]).as_signal2D((0, 1))) is not ours.NMFDiffraction2D:
        raise RuntimeError("HyperSpy's registry still makes its own Signal2D")


def run(modules: Iterable[str], processes: int, substitute: bool) -> dict[str, Any]:
    """Run the test modules in a process of their own; return outcomes and count of signals."""
    spec = importlib.util.find_spec("hyperspy")
    if spec is None or spec.origin is None:
        raise RuntimeError("HyperSpy is not installed")
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=short"]
    command += ["-c", os.devnull, "--rootdir", str(Path(spec.origin).parents[1])]
    command += ["-p", "no:cacheprovider", "-p", Path(__file__).stem, "-W", "ignore"]
    command += ["-n", str(processes)] if processes > 1 else []
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.json"
        search_path = os.pathsep.join(
            filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")])
        )
        environment = os.environ | {
            "MPLBACKEND": "agg",
            "PYTHONPATH": search_path,
            _RECORD: str(record),
        }
        environment.pop(_SUBSTITUTE, None)
        if substitute:
            environment[_SUBSTITUTE] = "1"
        finished = subprocess.run(
            [*command, "--pyargs", *modules],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if not record.exists():
            raise RuntimeError(f"pytest did not run:\n{finished.stdout}\n{finished.stderr}")
        return {**json.loads(record.read_text()), "log": finished.stdout}


def with_their_names(outcomes: dict[str, str]) -> dict[str, str]:
    """Undo our class names in the ids that pytest makes of parameters that are classes."""
    ours, theirs = SUBSTITUTES["Signal2D"], "Signal2D"
    return {name.replace(ours, theirs): outcome for name, outcome in outcomes.items()}


def reason_to_differ(test: str) -> str | None:
    """Return why a test may fail with our classes, None if it may not."""
    reasons = (why for prefix, why in EXPECTED_DIFFERENCES.items() if test.startswith(prefix))
    return next(reasons, None)


def summary(outcomes: dict[str, str]) -> str:
    """Return one line of counts."""
    counts = Counter(outcomes.values())
    return ", ".join(f"{counts[kind]} {kind}" for kind in ("passed", "failed", "skipped"))


def main() -> int:
    """Run both, print the differences, return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--processes", type=int, default=2)
    parser.add_argument("modules", nargs="*", default=TEST_MODULES)
    arguments = parser.parse_args()

    plain = run(arguments.modules, arguments.processes, substitute=False)
    ours = run(arguments.modules, arguments.processes, substitute=True)
    outcomes = with_their_names(ours["outcomes"])
    print(f"HyperSpy's classes: {summary(plain['outcomes'])}")
    print(f"our classes:        {summary(outcomes)} ({ours['signals_made']} signals made)")

    passed_plain = [test for test, outcome in plain["outcomes"].items() if outcome == "passed"]
    differences = [test for test in passed_plain if outcomes.get(test) != "passed"]
    regressions = [test for test in differences if reason_to_differ(test) is None]
    if summary(plain["outcomes"]) == summary(outcomes) and not differences:
        print("(what fails, fails with both: these tests download data or lack optional packages)")
    for test in differences:
        print(f"  {outcomes.get(test, 'not run')}: {test}")
        print(f"    {reason_to_differ(test) or 'NOT EXPECTED'}")
    if regressions:
        print(ours["log"])
    return int(bool(regressions) or not passed_plain or not ours["signals_made"])


if __name__ == "__main__":
    sys.exit(main())
