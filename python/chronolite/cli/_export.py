"""`chronolite export`: its options. What it does is in `chronolite.cli.writing`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from chronolite.cli.exits import Code, Failure, needs
from chronolite.cli.options import Columns, Database, From, Quiet, TableName, To, Where, names

FORMATS = ("csv", "parquet", "arrow", "ndjson")
_ENDINGS = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}


def export(
    database: Database,
    table: TableName,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Its ending is the format: .csv, .parquet, .arrow, .feather, .ndjson. - is "
            "standard output.",
        ),
    ],
    start: From = None,
    end: To = None,
    columns: Columns = None,
    where: Where = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="csv|parquet|arrow|ndjson",
            help="Instead of the ending's; csv for standard output.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write a table, or a range of it, to a file, in bounded memory.

    The file has its name only once it is whole. Times are UTC; in csv and ndjson bytes are
    hexadecimal digits. On standard output arrow is a stream, in a file it is Arrow's file format
    (Feather).
    """
    form, path = form_and_path(file, file_format, force=force)
    with needs_pyarrow():
        from chronolite.cli import writing
    writing.run(
        database, table, path, form, start, end, names(columns), where=where,
        force=force, quiet=quiet,
    )  # fmt: skip


def form_and_path(file: str, given: str | None, *, force: bool) -> tuple[str, Path | None]:
    """The format, and the path; None is standard output. What is there is not replaced unless that
    is wanted."""
    form = _format(file, given)
    path = None if file == "-" else Path(file)
    if path is not None and path.exists() and not force:
        raise Failure(f"{path} is already there: --force replaces it")
    return form, path


@contextmanager
def needs_pyarrow() -> Iterator[None]:
    """Around an import of what needs it: how to install it, if it is not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "pyarrow":
            raise
        raise needs("pyarrow", "arrow", "export") from None


def _format(file: str, given: str | None) -> str:
    if given is not None and given not in FORMATS:
        raise Failure(f"--format is one of {', '.join(FORMATS)}, not {given!r}", Code.USAGE)
    if given is not None or file == "-":
        return given or "csv"
    ending = Path(file).suffix.lower()
    if ending not in _ENDINGS:
        raise Failure(f"{file}: its ending tells no format; say --format", Code.USAGE)
    return _ENDINGS[ending]
