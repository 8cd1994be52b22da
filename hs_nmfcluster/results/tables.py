"""Tables for pandas, which is optional."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame


def data_frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> "DataFrame":
    """Table of these rows.

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
    return DataFrame(list(rows), columns=list(columns))
