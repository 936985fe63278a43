"""`chronolite demo`: real data in, out, and through a kill.

First part: a year of hourly weather is read with the standard library's csv module (so that
neither pandas nor pyarrow is needed), appended to a table with the station as key, and queried.

Second part: a child process that writes to the same file is killed, see `chronolite._killed`.
"""

from __future__ import annotations

import csv
import gzip
import random
import tempfile
import time
import zlib
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid

import chronolite as cl
from chronolite import _killed
from chronolite._killed import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CSV_NAME = "nyc_weather_2013.csv.gz"
FILE_NAME = "weather.chl"
TIME_COLUMN = "time_hour"
STATION = "origin"
NULL = "NA"

# Every other column of the CSV file, with its type.
WEATHER_COLUMNS = {
    "origin": "utf8",
    "year": "i64",
    "month": "i64",
    "day": "i64",
    "hour": "i64",
    "temp": "f64",
    "dewp": "f64",
    "humid": "f64",
    "wind_dir": "i64",
    "wind_speed": "f64",
    "wind_gust": "f64",
    "precip": "f64",
    "pressure": "f64",
    "visib": "f64",
}
BATCH_ROWS = 1000

Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Options:
    """What `chronolite demo` was asked for."""

    folder: Path | None
    csv: Path | None
    start: date
    days: int
    kill_after: int


@dataclass
class Steps:
    """The seconds of each step, in the order they were taken."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - begun


def run(options: Options, console: Console) -> None:
    """Run the demo; raise `DemoError` if anything is not as it has to be."""
    source = find_csv(options.csv)
    with _folder(options.folder) as folder:
        path = folder / FILE_NAME
        if path.exists():
            raise DemoError(f"{path} is already there: remove it or give another --folder")
        steps = Steps()
        rows = _import(source, path, steps, console)
        _show_weather(path, options, steps, console)
        _show_sizes(source, path, rows, console)
        _show_kill(path, options.kill_after, rows, steps, console)
        _show_steps(steps, console)
        if options.folder is not None:
            console.print(f"The file is {escape(str(path))}")


def find_csv(given: Path | None) -> Path:
    """The weather file: `given`, or the one of the source checkout this package runs from."""
    if given is not None:
        if not given.is_file():
            raise DemoError(f"there is no file {given}")
        return given
    shipped = Path(__file__).resolve().parents[2] / "examples" / "data" / CSV_NAME
    if not shipped.is_file():
        raise DemoError(
            f"the weather data is not part of the installed package: give --csv FILE, with "
            f"examples/data/{CSV_NAME} of the source distribution"
        )
    return shipped


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is None:
        with tempfile.TemporaryDirectory(prefix="chronolite-demo-") as folder:
            yield Path(folder)
    else:
        given.mkdir(parents=True, exist_ok=True)
        yield given


def read_weather(source: Path) -> list[Columns]:
    """The rows of the CSV file as batches of columns: times in seconds (UTC), `NA` as None."""
    try:
        return _read_rows(source)
    except (UnicodeDecodeError, csv.Error, EOFError, zlib.error) as error:
        raise DemoError(f"{source} is no CSV file in UTF-8: {error}") from None


def _read_rows(source: Path) -> list[Columns]:
    opener = gzip.open if source.suffix == ".gz" else open
    with opener(source, "rt", encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [n for n in (TIME_COLUMN, *WEATHER_COLUMNS) if n not in (reader.fieldnames or ())]
        if missing:
            raise DemoError(f"{source} has no column {', '.join(missing)}")
        batches: list[Columns] = []
        for number, row in enumerate(reader):
            if number % BATCH_ROWS == 0:
                batches.append({name: [] for name in (TIME_COLUMN, *WEATHER_COLUMNS)})
            for name, values in batches[-1].items():
                try:
                    values.append(parse_field(name, row[name]))
                except (TypeError, ValueError):
                    raise DemoError(
                        f"{source}, line {reader.line_num}: {row[name]!r} is no {name}"
                    ) from None
    if not batches:
        raise DemoError(f"{source} has no rows")
    return batches


def parse_field(name: str, text: str) -> int | float | str | None:
    """The value of a field: None for `NA`, seconds since 1970 for the time."""
    if name == TIME_COLUMN:
        return int(datetime.fromisoformat(text).timestamp())
    if text == NULL:
        return None
    match WEATHER_COLUMNS[name]:
        case "i64":
            return int(text)
        case "f64":
            return float(text)
        case _:
            return text


def _import(source: Path, path: Path, steps: Steps, console: Console) -> int:
    with steps.step("read the CSV file"):
        batches = read_weather(source)
    rows = sum(len(batch[TIME_COLUMN]) for batch in batches)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeElapsedColumn(),
        console=console,
    )
    with cl.Db(path) as db:
        weather = db.create_table(
            "weather", WEATHER_COLUMNS, time_unit="s", time_column=TIME_COLUMN, key=(STATION,)
        )
        with steps.step(f"append {rows:,} rows"), bars:
            bar = bars.add_task("Importing", total=rows)
            for batch in batches:
                bars.advance(bar, weather.append(batch))
        with steps.step("flush and close"):
            db.flush()
            db.close()
    return rows


def _show_weather(path: Path, options: Options, steps: Steps, console: Console) -> None:
    begin = datetime(options.start.year, options.start.month, options.start.day, tzinfo=UTC)
    end = begin + timedelta(days=options.days)
    with steps.step("open the file again"):
        db = cl.Db(path)
    with db:
        span = db["weather"].scan(begin, end)
        with steps.step(f"read {options.days} days, mean by day"):
            means = daily_means(span.to_numpy())
        _show_means(means, console)
        if find_spec("pandas") is None:
            console.print("With pandas installed, a DataFrame of these rows would be shown here.\n")
        else:
            with steps.step("import pandas"):
                import_module("pandas")
            with steps.step(f"read {options.days} days as a DataFrame"):
                frame = span.to_pandas()
            console.print(f"[bold]The same {len(frame):,} rows as a DataFrame[/]")
            shown = [TIME_COLUMN, STATION, "temp", "wind_dir", "wind_gust", "pressure"]
            console.print(escape(frame[shown].head(6).to_string()), "\n")
        _show_columns(db.stats("weather"), console)


def daily_means(columns: dict[str, Any]) -> dict[tuple[date, str], float]:
    """The mean temperature of each (day in UTC, station); nulls are left out."""
    days = columns[TIME_COLUMN].astype("datetime64[D]").tolist()
    values: dict[tuple[date, str], list[float]] = defaultdict(list)
    for day, station, temp in zip(
        days, columns[STATION].tolist(), columns["temp"].tolist(), strict=True
    ):
        if temp is not None and temp == temp:  # noqa: PLR0124  (NaN stands for null in NumPy)
            values[day, station].append(temp)
    return {at: sum(temps) / len(temps) for at, temps in values.items()}


def _show_means(means: dict[tuple[date, str], float], console: Console) -> None:
    stations = sorted({station for _, station in means})
    rows = [
        (str(day), *(f"{means[day, at]:.2f}" if (day, at) in means else "" for at in stations))
        for day in sorted({day for day, _ in means})
    ]
    _table(console, "Mean temperature by day (UTC) and station, °F", ("day", *stations), rows)


def _show_columns(stats: dict[str, Any], console: Console) -> None:
    rows = [
        (
            name,
            str(column["type"]),
            ", ".join(map(str, column["codecs"])),
            f"{column['nulls']:,}",
            f"{column['bits_per_value']:.2f}",
        )
        for name, column in stats["by_column"].items()
    ]
    headings = ("column", "type", "codecs", "nulls", "bits a value")
    _table(console, "What each column takes", headings, rows, left=3)


def _show_sizes(source: Path, path: Path, rows: int, console: Console) -> None:
    sizes = {"the CSV file": source.stat().st_size}
    if source.suffix == ".gz":
        with gzip.open(source) as file:
            whole = sum(len(chunk) for chunk in iter(lambda: file.read(65536), b""))
        sizes = {"the CSV file": whole, "the CSV file, gzipped": source.stat().st_size}
    sizes[path.name] = path.stat().st_size
    _table(
        console,
        f"Bytes on disk, {rows:,} rows",
        ("file", "bytes", "bytes a row", "of the CSV file"),
        [
            (name, f"{size:,}", f"{size / rows:.1f}", f"{size / sizes['the CSV file']:.1%}")
            for name, size in sizes.items()
        ],
    )


def _show_steps(steps: Steps, console: Console) -> None:
    rows = [(name, f"{seconds:.4f}") for name, seconds in steps.seconds.items()]
    _table(console, "Seconds of each step", ("step", "seconds"), rows)


def _table(
    console: Console,
    title: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    left: int = 1,
) -> None:
    """Print a table; its first `left` columns are words, the others numbers."""
    grid = Grid()
    for number, heading in enumerate(headings):
        grid.add_column(heading, justify="left" if number < left else "right")
    for row in rows:
        grid.add_row(*map(escape, row))
    console.print(f"[bold]{escape(title)}[/]")
    console.print(grid)
    console.print()


def _show_kill(path: Path, kill_after: int, weather: int, steps: Steps, console: Console) -> None:
    with steps.step("write until killed"):
        killed = _killed.kill_writer(path, kill_after, seed=random.randrange(2**32))
    with steps.step("open after the kill"):
        db = cl.Db(path)
    with db:
        with steps.step("read all rows back and compare"):
            rows = _killed.recovered_rows(db)
            _killed.check_recovered(killed, rows)
        if len(db["weather"]) != weather:
            raise DemoError(f"{weather:,} rows of weather became {len(db['weather']):,}")
        db.verify()
    _table(
        console,
        "A writing process, killed with SIGKILL",
        ("rows", "count"),
        [
            ("acknowledged before the kill", f"{killed.acknowledged:,}"),
            ("in the file after opening it again", f"{len(rows):,}"),
            ("attempted", f"{killed.attempted:,}"),
        ],
    )
    console.print("Every acknowledged row is there, with the value that was written.\n")
