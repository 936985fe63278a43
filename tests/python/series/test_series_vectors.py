"""Columns with a count, `3i`, have a shape of (rows, 3); padding has no column at all."""

import numpy as np
import pyarrow as pa
import pytest
from series_under_test import DAY, NEXT, ColumnSchema, TableSchema, empty, lib, says
from series_under_test import engine as engine_of

pytestmark = pytest.mark.ours

COLUMNS = "time:q v:3i w:2d"
ROWS = {"time": [1, 2], "v": [[1, 2, 3], [4, 5, 6]], "w": [[0.5, 1.5], [2.5, 3.5]]}


def check(found, rows=ROWS):
    assert list(found) == list(rows)
    assert found["v"].shape == (len(rows["time"]), 3)
    assert {name: values.tolist() for name, values in found.items()} == rows


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        {name: np.array(values) for name, values in ROWS.items()},
        [{name: ROWS[name][n] for name in ROWS} for n in range(2)],
        [{"time": n + 1, "v": np.array(ROWS["v"][n]), "w": tuple(ROWS["w"][n])} for n in range(2)],
        pa.table(ROWS),
        pa.table(ROWS).to_pandas(),
    ],
    ids=["lists", "arrays", "dicts", "dicts with arrays", "Arrow", "DataFrame"],
)
def test_vectors_come_back(make, data):
    engine = make(COLUMNS)
    engine.append("ES", DAY, data)
    check(engine.read("ES", DAY))


def test_vectors_of_a_structured_array(make):
    engine = make(COLUMNS)
    made = np.zeros(2, [("w", "f4", 2), ("v", "i8", 3), ("time", "i4")])
    for name, values in ROWS.items():
        made[name] = values
    engine.append("ES", DAY, made)
    check(engine.read("ES", DAY))


def test_a_list_is_the_value_of_one_row(make):
    engine = make(COLUMNS)
    engine.append("ES", DAY, {"time": 1, "v": [1, 2, 3], "w": (0.5, 1.5)})
    engine.append("ES", DAY, {"time": 2, "v": np.array([4, 5, 6]), "w": [2.5, 3.5]})
    check(engine.read("ES", DAY))


def test_where_all_columns_are_vectors_the_dimensions_tell(make):
    engine = make("v:3i")
    engine.append("ES", DAY, {"v": [1, 2, 3]})
    engine.append("ES", DAY, {"v": [[4, 5, 6], [7, 8, 9]]})
    engine.append("ES", DAY, {"v": np.array([[1, 1, 1]])})
    wanted = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 1, 1]]
    assert engine.read("ES", DAY)["v"].tolist() == wanted


@pytest.mark.parametrize(
    "bad",
    [[1, 2], [1, 2, 3, 4], 5, [1, 2, 2**31], [1, 2, 0.5], [1, 2, None], [[1], [2], [3]], "abc"],
)
def test_a_vector_of_another_length_or_kind_is_refused(make, bad):
    engine = make(COLUMNS)
    good = {"time": 1, "v": [1, 2, 3], "w": [0.5, 1.5]}
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, [good, good | {"v": bad}])
    says(error, "v", "row 1")
    assert empty(engine)


def test_slices_ranges_and_masks_are_of_rows(make):
    engine = make(COLUMNS)
    engine.append("ES", DAY, ROWS)
    engine.append("ES", NEXT, ROWS)
    found = engine.read("ES", (DAY, NEXT), start=1, end=3)
    assert found["v"].tolist() == [[4, 5, 6], [1, 2, 3]]
    found = engine.read("ES", (DAY, NEXT), where=lambda data: data["v"][:, 2] > 3)
    assert found["v"].tolist() == [[4, 5, 6], [4, 5, 6]]
    assert engine.read("ES", DAY, start=5)["v"].shape == (0, 3)
    assert engine.read("ES", DAY, where="time > 5")["v"].shape == (0, 3)


def test_vectors_are_lists_in_arrow_and_in_frames(make):
    engine = make(COLUMNS)
    engine.append("ES", DAY, ROWS)
    assert engine.read_arrow("ES", DAY).to_pydict() == ROWS
    frame = engine.read_dataframe("ES", DAY)
    assert [list(value) for value in frame["v"]] == ROWS["v"]


def test_padding_has_no_column(kind, folder):
    padded = TableSchema([ColumnSchema("a", "b"), ColumnSchema("", "3x"), ColumnSchema("n", "i")])
    with engine_of(kind, padded, folder) as engine:
        engine.append("ES", DAY, {"a": [1, 2], "n": [3, 4]})
        engine.append("ES", DAY, {"a": 5, "n": 6})
        found = engine.read("ES", DAY)
        assert {name: values.tolist() for name, values in found.items()} == {
            "a": [1, 2, 5],
            "n": [3, 4, 6],
        }
        assert engine.read_arrow("ES", DAY).column_names == ["a", "n"]
    if kind == "flat":
        wanted = b"\x01\0\0\0\x03\0\0\0\x02\0\0\0\x04\0\0\0\x05\0\0\0\x06\0\0\0"
        assert (folder / "ES" / DAY / "data.bin").read_bytes() == wanted
