"""`chronolite info`: what is in a database, and what it takes."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from chronolite.cli.options import AsJson, Database, open_to_read


def info(
    database: Database,
    table: Annotated[
        str | None, typer.Argument(metavar="TABLE", help="Only this table, with its columns.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the tables of a database, with rows, times, columns, types, codecs and sizes.

    Codecs and bits a value are those of rows in the compressed file; rows in the log are counted
    only as rows.
    """
    with open_to_read(database) as db:
        stats = db.stats()
        for name in stats["tables"] if table is None else [db[table].name]:
            _describe(stats["tables"][name], db[name])
    if table is not None:
        stats["tables"] = {table: stats["tables"][table]}
    if as_json:
        typer.echo(json.dumps(stats, default=str))
        return
    console = Console(highlight=False)
    if table is None:
        console.print(
            f"{stats['path']}: {stats['file_bytes']:,} bytes, log {stats['log_bytes']:,} bytes, "
            f"{stats['next_seq'] - 1:,} rows ever appended",
            markup=False,
            soft_wrap=True,
        )
    for of in stats["tables"].values():
        _show(of, console)


def _describe(stats: dict[str, Any], table: Any) -> None:
    """Add what statistics leave out: the time column, its unit, and the range in words."""
    schema = table.schema
    stats["time_column"], stats["time_unit"] = schema.time_column, schema.time_unit
    stats["types"] = dict(zip(schema.names, schema.types, strict=True))
    stats["first"] = _time(stats["min_ts"], schema.time_unit)
    stats["last"] = _time(stats["max_ts"], schema.time_unit)


def _time(count: int | None, unit: str) -> str | None:
    if count is None:
        return None
    import numpy as np

    return str(np.array(count, f"M8[{unit}]")) + "Z"


def _show(stats: dict[str, Any], console: Console) -> None:
    span = f"{stats['first']} to {stats['last']}" if stats["rows"] else "no times"
    console.print()
    console.print(Text(stats["name"], style="bold"), end=": ")
    console.print(
        f"{stats['rows']:,} rows, {span}, {stats['disk_bytes']:,} bytes in the file, "
        f"{stats['memtable_rows']:,} rows in the log",
        markup=False,
        soft_wrap=True,
    )
    grid = Grid()
    for heading in ("column", "type", "codecs"):
        grid.add_column(heading, no_wrap=heading != "codecs")
    for heading in ("nulls", "bytes", "bits a value"):
        grid.add_column(heading, justify="right")
    for name, kind in stats["types"].items():
        column = stats["by_column"].get(name, {})
        grid.add_row(
            Text(name),
            Text(kind),
            Text(", ".join(column.get("codecs", ())), overflow="fold"),
            f"{column.get('nulls', 0):,}",
            f"{column.get('bytes', 0):,}",
            f"{column.get('bits_per_value', 0.0):.2f}",
        )
    console.print(grid)
