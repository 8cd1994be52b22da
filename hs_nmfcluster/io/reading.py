"""Open one file of any kind and find the scan in it."""

import os
from pathlib import Path
from typing import Any

from hs_nmfcluster.bridge.checks import check_scan
from hs_nmfcluster.io.layout import is_swapped, transposed, with_scan_axes, with_scan_shape
from hs_nmfcluster.io.readers import NotAScanError, Opened, open_file
from hs_nmfcluster.io.storage import kind_of
from hs_nmfcluster.words import say, times

__all__ = ["NotAScanError", "load_scan", "open_scan"]


def load_scan(
    path: str | os.PathLike[str],
    *,
    dataset: int | None = None,
    reader: str | None = None,
    scan_shape: tuple[int, int] | None = None,
    skip_frames: int = 0,
    flyback: int = 0,
    transpose: bool = False,
    max_memory: int | str | None = None,
    print_info: bool = True,
) -> Any:
    """Open a file and take the scan of diffraction patterns in it, as the command line does.

    What ``hs.load`` leaves to be done is done here: of several signals the scan is taken, of
    several readers that claim a file the one that opens it, and where the file does not say which
    axes are the detector's, the last two are taken. The path is taken literally, brackets and all.

    Parameters
    ----------
    path
        Any file that HyperSpy (RosettaSciIO) reads.
    dataset
        Which of several signals to take; by default the largest that is a scan.
    reader
        Name of RosettaSciIO's reader, such as ``"EMD"``, where several know such files; by default
        the first that finds a scan.
    scan_shape
        ``(n_x, n_y)`` of a scan whose file knows only a series of patterns.
    skip_frames
        Frames before the first position that are left out.
    flyback
        Frames after each line that are left out; needs `scan_shape`.
    transpose
        Swap the scan and the detector, of a file that was written the other way round.
    max_memory
        What a file may take that can only be read as a whole, in bytes or text like ``"4 GB"``; by
        default half of what is free.
    print_info
        Whether to print what was taken.

    Returns
    -------
    NMFDiffraction2D
        Lazy (`LazyNMFDiffraction2D`) unless the file could only be read as a whole.

    Raises
    ------
    NotAScanError
        If there is no such file, it cannot be read, or what it holds is not a scan: a ValueError.
    TypeError, ValueError
        If an argument does not fit the file.
    MemoryError
        If the file can only be read as a whole, and that takes more than `max_memory`.

    Examples
    --------
    >>> import hs_nmfcluster, numpy as np, tempfile
    >>> path = tempfile.mkdtemp() + "/scan [110].npy"
    >>> np.save(path, np.ones((3, 4, 8, 9), dtype="uint16"))
    >>> hs_nmfcluster.load_scan(path, print_info=False)
    <LazyNMFDiffraction2D, title: , dimensions: (4, 3|9, 8)>
    """
    signal, lines = open_scan(
        path,
        dataset=dataset,
        reader=reader,
        scan_shape=scan_shape,
        skip_frames=skip_frames,
        flyback=flyback,
        transpose=transpose,
        max_memory=max_memory,
    )
    for line in lines if print_info else ():
        say(line)
    return signal


def open_scan(
    path: str | os.PathLike[str],
    *,
    dataset: int | None = None,
    reader: str | None = None,
    scan_shape: tuple[int, int] | None = None,
    skip_frames: int = 0,
    flyback: int = 0,
    transpose: bool = False,
    max_memory: int | str | None = None,
) -> tuple[Any, list[str]]:
    """Do as :func:`load_scan`, and return what there is to say instead of printing it."""
    path = Path(path)
    series = scan_shape is not None
    opened, index, signal, said = _find(path, dataset, reader, max_memory, series=series)
    lines = [said] if said else []
    if transpose:
        signal = transposed(signal)
    elif is_swapped(signal):
        lines.append(
            "Caution: the scan's axes are in reciprocal units and the patterns' in lengths, as if "
            "the two were swapped; `transpose` swaps them."
        )
    signal = with_scan_shape(signal, scan_shape, skip_frames, flyback)
    signal.set_signal_type("nmf_diffraction")
    return signal, [f"{path.name}: {_describe(signal)}{_choices(opened, index)}", *lines]


def _find(
    path: Path,
    dataset: int | None,
    reader: str | None,
    max_memory: int | str | None,
    *,
    series: bool,
) -> tuple[Opened, int, Any, str]:
    """Find the first reader that finds a scan, and the scan."""
    refusal: NotAScanError | None = None
    for opened in open_file(path, reader, max_memory):
        found = [with_scan_axes(signal, series=series) for signal in opened.signals]
        try:
            index = _choose([signal for signal, _ in found], dataset, path.name)
        except NotAScanError as error:
            refusal = refusal or error
        else:
            return opened, index, *found[index]
    raise refusal or NotAScanError(f"{path.name}: it holds no signal.")


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
        reasons = sorted({_why_not(signal) for signal in signals})
        if any(_may_be_series(signal) for signal in signals):
            reasons.append("If it is a series of patterns, give its `scan_shape`.")
        raise NotAScanError(f"{name}: not a scan of patterns: {' '.join(reasons)}")
    return max(scans, key=lambda i: signals[i].data.size)


def _why_not(signal: Any) -> str:
    """Why a signal is no scan; empty if it is one."""
    kind = kind_of(signal)
    if kind is not None:
        return (
            f"It is a result, written by `{kind}.save`. `hs_nmfcluster.load` opens it; "
            "`hs-nmfcluster recut` and `hs-nmfcluster join` go on from the folder of a run."
        )
    try:
        check_scan(signal)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def _may_be_series(signal: Any) -> bool:
    # HyperSpy drops axes of length one, also of a scan of one line.
    manager = signal.axes_manager
    return bool(manager.navigation_dimension == 0 and manager.signal_dimension == 3)


def _choices(opened: Opened, index: int) -> str:
    """Say what else could have been taken of the file."""
    choices = []
    if len(opened.signals) > 1:
        choices.append(
            f"signal {index} of {len(opened.signals)} in the file; `dataset` takes another"
        )
    if opened.others:
        choices.append(f"read as {opened.reader}; `reader` takes {' or '.join(opened.others)}")
    return f" ({'; '.join(choices)})" if choices else ""


def _describe(signal: Any) -> str:
    scan, pattern = (
        times(shape)
        for shape in (signal.axes_manager.navigation_shape, signal.axes_manager.signal_shape)
    )
    size = signal.data.size * signal.data.dtype.itemsize / 1e9
    kind = f"{signal.data.dtype}, {size:.3g} GB"
    whole = "" if signal._lazy else ", read as a whole"
    return f"scan of {scan} positions, patterns of {pattern} pixels, {kind}{whole}"
