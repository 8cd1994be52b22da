"""Run the tests on every supported Python that is installed here.

Supported are the versions that pyproject.toml classifies. Interpreters are looked for on the search
path (``python3.12``) and among those of pyenv. Each run has a fresh virtual environment.

    python tools/test_pythons.py [--list] [PYTEST_ARGUMENT ...]
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from test_bounds import ROOT, run_tests


def supported() -> list[str]:
    """Return the versions of Python that the project claims, such as ``3.12``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))


def interpreters() -> dict[str, str]:
    """Return a working interpreter for each supported version that is installed."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for version in supported():
        installed = sorted(map(str, pyenv.glob(f"{version}.*/bin/python")))
        candidates = [shutil.which(f"python{version}"), *installed]
        working = [path for path in candidates if path and _version_of(path) == version]
        if working:
            found[version] = working[0]
    return found


def _version_of(python: str) -> str:
    """Ask an interpreter for its version; pyenv's shims may lead to none."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main() -> int:
    """Test with each interpreter and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="only say which there are")
    arguments, pytest_arguments = parser.parse_known_args()

    found = interpreters()
    for version in supported():
        print(f"Python {version}: {found.get(version, 'not installed')}", flush=True)
    if arguments.list:
        return 0
    statuses = {v: run_tests(path, False, pytest_arguments) for v, path in found.items()}
    for version, status in statuses.items():
        print(f"Python {version}: {'passed' if status == 0 else f'status {status}'}")
    return int(any(statuses.values()) or not statuses)


if __name__ == "__main__":
    sys.exit(main())
