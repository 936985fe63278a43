"""`chronolite verify`: is every byte what was written?"""

from __future__ import annotations

import json

import typer

import chronolite as cl
from chronolite.cli.exits import Code, Failure
from chronolite.cli.options import AsJson, Database, Quiet, open_to_read
from chronolite.cli.progress import bar


def verify(database: Database, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Read a whole database and compare every checksum; changes nothing.

    Exits with 0 if all is well and with 5 if something is damaged.
    """
    try:
        with (
            open_to_read(database) as db,
            bar(str(database), quiet=quiet or as_json) as progress,
        ):
            report = db.verify(progress=progress)
    except cl.CorruptionError as error:
        # So damaged that it does not even open.
        problem = {"file": error.file, "offset": error.offset, "message": str(error)}
        report = cl.VerifyReport(
            ok=False, segments=0, blocks=0, rows=0, bytes=0, problems=[problem]
        )
    if as_json:
        typer.echo(json.dumps(report, default=str))
    elif not quiet:
        for problem in report["problems"]:
            typer.echo(f"{problem['file']}, byte {problem['offset']}: {problem['message']}")
        typer.echo(
            f"{database}: looked at {report['rows']:,} rows in {report['blocks']:,} blocks of "
            f"{report['segments']:,} segments, {report['bytes']:,} bytes"
        )
    if not report.ok:
        raise Failure(
            f"{database} is damaged: `chronolite salvage {database} NEW` saves what can be read",
            Code.DAMAGED,
        )
    if not (as_json or quiet):
        typer.echo("all is well")
