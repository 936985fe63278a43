"""Rows of a result as text: a table to look at, csv or json. None of it needs pyarrow."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from chronolite import _convert
from chronolite.cli.exits import warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    import chronolite as cl

_BATCH = 1 << 14


def write(
    found: cl.Scan,
    form: str,
    out: TextIO,
    *,
    most: int | None,
    columns: Sequence[str | None] | None = None,
    told: bool = False,
) -> None:
    """Write the first `most` rows in a form: `table`, `csv` or `json`.

    A note says that there are more, unless the user was `told`, having asked for so many.
    """
    names = [name for name in found.schema.names if columns is None or name in columns]
    rows = _rows(found, names)
    shown = islice(rows, most)
    match form:
        case "csv":
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(names)
            writer.writerows(shown)
        case "json":
            _write_json(names, shown, out)
        case _:
            _write_table(found, names, shown)
            if not told and next(rows, None) is not None:
                warn(f"these are the first {most} rows; --limit shows more")


def follow(
    found: cl.Scan,
    feed: Iterable[cl.RecordBatch],
    form: str,
    out: TextIO,
    *,
    columns: Sequence[str | None] | None = None,
    most: int | None = None,
) -> None:
    """Write what was found and then what a feed has, as it comes: `most` rows, if it is not None.

    In csv and json alone: a table to look at has to be whole.
    """
    names = [name for name in found.schema.names if columns is None or name in columns]
    write = csv.writer(out, lineterminator="\n").writerows
    if form == "csv":
        write([names])
    left = most
    for batch in chain(found.batches(_BATCH), feed):
        shown = list(islice(_rows_of(batch, names), left))
        if form == "csv":
            write(shown)
        else:
            _write_json(names, shown, out)
        out.flush()
        left = None if left is None else left - len(shown)
        if left == 0:
            break


def _write_json(names: list[str], rows: Iterable[tuple[Any, ...]], out: TextIO) -> None:
    for row in rows:
        out.write(json.dumps(dict(zip(names, map(_json, row), strict=True))) + "\n")


def _rows(found: cl.Scan, names: list[str]) -> Iterator[tuple[Any, ...]]:
    for batch in found.batches(_BATCH):
        yield from _rows_of(batch, names)


def _rows_of(batch: cl.RecordBatch, names: list[str]) -> Iterator[tuple[Any, ...]]:
    # A batch has the memory and the schema that a scan has.
    columns = {name: _values(kind, *part) for name, kind, (part,) in _convert._columns(batch)}
    return zip(*(columns[name] for name in names), strict=True)


def _values(kind: str, memory: Any, nulls: Any, _rows: int) -> list[Any]:
    """Python's values, None for null; times as ISO 8601 text, bytes as hexadecimal digits."""
    array = _convert._values(memory, kind)
    if array.dtype.kind == "M":
        return [text + "Z" for text in np.datetime_as_string(array).tolist()]
    values: list[Any] = array.tolist()
    if kind == "binary":
        return [None if value is None else value.hex() for value in values]
    if nulls is not None:
        for at in np.flatnonzero(np.frombuffer(nulls, dtype="?")).tolist():
            values[at] = None
    return values


def _json(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_table(found: cl.Scan, names: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    grid = Grid()
    for number, name in enumerate(names):
        kind = found.schema[name]
        words = kind in ("utf8", "binary", "bool")
        # Of a row that is too wide for the terminal, all but its times are cut.
        wide = max((len(row[number]) for row in texts), default=0) if "time" in kind else None
        justify = "left" if words else "right"
        grid.add_column(Text(name), justify=justify, no_wrap=True, min_width=wide)  # type: ignore[arg-type]
    for row in texts:
        grid.add_row(*map(Text, row))
    Console(highlight=False).print(grid)
