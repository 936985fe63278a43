"""What is read, as a DataFrame and as an Arrow table; and the dict of arrays itself."""

import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from series_under_test import DAY, NEXT, TWO, as_rows, same

WIDE = "timestamp:q value:d small:f half:e n:h ok:? side:4s when:M8[ms]"
ROWS = {
    "timestamp": [3, 1, 2],
    "value": [0.5, math.nan, -1.5],
    "small": [0.25, 0.5, math.inf],
    "half": [1.0, 2.0, 3.0],
    "n": [-5, 0, 5],
    "ok": [True, False, True],
    "side": [b"B", b"", b"long"],
    "when": np.array(["2025-06-14T09:30", "NaT", "1969-12-31T23:59:59.999"], "M8[ms]"),
}
ARROW = {
    "timestamp": pa.int64(), "value": pa.float64(), "small": pa.float32(), "half": pa.float16(),
    "n": pa.int16(), "ok": pa.bool_(), "side": pa.binary(), "when": pa.timestamp("ms"),
}  # fmt: skip


@pytest.fixture
def wide(make):
    engine = make(WIDE)
    engine.append("ES", DAY, ROWS)
    engine.append("ES", NEXT, ROWS)
    return engine


@pytest.mark.ours
def test_a_dict_of_arrays_has_the_types_of_the_schema(wide):
    for days in (DAY, (DAY, NEXT)):
        found = wide.read("ES", days)
        assert type(found) is dict
        assert all(type(column) is np.ndarray for column in found.values())
        assert [(name, column.dtype) for name, column in found.items()] == [
            (name, dtype) for name, dtype, *_ in wide.backend.schema.numpy_dtype
        ]


@pytest.mark.parametrize("days", [DAY, (DAY, DAY)])
def test_a_frame_is_what_was_appended(engine, days):
    frame = pd.DataFrame({"timestamp": [3, 1, 2], "value": [0.5, math.nan, -1.5]})
    engine.append("ES", DAY, frame)
    found = engine.read_dataframe("ES", days)
    pd.testing.assert_frame_equal(found, frame)
    assert isinstance(found.index, pd.RangeIndex)


def test_a_frame_takes_slices_and_where(engine):
    engine.append("ES", DAY, as_rows({"timestamp": [1, 2, 3], "value": [0.5, 1.5, 2.5]}))
    frame = engine.read_dataframe("ES", DAY, start=1, where=lambda data: data["value"] < 2)
    pd.testing.assert_frame_equal(frame, pd.DataFrame({"timestamp": [2], "value": [1.5]}))


def test_a_frame_of_nothing_is_empty(engine):
    engine.append("ES", DAY, as_rows(TWO))
    for table, days in (("ES", NEXT), ("NQ", DAY), ("ES", (NEXT, NEXT)), ("ES", (NEXT, DAY))):
        frame = engine.read_dataframe(table, days)
        assert isinstance(frame, pd.DataFrame)
        assert len(frame) == 0
    frame = engine.read_dataframe("ES", DAY, start=5)
    assert (len(frame), list(frame.columns)) == (0, ["timestamp", "value"])


@pytest.mark.ours
def test_a_frame_can_be_written_to(engine):
    engine.append("ES", DAY, TWO)
    frame = engine.read_dataframe("ES", DAY)
    frame.loc[0, "value"] = 9.5
    frame["value"] *= 2
    assert frame["value"].tolist() == [19.0, -3.0]
    same(engine.read("ES", DAY), TWO)


@pytest.mark.ours
def test_a_frame_of_every_type(wide):
    frame = wide.read_dataframe("ES", DAY)
    assert list(frame.columns) == list(ROWS)
    types = {"timestamp": "i8", "value": "f8", "small": "f4", "n": "i2", "ok": "?"}
    for name, of in types.items():
        np.testing.assert_array_equal(frame[name].to_numpy(), ROWS[name])
        assert frame[name].dtype == of
    assert frame["half"].tolist() == ROWS["half"]
    assert frame["side"].tolist() == ROWS["side"]
    np.testing.assert_array_equal(frame["when"].to_numpy(), ROWS["when"])


@pytest.mark.ours
def test_a_frame_can_be_appended_again(wide):
    wide.append("NQ", DAY, wide.read_dataframe("ES", DAY))
    same(wide.read("NQ", DAY), ROWS)


@pytest.mark.ours
def test_arrow_has_the_types_of_the_schema(wide):
    table = wide.read_arrow("ES", DAY)
    assert isinstance(table, pa.Table)
    for name, of in ARROW.items():
        found = table.schema.field(name).type
        is_binary = pa.types.is_fixed_size_binary(found) or pa.types.is_binary(found)
        assert found == of or (name == "side" and is_binary)
    assert table.column_names == list(ROWS)
    assert table["side"].to_pylist() == ROWS["side"]
    assert table["when"].null_count == 1
    for name in ("timestamp", "small", "n", "ok"):
        assert table[name].to_pylist() == ROWS[name]
    assert table["value"].null_count == 0
    assert math.isnan(table["value"][1].as_py())


@pytest.mark.ours
def test_arrow_takes_ranges_slices_and_where(wide):
    table = wide.read_arrow("ES", (DAY, NEXT), start=1, end=-1, where="n >= 0")
    assert table["n"].to_pylist() == [0, 5, 0]
    table = wide.read_arrow("ES", [DAY, NEXT], start=-1)
    assert table["n"].to_pylist() == [5]


@pytest.mark.ours
def test_arrow_of_nothing_has_the_columns_of_the_schema(wide):
    whole = wide.read_arrow("ES", DAY)
    for table in (
        wide.read_arrow("NQ", DAY),
        wide.read_arrow("ES", "2025-01-01"),
        wide.read_arrow("ES", ("2025-01-01", "2025-01-31")),
        wide.read_arrow("ES", (NEXT, DAY)),
        wide.read_arrow("ES", DAY, start=9),
        wide.read_arrow("ES", DAY, where="n > 99"),
    ):
        assert table.num_rows == 0
        assert table.schema == whole.schema


@pytest.mark.ours
def test_arrow_can_be_appended_again_and_goes_to_polars(wide):
    table = wide.read_arrow("ES", DAY)
    wide.append("NQ", DAY, table)
    same(wide.read("NQ", DAY), ROWS)
    assert pl.from_arrow(table.drop_columns("half")).height == 3


@pytest.mark.ours
def test_an_arrow_table_outlives_its_day(engine):
    data = {"timestamp": np.arange(3000), "value": np.arange(3000) / 8}
    engine.append("ES", DAY, data)
    table = engine.read_arrow("ES", DAY)
    frame = engine.read_dataframe("ES", DAY)
    assert engine.delete_day("ES", DAY)
    engine.append("ES", DAY, TWO)
    engine.close()
    np.testing.assert_array_equal(table["value"].to_numpy(), data["value"])
    np.testing.assert_array_equal(frame["timestamp"].to_numpy(), data["timestamp"])
