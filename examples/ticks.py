"""Market ticks: a CSV file into a table with nanosecond times; last prices, a minute, and bars.

The file is made here, from a seed, with prices in steps of 0.25. `python examples/ticks.py [FILE]`
"""

import csv
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.csv

import chronolite as cl

OPENING = {"ESM4": 5_250.0, "NQM4": 18_300.0, "YMM4": 39_100.0}
BELL = datetime(2024, 5, 1, 13, 30, tzinfo=UTC)


def make_csv(path: Path, ticks: int = 30_000) -> None:
    rng = random.Random(11)
    prices = dict(OPENING)
    nanoseconds = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "symbol", "price", "size"])
        for _ in range(ticks):
            nanoseconds += rng.randrange(1, 40_000_000)
            symbol = rng.choice(list(prices))
            prices[symbol] += rng.choice([-0.25, 0.0, 0.0, 0.25])
            second = BELL + timedelta(seconds=nanoseconds // 10**9)
            time = f"{second:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 10**9:09}"
            rows.writerow([time, symbol, prices[symbol], rng.randrange(1, 20)])


def read_csv(path: Path) -> pa.Table:
    types = {"time": pa.timestamp("ns"), "symbol": pa.string(), "size": pa.int32()}
    return pa.csv.read_csv(path, convert_options=pa.csv.ConvertOptions(column_types=types))


def main(path: Path, source: Path) -> None:
    if path.exists():
        sys.exit(f"{path} is already there")
    make_csv(source)
    with cl.Db(path) as db:
        ticks = db.create_table(
            "ticks",
            {"symbol": "utf8", "price": "f64", "size": "i32"},
            time_unit="ns",
            time_column="time",
            key=("symbol",),
        )
        print(f"{ticks.append(read_csv(source)):,} ticks appended")
    print(f"{source.stat().st_size:,} bytes of CSV, {path.stat().st_size:,} of {path.name}")

    with cl.Db(path, mode="r") as db:
        ask(db["ticks"])


def ask(ticks: cl.Table) -> None:
    # Rows come in order of time, so the last of a group is the newest.
    prices = ticks.scan(columns=["symbol", "price"]).to_pandas()
    last = prices.groupby("symbol").last()
    print("last price of each symbol", last, sep="\n")

    # Ranges are half-open: 13:36 is not in it.
    minute = ticks["2024-05-01T13:35":"2024-05-01T13:36"]
    print("one minute, in polars", minute.to_polars().head(3), sep="\n")
    frame = minute.to_pandas()
    assert len(frame) == minute.count()
    assert frame["time"].dt.floor("min").nunique() == 1

    by_symbol = prices.set_index("time").groupby("symbol")["price"]
    bars = by_symbol.resample("1min").ohlc()
    print("bars of a minute", bars.loc["ESM4"].head(3), sep="\n")
    assert (bars["high"] >= bars["low"]).all()
    assert bars["close"].groupby("symbol").last().equals(last["price"].rename("close"))


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        path = Path(sys.argv[1] if sys.argv[1:] else f"{folder}/ticks.chl")
        main(path, Path(folder, "ticks.csv"))
