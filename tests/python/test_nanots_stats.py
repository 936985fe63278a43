"""What NanoTS tells of a table and of the database. What nanots-db 0.1.0 does was tried out with
the package from PyPI.
"""

import time

import pytest

import chronolite as cl

# In nanots-db's dict, and no others; the last four only if rows were flushed.
SIZES = [
    "rows", "segments", "columns", "raw_ts_bytes", "raw_value_bytes", "raw_total_bytes",
    "stored_ts_bytes", "stored_value_bytes", "stored_total_bytes", "header_bytes", "ntt_file_bytes",
    "idx_file_bytes", "schema_file_bytes", "on_disk_bytes",
]  # fmt: skip
RATIOS = [
    "compression_ratio_total_x", "compression_ratio_ts_blob_x", "compression_ratio_value_blob_x",
    "compression_ratio_values_x",
]  # fmt: skip
DIAGNOSIS = [
    "wal_bytes", "total_table_segment_bytes", "wal_ratio", "pending_rows", "pending_tables",
    "writes_per_sec", "last_write_age_ms", "maintenance_error",
]  # fmt: skip


def test_before_a_flush(db):
    """As nanots-db, which counts no rows then; here `rows` are all there are."""
    db.create_table("t", ["a", "b"])
    for ts in range(1000):
        db.append_row("t", ts, [ts * 1.5, 2.0])
    stats = db.stats("t")
    assert set(SIZES) <= set(stats)
    assert not set(RATIOS) & set(stats)
    schema = stats["schema_file_bytes"]
    sizes = {name: stats[name] for name in SIZES if stats[name]}
    assert sizes == {"rows": 1000, "columns": 2, "schema_file_bytes": schema}


def test_one_table_is_what_all_of_them_say_of_it(db):
    for name in ("a", "b"):
        db.create_table(name, ["x"])
        db.append_row(name, 1, [1.0])
    db.flush()
    db.append_row("b", 2, [2.0])
    assert db.stats("b") == db.stats()["tables"]["b"]
    assert db.stats("b")["rows"] == 2


def test_after_a_flush(db):
    """The sums are nanots-db's: total is times and values, the file is that and the headers, on
    disk is the file and the index; ratios are of raw bytes by stored ones.
    """
    db.create_table("t", ["a", "b"])
    for ts in range(1000):
        db.append_row("t", ts, [ts * 1.5, float(ts)])
    db.flush()
    db.append_row("t", 5000, [1.0, 2.0])
    stats = db.stats("t")
    assert (stats["rows"], stats["segments"], stats["columns"]) == (1001, 1, 2)
    assert stats["raw_ts_bytes"] == 8000
    assert stats["raw_value_bytes"] == 16000
    assert stats["raw_total_bytes"] == 24000
    assert 0 < stats["stored_ts_bytes"] < 8000
    assert 0 < stats["stored_value_bytes"] < 16000
    assert stats["stored_total_bytes"] == stats["stored_ts_bytes"] + stats["stored_value_bytes"]
    assert stats["ntt_file_bytes"] == stats["stored_total_bytes"] + stats["header_bytes"]
    assert stats["ntt_file_bytes"] == stats["disk_bytes"] > stats["stored_total_bytes"]
    assert stats["idx_file_bytes"] > 100
    assert stats["on_disk_bytes"] == stats["ntt_file_bytes"] + stats["idx_file_bytes"]
    for ratio, raw, stored in zip(
        RATIOS,
        ["raw_total_bytes", "raw_ts_bytes", "raw_value_bytes", "raw_value_bytes"],
        ["on_disk_bytes", "stored_ts_bytes", "stored_value_bytes", "ntt_file_bytes"],
        strict=True,
    ):
        assert stats[ratio] == stats[raw] / stats[stored]
    columns = stats["by_column"]
    assert stats["stored_value_bytes"] == columns["a"]["bytes"] + columns["b"]["bytes"]
    assert db.stats(table="t") == stats


def test_widths_of_values(db):
    """nanots-db counts a bool as one byte, nulls like others, and text as nothing."""
    for ty, width in {"i64": 8, "f64": 8, "bool": 1, "utf8": 0, "i16": 2, "binary": 0}.items():
        db.create_table_typed(ty, [("x", ty)])
        for ts in range(10):
            db.append_row_typed(ty, ts, [None])
        db.flush()
        assert db.stats(ty)["raw_value_bytes"] == 10 * width
        assert all(ratio in db.stats(ty) for ratio in RATIOS)


def test_the_documents_example(db, capsys):
    db.create_table("sensor", ["temp", "humidity"])
    print(db.stats("sensor"))
    assert "'stored_total_bytes': 0" in capsys.readouterr().out
    with pytest.raises(cl.TableNotFoundError):
        db.stats("nope")


def test_diagnose(db):
    """Keys, types, and None for a ratio to nothing are nanots-db's; it tells no error."""
    found = db.diagnose()
    assert list(found) == DIAGNOSIS
    age = found.pop("last_write_age_ms")
    assert age >= 0
    zeroes = dict.fromkeys(DIAGNOSIS, 0) | {"wal_ratio": None, "maintenance_error": None}
    del zeroes["last_write_age_ms"]
    assert found == zeroes

    db.append("a", 1, 1.0)
    db.append("b", 1, 1.0)
    db.append("b", 2, 1.0)
    db.create_table("c", ["x"])
    found = db.diagnose()
    assert (found["pending_rows"], found["pending_tables"]) == (3, 2)
    assert found["wal_bytes"] > 3 * 16
    assert (found["total_table_segment_bytes"], found["wal_ratio"]) == (0, None)

    db.flush()
    found = db.diagnose()
    assert (found["wal_bytes"], found["wal_ratio"]) == (0, 0.0)
    assert (found["pending_rows"], found["pending_tables"]) == (0, 0)
    segments = found["total_table_segment_bytes"]
    assert segments == db.stats("a")["disk_bytes"] + db.stats("b")["disk_bytes"] > 0

    db.append("a", 3, 1.0)
    found = db.diagnose()
    assert found["wal_ratio"] == found["wal_bytes"] / segments > 0


def test_how_much_was_written_lately(db):
    """nanots-db counts only with background maintenance on, and over the window since it began."""
    for ts in range(3000):
        db.append("s", ts, 1.0)
    found = db.diagnose()
    assert 0 < found["writes_per_sec"] <= 3000
    assert found["last_write_age_ms"] < 1000
    time.sleep(0.2)
    age = db.diagnose()["last_write_age_ms"]
    assert 150 <= age < 10_000
    db.flush()
    assert db.diagnose()["last_write_age_ms"] >= age
    db["s"].append({"ts": [1], "value": [1.0]})
    assert db.diagnose()["last_write_age_ms"] < age


def test_the_window_is_an_option(tmp_path):
    with cl.Db(tmp_path / "a.ntt", auto_maintenance={"write_load_window_ms": 50}) as db:
        db.append("s", 1, 1.0)
        time.sleep(0.2)
        assert db.diagnose()["writes_per_sec"] == 0


def test_diagnose_of_a_reader_and_after_the_end(tmp_path):
    path = tmp_path / "a.ntt"
    with cl.Db(path) as db:
        db.append("s", 1, 1.0)
    with pytest.raises(cl.ClosedError):
        db.diagnose()
    with cl.Db(path, mode="r") as reader:
        found = reader.diagnose()
    assert found["total_table_segment_bytes"] > 0
    assert (found["pending_rows"], found["wal_bytes"]) == (0, 0)
