"""The `chronolite` command.

A command's work is elsewhere and imported when the command runs, so that `--help` is quick; here
are its options, and how an error becomes a message and an exit code.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

app = typer.Typer(
    name="chronolite",
    help="Time-stamped data in one durable, compressed file, read straight into Arrow.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line, as the `chronolite` script and `python -m chronolite` do."""
    app(prog_name="chronolite")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"chronolite {version('chronolite')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    # Having a callback also keeps `demo` a command by name while it is the only one.
    pass


@app.command()
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
    import chronolite as cl  # noqa: PLC0415
    from chronolite._killed import DemoError  # noqa: PLC0415
    from chronolite.demo import Options, run  # noqa: PLC0415

    options = Options(folder, csv, start.date(), days, kill_after)
    try:
        run(options, Console(highlight=False))
    except (DemoError, cl.ChronoliteError, OSError) as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"[bold red]error:[/] {escape(message)}"
    )
    raise typer.Exit(1)
