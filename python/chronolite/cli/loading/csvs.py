"""CSV, read in pieces by pyarrow on all cores.

Types are settled before the first row is stored, from a sample: the whole of a small file, the
beginning and pieces from all over a large one, the beginning of a pipe. A later value that does not
fit ends the import with its row; it is never rounded or made null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from chronolite.cli.exits import Code, Failure
from chronolite.cli.loading import kinds as kinds_of
from chronolite.cli.loading import lines
from chronolite.cli.loading.ahead import side_by_side
from chronolite.cli.loading.reader import Format, Misfit, Sampled, after, ending_of
from chronolite.cli.loading.stream import Source

# Of a piece that one thread reads, in bytes.
_BLOCK = 1 << 20
# Of what is read in one go where a text cannot be divided.
_STRETCH = 1 << 20
# In so much of the beginning there is a line break.
_LINE = 64 << 10

# Words that stand for null so often that they are worth a note if they make a column text.
_NULL_WORD = r"^(NA|N/A|n/a|na|NULL|null|None|nil|-|--|\?|#N/A)$"
_ROW = re.compile(r"\bRow #(\d+): ")
_INVALID = re.compile(r"In CSV column #(\d+): .*?(?:: invalid value '(.*)')?$", re.S)


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
        return after(self._pieces(kinds) if self._divisible() else self._stretches(kinds), skip)

    def _divisible(self) -> bool:
        """Whether a line ends at every byte that is a line break."""
        plain = self.how.encoding.lower().replace("-", "") == "utf8"
        return plain and not self.how.multiline and b"\n" in self._stream.peek(_LINE)

    def _pieces(self, kinds: dict[str, Any]) -> Iterator[Any]:
        """All rows, by pieces of whole lines that are read side by side.

        pyarrow's own threads convert columns side by side, while a single one finds the fields.
        """

        def read(piece: tuple[int, bytes]) -> Any:
            number, text = piece
            return self._read(text, number == 0, kinds, list(kinds), threads=False)

        passed, number = 0, 0
        tables = side_by_side(read, enumerate(lines.blocks(self._stream, _BLOCK)), pa.cpu_count())
        try:
            for table in tables:
                passed, number = passed + table.num_rows, number + 1
                yield from table.to_batches()
        except pa.ArrowInvalid as error:
            raise self._misfit(str(error), kinds, passed, first=number == 0) from None

    def _stretches(self, kinds: dict[str, Any]) -> Iterator[Any]:
        """All rows, one stretch after the other."""
        try:
            yield from arrow_csv.open_csv(
                self._stream.for_arrow(),
                read_options=self._read_options(_STRETCH, first=True, threads=False),
                parse_options=self._parse_options(),
                convert_options=self._convert_options(kinds, list(kinds)),
            )
        except pa.ArrowInvalid as error:
            raise self._misfit(str(error), kinds, 0, first=True) from None

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

    def _read(
        self,
        piece: bytes,
        first: bool,
        kinds: dict[str, Any],
        columns: list[str],
        *,
        threads: bool = True,
    ) -> Any:
        size = _STRETCH if threads else len(piece)
        return arrow_csv.read_csv(
            pa.BufferReader(piece),
            read_options=self._read_options(size, first=first, threads=threads),
            parse_options=self._parse_options(),
            convert_options=self._convert_options(kinds, columns),
        )

    def _with_long_integers(self, table: Any, piece: bytes, *, first: bool) -> Any:
        """The table with integers past 64 bits as text: pyarrow makes floats of them."""
        for number, column in enumerate(table.columns):
            if column.type != pa.float64() or _largest(column) < 2.0**63:
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

    def _misfit(self, message: str, kinds: dict[str, Any], passed: int, *, first: bool) -> Misfit:
        """What pyarrow says of a text with `passed` rows before it, as it is said to the user."""
        counted = _ROW.search(message)
        # pyarrow counts a header line, too.
        header = first and not self.how.names
        row = passed + int(counted[1]) - header if counted else None
        message = _ROW.sub("", message)
        found = _INVALID.search(message)
        if found is None:
            return Misfit(_plain(message), row=row)
        # Columns are counted as in the file, whichever are read.
        name, value = self._names[int(found[1])], found[2]
        return Misfit(f"it is no {kinds_of.stored_name(kinds[name])}", name, value, row)

    def _read_options(self, size: int, *, first: bool, threads: bool) -> Any:
        names = list(self.how.names) or (None if first else self._names)
        return arrow_csv.ReadOptions(
            column_names=names, block_size=size, encoding=self.how.encoding, use_threads=threads
        )

    def _parse_options(self) -> Any:
        return arrow_csv.ParseOptions(
            delimiter=self._delimiter, newlines_in_values=self.how.multiline
        )

    def _convert_options(self, kinds: dict[str, Any], columns: list[str]) -> Any:
        how = self.how
        return arrow_csv.ConvertOptions(
            null_values=["", *how.nulls],
            strings_can_be_null=bool(how.nulls),
            decimal_point=how.decimal,
            timestamp_parsers=[how.time_format] if how.time_format else None,
            column_types=kinds,
            include_columns=columns,
        )


# Here and below without scalars and arrays made from Python's values: for one of those pyarrow
# imports pandas, if there is one, which takes longer than to read a million rows.
def _largest(column: Any) -> float:
    """The largest magnitude of a column of numbers; 0 if it has none."""
    ends = pc.min_max(column).as_py()
    return float(max(abs(ends["min"] or 0.0), abs(ends["max"] or 0.0)))


def _null_word(columns: list[Any]) -> str | None:
    """The word that alone makes text of a column of numbers."""
    seen = None
    for column in columns:
        if column.type != pa.string():
            continue
        is_word = pc.match_substring_regex(column, _NULL_WORD)
        if not pc.any(is_word).as_py():
            return None
        try:
            pc.cast(column.filter(pc.invert(is_word)), pa.float64())
        except pa.ArrowInvalid:
            return None
        seen = pc.filter(column, is_word)[0].as_py()
    return seen


def _plain(message: str) -> str:
    message = message.removeprefix("CSV parse error: ")
    if "newlines_in_values" in message:
        return "a quoted field spans lines where a block ends: give --multiline"
    return message[:1].lower() + message[1:]
