"""`chronolite map`: a ChronoMap in a file, JSON or durable: its keys, values and history."""

from __future__ import annotations

import csv
import errno
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronolite.cli.exits import Code, Failure

if TYPE_CHECKING:
    import chronolite as cl

map_app = typer.Typer(
    help="A ChronoMap in a file: keys, values and their history.",
    epilog="FILE is JSON that save_json wrote, compressed or not, or a durable map (.chl), as from "
    "ChronoMap(path=...). Pickles are not opened.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

MapFile = Annotated[Path, typer.Argument(metavar="FILE", help="JSON, or a durable map (.chl).")]
Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help="As text; if there is no such key, as JSON, so that 7 and '[1, \"a\"]' find what is "
        "no text.",
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="At this time: seconds since 1970, or 2024-01-31T12:00:00Z (local without a zone).",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="table|csv|json",
        help="json is one object a line. Without it: table on a terminal, csv elsewhere.",
    ),
]

_FORMATS = ("table", "csv", "json")
_DURABLE = b"\x89CHL\r\n\x1a\n"
_MISSING: Any = object()


@map_app.command()
def show(file: MapFile, at: At = None, output: Format = None) -> None:
    """List all keys, with their latest value, its time and how many versions there are.

    With --at: the keys that had a value then. Times are UTC.
    """
    form = _form(output)
    with _opened(file) as cm:
        if at is not None:
            rows = [(_text(key), value) for key, value in cm.as_of(_moment(at)).items()]
            _write(("key", "value"), rows, form)
            return
        counts = cm.keys_with_history_count()
        found = []
        for key in cm:
            ts, value = cm.history(key)[-1]
            found.append((_text(key), value, _iso(ts), counts[key]))
    _write(("key", "value", "time", "versions"), found, form)


@map_app.command()
def get(
    file: MapFile,
    key: Key,
    at: At = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON if it is text too, which else has no quotes.")
    ] = False,
) -> None:
    """Print the value of a key, now or --at a time: text as it is, all else as JSON."""
    with _opened(file) as cm:
        value = cm.get(_key(cm, key), timestamp=_time(at), default=_MISSING)
        there = _key(cm, key) in cm
    if value is _MISSING:
        when = f" at {at}" if at is not None and there else ""
        raise Failure(f"{file}: there is no value of {key!r}{when}")
    typer.echo(value if isinstance(value, str) and not as_json else _json(value))


# A value may be a number below zero.
@map_app.command("set", context_settings={"ignore_unknown_options": True})
def set_(
    file: MapFile,
    key: Key,
    value: Annotated[
        str,
        typer.Argument(metavar="VALUE", help="JSON, or else text: 22, '{\"a\": 1}', on, '\"22\"'."),
    ],
    at: At = None,
    ttl: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="The key ends so many seconds from now."),
    ] = None,
) -> None:
    """Add a version of a key, now or --at a time; makes the file if there is none.

    JSON is replaced by a new file once that is whole, compressed as before.
    """
    import chronolite as cl

    if _is_durable(file):
        with cl.ChronoMap(path=file, enable_ttl_cleanup=False) as cm:
            cm.put(_key(cm, key), _parsed(value), timestamp=_time(at), ttl=ttl)
        return
    from chronolite._chronomap.packing import told_by

    compress: str | None = None
    if file.exists():
        with file.open("rb") as opened:
            compress = told_by(opened.read(16))
        cm = _loaded(file)
    else:
        cm = cl.ChronoMap(enable_ttl_cleanup=False)
    cm.put(_key(cm, key), _parsed(value), timestamp=_time(at), ttl=ttl)
    cm.save_json(file, compress=compress or False)


@map_app.command()
def history(file: MapFile, key: Key, output: Format = None) -> None:
    """List the versions of a key, oldest first; times are UTC."""
    form = _form(output)
    with _opened(file) as cm:
        found = cm.history(_key(cm, key))
    if not found:
        raise Failure(f"{file}: there is no key {key!r}")
    rows = [(number, _iso(ts), ts, value) for number, (ts, value) in enumerate(found)]
    _write(("version", "time", "timestamp", "value"), rows, form)


@map_app.command()
def diff(
    file: MapFile,
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="Another map, of either kind.")],
    output: Format = None,
) -> None:
    """List the keys whose values differ between two maps; what one has not is left empty."""
    form = _form(output)
    with _opened(file) as cm, _opened(other) as others:
        rows = [
            (_text(key), mine if key in cm else _MISSING, theirs if key in others else _MISSING)
            for key, theirs, mine in cm.diff_detailed(others)
        ]
    names = ("key", str(file), str(other))
    _write(names if file != other else ("key", "file", "other"), rows, form)


@map_app.command()
def export(
    file: MapFile,
    out: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            help="Its ending is the format: .csv, .parquet, .arrow, .ndjson. - is csv on standard "
            "output.",
        ),
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it is there.")] = False,
) -> None:
    """Write the history, a row a version: key, value, timestamp (seconds), version.

    Values of one type are a column of it, others JSON. OUT has its name only once it is whole.
    """
    from chronolite.cli._export import form_and_path, needs_pyarrow

    form, path = form_and_path(out, None, force=force)
    with needs_pyarrow():
        import pyarrow as pa

        from chronolite.cli import writing
    with _opened(file) as cm, writing._target(path, force=force) as target:
        batches = pa.RecordBatchReader.from_stream(cm)
        schema = writing._schema(batches.schema, form)
        with writing._writer(target, schema, form, stream=path is None) as write:
            for batch in batches:
                write(writing._fitted(batch, schema))


@map_app.command()
def compact(file: MapFile) -> None:
    """Make a durable map's file smaller: what the map was known to be before now is forgotten."""
    import chronolite as cl

    if not _is_durable(file):
        raise Failure(f"{file} is no durable map: JSON has nothing to forget", Code.USAGE)
    if not file.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))
    # A database without a map is not made one.
    cl.ChronoMap(path=file, mode="r").close()
    before = file.stat().st_size
    with cl.ChronoMap(path=file, enable_ttl_cleanup=False) as cm:
        cm.compact()
    typer.echo(f"{before} bytes became {file.stat().st_size}")


# --- Files --------------------------------------------------------------------------------------


def _is_durable(file: Path) -> bool:
    """Whether it is a database, or is to be one."""
    try:
        with file.open("rb") as opened:
            return opened.read(len(_DURABLE)) == _DURABLE or file.suffix == ".chl"
    except FileNotFoundError:
        return file.suffix == ".chl"


@contextmanager
def _opened(file: Path) -> Iterator[cl.ChronoMap]:
    """The map in a file, to be read."""
    import chronolite as cl

    if _is_durable(file):
        with cl.ChronoMap(path=file, mode="r", enable_ttl_cleanup=False) as cm:
            yield cm
    else:
        yield _loaded(file)


def _loaded(file: Path) -> cl.ChronoMap:
    import chronolite as cl

    with file.open("rb") as opened:
        if opened.read(1) == b"\x80":
            raise Failure(
                f"{file} is a pickle, which may run anything and is not opened here: load it with "
                "ChronoMap.load_pickle if you know who wrote it, and save_json it"
            )
    return cl.ChronoMap.load_json(file, enable_ttl_cleanup=False)


# --- Keys, values and times as text -------------------------------------------------------------


def _key(cm: cl.ChronoMap, text: str) -> Any:
    """The key that the text stands for."""
    if text not in cm:
        found = _parsed(text)
        key = tuple(found) if isinstance(found, list) else found
        try:
            return key if key in cm else text
        except TypeError:
            return text
    return text


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _moment(text: str) -> float | str:
    """A time as the map takes it: seconds, or ISO 8601 text."""
    try:
        return float(text)
    except ValueError:
        return text


def _time(text: str | None) -> float | str | None:
    return None if text is None else _moment(text)


def _iso(ts: float) -> str:
    """ISO 8601 in UTC; seconds where no calendar reaches."""
    try:
        text = datetime.fromtimestamp(ts, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return repr(ts)
    return text.removesuffix("+00:00") + "Z"


def _text(key: Any) -> str:
    return key if isinstance(key, str) else _json(key)


def _json(value: Any) -> str:
    """JSON; what JSON has not is as Python shows it."""
    try:
        return json.dumps(value, ensure_ascii=False, default=repr)
    except (TypeError, ValueError):
        return repr(value)


# --- Rows ---------------------------------------------------------------------------------------


def _form(given: str | None) -> str:
    form = given or ("table" if sys.stdout.isatty() else "csv")
    if form not in _FORMATS:
        raise Failure(f"--format is one of {', '.join(_FORMATS)}, not {given!r}", Code.USAGE)
    return form


def _write(names: Sequence[str], rows: Iterable[tuple[Any, ...]], form: str) -> None:
    """Rows of text, numbers and values of the map, to standard output."""
    if form == "json":
        for row in rows:
            told = {n: v for n, v in zip(names, row, strict=True) if v is not _MISSING}
            typer.echo(_json(told))
        return
    texts = (
        tuple("" if cell is _MISSING else _text(cell) for cell in row)
        for row in rows
    )  # fmt: skip
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(texts)
        return
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid()
    for name in names:
        grid.add_column(Text(name), overflow="fold")
    for row in texts:
        grid.add_row(*map(Text, row))
    Console(highlight=False).print(grid)
