"""From what was typed to an exit code.

0 = done, 2 = the file or an argument cannot be used (one line on stderr says why),
130 = interrupted from the keyboard.
"""

import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout

from hs_nmfcluster.cli.parser import make_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments
        As typed, without the program's name; by default from ``sys.argv``.

    Returns
    -------
    int
        Exit code.

    Examples
    --------
    >>> main(["run", "no_such_file.mib"])
    2
    """
    options = make_parser().parse_args(arguments)
    try:
        # The summary alone goes to stdout, so that a pipe gets nothing but JSON.
        with redirect_stdout(sys.stderr) if options.json else nullcontext():
            # These load HyperSpy and all else, for which help and version need not wait.
            from hs_nmfcluster.cli import commands, outputs  # noqa: PLC0415

            summary = commands.COMMANDS[options.command](options)
        if options.json:
            print(outputs.as_json(summary), end="")
        return 0
    except (ValueError, TypeError, OSError) as error:
        print(f"hs-nmfcluster: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nhs-nmfcluster: interrupted; no file is left half-written.", file=sys.stderr)
        return 130
