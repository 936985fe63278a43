"""`chronolite query`: rows of a table, or buckets of them, as text."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from chronolite.cli.exits import Code, Failure
from chronolite.cli.options import (
    Aggregates,
    Columns,
    Database,
    Every,
    From,
    TableName,
    To,
    Where,
    check_columns,
    names,
    open_to_read,
    selection,
)

_FORMATS = ("table", "csv", "json")
# Of a table to look at, unless --limit says otherwise.
_SHOWN = 50


def query(
    database: Database,
    table: TableName,
    start: From = None,
    end: To = None,
    columns: Columns = None,
    where: Where = None,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help=f"At most so many rows. Without it: {_SHOWN} of --format table."),
    ] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Only the newest rows.")] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="The newest row first.")] = False,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            "-f",
            help="Then print rows as they arrive, in the order of arrival, until interrupted; with "
            "--last, --limit, --columns and --format csv or json.",
        ),
    ] = False,
    every: Every = None,
    aggregates: Aggregates = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="With --every: buckets for each value of these columns."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="table|csv|json",
            help="json is one object a line. Without it: table on a terminal, csv elsewhere.",
        ),
    ] = None,
) -> None:
    """Print rows, or with --every aggregates of them, in the order of time.

    Times are UTC, bytes are hexadecimal digits. In csv a null is an empty field, in json it is
    null, as are NaN and infinity.
    """
    form = output or ("table" if sys.stdout.isatty() and not follow else "csv")
    if form not in _FORMATS:
        raise Failure(f"--format is one of {', '.join(_FORMATS)}, not {output!r}", Code.USAGE)
    if follow and (start or end or every or where or reverse or form == "table"):
        options = "--last, --limit, --columns and --format csv or json"
        raise Failure(f"--follow goes with {options} only", Code.USAGE)
    narrowed = start or end or every or where or reverse
    if last is not None and (narrowed or (limit is not None and not follow)):
        raise Failure("--last goes with --columns, --format and --follow only", Code.USAGE)
    if reverse and every:
        raise Failure("--reverse is for rows, not for --every", Code.USAGE)
    if by and not every:
        raise Failure("--by needs --every, as in --every 1h", Code.USAGE)
    from chronolite.cli import rows

    wanted = names(columns)
    most = _SHOWN if limit is None and last is None and form == "table" else limit
    with open_to_read(database) as db:
        source = db[table]
        if follow:
            check_columns(wanted, source.schema)
            kept = None if wanted is None else [source.schema.time_column, *wanted]
            # One moment: behind it the feed begins.
            with db.snapshot() as moment:
                found, cursor = moment[table].last(last or 0), moment[table].tail().cursor
            feed = source.tail(cursor=cursor)
            rows.follow(found, feed, form, sys.stdout, columns=kept, most=limit)
            return
        if last is not None:
            check_columns(wanted, source.schema)
            found = source.last(last)
        else:
            # One row more tells whether there are more.
            asked = None if most is None or every else most + 1
            found = selection(
                source, start, end, wanted, every=every, aggregates=aggregates, by=names(by),
                limit=asked, where=where, reverse=reverse,
            )  # fmt: skip
        kept = None if last is None or wanted is None else [source.schema.time_column, *wanted]
        rows.write(found, form, sys.stdout, most=most, columns=kept, told=limit is not None)
