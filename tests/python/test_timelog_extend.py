"""Many objects at once: extend with every kind of input, bulk_append, and what is wrong with them.

Of a bad element a sequence shorter than a thousand leaves nothing behind. Longer ones, and
generators, may leave what came before, in order; the error then says how much.
"""

import array
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timelog_under_test import (
    MAX,
    MIN,
    NO_TIMES,
    TOO_LARGE,
    TimelogBusyError,
    manual,
    objects,
    times,
    told,
)

PAIRS = [(3, "c"), (1, "a"), (2, "b"), (1, "A")]
ROWS = [(1, "a"), (1, "A"), (2, "b"), (3, "c")]
TIMES, VALUES = [list(column) for column in zip(*PAIRS, strict=True)]

OF_PAIRS = {
    "list": list,
    "tuple": tuple,
    "lists in a list": lambda pairs: [list(pair) for pair in pairs],
    "iterator": iter,
    "generator": lambda pairs: (pair for pair in pairs),
    "zip": lambda pairs: zip(*zip(*pairs, strict=True), strict=True),
    "map": lambda pairs: map(tuple, pairs),
    "iterators in a list": lambda pairs: [iter(pair) for pair in pairs],
}

OF_TWO = {
    "lists": (list, list),
    "tuples": (tuple, tuple),
    "int64 and a list": (np.array, list),
    "int64 backward and a list": (lambda ts: np.array(ts[::-1])[::-1], list),
    "every second int64": (lambda ts: np.repeat(np.array(ts), 2)[::2], list),
    "int8": (lambda ts: np.array(ts, np.int8), list),
    "uint64": (lambda ts: np.array(ts, np.uint64), list),
    "big-endian int64": (lambda ts: np.array(ts, ">i8"), list),
    "array of objects": (lambda ts: np.array(ts, object), list),
    "array.array": (lambda ts: array.array("q", ts), tuple),
    "memoryview": (lambda ts: memoryview(array.array("q", ts)), list),
    "iterators": (iter, iter),
    "a list and an iterator": (list, iter),
    "an iterator and a list": (iter, list),
    "int64 and an iterator": (np.array, iter),
}


@pytest.mark.parametrize("kind", OF_PAIRS)
@pytest.mark.parametrize("ordered", [None, True, False])
def test_extend_takes_pairs_of_any_kind(kind, ordered):
    log = manual()
    assert log.extend(OF_PAIRS[kind](PAIRS), mostly_ordered=ordered) is None
    assert sorted(log) == sorted(ROWS)
    assert times(log) == times(ROWS)


@pytest.mark.parametrize("kind", OF_TWO)
@pytest.mark.parametrize("ordered", [None, True, False])
def test_extend_takes_times_and_objects_of_any_kind(kind, ordered):
    log = manual()
    of_times, of_values = OF_TWO[kind]
    log.extend(of_times(TIMES), of_values(VALUES), mostly_ordered=ordered)
    assert sorted(log) == sorted(ROWS)
    assert [type(ts) for ts in times(log)] == [int] * 4


def test_extend_takes_what_iterates_like_a_sequence():
    log = manual()
    log.extend({1: "a", 2: "b"}.items())
    log.extend(range(3, 5), range(2))
    log.extend([5, 6], "ef")
    log.extend([7], b"g")
    log.extend([8, 9], {"h": 1, "i": 2})
    assert objects(log) == ["a", "b", 0, 1, "e", "f", ord("g"), "h", "i"]
    log = manual()
    log.extend(ts_or_iterable=[1], objects=["a"])
    assert list(log) == [(1, "a")]


def test_nothing_is_fine():
    log = manual()
    for empty in [[], (), "", {}, iter([])]:
        log.extend(empty)
    log.extend([], [])
    log.extend(iter([]), iter([]))
    log.extend(np.array([], np.int64), [])
    log.bulk_append(np.array([], np.int64), [])
    assert (len(log), log.extend_skipped) == (0, 0)


def test_equal_times_keep_the_order_in_which_they_came():
    log = manual()
    log.extend([(1, n) for n in range(100)])
    log.extend([1] * 100, range(100, 200))
    log.append(1, 200)
    assert log[1] == list(range(201))


@pytest.mark.better
@settings(max_examples=50, deadline=None)
@given(
    batches=st.lists(st.lists(st.integers(0, 5), max_size=30), max_size=5),
    flushes=st.booleans(),
)
def test_equal_times_keep_their_order_among_late_ones_too(batches, flushes):
    """The peer orders late rows of one time by the address of the object: here it goes down."""
    log, model = manual(), []
    for batch in [[3, 1, 2, 2], *batches]:
        rows = [(ts, 250 - len(model) - n) for n, ts in enumerate(batch)]
        log.extend(rows) if len(rows) % 2 else [log.append(*row) for row in rows]
        model += rows
        if flushes:
            log.flush()
    assert list(log) == sorted(model, key=lambda row: row[0])


@pytest.mark.parametrize("bad", [t for t in NO_TIMES if t != (1,)] + TOO_LARGE, ids=repr)
@pytest.mark.parametrize("form", ["pairs", "two"])
def test_a_row_whose_time_is_none_is_skipped_counted_and_warned_of(bad, form):
    log = manual()
    given_as = [[0, bad, 2]], [["a", "x", "c"]]
    data = [list(zip(*given_as[0], *given_as[1], strict=True))] if form == "pairs" else None
    with pytest.warns(RuntimeWarning, match=r"extend\(\) skipped 1 record.*insert_on_error=False"):
        log.extend(*(data or [given_as[0][0], given_as[1][0]]))
    assert list(log) == [(0, "a"), (2, "c")]
    assert log.extend_skipped == log.stats()["operational"]["extend_skipped"] == 1


def test_skipped_rows_are_counted_over_calls():
    log = manual()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        log.extend([("x", 1), ("y", 2), (1, 1)])
        log.extend(["x", 2], [1, 2])
    assert [w.category for w in caught] == [RuntimeWarning] * 2
    assert caught[0].filename == __file__
    assert log.extend_skipped == 3
    assert list(log) == [(1, 1), (2, 2)]


@pytest.mark.parametrize("dtype", ["f8", "f4", "bool", "M8[ms]", "m8[ms]"])
def test_an_array_that_holds_no_integers_has_no_time_at_all(dtype):
    log = manual()
    with pytest.warns(RuntimeWarning, match="skipped 2 record"):
        log.extend(np.array([1, 0], dtype), ["a", "b"])
    assert (len(log), log.extend_skipped) == (0, 2)
    with pytest.raises(TypeError):
        log.extend(np.array([1, 0], dtype), ["a", "b"], insert_on_error=False)


def test_a_uint64_past_int64_is_skipped():
    log = manual()
    with pytest.warns(RuntimeWarning, match="skipped 1 record"):
        log.extend(np.array([MAX, MAX + 1], np.uint64), ["a", "b"])
    assert list(log) == [(MAX, "a")]


NO_PAIRS = [5, None, (1,), (1, 2, 3), "a", "abc", 1.5]


@pytest.mark.parametrize("bad", NO_PAIRS, ids=repr)
@pytest.mark.parametrize("whole", [True, False])
def test_an_element_that_is_no_pair_is_an_error_and_leaves_nothing(bad, whole):
    log = manual()
    with pytest.raises(ValueError, match=r"extend\(\) expects \(ts, obj\) pairs"):
        log.extend([(0, 0), (1, 1), bad, (3, 3)], insert_on_error=not whole)
    assert list(log) == []


@pytest.mark.better
@pytest.mark.parametrize("bad", NO_PAIRS, ids=repr)
def test_the_error_says_which_element_and_how_many_are_in(bad):
    log = manual()
    with pytest.raises(ValueError, match=r"expects \(ts, obj\) pairs") as caught:
        log.extend([(0, 0), (1, 1), bad, (3, 3)])
    assert "index 2" in told(caught.value)
    assert "0 inserted" in told(caught.value)


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        ("x", TypeError, "integer"),
        (1.0, TypeError, "float"),
        (True, TypeError, "bool not allowed"),
        (None, TypeError, "integer"),
        (MAX + 1, OverflowError, "outside int64 range"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("form", ["pairs", "two"])
def test_asked_for_all_or_nothing_a_bad_time_is_an_error(bad, error, words, form):
    log = manual()
    data = [[(0, 0), (bad, 1), (2, 2)]] if form == "pairs" else [[0, bad, 2], [0, 1, 2]]
    with pytest.raises(error, match=words):
        log.extend(*data, insert_on_error=False)
    assert (list(log), log.extend_skipped) == ([], 0)


@pytest.mark.better
def test_all_or_nothing_names_the_bad_time_by_its_index():
    for data in [[[(0, 0), ("x", 1)]], [[0, "x"], [0, 1]]]:
        with pytest.raises(TypeError) as caught:
            manual().extend(*data, insert_on_error=False)
        assert "index 1" in told(caught.value)
        assert "0 inserted" in told(caught.value)


def test_all_or_nothing_wants_something_with_a_length():
    log = manual()
    with pytest.raises(TypeError, match="requires a sequence, not a generator"):
        log.extend(iter(PAIRS), insert_on_error=False)
    with pytest.raises(TypeError, match="requires sized sequences"):
        log.extend(iter(TIMES), VALUES, insert_on_error=False)
    log.extend(PAIRS, insert_on_error=False)
    log.extend(np.array(TIMES), VALUES, insert_on_error=False)
    assert len(log) == 8


@pytest.mark.parametrize("kinds", [(list, list), (iter, list), (list, iter), (iter, iter)])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("n_times", "n_values"), [(2, 1), (1, 2), (0, 1)])
def test_times_and_objects_of_different_lengths_are_an_error(kinds, whole, n_times, n_values):
    if not whole and kinds != (list, list):
        return
    log = manual()
    with pytest.raises(ValueError, match=r"same length|shorter|longer"):
        log.extend(kinds[0](list(range(n_times))), kinds[1]("ab"[:n_values]), insert_on_error=whole)
    assert list(log) == []


@pytest.mark.parametrize("bad", [(5,), (None,), ([1], 5), (5, [1]), (np.arange(3),)], ids=repr)
def test_what_does_not_iterate_or_holds_no_pairs_is_an_error(bad):
    log = manual()
    with pytest.raises((TypeError, ValueError), match=r"iter|pairs"):
        log.extend(*bad)
    assert list(log) == []


def test_extend_takes_two_positional_arguments():
    with pytest.raises(TypeError, match="positional"):
        manual().extend([1], [1], True)
    with pytest.raises(TypeError, match="argument"):
        manual().extend()
    with pytest.raises(TypeError, match="nonsense"):
        manual().extend([], nonsense=1)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("form", ["pairs", "two"])
def test_a_row_below_the_floor_is_an_error_and_leaves_nothing(whole, form):
    log = manual(min_ts=3)
    data = [[(5, 5), (1, 1), (7, 7)]] if form == "pairs" else [[5, 1, 7], [5, 1, 7]]
    with pytest.raises(ValueError, match=r"timestamp 1 is below min_ts boundary \(3\)"):
        log.extend(*data, insert_on_error=not whole)
    assert list(log) == []
    log.extend([(3, "at"), (4, "above")])
    assert list(log) == [(3, "at"), (4, "above")]


def failing(rows, error):
    yield from rows
    raise error


@pytest.mark.parametrize("n", [0, 3, 1023, 1024, 1025, 5000])
def test_a_generator_that_raises_leaves_what_came_before_in_order(n):
    log = manual()
    boom = LookupError("boom")
    with pytest.raises(LookupError) as caught:
        log.extend(failing([(i, i) for i in range(n)], boom))
    assert caught.value is boom
    left = objects(log)
    assert left == list(range(len(left)))
    assert len(left) <= n
    log.append(n, "after")
    assert log[n] == ["after"]


@pytest.mark.better
@pytest.mark.parametrize("n", [3, 5000])
def test_an_error_midway_says_how_many_are_in(n):
    rows = [(i, i) for i in range(n)]
    for data in [
        [failing(rows, LookupError("boom"))],
        [failing(range(n), LookupError("boom")), range(n + 1)],
        [range(n + 1), failing(range(n), LookupError("boom"))],
        [[*rows, 5]],
        [iter([*rows, 5])],
    ]:
        log = manual()
        with pytest.raises((LookupError, ValueError)) as caught:
            log.extend(*data)
        left = objects(log)
        assert left == list(range(len(left)))
        assert f"{len(left)} inserted" in told(caught.value)
        assert f"index {n}" in told(caught.value)


@pytest.mark.better
@pytest.mark.parametrize("n", [1024, 1025, 5000])
def test_a_list_with_a_bad_element_leaves_nothing_whatever_its_length(n):
    log = manual()
    with pytest.raises(ValueError, match="pairs"):
        log.extend([(i, i) for i in range(n)] + [5])
    assert len(log) == 0


BUSY = {"memtable_max_bytes": 4096, "sealed_max_runs": 1}
GIVEN = {
    "list": lambda n: [[(i, i) for i in range(n)]],
    "generator": lambda n: [((i, i) for i in range(n))],
    "two lists": lambda n: [list(range(n)), list(range(n))],
    "two iterators": lambda n: [iter(range(n)), iter(range(n))],
    "int64": lambda n: [np.arange(n), range(n)],
}


@pytest.mark.better
@pytest.mark.parametrize("form", GIVEN)
def test_committed_is_only_said_of_what_is_in(form):
    """The peer says that all were committed and has dropped what came after the first pressure."""
    log = manual(busy_policy="raise", **BUSY)
    try:
        log.extend(*GIVEN[form](10_000))
    except TimelogBusyError as error:
        assert "committed" in str(error)  # noqa: PT017
    assert times(log) == list(range(10_000))


@pytest.mark.parametrize("policy", ["silent", "flush"])
@pytest.mark.parametrize("form", GIVEN)
def test_all_is_in_where_pressure_does_not_raise(form, policy):
    log = manual(busy_policy=policy, **BUSY)
    log.extend(*GIVEN[form](10_000))
    assert times(log) == objects(log) == list(range(10_000))


def test_the_whole_of_int64_is_extended_and_read_in_order():
    log = manual()
    wide = [MAX, MIN, 0, -1, 1, MAX - 1, MIN + 1]
    log.extend(wide, wide)
    log.extend(np.array(wide), wide)
    assert times(log) == sorted(wide * 2)
    assert objects(log) == sorted(wide * 2)


@settings(max_examples=60, deadline=None)
@given(
    data=st.lists(st.tuples(st.integers(MIN, MAX) | st.integers(0, 20), st.integers()), max_size=80)
)
def test_whatever_comes_is_read_sorted(data):
    expected = sorted(data)
    for fill in [
        lambda log: log.extend(data),
        lambda log: log.extend([ts for ts, _ in data], [value for _, value in data]),
        lambda log: log.extend(np.array([ts for ts, _ in data], np.int64), [v for _, v in data]),
        lambda log: log.bulk_append(array.array("q", times(data)), objects(data)),
        lambda log: [log.append(ts, value) for ts, value in data],
    ]:
        log = manual()
        fill(log)
        assert sorted(log) == expected
        assert times(log) == times(expected)


# --- bulk_append ---------------------------------------------------------------------------------

BUFFERS = {
    "numpy": np.array,
    "array.array": lambda ts: array.array("q", ts),
    "memoryview q": lambda ts: memoryview(array.array("q", ts)),
    "memoryview l": lambda ts: memoryview(array.array("q", ts)).cast("B").cast("l"),
    "read-only": lambda ts: np.frombuffer(bytes(np.array(ts)), np.int64),
}


@pytest.mark.parametrize("kind", BUFFERS)
@pytest.mark.parametrize("of_objects", [list, tuple, lambda o: np.array(o, object)])
def test_bulk_append_takes_a_buffer_of_int64_and_a_sequence(kind, of_objects):
    log = manual()
    assert log.bulk_append(BUFFERS[kind](TIMES), of_objects(VALUES)) is None
    assert sorted(log) == sorted(ROWS)
    log.bulk_append(timestamps=BUFFERS[kind](TIMES), objects=range(4), mostly_ordered=False)
    log.bulk_append(BUFFERS[kind](TIMES), range(4), mostly_ordered=None)
    assert len(log) == 12


NO_BUFFERS = [
    ([4, 2], TypeError, "must be an int64 buffer.* not list"),
    (None, TypeError, "must be an int64 buffer.* not NoneType"),
    ("xx", TypeError, "must be an int64 buffer.* not str"),
    (b"xx", ValueError, "8-byte items"),
    (np.array([4, 2], "i4"), ValueError, "8-byte items"),
    (np.array([4, 2], "u8"), ValueError, "must be int64"),
    (np.array([4, 2], "f8"), ValueError, "must be int64"),
    (np.array([4, 2], ">i8"), ValueError, "native byte order"),
    (np.array([4, 2], "M8[ms]"), ValueError, r"datetime64.*view\('int64'\)"),
    (np.array([4, 2], "m8[ms]"), ValueError, r"timedelta64.*view\('int64'\)"),
    (np.array([4, 2, 3, 1])[::2], ValueError, "contiguous"),
    (np.array([4, 2])[::-1], ValueError, "contiguous"),
    (np.arange(4).reshape(2, 2), ValueError, "1-D"),
    (np.array(3), ValueError, "1-D"),
    (np.frombuffer(bytes(17), "u1")[1:].view("i8"), ValueError, "aligned"),
]


@pytest.mark.parametrize(("buffer", "error", "words"), NO_BUFFERS)
def test_bulk_append_refuses_other_buffers_and_says_why(buffer, error, words):
    log = manual()
    with pytest.raises(error, match=words):
        log.bulk_append(buffer, ["a", "b"])
    assert len(log) == 0


NO_OBJECTS = [
    (iter("ab"), TypeError, "concrete sequence"),
    ({1, 2}, TypeError, "concrete sequence"),
    ({1: 1, 2: 2}, TypeError, "concrete sequence"),
    (None, TypeError, "concrete sequence"),
    ("ab", TypeError, "not str/bytes"),
    (b"ab", TypeError, "not str/bytes"),
    (bytearray(b"ab"), TypeError, "not str/bytes"),
    (["a"], ValueError, "length mismatch: 2 timestamps, 1 objects"),
    (["a", "b", "c"], ValueError, "length mismatch: 2 timestamps, 3 objects"),
]


@pytest.mark.parametrize(("values", "error", "words"), NO_OBJECTS, ids=repr)
def test_bulk_append_refuses_other_objects_and_says_why(values, error, words):
    log = manual()
    with pytest.raises(error, match=words):
        log.bulk_append(np.array([4, 2]), values)
    assert len(log) == 0


def test_bulk_append_is_all_or_nothing_below_the_floor():
    log = manual(min_ts=3)
    with pytest.raises(ValueError, match="timestamp 2 at index 1 is below min_ts 3"):
        log.bulk_append(np.array([4, 2]), ["a", "b"])
    assert len(log) == 0


def test_bulk_append_takes_two_positional_arguments():
    for arguments in [(), (np.array([1]),), (np.array([1]), [1], True)]:
        with pytest.raises(TypeError, match="argument"):
            manual().bulk_append(*arguments)


def test_a_buffer_is_read_once_and_let_go():
    ts = array.array("q", [2, 1])
    log = manual()
    log.bulk_append(ts, ["b", "a"])
    ts[0] = 99
    ts.append(3)  # raises if it is still exported
    assert list(log) == [(1, "a"), (2, "b")]


@pytest.mark.better
def test_a_length_that_cannot_be_is_not_believed():
    class Boasts(list):
        def __len__(self):
            return 2**60

    log = manual()
    with pytest.raises(ValueError, match="pairs"):
        log.extend(range(10**13))
    log.extend(iter(Boasts([(1, 1)])))
    log.extend(Boasts([(2, 2)]))
    assert len(log) == 2
