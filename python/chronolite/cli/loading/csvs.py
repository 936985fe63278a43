"""CSV, read in blocks by pyarrow on all cores.

Types are settled before the first row is stored, from a sample: the whole of a small file, the
beginning and pieces from all over a large one, the beginning of a pipe. A later value that does not
fit ends the import with its row; it is never rounded or made null.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from chronolite.cli.exits import Code, Failure
from chronolite.cli.loading import kinds as kinds_of
from chronolite.cli.loading import lines
from chronolite.cli.loading.reader import Format, Misfit, Sampled, after, ending_of
from chronolite.cli.loading.stream import Source

_BLOCK = 1 << 20

# Words that stand for null so often that they are worth a note if they make a column text.
_NULL_WORDS = ("NA", "N/A", "n/a", "na", "NULL", "null", "None", "nil", "-", "--", "?", "#N/A")
_INVALID = re.compile(
    r"In CSV column #(\d+): (?:Row #\d+: )?(.*?)(?:: invalid value '(.*)')?$", re.S
)


class CsvReader:
    """A CSV file with a header line, or with names given for one."""

    text = True

    def __init__(self, source: Source, how: Format) -> None:
        self.source, self.how = source, how
        self._stream = source.open()
        tabs = source.path is not None and ending_of(source.path) == "tsv"
        self._delimiter = how.delimiter or ("\t" if tabs else ",")
        self._names: list[str] = []

    def done(self) -> float | None:
        return self.source.done()

    def sample(self) -> Sampled:
        if not self._stream.peek(1):
            raise Failure(f"{self.source.name} is empty", Code.MISFIT)
        pieces, complete = lines.sample(self.source, self._stream, whole=self.how.whole)
        tables = []
        for number, piece in enumerate(pieces):
            table = self._table(piece, first=number == 0)
            if table is not None:
                tables.append(table)
                self._names = self._names or table.column_names
        self._check_names()
        out = Sampled({}, complete)
        for name in self.how.columns or self._names:
            if name not in self._names:
                raise Failure(
                    f"{self.source.name} has no column {name!r}: it has {', '.join(self._names)}",
                    Code.NOT_FOUND,
                )
            columns = [table.column(name) for table in tables]
            kind = kinds_of.widest([kinds_of.exact(column) for column in columns])
            out.kinds[name] = kind
            if kind == pa.string() and (word := _null_word(columns)):
                out.null_words[name] = word
        return out

    def batches(self, kinds: dict[str, Any], skip: int) -> Iterator[Any]:
        passed = 0
        try:
            for batch in self._blocks(kinds):
                passed += batch.num_rows
                yield from after(iter([batch]), max(skip - passed + batch.num_rows, 0))
        except pa.ArrowInvalid as error:
            raise self._misfit(str(error), kinds, passed) from None

    def _blocks(self, kinds: dict[str, Any]) -> Iterator[Any]:
        yield from arrow_csv.open_csv(
            self._stream.for_arrow(),
            read_options=self._read_options(first=True),
            parse_options=self._parse_options(),
            convert_options=self._convert_options(column_types=kinds, include_columns=list(kinds)),
        )

    def _table(self, piece: bytes, *, first: bool) -> Any:
        """A piece with inferred types; None if it does not parse, as when cut within quotes."""
        if not piece.strip():
            return None
        try:
            table = self._read(piece, first, {}, [])
        except pa.ArrowInvalid as error:
            if first:
                raise Failure(f"{self.source.name}: {_plain(str(error))}", Code.MISFIT) from None
            return None
        return self._with_long_integers(table, piece, first=first)

    def _read(self, piece: bytes, first: bool, kinds: dict[str, Any], columns: list[str]) -> Any:
        return arrow_csv.read_csv(
            io.BytesIO(piece),
            read_options=self._read_options(first=first),
            parse_options=self._parse_options(),
            convert_options=self._convert_options(column_types=kinds, include_columns=columns),
        )

    def _with_long_integers(self, table: Any, piece: bytes, *, first: bool) -> Any:
        """The table with integers past 64 bits as text: pyarrow makes floats of them."""
        for number, column in enumerate(table.columns):
            if (
                column.type != pa.float64()
                or not pc.any(pc.greater_equal(pc.abs(column), 2.0**63)).as_py()
            ):
                continue
            name = table.column_names[number]
            text = self._read(piece, first, {name: pa.string()}, [name]).column(0)
            if not pc.all(pc.match_substring_regex(text, r"^[+-]?\d*$")).as_py():
                continue
            with suppress(pa.ArrowInvalid):
                text = self._read(piece, first, {name: pa.uint64()}, [name]).column(0)
            table = table.set_column(number, name, text)
        return table

    def _check_names(self) -> None:
        for name in self._names:
            if self._names.count(name) > 1:
                raise Failure(
                    f"{self.source.name} has two columns {name!r}: name all with --names",
                    Code.MISFIT,
                )

    def _misfit(self, message: str, kinds: dict[str, Any], passed: int) -> Misfit:
        found = _INVALID.search(message)
        if found is None:
            return Misfit(f"{_plain(message)} (after row {passed:,})")
        # Columns are counted as in the file, whichever are read.
        name, value = self._names[int(found[1])], found[3]
        kind = kinds[name]
        row = self._row_of(name, value, passed) if value is not None else None
        return Misfit(f"it is no {kinds_of.stored_name(kind)}", name, value, row)

    def _row_of(self, name: str, value: str, passed: int) -> int | None:
        """The first row after `passed` rows that has this text in the column, from 1."""
        if not self.source.regular:
            return None
        row = 0
        text = replace(self.how, nulls=())
        other = CsvReader(self.source, text)
        for batch in other._blocks({name: pa.string()}):
            if row + batch.num_rows > passed:
                found = pc.index(batch.column(0), value).as_py()
                if found >= 0 and row + found >= passed:
                    return row + int(found) + 1
            row += batch.num_rows
        return None

    def _read_options(self, *, first: bool) -> Any:
        names = list(self.how.names) or (None if first else self._names)
        return arrow_csv.ReadOptions(
            column_names=names, block_size=_BLOCK, encoding=self.how.encoding
        )

    def _parse_options(self) -> Any:
        return arrow_csv.ParseOptions(
            delimiter=self._delimiter, newlines_in_values=self.how.multiline
        )

    def _convert_options(self, **more: Any) -> Any:
        how = self.how
        return arrow_csv.ConvertOptions(
            null_values=["", *how.nulls],
            strings_can_be_null=bool(how.nulls),
            decimal_point=how.decimal,
            timestamp_parsers=[how.time_format] if how.time_format else None,
            **more,
        )


def _null_word(columns: list[Any]) -> str | None:
    """The word that alone makes text of a column of numbers."""
    words = pa.array(_NULL_WORDS)
    seen = None
    for column in columns:
        if column.type != pa.string():
            continue
        is_word = pc.is_in(column, words)
        if not pc.any(is_word).as_py():
            return None
        try:
            pc.cast(pc.if_else(is_word, None, column), pa.float64())
        except pa.ArrowInvalid:
            return None
        seen = pc.filter(column, is_word)[0].as_py()
    return seen


def _plain(message: str) -> str:
    message = message.removeprefix("CSV parse error: ")
    if "newlines_in_values" in message:
        return "a quoted field spans lines where a block ends: give --multiline"
    return message[:1].lower() + message[1:]
