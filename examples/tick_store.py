"""Trades of two symbols: appended in batches through some days, read back by days, and made bars.

Every batch is readable as soon as it is appended. Prices are made here, from a seed, in steps of
0.01, and times are nanoseconds. `python examples/tick_store.py`
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import polars as pl

import chronolite as cl
from chronolite.backend import FlatFileBackend, PackedBackend, migrate

DAYS = ["2024-05-01", "2024-05-02", "2024-05-03"]
OPENING = {"ACME": 99.50, "WIDG": 182.25}
BATCH, BATCHES = 2_000, 13  # a day of a symbol: a batch for each half hour from 13:30 to 20:00

SCHEMA = cl.TableSchema(
    [
        cl.ColumnSchema("time", "M8[ns]"),
        cl.ColumnSchema("price", "d"),
        cl.ColumnSchema("size", "i"),
        cl.ColumnSchema("side", "c"),
        cl.ColumnSchema("exchange", "4s"),
    ]
)


def market() -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Batches of trades as they come: the symbol, the day, and the rows in order of time."""
    rng = np.random.default_rng(11)
    cents = {symbol: round(100 * price) for symbol, price in OPENING.items()}
    half_hour = 1_800 * 10**9
    for day in DAYS:
        bell = np.datetime64(f"{day}T13:30", "ns")
        for batch in range(BATCHES):
            for symbol in OPENING:
                times = np.sort(rng.integers(0, half_hour, BATCH)) + batch * half_hour
                walk = cents[symbol] + np.cumsum(rng.integers(-1, 2, BATCH))
                cents[symbol] = int(walk[-1])
                trades = pd.DataFrame(
                    {
                        "time": bell + times.astype("m8[ns]"),
                        "price": walk / 100,
                        "size": rng.geometric(0.1, BATCH).astype("i4"),
                        "side": rng.choice(["B", "S"], BATCH),
                        "exchange": rng.choice(["ARCX", "IEXG", "XNAS", "XNYS"], BATCH),
                    }
                )
                yield symbol, day, trades


def main(folder: Path) -> None:
    with cl.TimeSeriesEngine(FlatFileBackend(SCHEMA, folder / "flat")) as engine:
        rows = 0
        for symbol, day, trades in market():
            engine.append(symbol, day, trades)
            rows += len(trades)
            newest = engine.read(symbol, day, start=-1)
            assert newest["time"][0] == trades["time"].iloc[-1]
        engine.flush()
        print(f"{rows:,} trades of {', '.join(engine.tables())}, {len(engine.days('ACME'))} days")

        with PackedBackend(SCHEMA, folder / "packed") as packed:
            assert migrate(engine.backend, packed) == rows
            packed.pack()

    sizes = {}
    for name in ["flat", "packed"]:
        files = [file for file in (folder / name).rglob("*") if file.is_file()]
        # As `du` counts them: a packed file may have holes.
        sizes[name] = sum(file.stat().st_blocks * 512 for file in files)
        print(f"{name:8}{sizes[name]:10,} bytes on disk, {sizes[name] / rows:.1f} a trade")
    assert sizes["packed"] < sizes["flat"]

    with cl.TimeSeriesEngine(PackedBackend(SCHEMA, folder / "packed", mode="r")) as engine:
        choose(engine)
        bars(engine)
        by_exchange(engine)


def choose(engine: cl.TimeSeriesEngine) -> None:
    """Some trades, by what text says."""
    every = engine.read_dataframe("ACME", (None, None))
    large = engine.read_dataframe("ACME", (None, None), where="price > 100 and size >= 10")
    assert len(large) == ((every["price"] > 100) & (every["size"] >= 10)).sum()
    print(f"{len(large):,} of {len(every):,} trades of ACME have a price > 100 and a size >= 10")

    # Times are text too; a column of bytes is compared with text, and comes back as bytes.
    minute = "time >= '2024-05-02T14:00' and time < '2024-05-02T14:01'"
    bought = engine.read("ACME", "2024-05-02", where=f"{minute} and side = 'B'")
    assert set(bought["side"].tolist()) == {b"B"}
    print(f"{len(bought['price'])} bought in a minute, {bought['size'].sum()} shares")


def bars(engine: cl.TimeSeriesEngine) -> None:
    """Bars of half an hour, of the last two days."""
    trades = engine.read_dataframe("ACME", (DAYS[1], DAYS[2])).set_index("time")
    half_hours = trades.resample("30min")
    made = half_hours["price"].ohlc().join(half_hours["size"].sum()).dropna()
    assert len(made) == 2 * BATCHES
    assert (made["high"] >= made[["open", "close"]].max(axis=1)).all()
    assert made["size"].sum() == trades["size"].sum()
    print("bars of half an hour", made.head(3), sep="\n")


def by_exchange(engine: cl.TimeSeriesEngine) -> None:
    """What went over each exchange, in polars, from an Arrow table."""
    trades = pl.DataFrame(engine.read_arrow("WIDG", DAYS[0]))
    shares = (
        trades.with_columns(pl.col("exchange").cast(pl.String))
        .group_by("exchange")
        .agg(pl.len().alias("trades"), pl.col("size").sum())
        .sort("exchange")
    )
    assert shares["trades"].sum() == len(trades) == BATCH * BATCHES
    print("WIDG by exchange", shares, sep="\n")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        main(Path(folder))
