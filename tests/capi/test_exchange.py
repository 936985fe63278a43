"""Files that C and Python hand to each other, also at once, and a writer in C that is killed."""

import json
import random
import signal
import subprocess
import time

import pytest

import chronolite as cl
from tests.capi.conftest import run

KILLS = 12


def printed(text):
    """The lines of the program as values."""

    def value(text, kind):
        return None if text == "null" else kind(text)

    for line in text.splitlines():
        ts, site, temp, count, ok = line.split("|")
        yield (
            int(ts),
            site,
            value(temp, float),
            value(count, int),
            value(ok, lambda text: text == "true"),
        )


def wanted():
    """The rows of the program."""
    for i in range(1000):
        yield (
            i * 1000,
            "Zürich" if i % 3 else "oslo",
            i / 4 if i % 7 else None,
            i if i % 5 else None,
            bool(i % 2) if i % 11 else None,
        )


def read(table):
    """A table's rows as Python's values, its times as integers."""
    pa = pytest.importorskip("pyarrow")
    columns = pa.table(table.scan())
    times = columns["ts"].cast(pa.int64()).to_pylist()
    return list(
        zip(times, *(columns[name].to_pylist() for name in columns.column_names[1:]), strict=True)
    )


def test_what_c_writes_python_reads(exchange, tmp_path):
    path = tmp_path / "x.chl"
    run(exchange, "write", path)
    with cl.Db(path) as db:
        assert db.verify().ok
        assert read(db["readings"]) == list(wanted())
        assert db["readings"].schema.time_unit == "us"
        assert db["readings"].last(key="oslo").to_numpy()["count"].tolist() == [999]


def test_what_python_writes_c_reads(exchange, tmp_path):
    path = tmp_path / "x.chl"
    with cl.Db(path) as db:
        columns = {"site": "utf8", "temp": "f64", "count": "i64", "ok": "bool"}
        table = db.create_table("readings", columns, key=["site"], time_unit="us")
        for row in wanted():
            table.append_row(row[0], row[1:])
        # From the log, before anything is flushed.
        assert list(printed(run(exchange, "print", path))) == list(wanted())
        db.flush()
        assert list(printed(run(exchange, "print", path))) == list(wanted())
    assert list(printed(run(exchange, "print", path))) == list(wanted())


def test_figures_have_the_names_that_python_has(exchange, tmp_path):
    path = tmp_path / "x.chl"
    run(exchange, "write", path)
    stats, verified = map(json.loads, run(exchange, "figures", path).splitlines())
    with cl.Db(path, mode="r") as db:
        ours, report = db.stats(), db.verify()
    assert stats.pop("path") == str(ours.pop("path"))
    assert stats == ours

    assert verified == report
    assert verified["ok"] is True


def begun(exchange, path):
    """A writer in C that has acknowledged its first rows."""
    writer = subprocess.Popen([exchange, "append", path], stdout=subprocess.PIPE, text=True)
    assert int(writer.stdout.readline()) >= 0
    return writer


def test_python_reads_while_c_writes(exchange, tmp_path):
    path = tmp_path / "x.chl"
    writer = begun(exchange, path)
    try:
        with cl.Db(path, mode="r") as db:
            seen, until = 0, time.monotonic() + 3
            while time.monotonic() < until:
                acknowledged = int(writer.stdout.readline())
                values = db["t"].scan().to_numpy()["v"]
                # All that was acknowledged before, in order, and nothing twice.
                assert len(values) > acknowledged
                assert (values == range(len(values))).all()
                assert len(values) >= seen
                seen = len(values)
            assert seen > 100
    finally:
        writer.kill()
        writer.communicate()


def test_a_writer_in_c_that_is_killed_loses_nothing(exchange, tmp_path):
    path, luck = tmp_path / "x.chl", random.Random(7)
    rows = 0
    for _ in range(KILLS):
        writer = begun(exchange, path)
        time.sleep(luck.uniform(0, 0.3))
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        # The last line may be cut.
        lines = rest.splitlines(keepends=True)
        acknowledged = [int(line) for line in lines if line.endswith("\n")]
        with cl.Db(path) as db:
            values = db["t"].scan().to_numpy()["v"]
            assert (values == range(len(values))).all()
            assert len(values) > (acknowledged[-1] if acknowledged else rows)
            assert db.verify().ok
            rows = len(values)
    assert rows > KILLS


def test_control_a_row_less_is_noticed(exchange, tmp_path):
    path = tmp_path / "x.chl"
    run(exchange, "write", path)
    with cl.Db(path) as db:
        db["readings"].delete(5000, 5001)
    assert list(printed(run(exchange, "print", path))) != list(wanted())
