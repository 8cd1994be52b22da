"""Answers that are also tables."""

import os

from hs_nmfcluster.report.table import Table


class Tabular:
    """An answer that is also a table.

    Examples
    --------
    >>> from hs_nmfcluster import ClusterTree
    >>> from hs_nmfcluster.simulation import linear_mixture
    >>> signal, truth = linear_mixture((16, 16), (64, 64), n_particles=3, pixel_size=0.3)
    >>> patterns = signal.inav[:4, 0]
    >>> patterns.data = truth.patterns
    >>> groups = ClusterTree.from_patterns(patterns, radial_range=(2, 8)).cut(n_groups=4)
    >>> isinstance(groups.lattice_spacings(), Tabular)
    True
    """

    def _table(self) -> Table:
        raise NotImplementedError

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table as a CSV file, for which pandas is not needed.

        Parameters
        ----------
        path
            File, replaced if there is one.

        Examples
        --------
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/spacings.csv"
        >>> groups.lattice_spacings().to_csv(path)
        >>> with open(path) as file:
        ...     file.readline().split(",")[:3]
        ['group', 'spacing', 'sigma']
        """
        self._table().to_csv(path)
