"""What objects look like in a notebook: small tables, of which every text is escaped.

A scan shows its first rows; nothing else reads any. What is closed shows no more than its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any

from chronolite._errors import ChronoliteError

if TYPE_CHECKING:
    from chronolite._core import Db, RecordBatch, Scan, Schema, Table

ROWS = 10
"""Rows of a preview."""

COLUMNS = 20
"""Columns of a preview."""

LINES = 100
"""Tables of a database, or columns of a schema."""

LETTERS = 60
"""Letters of a value or a name."""


def database(db: Db) -> str:
    title = f"chronolite.Db {db.path}"
    try:
        names = db.tables()
        extents = [(_short(name), *_extent(db[name])) for name in names[:LINES]]
        lines = [(name, rows, *(ends or ("", ""))) for name, rows, ends in extents]
    except ChronoliteError:
        return _title(f"{title} (closed)")
    return _table(title, ("table", "rows", "from", "to"), lines, _more(len(names), LINES, "table"))


def table(of: Table) -> str:
    title = f"chronolite.Table {of.name}"
    try:
        rows, ends = _extent(of)
        title += f": {_count(rows, 'row')}" + (f", {ends[0]} to {ends[1]}" if ends else "")
    except ChronoliteError:
        title += " (closed or dropped)"
    return _schema(title, of.schema, of._key())  # type: ignore[attr-defined]


def schema(of: Schema) -> str:
    return _schema("chronolite.Schema", of, ())


def scan(of: Scan) -> str:
    return _rows("chronolite.Scan", of, f"at most the first {ROWS} rows are shown")


def batch(of: RecordBatch) -> str:
    title = f"chronolite.RecordBatch: {_count(len(of), 'row')}"
    return _rows(title, of, _more(len(of), ROWS, "row"))


def _extent(of: Table) -> tuple[int, list[str] | None]:
    """Rows, and the first and the last time as text."""
    return of._extent()  # type: ignore[attr-defined, no-any-return]


def _schema(title: str, of: Schema, key: Sequence[str]) -> str:
    roles = dict.fromkeys(key, "key") | {of.time_column: "time"}
    pairs = zip(of.names, of.types, strict=True)
    lines = [(_short(name), kind, roles.get(name, "")) for name, kind in islice(pairs, LINES)]
    return _table(title, ("column", "type", ""), lines, _more(len(of), LINES, "column"))


def _rows(title: str, of: Scan | RecordBatch, note: str) -> str:
    from chronolite import _convert

    try:
        columns = _convert.columns(of.schema, of._preview(ROWS))  # type: ignore[union-attr]
    except ChronoliteError as error:
        return _schema(f"{title} ({type(error).__name__})", of.schema, ())
    shown = columns[:COLUMNS]
    head = [f"{_short(name)}\n{kind}" for name, kind, _ in shown]
    texts = [[_value(value) for value in _convert.cells(parts, kind)] for _, kind, parts in shown]
    notes = [note, _more(len(columns), COLUMNS, "column")]
    return _table(title, head, zip(*texts, strict=True), "; ".join(filter(None, notes)))


def _value(value: object) -> str:
    return "null" if value is None else _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= LETTERS else f"{text[:LETTERS]}…"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _more(number: int, most: int, what: str) -> str:
    return f"and {_count(number - most, what)} more" if number > most else ""


def _title(text: str) -> str:
    return f"<strong>{escape(text)}</strong>"


def _cell(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return escape(text).replace("\n", "<br>")


def _table(title: str, head: Iterable[str], lines: Iterable[Iterable[Any]], note: str) -> str:
    top = "".join(f"<th>{_cell(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in line) + "</tr>" for line in lines
    )
    below = f"<small>{escape(note)}</small>" if note else ""
    return (
        f"<div>{_title(title)}"
        f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{below}</div>"
    )
