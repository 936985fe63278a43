"""Which values a column takes: by what they are, not by their type, and nothing in silence."""

import math
import struct

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from series_under_test import DAY, backend, empty, lib, same, says

# Letter or name: the least and the greatest value.
WHOLE = {
    "b": (-(2**7), 2**7 - 1), "B": (0, 2**8 - 1), "h": (-(2**15), 2**15 - 1), "H": (0, 2**16 - 1),
    "i": (-(2**31), 2**31 - 1), "I": (0, 2**32 - 1), "l": (-(2**63), 2**63 - 1),
    "L": (0, 2**64 - 1), "q": (-(2**63), 2**63 - 1), "Q": (0, 2**64 - 1),
    "n": (-(2**63), 2**63 - 1), "N": (0, 2**64 - 1), "P": (0, 2**64 - 1), "i1": (-128, 127),
    "u2": (0, 65535), ">i": (-(2**31), 2**31 - 1),
}  # fmt: skip
# One array of each kind of library, of integers that fit 64 bits.
HOLDERS = {
    "list": list,
    "numpy": lambda values: np.array(values, "i8"),
    "narrow numpy": lambda values: np.array(values, np.min_scalar_type(max(values))),
    "objects": lambda values: np.array(values, object),
    "pandas": lambda values: pd.Series(values, dtype="int64"),
    "nullable pandas": lambda values: pd.array(values, dtype="Int64"),
    "polars": pl.Series,
    "arrow": pa.array,
}


@pytest.mark.ours
@pytest.mark.parametrize("fmt", WHOLE)
def test_an_integer_column_takes_its_extremes(make, fmt):
    engine = make(f"n:{fmt}")
    values = [*WHOLE[fmt], 0, 1]
    engine.append("ES", DAY, [{"n": value} for value in values])
    engine.append("ES", DAY, {"n": values})
    engine.append("ES", DAY, {"n": np.array(values, "u8" if values[0] == 0 else "i8")})
    engine.append("ES", DAY, {"n": values[1]})
    assert engine.read("ES", DAY)["n"].tolist() == [*values, *values, *values, values[1]]


@pytest.mark.ours
@pytest.mark.parametrize("fmt", WHOLE)
def test_an_integer_past_them_is_refused(make, fmt):
    engine = make(f"count:{fmt}")
    low, high = WHOLE[fmt]
    for bad in (low - 1, high + 1, 10**30, -(10**30)):
        for data in ([{"count": n} for n in (1, 2, bad)], {"count": [1, 2, bad, bad]}):
            with pytest.raises(lib.SchemaError) as error:
                engine.append("ES", DAY, data)
            says(error, "count", "row 2")
        with pytest.raises(lib.SchemaError) as error:
            engine.append("ES", DAY, {"count": bad})
        says(error, "count")
    assert empty(engine)


@pytest.mark.ours
@pytest.mark.parametrize("holder", HOLDERS)
def test_integers_of_any_type_fit_if_their_values_do(make, holder):
    engine = make("n:B big:Q")
    values = [0, 200, 255]
    engine.append("ES", DAY, {"n": HOLDERS[holder](values), "big": HOLDERS[holder](values)})
    same(engine.read("ES", DAY), {"n": values, "big": values})


@pytest.mark.ours
@pytest.mark.parametrize("holder", HOLDERS)
def test_integers_of_any_type_are_refused_if_one_does_not_fit(make, holder):
    engine = make("time:q n:B")
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, {"time": [1, 2, 3], "n": HOLDERS[holder]([0, 256, 5])})
    says(error, "n", "row 1")
    assert empty(engine)


@pytest.mark.ours
@pytest.mark.parametrize(
    "bad",
    [1.0, 1.5, math.nan, math.inf, np.float64(2.0), "1", b"1", True, np.True_, 1j, [1], object()],
)
def test_an_integer_column_takes_nothing_else(make, bad):
    engine = make("time:q n:i")
    for data in ([{"time": 1, "n": 1}, {"time": 2, "n": bad}], {"time": [1, 2], "n": [1, bad]}):
        with pytest.raises(lib.SchemaError) as error:
            engine.append("ES", DAY, data)
        says(error, "n", "row 1")
    assert empty(engine)


@pytest.mark.ours
@pytest.mark.parametrize(
    "values",
    [np.array([1.0, 2.0]), np.array([True, False]), pd.Series([1.0, 2.0]), pa.array([1.0, 2.0]),
     pl.Series([True, False]), np.array(["1", "2"]), np.array(["2025-06-14"] * 2, "M8[s]")],
    ids=["floats", "bools", "pandas floats", "Arrow floats", "polars bools", "text", "times"],
)  # fmt: skip
def test_arrays_of_another_type_are_no_integers(make, values):
    engine = make("n:q")
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, {"n": values})
    says(error, "n")
    assert empty(engine)


@pytest.mark.parametrize("fmt", ["d", "f", "e"])
def test_a_float_column_takes_floats_and_integers(make, fmt):
    engine = make(f"x:{fmt}")
    values = [0.5, -0.0, 3, -7, math.inf, -math.inf, 2.0**-10]
    engine.append("ES", DAY, [{"x": value} for value in values])
    found = engine.read("ES", DAY)
    assert found["x"].tolist() == values
    assert np.signbit(found["x"]).tolist() == [False, True, False, True, False, True, False]


@pytest.mark.ours
@pytest.mark.parametrize("fmt", ["d", "f", "e"])
@pytest.mark.parametrize("of", ["i1", "u2", "i8", "f2", "f4", "f8"])
def test_a_float_column_takes_arrays_of_numbers(make, fmt, of):
    engine = make(f"x:{fmt}")
    engine.append("ES", DAY, {"x": np.array([1, 2, 3], of)})
    engine.append("ES", DAY, {"x": pa.array(np.array([1, 2, 3], of))})
    assert engine.read("ES", DAY)["x"].tolist() == [1, 2, 3, 1, 2, 3]


def test_a_float_is_rounded_to_its_column(make):
    engine = make("single:f half:e")
    engine.append("ES", DAY, [{"single": 0.1, "half": 0.1}])
    same(engine.read("ES", DAY), {"single": [np.float32(0.1)], "half": [np.float16(0.1)]})


@pytest.mark.ours
@pytest.mark.parametrize(
    ("fmt", "bad"), [("f", 1e39), ("f", -3.5e38), ("e", 65520.0), ("e", 70000), ("d", 10**400)]
)
def test_a_finite_value_does_not_become_infinite(make, fmt, bad):
    engine = make(f"time:q x:{fmt}")
    for data in ([{"time": 1, "x": 1}, {"time": 2, "x": bad}], {"time": [1, 2], "x": [1, bad]}):
        with pytest.raises(lib.SchemaError) as error:
            engine.append("ES", DAY, data)
        says(error, "x", "row 1")
    if isinstance(bad, float):
        with pytest.raises(lib.SchemaError) as error:
            engine.append("ES", DAY, {"time": [1, 2], "x": np.array([1, bad])})
        says(error, "x", "row 1")
    assert empty(engine)


@pytest.mark.ours
def test_what_rounds_down_to_the_greatest_float_fits(make):
    engine = make("single:f half:e")
    engine.append("ES", DAY, {"single": [3.4028235e38], "half": [65519.0]})
    same(engine.read("ES", DAY), {"single": [np.finfo("f4").max], "half": [65504.0]})


@pytest.mark.ours
@pytest.mark.parametrize("bad", ["1.5", b"1", True, 1j, [1.0], object()])
def test_a_float_column_takes_nothing_else(make, bad):
    engine = make("time:q x:d")
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, [{"time": 1, "x": 1.0}, {"time": 2, "x": bad}])
    says(error, "x", "row 1")
    assert empty(engine)


def test_a_nan_stays_a_nan(make):
    engine = make("x:d y:f")
    engine.append("ES", DAY, [{"x": math.nan, "y": math.nan}, {"x": 1.0, "y": 2.0}])
    same(engine.read("ES", DAY), {"x": [math.nan, 1.0], "y": [math.nan, 2.0]})


def test_a_bool_column_takes_bools(make):
    engine = make("ok:?")
    engine.append("ES", DAY, [{"ok": True}, {"ok": False}, {"ok": np.True_}])
    found = engine.read("ES", DAY)["ok"]
    assert found.dtype == bool
    assert found.tolist() == [True, False, True]


@pytest.mark.ours
@pytest.mark.parametrize("bad", [0, 1, 1.0, "True", b"", np.int8(1), math.nan])
def test_a_bool_column_takes_nothing_else(make, bad):
    engine = make("time:q ok:?")
    for data in ([{"time": 1, "ok": True}, {"time": 2, "ok": bad}], {"time": 2, "ok": bad}):
        with pytest.raises(lib.SchemaError) as error:
            engine.append("ES", DAY, data)
        says(error, "ok")
    with pytest.raises(lib.SchemaError):
        engine.append("ES", DAY, {"time": [1], "ok": np.array([1])})
    assert empty(engine)


@pytest.mark.ours
@pytest.mark.parametrize("fmt", ["4s", "S4", "5p"])
def test_a_column_of_bytes_takes_bytes_and_plain_text(make, fmt):
    engine = make(f"side:{fmt}")
    engine.append(
        "ES", DAY, [{"side": b"B"}, {"side": "sell"}, {"side": b""}, {"side": np.bytes_(b"x")}]
    )
    engine.append("ES", DAY, {"side": np.array([b"ab", b"\xff\x00\x01"])})
    engine.append("ES", DAY, {"side": pd.Series(["a", "bc"])})
    engine.append("ES", DAY, {"side": pa.array(["d", "e"])})
    found = engine.read("ES", DAY)["side"].tolist()
    assert found == [b"B", b"sell", b"", b"x", b"ab", b"\xff\x00\x01", b"a", b"bc", b"d", b"e"]


@pytest.mark.ours
def test_zero_bytes_at_the_end_are_no_part_of_the_value(make):
    engine = make("side:4s")
    engine.append("ES", DAY, [{"side": b"a\0"}, {"side": b"\0\0\0\0"}, {"side": b"\0b"}])
    assert engine.read("ES", DAY)["side"].tolist() == [b"a", b"", b"\0b"]


@pytest.mark.ours
@pytest.mark.parametrize("fmt", ["4s", "S4", "5p"])
@pytest.mark.parametrize("bad", [b"sells", "sells", "ä", 5, 1.5, True, ["B"]])
def test_bytes_that_are_too_long_and_other_things_are_refused(make, fmt, bad):
    engine = make(f"time:q side:{fmt}")
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, [{"time": 1, "side": b"B"}, {"time": 2, "side": bad}])
    says(error, "side", "row 1")
    assert empty(engine)


@pytest.mark.ours
def test_arrays_of_bytes_that_are_too_long_are_refused(make):
    engine = make("side:4s")
    for bad in (np.array([b"B", b"sells"]), pa.array(["B", "sells"]), pd.Series(["B", "größ"])):
        with pytest.raises(lib.SchemaError) as error:
            engine.append("ES", DAY, {"side": bad})
        says(error, "side", "row 1")
    assert empty(engine)


@pytest.mark.ours
def test_one_character_is_a_column_of_a_byte(make):
    engine = make("side:c")
    engine.append("ES", DAY, [{"side": b"B"}, {"side": "S"}])
    assert engine.read("ES", DAY)["side"].tolist() == [b"B", b"S"]
    with pytest.raises(lib.SchemaError):
        engine.append("ES", DAY, [{"side": b"BS"}])


@pytest.mark.ours
def test_the_bytes_are_those_of_struct(tmp_path):
    made = backend(
        "flat", "a:b b:?  c:>i d:10p e:3x f:5s g:e h:2h i:N".replace("  ", " "), tmp_path
    )
    row = {"a": -5, "b": True, "c": 7, "d": b"abc", "f": b"xy", "g": 0.5, "h": [1, -2], "i": 2**63}
    wanted = struct.pack("<b?", -5, True) + struct.pack(">i", 7)
    wanted += struct.pack("<10p3x5se2hQ", b"abc", b"xy", 0.5, 1, -2, 2**63)
    assert made.schema.record_size == len(wanted)
    assert made.pack(row) == made.pack_row(row) == made.pack_rows([row]) == wanted


@pytest.mark.ours
def test_what_is_wrong_in_a_late_row_leaves_earlier_ones_out(make):
    engine = make("time:q n:B")
    engine.append("ES", DAY, {"time": [1], "n": [1]})
    rows = 20_000
    n = np.zeros(rows, "i8")
    n[-1] = 300
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, {"time": np.arange(rows), "n": n})
    says(error, "n", "row 19999", "300")
    same(engine.read("ES", DAY), {"time": [1], "n": [1]})
