"""Random rows, batches and flushes: downsample and aggregate against a model in plain Python."""

import math
import statistics
import tempfile
from fractions import Fraction
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import chronolite as cl

NAMES = ["count", "sum", "mean", "min", "max", "first", "last", "std"]
TEXT_NAMES = ["count", "min", "max", "first", "last"]
FLOATS = st.one_of(st.none(), st.just(math.nan), st.floats(-1e6, 1e6, width=32))
INTS = st.one_of(st.none(), st.integers(-(2**40), 2**40))
TEXTS = st.sampled_from([None, "", "a", "b", "ab"])
ROWS = st.tuples(st.integers(-60, 60), TEXTS, FLOATS, INTS, TEXTS)


def is_nan(value):
    return isinstance(value, float) and math.isnan(value)


def model(values, name):
    """What a list of values comes to."""
    values = [value for value in values if value is not None]
    if name == "count":
        return len(values)
    if name in ("min", "max"):
        values = [value for value in values if not is_nan(value)]
    if not values or (name == "std" and len(values) == 1):
        return None
    if name in ("sum", "mean", "std") and any(map(is_nan, values)):
        return math.nan
    return {
        "sum": lambda: math.fsum(values) if isinstance(values[0], float) else sum(values),
        "mean": lambda: float(sum(map(Fraction, values)) / len(values)),
        "min": lambda: min(values),
        "max": lambda: max(values),
        "first": lambda: values[0],
        "last": lambda: values[-1],
        "std": lambda: statistics.stdev(values),
    }[name]()


def same(ours, theirs, scale):
    if isinstance(ours, float) and isinstance(theirs, float):
        return (is_nan(ours) and is_nan(theirs)) or abs(ours - theirs) <= 1e-12 * scale
    return type(ours) is type(theirs) and ours == theirs


def order(row):
    ts, site = row[0], row[1]
    return ts, site is not None, site or ""


@settings(deadline=None, max_examples=150)
@given(
    batches=st.lists(st.tuples(st.lists(ROWS, max_size=40), st.booleans()), max_size=4),
    every=st.sampled_from([1, 7, 10, 1000]),
    origin=st.sampled_from(["epoch", -3, 10**6]),
    bounds=st.tuples(st.none() | st.integers(-70, 70), st.none() | st.integers(-70, 70)),
    by=st.booleans(),
    fill=st.sampled_from([None, "null", "previous"]),
)
def test_buckets(batches, every, origin, bounds, by, fill):
    with tempfile.TemporaryDirectory() as folder, cl.Db(Path(folder) / "m.chl") as db:
        types = {"site": "utf8", "f": "f64", "i": "i64", "s": "utf8"}
        table = db.create_table("t", types, key="site")
        rows = []
        for batch, flush in batches:
            columns = list(zip(*batch, strict=True)) or [[]] * 5
            table.append(
                {name: list(column) for name, column in zip(["ts", *types], columns, strict=True)}
            )
            rows += batch
            if flush:
                db.flush()
        rows.sort(key=order)
        start, end = bounds
        inside = [
            row
            for row in rows
            if (start is None or row[0] >= start) and (end is None or row[0] < end)
        ]
        scale = max([1.0, *(abs(row[2] or 0.0) for row in inside if not is_nan(row[2]))])
        scale = max(scale, *(float(abs(row[3] or 0)) for row in inside), 1.0) * 200
        wanted = {"f": NAMES, "i": NAMES, "s": TEXT_NAMES}
        whole = table.scan(start, end).aggregate(wanted)
        for at, (column, names) in enumerate(wanted.items(), 2):
            for name in names:
                theirs = model([row[at] for row in inside], name)
                assert same(whole[column][name], theirs, scale), (column, name)
        scan = table.downsample(
            every, wanted, start, end, by=["site"] if by else (), origin=origin, fill=fill
        )
        got = scan.to_arrow().to_pydict()
        expected = buckets(inside, every, 0 if origin == "epoch" else origin, bounds, by, fill)
        assert scan.to_numpy()["ts"].astype("int64").tolist() == [bucket for bucket, _ in expected]
        assert scan.count() == len(expected)
        if by:
            assert got["site"] == [site for _, (site, _) in expected]
        last = {}
        for at, (column, names) in enumerate(wanted.items(), 2):
            for name in names:
                ours = got[f"{column}_{name}"]
                for value, (_, (site, found)) in zip(ours, expected, strict=True):
                    theirs = model([row[at] for row in found], name)
                    if fill == "previous":
                        if theirs is None:
                            theirs = last.get((column, name, site))
                        last[column, name, site] = theirs
                    assert same(value, theirs, scale), (column, name)


def buckets(rows, every, origin, bounds, by, fill):
    """(beginning, (site, rows)) of each bucket and group, in order."""

    def floor(ts):
        return (ts - origin) // every * every + origin

    found = {}
    for row in rows:
        key = (floor(row[0]), row[1] if by else None)
        found.setdefault(key, []).append(row)
    if fill is not None:
        start, end = bounds
        first = start if start is not None else min((row[0] for row in rows), default=None)
        last = end - 1 if end is not None else max((row[0] for row in rows), default=None)
        if first is not None and last is not None and first <= last:
            for bucket in range(floor(first), floor(last) + 1, every):
                for site in {row[1] for row in rows} if by else {None}:
                    found.setdefault((bucket, site), [])
    return [(key[0], (key[1], found[key])) for key in sorted(found, key=order)]
