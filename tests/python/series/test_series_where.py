"""`where`: a function of the columns, text, `col(...)`, or an expression of pyarrow."""

import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from series_under_test import DAY, NEXT, PEER, as_rows, lib, same

VALUES = [2.0, math.nan, 4.5, -0.0, 4.5, math.inf]
ROWS = {"timestamp": [1, 2, 3, 4, 5, 6], "value": VALUES}
WIDE = "timestamp:q value:d ok:? side:4s"
WIDE_ROWS = ROWS | {
    "ok": [True, False, True, True, False, True],
    "side": [b"B", b"S", b"S", b"", b"B", b"long"],
}


def col(name):
    return lib.col(name)


@pytest.fixture
def six(engine):
    engine.append("ES", DAY, as_rows(ROWS))
    return engine


@pytest.fixture
def wide(make):
    engine = make(WIDE)
    engine.append("ES", DAY, WIDE_ROWS)
    return engine


def kept(engine, where, days=DAY):
    found = engine.read("ES", days, where=where)
    assert list(found)[:2] == ["timestamp", "value"]
    assert len({len(column) for column in found.values()}) == 1
    return found["timestamp"].tolist()


def test_a_function_gives_a_mask(six):
    assert kept(six, lambda data: data["value"] > 3) == [3, 5, 6]
    assert kept(six, lambda data: np.isnan(data["value"])) == [2]
    assert kept(six, lambda data: data["timestamp"] > 0) == [1, 2, 3, 4, 5, 6]
    found = six.read("ES", DAY, where=lambda data: data["value"] > 3)
    same(found, {"timestamp": [3, 5, 6], "value": [4.5, 4.5, math.inf]})


def test_a_function_gets_a_dict_of_arrays(six):
    def where(data):
        assert isinstance(data, dict)
        assert list(data) == ["timestamp", "value"]
        assert [column.dtype for column in data.values()] == [np.int64, np.float64]
        same(data, ROWS)
        return data["timestamp"] == 1

    assert kept(six, where) == [1]


@pytest.mark.parametrize("of", [np.array, list, pd.Series])
def test_a_mask_may_be_of_several_types(six, of):
    assert kept(six, lambda data: of([True, False, False, True, False, False])) == [1, 4]


def test_a_mask_may_be_of_several_more_types(six):
    mask = [True, False, False, True, False, False]
    assert kept(six, lambda data: pl.Series(mask)) == [1, 4]
    assert kept(six, lambda data: pd.Series(mask, index=range(6, 0, -1))) == [1, 4]
    assert kept(six, lambda data: [np.True_, *mask[1:]]) == [1, 4]


def test_no_row_passes(six):
    found = six.read("ES", DAY, where=lambda data: data["value"] > 1e9 * data["value"])
    same(found, {"timestamp": [], "value": []})
    assert [column.dtype for column in found.values()] == [np.int64, np.float64]


@pytest.mark.ours
@pytest.mark.parametrize(
    "mask",
    [[0, 2], np.array([0, 1, 2, 3, 4, 5]), np.ones(6), [1, 0, 1, 0, 1, 0], ["True"] * 6, None, 5,
     "value > 3", [None] * 6],
)  # fmt: skip
def test_what_is_not_of_bools_is_no_mask(six, mask):
    with pytest.raises((TypeError, ValueError) if np.size(mask) != 6 else TypeError):
        six.read("ES", DAY, where=lambda data: mask)


@pytest.mark.ours
@pytest.mark.parametrize("length", [0, 5, 7])
def test_a_mask_has_the_length_of_the_rows(six, length):
    for of in (np.array, list, pd.Series, pl.Series):
        with pytest.raises(ValueError):
            six.read("ES", DAY, where=lambda data, of=of: of([True] * length or np.zeros(0, bool)))


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyError, ValueError, KeyboardInterrupt])
def test_what_the_function_raises_comes_through(six, error):
    def where(data):
        raise error("mine")

    for days in (DAY, (DAY, NEXT)):
        with pytest.raises(error, match="mine"):
            six.read("ES", days, where=where)


def test_a_function_is_called_once_for_a_range(engine):
    engine.append("ES", DAY, as_rows(ROWS))
    engine.append("ES", NEXT, as_rows(ROWS))
    lengths = []

    def where(data):
        lengths.append(len(data["value"]))
        return data["value"] == 4.5

    assert kept(engine, where, (DAY, NEXT)) == [3, 5, 3, 5]
    assert lengths == [12]


PREDICATES = {
    "more": ("value > 3", lambda: col("value") > 3, pc.field("value") > 3, [3, 5, 6]),
    "equal": ("value == 4.5", lambda: col("value") == 4.5, pc.field("value") == 4.5, [3, 5]),
    "not equal": (
        "value != 4.5", lambda: col("value") != 4.5, pc.field("value") != 4.5, [1, 2, 4, 6],
    ),
    "zero": ("value == 0", lambda: col("value") == 0, pc.field("value") == 0, [4]),
    "and": (
        "value > 3 and ok", lambda: (col("value") > 3) & col("ok"),
        (pc.field("value") > 3) & pc.field("ok"), [3, 6],
    ),
    "or": (
        "timestamp = 1 or not ok", lambda: (col("timestamp") == 1) | ~col("ok"),
        (pc.field("timestamp") == 1) | ~pc.field("ok"), [1, 2, 5],
    ),
    "in": (
        "timestamp in (2, 5, 9)", lambda: col("timestamp").isin([2, 5, 9]),
        pc.field("timestamp").isin([2, 5, 9]), [2, 5],
    ),
    "nan": ("value is nan", lambda: col("value").is_nan(), pc.is_nan(pc.field("value")), [2]),
    "bytes": ("side == x'42'", lambda: col("side") == b"B", pc.field("side") == b"B", [1, 5]),
    "two columns": (
        "value > timestamp", lambda: col("value") > col("timestamp"),
        pc.field("value") > pc.field("timestamp"), [1, 3, 6],
    ),
    "none": ("timestamp > 99", lambda: col("timestamp") > 99, pc.field("timestamp") > 99, []),
}  # fmt: skip


@pytest.mark.ours
@pytest.mark.parametrize("name", PREDICATES)
def test_text_col_and_pyarrow_keep_the_same_rows(wide, name):
    text, made, expression, wanted = PREDICATES[name]
    assert kept(wide, text) == wanted
    assert kept(wide, made()) == wanted
    assert kept(wide, expression) == wanted
    frame = wide.read_dataframe("ES", DAY, where=text)
    assert frame["timestamp"].tolist() == wanted
    assert wide.read_arrow("ES", DAY, where=made())["timestamp"].to_pylist() == wanted


@pytest.mark.ours
def test_all_columns_are_filtered(wide):
    same(
        wide.read("ES", DAY, where="value == 4.5"),
        {"timestamp": [3, 5], "value": [4.5, 4.5], "ok": [True, False], "side": [b"S", b"B"]},
    )


@pytest.mark.ours
def test_a_predicate_over_a_range(wide):
    wide.append("ES", NEXT, WIDE_ROWS)
    assert kept(wide, "value > 3 and ok", (DAY, NEXT)) == [3, 6, 3, 6]
    assert kept(wide, pc.field("value") > 3, (DAY, NEXT)) == [3, 5, 6, 3, 5, 6]


@pytest.mark.ours
def test_integers_compare_exactly(make):
    engine = make("timestamp:Q value:d")
    numbers = [2**53, 2**53 + 1, 2**64 - 1]
    engine.append("ES", DAY, {"timestamp": numbers, "value": [0.0] * 3})
    assert kept(engine, f"timestamp == {2**53 + 1}") == [2**53 + 1]
    assert kept(engine, col("timestamp") > 2**63) == [2**64 - 1]


@pytest.mark.ours
def test_an_unknown_column_is_a_schema_error(wide):
    for where in ("volume > 3", "value > 3 or volume > 3"):
        with pytest.raises(lib.SchemaError, match="volume"):
            wide.read("ES", DAY, where=where)
    with pytest.raises(lib.SchemaError, match="volume"):
        wide.read("ES", DAY, where=lib.col("volume") > 3)
    with pytest.raises((lib.ChronoliteError, pa.ArrowInvalid, KeyError)):
        wide.read("ES", DAY, where=pc.field("volume") > 3)


@pytest.mark.ours
@pytest.mark.parametrize("text", ["", "value >", "value > 3 and", "value 3", "(value > 3", "1 +"])
def test_a_text_that_is_no_predicate_is_refused(wide, text):
    with pytest.raises((lib.ChronoliteError, ValueError)):
        wide.read("ES", DAY, where=text)


@pytest.mark.ours
@pytest.mark.parametrize("where", [5, True, b"value > 3", ["value > 3"], np.ones(6, bool), {}])
def test_other_things_are_no_predicate(wide, where):
    with pytest.raises(TypeError):
        wide.read("ES", DAY, where=where)


def test_a_filtered_array_is_a_copy(six):
    found = six.read("ES", DAY, where=lambda data: data["timestamp"] > 0)
    assert found["value"].flags.c_contiguous
    before = found["value"].copy()
    six.append("ES", DAY, as_rows(ROWS))
    np.testing.assert_array_equal(found["value"], before)
    assert PEER or six.delete_day("ES", DAY)
    np.testing.assert_array_equal(found["value"], before)
