"""`migrate` copies all days of one backend to another."""

import subprocess
import sys

import numpy as np
import pytest
from series_under_test import (
    DAY,
    KINDS,
    LATER,
    MODULE,
    NEXT,
    PLAIN,
    TWO,
    TWO_BYTES,
    backend,
    backends,
    data_file,
    engine,
    lib,
    need,
    same,
)

pytestmark = pytest.mark.ours

WIDE = "timestamp:q value:d ok:? side:4s when:M8[ms] v:2h"
ROWS = {
    "timestamp": [1, 2, 3],
    "value": [0.5, np.nan, -0.0],
    "ok": [True, False, True],
    "side": [b"B", b"", b"long"],
    "when": np.array(["2025-06-14T09:30", "NaT", "1969-12-31"], "M8[ms]"),
    "v": [[1, 2], [3, 4], [-5, 6]],
}


@pytest.fixture(params=KINDS)
def source_kind(request):
    need(request.param)
    return request.param


def test_all_rows_of_all_days_are_copied(source_kind, kind, tmp_path):
    with backend(source_kind, WIDE, tmp_path / "a") as source:
        for table, day in (("ES", DAY), ("ES", LATER), ("a:b", NEXT)):
            source.append(table, day, ROWS)
        with backend(kind, WIDE, tmp_path / "b") as target:
            assert backends.migrate(source, target) == 9
            assert target.tables() == ["ES", "a:b"]
            assert target.days("ES") == [DAY, LATER]
            same(target.read("ES", LATER), ROWS)
            same(target.read("a:b", NEXT), ROWS)
        assert source.days("ES") == [DAY, LATER]
    with backend(kind, WIDE, tmp_path / "b") as again:
        same(again.read("ES", DAY), ROWS)


def test_a_folder_of_chronostore_becomes_packed(tmp_path):
    n = np.arange(10_000)
    rows = np.zeros(10_000, [("timestamp", "<i8"), ("value", "<f8")])
    rows["timestamp"], rows["value"] = n, n / 8
    data_file(tmp_path / "a").write_bytes(rows.tobytes())
    with (
        backend("flat", PLAIN, tmp_path / "a") as source,
        backend("packed-one", PLAIN, tmp_path / "b") as target,
    ):
        assert backends.migrate(source, target) == 10_000
        same(target.read("ES", DAY), {"timestamp": n, "value": n / 8})


@pytest.fixture
def two(kind, tmp_path):
    """A flat source with two tables, and an empty target."""
    with (
        backend("flat", PLAIN, tmp_path / "a") as source,
        backend(kind, PLAIN, tmp_path / "b") as target,
    ):
        for table in ("ES", "NQ"):
            for day in (DAY, NEXT):
                source.append(table, day, TWO)
        yield source, target


def test_some_tables_may_be_named(two):
    source, target = two
    assert backends.migrate(source, target, tables=["NQ"]) == 4
    assert target.tables() == ["NQ"]
    assert backends.migrate(source, target, tables=["ES"]) == 4
    assert target.tables() == ["ES", "NQ"]


def test_a_day_that_is_there_is_not_added_to(two):
    source, target = two
    target.append("NQ", NEXT, {"timestamp": 9, "value": 9.5})
    with pytest.raises(lib.SchemaError, match="NQ"):
        backends.migrate(source, target)
    assert target.tables() == ["NQ"]
    assert target.days("NQ") == [NEXT]
    same(target.read("NQ", NEXT), {"timestamp": [9], "value": [9.5]})
    assert backends.migrate(source, target, tables=["ES"]) == 4
    with pytest.raises(lib.SchemaError, match="ES"):
        backends.migrate(source, target, tables=["ES"])
    assert len(target.read("ES", (None, None))["value"]) == 4


def test_other_days_of_the_target_stay(two):
    source, target = two
    target.append("ES", LATER, {"timestamp": 9, "value": 9.5})
    assert backends.migrate(source, target) == 8
    assert target.days("ES") == [DAY, NEXT, LATER]
    assert target.read("ES", LATER)["timestamp"].tolist() == [9]


def test_progress_is_told(two):
    told = []
    backends.migrate(*two, progress=lambda *words, **more: told.append((words, more)))
    assert told


def test_nothing_is_copied_from_nothing(kind, tmp_path):
    with (
        backend(kind, PLAIN, tmp_path / "a") as source,
        backend("flat", PLAIN, tmp_path / "b") as target,
    ):
        assert backends.migrate(source, target) == 0
        assert target.tables() == []


def test_schemas_have_to_agree(kind, tmp_path):
    with (
        backend("flat", PLAIN, tmp_path / "a") as source,
        backend(kind, "timestamp:q price:d", tmp_path / "b") as target,
    ):
        source.append("ES", DAY, TWO)
        with pytest.raises(lib.SchemaError):
            backends.migrate(source, target)
        assert target.tables() == []


def test_nulls_are_copied(tmp_path):
    columns = "timestamp:q n:i/null"
    with (
        backend("packed-one", columns, tmp_path / "a") as source,
        backend("packed-day", columns, tmp_path / "b") as target,
    ):
        source.append("ES", DAY, {"timestamp": [1, 2], "n": [None, 5]})
        assert backends.migrate(source, target) == 2
        assert target.read("ES", DAY)["n"].tolist() == [None, 5]


@pytest.mark.parametrize(("to", "kind"), [("packed", "packed-one"), ("lmdb", "lmdb")])
def test_the_command_line(to, kind, tmp_path):
    need(kind)
    for table, day in (("ES", DAY), ("ES", NEXT), ("NQ", DAY)):
        data_file(tmp_path / "a", table, day).write_bytes(TWO_BYTES)
    command = [sys.executable, "-m", MODULE, "migrate", "a", "b", "--from", "flat", "--to", to]
    command += ["--schema", "timestamp:q,value:d"]

    def run(*more):
        return subprocess.run(
            [*command, *more], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )

    done = run("--table", "ES")
    assert done.returncode == 0, done.stderr
    with engine(kind, PLAIN, tmp_path / "b") as made:
        assert made.tables() == ["ES"]
        assert made.days("ES") == [DAY, NEXT]
        same(made.read("ES", NEXT), TWO)
    # The days are there by now, so that nothing is copied.
    done = run()
    assert done.returncode != 0
    assert "ES" in done.stdout + done.stderr
    with engine(kind, PLAIN, tmp_path / "b") as made:
        assert made.tables() == ["ES"]
        same(made.read("ES", DAY), TWO)
