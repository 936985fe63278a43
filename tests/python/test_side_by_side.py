"""Large results, of which stretches of time are read side by side, are those of one reading."""

import numpy as np
import pytest

import chronolite as cl

ROWS = 2_000_000


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A table of several large segments, late and deleted rows, rows in memory; and its rows."""
    rng = np.random.default_rng(2013)
    ts = np.arange(ROWS) * 10
    late = rng.choice(ROWS, 20_000, replace=False)
    ts[late] -= rng.integers(0, 5_000_000, 20_000)
    x, n = rng.normal(size=ROWS), rng.integers(-1000, 1000, ROWS)
    with cl.Db(tmp_path_factory.mktemp("large") / "t.chl", auto_maintenance=False) as db:
        table = db.create_table("t", {"x": "f64", "n": "i64"})
        for first in range(0, ROWS, 400_000):
            rows = slice(first, first + 400_000)
            table.append({"ts": ts[rows], "x": x[rows], "n": n[rows]})
        table.delete(4_000_000, 4_500_000)
        table.append({"ts": [4_200_000, 19_999_995], "x": [0.5, 1.5], "n": [1, 2]})
        left = np.flatnonzero((ts < 4_000_000) | (ts >= 4_500_000))
        ts = np.append(ts[left], [4_200_000, 19_999_995])
        x, n = np.append(x[left], [0.5, 1.5]), np.append(n[left], [1, 2])
        order = np.argsort(ts, kind="stable")
        yield table, ts[order], x[order], n[order]


@pytest.mark.parametrize("where", [None, "n > 900", "n == 1000 or x > 5", "ts < 7200000"])
@pytest.mark.parametrize("reverse", [False, True])
def test_rows(large, where, reverse):
    table, ts, x, n = large
    kept = {
        None: np.ones(len(ts), bool),
        "n > 900": n > 900,
        "n == 1000 or x > 5": (n == 1000) | (x > 5),
        "ts < 7200000": ts < 7_200_000,
    }[where]
    step = -1 if reverse else 1
    found = table.scan(where=where, reverse=reverse).to_numpy()
    for name, column in {"ts": ts, "x": x, "n": n}.items():
        assert np.array_equal(found[name].astype(column.dtype), column[kept][::step]), name
    pieces = table.scan(where=where, reverse=reverse).batches(70_000)
    assert sum(len(piece) for piece in pieces) == kept.sum()


def test_buckets(large):
    table, ts, _, n = large
    found = table.downsample(
        "1m", {"n": ["count", "sum", "min", "max", "first", "last"]}
    ).to_numpy()
    starts, first = np.unique(ts // 60_000 * 60_000, return_index=True)
    assert np.array_equal(found["ts"].astype("int64"), starts)
    last = np.append(first[1:], len(ts))
    expected = {
        "count": last - first,
        "sum": np.add.reduceat(n, first),
        "min": np.minimum.reduceat(n, first),
        "max": np.maximum.reduceat(n, first),
        "first": n[first],
        "last": n[last - 1],
    }
    for name, values in expected.items():
        assert np.array_equal(found[f"n_{name}"], values), name
