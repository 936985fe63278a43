"""LMDB: Chronostore's keys, maps that grow, chunks, other processes, and py-lmdb itself."""

import subprocess
import sys

import numpy as np
import pytest
from series_under_test import DAY, MODULE, NEXT, PLAIN, TWO, TWO_BYTES, as_rows, engine, lib, same

lmdb = pytest.importorskip("lmdb")

FOUR = {name: values * 2 for name, values in TWO.items()}
OPEN = f"e = engine('lmdb', {PLAIN!r}, arguments[0])"


@pytest.fixture
def kind():
    return "lmdb"


def many(first, rows):
    n = np.arange(first, first + rows)
    return {"timestamp": n, "value": n / 4}


def written_by_the_peer(folder, items):
    """A database as Chronostore's LmdbBackend leaves it: one key a day, its rows as the value."""
    with lmdb.open(str(folder), max_dbs=1, map_size=1 << 30) as env, env.begin(write=True) as txn:
        for key, value in items.items():
            txn.put(key, value)


def contents(folder):
    """All keys and values."""
    with lmdb.open(str(folder), max_dbs=1, map_size=1 << 30) as env, env.begin() as txn:
        return {bytes(key): bytes(value) for key, value in txn.cursor()}


def test_a_database_of_chronostore_reads(make, folder):
    rows = {f"ES:{DAY}".encode(): TWO_BYTES, f"ES:{NEXT}".encode(): TWO_BYTES * 2}
    written_by_the_peer(folder, rows | {f"NQ:{DAY}".encode(): TWO_BYTES})
    made = make()
    same(made.read("ES", DAY), TWO)
    same(made.read("ES", NEXT), FOUR)
    assert len(made.read("ES", (DAY, NEXT))["value"]) == 6
    assert made.read("NQ", NEXT) == {}


@pytest.mark.ours
def test_a_database_of_chronostore_is_listed(make, folder):
    rows = {f"{table}:{day}".encode(): TWO_BYTES for table in ("ES", "a:b") for day in (NEXT, DAY)}
    written_by_the_peer(
        folder, rows | {b"hello": b"x", b"ES:later": b"x", b"note:2025-02-30": b"x"}
    )
    made = make()
    assert made.tables() == ["ES", "a:b"]
    assert made.days("ES") == made.days("a:b") == [DAY, NEXT]


def test_a_database_of_chronostore_is_appended_to(make, folder):
    written_by_the_peer(folder, {f"ES:{DAY}".encode(): TWO_BYTES})
    made = make()
    made.append("ES", DAY, as_rows(TWO))
    same(made.read("ES", DAY), FOUR)
    made.close()
    same(make().read("ES", DAY), FOUR)


@pytest.mark.ours
def test_a_day_of_chronostore_is_deleted(make, folder):
    written_by_the_peer(folder, {f"ES:{DAY}".encode(): TWO_BYTES, f"ES:{NEXT}".encode(): TWO_BYTES})
    made = make()
    made.append("ES", DAY, TWO)
    assert made.delete_day("ES", DAY) is True
    assert made.read("ES", DAY) == {}
    same(made.read("ES", NEXT), TWO)
    made.close()
    assert not any(key.startswith(f"ES:{DAY}".encode()) for key in contents(folder))


def test_the_first_rows_of_a_day_are_under_its_key(make, folder):
    made = make()
    made.append("ES", DAY, as_rows(TWO))
    made.close()
    assert contents(folder)[f"ES:{DAY}".encode()] == TWO_BYTES


@pytest.mark.ours
def test_further_rows_are_under_numbered_keys(make, folder):
    made = make()
    sizes = [2, 1, 5_000, 1, 1, 20_000, 3]
    first = 0
    for rows in sizes:
        made.append("ES", DAY, many(first, rows))
        first += rows
    made.append("ES", NEXT, TWO)
    made.close()
    prefix = f"ES:{DAY}".encode()
    found = {key: value for key, value in contents(folder).items() if key.startswith(prefix)}
    assert prefix in found
    for key in set(found) - {prefix}:
        assert key[: len(prefix) + 1] == prefix + b"\0"
        assert len(key) == len(prefix) + 9
    wanted = many(0, sum(sizes))
    packed = np.zeros(sum(sizes), [("timestamp", "<i8"), ("value", "<f8")])
    packed["timestamp"], packed["value"] = wanted["timestamp"], wanted["value"]
    assert b"".join(found[key] for key in sorted(found)) == packed.tobytes()


@pytest.mark.ours
@pytest.mark.parametrize("map_size", [1 << 16, 1 << 20])
def test_the_map_grows_by_itself(make, map_size):
    made = make(map_size=map_size)
    early = None
    for part in range(10):
        made.append("ES", DAY, many(part * 20_000, 20_000))
        if part == 0:
            early = made.read("ES", DAY)
    for n in range(100):
        made.append("ES", NEXT, {"timestamp": n, "value": n / 4})
    made.close()
    same(early, many(0, 20_000))
    made = make(map_size=map_size)
    same(made.read("ES", DAY), many(0, 200_000))
    made.append("ES", NEXT, many(100, 50_000))
    same(made.read("ES", NEXT), many(0, 50_100))


@pytest.mark.ours
def test_a_batch_larger_than_the_map_is_taken(make):
    made = make(map_size=1 << 20)
    made.append("ES", DAY, many(0, 500_000))
    same(made.read("ES", DAY), many(0, 500_000))


@pytest.mark.ours
def test_one_process_sees_what_another_appended(make, folder, start):
    made = make()
    other = start(folder)
    other.do(OPEN)
    for n in range(3):
        made.append("ES", DAY, many(n * 100, 100))
        assert other.do("len(e.read('ES', DAY)['value'])") == n * 200 + 100
        other.do("e.append('ES', DAY, {'timestamp': np.arange(100), 'value': np.ones(100)})")
        assert len(made.read("ES", DAY)["value"]) == n * 200 + 200
    assert other.do("e.days('ES')") == [DAY]


@pytest.mark.ours
def test_a_map_that_another_process_made_larger_is_followed(make, folder, start):
    made = make(map_size=1 << 18)
    made.append("ES", DAY, TWO)
    other = start(folder)
    other.do(OPEN.replace("arguments[0]", "arguments[0], map_size=1 << 18"))
    other.do("n = np.arange(100_000); e.append('ES', NEXT, {'timestamp': n, 'value': n / 4})")
    same(made.read("ES", NEXT), many(0, 100_000))
    same(made.read("ES", DAY), TWO)
    made.append("ES", NEXT, many(100_000, 200_000))
    assert other.do("len(e.read('ES', NEXT)['value'])") == 300_000
    other.do("e.append('ES', DAY, {'timestamp': 3, 'value': 0.5}); e.flush()")
    assert made.read("ES", DAY)["timestamp"].tolist() == [1, 2, 3]


@pytest.mark.ours
def test_single_rows_are_there_for_another_process_after_a_flush_or_64_kib(make, folder, start):
    made = make()
    other = start(folder)
    other.do(OPEN)
    made.append("ES", DAY, {"timestamp": 0, "value": 0.0})
    made.flush()
    assert other.do("e.read('ES', DAY)['timestamp'].tolist()") == [0]
    for n in range(1, 6000):
        made.append("ES", DAY, {"timestamp": n, "value": n / 4})
    assert other.do("len(e.read('ES', DAY)['value'])") >= 6000 - 65536 // 16
    assert len(made.read("ES", DAY)["value"]) == 6000
    assert other.do("len(e.read('ES', DAY)['value'])") == 6000


@pytest.mark.ours
def test_single_rows_and_batches_keep_their_order(make):
    made = make()
    for n in range(0, 300, 3):
        made.append("ES", DAY, {"timestamp": n, "value": n / 4})
        made.append("ES", DAY, many(n + 1, 2))
        made.append("ES", NEXT, {"timestamp": n, "value": n / 4})
    made.close()
    made = make()
    same(made.read("ES", DAY), many(0, 300))
    assert made.read("ES", NEXT)["timestamp"].tolist() == list(range(0, 300, 3))


@pytest.mark.ours
def test_options_are_those_of_lmdb(tmp_path):
    file = tmp_path / "one.mdb"
    with engine("lmdb", PLAIN, file, subdir=False, sync=False) as made:
        made.append("ES", DAY, TWO)
    assert file.is_file()
    with engine("lmdb", PLAIN, file, subdir=False, readonly=True) as made:
        same(made.read("ES", DAY), TWO)
    with pytest.raises(TypeError):
        engine("lmdb", PLAIN, tmp_path / "other", no_such_option=True)


@pytest.mark.ours
def test_without_py_lmdb_the_error_says_how_to_get_it(tmp_path):
    code = f"""
import sys
sys.modules["lmdb"] = None
import {MODULE}.backend as backend
from {MODULE} import ColumnSchema, TableSchema
schema = TableSchema([ColumnSchema("timestamp", "q")])
backend.FlatFileBackend(schema, sys.argv[1]).append("ES", "2025-06-14", {{"timestamp": 1}})
try:
    backend.LmdbBackend(schema, sys.argv[1] + "/lmdb")
except ImportError as error:
    print(error)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "pip install chronolite[lmdb]" in done.stdout


@pytest.mark.ours
def test_py_lmdb_is_imported_only_when_it_is_needed():
    code = f"import sys, {MODULE}.backend; print('lmdb' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"


@pytest.mark.ours
def test_another_schema_is_refused_even_where_sizes_agree(folder):
    with engine("lmdb", PLAIN, folder) as made:
        made.append("ES", DAY, {"timestamp": 1, "value": 0.5})
    with engine("lmdb", "timestamp:q value:q", folder) as made:
        with pytest.raises(lib.SchemaError, match="value"):
            made.read("ES", DAY)
        with pytest.raises(lib.SchemaError, match="value"):
            made.append("ES", DAY, {"timestamp": 1, "value": 5})
