"""A process that writes until it is killed, and says on a pipe what it does.

`python -m tests.proof.writer FILE SEED DURABILITY` writes lines to stdout. What a process wrote to
a pipe outlives it, so whoever holds the other end knows what was acknowledged:

    opening                 the file is about to be opened
    found {"mixed": 12}     it is open, with these rows in these tables
    try LANE TABLE ROWS     so many more rows are about to be appended (0: the table to be made)
    done LANE               what that lane tried last has returned
    flushing LANE           a flush is about to begin
    flushed LANE            it has returned

Two threads write at once, each a lane with tables of its own: one appends single rows and batches
of 1 row to 16 MB to four tables of mixed types, the other flushes, makes tables and appends a
little to each.
"""

from __future__ import annotations

import json
import math
import os
import random
import sys
import threading
import time
from typing import Any

import chronolite as cl
from tests.proof import rows as made

MAIN, SIDE = "main", "side"
# One batch of eight may be of up to 16 MB, past what the log takes; the others stay below 1 MB.
LARGEST, USUAL = 16 << 20, 1 << 20
BYTES_A_ROW = {"mixed": 92, "keyed": 32, "raw": 40, "text": 49}
SIDE_TABLES = 200


class Writer:
    """The database, and how many rows of each table are in it."""

    def __init__(self, path: str, seed: int, durability: Any) -> None:
        self.rng = {lane: random.Random(f"{seed} {lane}") for lane in (MAIN, SIDE)}
        say("opening")
        self.db = cl.Db(path, durability=durability, sync_interval_ms=5)
        self.counts = {name: len(self.db[name]) for name in self.db.tables()}
        say("found", json.dumps(self.counts))

    def main_lane(self) -> None:
        rng = self.rng[MAIN]
        names = list(made.KINDS)
        rng.shuffle(names)
        for name in names:
            self.create(MAIN, name)
        while True:
            name = rng.choice(names)
            if rng.randrange(3) == 0:
                self.append_singly(MAIN, name, rng.randrange(1, 100))
                continue
            most = LARGEST if rng.randrange(8) == 0 else USUAL
            size = math.exp(rng.uniform(math.log(30), math.log(most)))
            self.append(MAIN, name, max(1, int(size / BYTES_A_ROW[name])))
            if rng.randrange(20) == 0:
                self.flush(MAIN)

    def side_lane(self) -> None:
        rng = self.rng[SIDE]
        while True:
            time.sleep(rng.uniform(0, 0.02))
            self.flush(SIDE)
            made_so_far = sum(name not in made.KINDS for name in list(self.counts))
            name = f"side_{rng.randrange(min(made_so_far + 1, SIDE_TABLES))}"
            self.create(SIDE, name)
            if rng.randrange(2):
                self.append_singly(SIDE, name, rng.randrange(1, 4))
            else:
                self.append(SIDE, name, rng.randrange(1, 50))

    def create(self, lane: str, name: str) -> None:
        if name in self.counts:
            return
        say("try", lane, name, 0)
        self.db.create_table(name, **made.kind_of(name).options())
        say("done", lane)
        self.counts[name] = 0

    def append(self, lane: str, name: str, count: int) -> None:
        data = made.rows(name, self.counts[name], count)
        say("try", lane, name, count)
        appended = self.db[name].append(data)
        say("done", lane)
        assert appended == count
        self.counts[name] += count

    def append_singly(self, lane: str, name: str, count: int) -> None:
        data = made.rows(name, self.counts[name], count)
        table = self.db[name]
        for place in range(count):
            ts, values = made.as_row(data, place)
            say("try", lane, name, 1)
            table.append_row(ts, values)
            say("done", lane)
        self.counts[name] += count

    def flush(self, lane: str) -> None:
        say("flushing", lane)
        self.db.flush()
        say("flushed", lane)


def say(*words: object) -> None:
    """A line is shorter than PIPE_BUF: it is in the pipe whole, and in order, or not at all."""
    os.write(sys.stdout.fileno(), (" ".join(map(str, words)) + "\n").encode())


def either(work) -> None:
    """A thread that fails takes the process with it, so that the parent hears of it."""
    try:
        work()
    except BaseException:  # noqa: BLE001
        sys.excepthook(*sys.exc_info())
        os._exit(1)


if __name__ == "__main__":
    writer = Writer(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    threading.Thread(target=either, args=(writer.side_lane,), daemon=True).start()
    either(writer.main_lane)
