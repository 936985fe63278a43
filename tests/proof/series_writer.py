"""A process that appends to a backend until it is killed, and says on a pipe what it does.

`python -m tests.proof.series_writer KIND FOLDER SEED` writes lines to stdout. What a process wrote
to a pipe outlives it, so whoever holds the other end knows what was acknowledged:

    opening                    the backend is about to be opened
    found [["ES", DAY, 12]]    it is open, with these rows in these days
    try TABLE DAY ROWS         so many rows are about to be appended, 1 by a dict of scalars
    done                       that has returned
    flushing                   a flush is about to begin
    flushed                    it has returned
"""

from __future__ import annotations

import json
import os
import random
import sys

import numpy as np
from series_under_test import data_file, engine

COLUMNS = "n:q x:d small:h ok:? side:3s"
TABLES = ["ES", "a:b"]
DAYS = ["2025-06-14", "2025-06-15"]
# One batch of twelve is of some megabytes: writing it takes long enough to be killed within.
LARGE, LARGEST, USUAL = 60_000, 200_000, 4_000


def rows(table, day, first, count):
    """Rows `first` to `first + count` of a day: a function of nothing but where they are."""
    n = np.arange(first, first + count)
    salt = 10 * TABLES.index(table) + DAYS.index(day)
    side = np.array([b"", b"B", b"S\0x", b"\xff\xfe\xfd"])
    return {
        "n": n,
        "x": n * 0.25 + salt,
        "small": ((n * 7 + salt) % 30_000).astype("i2"),
        "ok": (n + salt) % 3 == 0,
        "side": side[(n // 5 + salt) % 4],
    }


def one_row(table, day, first):
    """The same as a dict of scalars."""
    return {name: values[0].item() for name, values in rows(table, day, first, 1).items()}


def data(table, day, first, count, form):
    """A batch in one of the forms that `append` takes."""
    made = rows(table, day, first, count)
    if count == 1:
        return one_row(table, day, first)
    if form == "dicts" and count < 500:
        lists = {name: values.tolist() for name, values in made.items()}
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    return made


class Unannounced:
    """For a control: flat files, written without `data.bin.pending`."""

    def __init__(self, folder):
        self.folder = folder
        self.made = engine("flat", COLUMNS, folder)

    def __getattr__(self, name):
        return getattr(self.made, name)

    def append(self, table, day, data):
        with data_file(self.folder, table, day).open("ab", buffering=0) as file:
            file.write(self.made.backend.pack(data))


def write(kind, folder, seed):
    """Append without end."""
    rng = random.Random(seed)
    say("opening")
    made = Unannounced(folder) if kind == "unannounced" else engine(kind, COLUMNS, folder)
    counts = {}
    for table in TABLES:
        for day in DAYS:
            found = made.read(table, day)
            if found:
                counts[table, day] = len(found["n"])
    say("found", json.dumps([[*place, count] for place, count in counts.items()]))
    while True:
        table, day = rng.choice(TABLES), rng.choice(DAYS)
        count = 1 if rng.randrange(3) == 0 else max(2, int(USUAL ** rng.random()))
        if rng.randrange(12) == 0:
            count = rng.randrange(LARGE, LARGEST)
        batch = data(
            table, day, counts.get((table, day), 0), count, rng.choice(["dicts", "arrays"])
        )
        say("try", table, day, count)
        made.append(table, day, batch)
        say("done")
        counts[table, day] = counts.get((table, day), 0) + count
        if rng.randrange(15) == 0:
            say("flushing")
            made.flush()
            say("flushed")


def say(*words):
    """A line is shorter than PIPE_BUF: it is in the pipe whole, and in order, or not at all."""
    os.write(sys.stdout.fileno(), (" ".join(map(str, words)) + "\n").encode())


if __name__ == "__main__":
    write(*sys.argv[1:])
