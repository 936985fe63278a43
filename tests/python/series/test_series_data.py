"""What `append` takes: every kind of data, matched by name, and the same rows of each."""

import datetime as dt
import struct

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from series_under_test import (
    DAY,
    PEER,
    PLAIN,
    TWO,
    TWO_BYTES,
    as_rows,
    backend,
    empty,
    lib,
    same,
    says,
)

MIXED = "timestamp:q value:d count:h good:? side:4s"
DATA = {
    "timestamp": [3, 1, 2],
    "value": [0.5, -0.0, 1e300],
    "count": [-5, 300, 0],
    "good": [True, False, True],
    "side": [b"B", b"", b"long"],
}
MIXED_BYTES = b"".join(struct.pack("<qdh?4s", *row) for row in zip(*DATA.values(), strict=True))
SHUFFLED = ["side", "good", "value", "timestamp", "count"]


class OnlyAStream:
    """Anything that speaks Arrow's C stream."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def structured(data):
    types = {"timestamp": "i8", "value": "f8", "count": "i4", "good": "?", "side": "S6"}
    made = np.zeros(len(data["value"]), [(name, types[name]) for name in data])
    for name, values in data.items():
        made[name] = values
    return made


def chunked(data):
    table = pa.table(data)
    return pa.concat_tables([table.slice(0, 1), table.slice(1, 0), table.slice(1)])


WAYS = {
    "list of dicts": as_rows,
    "dict of lists": dict,
    "dict of tuples": lambda data: {name: tuple(values) for name, values in data.items()},
    "dict of arrays": lambda data: {name: np.array(values) for name, values in data.items()},
    "dict of Series": lambda data: {name: pd.Series(values) for name, values in data.items()},
    "dict of Arrow arrays": lambda data: {name: pa.array(values) for name, values in data.items()},
    "DataFrame": pd.DataFrame,
    "DataFrame of Arrow": lambda data: pa.table(data).to_pandas(types_mapper=pd.ArrowDtype),
    "polars": pl.DataFrame,
    "Arrow table": pa.table,
    "Arrow table in chunks": chunked,
    "Arrow batch": pa.RecordBatch.from_pydict,
    "Arrow stream": lambda data: OnlyAStream(pa.table(data)),
    "structured array": structured,
}


@pytest.mark.ours
@pytest.mark.parametrize("way", WAYS)
def test_each_kind_of_data_gives_the_same_rows(make, way):
    engine = make(MIXED)
    assert engine.append("ES", DAY, WAYS[way](DATA)) is None
    same(engine.read("ES", DAY), DATA)


@pytest.mark.ours
@pytest.mark.parametrize("way", WAYS)
def test_columns_are_matched_by_name(make, way):
    engine = make(MIXED)
    engine.append("ES", DAY, WAYS[way]({name: DATA[name] for name in SHUFFLED}))
    same(engine.read("ES", DAY), DATA)


@pytest.mark.ours
@pytest.mark.parametrize("way", WAYS)
def test_each_kind_of_data_packs_alike(way, tmp_path):
    with backend("flat", MIXED, tmp_path / "data") as made:
        assert made.pack(WAYS[way]({name: DATA[name] for name in SHUFFLED})) == MIXED_BYTES
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("way", ["list of dicts", "DataFrame"])
def test_rows_come_back(engine, way):
    engine.append("ES", DAY, WAYS[way](TWO))
    same(engine.read("ES", DAY), TWO)


def test_a_dict_of_scalars_is_one_row(engine):
    engine.append("ES", DAY, {"timestamp": 1, "value": 0.5})
    engine.append("ES", DAY, {"value": -1.5, "timestamp": 2})
    same(engine.read("ES", DAY), TWO)


def test_scalars_of_numpy_are_scalars(engine):
    engine.append("ES", DAY, {"timestamp": np.int64(1), "value": np.float64(0.5)})
    engine.append("ES", DAY, {"timestamp": np.int8(2), "value": np.float32(-1.5)})
    same(engine.read("ES", DAY), TWO)


@pytest.mark.ours
def test_text_and_bytes_are_scalars(make):
    engine = make("side:4s when:M8[s]")
    engine.append("ES", DAY, {"side": "B", "when": "2025-06-14T09:30:00"})
    engine.append("ES", DAY, {"side": b"S", "when": dt.datetime(2025, 6, 14, 9, 31)})
    when = [np.datetime64("2025-06-14T09:30"), np.datetime64("2025-06-14T09:31")]
    same(engine.read("ES", DAY), {"side": [b"B", b"S"], "when": when})


def test_the_parts_of_pack_give_the_bytes_of_struct(tmp_path):
    made = backend("flat", PLAIN, tmp_path / "data")
    frame = pd.DataFrame(TWO)
    assert made.pack_row({"value": 0.5, "timestamp": 1}) == TWO_BYTES[:16]
    assert made.pack({"timestamp": 1, "value": 0.5}) == TWO_BYTES[:16]
    assert made.pack_rows(as_rows(TWO)) == made.pack(as_rows(TWO)) == TWO_BYTES
    assert made.pack_dataframe(frame) == made.pack(frame) == TWO_BYTES


def test_a_series_is_the_one_column(tmp_path):
    made = backend("flat", "value:d", tmp_path / "data")
    values = pd.Series([0.5, -1.5], name="whatever")
    assert made.pack_series(values) == made.pack(values) == struct.pack("<dd", 0.5, -1.5)


@pytest.mark.ours
@pytest.mark.parametrize("of", ["i1", "i4", "i8", "u2", "u8"])
def test_a_series_is_packed_with_the_type_of_the_schema(of, tmp_path):
    made = backend("flat", "n:i", tmp_path / "data")
    assert made.pack(pd.Series([1, 2], dtype=of)) == struct.pack("<ii", 1, 2)
    assert made.pack_series(pd.Series([1, 2], dtype=of)) == struct.pack("<ii", 1, 2)


def test_a_schema_of_one_column_takes_a_series(make):
    engine = make("value:d")
    engine.append("ES", DAY, pd.Series([0.5, -1.5]))
    same(engine.read("ES", DAY), {"value": [0.5, -1.5]})


@pytest.mark.ours
@pytest.mark.parametrize("values", [np.array([0.5, -1.5]), np.array([1, 2], "i2")])
def test_a_schema_of_one_column_takes_an_array(make, values):
    engine = make("value:d")
    engine.append("ES", DAY, values)
    same(engine.read("ES", DAY), {"value": values})


@pytest.mark.ours
def test_an_array_is_not_two_columns(engine):
    for values in (np.array([0.5, -1.5]), np.ones((2, 2)), pd.Series([1.0, 2.0])):
        with pytest.raises((lib.SchemaError, TypeError)):
            engine.append("ES", DAY, values)
    assert empty(engine)


@pytest.mark.ours
@pytest.mark.parametrize("data", [None, 5, 1.5, "row", b"row", object(), {1, 2}])
def test_other_things_are_no_data(engine, data):
    with pytest.raises(TypeError):
        engine.append("ES", DAY, data)
    assert empty(engine)


@pytest.mark.ours
@pytest.mark.parametrize("data", [[1, 2], [(1, 0.5)], [None], [{"timestamp": 1, "value": 1.0}, 5]])
def test_a_list_is_of_dicts(engine, data):
    with pytest.raises((lib.SchemaError, TypeError)):
        engine.append("ES", DAY, data)
    assert empty(engine)


@pytest.mark.ours
@pytest.mark.parametrize(
    "data",
    [
        [], {}, {"timestamp": [], "value": []}, pd.DataFrame(TWO).iloc[:0],
        pl.DataFrame(TWO).clear(), pa.table(TWO).slice(0, 0),
        np.zeros(0, [("timestamp", "i8"), ("value", "f8")]),
    ],
    ids=["list", "dict", "dict of lists", "DataFrame", "polars", "Arrow", "structured array"],
)  # fmt: skip
def test_no_rows_write_nothing(engine, folder, kind, data):
    if isinstance(data, dict) and not data:
        # No column is there, so all are missing.
        with pytest.raises(lib.SchemaError):
            engine.append("ES", DAY, data)
    else:
        engine.append("ES", DAY, data)
    assert empty(engine)
    assert kind == "lmdb" or not folder.exists()


@pytest.mark.ours
@pytest.mark.parametrize("way", ["list of dicts", "dict of lists", "DataFrame", "Arrow table"])
def test_a_missing_column_is_named(engine, way):
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, WAYS[way]({"timestamp": [1, 2]}))
    says(error, "value")
    assert empty(engine)


@pytest.mark.ours
@pytest.mark.parametrize("way", ["list of dicts", "dict of lists", "DataFrame", "polars"])
def test_an_unknown_column_is_named(engine, way):
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, WAYS[way]({**TWO, "volume": [1, 2]}))
    says(error, "volume")
    assert empty(engine)


@pytest.mark.ours
@pytest.mark.parametrize(
    ("row", "word"),
    [({"timestamp": 2}, "value"), ({"timestamp": 2, "value": 1.0, "volume": 5}, "volume")],
)
def test_every_dict_of_a_list_has_all_columns(engine, row, word):
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, [{"timestamp": 1, "value": 0.5}, row])
    says(error, word, "row 1")
    assert empty(engine)


@pytest.mark.ours
def test_one_row_has_all_columns(engine):
    for row, word in [({"timestamp": 2}, "value"), ({"timestamp": 1, "value": 1, "no": 1}, "no")]:
        with pytest.raises(lib.SchemaError) as error:
            engine.append("ES", DAY, row)
        says(error, word)
    assert empty(engine)


@pytest.mark.ours
@pytest.mark.parametrize(
    "data",
    [{"timestamp": [1, 2], "value": [0.5]}, {"timestamp": [1], "value": 0.5},
     {"timestamp": [1, 2], "value": [[0.5], [1.5]]}],
)  # fmt: skip
def test_columns_are_of_one_length(engine, data):
    with pytest.raises(lib.SchemaError):
        engine.append("ES", DAY, data)
    assert empty(engine)


def test_an_index_is_ignored(engine):
    frame = pd.DataFrame(TWO, index=pd.Index([7, 7], name="number"))
    engine.append("ES", DAY, frame)
    same(engine.read("ES", DAY), TWO)


@pytest.mark.ours
def test_an_index_that_is_named_as_a_missing_column_is_that_column(engine):
    engine.append("ES", DAY, pd.DataFrame(TWO).set_index("timestamp"))
    same(engine.read("ES", DAY), TWO)


def test_data_is_not_changed(engine):
    frame = pd.DataFrame(TWO)
    rows = as_rows(TWO)
    engine.append("ES", DAY, frame)
    engine.append("ES", DAY, rows)
    pd.testing.assert_frame_equal(frame, pd.DataFrame(TWO))
    assert rows == as_rows(TWO)


@pytest.mark.ours
def test_data_may_change_after_it_was_appended(make):
    engine = make("n:q value:d")
    n, value = np.array([1, 2]), np.array([0.5, 1.5])
    engine.append("ES", DAY, {"n": n, "value": value})
    n[:] = 9
    value[:] = 9.5
    same(engine.read("ES", DAY), {"n": [1, 2], "value": [0.5, 1.5]})


@pytest.mark.ours
@pytest.mark.parametrize("turned", [lambda a: a[::-1][::-1], lambda a: np.repeat(a, 2)[::2]])
def test_arrays_need_not_lie_in_a_row(engine, turned):
    columns = {name: turned(np.array(values)) for name, values in TWO.items()}
    swapped = np.array(TWO["value"], ">f8")
    engine.append("ES", DAY, columns)
    engine.append("ES", DAY, {"timestamp": turned(np.array([3, 4])), "value": swapped})
    same(engine.read("ES", DAY), {"timestamp": [1, 2, 3, 4], "value": TWO["value"] * 2})


def test_rows_keep_the_order_in_which_they_were_appended(engine):
    for timestamp in (5, 1, 3):
        engine.append("ES", DAY, {"timestamp": timestamp, "value": 0.0})
    engine.append("ES", DAY, [{"timestamp": n, "value": 1.0} for n in (4, 4, 2)])
    assert engine.read("ES", DAY)["timestamp"].tolist() == [5, 1, 3, 4, 4, 2]


def test_the_engine_has_its_backend(engine):
    assert engine.backend.schema.record_size == 16
    assert engine.backend.read("ES", DAY) == {}
    engine.append("ES", DAY, TWO if not PEER else pd.DataFrame(TWO))
    same(engine.backend.read("ES", DAY), TWO)
