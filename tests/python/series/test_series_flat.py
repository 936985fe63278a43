"""Flat files: Chronostore's layout, as it is on disk, and what is found there."""

import datetime as dt
import struct
from pathlib import Path

import numpy as np
import pytest
from series_under_test import (
    DAY,
    LATER,
    NEXT,
    PLAIN,
    TWO,
    TWO_BYTES,
    as_rows,
    backend,
    data_file,
    engine,
    files_in,
    lib,
    records,
    same,
)


def test_a_day_is_a_file_of_packed_rows(flat, folder):
    flat.append("ES", DAY, as_rows(TWO))
    flat.append("ES", NEXT, {"timestamp": 3, "value": 2.5})
    flat.append("NQ", DAY, {"timestamp": 4, "value": 3.5})
    assert data_file(folder).read_bytes() == TWO_BYTES
    assert data_file(folder, day=NEXT).read_bytes() == struct.pack("<qd", 3, 2.5)
    assert data_file(folder, "NQ").read_bytes() == struct.pack("<qd", 4, 3.5)
    flat.append("ES", DAY, as_rows(TWO))
    assert data_file(folder).read_bytes() == TWO_BYTES * 2


@pytest.mark.ours
def test_beside_the_rows_there_is_only_the_schema(flat, folder):
    flat.append("ES", DAY, TWO)
    flat.append("ES", NEXT, TWO)
    assert files_in(folder) == ["ES/.schema", f"ES/{DAY}/data.bin", f"ES/{NEXT}/data.bin"]
    assert (folder / "ES" / ".schema").read_text("utf-8")


def test_the_folder_may_be_a_path_or_text(tmp_path):
    for n, of in enumerate((str, Path)):
        made = engine("flat", PLAIN, of(tmp_path / f"{n}" / "deeper"))
        made.append("ES", DAY, as_rows(TWO))
        made.close()
        assert data_file(tmp_path / f"{n}" / "deeper").read_bytes() == TWO_BYTES


def test_a_folder_of_chronostore_opens(folder, flat):
    """Made by hand, as Chronostore makes it: without a schema file."""
    data_file(folder).write_bytes(TWO_BYTES)
    data_file(folder, day=LATER).write_bytes(TWO_BYTES * 3)
    same(flat.read("ES", DAY), TWO)
    assert len(flat.read("ES", (DAY, LATER))["value"]) == 8
    flat.append("ES", DAY, as_rows(TWO))
    assert data_file(folder).read_bytes() == TWO_BYTES * 2
    same(flat.read("ES", DAY), {name: values * 2 for name, values in TWO.items()})


@pytest.mark.ours
def test_a_folder_of_chronostore_is_listed_and_gets_a_schema_at_the_first_append(folder, flat):
    for table in ("ES", "NQ"):
        data_file(folder, table).write_bytes(TWO_BYTES)
    assert flat.tables() == ["ES", "NQ"]
    assert flat.days("ES") == [DAY]
    assert not list(folder.rglob(".schema"))
    flat.append("ES", NEXT, TWO)
    assert [file.parent.name for file in folder.rglob(".schema")] == ["ES"]


def test_a_file_of_every_native_type(folder):
    columns = {
        "a": "i8", "b": "u8", "c": "f8", "d": "i4", "e": "u4", "f": "f4", "g": "f4", "h": "i2",
        "i": "u2", "j": "f2", "k": "i2", "l": "i1", "m": "u1", "n": "?", "o": "?",
    }  # fmt: skip
    text = "a:q b:Q c:d d:i e:I f:f g:f h:h i:H j:e k:h l:b m:B n:? o:?"
    random = np.random.default_rng(3)
    wanted = {}
    for name, of in columns.items():
        if of[0] in "iu":
            limits = np.iinfo(of)
            wanted[name] = random.integers(limits.min, limits.max, 500, of, endpoint=True)
        else:
            wanted[name] = random.normal(0, 10, 500).astype(of)
    data_file(folder).write_bytes(records(columns, wanted))
    made = engine("flat", text, folder)
    same(made.read("ES", DAY), wanted)
    assert [str(v.dtype) for v in made.read("ES", DAY).values()] == [
        str(np.dtype(of)) for of in columns.values()
    ]
    made.close()


def test_a_day_is_read_without_a_copy(flat):
    flat.append("ES", DAY, as_rows(TWO))
    for options in ({}, {"start": -1}, {"end": 1}, {"start": 0, "end": 2}):
        found = flat.read("ES", DAY, **options)
        for column in found.values():
            assert column.strides == (16,)
            assert not column.flags.writeable
            assert not column.flags.owndata
        address = [column.__array_interface__["data"][0] for column in found.values()]
        assert address[1] - address[0] == 8


def test_what_was_read_cannot_be_written_to(flat, folder):
    flat.append("ES", DAY, as_rows(TWO))
    found = flat.read("ES", DAY)
    with pytest.raises(ValueError):
        found["value"][0] = 7.5
    with pytest.raises(ValueError):
        found["value"].flags.writeable = True
    assert data_file(folder).read_bytes() == TWO_BYTES


def test_arrays_stay_valid_when_rows_are_appended(flat):
    flat.append("ES", DAY, as_rows(TWO))
    found = flat.read("ES", DAY)
    rows = [{"timestamp": n, "value": 0.25} for n in range(5000)]
    for _ in range(5):
        flat.append("ES", DAY, rows)
    same(found, TWO)
    assert len(flat.read("ES", DAY)["value"]) == 25_002


@pytest.mark.ours
def test_arrays_stay_valid_when_the_day_is_deleted(flat):
    data = {"timestamp": np.arange(5000), "value": np.arange(5000) / 4}
    flat.append("ES", DAY, data)
    found = flat.read("ES", DAY)
    assert flat.delete_day("ES", DAY)
    flat.append("ES", DAY, TWO)
    same(found, data)
    flat.close()
    same(found, data)


def test_a_range_has_arrays_of_its_own(flat):
    flat.append("ES", DAY, as_rows(TWO))
    flat.append("ES", NEXT, as_rows(TWO))
    for days in ((DAY, NEXT), (NEXT, NEXT), (DAY, LATER)):
        for column in flat.read("ES", days).values():
            assert column.flags.c_contiguous
            assert column.strides == (8,)


@pytest.mark.ours
def test_rows_are_there_for_another_reader_at_once(flat, folder):
    with engine("flat", PLAIN, folder) as reader:
        assert reader.read("ES", DAY) == {}
        for n in range(1, 4):
            flat.append("ES", DAY, {"timestamp": n, "value": n / 2})
            assert reader.read("ES", DAY)["timestamp"].tolist() == list(range(1, n + 1))
            assert reader.days("ES") == [DAY]
    same(flat.read("ES", DAY), {"timestamp": [1, 2, 3], "value": [0.5, 1.0, 1.5]})


@pytest.mark.ours
def test_other_files_and_folders_are_passed_over(folder, flat):
    flat.append("ES", DAY, TWO)
    for name in ("README.txt", "ES/notes.txt", f"ES/{DAY}/notes.txt", "ES/2025-06-15"):
        (folder / name).write_text("not a table")
    for name in ("latest", "2025-02-30", "2025-6-16", ".git", "2025-06-17.bak"):
        file = data_file(folder, day=name)
        file.write_bytes(TWO_BYTES)
    data_file(folder, ".hidden").write_bytes(TWO_BYTES)
    assert flat.tables() == ["ES"]
    assert flat.days("ES") == [DAY]
    same(flat.read("ES", (None, None)), TWO)
    assert flat.read("ES", "2025-06-15") == {}
    assert flat.delete_day("ES", "2025-06-16") is False
    flat.append("ES", LATER, TWO)
    assert flat.days("ES") == [DAY, LATER]
    assert (folder / "ES" / "notes.txt").read_text() == "not a table"


@pytest.mark.ours
def test_an_empty_file_has_no_rows(folder, flat):
    data_file(folder).write_bytes(b"")
    assert flat.read("ES", DAY) == flat.read("ES", (DAY, NEXT)) == {}
    assert flat.read_arrow("ES", DAY).num_rows == 0
    flat.append("ES", DAY, TWO)
    same(flat.read("ES", DAY), TWO)


@pytest.mark.ours
def test_a_day_of_any_type_names_the_same_folder(flat, folder):
    flat.append("ES", dt.date(2025, 6, 14), TWO)
    flat.append("ES", np.datetime64("2025-06-14T05"), TWO)
    assert data_file(folder).read_bytes() == TWO_BYTES * 2


@pytest.mark.ours
@pytest.mark.parametrize(
    "other",
    ["timestamp:q price:d", "timestamp:q value:f", "value:d timestamp:q", "timestamp:q",
     "timestamp:q value:d extra:b"],
)  # fmt: skip
def test_a_folder_has_the_schema_of_its_first_append(folder, flat, other):
    flat.append("ES", DAY, TWO)
    before = (folder / "ES" / ".schema").read_bytes()
    made = backend("flat", other, folder)
    with pytest.raises(lib.SchemaError, match="ES"):
        made.append("ES", DAY, {column.name: 1 for column in made.schema.columns})
    with pytest.raises(lib.SchemaError, match="ES"):
        made.read("ES", DAY)
    made.close()
    assert data_file(folder).read_bytes() == TWO_BYTES
    assert (folder / "ES" / ".schema").read_bytes() == before
