"""Rows of a result as text: a table to look at, csv or json. None of it needs pyarrow."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from itertools import islice
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
            for row in shown:
                out.write(json.dumps(dict(zip(names, map(_json, row), strict=True))) + "\n")
        case _:
            _write_table(found, names, shown)
            if not told and next(rows, None) is not None:
                warn(f"these are the first {most} rows; --limit shows more")


def _rows(found: cl.Scan, names: list[str]) -> Iterator[tuple[Any, ...]]:
    for batch in found.batches(_BATCH):
        # A batch has the memory and the schema that a scan has.
        columns = {
            name: _values(kind, *part)
            for name, kind, (part,) in _convert._columns(batch)  # type: ignore[arg-type]
        }
        yield from zip(*(columns[name] for name in names), strict=True)


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
