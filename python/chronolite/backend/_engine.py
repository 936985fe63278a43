"""The face ``TimeSeriesEngine``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from chronolite.backend._base import Backend

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from chronolite.backend._names import Day, Days


class TimeSeriesEngine:
    """Tables of typed rows, a day at a time, in any of the backends of ``chronolite.backend``.

    Args:
        backend: Where the rows are kept. The engine closes it.

    >>> from chronolite.backend import FlatFileBackend
    >>> schema = cl.TableSchema([cl.ColumnSchema("timestamp", "q"), cl.ColumnSchema("value", "d")])
    >>> with cl.TimeSeriesEngine(FlatFileBackend(schema, folder)) as engine:
    ...     engine.append("Sensor1", "2025-06-14", {"timestamp": 1, "value": 42.0})
    ...     engine.append("Sensor1", "2025-06-14", {"timestamp": [2, 3], "value": [43.0, 44.0]})
    ...     engine.flush()
    ...     engine.read("Sensor1", "2025-06-14", start=-2)["value"].tolist()
    [43.0, 44.0]
    """

    backend: Backend

    def __init__(self, backend: Backend) -> None:
        if not isinstance(backend, Backend):
            raise TypeError(f"a backend is one of chronolite.backend, not {backend!r}")
        self.backend = backend

    def append(self, table: str, day: Day, data: Any) -> None:
        """Appends rows to a day of a table, all of them or none: see ``Backend.append``.

        >>> engine.append("pump", "2025-06-15", [{"time": 4, "value": 0.25}])
        >>> engine.append("pump", "2025-06-15", {"time": [5, 6], "value": [0.5, 0.75]})
        >>> engine.days("pump")
        ['2025-06-14', '2025-06-15']
        """
        self.backend.append(table, day, data)

    def flush(self) -> None:
        """Makes what was appended survive power loss. It is readable before.

        >>> engine.flush()
        """
        self.backend.flush()

    def read(
        self,
        table: str,
        day: Days,
        *,
        start: int | None = None,
        end: int | None = None,
        where: Any = None,
    ) -> dict[str, Any]:
        """The rows of a day or of a range of days, as a dict of arrays: see ``Backend.read``.

        >>> engine.read("pump", "2025-06-14", start=-2)["time"].tolist()
        [2, 3]
        >>> engine.read("pump", ("2025-06-01", None), where="value > 0.5")["time"].tolist()
        [2, 3]
        >>> engine.read("pump", "2025-06-14", where=lambda rows: rows["value"] > 2)
        {'time': array([3]), 'value': array([2.5])}
        >>> engine.read("pump", "2025-06-15")
        {}
        """
        return self.backend.read(table, day, start=start, end=end, where=where)

    def read_dataframe(
        self,
        table: str,
        day: Days,
        *,
        start: int | None = None,
        end: int | None = None,
        where: Any = None,
    ) -> pandas.DataFrame:
        """The same as a pandas DataFrame; an empty one if there is no such table or day.

        >>> engine.read_dataframe("pump", "2025-06-14", end=2)
           time  value
        0     1    0.5
        1     2    1.5
        """
        return self.backend.read_dataframe(table, day, start=start, end=end, where=where)

    def read_arrow(
        self,
        table: str,
        day: Days,
        *,
        start: int | None = None,
        end: int | None = None,
        where: Any = None,
    ) -> pyarrow.Table:
        """The same as a pyarrow Table, which has its columns even if there is no such day.

        >>> engine.read_arrow("pump", "2025-06-14").num_rows
        3
        """
        return self.backend.read_arrow(table, day, start=start, end=end, where=where)

    def tables(self) -> list[str]:
        """The names of the tables that have rows, sorted.

        >>> engine.tables()
        ['pump']
        """
        return self.backend.tables()

    def days(self, table: str) -> list[str]:
        """The days of a table that have rows, as ``YYYY-MM-DD``, sorted.

        >>> engine.days("pump")
        ['2025-06-14']
        """
        return self.backend.days(table)

    def delete_day(self, table: str, day: Day) -> bool:
        """Deletes the rows of a day. True if there were any.

        >>> engine.delete_day("pump", "2025-06-14")
        True
        """
        return self.backend.delete_day(table, day)

    def close(self) -> None:
        """Closes the backend. Closing twice does nothing.

        >>> engine.close()
        """
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<chronolite.TimeSeriesEngine of {self.backend!r}>"
