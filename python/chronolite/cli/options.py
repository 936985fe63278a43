"""Arguments and options that several commands have, and what their texts mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronolite.cli.exits import Code, Failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    import chronolite as cl

Database = Annotated[Path, typer.Argument(metavar="DB", help="The database, a .chl file.")]
TableName = Annotated[str, typer.Argument(metavar="TABLE", help="The table's name.")]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        help="The first time: 2024-01-31, 2024-01-31T12:00:00+01:00 (UTC without a zone), or an "
        "integer in the table's unit.",
    ),
]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="The time to stop before.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--columns", metavar="A,B", help="Only these columns; may be repeated."),
]
Where = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="PREDICATE",
        help="Only rows for which this is true: \"temp > 24.9 and site == 'a'\".",
    ),
]
Every = Annotated[
    str | None, typer.Option("--every", metavar="1h", help="Downsample into buckets this long.")
]
Aggregates = Annotated[
    list[str] | None,
    typer.Option(
        "--agg",
        metavar="[COL=]NAME,NAME",
        help="With --every: count, sum, mean, min, max, first, last, std; of one column or else of "
        "all numbers. May be repeated; without it: mean.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

AGGREGATES = ("count", "sum", "mean", "min", "max", "first", "last", "std")


def names(given: Iterable[str] | None) -> list[str] | None:
    """The names in options like `--columns a,b --columns c`; None if there was no option."""
    if not given:
        return None
    return [name for text in given for name in text.split(",") if name]


def time_of(text: str | None) -> int | str | None:
    """A time as the library takes it: an integer in the table's unit, or ISO 8601 text."""
    if text is not None and re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    return text


def open_to_read(path: Path) -> cl.Db:
    """The database, opened for reading only."""
    import chronolite as cl

    return cl.Db(path, mode="r")


def check_columns(wanted: Iterable[str] | None, schema: cl.Schema) -> None:
    """Fail if there is a name that is no column."""
    for name in wanted or ():
        if name not in schema:
            raise Failure(
                f"there is no column {name!r}: the columns are {', '.join(schema.names)}",
                Code.NOT_FOUND,
            )


def is_number(kind: str) -> bool:
    """Whether a column type is one of numbers: i8 to i64, u8 to u64, f32, f64."""
    return re.fullmatch(r"[iuf]\d+", kind) is not None


def aggregates_of(given: Iterable[str] | None, schema: cl.Schema) -> dict[str, list[str]]:
    """Aggregates by column, from options like `--agg mean` and `--agg temp=min,max`."""
    numbers = [
        name
        for name, kind in zip(schema.names, schema.types, strict=True)
        if name != schema.time_column and is_number(kind)
    ]
    out: dict[str, list[str]] = {}
    for text in given or ["mean"]:
        column, _, wanted = text.rpartition("=")
        check_columns([column] if column else None, schema)
        for name in wanted.split(","):
            if name not in AGGREGATES:
                raise Failure(
                    f"--agg {text}: {name!r} is none of {', '.join(AGGREGATES)}", Code.USAGE
                )
        for target in [column] if column else numbers:
            out.setdefault(target, []).extend(wanted.split(","))
    if not out:
        raise Failure("no column of numbers to aggregate: name one, as in --agg COL=count")
    return {column: list(dict.fromkeys(wanted)) for column, wanted in out.items()}


def selection(
    table: cl.Table,
    start: str | None,
    end: str | None,
    columns: list[str] | None = None,
    *,
    every: str | None = None,
    aggregates: list[str] | None = None,
    by: list[str] | None = None,
    limit: int | None = None,
    where: str | None = None,
    reverse: bool = False,
) -> cl.Scan:
    """The rows that the options ask for, downsampled if there is an `every`."""
    check_columns([*(columns or ()), *(by or ())], table.schema)
    begin, stop = time_of(start), time_of(end)
    if every is None:
        if aggregates:
            raise Failure("--agg needs --every, as in --every 1h", Code.USAGE)
        return table.scan(begin, stop, columns=columns, where=where, limit=limit, reverse=reverse)
    wanted = aggregates_of(aggregates, table.schema)
    if columns:
        wanted = {name: of for name, of in wanted.items() if name in columns}
        if not wanted:
            raise Failure("none of --columns has an aggregate in --agg", Code.USAGE)
    chosen: Any = wanted  # the names were checked above
    return table.downsample(every, chosen, begin, stop, by=by or (), where=where)
