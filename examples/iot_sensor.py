"""Weather stations that send a row at a time: read before it is flushed, corrected, and packed.

The rows are those of three airports in February 2013, from examples/data. They begin in flat files
and go on in a packed file, which has nulls. `python examples/iot_sensor.py`
"""

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import chronolite as cl
from chronolite.backend import FlatFileBackend, PackedBackend, migrate

SOURCE = Path(__file__).parent / "data" / "nyc_weather_2013.csv.gz"
STATIONS = ["EWR", "JFK", "LGA"]
EVERYTHING = (None, None)  # from the first day to the last

FLAT = cl.TableSchema(
    [
        cl.ColumnSchema("timestamp", "q"),  # seconds since 1970
        cl.ColumnSchema("temp", "d"),
        cl.ColumnSchema("wind_speed", "d"),
        cl.ColumnSchema("pressure", "d"),
    ]
)
# The same columns, and one of them may be null.
PACKED = cl.TableSchema([*FLAT.columns[:-1], cl.ColumnSchema("pressure", "d", nullable=True)])
VANE = cl.TableSchema(
    [cl.ColumnSchema("timestamp", "q"), cl.ColumnSchema("wind_dir", "h", nullable=True)]
)

Row = dict[str, float | None]


def stream(schema: cl.TableSchema, first: str, last: str) -> Iterator[tuple[str, str, Row]]:
    """What the stations sent in these days, in order of time: who, which day, and the row."""
    with gzip.open(SOURCE, "rt", encoding="utf-8") as file:
        sent = [row for row in csv.DictReader(file) if first <= row["time_hour"][:10] <= last]
    for line in sorted(sent, key=lambda line: line["time_hour"]):
        row: Row = {"timestamp": int(datetime.fromisoformat(line["time_hour"]).timestamp())}
        for column in schema.columns[1:]:
            number = int if column.fmt == "h" else float
            text = line[column.name]
            row[column.name] = None if text == "NA" else number(text)
        yield line["origin"], line["time_hour"][:10], row


def main(folder: Path) -> None:
    with cl.TimeSeriesEngine(FlatFileBackend(FLAT, folder / "flat")) as engine:
        sent = 0
        for station, day, row in stream(FLAT, "2013-02-01", "2013-02-14"):
            engine.append(station, day, row)
            sent += 1
        look_in(folder / "flat", sent)
        engine.flush()
        correct(engine)

        # Flat files stay as they are. Missing values were NaN there, and NaN they are here.
        with PackedBackend(PACKED, folder / "packed") as packed:
            rows = migrate(engine.backend, packed)
            print(f"{rows:,} rows of {len(packed.tables())} stations migrated")
            for station in STATIONS:
                before = engine.read(station, EVERYTHING)
                after = packed.read(station, EVERYTHING)
                for name, values in before.items():
                    assert np.array_equal(values, after[name], equal_nan=True)

    go_on(folder / "packed")
    vanes(folder)


def look_in(path: Path, sent: int) -> None:
    """Another reader, while the rows are appended: nothing was flushed."""
    with cl.TimeSeriesEngine(FlatFileBackend(FLAT, path)) as engine:
        assert engine.tables() == STATIONS
        seen = sum(len(engine.read(station, EVERYTHING)["temp"]) for station in STATIONS)
        print(f"{sent:,} rows sent, {seen:,} seen before they were flushed")
        assert seen == sent

        last = engine.read("JFK", EVERYTHING, start=-5)
        for second, temp in zip(last["timestamp"].tolist(), last["temp"].tolist(), strict=True):
            print(f"  JFK {datetime.fromtimestamp(second, UTC):%d %b %H:%M} {temp:6.2f} °F")


def correct(engine: cl.TimeSeriesEngine) -> None:
    """A wind that cannot have been: its day is deleted, and appended again without it."""
    wrong = engine.read("EWR", EVERYTHING, where="wind_speed > 200")
    (second,), (speed,) = wrong["timestamp"].tolist(), wrong["wind_speed"].tolist()
    day = datetime.fromtimestamp(second, UTC).date()
    print(f"EWR had a wind of {speed:.0f} mph on {day}")

    # Arrays of a single day of flat files are views: they stay when the day goes, and are not to
    # be written to.
    rows = engine.read("EWR", day)
    assert engine.delete_day("EWR", day)
    assert engine.read("EWR", day) == {}
    speeds = rows["wind_speed"]
    engine.append("EWR", day, rows | {"wind_speed": np.where(speeds > 200, np.nan, speeds)})
    assert len(engine.read("EWR", day)["temp"]) == len(speeds)

    for station in STATIONS:
        assert engine.delete_day(station, "2013-02-01")
    kept = engine.days("LGA")
    print(f"corrected; {kept[0]} to {kept[-1]} are kept")


def go_on(path: Path) -> None:
    """The second half of the month: what is missing is null from here on."""
    with cl.TimeSeriesEngine(PackedBackend(PACKED, path)) as engine:
        for station, day, row in stream(PACKED, "2013-02-15", "2013-02-28"):
            engine.append(station, day, row)

    with cl.TimeSeriesEngine(PackedBackend(PACKED, path, mode="r")) as engine:
        for station in STATIONS:
            rows = engine.read(station, EVERYTHING)
            missing = np.isnan(rows["pressure"]).sum()  # a null is NaN in an array of floats
            nulls = engine.read_arrow(station, EVERYTHING, where="pressure is null").num_rows
            assert 0 < nulls < missing
            print(
                f"{station} {len(rows['temp'])} rows, mean {np.nanmean(rows['temp']):.1f} °F; "
                f"no pressure in {missing}: {missing - nulls} NaN, {nulls} null"
            )


def vanes(folder: Path) -> None:
    """Whole numbers have no NaN: a packed file keeps their nulls, flat files refuse them."""
    try:
        FlatFileBackend(VANE, folder / "vanes")
    except cl.SchemaError as error:
        print("refused:", error)
    with cl.TimeSeriesEngine(PackedBackend(VANE, folder / "vanes")) as engine:
        for station, day, row in stream(VANE, "2013-02-01", "2013-02-28"):
            engine.append(station, day, row)

        # Where there are nulls, the array is a masked one.
        directions = np.ma.asarray(engine.read("EWR", EVERYTHING)["wind_dir"])
        null = len(engine.read("EWR", EVERYTHING, where="wind_dir is null")["wind_dir"])
        west = len(engine.read("EWR", EVERYTHING, where="wind_dir between 225 and 315")["wind_dir"])
        assert np.ma.getmaskarray(directions).sum() == null > 0
        print(f"EWR: {len(directions)} directions, {west} of them west, {null} null")
        print("in pandas:", engine.read_dataframe("EWR", EVERYTHING).dtypes["wind_dir"])


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        main(Path(folder))
