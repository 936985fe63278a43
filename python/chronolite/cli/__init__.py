"""The `chronolite` command: one file a command, `_import` to `_demo`.

What all of them share is in `exits` (exit codes, and how an error becomes a message) and `options`.
Only typer and rich are imported here: a command imports what it works with when it runs, so that
`--help` is quick.
"""

from __future__ import annotations

from typing import Annotated

import typer

from chronolite.cli import exits
from chronolite.cli._demo import demo
from chronolite.cli._export import export
from chronolite.cli._import import import_
from chronolite.cli._info import info
from chronolite.cli._map import map_app
from chronolite.cli._migrate import migrate
from chronolite.cli._plot import plot
from chronolite.cli._query import query
from chronolite.cli._salvage import salvage
from chronolite.cli._verify import verify

app = typer.Typer(
    cls=exits.Commands,
    name="chronolite",
    help="Time-stamped data in one durable, compressed file, read straight into Arrow.",
    epilog=exits.HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

_IN_AND_OUT = "Data in and out"
_THE_FILE = "The file"

app.command("import", rich_help_panel=_IN_AND_OUT)(import_)
app.command(rich_help_panel=_IN_AND_OUT)(export)
app.command(rich_help_panel=_IN_AND_OUT)(query)
app.command(rich_help_panel=_IN_AND_OUT)(plot)
app.command(rich_help_panel=_IN_AND_OUT)(migrate)
app.command(rich_help_panel=_THE_FILE)(info)
app.command(rich_help_panel=_THE_FILE)(verify)
app.command(rich_help_panel=_THE_FILE)(salvage)
app.command(rich_help_panel="To try it out")(demo)
app.add_typer(map_app, name="map", rich_help_panel=_THE_FILE)


def main() -> None:
    """Run the command line, as the `chronolite` script and `python -m chronolite` do."""
    try:
        app(prog_name="chronolite")
    except SystemExit as end:
        exits.leave(end)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

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
    pass
