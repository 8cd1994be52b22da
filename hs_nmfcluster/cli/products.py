"""The files of an analysis: what each is called and how it is written."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from hyperspy.signal import BaseSignal

from hs_nmfcluster.io.emd import save_emd
from hs_nmfcluster.report import Findings
from hs_nmfcluster.report.data_tables import tables
from hs_nmfcluster.report.figures import Illustration
from hs_nmfcluster.report.page import page
from hs_nmfcluster.report.table import Table
from hs_nmfcluster.scan.units import in_ascii

FIGURE_FORMATS = ("png", "svg", "pdf")
# Of what stays an image in SVG and PDF.
_DPI = 200
# Tags by which DigitalMicrograph calibrates x and y, and HyperSpy, which reads origins from them.
_DM_UNITS, _DM_ORIGINS, _DM_SCALES = (65003, 65004), (65006, 65007), (65009, 65010)
# Made from the scan itself, which is not there when saved results are cut anew.
OF_THE_SCAN = ("mean_pattern", "scan", "residual")
# What another cut leaves as it is.
OF_NO_CUT = (*OF_THE_SCAN, "factorization", "tree", "patterns", "maps")


@dataclass(frozen=True)
class Product:
    """A file that is not written yet.

    Parameters
    ----------
    name
        Of the file.
    write
        Writes it to a path of the same name.
    grows
        Whether it tells more when more is known, so that it is to be written again then.
    """

    name: str
    write: Callable[[Path], Any]
    grows: bool = False


def results(findings: Findings) -> Iterator[Product]:
    """Name the files that hold what is known so far, the dearest first."""
    nmf, tree = findings.factorization, findings.tree
    if nmf is not None:
        yield Product("factorization.hspy", partial(nmf.save, overwrite=True))
    if tree is not None:
        yield Product("tree.hspy", partial(tree.save, overwrite=True))
    for name, signal in _signals(findings):
        yield Product(f"{name}.hspy", partial(_save, signal))
        yield Product(f"{name}.tif", partial(_save_tiff, signal))
    for name, make in tables(findings):
        yield Product(f"{name}.csv", partial(_save_table, make), grows=True)


def _signals(findings: Findings) -> Iterator[tuple[str, Callable[[], BaseSignal]]]:
    """Name the images, which may have to be computed first."""
    scan, nmf, groups = findings.signal, findings.factorization, findings.groups
    if nmf is not None:
        yield "patterns", lambda: nmf.patterns
        yield "maps", lambda: nmf.maps
    if groups is not None:
        yield "group_patterns", lambda: groups.patterns
        if groups.tree.maps is not None:
            yield "group_maps", lambda: groups.maps
            yield "group_aligned_maps", lambda: groups.aligned_maps
    if scan is not None:
        yield "mean_pattern", cache(lambda: scan.get_mean_pattern(show_progressbar=False))


def _save_table(make: Callable[[], Table], path: Path) -> None:
    make().to_csv(path)


def emd(findings: Findings) -> Product:
    """Name the file for py4DSTEM, with all images."""

    def write(path: Path) -> None:
        save_emd(path, {name: signal() for name, signal in _signals(findings)})

    return Product("results.emd", write)


def _save(signal: Callable[[], BaseSignal], path: Path) -> None:
    signal().save(path, overwrite=True)


def _save_tiff(signal: Callable[[], BaseSignal], path: Path) -> None:
    save_tiff(signal(), path)


def save_tiff(signal: BaseSignal, path: Path) -> None:
    """Write images as float32 TIFF, calibrated for ImageJ, DigitalMicrograph and HyperSpy.

    A stack along the first axis; maps of a scan along one axis are images of one row, of more
    than two a longer stack.

    Parameters
    ----------
    signal
        Images ``(…, n_v, n_u)`` or profiles ``(…, n)``.
    path
        File to write.
    """
    x, *others = signal.axes_manager.signal_axes
    y = others[0] if others else x
    shape = (y.size if others else 1, x.size)
    data = np.asarray(signal.data, dtype=np.float32).reshape(-1, *shape)
    steps = [float(abs(axis.scale)) for axis in (x, y)]
    units = [in_ascii(str(axis.units)) for axis in (x, y)]
    calibration: dict[str, Any] = {}
    if all(np.isfinite(step) and step > 0 for step in steps) and units[0] == units[1] != "px":
        calibration["resolution"] = (1 / steps[0], 1 / steps[1])
    tifffile.imwrite(
        path,
        data,
        imagej=True,
        metadata={"axes": "ZYX", "unit": units[0]},
        extratags=[
            *((tag, "s", 3, unit, True) for tag, unit in zip(_DM_UNITS, units, strict=True)),
            *_numbers(_DM_ORIGINS, x.offset, y.offset),
            *_numbers(_DM_SCALES, x.scale, y.scale),
        ],
        **calibration,
    )


def _numbers(tags: tuple[int, int], *values: float) -> list[tuple[Any, ...]]:
    return [(tag, "d", 1, float(value), True) for tag, value in zip(tags, values, strict=True)]


def of_figure(figure: Illustration, formats: Sequence[str]) -> list[Product]:
    """Name the files of a figure, one for each format."""
    writers = {"png": partial(_save_png, figure)}
    save = partial(_save_vectors, cache(figure.figure))
    return [
        Product(f"{figure.name}.{suffix}", writers.get(suffix, save))
        for suffix in dict.fromkeys(formats)
    ]


def _save_png(figure: Illustration, path: Path) -> None:
    path.write_bytes(figure.drawn.png)


def _save_vectors(figure: Callable[[], Any], path: Path) -> None:
    figure().savefig(path, dpi=_DPI)


def further_figures(findings: Findings) -> Iterator[Illustration]:
    """Name the figures that a report leaves out."""
    nmf, groups = findings.factorization, findings.groups
    if nmf is not None:
        yield Illustration("components_linear", "", "", lambda: nmf.plot(scaling="linear"))
    if groups is not None:
        draw = partial(groups.plot_dendrogram, kind="sequence")
        yield Illustration("dendrogram_sequence", "", "", draw)


def report(findings: Findings, figures: Sequence[Illustration]) -> Product:
    """Name the report, with these figures."""
    return text_file("report.html", lambda: page(findings, figures))


def text_file(name: str, text: Callable[[], str]) -> Product:
    """Name a file of text."""
    return Product(name, lambda path: path.write_text(text(), encoding="utf-8"))
