"""From what was typed to an exit code.

0 = done, 1 = done but for what stderr says could not be made, 2 = the file or an argument cannot
be used (one line on stderr says why), 3 = an error of this program, 130 = interrupted from the
keyboard.
"""

import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout

from hs_nmfcluster.cli.parser import make_parser
from hs_nmfcluster.cli.wording import in_words_of_options
from hs_nmfcluster.words import say


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
            from hs_nmfcluster.cli.commands import COMMANDS  # noqa: PLC0415
            from hs_nmfcluster.cli.summary import as_json  # noqa: PLC0415

            summary = COMMANDS[options.command](options)
        if options.json:
            say(as_json(summary).rstrip("\n"))
        return 1 if summary["failed"] else 0
    except (ValueError, TypeError, OSError, MemoryError) as error:
        say(f"hs-nmfcluster: {in_words_of_options(str(error))}", sys.stderr)
        return 2
    except Exception as error:  # which nobody has thought of
        _say_where_the_traceback_is(error)
        return 3
    except KeyboardInterrupt:
        say("\nhs-nmfcluster: interrupted; no file is left half-written.", sys.stderr)
        return 130


def _say_where_the_traceback_is(error: Exception) -> None:
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="hs-nmfcluster-", suffix=".txt", delete=False
    ) as file:
        file.writelines(traceback.format_exception(error))
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    say(
        f"hs-nmfcluster: an error of this program, {reason}. Please report it, with the "
        f"traceback in {file.name}",
        sys.stderr,
    )
