"""The axes of a scan."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ScanAxes:
    """Shape of a scan and the calibration of its last two axes, or of its only one.

    Parameters
    ----------
    shape
        In array order.
    steps
        Steps of the axes along which maps are resolved, in array order.
    units
        Their units.
    """

    shape: tuple[int, ...]
    steps: tuple[float, ...]
    units: tuple[str, ...]
