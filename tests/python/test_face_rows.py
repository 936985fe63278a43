"""`append_row`: one row at a time."""

import datetime as dt
from collections import OrderedDict
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

import chronolite as cl

TYPES = {"i": "i64", "u": "u64", "f": "f64", "b": "bool", "s": "utf8", "y": "binary"}


@pytest.fixture
def db(tmp_path):
    with cl.Db(tmp_path / "a.chl") as db:
        yield db


@pytest.fixture
def table(db):
    return db.create_table("t", TYPES)


def newest(table):
    return [
        values[0] for values in table.last().to_arrow().select(list(TYPES)).to_pydict().values()
    ]


ROW = [-5, 2**64 - 1, 1.5, True, "日本", b"\x00"]


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        tuple(ROW),
        dict(zip(TYPES, ROW, strict=True)),
        OrderedDict(reversed(list(zip(TYPES, ROW, strict=True)))),
        MappingProxyType(dict(zip(TYPES, ROW, strict=True))),
        [np.int8(-5), np.uint64(2**64 - 1), np.float32(1.5), np.True_, np.str_("日本"),
         np.bytes_(b"\x00\x01")[:1]],
        iter(ROW),
        [-5, 2**64 - 1, 1.5, True, "日本", bytearray(b"\x00")],
        np.array(ROW, dtype=object),
    ],
)  # fmt: skip
def test_rows_of_every_kind(table, row):
    table.append_row(1, row)
    assert newest(table) == ROW


@pytest.mark.parametrize("null", [None, pd.NA, pd.NaT, np.ma.masked])
def test_nulls(table, null):
    table.append_row(1, [null] * 6)
    assert newest(table) == [None] * 6


def test_sequence_numbers_count_rows_over_all_tables(db, table):
    other = db.create_table("o", ["x"])
    assert table.append_row(1, ROW) == 1
    assert other.append_row(1, [1.0]) == 2
    other.append({"ts": [1, 2, 3], "x": [1.0, 2.0, 3.0]})
    assert table.append_row(1, ROW) == 6


def test_integers_become_floats_where_exact(db):
    table = db.create_table("x", ["x"])
    table.append_row(1, [3])
    table.append_row(2, [np.float64("nan")])
    result = table.scan().to_arrow()["x"]
    assert result[0].as_py() == 3.0
    assert (result.null_count, np.isnan(result[1].as_py())) == (0, True)
    with pytest.raises(cl.SchemaError):
        table.append_row(3, [2**53 + 1])


@pytest.mark.parametrize("width", [1, 16, 17, 40])
def test_rows_of_any_width(db, width):
    table = db.create_table("w", [f"c{i}" for i in range(width)])
    row = [float(i) for i in range(width)]
    for values in (row, tuple(row), np.array(row)):
        table.append_row(1, values)
    assert [c[2].as_py() for c in table.scan().to_arrow().columns[1:]] == row


@pytest.mark.parametrize(
    "row",
    [
        [], ROW[:5], [*ROW, 1],
        [1.5, *ROW[1:]], [True, *ROW[1:]], ["1", *ROW[1:]],
        [1, -1, *ROW[2:]],
        [1, 1, "x", *ROW[3:]], [1, 1, 1.0, 1, *ROW[4:]],
        [*ROW[:4], b"x", b""], [*ROW[:4], "", "x"],
        {}, {"i": 1}, dict(zip(["nope", *list(TYPES)[1:]], ROW, strict=True)),
        {**dict(zip(TYPES, ROW, strict=True)), "more": 1},
    ],
)  # fmt: skip
def test_rows_that_do_not_fit(table, row):
    with pytest.raises(cl.SchemaError):
        table.append_row(1, row)
    assert len(table) == 0


@pytest.mark.parametrize(
    "row",
    [
        None, 5, 1.5, "abcdef", b"abcdef", object(),
        [object(), *ROW[1:]], [Decimal(1), *ROW[1:]], [dt.datetime(2024, 1, 1), *ROW[1:]],
        [np.datetime64(1, "s"), *ROW[1:]], [[1], *ROW[1:]],
    ],
)  # fmt: skip
def test_wrong_types_of_arguments(table, row):
    with pytest.raises(TypeError):
        table.append_row(1, row)
    assert len(table) == 0


def test_integers_past_64_bits(table):
    with pytest.raises(OverflowError):
        table.append_row(1, [2**64, *ROW[1:]])


def test_a_value_that_changes_the_row_while_it_is_read(db):
    table = db.create_table("x", ["a", "b"])

    class Sneaky:
        def __index__(self):
            row.clear()
            return 1

    row = [Sneaky(), 2.0]
    table.append_row(1, row)
    assert table.scan().to_arrow()["b"].to_pylist() == [2.0]
