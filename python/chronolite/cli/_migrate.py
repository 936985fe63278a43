"""`chronolite migrate`: days of one backend of a TimeSeriesEngine to another."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronolite.cli.exits import Code, Failure, needs
from chronolite.cli.options import AsJson, Quiet, names
from chronolite.cli.progress import bar

if TYPE_CHECKING:
    from chronolite.backend import Backend, FileFolder, TableSchema

_SOURCES = ("flat", "lmdb", "packed", "csv", "parquet")
_TARGETS = ("flat", "lmdb", "packed")


def migrate(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The folder to copy.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The folder to copy it to.")],
    source_kind: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="flat|lmdb|packed|csv|parquet",
            help="What SOURCE is: flat files as Chronostore writes them, LMDB, packed files, or a "
            "folder of CSV or Parquet files, one a day. Without it: by what is there.",
        ),
    ] = None,
    target_kind: Annotated[
        str,
        typer.Option("--to", metavar="flat|lmdb|packed", help="What TARGET is."),
    ] = "packed",
    schema: Annotated[
        str | None,
        typer.Option(
            metavar="NAME:FORMAT,...",
            help="The columns and their formats: timestamp:q,value:d. A format with /null is "
            "nullable. CSV and Parquet without text need none.",
        ),
    ] = None,
    tables: Annotated[
        list[str] | None,
        typer.Option("--table", metavar="TABLE", help="Only this table; may be repeated."),
    ] = None,
    files: Annotated[
        str,
        typer.Option(metavar="one|day", help="Of packed files: one for all, or one a day."),
    ] = "one",
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Leave days alone that TARGET has already, as after a copy that was interrupted.",
        ),
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Copy all days of a folder of a TimeSeriesEngine to another kind of folder.

    A day is copied as a whole or not at all. Days that TARGET has already end the command before
    anything is copied.
    """
    from chronolite.backend import Backend
    from chronolite.backend import migrate as copy

    if source_kind not in (None, *_SOURCES):
        raise Failure(f"--from is one of {', '.join(_SOURCES)}, not {source_kind!r}", Code.USAGE)
    if target_kind not in _TARGETS:
        raise Failure(f"--to is one of {', '.join(_TARGETS)}, not {target_kind!r}", Code.USAGE)
    if files not in ("one", "day"):
        raise Failure(f"--files is one or day, not {files!r}", Code.USAGE)
    if not source.exists():
        raise Failure(f"{source} is not there", Code.NOT_FOUND)
    columns = None if schema is None else _schema(schema)
    with ExitStack() as opened:
        read = _source(source, source_kind or _kind_of(source), columns, tables)
        if isinstance(read, Backend):
            opened.enter_context(read)
        options = {"files": files} if target_kind == "packed" else {}
        written = opened.enter_context(_backend(target, target_kind, read.schema, **options))
        progress = opened.enter_context(bar(source.name, quiet=quiet))
        show = None if progress is None else lambda done, total, _: progress(done, total)
        rows = copy(read, written, tables=tables, skip_existing=skip_existing, progress=show)
    if as_json:
        typer.echo(json.dumps({"rows": rows, "target": str(target)}))
    elif not quiet:
        typer.echo(f"{rows:,} rows copied to {target}")


def _schema(text: str) -> TableSchema:
    """A schema as `--schema` has it."""
    from chronolite.backend import ColumnSchema, TableSchema

    columns = []
    for column in names([text]) or []:
        name, colon, form = column.rpartition(":")
        if not colon:
            raise Failure(f"--schema: {column!r} is not NAME:FORMAT", Code.USAGE)
        plain = form.removesuffix("/null")
        columns.append(ColumnSchema(name, plain, nullable=plain != form))
    return TableSchema(columns)


def _kind_of(source: Path) -> str:
    """What a folder is, by what is in it."""
    if source.is_file():
        raise Failure(f"{source} is a file: SOURCE is a folder", Code.USAGE)
    if (source / "data.mdb").exists():
        return "lmdb"
    for kind, pattern in (("packed", "*.chl"), ("flat", "data.bin"), ("csv", "*.csv*")):
        if next(source.rglob(pattern), None) is not None:
            return kind
    return "parquet"


def _source(
    path: Path, kind: str, schema: TableSchema | None, tables: list[str] | None
) -> Backend | FileFolder:
    if kind in ("csv", "parquet"):
        from chronolite.backend import FileFolder

        try:
            import pyarrow  # noqa: F401
        except ModuleNotFoundError:
            raise needs("pyarrow", "arrow", "migrate") from None
        table = tables[0] if tables is not None and len(tables) == 1 else path.resolve().name
        return FileFolder(path, schema, table=table)
    if schema is None:
        raise Failure(f"--schema says what the rows of a {kind} folder are", Code.USAGE)
    packed = {"files": "one" if (path / "data.chl").exists() else "day", "mode": "r"}
    options: dict[str, Any] = {"packed": packed, "lmdb": {"readonly": True}}
    return _backend(path, kind, schema, **options.get(kind, {}))


def _backend(path: Path, kind: str, schema: TableSchema, **options: Any) -> Backend:
    from chronolite.backend import FlatFileBackend, LmdbBackend, PackedBackend

    if kind == "packed":
        return PackedBackend(schema, path, **options)
    if kind == "flat":
        return FlatFileBackend(schema, path)
    try:
        return LmdbBackend(schema, path, subdir=not path.is_file(), **options)
    except ImportError:
        raise needs("py-lmdb", "lmdb", "LMDB") from None
