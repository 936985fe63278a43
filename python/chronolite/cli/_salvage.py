"""`chronolite salvage`: what can still be read of a damaged file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from chronolite.cli.exits import Failure
from chronolite.cli.options import AsJson


def salvage(
    damaged: Annotated[Path, typer.Argument(metavar="DAMAGED", help="The damaged database.")],
    new: Annotated[
        Path, typer.Argument(metavar="NEW", help="The database to be made; it may not exist.")
    ],
    as_json: AsJson = False,
) -> None:
    """Write what can be read of a damaged database to a new one. The damaged one is not touched.

    Exits with 0 if a new database was written, whatever could not be read; the report says what.
    """
    import chronolite as cl

    if new.exists():
        raise Failure(f"{new} is already there: give the name of a new file")
    report = cl.salvage(damaged, new)
    if as_json:
        typer.echo(json.dumps(report, default=str))
        return
    for problem in report["problems"]:
        typer.echo(f"problem: {_text(problem)}")
    for name, table in report["tables"].items():
        typer.echo(f"{name}: {table['rows']:,} rows")
    typer.echo(f"{new}: {len(report['tables'])} tables written")


def _text(problem: object) -> str:
    if not isinstance(problem, dict):
        return str(problem)
    place = f"{problem.get('file')}, byte {problem.get('offset')}: "
    return f"{place if 'file' in problem else ''}{problem.get('message', problem)}"
