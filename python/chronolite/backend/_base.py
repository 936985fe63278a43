"""What all backends share: names are checked, data is made into rows, rows are read in any form."""

from __future__ import annotations

import logging
import operator
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from chronolite._errors import ClosedError
from chronolite.backend import _results
from chronolite.backend._names import check_table, day_of, range_of
from chronolite.backend._schema import TableSchema

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from chronolite._core import _RowBatch
    from chronolite.backend._names import Day, Days
    from chronolite.backend._source import Source, Values


_log = logging.getLogger("chronolite")


class Backend(ABC):
    """Tables of rows, a day at a time. ``TimeSeriesEngine`` does what its backend does.

    Subclasses say where rows are kept; names have been checked when they are asked.
    """

    schema: TableSchema

    def __init__(self, schema: TableSchema) -> None:
        if not isinstance(schema, TableSchema):
            raise TypeError(f"a schema is a TableSchema, not {type(schema).__name__}")
        self.schema = schema
        self._is_open = True
        # Held by whatever changes what a backend knows of its files.
        self._lock = threading.RLock()

    # What a way to keep rows has to do.

    @abstractmethod
    def _append(self, table: str, day: str, batch: _RowBatch) -> None:
        """Appends rows, of which there is one at least: all or none."""

    @abstractmethod
    def _source(self, table: str, first: str, last: str, part: slice) -> Source | None:
        """Some rows of the days from ``first`` to ``last``; None if these have no rows at all."""

    @abstractmethod
    def _tables(self) -> list[str]: ...

    @abstractmethod
    def _days(self, table: str) -> list[str]: ...

    @abstractmethod
    def _delete_day(self, table: str, day: str) -> bool: ...

    @abstractmethod
    def _flush(self) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...

    # What users call.

    def append(self, table: str, day: Day, data: Any) -> None:
        """Appends rows to a day of a table: all of them or none.

        Args:
            table: Its name: text of at most 200 bytes without slashes and control characters, that
                does not begin with a dot.
            day: ``YYYY-MM-DD``, a date, a datetime (its date) or a ``datetime64``.
            data: A dict of values (one row) or of columns, a list of dicts, a DataFrame of pandas
                or polars, anything with ``__arrow_c_stream__``, a NumPy structured array; an array
                or a Series where the schema has one column. Columns are matched by name, and each
                value has to fit: integers by their number, floats are rounded to their width.

        Raises:
            SchemaError: What does not fit is named; nothing was written.
        """
        check_table(table)
        day = day_of(day)
        self._check_open()
        batch = self.schema._layout.batch(data)
        if len(batch) > 0:
            self._append(table, day, batch)

    def flush(self) -> None:
        """Makes what was appended survive power loss. It is readable before."""
        self._check_open()
        self._flush()

    def read(
        self,
        table: str,
        day: Days,
        *,
        start: int | None = None,
        end: int | None = None,
        where: Any = None,
    ) -> dict[str, Any]:
        """The rows of a day, or of all days of a range, as a dict of arrays.

        Args:
            table: The table's name.
            day: A day, or the first and the last of several as a tuple or list; None is open.
            start: The first row, counted over all days; a negative one counts from the end.
            end: The row behind the last one, counted alike.
            where: Which of these rows are wanted: a function that gets the dict of arrays and
                returns an array of bools, text such as ``"value > 3 and ok"``,
                ``col("value") > 3``, or an expression of ``pyarrow.compute``.

        Returns:
            Arrays of one length in the order in which rows were appended, of shape (rows,), or
            (rows, n) where a row has n values; ``{}`` if there is no such table or day.
            Nulls are NaN in floats, NaT in times, and masked elsewhere. A single day of flat files
            is read without a copy. Its arrays are views that cannot be written to, and other
            backends may give such views as well: ``copy`` makes an array of one's own.
        """
        where = self._predicate(where)
        source = self._part(table, day, start, end)
        if source is None:
            return {}
        views = source.views() if where is None and not isinstance(day, tuple | list) else None
        if views is not None:
            return views
        return _results.to_dict(self.schema, _results.picked(self.schema.names, source, where))

    def read_dataframe(
        self,
        table: str,
        day: Days,
        *,
        start: int | None = None,
        end: int | None = None,
        where: Any = None,
    ) -> pandas.DataFrame:
        """The same as a pandas DataFrame; an empty one if there is no such table or day."""
        columns = self._picked(table, day, start, end, where)
        if columns is None:
            import pandas

            return pandas.DataFrame()
        return _results.to_pandas(self.schema, columns)

    def read_arrow(
        self,
        table: str,
        day: Days,
        *,
        start: int | None = None,
        end: int | None = None,
        where: Any = None,
    ) -> pyarrow.Table:
        """The same as a pyarrow Table, which has its columns even if there is no such day."""
        return _results.to_arrow(self.schema, self._picked(table, day, start, end, where))

    def rows(self, table: str, day: Day) -> dict[str, Any]:
        """The rows of a day as ``append`` takes them, with their nulls: what ``migrate`` copies."""
        columns = self._picked(table, day_of(day), None, None, None)
        return {} if columns is None else _results.to_columns(self.schema, columns)

    def tables(self) -> list[str]:
        """The names of the tables that have rows, sorted."""
        self._check_open()
        return sorted(self._tables())

    def days(self, table: str) -> list[str]:
        """The days of a table that have rows, as ``YYYY-MM-DD``, sorted."""
        check_table(table)
        self._check_open()
        return self._days(table)

    def delete_day(self, table: str, day: Day) -> bool:
        """Deletes the rows of a day. True if there were any. Arrays that were read stay."""
        check_table(table)
        day = day_of(day)
        self._check_open()
        return self._delete_day(table, day)

    def close(self) -> None:
        """Writes out what is left to be written. Closing twice does nothing."""
        with self._lock:
            if not self._is_open:
                return
            self._is_open = False
            self._close()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def pack(self, data: Any) -> bytes:
        """Rows of any data that ``append`` takes, as they stand in a flat file."""
        self._check_open()
        return self.schema._layout.batch(data).pack()

    def pack_row(self, row: dict[str, Any]) -> bytes:
        """A row, packed."""
        return Backend.pack(self, [row])

    def pack_rows(self, rows: list[dict[str, Any]]) -> bytes:
        """Several rows, packed."""
        return Backend.pack(self, rows)

    def pack_dataframe(self, df: pandas.DataFrame) -> bytes:
        """The rows of a DataFrame, packed."""
        return Backend.pack(self, df)

    def pack_series(self, series: pandas.Series) -> bytes:
        """The values of the only column, packed."""
        return Backend.pack(self, series)

    def _left_out(self, where: object, size: int) -> None:
        """Tells of bytes that are no rows."""
        _log.warning("%s: left out %d bytes of rows that are not whole", where, size)

    def _check_open(self) -> None:
        if not self._is_open:
            raise ClosedError(f"the {type(self).__name__} was closed; make another one")

    def _predicate(self, where: Any) -> Any:
        """What a ``where`` says; what can be said of no row is refused before there are rows."""
        if where is None or callable(where):
            return where
        return self.schema._layout.predicate(where)

    def _part(self, table: str, day: Days, start: int | None, end: int | None) -> Source | None:
        check_table(table)
        first, last = range_of(day)
        part = slice(_place(start), _place(end))
        self._check_open()
        return self._source(table, first, last, part) if first <= last else None

    def _picked(
        self, table: str, day: Days, start: int | None, end: int | None, where: Any
    ) -> list[Values] | None:
        where = self._predicate(where)
        source = self._part(table, day, start, end)
        return None if source is None else _results.picked(self.schema.names, source, where)


def _place(place: int | None) -> int | None:
    """An end of a slice."""
    if isinstance(place, bool | np.bool_):
        raise TypeError("start and end are integers, not bools")
    return None if place is None else operator.index(place)
