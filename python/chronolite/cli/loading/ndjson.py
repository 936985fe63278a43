"""JSON, one object a line, read block by block by pyarrow on all cores.

A field that is missing in a line is null there; one that is in no line of the sample is an error,
as the table has no column for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as arrow_json

from chronolite.cli.exits import Code, Failure
from chronolite.cli.loading import kinds as kinds_of
from chronolite.cli.loading import lines
from chronolite.cli.loading.reader import Format, Misfit, Sampled, after
from chronolite.cli.loading.stream import Source

_BLOCK = 4 << 20
_ROW = re.compile(r" in row (\d+)")
_COLUMN = re.compile(r"Column\(/([^)]*)\)")


class NdjsonReader:
    """A file of JSON objects, one a line."""

    text = True

    def __init__(self, source: Source, how: Format) -> None:
        self.source, self.how = source, how
        self._stream = source.open()

    def done(self) -> float | None:
        return self.source.done()

    def sample(self) -> Sampled:
        if not self._stream.peek(1):
            raise Failure(f"{self.source.name} is empty", Code.MISFIT)
        pieces, complete = lines.sample(self.source, self._stream, whole=self.how.whole)
        seen: dict[str, list[Any]] = {}
        for piece in pieces:
            if not piece.strip():
                continue
            try:
                table = _read(piece)
            except pa.ArrowInvalid as error:
                raise Failure(f"{self.source.name}: {_plain(str(error))}", Code.MISFIT) from None
            for name, column in zip(table.column_names, table.columns, strict=True):
                kind = column.type
                if kinds_of.is_time(kind) or kind == pa.string():
                    kind = _text_kind(piece, name)
                elif kind == pa.float64():
                    kind = _number_kind(piece, name, column)
                seen.setdefault(name, []).append(kind)
        wanted = self.how.columns or tuple(seen)
        missing = [name for name in wanted if name not in seen]
        if missing:
            raise Failure(f"{self.source.name} has no field {missing[0]!r}", Code.NOT_FOUND)
        return Sampled({name: kinds_of.widest(seen[name]) for name in wanted}, complete)

    def batches(self, kinds: dict[str, Any], skip: int) -> Iterator[Any]:
        return after(self._blocks(kinds), skip)

    def _blocks(self, kinds: dict[str, Any]) -> Iterator[Any]:
        # Times stay text: pyarrow would drop a zone of theirs.
        schema = pa.schema(
            {name: pa.string() if kinds_of.is_time(kind) else kind for name, kind in kinds.items()}
        )
        passed = 0
        for block in lines.blocks(self._stream, _BLOCK):
            if not block.strip():
                continue
            try:
                table = _read(block, schema, strict=not self.how.columns)
            except pa.ArrowInvalid as error:
                raise _misfit(str(error), passed) from None
            passed += table.num_rows
            yield from table.to_batches()


def _read(block: bytes, schema: Any = None, *, strict: bool = False) -> Any:
    behaviour = "infer" if schema is None else ("error" if strict else "ignore")
    return arrow_json.read_json(
        pa.BufferReader(block),
        parse_options=arrow_json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior=behaviour
        ),
    )


def _text_kind(piece: bytes, name: str) -> Any:
    """The type of a column of text: times if all are, with a zone or all without one.

    pyarrow's own inference drops the zone.
    """
    schema = pa.schema({name: pa.string()})
    texts = _read(piece, schema).column(name)
    for zone in ("UTC", None):
        with suppress(pa.ArrowInvalid):
            return kinds_of.exact(pc.cast(texts, pa.timestamp("ns", zone)))
    return pa.string()


def _number_kind(piece: bytes, name: str, column: Any) -> Any:
    """The type of a column of numbers: of integers past int64 pyarrow's inference makes floats."""
    if pc.any(pc.greater_equal(column, 2.0**63)).as_py():
        with suppress(pa.ArrowInvalid):
            return _read(piece, pa.schema({name: pa.uint64()})).column(name).type
    return pa.float64()


def _misfit(message: str, passed: int) -> Misfit:
    row, column = _ROW.search(message), _COLUMN.search(message)
    if "unexpected field" in message:
        return Misfit(
            f"after row {passed:,} there is a field that no line of the sample has: --scan-all "
            "finds it, --columns leaves it out"
        )
    return Misfit(
        _plain(_ROW.sub("", message)),
        column and column[1],
        row=passed + int(row[1]) + 1 if row else None,
    )


def _plain(message: str) -> str:
    return _COLUMN.sub("it", message.removeprefix("JSON parse error: "))
