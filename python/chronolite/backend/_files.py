"""What people have before they have a database: a folder of CSV or Parquet files, one a day."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronolite._errors import SchemaError
from chronolite.backend._names import DAY, check_table, is_day, is_table
from chronolite.backend._schema import ColumnSchema, TableSchema

if TYPE_CHECKING:
    import pyarrow

_ENDINGS = (".csv", ".csv.gz", ".csv.zst", ".csv.bz2", ".parquet", ".pq")


class FileFolder:
    """CSV and Parquet files, one for each day, to be copied by ``migrate``. It needs pyarrow.

    A file has its day in its name, as in ``2025-06-14.csv``, ``trades_2025-06-14.parquet`` or
    ``2025-06-14/data.parquet``. A folder within the folder is a table of that name; files that are
    in none are of the table ``table``.

    Args:
        path: The folder.
        schema: What a row looks like; a file may have further columns. Without it, it is that of
            the first file: numbers and bools of their width, times as ``M8[unit]``.
            Text needs a width, so that a file with text needs a schema.
        table: The name of the table for files that are in no folder of their own.

    Raises:
        SchemaError: There is no such file, two files are of one day, or a column needs a format.

    >>> from chronolite.backend import FileFolder, PackedBackend, migrate
    >>> text = "time,temp\\n2025-06-14T00:00:00,20.5\\n2025-06-14T01:00:00,20.25\\n"
    >>> written = (folder / "2025-06-14.csv").write_text(text)
    >>> files = FileFolder(folder, table="plant")
    >>> [(column.name, column.fmt) for column in files.schema.columns]
    [('time', 'M8[s]'), ('temp', 'f8')]
    >>> with PackedBackend(files.schema, folder / "packed") as packed:
    ...     migrate(files, packed)
    2
    """

    schema: TableSchema

    def __init__(
        self,
        path: str | os.PathLike[str],
        schema: TableSchema | None = None,
        *,
        table: str = "data",
    ) -> None:
        check_table(table)
        self.path = Path(path)
        self._files: dict[str, dict[str, Path]] = {}
        for file in sorted(self.path.rglob("*")):
            if file.name.endswith(_ENDINGS) and file.is_file():
                self._add(file, table)
        if not self._files:
            raise SchemaError(f"{self.path} has no CSV or Parquet file with a day in its name")
        first = next(iter(next(iter(self._files.values())).values()))
        self.schema = _schema_of(first) if schema is None else schema

    def _add(self, file: Path, table: str) -> None:
        names = [file.name, *reversed(file.relative_to(self.path).parts[:-1])]
        days = [day for name in names for day in DAY.findall(name) if is_day(day)]
        if not days:
            return
        folders = [name for name in reversed(names[1:]) if not DAY.search(name)]
        name = folders[0] if folders and is_table(folders[0]) else table
        there = self._files.setdefault(name, {}).setdefault(days[0], file)
        if there is not file:
            raise SchemaError(f'table "{name}": {there} and {file} are both of {days[0]}')

    def tables(self) -> list[str]:
        """The names of the tables, sorted."""
        return sorted(self._files)

    def days(self, table: str) -> list[str]:
        """The days of a table, sorted."""
        return sorted(self._files.get(table, {}))

    def rows(self, table: str, day: str) -> pyarrow.Table:
        """The rows of a day, with the columns of the schema."""
        file = self._files[table][day]
        names = self.schema.names
        try:
            found = _read(file, names)
            if missing := [name for name in names if name not in found.column_names]:
                raise SchemaError(f"column {missing[0]!r} is missing")
            return found.select(names)
        except (KeyError, ValueError) as error:
            # pyarrow's errors are ValueErrors; those of the file's system say which it is.
            raise SchemaError(f"{file}: {error}") from error


def _read(file: Path, names: list[str] | None = None) -> pyarrow.Table:
    if file.suffix in (".parquet", ".pq"):
        import pyarrow.parquet

        known = pyarrow.parquet.ParquetFile(file)
        have = known.schema_arrow.names
        return known.read(None if names is None else [name for name in names if name in have])
    import pyarrow.csv

    convert = pyarrow.csv.ConvertOptions(include_columns=names, include_missing_columns=False)
    return pyarrow.csv.read_csv(file, convert_options=convert)


def _schema_of(file: Path) -> TableSchema:
    """The schema of a file."""
    return TableSchema(
        [ColumnSchema(field.name, _format_of(field)) for field in _read(file).schema]
    )


def _format_of(field: Any) -> str:
    import pyarrow.types as of

    kind = field.type
    if of.is_integer(kind) or of.is_floating(kind):
        return str(kind.to_pandas_dtype()().dtype.str[1:])
    if of.is_boolean(kind):
        return "?"
    if of.is_timestamp(kind):
        return f"M8[{kind.unit}]"
    if of.is_date(kind):
        return "M8[D]"
    raise SchemaError(
        f'column "{field.name}" is {kind}, which has no format of its own: give a schema, with '
        '"10s" for text of at most 10 bytes'
    )
