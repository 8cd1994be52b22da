"""The state of a scan in words: what was found, how strong it is, what is done about it."""

import numpy as np

from hs_nmfcluster.report.caution import Caution
from hs_nmfcluster.scan.condition.condition import Condition
from hs_nmfcluster.words import counted, rounded, times

# Electrons of a pixel in the whole scan below which single ones cannot be judged.
_FEW = 30.0


def condition_cautions(condition: Condition) -> list[Caution]:
    """List what was found wrong with a scan, the worst for an analysis first.

    Parameters
    ----------
    condition
        State of the scan.
    """
    found = [
        _drift(condition),
        _ellipse(condition),
        _stop(condition),
        *_pixels(condition),
        _gain(condition),
        *_frames(condition),
        _dose(condition),
    ]
    return [caution for caution in found if caution is not None]


def condition_facts(condition: Condition) -> list[tuple[str, str]]:
    """Name and value of what is known of a scan, found wrong or not.

    Parameters
    ----------
    condition
        State of the scan.
    """
    x, y = condition.center
    course, ellipse, gain = condition.course, condition.ellipse, condition.gain
    bad, left_out = condition.pixels.bad, condition.frames.left_out
    facts = [
        ("Looked at", f"{counted(condition.n_positions, 'position')} of {left_out.size}"),
        ("Dose", f"{rounded(condition.dose)} per pixel and position"),
        ("Beam", f"x = {x:.2f}, y = {y:.2f} px"),
        ("Course", f"{course.kind}, up to {course.largest:.2f} px" if course.moved else "still"),
    ]
    if ellipse is None:
        facts.append(("Ellipse", "nothing round to be seen"))
    elif ellipse.certain:
        facts.append(("Ellipse", _ellipse_in_words(condition)))
    else:
        facts.append(("Ellipse", f"none above {100 * ellipse.least:.1f} %"))
    if gain is not None and gain.certain:
        facts.append(("Gain", f"varies by {100 * gain.spread:.1f} %"))
    facts += [
        ("Bad pixels", f"{bad.sum()} of {bad.size}"),
        ("Patterns left out", f"{left_out.sum()} of {left_out.size}"),
    ]
    return facts


def _drift(condition: Condition) -> Caution | None:
    course = condition.course
    if not course.moved:
        return None
    return Caution(
        "The beam moved",
        f"by up to {course.largest:.2f} ± {course.error:.2f} px over the scan ({course.kind}). "
        "One crystal at two places then has two patterns, and spacings are wrong by as much. "
        + (
            "Patterns are moved back; better is to align the descan."
            if course.worth_correcting
            else "That is too little, or too little known, to move patterns back."
        ),
        serious=course.worth_correcting,
    )


def _ellipse_in_words(condition: Condition) -> str:
    ellipse = condition.ellipse
    if ellipse is None:
        return ""
    return (
        f"{100 * ellipse.strength:.2f} ± {100 * ellipse.strength_error:.2f} %, long axis at "
        f"{ellipse.axis:.0f} ± {ellipse.axis_error:.0f}°"
    )


def _ellipse(condition: Condition) -> Caution | None:
    if condition.ellipse is None or not condition.ellipse.certain:
        return None
    return Caution(
        "Circles are ellipses",
        f"by {_ellipse_in_words(condition)}. A spacing then depends on its direction, and a "
        "crystal that is turned looks like another. The geometry is corrected, the data are not "
        "resampled; better is to align the projector lenses.",
        serious=condition.ellipse.strength > 0.01,
    )


def _stop(condition: Condition) -> Caution | None:
    stop = condition.pixels.stop
    if not stop.any():
        return None
    return Caution(
        "A beam stop",
        f"hides {100 * stop.mean():.1f} % of the detector. It is left out; the centre is that of "
        "the symmetry of what is left.",
    )


def _pixels(condition: Condition) -> list[Caution]:
    pixels = condition.pixels
    kinds = {
        "dead": (pixels.dead, "count nothing, or much less than those beside them"),
        "hot": (pixels.hot, "count more than electrons bring"),
        "noisy": (pixels.noisy, "vary more than electrons and specimen make them"),
        "lines": (pixels.lines, "lie in gaps, at their edges, or in rows that hold no electrons"),
        "saturated": (pixels.saturated, "are cut off at the largest value that occurs"),
    }
    return [
        Caution(
            f"Bad pixels ({name})",
            f"{counted(int(flags.sum()), 'pixel')} of {flags.size} {what}. They are left out.",
        )
        for name, (flags, what) in kinds.items()
        if flags.any()
    ]


def _gain(condition: Condition) -> Caution | None:
    gain = condition.gain
    if gain is None or not gain.certain:
        return None
    return Caution(
        "Pixels respond differently",
        f"by {100 * gain.spread:.1f} % (standard deviation), which the scan itself tells to "
        f"{100 * gain.error:.1f} %. Patterns are divided by what was found; better is a gain "
        "reference of the camera.",
        serious=gain.spread > 0.05,
    )


def _frames(condition: Condition) -> list[Caution]:
    frames = condition.frames
    kinds = {
        "Blank patterns": (frames.blank, "hold no electrons"),
        "Repeated patterns": (frames.repeated, "are the same as one before, to the electron"),
        "Flyback": (frames.flyback, "at the ends of lines were taken before the beam stood still"),
    }
    return [
        Caution(title, f"{flags.sum()} of {flags.size} {what}. They are left out.")
        for title, (flags, what) in kinds.items()
        if flags.any()
    ]


def _dose(condition: Condition) -> Caution | None:
    electrons = condition.dose * condition.n_positions
    if not np.isfinite(electrons) or electrons >= _FEW:
        return None
    return Caution(
        "Few electrons",
        f"A pixel counts {rounded(electrons)} in the whole scan of {times(_xy(condition))}: single "
        "bad pixels and a gain pattern cannot be found.",
    )


def _xy(condition: Condition) -> tuple[int, ...]:
    return condition.frames.left_out.shape[::-1]
