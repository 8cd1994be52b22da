"""Tables: as CSV files, and for pandas, which is optional."""

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hs_nmfcluster.files import written_whole

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Table:
    """Named columns, and rows in which what is not known may be left out.

    Parameters
    ----------
    columns
        Their names, in order.
    rows
        A mapping of column to value each.
    """

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]

    def to_dataframe(self) -> "DataFrame":
        """Hand the table to pandas.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            from pandas import DataFrame  # noqa: PLC0415
        except ImportError:
            raise ImportError(
                "`to_dataframe` needs pandas, which is not installed: `pip install pandas` or "
                "`conda install pandas`. The same numbers are in the attributes of the result."
            ) from None
        return DataFrame(list(self.rows), columns=list(self.columns))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a file of UTF-8, in which a cell is empty where nothing is known."""
        path = Path(path)
        with (
            written_whole(path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            writer.writerows([_cell(row.get(name)) for name in self.columns] for row in self.rows)


def _cell(value: Any) -> Any:
    # Only NaN is not itself.
    return "" if value is None or value != value else value


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
