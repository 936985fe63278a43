"""The capsules that hand results on: what a reader may ask for, and reading without pyarrow."""

import subprocess
import sys

import pyarrow as pa
import pytest

import chronolite as cl


@pytest.fixture
def scan(db):
    table = db.create_table("t", {"i": "i32", "f": "f32", "s": "utf8", "y": "binary", "b": "bool"})
    table.append({
        "ts": [10, 20], "i": [1, None], "f": [0.5, None], "s": ["a", None], "y": [b"a", None],
        "b": [True, None],
    })  # fmt: skip
    return table.scan()


class Asking:
    """A reader's request, whatever the reader's own library makes of it."""

    def __init__(self, source, wanted):
        self._source, self._wanted = source, wanted

    def __arrow_c_stream__(self, requested_schema=None):
        return self._source.__arrow_c_stream__(self._wanted.__arrow_c_schema__())

    def __arrow_c_array__(self, requested_schema=None):
        return self._source.__arrow_c_array__(self._wanted.__arrow_c_schema__())


def asked(scan, *fields) -> pa.Table:
    """What a stream and a batch give; both the same."""
    wanted = pa.schema(fields)
    result = pa.table(Asking(scan, wanted))
    batch = pa.record_batch(Asking(next(scan.batches()), wanted))
    assert pa.Table.from_batches([batch]) == result
    result.validate(full=True)
    return result


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ts", pa.timestamp("ns", "Europe/Paris")), ("ts", pa.timestamp("ms", "UTC")),
        ("i", pa.int64()), ("i", pa.float64()), ("f", pa.float64()), ("s", pa.large_string()),
        ("s", pa.string_view()), ("y", pa.large_binary()), ("y", pa.binary_view()),
    ],
)  # fmt: skip
def test_what_loses_nothing_is_given(scan, name, kind):
    result = asked(scan, (name, kind))
    assert result.schema == pa.schema([(name, kind)])
    native = pa.table(scan)[name]
    if name != "ts":
        assert result[name].to_pylist() == native.to_pylist()
    else:
        assert result[name].cast(pa.timestamp("ms")).cast("i8") == native.cast("i8")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ts", pa.timestamp("s")), ("ts", pa.string()), ("i", pa.int16()), ("i", pa.uint64()),
        ("i", pa.float32()), ("f", pa.int32()), ("s", pa.int8()), ("s", pa.binary()),
        ("y", pa.string()), ("y", pa.list_(pa.int8())), ("b", pa.int8()),
        ("s", pa.dictionary(pa.int8(), pa.string())),
    ],
)  # fmt: skip
def test_what_could_lose_something_stays_native(scan, name, kind):
    result = asked(scan, (name, kind), ("i", pa.int64()))
    assert result.schema.names == [name, "i"]
    assert result.schema.field(0).type == pa.table(scan).schema.field(name).type or name == "i"
    assert result.schema.field(1).type == pa.int64()


def test_columns_are_given_by_name_and_in_the_order_asked_for(scan):
    result = asked(scan, ("s", pa.string()), ("ts", pa.timestamp("ms")))
    assert result.column_names == ["s", "ts"]
    assert result["s"].to_pylist() == ["a", None]


@pytest.mark.parametrize(
    "fields", [[], [("nope", pa.int64())], [("ts", pa.timestamp("ms")), ("nope", pa.int64())]]
)
def test_a_request_that_cannot_be_met_is_left_alone(scan, fields):
    assert asked(scan, *fields) == pa.table(scan)


def test_nulls_are_never_denied(scan):
    fields = [pa.field("i", pa.int64(), nullable=False)]
    fields.insert(0, pa.field("ts", pa.timestamp("ms"), nullable=False))
    result = asked(scan, *fields)
    assert [field.nullable for field in result.schema] == [False, True]
    assert result["i"].to_pylist() == [1, None]


def test_the_metadata_of_a_request_is_kept(scan):
    field = pa.field("i", pa.int64(), metadata={"unit": "C"})
    result = pa.table(Asking(scan, pa.schema([field], metadata={"from": "me"})))
    assert result.schema.metadata == {b"from": b"me"}
    assert result.schema.field("i").metadata == {b"unit": b"C"}


def test_a_request_that_is_no_schema(scan):
    with pytest.raises(TypeError, match="arrow_schema"):
        scan.__arrow_c_stream__(5)
    kind = pa.int64().__arrow_c_schema__()
    assert pa.RecordBatchReader._import_from_c_capsule(
        scan.__arrow_c_stream__(kind)
    ).read_all() == pa.table(scan)  # fmt: skip


WITHOUT = """
import sys
for name in ("pyarrow", "pandas"):
    sys.modules[name] = None
import numpy as np, polars as pl, arro3.core, chronolite as cl
with cl.Db(sys.argv[1]) as db:
    t = db.create_table("t", {"f": "f64", "i": "i64", "s": "utf8", "b": "bool"})
    frame = pl.DataFrame({"ts": [1, 2], "f": [1.5, None], "i": [1, None], "s": ["a", None],
                          "b": [True, None]})
    assert t.append(frame) == 2
    assert t.append({"ts": np.array([3]), "f": [0.5], "i": [3], "s": ["c"], "b": [None]}) == 1
    scan = t.scan()
    out = scan.to_numpy()
    assert out["s"].tolist() == ["a", None, "c"] and out["i"].tolist() == [1, None, 3]
    assert out["ts"].dtype == "M8[ms]" and np.isnan(out["f"][1])
    assert scan.to_polars()["i"].to_list() == [1, None, 3]
    assert pl.DataFrame(scan).equals(scan.to_polars())
    assert arro3.core.Table(scan).num_rows == 3
    assert [batch.num_rows for batch in scan.batches(2)] == [2, 1]
    assert t.append(out) == 3
    assert "<table>" in scan._repr_html_() and "null" in scan._repr_html_()
    for call in (scan.to_arrow, scan.to_pandas):
        try:
            call()
        except ImportError:
            continue
        raise AssertionError(call)
"""


def test_without_pyarrow_and_pandas(tmp_path):
    command = [sys.executable, "-c", WITHOUT, str(tmp_path / "w.chl")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_batch_outlives_its_database(path):
    with cl.Db(path) as db:
        table = db.create_table("t", ["v"])
        table.append({"ts": [1], "v": [1.5]})
        batch = next(table.scan().batches())
    assert pa.record_batch(batch)["v"].to_pylist() == [1.5]
