"""Folders of CSV and Parquet files, one a day, become days of a backend."""

import gzip
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from series_under_test import DAY, MODULE, NEXT, PLAIN, backend, backends, lib, same, schema

pytestmark = pytest.mark.ours

CSV = "timestamp,value\n1,0.5\n2,-1.5\n"
ROWS = {"timestamp": [1, 2], "value": [0.5, -1.5]}


def put(folder, name, content=CSV):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, pa.Table):
        pq.write_table(content, file)
    else:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def copied(folder, target, tables=None, **options):
    """What a packed backend has after the files were copied to it."""
    files = backends.FileFolder(folder, **options)
    with backends.PackedBackend(files.schema, target) as packed:
        backends.migrate(files, packed, tables=tables)
        return {table: {day: packed.read(table, day) for day in packed.days(table)}
                for table in packed.tables()}  # fmt: skip


@pytest.mark.parametrize(
    ("names", "table"),
    [
        ((f"{DAY}.csv", f"{NEXT}.csv"), "data"),
        ((f"ES_{DAY}.csv", f"ES_{NEXT}.csv"), "data"),
        ((f"ES/{DAY}.csv", f"ES/{NEXT}.csv"), "ES"),
        ((f"ES/{DAY}/data.csv", f"ES/{NEXT}/data.csv"), "ES"),
    ],
)
def test_a_file_has_its_day_in_its_name(tmp_path, names, table):
    for name in names:
        put(tmp_path / "a", name)
    put(tmp_path / "a", "README.csv", "no day")
    put(tmp_path / "a", "2025-02-30.csv", "no day")
    found = copied(tmp_path / "a", tmp_path / "b")
    assert {name: list(days) for name, days in found.items()} == {table: [DAY, NEXT]}
    same(found[table][NEXT], ROWS)


def test_parquet_and_csv_however_they_are_packed(tmp_path):
    put(tmp_path, f"{DAY}.csv.gz", gzip.compress(CSV.encode()))
    put(tmp_path, f"{NEXT}.parquet", pa.table(ROWS))
    found = copied(tmp_path, tmp_path / "b", table="ES")
    same(found["ES"][DAY], ROWS)
    same(found["ES"][NEXT], ROWS)


def test_formats_are_those_of_the_columns(tmp_path):
    table = pa.table({
        "a": pa.array([1, 2], pa.int16()),
        "b": pa.array([1, 2], pa.uint64()),
        "c": pa.array([1, 2], pa.float32()),
        "d": [True, False],
        "e": pa.array([1, 2], pa.timestamp("us")),
        "f": pa.array([1, 2], pa.date32()),
    })  # fmt: skip
    put(tmp_path, f"{DAY}.parquet", table)
    files = backends.FileFolder(tmp_path)
    formats = [column.fmt for column in files.schema.columns]
    assert formats == ["i2", "u8", "f4", "?", "M8[us]", "M8[D]"]
    same(copied(tmp_path, tmp_path / "b")["data"][DAY], {
        "a": [1, 2], "b": [1, 2], "c": [1, 2], "d": [True, False],
        "e": np.array([1, 2], "M8[us]"), "f": np.array([1, 2], "M8[D]"),
    })  # fmt: skip


def test_text_needs_a_width_and_further_columns_are_left_out(tmp_path):
    put(tmp_path, f"{DAY}.csv", "time,side,note\n2025-06-14T09:30:00,B,long text\n")
    with pytest.raises(lib.SchemaError, match="side"):
        backends.FileFolder(tmp_path)
    of = schema("time:M8[s] side:4s")
    found = copied(tmp_path, tmp_path / "b", schema=of)["data"][DAY]
    same(found, {"time": np.array(["2025-06-14T09:30:00"], "M8[s]"), "side": [b"B"]})


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("timestamp\n1\n", "value"),
        ("timestamp,value\n1,x\n", "value"),
        ("", DAY),
        ("a\n1,2\n", DAY),
    ],
)
def test_a_file_that_does_not_fit_is_named(tmp_path, content, word):
    put(tmp_path / "a", f"{DAY}.csv")
    put(tmp_path / "a", f"{NEXT}.csv", content)
    files = backends.FileFolder(tmp_path / "a", schema(PLAIN))
    with backend("packed-one", PLAIN, tmp_path / "b") as packed:
        with pytest.raises(lib.SchemaError) as error:
            backends.migrate(files, packed)
        assert word in str(error.value) or NEXT in str(error.value)
        assert packed.days("data") == [DAY]
        put(tmp_path / "a", f"{NEXT}.csv")
        assert backends.migrate(files, packed, skip_existing=True) == 2
        assert packed.days("data") == [DAY, NEXT]


def test_folders_without_such_files_and_days_twice_are_refused(tmp_path):
    with pytest.raises(lib.SchemaError):
        backends.FileFolder(tmp_path)
    put(tmp_path, f"{DAY}.csv")
    put(tmp_path, f"more-{DAY}.csv")
    with pytest.raises(lib.SchemaError, match=DAY):
        backends.FileFolder(tmp_path)


def migrate(folder, *arguments):
    command = [sys.executable, "-m", MODULE, "migrate", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_takes_a_folder_of_files_without_a_schema(tmp_path):
    put(tmp_path / "a", f"ES/{DAY}.csv")
    put(tmp_path / "a", f"ES/{NEXT}.parquet", pa.table(ROWS))
    done = migrate(tmp_path, "a", "b")
    assert (done.returncode, done.stdout) == (0, "4 rows copied to b\n"), done.stderr
    with backend("packed-one", "timestamp:i8 value:f8", tmp_path / "b") as packed:
        same(packed.read("ES", NEXT), ROWS)
    done = migrate(tmp_path, "a", "b", "--skip-existing", "--json")
    assert (done.returncode, done.stdout) == (0, '{"rows": 0, "target": "b"}\n')
    done = migrate(
        tmp_path, "b", "c", "--to", "flat", "--schema", "timestamp:i8,value:f8", "--quiet"
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "c" / "ES" / DAY / "data.bin").stat().st_size == 32


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("nowhere", "b"), 3, "nowhere"),
        (("a", "b", "--from", "sqlite"), 2, "sqlite"),
        (("a", "b", "--to", "csv"), 2, "csv"),
        (("a", "b", "--files", "month"), 2, "month"),
        (("a", "b", "--from", "flat"), 2, "--schema"),
        (("a", "b", "--schema", "timestamp"), 2, "timestamp"),
        (("a", "b", "--schema", "timestamp:zz"), 6, "zz"),
        (("a/ES", "b", "--table", "a/b"), 6, "a/b"),
        ((f"a/ES/{DAY}.csv", "b"), 2, "folder"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path, arguments, code, word):
    put(tmp_path / "a", f"ES/{DAY}.csv")
    done = migrate(tmp_path, *arguments)
    assert done.returncode == code, done.stderr
    assert word in done.stderr
    assert not (tmp_path / "b").exists()
