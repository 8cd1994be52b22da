"""Corrections as users give them, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from hyperspy.signal import BaseSignal
from numpy.typing import NDArray

from hs_nmfcluster.bridge.axes import detector_axes, scan_of, scan_shape
from hs_nmfcluster.engine.job import Job
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.factorization.corrected import Corrected, correct
from hs_nmfcluster.scan.corrections import NOTHING, Corrections
from hs_nmfcluster.scan.mending import Mending
from hs_nmfcluster.scan.survey import Survey, survey_matrix

_NAMES = tuple(one.name for one in fields(Corrections))
_FLAGS = ("bad_pixels", "left_out")
# How far from 1 a determinant may be by rounding.
_ROUNDING = 1e-6


@runtime_checkable
class HasCorrections(Protocol):
    """The state of a scan, from which corrections follow."""

    @property
    def corrections(self) -> Corrections:
        """What is certain to be wrong."""
        ...


#: What users may ask to be corrected.
Asked: TypeAlias = Literal["auto"] | HasCorrections | Corrections | Mapping[str, Any] | None


def corrections_of(signal: BaseSignal, asked: Asked) -> Literal["auto"] | Corrections | None:
    """Check what is to be corrected in a scan.

    Parameters
    ----------
    signal
        The scan.
    asked
        ``"auto"``, None, the state of a scan, corrections, or some of them by name.

    Raises
    ------
    TypeError, ValueError
        Naming what was given and what is allowed.
    """
    if asked is None:
        return None
    if isinstance(asked, str):
        if asked != "auto":
            raise ValueError(f'`corrections` must be "auto", None or {_what()}, got {asked!r}.')
        return "auto"
    if isinstance(asked, HasCorrections):
        asked = asked.corrections or NOTHING
    if isinstance(asked, Mapping):
        unknown = [name for name in asked if name not in _NAMES]
        if unknown:
            raise ValueError(
                f"`corrections` knows of {', '.join(map(repr, _NAMES))}, not of {unknown[0]!r}."
            )
        asked = Corrections(**{name: _plain(value) for name, value in asked.items()})
    if not isinstance(asked, Corrections):
        raise TypeError(
            f'`corrections` must be "auto", None or {_what()}, not {type(asked).__name__}.'
        )
    return _checked(signal, asked)


def corrected(
    signal: BaseSignal, asked: Asked, center: Sequence[float] | None, job: Job
) -> Corrected:
    """Find out how the patterns of a scan are put right, in one pass or two.

    Parameters
    ----------
    signal, asked
        As of :func:`corrections_of`.
    center
        Beam centre ``(x, y)`` in pixels, or None.
    job
        Makes the passes.
    """
    wanted, shape = corrections_of(signal, asked), signal.data.shape[-2:]
    where = None if center is None else detector_axes(signal).check_center(center)

    def look_again(mending: Mending) -> Survey:
        placed = ScanMatrix.from_array(signal.data, mending.left_out, placement=mending.placement)
        return survey_matrix(placed, shape, job, "survey of corrected patterns")

    look = survey_matrix(ScanMatrix.from_array(signal.data), shape, job)
    return correct(scan_of(signal), wanted, None, where, look, look_again)


def _what() -> str:
    return "what `inspect_scan` returns, `Corrections`, or a dictionary of some of them"


def _plain(value: Any) -> NDArray[Any] | None:
    return None if value is None else np.asarray(getattr(value, "data", value))


def _checked(signal: BaseSignal, given: Corrections) -> Corrections:
    pattern = tuple(int(n) for n in signal.axes_manager.signal_shape[::-1])
    scan = scan_shape(signal)
    shapes = {
        "bad_pixels": pattern,
        "left_out": scan,
        "shifts": (*scan, 2),
        "distortion": (2, 2),
        "gain": pattern,
    }
    for name, shape in shapes.items():
        values = getattr(given, name)
        if values is None:
            continue
        kind = "bool" if name in _FLAGS else "numbers"
        if values.shape != shape or (values.dtype == bool) != (name in _FLAGS):
            raise ValueError(
                f"`{name}` of `corrections` must be an array of {kind} of shape {shape}, got "
                f"{values.dtype} of shape {values.shape}."
            )
        if name in ("shifts", "distortion") and not np.isfinite(values).all():
            raise ValueError(f"`{name}` of `corrections` holds NaN or infinite values.")
    if given.distortion is not None and abs(np.linalg.det(given.distortion) - 1) > _ROUNDING:
        raise ValueError(
            "`distortion` of `corrections` must have the determinant 1, got "
            f"{np.linalg.det(given.distortion):.6g}: what changes the scale belongs to the axes."
        )
    for name in _FLAGS:
        flags = getattr(given, name)
        if flags is not None and flags.all():
            raise ValueError(f"`{name}` of `corrections` leaves nothing: every element is True.")
    if given.shifts is not None and (np.abs(given.shifts).max(initial=0) > min(pattern) / 2):
        raise ValueError(
            "`shifts` of `corrections` are offsets in pixels, at most half the detector; the "
            f"largest is {np.abs(given.shifts).max():g}."
        )
    return given if given else NOTHING
