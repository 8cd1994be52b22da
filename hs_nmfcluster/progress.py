"""Progress as HyperSpy shows it."""

from collections.abc import Iterator
from contextlib import contextmanager

from hs_nmfcluster.factorization.iteration import Progress


@contextmanager
def fit_progress(show: bool | None, total: int) -> Iterator[Progress | None]:
    """Bar over the iterations of a fit.

    Parameters
    ----------
    show
        HyperSpy's ``show_progressbar``: None takes its preference.
    total
        Largest number of iterations.

    Yields
    ------
    callable or None
        To be called with (iteration, restarts still running, smallest MSE).
    """
    from hyperspy.defaults_parser import preferences

    if not (preferences.General.show_progressbar if show is None else show):
        yield None
        return
    from hyperspy.external.progressbar import progressbar

    with progressbar(total=total, desc="ALS-NMF", unit="iteration") as bar:

        def update(iteration: int, running: int, mse: float) -> None:
            bar.set_postfix({"MSE": f"{mse:.6g}", "restarts running": running}, refresh=False)
            bar.update(iteration - bar.n)
            if not running:
                # Fewer iterations were needed than allowed: the bar is full all the same.
                bar.total = iteration
                bar.refresh()

        yield update
