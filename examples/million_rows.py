"""A million rows, a day at a time: into flat files and into a packed file, and all of them back.

Flat files have a row as it is, 32 bytes here; a packed file is compressed. Both answer alike. Times
are those of this run on this machine. `python examples/million_rows.py`
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

import chronolite as cl
from chronolite.backend import Backend, FlatFileBackend, PackedBackend

DAYS = [f"2025-06-{day}" for day in range(10, 15)]
ROWS_A_DAY = 200_000
EVERY = 86_400_000 // ROWS_A_DAY  # milliseconds

SCHEMA = cl.TableSchema(
    [
        cl.ColumnSchema("timestamp", "q"),
        cl.ColumnSchema("temp", "d"),
        cl.ColumnSchema("load", "d"),
        cl.ColumnSchema("noise", "d"),
    ]
)


def measured(day: str) -> pd.DataFrame:
    """A day of rows: a walk in steps of 0.01, a reading with one decimal, and doubles at random."""
    rng = np.random.default_rng(int(day[-2:]))
    midnight = int(np.datetime64(day, "ms").astype("i8"))
    return pd.DataFrame(
        {
            "timestamp": midnight + EVERY * np.arange(ROWS_A_DAY),
            "temp": np.round(20 + np.cumsum(rng.normal(0, 0.05, ROWS_A_DAY)), 2),
            "load": np.round(rng.normal(50, 10, ROWS_A_DAY), 1),
            "noise": rng.normal(0, 1, ROWS_A_DAY),
        }
    )


@contextmanager
def clock(what: str) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    print(f"  {what:32}{1000 * (time.perf_counter() - begin):8.1f} ms")


def size(folder: Path) -> int:
    """The bytes that are taken on disk: a packed file may have holes."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[n], other[n]) for n in one)


def fill(backend: Backend, frames: dict[str, pd.DataFrame]) -> None:
    with cl.TimeSeriesEngine(backend) as engine:
        with clock("append, and flush"):
            for day, frame in frames.items():
                engine.append("machine", day, frame)
            engine.flush()
        if isinstance(backend, PackedBackend):
            with clock("pack"):
                backend.pack()


def read(backend: Backend) -> dict[str, dict[str, Any]]:
    """The answers to some questions."""
    answers = {}
    with cl.TimeSeriesEngine(backend) as engine:
        assert engine.days("machine") == DAYS
        # Flat files have it at hand: its arrays are views of the file.
        with clock("a day"):
            answers["day"] = engine.read("machine", DAYS[2])
        # A range has both its ends; None is an open one.
        with clock("all days"):
            answers["all"] = engine.read("machine", (None, None))
        with clock("two days, where a function says"):
            answers["function"] = engine.read(
                "machine",
                (DAYS[1], DAYS[2]),
                where=lambda rows: (rows["load"] > 80) & (rows["noise"] < 0),
            )
        with clock("two days, where text says"):
            answers["text"] = engine.read(
                "machine", (DAYS[1], DAYS[2]), where="load > 80 and noise < 0"
            )
    return answers


def main(folder: Path) -> None:
    frames = {day: measured(day) for day in DAYS}
    answers, sizes = {}, {}
    for name, make in [("flat", FlatFileBackend), ("packed", PackedBackend)]:
        print(name)
        fill(make(SCHEMA, folder / name), frames)
        sizes[name] = size(folder / name)
        answers[name] = read(make(SCHEMA, folder / name))

    flat, packed = answers["flat"], answers["packed"]
    for question, rows in flat.items():
        assert same(rows, packed[question]), question
    assert same(flat["function"], flat["text"])
    written = pd.concat(frames.values())
    assert same(flat["all"], {name: written[name].to_numpy() for name in written})
    count = len(written)
    print(f"{count:,} rows, the same from both; {len(flat['text']['load'])} of two days chosen")

    for name, taken in sizes.items():
        print(f"{name:8}{taken:12,} bytes on disk, {taken / count:.1f} a row")
    assert sizes["packed"] < sizes["flat"]


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        main(Path(folder))
