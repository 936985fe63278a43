"""`chronolite import`: its options. What it does is in `chronolite.cli.loading`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chronolite.cli.exits import Code, Failure, needs
from chronolite.cli.options import Database, Quiet, TableName, names

_TYPES = [
    "i8",
    "i16",
    "i32",
    "i64",
    "u8",
    "u16",
    "u32",
    "u64",
    "f32",
    "f64",
    "bool",
    "utf8",
    "binary",
]
_UNITS = ("s", "ms", "us", "ns")
_FILE = "The file"
_TABLE = "The table, if it has to be made"


def import_(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="CSV, Parquet, Arrow or NDJSON, also as .gz, .zst, .bz2, .xz or .zip (of one "
            "file); - is standard input.",
        ),
    ],
    database: Database,
    table: TableName,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="COL",
            help="The column of the time. Without it: the only one with times, or the one named "
            "ts, time or timestamp.",
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="s|ms|us|ns",
            help="What integers in the time column count, since 1970; and the unit of a table to "
            "be made, which is else ms, or finer if the times are.",
        ),
    ] = None,
    tz: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help="The zone of times that name none, but for integers. Without it: UTC.",
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A,B",
            help="Only these columns, the time's among them unless --time "
            "names it. May be repeated.",
        ),
    ] = None,
    null: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="A text that means null, such as NA; may be repeated. An empty field is null in "
            "columns of numbers, and with this option in those of text.",
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="csv|parquet|arrow|ndjson",
            help="Without it: by FILE's ending; csv for standard input.",
            rich_help_panel=_FILE,
        ),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(
            metavar="CHAR", help="Between fields: ',', in a .tsv a tab.", rich_help_panel=_FILE
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--names",
            metavar="A,B",
            help="The columns' names, for a CSV file without a header line.",
            rich_help_panel=_FILE,
        ),
    ] = None,
    time_format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="Of times that are not ISO 8601, as in '%d.%m.%Y %H:%M'.",
            rich_help_panel=_FILE,
        ),
    ] = None,
    decimal: Annotated[
        str, typer.Option(metavar="CHAR", help="The decimal point.", rich_help_panel=_FILE)
    ] = ".",
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Of a CSV file.", rich_help_panel=_FILE)
    ] = "utf8",
    multiline: Annotated[
        bool,
        typer.Option("--multiline", help="Quoted fields may span lines.", rich_help_panel=_FILE),
    ] = False,
    scan_all: Annotated[
        bool,
        typer.Option(
            "--scan-all",
            help="Find the types by reading the whole file first, instead of a sample of it.",
            rich_help_panel=_FILE,
        ),
    ] = False,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="COL=TYPE",
            help=f"A column's type: {', '.join(_TYPES)}. May be repeated.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL",
            help="A column that tells series apart, such as a sensor's name. May be repeated.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="balanced|speed|size|raw", rich_help_panel=_TABLE),
    ] = None,
    on_conflict: Annotated[
        str | None,
        typer.Option(
            metavar="all|last|first|error",
            help="What a second row of the same time and key means.",
            rich_help_panel=_TABLE,
        ),
    ] = None,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            help="Forget an import that was interrupted and begin at the first row. Rows that "
            "went in stay.",
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--again", help="Append a file whose rows seem to be in the table already."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Append the rows of a file to a table, which is made if it is not there.

    An import of a file that is interrupted, in whatever way, goes on where it stopped when the
    same command is given again: no row is lost or doubled. Types are found from a sample; a value
    further on that does not fit ends the import with its row and column. A file whose rows seem
    to be in the table already is refused.
    """
    source = None if file == "-" else Path(file)
    rules: dict[str, Any] = {"storage": storage, "on_conflict": on_conflict, "key": names(key)}
    given = _types(types)
    if unit not in (None, *_UNITS):
        raise Failure(f"--unit is one of {', '.join(_UNITS)}, not {unit!r}", Code.USAGE)
    for option, char in (("--delimiter", delimiter or ","), ("--decimal", decimal)):
        if len(char) != 1:
            raise Failure(f"{option} is one character, not {char!r}", Code.USAGE)
    try:
        from chronolite.cli.loading.job import Job, run
        from chronolite.cli.loading.reader import Format
        from chronolite.cli.loading.times import TimeOptions
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "pyarrow":
            raise
        raise needs("pyarrow", "arrow", "import") from None
    wanted = names(columns) or []
    if wanted and time is not None and time not in wanted:
        wanted.insert(0, time)
    how = Format(
        name=file_format,
        nulls=tuple(null or ()),
        delimiter=delimiter,
        names=tuple(names(header) or ()),
        time_format=time_format,
        decimal=decimal,
        encoding=encoding,
        multiline=multiline,
        whole=scan_all,
        columns=tuple(wanted),
    )
    run(
        Job(
            source=source,
            database=database,
            table=table,
            how=how,
            time=TimeOptions(time, unit, tz),
            types=given,
            rules={name: value for name, value in rules.items() if value is not None},
            restart=restart,
            again=again,
            quiet=quiet,
        )
    )


def _types(options: list[str] | None) -> dict[str, str]:
    out = {}
    for text in options or ():
        column, _, kind = text.rpartition("=")
        if not column or kind not in _TYPES:
            raise Failure(
                f"--type is COL=TYPE with TYPE one of {', '.join(_TYPES)}, not {text!r}", Code.USAGE
            )
        out[column] = kind
    return out
