"""The newest row at or before a time."""

import datetime as dt
import random

import pytest

import chronolite as cl


def values(scan):
    return [
        (int(ts), x)
        for ts, x in zip(
            scan.to_numpy()["ts"].astype("int64"), scan.to_numpy()["x"].tolist(), strict=True
        )
    ]


def test_it_is_the_row_at_the_time_or_the_one_before(db):
    table = db.create_table("t", {"x": "i64"})
    table.append({"ts": [10, 20, 20, 30], "x": [1, 2, 3, 4]})
    for ts, row in [
        (9, None),
        (10, (10, 1)),
        (19, (10, 1)),
        (20, (20, 3)),
        (29, (20, 3)),
        (30, (30, 4)),
        (2**63 - 1, (30, 4)),
        (-(2**63), None),
    ]:
        scan = table.asof(ts)
        assert values(scan) == ([] if row is None else [row])
        assert scan.count() == (row is not None)
    assert values(table.asof(dt.datetime(1970, 1, 1, 0, 0, 0, 25_000))) == [(20, 3)]


def test_the_ends_of_time_are_found(db):
    table = db.create_table("t", {"x": "i64"})
    table.append({"ts": [-(2**63), 2**63 - 1], "x": [1, 2]})
    assert values(table.asof(-(2**63))) == [(-(2**63), 1)]
    assert values(table.asof(2**63 - 2)) == [(-(2**63), 1)]
    assert values(table.asof(2**63 - 1)) == [(2**63 - 1, 2)]


def test_a_table_without_rows_has_none(db):
    assert values(db.create_table("t", {"x": "i64"}).asof(5)) == []


@pytest.mark.parametrize("ts", [True, 1.5, None])
def test_what_is_no_time_is_refused(db, ts):
    with pytest.raises(TypeError):
        db.create_table("t", {"x": "i64"}).asof(ts)


def test_layers_and_late_rows_agree_with_a_list(db):
    rng = random.Random(3)
    table = db.create_table("t", {"x": "i64"})
    rows = []
    for batch in range(8):
        times = [rng.randrange(0, 200) for _ in range(rng.randrange(1, 60))]
        table.append({"ts": times, "x": range(len(rows), len(rows) + len(times))})
        rows += [(ts, len(rows) + i) for i, ts in enumerate(times)]
        if batch % 3 == 1:
            db.flush()
        rows_in_order = sorted(rows)
        for ts in range(-1, 201, 7):
            before = [row for row in rows_in_order if row[0] <= ts]
            assert values(table.asof(ts)) == before[-1:]
            n = rng.randrange(0, 5)
            assert values(table.last(n)) == (rows_in_order[-n:] if n else [])


def test_of_one_time_it_is_the_last_in_the_order_of_keys(db):
    table = db.create_table("t", {"site": "utf8", "x": "i64"}, key="site")
    table.append({"ts": [1, 1, 1], "site": ["b", "a", "a"], "x": [1, 2, 3]})
    assert values(table.asof(1)) == [(1, 1)]


def test_it_is_as_of_when_it_was_asked_for(db):
    table = db.create_table("t", {"x": "i64"})
    table.append_row(1, [1])
    scan = table.asof(5)
    table.append_row(2, [2])
    db.flush()
    assert values(scan) == [(1, 1)]
    assert isinstance(scan, cl.Scan)
