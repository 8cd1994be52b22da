"""Run the tests with the oldest allowed and with the newest dependencies.

Each run has a fresh virtual environment. In the first one, every direct dependency of the package
and of its extra ``tests`` is pinned at the lower bound that pyproject.toml gives.

    python tools/test_bounds.py [--only oldest|newest] [--python PYTHON] [PYTEST_ARGUMENT ...]
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("tests",)


def direct_requirements(extras: Sequence[str] = EXTRAS) -> list[str]:
    """Return the requirements of the package and of some extras, as written in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chosen = [project["optional-dependencies"][extra] for extra in extras]
    return [*project["dependencies"], *(line for lines in chosen for line in lines)]


def at_lower_bound(requirement: str) -> str:
    """Turn ``name[extra]>=1.2`` into ``name[extra]==1.2``.

    Raises
    ------
    ValueError
        If the requirement has anything but a single lower bound.
    """
    match = re.fullmatch(r"([\w.-]+(?:\[[\w,.-]+\])?)\s*>=\s*([\w.]+)", requirement)
    if match is None:
        raise ValueError(f"{requirement!r} should read 'name>=version'")
    return f"{match[1]}=={match[2]}"


def run_tests(python: str, oldest: bool, pytest_arguments: Sequence[str]) -> int:
    """Install the package in a fresh environment, run its tests there, return pytest's status."""
    pins = [at_lower_bound(line) for line in direct_requirements()] if oldest else []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", folder], check=True)
        scripts = Path(folder) / ("Scripts" if os.name == "nt" else "bin")
        inside = str(scripts / "python")
        package = f"{ROOT}[{','.join(EXTRAS)}]"
        install = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, package, *pins], check=True)
        listed = [inside, "-m", "pip", "list", "--disable-pip-version-check", "--format=freeze"]
        print(subprocess.run(listed, check=True, capture_output=True, text=True).stdout, flush=True)
        environment = os.environ | {"MPLBACKEND": "agg"}
        environment.pop("PYTHONPATH", None)
        # -P keeps the source folder off the search path: what is installed is what is tested.
        command = [inside, "-P", "-m", "pytest", *pytest_arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def main() -> int:
    """Test both ends and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["oldest", "newest"])
    parser.add_argument("--python", default=sys.executable, help="interpreter to test with")
    arguments, pytest_arguments = parser.parse_known_args()

    statuses = {}
    for end in [arguments.only] if arguments.only else ["oldest", "newest"]:
        start = time.monotonic()
        print(f"=== {end} dependencies", flush=True)
        statuses[end] = run_tests(arguments.python, end == "oldest", pytest_arguments)
        print(f"=== {end}: status {statuses[end]}, {time.monotonic() - start:.0f} s", flush=True)
    return int(any(statuses.values()))


if __name__ == "__main__":
    sys.exit(main())
