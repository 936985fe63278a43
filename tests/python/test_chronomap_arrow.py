"""The history is an Arrow stream of key, value, timestamp and version, and so SQL reads it."""

import pyarrow as pa
import pytest

from chronomap_under_test import ChronoMap

pytestmark = pytest.mark.better
COLUMNS = ["key", "value", "timestamp", "version"]


def seconds(column):
    """Times as float seconds, be they floats or timestamps."""
    if pa.types.is_timestamp(column.type):
        nanoseconds = column.cast("timestamp[ns]").cast("int64")
        return [number / 1e9 for number in nanoseconds.to_pylist()]
    return column.to_pylist()


def test_a_row_a_version_in_the_order_of_the_dataframe(sensors):
    table = pa.table(sensors)
    assert table.column_names == COLUMNS
    assert table["key"].to_pylist() == ["temp", "temp", "wind"]
    assert table["value"].to_pylist() == [19.0, 20.5, 3.25]
    assert table["version"].to_pylist() == [0, 1, 0]
    assert pa.types.is_integer(table["version"].type)
    assert seconds(table["timestamp"].combine_chunks()) == [99.5, 100.0, 50.0]


def test_it_can_be_read_again_and_batch_by_batch(sensors):
    stream = pa.RecordBatchReader.from_stream(sensors)
    assert stream.read_all() == pa.table(sensors)


def test_values_of_one_type_are_a_column_of_it(cm):
    for value, kind in ((1, "integer"), (1.5, "floating"), ("x", "string"), (True, "boolean")):
        cm.clear()
        cm.put_many({"a": value, "b": None}, timestamp=1)
        table = pa.table(cm)
        assert table["value"].to_pylist() == [value, None]
        assert getattr(pa.types, f"is_{kind}")(table["value"].type) or kind == "string"


def test_an_empty_map_has_the_columns(cm):
    table = pa.table(cm)
    assert table.num_rows == 0
    assert table.column_names == COLUMNS


def test_expired_keys_are_left_out(timed, clock):
    timed.put("a", 1, ttl=10)
    timed.put("b", 2)
    clock.advance(10)
    assert pa.table(timed)["key"].to_pylist() == ["b"]


def test_a_durable_map_streams_too(tmp_path):
    with ChronoMap(path=tmp_path / "map.chl") as cm:
        cm.put("a", 1, timestamp=1)
        assert pa.table(cm)["value"].to_pylist() == [1]


def test_sql_over_it(sensors):
    duckdb = pytest.importorskip("duckdb")
    history = pa.table(sensors)  # noqa: F841
    answer = duckdb.sql("SELECT key, max(value) FROM history GROUP BY key ORDER BY key")
    assert answer.fetchall() == [("temp", 20.5), ("wind", 3.25)]
