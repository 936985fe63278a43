"""`chronolite map show|get|set|history|diff|export|compact FILE`, over JSON files and durable maps.

The documents give the commands and FILE; that a key and a value follow it is taken from there.
"""

import csv
import pickle
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from chronomap_under_test import MODULE, SAMPLES, ChronoMap, contents, lib

pytestmark = pytest.mark.better


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", MODULE, "map", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def at(tmp_path):
    cm = ChronoMap()
    cm.put("temp", 20, timestamp=100)
    cm.put("temp", 21.5, timestamp=200)
    cm.put("user", {"name": "Alice"}, timestamp=150)
    cm.save_json(tmp_path / "map.json")
    return tmp_path / "map.json"


def test_help_names_the_commands():
    done = run("--help")
    assert done.returncode == 0
    for command in ("show", "get", "set", "history", "diff", "export", "compact"):
        assert command in done.stdout


def test_show_lists_keys_and_latest_values(at):
    done = run("show", at)
    assert done.returncode == 0
    for text in ("temp", "21.5", "user", "Alice"):
        assert text in done.stdout


def test_get_prints_a_value_now_or_at_a_time(at):
    assert run("get", at, "temp").stdout.strip() == "21.5"
    assert run("get", at, "temp", "--at", "150").stdout.strip() == "20"
    assert run("get", at, "temp", "--at", "1970-01-01T00:02:30Z").stdout.strip() == "20"


def test_get_of_a_missing_key_fails_and_names_it(at):
    done = run("get", at, "nowhere")
    assert done.returncode == 1
    assert "nowhere" in done.stderr


def test_set_adds_a_version(at):
    before = ChronoMap.load_json(at).history("temp")
    for text, value in (("22", 22), ('{"a": [1]}', {"a": [1]}), ("plain text", "plain text")):
        assert run("set", at, "temp", text).returncode == 0
        cm = ChronoMap.load_json(at)
        assert cm["temp"] == value
        assert [tuple(version) for version in cm.history("temp")][:2] == before
    assert cm["user"] == {"name": "Alice"}


def test_set_makes_the_file(tmp_path):
    assert run("set", tmp_path / "new.json", "a", "1").returncode == 0
    assert ChronoMap.load_json(tmp_path / "new.json").latest() == {"a": 1}


def test_history_prints_each_version(at):
    lines = run("history", at, "temp").stdout.splitlines()
    assert any("20" in line and "1970-01-01" in line for line in lines)
    assert any("21.5" in line for line in lines)


def test_diff_names_what_differs(at, tmp_path):
    cm = ChronoMap.load_json(at)
    cm["temp"] = 99
    cm["new"] = 1
    cm.save_json(tmp_path / "other.json")
    done = run("diff", at, tmp_path / "other.json")
    for text in ("temp", "21.5", "99", "new"):
        assert text in done.stdout
    assert "Alice" not in done.stdout


def test_export_writes_the_history_as_csv_or_parquet(at, tmp_path):
    assert run("export", at, tmp_path / "map.csv").returncode == 0
    with (tmp_path / "map.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["key"] for row in rows] == ["temp", "temp", "user"]
    assert [row["version"] for row in rows] == ["0", "1", "0"]
    assert run("export", at, tmp_path / "map.parquet").returncode == 0
    table = pq.read_table(tmp_path / "map.parquet")
    assert table.column_names[:2] == ["key", "value"]
    assert table.num_rows == 3


def test_it_reads_what_the_peer_saved():
    done = run("get", SAMPLES / "saved_by_2.2.1.json", "temp")
    assert done.stdout.strip() == "21"


def test_it_reads_and_writes_a_durable_map(tmp_path):
    at = tmp_path / "map.chl"
    with ChronoMap(path=at) as cm:
        cm.put("a", 1, timestamp=1)
    assert run("get", at, "a").stdout.strip() == "1"
    assert run("set", at, "a", "2").returncode == 0
    with ChronoMap(path=at) as cm:
        assert contents(cm)["a"][0] == (1.0, 1)
        assert cm["a"] == 2


def test_a_value_may_be_below_zero(at):
    assert run("set", at, "temp", "-5").returncode == 0
    assert run("get", at, "temp").stdout.strip() == "-5"
    done = run("set", at, "temp", "1", "--wrong", "2")
    assert done.returncode == 2
    assert run("get", at, "temp").stdout.strip() == "-5"


def test_compact_forgets_what_was_known_before(tmp_path):
    at = tmp_path / "map.chl"
    with ChronoMap(path=at) as cm:
        for number in range(5000):
            cm.put("a", number * 7919 % 5003, timestamp=number)
        cm.prune_history("a", keep_last=1)
        wanted = contents(cm)
    done = run("compact", at)
    assert done.returncode == 0
    before, after = int(done.stdout.split()[0]), int(done.stdout.split()[-1])
    assert after == at.stat().st_size < before
    with ChronoMap(path=at) as cm:
        assert contents(cm) == wanted


def test_compact_takes_durable_maps_that_are_there(at, tmp_path):
    done = run("compact", at)
    assert done.returncode == 2
    assert "durable" in done.stderr
    assert run("compact", tmp_path / "nowhere.chl").returncode == 3
    assert not (tmp_path / "nowhere.chl").exists()
    with lib.Db(tmp_path / "other.chl") as db:
        db.create_table("sensor", {"v": "f64"})
    assert run("compact", tmp_path / "other.chl").returncode != 0
    with lib.Db(tmp_path / "other.chl") as db:
        assert db.tables() == ["sensor"]


def test_a_pickle_is_never_run(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "it-ran",))

    for name in ("map.pkl", "map.json", "map.pickle"):
        (tmp_path / name).write_bytes(pickle.dumps(Hostile()))
        for command in (["show"], ["get", "a"], ["set", "a", "1"], ["history", "a"]):
            done = run(command[0], tmp_path / name, *command[1:])
            assert done.returncode != 0
            assert name in done.stderr
    assert not (tmp_path / "it-ran").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    done = run("show", tmp_path / "nowhere.json")
    assert done.returncode == 3
    assert "nowhere.json" in done.stderr
