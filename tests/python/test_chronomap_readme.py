"""What the documents of the peer show does what they say."""

from datetime import datetime

import pytest

from chronomap_under_test import ChronoMap, lib


def test_quick_start(capsys):
    cm = ChronoMap()
    cm["user"] = "alice"
    cm["status"] = "active"
    assert cm["user"] == "alice"
    assert cm.query(lambda k, v: v == "active") == {"status": "active"}
    cm.on_change(lambda key, old, new, ts: print(f"{key}: {old} → {new}"))
    cm["user"] = "bob"
    assert capsys.readouterr().out == "user: alice → bob\n"
    assert cm.prune_all_history(keep_last=100) == 0


def test_time_travel(cm):
    cm.put("event", "login", timestamp="2025-10-21T12:00:00")
    cm.put("event", "logout", timestamp=datetime(2025, 10, 21, 13, 0, 0))
    assert cm.get("event", timestamp="2025-10-21T12:30:00") == "login"


def test_strict_reading(cm):
    assert cm.get("nonexistent", default="default_value") == "default_value"
    with pytest.raises(lib.ChronoMapKeyError):
        cm.get("nonexistent", strict=True)


def test_snapshots_and_context_manager(cm):
    cm["counter"] = 10

    def risky():
        with cm.snapshot_context():
            cm["counter"] = 100
            cm["temp"] = "data"
            raise RuntimeError("Rollback!")

    with pytest.raises(RuntimeError):
        risky()
    assert cm["counter"] == 10
    assert cm.get("temp") is None


def test_query_and_aggregation(cm):
    cm.put_many({"score1": 85, "score2": 92, "score3": 78})
    high = cm.query(lambda k, v: isinstance(v, int) and v > 80)
    assert high == {"score1": 85, "score2": 92}
    assert cm.aggregate(lambda vals: sum(vals) / len(vals)) == 85
    assert cm.aggregate(sum, keys=["score1", "score2"]) == 177
    assert cm.count(lambda k, v: v == "active") == 0


def test_batch_operations(cm):
    users = {
        "user:1": {"name": "Alice", "role": "admin"},
        "user:2": {"name": "Bob", "role": "user"},
        "user:3": {"name": "Charlie", "role": "user"},
    }
    cm.put_many(users)
    cm.put_many(users, ttl=3600)
    cm.put_many(users, timestamp=1609459200)
    assert len(cm.history("user:1")) == 3
    assert cm.delete_many(["user:2", "user:3"]) == 2


def test_advanced_queries(cm):
    for value, ts in ((10, 100), (15, 200), (20, 300)):
        cm.put("sensor", value, timestamp=ts)
    assert cm.get_range("sensor", start_ts=150, end_ts=250) == [(200.0, 15)]
    cm.put_many({"user1": "active", "user2": "active", "user3": "inactive"}, timestamp=400)
    assert [key for key, timestamp, value in cm.get_latest_keys(2)] == ["user1", "user2"]
    assert cm.get_keys_by_value("active") == ["user1", "user2"]


def test_merge_and_diff():
    cm1, cm2 = ChronoMap(), ChronoMap()
    cm1.put("shared", "v1", timestamp=100)
    cm2.put("shared", "v2", timestamp=200)
    cm2.put("unique", "data")
    assert cm1.diff(cm2) == {"shared", "unique"}
    cm1.merge(cm2, strategy="timestamp")
    assert cm1.diff(cm2) == set()


def test_compression_and_persistence(cm, tmp_path):
    cm["state"] = {"x": [1, 2]}
    cm.save_pickle(tmp_path / "state.pkl", compress=True)
    assert ChronoMap.load_pickle(tmp_path / "state.pkl") == cm


def test_pandas_export(cm):
    cm.put("temp", 20, timestamp=100)
    row = cm.to_dataframe().head().iloc[0].to_dict()
    assert row["datetime"] == datetime.fromtimestamp(100)
    assert (row["key"], row["value"], row["timestamp"], row["version"]) == ("temp", 20, 100.0, 0)


def test_iteration_and_utilities(cm):
    cm["key"] = 1
    assert list(cm) == ["key"]
    assert cm.latest() == {"key": 1}
    assert len(cm.history("key")) == len(cm) == 1
    cm.clear()
    assert len(cm) == 0
