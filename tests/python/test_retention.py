"""Rows that are old go when asked, by the clock on the wall."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

import chronolite as cl

HOUR = 3600 * 1000
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def now_ms():
    return time.time_ns() // 10**6


def times(table):
    return table.scan().to_numpy()["ts"].astype("int64").tolist()


def test_nothing_goes_unasked_and_then_what_is_old(path):
    now = now_ms()
    rows = [1000, now - HOUR - 60_000, now - HOUR + 60_000, now, now + 10 * HOUR]
    with cl.Db(path, retention_ms=HOUR, auto_maintenance=False) as db:
        for ts in rows:
            db.append("s", ts, 1.0)
        db.flush()
        assert times(db["s"]) == rows
        db.compact_retention_now()
        assert times(db["s"]) == rows[2:]
    with cl.Db(path) as db:
        assert times(db["s"]) == rows[2:]
        assert db.verify().ok


@pytest.mark.parametrize("unit", PER_SECOND)
def test_each_table_in_its_unit(path, unit):
    per_second = PER_SECOND[unit]
    now = int(time.time())
    with cl.Db(path, retention_ms=HOUR) as db:
        t = db.create_table("t", ["x"], time_unit=unit)
        old, new = (now - 3700) * per_second, (now - 3500) * per_second
        t.append({"ts": [old, new], "x": [1.0, 2.0]})
        db.compact_retention_now()
        assert times(t) == [new]


@pytest.mark.parametrize("ms", [None, 2**64 - 1])
def test_without_an_end_all_stays(db, path, ms):
    db.close()
    with cl.Db(path, ms) as again:
        again.append("s", -(2**63), 1.0)
        assert again.compact_retention_now()["segments_before"] == 0
        assert times(again["s"]) == [-(2**63)]


def test_a_retention_of_nothing_leaves_the_future(path):
    future = now_ms() + HOUR
    with cl.Db(path, 0) as db:
        db.append("s", 5, 1.0)
        db.append("s", future, 1.0)
        db.compact_retention_now()
        assert times(db["s"]) == [future]


def test_the_space_is_given_back(path):
    old = {"ts": np.arange(300_000), "x": np.random.default_rng(1).random(300_000)}
    with cl.Db(path, HOUR, False) as db:
        t = db.create_table("t", ["x"])
        t.append(old)
        db.flush()
        before = path.stat()
        t.append_row(now_ms(), [1.0])
        snapshot = db.snapshot()
        done = db.compact_retention_now()
        assert (done["rows_before"], done["rows_after"]) == (300_000, 0)
        assert done["bytes_before"] > 2_000_000
        # What a snapshot shows stays until it goes.
        assert snapshot.table("t").scan().to_numpy()["x"].tolist() == [*old["x"], 1.0]
        del snapshot
        db.compact_retention_now()
        assert path.stat().st_blocks < before.st_blocks / 4
        assert len(t) == 1


def test_rows_in_the_log_go_and_stay_gone(path, run_python):
    code = f"""
import chronolite as cl, os
db = cl.Db({str(path)!r}, {HOUR}, False, durability="none")
t = db.create_table("t", ["x"])
t.append_row(5, [1.0])
db.compact_retention_now()
t.append_row(6, [2.0])
os._exit(0)
"""
    assert run_python("-c", code).returncode == 0
    with cl.Db(path) as db:
        assert times(db["t"]) == [6]


def test_a_reader_does_not_delete(path):
    with cl.Db(path) as db:
        db.append("s", 5, 1.0)
    with cl.Db(path, HOUR, mode="r") as db:
        with pytest.raises(cl.ReadOnlyError):
            db.compact_retention_now()
        with pytest.raises(cl.ReadOnlyError):
            db["s"].retain(6)
    db = cl.Db(path, HOUR)
    db.close()
    with pytest.raises(cl.ClosedError):
        db.compact_retention_now()


CUTOFF = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "cutoff",
    [
        1704153600000,
        np.int64(1704153600000),
        "2024-01-02",
        "2024-01-02T01:00:00+01:00",
        CUTOFF,
        np.datetime64("2024-01-02"),
        pd.Timestamp(CUTOFF),
    ],
)
def test_retain_from_a_time(db, cutoff):
    t = db.create_table("t", ["x"])
    t.append({"ts": [1704153599999, 1704153600000, 1704153600001], "x": [1.0, 2.0, 3.0]})
    assert t.retain(cutoff) is None
    assert times(t) == [1704153600000, 1704153600001]
    t.append_row(5, [4.0])
    assert times(t)[0] == 5, "what comes later is not touched"


@pytest.mark.parametrize(
    "age", ["1h", "60m", timedelta(hours=1), np.timedelta64(1, "h"), pd.Timedelta(hours=1)]
)
@pytest.mark.parametrize("unit", PER_SECOND)
def test_retain_a_length_of_time(db, age, unit):
    t = db.create_table("t", ["x"], time_unit=unit)
    now, per_second = int(time.time()), PER_SECOND[unit]
    all_ = [(now + s) * per_second for s in (-3700, -3500, 100)]
    t.append({"ts": all_, "x": [1.0, 2.0, 3.0]})
    t.retain(age)
    assert times(t) == all_[1:]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (timedelta(seconds=-1), cl.InvalidInputError),
        ("1500ms", cl.InvalidInputError),
        ("7 days", cl.InvalidInputError),
        ("7mo", cl.InvalidInputError),
        ("yesterday", cl.InvalidInputError),
        ("", cl.InvalidInputError),
        (np.timedelta64("NaT"), cl.InvalidInputError),
        (1.5, TypeError),
        (True, TypeError),
        (None, TypeError),
        (2**64, OverflowError),
    ],
)
def test_what_is_neither(db, given, error):
    t = db.create_table("t", ["x"], time_unit="s")
    t.append_row(1, [1.0])
    with pytest.raises(error):
        t.retain(given)
    assert len(t) == 1


def test_a_snapshot_is_not_written_to(db):
    db.append("s", 1, 1.0)
    with pytest.raises(cl.ReadOnlyError):
        db.snapshot().table("s").retain(5)
