"""Moments that are held in other processes, through packs and retentions of the writer.

The half of this with threads is `snapshots` in tests/readers.rs, where its control is too: a writer
that does not look at the readers.
"""

import time

import numpy as np
import pytest

import chronolite as cl
from tests.proof import sizes
from tests.python.other_process import Other

READERS = 8
# Holds up to five moments; each is compared with what it showed at first, at every round.
READER = """
import random
db = cl.Db(path, mode="r")
draw = random.Random({seed})
held = []

def look():
    moment = db.snapshot()
    held.append((moment, [shown(moment[name]) for name in ("raw", "packed")]))
    if len(held) > 5:
        held.pop(draw.randrange(len(held)))
    for moment, first in held:
        for name, then in zip(("raw", "packed"), first):
            now = shown(moment[name])
            assert now == then, (name, now, then)
    return 2 * len(held)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "held.chl"


def rows(first, count, step=1):
    ts = np.arange(first, first + count * step, step)
    return {"ts": ts, "x": ts * 3 + first, "y": ts / 4}


def change(db, round_):
    """Late rows, a pack, a retention; space is given back now and then."""
    for name in ("raw", "packed"):
        table = db[name]
        table.append(rows(round_ * 10, 100, 28))
        db.flush()
        table.append(rows(round_ * 10 + 3, 50))
        table.retain(round_ * 10)
    db.pack()
    if round_ % 3 == 0:
        db.compact()


def test_snapshots(path):
    rounds = sizes.size(20, 1000)
    compared = kept = 0
    with cl.Db(path, auto_maintenance=False) as db:
        for name, storage in (("raw", "raw"), ("packed", "balanced")):
            db.create_table(name, {"x": "i64", "y": "f64"}, storage=storage)
        change(db, 0)
        readers = []
        try:
            readers += [Other(path) for _ in range(READERS)]
            for number, reader in enumerate(readers):
                reader.do(READER.format(seed=sizes.SEED + number))
            # The last one takes a moment now and never lets go of it.
            first = readers[-1].do("long = db.snapshot()") or readers[-1].do("shown(long['raw'])")
            for round_ in range(1, rounds + 1):
                # The writer goes on while they look.
                for reader in readers:
                    reader.tell("look()")
                change(db, round_)
                compared += sum(reader.answer() for reader in readers)
                kept = max(kept, db.stats()["kept_for_readers"])
            assert readers[-1].do("shown(long['raw'])") == first
            assert db.stats()["readers"] == READERS
            held = path.stat()
            # Half of them end, half are killed.
            for number, reader in enumerate(readers):
                reader.kill() if number % 2 else reader.end()
        finally:
            for reader in readers:
                reader.kill()
        db.compact()
        stats = db.stats()
        assert (stats["readers"], stats["kept_for_readers"]) == (0, 0)
        used = sum(table["disk_bytes"] for table in stats["tables"].values())
        after = path.stat()
        assert kept > 0
        assert after.st_size < held.st_size
        assert after.st_size < 3 * used + 65_536
    assert list(path.parent.iterdir()) == [path]
    sizes.figures(
        "snapshots",
        f"{READERS} readers in processes of their own held moments through {rounds} packs and "
        f"retentions of two tables; {compared:,} comparisons, 0 differences; at most {kept:,} "
        f"bytes were kept for them; the file has {after.st_size:,} bytes for {used:,} of "
        f"segments after they ended or were killed, {held.st_size:,} before",
    )


def test_a_row_is_seen_soon(path):
    rounds = sizes.size(100, 5000)
    with cl.Db(path) as db:
        db.create_table("t", ["x"]).append_row(0, [0.5])
    writer = Other(path, "db = cl.Db(path); t = db['t']")
    took = []
    try:
        with cl.Db(path, mode="r") as db:
            table = db["t"]
            for row in range(1, rounds + 1):
                flush = "; db.flush()" if row % 10 == 0 else ""
                writer.tell(f"began = time.monotonic_ns(); t.append_row({row}, [0.5]){flush}")
                while len(table) <= row:
                    pass
                seen = time.monotonic_ns()
                writer.answer()
                took.append((seen - writer.do("began")) / 1e6)
    finally:
        writer.kill()
    took.sort()
    middle, most = took[len(took) // 2], took[len(took) * 99 // 100]
    assert middle < 5
    sizes.figures(
        "row_seen",
        f"{rounds} rows, each from before its append in one process to the new length in another: "
        f"{middle:.3f} ms in the middle, {most:.3f} ms for 99 of 100",
    )
