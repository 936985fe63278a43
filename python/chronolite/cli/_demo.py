"""`chronolite demo`: its options. What it does is in `chronolite.demo`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from chronolite.cli.exits import Failure


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Where to leave weather.chl. Without it: a temporary folder, removed at the end.",
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="The weather as .csv or .csv.gz. Without it: the copy in a source checkout.",
        ),
    ] = None,
    start: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], help="First day (UTC) of the table of temperatures."),
    ] = "2013-07-01",  # type: ignore[assignment]  # typer parses it
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days it has.")] = 5,
    kill_after: Annotated[
        int,
        typer.Option(
            min=1, metavar="ROWS", help="Kill the writing child some time after so many rows."
        ),
    ] = 5000,
) -> None:
    """Real data in, out, and through a kill.

    Imports a year of hourly weather from three New York airports into a .chl file, shows what a
    query returns, how small the file is and how long each step took. Then kills a process that is
    writing to it with SIGKILL, opens the file again, and counts: every acknowledged row has to be
    there. Exits with 1 if one is not.
    """
    from chronolite._killed import DemoError
    from chronolite.demo import Options, run

    options = Options(folder, csv, start.date(), days, kill_after)
    try:
        run(options, Console(highlight=False))
    except DemoError as error:
        raise Failure(str(error)) from None
