"""Schemas: names, formats, and how many bytes a row takes."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_under_test import ColumnSchema, TableSchema, backend, lib, says, schema

# Letter of struct: its size, and what NumPy reads.
LETTERS = {
    "b": (1, "i1"), "B": (1, "u1"), "?": (1, "?"), "h": (2, "i2"), "H": (2, "u2"), "i": (4, "i4"),
    "I": (4, "u4"), "l": (8, "i8"), "L": (8, "u8"), "q": (8, "i8"), "Q": (8, "u8"), "n": (8, "i8"),
    "N": (8, "u8"), "P": (8, "u8"), "e": (2, "f2"), "f": (4, "f4"), "d": (8, "f8"), "c": (1, "S1"),
}  # fmt: skip
NUMPY = {
    "i1": 1, "i2": 2, "i4": 4, "i8": 8, "u1": 1, "u2": 2, "u4": 4, "u8": 8, "f2": 2, "f4": 4,
    "f8": 8, "b1": 1, "S1": 1, "S10": 10, "M8[D]": 8, "M8[s]": 8, "M8[ms]": 8, "M8[us]": 8,
    "M8[ns]": 8,
}  # fmt: skip


def test_a_column_has_a_name_and_a_format():
    column = ColumnSchema("value", "d")
    assert (column.name, column.fmt) == ("value", "d")
    assert column == ColumnSchema(name="value", fmt="d")
    assert column != ColumnSchema("value", "f")
    assert column != ColumnSchema("price", "d")
    assert repr(column).startswith("ColumnSchema(name='value', fmt='d'")


@pytest.mark.ours
def test_a_column_has_no_nulls_unless_it_is_told():
    assert ColumnSchema("n", "q").nullable is False
    assert ColumnSchema("n", "q", nullable=True).nullable is True
    assert ColumnSchema("n", "q", True) == ColumnSchema("n", "q", nullable=True)
    assert ColumnSchema("n", "q") != ColumnSchema("n", "q", nullable=True)


def test_a_schema_is_its_columns():
    columns = [ColumnSchema("timestamp", "q"), ColumnSchema("value", "d")]
    made = TableSchema(columns=columns)
    assert made.columns == columns
    assert made == TableSchema(columns) == schema("timestamp:q value:d")
    assert made != schema("value:d timestamp:q")
    assert "ColumnSchema(name='value', fmt='d'" in repr(made)


def test_columns_of_eight_bytes_have_the_plain_format():
    made = schema("timestamp:q open:d volume:Q")
    assert made.struct_format == "qdQ"
    assert made.record_size == 24
    assert list(made.numpy_dtype) == [
        ("timestamp", np.dtype("i8")),
        ("open", np.dtype("f8")),
        ("volume", np.dtype("u8")),
    ]


@pytest.mark.ours
def test_a_row_is_packed_without_gaps():
    made = schema("a:q b:? c:d")
    assert made.record_size == 17
    assert np.dtype(list(made.numpy_dtype)).itemsize == 17
    assert made.struct_format.startswith("<")
    assert struct.calcsize(made.struct_format) == 17


@pytest.mark.parametrize("letter", LETTERS)
def test_every_letter_has_its_size_and_type(letter):
    size, of = LETTERS[letter]
    made = schema(f"x:{letter}")
    assert made.record_size == size
    ((name, dtype),) = made.numpy_dtype
    assert (name, dtype.itemsize, dtype.kind) == ("x", size, np.dtype(of).kind)


@pytest.mark.ours
@pytest.mark.parametrize("fmt", NUMPY)
def test_numpy_names_are_formats(fmt):
    made = schema(f"x:{fmt}")
    assert made.record_size == NUMPY[fmt] == struct.calcsize(made.struct_format)
    ((_, dtype),) = made.numpy_dtype
    assert dtype == np.dtype(fmt)


@pytest.mark.ours
@pytest.mark.parametrize(
    ("fmt", "size"),
    [("3i", 12), ("4s", 4), ("10p", 10), ("7x", 7), ("2d", 16), ("5?", 5), ("1q", 8)],
)
def test_a_count_multiplies(fmt, size):
    made = schema(f"n:h x:{fmt}")
    assert made.record_size == 2 + size == struct.calcsize(made.struct_format)


@pytest.mark.ours
@pytest.mark.parametrize("prefix", "<>!=@")
@pytest.mark.parametrize("letter", "hiqd")
def test_one_column_may_name_its_byte_order(prefix, letter):
    made = schema(f"a:b x:{prefix}{letter}")
    assert made.record_size == 1 + LETTERS[letter][0] == struct.calcsize(made.struct_format)


@pytest.mark.ours
@pytest.mark.parametrize("fmt", ["<l", ">L", "!n", "=N"])
def test_a_letter_of_two_sizes_is_refused_where_struct_means_the_other(fmt):
    assert schema("x:@l").record_size == 8
    with pytest.raises(lib.SchemaError, match="write i or q"):
        schema(f"x:{fmt}")


@pytest.mark.ours
def test_padding_needs_no_name():
    made = TableSchema([ColumnSchema("a", "b"), ColumnSchema("", "3x"), ColumnSchema("b", "i")])
    assert made.record_size == 8
    again = TableSchema([ColumnSchema("", "2x"), ColumnSchema("a", "q"), ColumnSchema("", "6x")])
    assert again.record_size == 16


@pytest.mark.ours
@given(st.lists(st.sampled_from([*LETTERS, "3i", "5s", "2x", "4p"]), min_size=1, max_size=8))
def test_any_letters_take_as_many_bytes_as_struct_says(letters):
    made = schema(" ".join(f"c{n}:{fmt}" for n, fmt in enumerate([*letters, "q"])))
    apart = sum(struct.calcsize(fmt) for fmt in [*letters, "q"])
    assert made.record_size == struct.calcsize(made.struct_format) == apart


@pytest.mark.ours
@pytest.mark.parametrize(
    "fmt",
    ["", "z", "qd", "3", "-1i", "i3", "f16", "c16", "O", "U10", "M8[h]", "m8[ms]", "V8", "int64",
     "float", "<>q", "q<", "M8[ms", "1.5d"],
)  # fmt: skip
def test_another_format_is_refused(fmt):
    with pytest.raises(lib.SchemaError) as error:
        TableSchema([ColumnSchema("time", "q"), ColumnSchema("speed", fmt)])
    says(error, "speed")


@pytest.mark.ours
@pytest.mark.parametrize("fmt", [None, 8, float, b"q", ["q"]])
def test_a_format_is_text(fmt):
    with pytest.raises((lib.SchemaError, TypeError)):
        TableSchema([ColumnSchema("speed", fmt)])


@pytest.mark.ours
@pytest.mark.parametrize("name", ["", None, 5, b"speed"])
def test_a_name_is_text_and_not_empty(name):
    with pytest.raises((lib.SchemaError, TypeError)):
        TableSchema([ColumnSchema(name, "q")])


def test_a_name_may_be_any_text():
    made = TableSchema([ColumnSchema(name, "q") for name in ("größe", "a b", "x:y", "1", "日本")])
    assert made.record_size == 40


@pytest.mark.ours
def test_a_name_stands_once():
    with pytest.raises(lib.SchemaError) as error:
        schema("time:q speed:d speed:f")
    says(error, "speed")


@pytest.mark.ours
def test_a_schema_has_a_column():
    with pytest.raises(lib.SchemaError):
        TableSchema(columns=[])


@pytest.mark.ours
def test_a_schema_error_is_a_value_error():
    assert issubclass(lib.SchemaError, ValueError)
    assert issubclass(lib.SchemaError, lib.ChronoliteError)


@pytest.mark.ours
@pytest.mark.parametrize("fmt", ["q", "B", "?", "4s", "c", "10p"])
def test_only_packed_files_keep_nulls_of_integers_bools_and_bytes(kind, fmt, tmp_path):
    columns = f"time:q n:{fmt}/null"
    if kind in ("flat", "lmdb"):
        with pytest.raises(lib.SchemaError) as error:
            backend(kind, columns, tmp_path / "data")
        says(error, "n")
    else:
        backend(kind, columns, tmp_path / "data").close()


@pytest.mark.ours
@pytest.mark.parametrize("fmt", ["d", "f", "e", "M8[ms]"])
def test_floats_and_times_may_be_nullable_everywhere(kind, fmt, tmp_path):
    backend(kind, f"time:q x:{fmt}/null", tmp_path / "data").close()
