"""What is known of the scan itself: file, steps, beam, intensity."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hs_nmfcluster.bridge.axes import pixel_size
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.report.subject import Factorization, Signal
from hs_nmfcluster.scan.arguments import known_beam_energy
from hs_nmfcluster.scan.local_maps import LocalMaps
from hs_nmfcluster.scan.units import PixelSize, format_units
from hs_nmfcluster.words import rounded, times

Row = tuple[str, str]


def scan_rows(findings: Findings) -> list[Row]:
    """Say of which scan results are.

    Parameters
    ----------
    findings
        What is known.
    """
    return list(_rows(findings))


def file_of(findings: Findings) -> str:
    """Name of the file that was analysed; empty where nobody knows."""
    nmf = findings.factorization
    known = findings.source or ("" if nmf is None else str(nmf.settings.get("file") or ""))
    return Path(known).name


def _rows(findings: Findings) -> Iterator[Row]:
    nmf, tree = findings.factorization, findings.tree
    if tree is not None and len(tree.scans) > 1:
        yield "Scans", ", ".join(scan.name for scan in tree.scans)
    else:
        yield "File", file_of(findings) or "not known"
    patterns: Signal = None
    maps: Signal = None
    if tree is not None:
        patterns, maps = tree.scans[0].patterns, tree.maps
    if nmf is not None:
        patterns, maps = nmf.patterns, nmf.maps
    if maps is not None:
        scan = times(maps.data.shape[:0:-1])
        yield "Scan", f"{scan} positions{_size(_plane(maps), ', step ')}"
    if patterns is not None:
        n_v, n_u = patterns.data.shape[1:]
        yield "Patterns", f"{times((n_u, n_v))} pixels{_size(_plane(patterns), ' of ')}"
    yield "Voltage", _voltage(findings)
    if nmf is not None:
        yield "Dose", _dose(nmf)
        yield "Beam centre", f"x = {nmf.center[0]:.2f}, y = {nmf.center[1]:.2f} px"
        if not nmf.settings.get("corrections"):
            yield "Corrected", "nothing"
        if nmf.settings.get("signal_mask"):
            yield "Left out", str(nmf.settings["signal_mask"])


def _plane(signal: Signal) -> PixelSize:
    return pixel_size(signal.axes_manager.signal_axes)


def _size(pixel: PixelSize, of: str) -> str:
    if not pixel.calibrated:
        return ", not calibrated"
    x, y = abs(pixel.x), abs(pixel.y)
    units = format_units(pixel.units)
    return f"{of}{x:.4g} {units}" if np.isclose(x, y) else f"{of}{x:.4g} × {y:.4g} {units}"


def _voltage(findings: Findings) -> str:
    key = "Acquisition_instrument.TEM.beam_energy"
    found: Any = findings.beam_energy
    nmf = findings.factorization
    for signal in (findings.signal, None if nmf is None else nmf.patterns):
        if found is None and signal is not None:
            found = signal.metadata.get_item(key, None)
    energy = known_beam_energy(found)
    return "not in the file" if energy is None else f"{energy:g} kV"


def _dose(nmf: Factorization) -> str:
    """Intensity of the components, which is that of the pixels that were analysed."""
    sums = np.nansum(np.asarray(nmf.patterns.data, dtype=np.float64), axis=(1, 2))
    maps = nmf.maps
    intensity = float(sums @ LocalMaps.known(maps.data).means())
    text = f"{rounded(intensity)} counts per pattern on the pixels that were analysed"
    pixel = _plane(maps)
    if pixel.calibrated and maps.data.ndim == 3:
        area = abs(pixel.x * pixel.y)
        text += f", {rounded(intensity / area)} per {format_units(pixel.units)}²"
    return text
