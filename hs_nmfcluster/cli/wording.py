"""What the methods of Python say, in the words of the command line."""

import re

# Arguments of methods whose options are called otherwise.
_OPTIONS = {
    "n_components": "--components",
    "n_groups": "--groups",
    "max_memory": "--memory",
    "random_state": "--seed",
    "limit": "--map-resolution",
    "signal_mask": "--inner and --outer",
    "folder": "--output",
    "scan_shape": "--scan-shape",
    "skip_frames": "--skip-frames",
    "beam_energy": "--beam-energy",
    "probe_size": "--probe-size",
    "print_info": "--quiet",
    "smooth_patterns": "--smooth-patterns",
}
_SAME = ("center", "checkpoint", "dataset", "distance", "flyback", "inner", "outer", "phases")
_SAME_TOO = ("corrections", "reader", "restarts", "tiles", "transpose", "weighting")
_OPTIONS |= {name: f"--{name}" for name in (*_SAME, *_SAME_TOO)}
_QUOTED = re.compile(r"`(\w+)(?:=([^`]*))?`")
# These are words of no language, with or without quotes, unless they are part of a file's name.
_BARE = re.compile(r"(?<![\w./\\-])(\w+_\w+)(?![\w./\\(-])")
# What the command line has no option for, and how it says what only Python can.
_ONLY_IN_PYTHON = (
    (r"`MapResolution\(limit=([^)]*)\)`", r"`--map-resolution \1`"),
    (r"; give it as `SmoothPatterns\(.*?\)` in [^.]*", ": leave `--smooth-patterns` out"),
    (r" with `navigation_mask` or its pixels| that `navigation_mask` keeps", ""),
    (r" or `navigation_mask`", ""),
    (r", or replace them, for instance with `s\.map\(np\.nan_to_num\)`", ""),
    (r", fewer `n_radial` or `n_azimuthal`(, or a number as `n_neighbors`)?", ""),
    (r"Set `scale` and `units` of `s\.axes_manager\.\w+`", "Calibrate them in the file"),
    (r"\bNone\b", "none"),
)


def in_words_of_options(text: str) -> str:
    """Call arguments by the options that set them.

    Parameters
    ----------
    text
        What an error says, arguments in backticks.

    Examples
    --------
    >>> in_words_of_options("`n_components` must be ≥ 1, got 0.")
    '`--components` must be ≥ 1, got 0.'
    >>> in_words_of_options("random_state was 0, is 9")
    '--seed was 0, is 9'
    >>> in_words_of_options("`tiles=None` or `center=(63.5, 64.0)`")
    '`--tiles none` or `--center 63.5 64.0`'
    >>> in_words_of_options("/data/scan_shape.hspy: there is no such file.")
    '/data/scan_shape.hspy: there is no such file.'
    """
    for python, words in _ONLY_IN_PYTHON:
        text = re.sub(python, words, text)
    return _BARE.sub(_bare, _QUOTED.sub(_quoted, text))


def _quoted(found: re.Match[str]) -> str:
    option = _OPTIONS.get(found[1])
    if option is None:
        return found[0]
    value = re.sub(r"[(),'\"]", "", found[2] or "")
    return f"`{option} {value}`" if value else f"`{option}`".replace(" and ", "` and `")


def _bare(found: re.Match[str]) -> str:
    return _OPTIONS.get(found[1], found[0])
