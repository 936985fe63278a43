"""Random columns in random layouts of Arrow, sliced and chunked at random: what comes out is what
pyarrow says went in."""

import itertools

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chronolite as cl

TEXT = [pa.string(), pa.large_string(), pa.string_view()]
BYTES = [pa.binary(), pa.large_binary(), pa.binary_view()]
COLUMNS = {
    "i8": (pa.int8(), [pa.int8()], st.integers(-128, 127)),
    "i64": (pa.int64(), [pa.int64()], st.integers(-(2**63), 2**63 - 1)),
    "u64": (pa.uint64(), [pa.uint64()], st.integers(0, 2**64 - 1)),
    "f64": (pa.float64(), [pa.float64()], st.floats(allow_nan=False)),
    "bool": (pa.bool_(), [pa.bool_()], st.booleans()),
    "utf8": (pa.string(), TEXT, st.text(max_size=20)),
    "binary": (pa.binary(), BYTES, st.binary(max_size=20)),
}


@st.composite
def layouts(draw, plain, kinds):
    """The values of an array in a layout that holds the same ones."""
    array = plain.cast(draw(st.sampled_from(kinds)))
    how = draw(st.sampled_from(["plain", "dictionary", "runs"]))
    if how == "dictionary":
        entries = pa.array([*plain.drop_null().unique().to_pylist(), None], array.type)
        keys = {value: key for key, value in enumerate(entries.to_pylist())}
        # A null is a null key, or a key of a null entry.
        null = draw(st.sampled_from([None, len(entries) - 1]))
        codes = [null if v is None else keys[v] for v in plain.to_pylist()]
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), entries)
    if how == "runs" and len(plain):
        groups = [(value, len(list(run))) for value, run in itertools.groupby(plain.to_pylist())]
        ends = pa.array(itertools.accumulate(length for _, length in groups), pa.int32())
        values = pa.array([value for value, _ in groups], array.type)
        return pa.RunEndEncodedArray.from_arrays(ends, values)
    return array


@st.composite
def columns(draw, plain, kinds, values):
    pool = draw(st.lists(st.none() | values, min_size=1, max_size=6))
    whole = pa.array(draw(st.lists(st.sampled_from(pool), max_size=60)), plain)
    array = draw(layouts(whole, kinds))
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), min_size=2, max_size=5)))
    parts = [array[a:b] for a, b in itertools.pairwise(cuts)]
    return pa.chunked_array(parts), whole[cuts[0] : cuts[-1]].to_pylist()


@pytest.mark.parametrize("kind", COLUMNS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_layouts(tmp_path_factory, kind, data):
    column, expected = data.draw(columns(*COLUMNS[kind]))
    with cl.Db(tmp_path_factory.mktemp("db") / "a.chl", durability="none") as db:
        table = db.create_table("t", {"v": kind})
        times = pa.array(range(len(expected)), pa.int64())
        if data.draw(st.booleans()):
            table.append({"ts": times, "v": column})
        else:
            table.append(iter(pa.table({"ts": times, "v": column}).to_batches()))
        assert table.scan().to_arrow()["v"].to_pylist() == expected
