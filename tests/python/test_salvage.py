"""Salvage of damaged databases, and what `verify` finds, as a user meets them."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import chronolite as cl

SLOTS = 8192
ROWS = 40_000  # three blocks a column


@pytest.fixture
def new(tmp_path):
    return tmp_path / "new.chl"


def fill(path):
    """Three segments of a plain table, one of a keyed one."""
    with cl.Db(path) as db:
        plain = db.create_table("plain", {"x": "f64", "n": "i64"}, storage="raw")
        keyed = db.create_table("keyed", {"tag": "utf8", "y": "f32"}, key="tag", time_unit="us")
        db.create_table("empty", ["a"])
        rng = np.random.default_rng(7)
        for part in range(3):
            ts = np.arange(part * ROWS, (part + 1) * ROWS)
            n = rng.integers(-(2**63), 2**63, ROWS)
            plain.append({"ts": ts, "x": rng.random(ROWS), "n": n})
            db.flush()
        y = [1.5, None, -0.0, 2.5]
        keyed.append({"ts": [5, 5, 6, 5], "tag": ["b", "a", None, "a"], "y": y})
    return content(path)


def content(path):
    with cl.Db(path, mode="r") as db:
        return {name: (db[name].schema, db[name].scan().to_arrow()) for name in db.tables()}


def same(found, wanted):
    assert found.keys() == wanted.keys()
    for name, (schema, rows) in wanted.items():
        assert repr(found[name][0]) == repr(schema)
        assert found[name][1].equals(rows)


def change(path, at, length=1, fill=None):
    data = bytearray(path.read_bytes())
    for place in range(at, min(at + length, len(data))):
        data[place] = data[place] ^ 1 if fill is None else fill
    path.write_bytes(data)


def test_a_whole_database_is_copied_whole(path, new):
    was = fill(path)
    before = path.read_bytes()
    told = []
    report = cl.salvage(path, new, progress=lambda done, total: told.append((done, total)))
    assert report.ok
    assert isinstance(report, cl.SalvageReport)
    assert report["problems"] == []
    assert report["tables"]["plain"] == {
        "rows": 3 * ROWS, "segments": 3, "lost_segments": 0, "lost_rows": 0, "log_rows": 0,
        "lost_values": {},
    }  # fmt: skip
    assert report["tables"]["empty"]["rows"] == 0
    assert told[-1][0] == told[-1][1] == report["bytes_scanned"]
    assert sorted(told) == told
    same(content(new), was)
    assert path.read_bytes() == before
    # Sequence numbers go on.
    with cl.Db(path) as old, cl.Db(new) as db:
        assert db.verify().ok
        assert db["plain"].append_row(1, [1.0, 1]) == old["plain"].append_row(1, [1.0, 1])


def test_without_a_header(path, new):
    was = fill(path)
    change(path, 0, SLOTS, fill=0)
    with pytest.raises(cl.CorruptionError, match="chronolite salvage FILE NEW"):
        cl.Db(path)
    report = cl.salvage(path, new)
    assert not report.ok
    assert report["problems"][0]["file"] == os.fspath(path)
    same(content(new), was)


def test_without_header_and_manifest(path, new):
    """What is left are the segments, which know whose they are. An empty table is not."""
    was = fill(path)
    data = path.read_bytes()
    change(path, 0, SLOTS, fill=0)
    at = data.find(b"CHLm")
    while at >= 0:
        change(path, at, 8, fill=0)
        at = data.find(b"CHLm", at + 1)
    report = cl.salvage(path, new)
    assert set(report["tables"]) == {"plain", "keyed"}
    assert report["tables"]["plain"]["rows"] == 3 * ROWS
    del was["empty"]
    same(content(new), was)


def test_a_damaged_block_of_a_column_reads_null(path, new):
    was = fill(path)
    rows = was["plain"][1]
    x = rows["x"].to_numpy()
    change(path, path.read_bytes().index(x[ROWS + 20_000].tobytes()))
    report = cl.salvage(path, new)
    (problem,) = report["problems"]
    assert "'x'" in problem["message"] or '"x"' in problem["message"]
    assert report["tables"]["plain"]["rows"] == 3 * ROWS
    assert report["tables"]["plain"]["lost_values"] == {"x": 16_384}
    found = content(new)["plain"][1]
    assert found["ts"].equals(rows["ts"])
    assert found["n"].equals(rows["n"])
    lost = found["x"].is_null().to_numpy()
    assert lost.sum() == 16_384
    assert np.flatnonzero(lost)[0] == ROWS + 16_384
    assert (found["x"].to_numpy()[~lost] == x[~lost]).all()


def test_damaged_times_lose_their_rows_alone(path, new):
    was = fill(path)
    rows = was["plain"][1]
    ts = rows["ts"].cast("int64").to_numpy()
    change(path, path.read_bytes().index(ts[1000:1010].tobytes()))
    report = cl.salvage(path, new)
    assert report["tables"]["plain"]["lost_rows"] == 16_384
    assert content(new)["plain"][1].equals(rows.slice(16_384))
    with cl.Db(new) as db:
        assert db.verify().ok


def test_a_file_that_was_cut(path, new):
    was = fill(path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    report = cl.salvage(path, new)
    assert any("cut" in problem["message"] for problem in report["problems"])
    found = content(new)["plain"][1]
    assert 0 < found.num_rows < 3 * ROWS
    assert found.equals(was["plain"][1].slice(0, found.num_rows))


WRITER = """
import os, sys, chronolite as cl
db = cl.Db(sys.argv[1], durability="sync")
t = db["plain"]
for i in range(5):
    t.append({"ts": [i, i], "x": [float(i), -float(i)], "n": [i, i]})
print("ready", flush=True)
sys.stdin.read()
"""


def writer(path):
    command = [sys.executable, "-c", WRITER, path]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_a_live_writer_is_in_the_way_and_a_killed_one_is_not(path, new):
    fill(path)
    child = writer(path)
    with pytest.raises(cl.DatabaseLockedError) as caught:
        cl.salvage(path, new)
    assert caught.value.pid == child.pid
    child.send_signal(signal.SIGKILL)
    child.communicate()
    log = path.with_name(path.name + "-wal")
    before = path.read_bytes(), log.read_bytes()
    report = cl.salvage(path, new)
    assert report.ok
    assert report["tables"]["plain"]["log_rows"] == 10
    assert report["tables"]["plain"]["rows"] == 3 * ROWS + 10
    assert (path.read_bytes(), log.read_bytes()) == before
    found = content(new)
    with cl.Db(path) as db:
        db.flush()
    same(found, content(path))


def test_a_log_that_is_damaged_in_the_middle(path, new):
    """The records behind it are whole, and count."""
    fill(path)
    child = writer(path)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    log = path.with_name(path.name + "-wal")
    records = [at for at in range(512, 4096, 8) if log.read_bytes()[at : at + 4] == b"CHLr"]
    change(log, records[2] + 60)
    with pytest.raises(cl.CorruptionError) as caught:
        cl.Db(path)
    assert caught.value.file == os.fspath(log)
    report = cl.salvage(path, new)
    (problem,) = report["problems"]
    assert problem["file"] == os.fspath(log)
    assert problem["offset"] == records[2]
    assert report["tables"]["plain"]["log_rows"] == 8
    with cl.Db(new) as db:
        assert db["plain"].scan(0, 5).to_numpy()["n"].tolist().count(2) <= 1
        assert db["plain"].scan(0, 5).count() == 5 + 8


def test_a_log_that_is_gone(path, new):
    was = fill(path)
    child = writer(path)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    path.with_name(path.name + "-wal").unlink()
    report = cl.salvage(path, new)
    assert not report.ok
    assert report["problems"][0]["file"].endswith("-wal")
    same(content(new), was)


def test_a_target_that_is_taken_stays(path, new, tmp_path):
    fill(path)
    new.write_text("mine")
    for target in (new, path):
        with pytest.raises(FileExistsError):
            cl.salvage(path, target)
    assert new.read_text() == "mine"
    assert {at.name for at in tmp_path.iterdir()} == {path.name, new.name}


def test_sources_that_are_none(tmp_path, new):
    with pytest.raises(FileNotFoundError):
        cl.salvage(tmp_path / "no.chl", new)
    with pytest.raises(IsADirectoryError):
        cl.salvage(tmp_path, new)
    assert not new.exists()
    stranger = tmp_path / "notes.txt"
    stranger.write_text("not a database\n" * 3000)
    with pytest.raises(cl.CorruptionError, match="nothing of a chronolite database"):
        cl.salvage(stranger, new)
    assert not new.exists()


def test_a_callback_that_raises_ends_it(path, new, tmp_path):
    fill(path)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cl.salvage(path, new, progress=stop)
    assert [at.name for at in tmp_path.iterdir()] == [path.name]
    with cl.Db(path) as db, pytest.raises(KeyboardInterrupt):
        db.verify(progress=stop)


def test_verify_looks_at_all_of_it(path):
    fill(path)
    with cl.Db(path) as db:
        db["plain"].append_row(7, [1.0, 1])
        told = []
        report = db.verify(progress=lambda done, total: told.append((done, total)))
        assert report.ok
        assert report["log_records"] == 1
        assert report["log_bytes"] > 0
        assert report["manifest_bytes"] > 0
        assert report["free_bytes"] >= 0
        assert report["rows"] == 3 * ROWS + 4
        assert told[-1] == (report["bytes"], report["bytes"])
        # Somebody writes over what is in use.
        log = path.with_name(path.name + "-wal")
        at = log.read_bytes().index(b"CHLr")
        with log.open("r+b") as file:
            file.seek(at + 50)
            file.write(b"\xff")
        with path.open("r+b") as file:
            file.seek(16384 + 60)
            file.write(b"\xff")
        report = db.verify()
        files = {problem["file"] for problem in report["problems"]}
        assert files == {os.fspath(path), os.fspath(log)}


def test_verify_finds_a_damaged_slot_when_reading(path):
    fill(path)
    change(path, 100)
    with cl.Db(path, mode="r") as db:
        report = db.verify()
    (problem,) = report["problems"]
    assert "slot" in problem["message"]
    assert problem["offset"] in (0, 4096)
