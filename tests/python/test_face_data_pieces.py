"""Data in pieces: a generator, or a list, of things that are data is one append."""

import collections

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import chronolite as cl

BATCH = pa.record_batch({"ts": [1, 2], "v": [1.5, 2.5]})


@pytest.fixture
def table(db):
    return db.create_table("t", {"v": "f64"})


def rows(table):
    result = table.scan().to_arrow()
    return list(
        zip(result["ts"].cast(pa.int64()).to_pylist(), result["v"].to_pylist(), strict=True)
    )


@pytest.mark.parametrize(
    "kind", [list, tuple, iter, lambda pieces: (piece for piece in pieces), collections.deque]
)
def test_anything_to_iterate_over(table, kind):
    assert table.append(kind([BATCH, BATCH])) == 4
    assert rows(table) == [(1, 1.5), (1, 1.5), (2, 2.5), (2, 2.5)]


def test_pieces_of_every_kind_and_order_of_columns(table):
    pieces = [
        BATCH,
        pd.DataFrame({"v": [3.5], "ts": [3]}),
        pl.DataFrame({"v": [4.5], "ts": [4]}),
        {"v": np.array([5.5]), "ts": [5]},
        [{"ts": 6, "v": 6.5}, {"v": None, "ts": 7}],
        np.array([(8, 8.5)], [("ts", "i8"), ("v", "f8")]),
        pa.table({"ts": pa.array([9], pa.timestamp("ms")), "v": pa.array([9], pa.int8())}),
        BATCH.slice(0, 0),
    ]
    assert table.append(iter(pieces)) == 9
    expected = [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, None, 8.5, 9.0]
    assert rows(table) == list(zip(range(1, 10), expected, strict=True))


def test_no_pieces(table):
    assert table.append(iter([])) == 0
    assert table.append(()) == 0


def test_what_a_generator_raises_is_raised_and_nothing_written(table):
    error = RuntimeError("no more")

    def pieces():
        yield BATCH
        raise error

    with pytest.raises(RuntimeError) as caught:
        table.append(pieces())
    assert caught.value is error
    assert len(table) == 0


def test_the_log_is_not_touched_by_what_fails(path):
    with cl.Db(path) as db:
        table = db.create_table("t", {"v": "f64"})
        first = table.append_row(1, [1.0])
        with pytest.raises(cl.SchemaError):
            table.append([BATCH] * 50 + [{"ts": [1], "v": ["x"]}])
        assert table.append_row(1, [1.0]) == first + 1


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"ts": [1, "soon"], "v": [1, 2]}, ['"ts"', "row 3"]),
        ({"ts": [1, 2], "v": [1, "x"]}, ['"v"', "row 3"]),
        ([{"ts": 1, "v": 1}, {"ts": 2}], ['"v"', "row 3"]),
        ([{"ts": 1, "v": 1}, {"ts": 1, "v": 1, "w": 1}], ["'w'", "row 3"]),
        (pa.record_batch({"ts": [1, None], "v": [1.0, 2.0]}), ['"ts"', "row 3"]),
        ({"ts": np.array([0, 1], "M8[us]"), "v": [1, 2]}, ['"ts"', "row 3"]),
        ({"ts": np.array([0, 1], "M8[25us]"), "v": [1, 2]}, ['"ts"', "row 3"]),
        ({"ts": [1, 2], "v": np.array([b"a", b"b"], "S1")}, ['"v"', "row 2"]),
        (pa.record_batch({"ts": [1]}), ['"v"', "missing"]),
        (pa.record_batch({"ts": [1], "v": [1.0], "w": [1]}), ['"w"']),
        ({"ts": 1, "v": 1.0}, ['"ts"', "list"]),
    ],
)
def test_errors_count_rows_over_all_pieces(table, bad, words):
    with pytest.raises(cl.SchemaError) as caught:
        table.append(iter([BATCH, bad]))
    for word in words:
        assert word in str(caught.value), word
    assert len(table) == 0


def test_an_error_notes_the_piece(table):
    with pytest.raises(cl.SchemaError) as caught:
        table.append([BATCH, pa.record_batch({"ts": [1]})])
    assert caught.value.__notes__ == ["in piece 1 of the data that was appended"]


@pytest.mark.parametrize(
    "data", [[BATCH, 5], [5], "text", b"bytes", iter("text"), [BATCH, [BATCH]],
             pl.LazyFrame({"ts": [1], "v": [1.0]})]
)  # fmt: skip
def test_what_is_no_data_is_a_type_error(table, data):
    with pytest.raises(TypeError):
        table.append(data)
    assert len(table) == 0


def test_a_stream_that_fails(table):
    class Broken:
        def __arrow_c_stream__(self, requested_schema=None):
            raise LookupError("mine")

    class Nonsense:
        def __arrow_c_array__(self, requested_schema=None):
            return 5

    def batches():
        yield BATCH
        raise ValueError("midway")

    for data in (Broken(), [BATCH, Broken()]):
        with pytest.raises(LookupError, match="mine"):
            table.append(data)
    with pytest.raises(TypeError, match="capsules"):
        table.append(Nonsense())
    with pytest.raises(cl.InvalidInputError, match="midway"):
        table.append(pa.RecordBatchReader.from_batches(BATCH.schema, batches()))
    assert len(table) == 0


def test_a_large_append_in_pieces_is_one(db):
    """Large enough to be written as segments, not through the log."""
    table = db.create_table("big", {"v": "f64"})
    step = 200_000

    def pieces(stop):
        for n in range(10):
            yield {"ts": np.arange(step) + n * step, "v": np.full(step, float(n))}
        if stop:
            raise StopAsyncIteration

    with pytest.raises(StopAsyncIteration):
        table.append(pieces(stop=True))
    assert len(table) == 0
    assert table.append(pieces(stop=False)) == 10 * step
    assert (table.scan().to_numpy()["v"] == np.repeat(np.arange(10.0), step)).all()
