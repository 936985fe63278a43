"""`chronolite salvage`: what can still be read of a damaged file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from chronolite.cli.exits import Failure
from chronolite.cli.options import AsJson, Quiet


def salvage(
    damaged: Annotated[Path, typer.Argument(metavar="DAMAGED", help="The damaged database.")],
    new: Annotated[
        Path, typer.Argument(metavar="NEW", help="The database to be made; it may not exist.")
    ],
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write what can be read of a damaged database to a new one. The damaged one is not touched.

    Exits with 0 if a new database was written, whatever could not be read; the report says what.
    """
    import chronolite as cl
    from chronolite.cli.progress import bar

    if new.exists():
        raise Failure(f"{new} is already there: give the name of a new file")
    with bar(str(damaged), quiet=quiet or as_json) as progress:
        report = cl.salvage(damaged, new, progress=progress)
    if as_json:
        typer.echo(json.dumps(report))
        return
    if quiet:
        return
    for problem in report["problems"]:
        typer.echo(f"{problem['file']}, byte {problem['offset']}: {problem['message']}")
    for name, table in report["tables"].items():
        typer.echo(f"{name}: {table['rows']:,} rows saved{_lost(table)}")
    tables = len(report["tables"])
    damage = "nothing was damaged" if report.ok else "what is not named above is as it was"
    typer.echo(f"{new}: {tables} table{'' if tables == 1 else 's'} written; {damage}")


def _lost(table: dict[str, Any]) -> str:
    parts = []
    if table["lost_segments"]:
        parts.append(f"{table['lost_rows']:,} rows of {table['lost_segments']:,} segments lost")
    elif table["lost_rows"]:
        parts.append(f"{table['lost_rows']:,} rows lost")
    for column, count in table["lost_values"].items():
        parts.append(f"{count:,} values of {column!r} lost, which read null now")
    return "".join(f", {part}" for part in parts)
