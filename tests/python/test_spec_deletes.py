"""Deletes, key order, packed and moved segments: SPEC.md's reader sees what the library does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import chronolite as cl
from tests.python import spec_reader as spec
from tests.python.test_spec import ALL, all_types, check, copied

KINDS: dict[str, Any] = {"site": "utf8", "lane": "i16", "n": "i64"}


def some_rows(first: int, rows: int = 3000) -> pa.Table:
    """Rows of four sites, one of them null, and two lanes; times repeat and are in no order."""
    rng = np.random.default_rng(first)
    sites = np.array(["a", "b", "c\0", None], object)
    return pa.table(
        {
            "ts": rng.integers(first, first + 1000, rows),
            "site": pa.array(sites[rng.integers(0, 4, rows)], pa.string()),
            "lane": rng.integers(-1, 1, rows).astype("i2"),
            "n": np.arange(rows) + first,
        }
    )


def tags(frames: list[spec.Frame]) -> list[int]:
    """The edits of all records of the manifest."""
    found = []
    for frame in frames:
        fields = spec.Fields(frame.body)
        while not fields.done():
            found.append(fields.one("B"))
            fields.bytes()
    return found


def make(db: cl.Db) -> tuple[cl.Table, cl.Table]:
    keyed = db.create_table("keyed", KINDS, key=["site", "lane"])
    return db.create_table("plain", KINDS), keyed


def deleted_in_all_ways(plain: cl.Table, keyed: cl.Table) -> None:
    plain.delete(200, 300)
    plain.delete(None, 50)
    plain.delete(990, None)
    plain.delete(400, 400)
    keyed.delete(300, 400, key=("a", -1))
    keyed.delete(None, None, key=(None, 0))
    keyed.delete(700, 701)
    keyed.delete(0, 10_000, key={"lane": 0, "site": "c\0"})


def test_deletes_in_the_log_of_rows_in_the_log(path: Path, tmp_path: Path) -> None:
    with cl.Db(path) as db:
        plain, keyed = make(db)
        for table in (plain, keyed):
            table.append(some_rows(0))
        deleted_in_all_ways(plain, keyed)
        for table in (plain, keyed):
            table.append(some_rows(100, rows=500))  # later: these live
        open_file = copied(path, tmp_path / "open")
    found = check(open_file)
    assert found.log is not None
    assert [frame.kind for frame in found.log.records].count(5) == 7  # one range was empty
    assert 7 not in tags(found.manifest)
    found = check(path)
    assert not any(table.deletes for table in found.tables.values())


def test_deletes_of_segments(path: Path, tmp_path: Path) -> None:
    with cl.Db(path) as db:
        plain, keyed = make(db)
        for table in (plain, keyed):
            table.append(some_rows(0))
        db.flush()
        deleted_in_all_ways(plain, keyed)
        moments = [copied(path, tmp_path / "in the log")]
        db.flush()
        moments.append(copied(path, tmp_path / "in the manifest"))
        for table in (plain, keyed):
            table.append(some_rows(0))
        moments.append(copied(path, tmp_path / "later rows"))
        db.flush()
        keyed.delete(5, 800, key=("b", 0))
        moments.append(copied(path, tmp_path / "more"))
    found = [check(moment) for moment in [*moments, path]]
    assert [len(each["keyed"].deletes) for each in found] == [4, 4, 4, 5, 5]
    assert all(delete.key for delete in found[1]["keyed"].deletes if delete.start != 700)
    as_of = [segment.entry.as_of for segment in found[-1]["plain"].segments.values()]
    assert as_of[0] < found[-1]["plain"].deletes[0].number < as_of[1]


def test_packed_segments_are_in_the_order_of_keys(path: Path, tmp_path: Path) -> None:
    with cl.Db(path) as db:
        plain, keyed = make(db)
        for first in (0, 500, 200):
            for table in (plain, keyed):
                table.append(some_rows(first))
            db.flush()
        deleted_in_all_ways(plain, keyed)
        assert db.pack()["segments_after"] == 2
        moments = [copied(path, tmp_path / "packed")]
        for table in (plain, keyed):
            table.append(some_rows(700))  # late
            table.delete(100, 900)
            table.append_row(150, ["b", 0, -1])
        moments.append(copied(path, tmp_path / "and late"))
        db.flush()
        moments.append(copied(path, tmp_path / "and flushed"))
    for found in [check(moment) for moment in [*moments, path]]:
        entries = {name: min(found[name].segments.items())[1].entry for name in ("plain", "keyed")}
        assert (entries["plain"].order, entries["keyed"].order) == (0, 1)
        assert {entry.level for entry in entries.values()} == {1}
    assert not any(table.deletes for table in spec.read(moments[0]).tables.values())


def test_every_edit_is_read(path: Path, tmp_path: Path) -> None:
    """A manifest that grows is folded, so a record of each kind is looked for at many moments."""
    seen: set[int] = set()
    with cl.Db(path) as db:
        table = db.create_table("t", {"n": "i64"})
        for moment in range(8):
            table.append({"ts": [1, 2, 3], "n": [1, 2, 3]})
            db.flush()
            table.delete(2, 3)
            db.flush()
            if moment % 2:
                db.pack()
            found = check(copied(path, tmp_path / str(moment)))
            seen |= set(tags(found.manifest))
    assert seen == {1, 2, 3, 4, 7, 8}


@pytest.mark.parametrize("storage", ["balanced", "raw"])
def test_packed_keys_of_all_types(path: Path, storage: Any) -> None:
    rng = np.random.default_rng(4)
    with cl.Db(path) as db:
        keys = ["c_bool", "c_binary", "c_i8"]
        table = db.create_table("t", ALL, key=keys, storage=storage)
        for rows in (2500, 700):
            table.append(all_types(rng, rows))
            db.flush()
        db.pack()
    (segment,) = check(path)["t"].segments.values()
    assert (segment.entry.rows, segment.entry.order) == (3200, 1)


def test_moved_segments(path: Path, tmp_path: Path) -> None:
    """A compact removes and adds a segment in one record, at another place with the same bytes."""
    with cl.Db(path) as db:
        plain, keyed = make(db)
        for table in (plain, keyed):
            table.append(some_rows(0, rows=20_000))
            db.flush()
        keyed.append(some_rows(5000))
        db.flush()
        db.pack()
        before = spec.read(copied(path, tmp_path / "before"))
        plain.delete(None, None)
        db.compact()
        open_file = copied(path, tmp_path / "open")
        assert check(open_file).slot.length < before.slot.length
    after = check(path)
    old, new = (each["keyed"].segments for each in (before, after))
    moved = [number for number in new if old[number].entry.at != new[number].entry.at]
    assert moved
    for number in moved:
        was, now = old[number].entry, new[number].entry
        bytes_of = [
            of.data[entry.at : entry.at + entry.length]
            for of, entry in ((before, was), (after, now))
        ]
        assert bytes_of[0] == bytes_of[1]
    assert not after["plain"].segments


def test_a_reader_that_forgets_deletes_differs(path: Path) -> None:
    """Control: the comparison sees a delete that is not applied, and one applied too widely."""
    with cl.Db(path) as db:
        table = db.create_table("t", KINDS)
        table.append(some_rows(0))
        db.flush()
        table.delete(0, 500)
        table.append(some_rows(0))
    found = spec.read(path)["t"]
    right = len(found.rows().times)
    with cl.Db(path) as db:
        assert len(db["t"]) == right
    number = found.deletes[0].number
    found.deletes = []
    assert len(found.rows().times) > right
    found.deletes = [spec.Delete(1, number + 10, 0, 500, None)]
    assert len(found.rows().times) < right
