"""A file that somebody else cuts while it is read through a mapping."""

import os
import random
import shutil
import time

import numpy as np

import chronolite as cl
from tests.proof import sizes
from tests.python.other_process import Other

ROWS = 200_000
# Reads the file again and again until it is refused; what it read before that was right.
READER = """
def read():
    reads = 0
    db = cl.Db(path, mode="r")
    try:
        while True:
            for name in ("raw", "packed"):
                rows = db[name].scan().to_numpy()
                assert len(rows["x"]) == ROWS, name
                if not (rows["x"] == np.arange(ROWS) * 3).all():
                    # A view of the file itself that was handed out may be cut under its reader.
                    assert name == "raw" and os.stat(path).st_size < SIZE, name
                reads += 1
    except cl.CorruptionError:
        return reads
    finally:
        db.close()
"""


def test_cut_file(tmp_path):
    cuts = sizes.size(20, 1000)
    rng = random.Random(sizes.SEED)
    whole, path = tmp_path / "whole.chl", tmp_path / "cut.chl"
    with cl.Db(whole) as db:
        for name, storage in (("raw", "raw"), ("packed", "balanced")):
            table = db.create_table(name, {"x": "i64", "noise": "f64"}, storage=storage)
            noise = np.random.default_rng(sizes.SEED).random(ROWS)
            table.append({"ts": np.arange(ROWS), "x": np.arange(ROWS) * 3, "noise": noise})
    size = whole.stat().st_size
    reader = Other(path, f"ROWS, SIZE = {ROWS}, {size}")
    reader.do(READER)
    reads = within = 0
    try:
        for _ in range(cuts):
            shutil.copy(whole, path)
            reader.tell("read()")
            time.sleep(0.02 + rng.random() * 0.05)
            # At the front too, so that what is being read is hit.
            os.truncate(path, rng.randrange(16_384, size))
            done = reader.answer()
            reads += done
            within += done > 0
            assert reader.process.poll() is None
            path.unlink()
    finally:
        reader.kill()
    assert within > 0
    sizes.figures(
        "cut_file",
        f"{cuts} files of {size:,} bytes cut by another process during mapped reads: "
        f"CorruptionError each time, by one process, which lives; {reads:,} reads before that",
    )
