"""Progress as HyperSpy shows it."""

from collections.abc import Iterator
from contextlib import contextmanager

from hs_nmfcluster.factorization.matrix import Progress


@contextmanager
def pass_progress(show: bool | None, description: str) -> Iterator[Progress | None]:
    """Count the passes over the data in a bar.

    A bar over passes works under every scheduler; how many there will be is known only when the
    last run has converged.

    Parameters
    ----------
    show
        HyperSpy's ``show_progressbar``: None takes its preference.
    description
        Stands before the bar.

    Yields
    ------
    callable or None
        To be called after each pass with a few words on how things stand.
    """
    from hyperspy.defaults_parser import preferences

    if not (preferences.General.show_progressbar if show is None else show):
        yield None
        return
    from hyperspy.external.progressbar import progressbar

    with progressbar(desc=description, unit=" passes") as bar:

        def update(message: str) -> None:
            bar.set_postfix_str(message, refresh=False)
            bar.update()

        yield update
