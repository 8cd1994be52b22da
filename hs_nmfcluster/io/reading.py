"""Open one file of any kind and find the scan in it."""

import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
from hyperspy.io import load
from hyperspy.signals import LazySignal2D

from hs_nmfcluster.bridge import axes
from hs_nmfcluster.bridge.checks import check_scan
from hs_nmfcluster.scan import arguments as checks


class NotAScanError(ValueError):
    """A file that cannot be read, or that holds no scan of patterns."""


def load_scan(
    path: str | os.PathLike[str],
    *,
    dataset: int | None = None,
    scan_shape: tuple[int, int] | None = None,
) -> tuple[LazySignal2D, str]:
    """Open a file lazily and take the scan of diffraction patterns in it.

    Parameters
    ----------
    path
        Any file that HyperSpy (RosettaSciIO) reads.
    dataset
        Which of several signals to take; by default the largest that is a scan.
    scan_shape
        ``(n_x, n_y)`` of a scan whose file knows only a series of patterns.

    Returns
    -------
    signal : LazyNMFDiffraction2D
    found : str
        One line on what was taken.

    Raises
    ------
    NotAScanError
        If there is no such file, it cannot be read, or what it holds is not a scan.
    ValueError
        If `dataset` or `scan_shape` does not fit the file.
    """
    signals = _read(Path(path))
    index = _choose(signals, dataset, Path(path).name)
    signal = signals[index]
    if scan_shape is not None:
        signal = _with_scan_shape(signal, scan_shape)
    signal.set_signal_type("nmf_diffraction")
    found = f"{Path(path).name}: {_describe(signal)}"
    if len(signals) > 1:
        found += f" (signal {index} of {len(signals)} in the file; `--dataset` takes another)"
    return signal, found


def _read(path: Path) -> list[Any]:
    if not path.exists():
        raise NotAScanError(f"{path}: there is no such file.")
    try:
        with _readers_silenced():
            loaded = load(os.fspath(path), lazy=True)
    except Exception as error:  # readers raise whatever they meet in a file they do not know
        lines = str(error).strip().splitlines()
        # Errors of other types come from inside a reader and tell a user nothing.
        reason = f": {lines[0]}" if lines and isinstance(error, OSError | ValueError) else "."
        raise NotAScanError(
            f"{path.name}: no reader of HyperSpy opens this file{reason}"
        ) from error
    return list(loaded) if isinstance(loaded, list | tuple) else [loaded]


@contextmanager
def _readers_silenced() -> Iterator[None]:
    """Keep readers from reporting at length what is then said in one line."""
    loggers = [logging.getLogger(name) for name in ("hyperspy", "rsciio")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        # Some readers show progress bars of their own.
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _choose(signals: list[Any], dataset: int | None, name: str) -> int:
    if dataset is not None:
        if not 0 <= dataset < len(signals):
            raise ValueError(
                f"`dataset` = {dataset}: {name} holds {len(signals)} signals, 0 to "
                f"{len(signals) - 1}."
            )
        reason = _why_not(signals[dataset])
        if reason:
            raise NotAScanError(f"{name}: signal {dataset} is not a scan of patterns: {reason}")
        return dataset
    scans = [i for i, signal in enumerate(signals) if not _why_not(signal)]
    if not scans:
        reasons = {_why_not(signal) for signal in signals}
        raise NotAScanError(f"{name}: not a scan of patterns: {' '.join(sorted(reasons))}")
    return max(scans, key=lambda i: signals[i].data.size)


def _why_not(signal: Any) -> str:
    """Why a signal is no scan; empty if it is one."""
    try:
        check_scan(signal)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def _with_scan_shape(signal: Any, scan_shape: tuple[int, int]) -> Any:
    n_x, n_y = (checks.check_whole_number("scan_shape", n) for n in scan_shape)
    positions = int(np.prod(axes.scan_shape(signal)))
    if n_x * n_y != positions:
        raise ValueError(
            f"`scan_shape` = ({n_x}, {n_y}) holds {n_x * n_y} positions, the file has {positions}."
        )
    data = signal.data.reshape((n_y, n_x, *signal.data.shape[-2:]))
    scan_axes = [
        {"name": name, "size": n, "navigate": True} for name, n in (("y", n_y), ("x", n_x))
    ]
    title = {"General": {"title": signal.metadata.General.title}}
    return type(signal)(data, axes=[*scan_axes, *axes.signal_axes(signal)], metadata=title)


def _describe(signal: Any) -> str:
    scan = " × ".join(str(n) for n in signal.axes_manager.navigation_shape)
    pattern = " × ".join(str(n) for n in signal.axes_manager.signal_shape)
    size = signal.data.size * signal.data.dtype.itemsize / 1e9
    kind = f"{signal.data.dtype}, {size:.3g} GB"
    return f"scan of {scan} positions, patterns of {pattern} pixels, {kind}"
