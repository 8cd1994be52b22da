"""A table: as a CSV file, and for pandas, which is optional."""

import csv
import io
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

    @classmethod
    def of(cls, result: object, *columns: str) -> "Table":
        """Take columns from the attributes of a result that are called so, one row an element."""
        values = zip(*(getattr(result, name) for name in columns), strict=True)
        return cls(columns, [dict(zip(columns, row, strict=True)) for row in values])

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
        with (
            written_whole(Path(path)) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            file.write(self.csv())

    def csv(self) -> str:
        """Write it as a CSV file holds it."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([_cell(row.get(name)) for name in self.columns] for row in self.rows)
        return text.getvalue()


def _cell(value: Any) -> Any:
    # Only NaN is not itself.
    return "" if value is None or value != value else value
