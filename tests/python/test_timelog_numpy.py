"""Out as arrays and as a dict."""

import gc
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timelog_under_test import MAX, MIN, NAME, manual, settle, told


def test_to_numpy_gives_int64_times_and_float64_values():
    log = manual()
    log.extend([(3, 3), (1, 1.5), (2, 2), (2, 2.5)])
    ts, values = log.to_numpy()
    assert (ts.dtype, values.dtype) == (np.int64, np.float64)
    assert ts.tolist() == [1, 2, 2, 3]
    assert sorted(values.tolist()) == [1.5, 2, 2.5, 3]


def test_the_arrays_are_fresh_and_contiguous():
    log = manual(1, 2)
    ts, values = log.to_numpy()
    for array in [ts, values]:
        assert array.flags.owndata
        assert array.flags.writeable
        assert array.flags.c_contiguous
    ts[:] = values[:] = 0
    assert list(log) == [(1, 1), (2, 2)]


def test_ends_are_those_of_a_slice():
    log = manual(MIN, 1, 2, 3, MAX)
    for ends, expected in [
        ((), [MIN, 1, 2, 3, MAX]),
        ((2,), [2, 3, MAX]),
        ((None, 2), [MIN, 1]),
        ((1, 3), [1, 2]),
        ((MIN, MAX), [MIN, 1, 2, 3]),
        ((3, 1), []),
        ((5, 5), []),
    ]:
        ts, values = log.to_numpy(*ends, dtype=np.int64)
        assert ts.tolist() == values.tolist() == expected
        assert log.to_dict(*ends) == {t: t for t in expected}
    assert log.to_numpy(t1=1, t2=3)[0].tolist() == [1, 2]
    assert log.to_dict(t1=1, t2=3) == {1: 1, 2: 2}


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i4", "u8", "u1", float, int, np.int16])
def test_values_come_in_the_type_asked_for(dtype):
    log = manual(1, 2, 3)
    for flushed in [False, True]:
        ts, values = log.to_numpy(dtype=dtype)
        assert (ts.tolist(), values.tolist()) == ([1, 2, 3], [1, 2, 3])
        assert values.dtype == np.dtype(dtype)
        if not flushed:
            log.flush()


@pytest.mark.parametrize("dtype", ["O", "M8[ms]", "m8[s]", bool, "U3", "S2", "c16", "i8,f8", "2i8"])
def test_other_types_are_refused(dtype):
    with pytest.raises(TypeError, match="dtype"):
        manual(1).to_numpy(dtype=dtype)


def test_a_nonsensical_type_is_refused():
    with pytest.raises(TypeError):
        manual(1).to_numpy(dtype="nonsense")


def test_values_are_converted_as_numpy_does():
    log = manual()
    log.extend(range(5), [True, None, 2**60 + 1, "1.5", np.float32(0.25)])
    values = log.to_numpy()[1]
    assert np.isnan(values[1])
    assert values[[0, 2, 3, 4]].tolist() == [1.0, float(2**60), 1.5, 0.25]
    log = manual()
    log.extend([(1, 2**60 + 1), (2, -3.9), (3, True)])
    assert log.to_numpy(dtype=np.int64)[1].tolist() == [2**60 + 1, -3, 1]


BAD = [
    ("word", None, ValueError),
    (None, "i8", TypeError),
    (2**70, "i8", OverflowError),
    (-1, "u1", OverflowError),
    (object(), None, TypeError),
    ([1], None, (TypeError, ValueError)),
]


@pytest.mark.parametrize(("bad", "dtype", "error"), BAD, ids=repr)
def test_a_value_that_is_no_number_is_an_error_that_names_its_row(bad, dtype, error):
    log = manual(1, 2)
    log.append(3, bad)
    log.append(4, 4)
    with pytest.raises(error) as caught:
        log.to_numpy(dtype=dtype)
    assert "row 2 of 4" in told(caught.value)
    log.close()  # nothing is left open


def test_an_error_of_the_object_itself_comes_through():
    class Odd:
        def __float__(self):
            raise LookupError("odd")

    log = manual(1)
    log.append(2, Odd())
    with pytest.raises(LookupError, match="odd") as caught:
        log.to_numpy()
    assert "row 1 of 2" in told(caught.value)


def test_an_empty_log_gives_empty_arrays():
    ts, values = manual().to_numpy(dtype="f4")
    assert (ts.dtype, values.dtype, len(ts), len(values)) == (np.int64, np.float32, 0, 0)
    assert manual().to_dict() == {}


def test_what_came_from_arrays_goes_back_to_them():
    rng = np.random.default_rng(7)
    ts, values = rng.permutation(200_000), rng.random(200_000)
    log = manual()
    log.bulk_append(ts, values.tolist())
    log.delete_range(1000, 2000)
    settle(log)
    order = np.argsort(ts)
    order = order[(ts[order] < 1000) | (ts[order] >= 2000)]
    found, back = log.to_numpy()
    np.testing.assert_array_equal(found, ts[order])
    np.testing.assert_array_equal(back, values[order])
    again = manual()
    again.bulk_append(found, back)
    assert again.to_numpy(5, 10)[1].tolist() == back[5:10].tolist()


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(MIN, MAX), st.floats(allow_nan=True)), max_size=40),
    flushed=st.booleans(),
)
def test_floats_come_back_bit_for_bit(rows, flushed):
    log = manual()
    log.extend(rows)
    if flushed:
        log.flush()
    ts, values = log.to_numpy()
    assert ts.tolist() == sorted(t for t, _ in rows)
    bits = np.array([value for _, value in rows], float).view("u8").tolist()
    assert sorted(values.view("u8").tolist()) == sorted(bits)


def test_of_equal_times_a_dict_has_the_last():
    log = manual()
    for value in "abc":
        log.append(1, value)
    log.append(2, "d")
    assert log.to_dict() == {1: "c", 2: "d"}
    values = {1: object(), 2: object()}
    log = manual()
    log.extend(values.items())
    assert all(found is values[ts] for ts, found in log.to_dict().items())


@pytest.mark.parametrize("method", ["to_dict", "to_numpy"])
def test_both_take_two_ends_by_position(method):
    with pytest.raises(TypeError, match="positional"):
        getattr(manual(), method)(1, 2, 3)


def test_the_arrays_outlive_the_log():
    log = manual(*range(1000))
    arrays = log.to_numpy()
    log.close()
    del log
    gc.collect()
    assert arrays[0].tolist() == list(range(1000))


def test_numpy_is_not_loaded_before_it_is_wanted():
    code = f"""
import sys
from {NAME} import Timelog
log = Timelog()
log.extend([(1, 2)])
assert log.to_dict() == {{1: 2}}
list(next(log.views(), []) or [])
assert "numpy" not in sys.modules
log.to_numpy()
assert "numpy" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
