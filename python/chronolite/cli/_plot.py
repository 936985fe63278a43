"""`chronolite plot`: a line chart in the terminal, or a PNG through matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chronolite.cli.exits import Code, Failure, needs
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
    is_number,
    names,
    open_to_read,
    selection,
)

if TYPE_CHECKING:
    import chronolite as cl
    from chronolite.cli.chart import Line

# More lines cannot be told apart.
_MOST_LINES = 12


def plot(
    database: Database,
    table: TableName,
    start: From = None,
    end: To = None,
    columns: Columns = None,
    where: Where = None,
    every: Every = None,
    aggregates: Aggregates = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="COL", help="A line for each value of this column, such as a key."),
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Draw into this PNG file (matplotlib)."),
    ] = None,
    height: Annotated[int, typer.Option(min=4, max=200, help="Lines of the terminal.")] = 20,
) -> None:
    """Draw the columns of numbers as lines over time: all of them, or --columns."""
    if png is not None and png.suffix.lower() != ".png":
        raise Failure(f"--png: {png} does not end in .png", Code.USAGE)
    with open_to_read(database) as db:
        source = db[table]
        wanted = names(columns)
        check_columns([*(wanted or ()), *([by] if by else ())], source.schema)
        read = wanted and list(dict.fromkeys([*wanted, *([by] if by and not every else ())]))
        found = selection(
            source, start, end, read, every=every, aggregates=aggregates,
            by=[by] if by else None, where=where,
        )  # fmt: skip
        lines = _lines(found, by)
    if png is None:
        _to_terminal(lines, height)
    else:
        _to_png(lines, png, table)


def _lines(found: cl.Scan, by: str | None) -> list[Line]:
    import numpy as np

    schema = found.schema
    kinds = dict(zip(schema.names, schema.types, strict=True))
    numbers = [
        name
        for name, kind in kinds.items()
        if is_number(kind) and name not in (schema.time_column, by)
    ]
    if not numbers:
        raise Failure("there is no column of numbers to draw")
    columns = found.to_numpy()
    times = columns[schema.time_column or schema.names[0]]
    groups: list[tuple[str, Any]] = [("", slice(None))]
    if by is not None:
        keys = np.array([str(key) for key in columns[by].tolist()], dtype=object)
        groups = [(f" {key}", keys == key) for key in sorted(set(keys))]
    if len(groups) * len(numbers) > _MOST_LINES:
        raise Failure(
            f"{len(groups) * len(numbers)} lines are too many to tell apart: choose among the "
            f"columns {', '.join(numbers)} with --columns"
        )
    lines = []
    for name in numbers:
        values = np.ma.filled(np.ma.asarray(columns[name]).astype(float), np.nan)
        lines += [(name + group, times[rows], values[rows]) for group, rows in groups]
    if not any(np.isfinite(values).any() for _, _, values in lines):
        raise Failure("there are no values to draw in this range")
    return lines


def _to_terminal(lines: list[Line], height: int) -> None:
    from rich.console import Console

    from chronolite.cli.chart import draw

    console = Console(highlight=False)
    console.print(draw(lines, console.width, height), soft_wrap=True)


def _to_png(lines: list[Line], path: Path, title: str) -> None:
    try:
        # Not pyplot: no window, no state beyond this figure.
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise needs("matplotlib", "plot", "--png") from None
    figure = Figure(figsize=(12, 5), layout="constrained")
    axes = figure.add_subplot()
    for name, times, values in lines:
        axes.plot(times, values, label=name, linewidth=1)
    axes.set_title(title)
    axes.set_xlabel("UTC")
    axes.grid(alpha=0.3)
    axes.legend(loc="best")
    figure.savefig(path, dpi=120)
    typer.echo(str(path))
