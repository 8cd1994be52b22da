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
_QUOTED = re.compile(r"`(\w+)(?:=[^`]*)?`")
# These are words of no language, with or without quotes, unless they are part of a file's name.
_BARE = re.compile(r"(?<![\w./\\-])(\w+_\w+)(?![\w./\\(-])")


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
    >>> in_words_of_options("/data/scan_shape.hspy: there is no such file.")
    '/data/scan_shape.hspy: there is no such file.'
    """
    text = _QUOTED.sub(lambda name: _named(name, "`{}`"), text)
    return _BARE.sub(lambda name: _named(name, "{}"), text)


def _named(found: re.Match[str], how: str) -> str:
    option = _OPTIONS.get(found[1])
    return found[0] if option is None else how.format(option)
