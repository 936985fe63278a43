"""Reading by time: slices, named ranges, points and neighbours, to the ends of int64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timelog_under_test import MAX, MIN, NO_TIMES, TOO_LARGE, manual, objects, settle, times

FEW = [MIN, -5, 0, 5, 5, 9, MAX]

LAYERS = {
    "memtable": lambda log: None,
    "flushed": lambda log: log.flush(),
    "half flushed": lambda log: (log.flush(), log.extend([(0, 0), (5, 5)])),
}


@pytest.fixture(params=LAYERS)
def few(request):
    """Few rows, in one of the layers or between two."""
    half = request.param == "half flushed"
    log = manual(*([MIN, -5, 5, 9, MAX] if half else FEW))
    LAYERS[request.param](log)
    return log


def test_slices_are_half_open_and_open_ends_take_everything(few):
    assert times(few[:]) == FEW
    assert times(few[MIN:]) == FEW
    assert times(few[-5:5]) == [-5, 0]
    assert times(few[5:9]) == [5, 5]
    assert times(few[5:]) == [5, 5, 9, MAX]
    assert times(few[:5]) == [MIN, -5, 0]
    assert times(few[6:9]) == []
    assert times(few[::1]) == FEW


def test_the_last_moment_is_past_every_end_but_in_an_open_one(few):
    assert times(few[MIN:MAX]) == times(few[:MAX]) == FEW[:-1]
    assert times(few[MAX:]) == [MAX]
    assert times(few[:MIN]) == times(few[MIN:MIN]) == times(few[MAX:MAX]) == []
    assert times(few.range(MIN, MAX)) == times(few.until(MAX)) == FEW[:-1]
    assert times(few.since(MAX)) == times(few.equal(MAX)) == few[MAX] == [MAX]
    assert times(few.point(MIN)) == few.at(MIN) == [MIN]


def test_an_empty_or_inverted_slice_is_empty_but_an_inverted_range_is_an_error(few):
    assert times(few[5:5]) == times(few[9:5]) == times(few[MAX:MIN]) == []
    assert times(few.range(5, 5)) == []
    with pytest.raises(ValueError, match=r"t1 \(9\) must be <= t2 \(5\)"):
        few.range(9, 5)
    with pytest.raises(ValueError, match="must be <="):
        few.range(MAX, MIN)


def test_named_ranges_are_slices(few):
    assert list(few.all()) == list(few[:]) == list(few)
    assert list(few.range(-5, 9)) == list(few[-5:9])
    assert list(few.since(5)) == list(few[5:])
    assert list(few.until(5)) == list(few[:5])
    assert list(few.equal(5)) == list(few.point(5)) == [(5, 5), (5, 5)]
    assert list(few.point(6)) == []


def test_a_time_gives_the_list_of_its_objects(few):
    assert few[5] == few.at(5) == [5, 5]
    assert few[6] == few.at(6) == []
    assert few[-5] == [-5]  # not an index from the end
    assert few[np.int64(5)] == [5, 5]
    assert times(few[np.int64(5) : np.int64(9)]) == [5, 5]
    assert type(few[5]) is list


@pytest.mark.parametrize("step", [2, -1, 0, True, 1.0, np.int64(1), "x"], ids=repr)
def test_a_slice_has_no_step(step):
    with pytest.raises(ValueError, match="step must be None or 1"):
        manual()[1:2:step]


READS = {
    "log[t]": lambda log, t: log[t],
    "log[t:]": lambda log, t: log[t:],
    "log[:t]": lambda log, t: log[:t],
    "log[t:t]": lambda log, t: log[t:t],
    "at": lambda log, t: log.at(t),
    "range(t, MAX)": lambda log, t: log.range(t, MAX),
    "range(MIN, t)": lambda log, t: log.range(MIN, t),
    "since": lambda log, t: log.since(t),
    "until": lambda log, t: log.until(t),
    "equal": lambda log, t: log.equal(t),
    "point": lambda log, t: log.point(t),
    "next_ts": lambda log, t: log.next_ts(t),
    "prev_ts": lambda log, t: log.prev_ts(t),
    "to_dict": lambda log, t: log.to_dict(t, 5),
    "to_numpy": lambda log, t: log.to_numpy(t, 5),
    "views": lambda log, t: log.views(t, 5),
    "page_spans": lambda log, t: log.page_spans(t, 5),
}

# A slice or an optional end may be None; a tuple, a list and a dict are no times either.
NONE_IS_OPEN = {"log[t:]", "log[:t]", "log[t:t]", "to_dict", "to_numpy"}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("bad", [t for t in NO_TIMES if type(t) is not bool], ids=repr)
def test_what_is_no_integer_is_no_time(read, bad):
    if bad is None and read in NONE_IS_OPEN:
        return
    with pytest.raises((TypeError, ValueError) if read == "views" else TypeError):
        READS[read](manual(1), bad)


BOOL_IS_A_TIME_FOR_THE_PEER = {
    *["range(t, MAX)", "range(MIN, t)", "since", "until", "equal", "point"],
    *["next_ts", "prev_ts", "page_spans"],
}


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(name, marks=pytest.mark.better if name in BOOL_IS_A_TIME_FOR_THE_PEER else [])
        for name in READS
    ],
)
def test_a_bool_is_no_time(read):
    for bad in [True, False]:
        with pytest.raises(TypeError, match="bool"):
            READS[read](manual(1), bad)


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("bad", TOO_LARGE)
def test_a_time_past_int64_overflows(read, bad):
    with pytest.raises(OverflowError):
        READS[read](manual(1), bad)


def test_ranges_take_their_ends_by_position_only():
    log = manual(1)
    for call in [
        lambda: log.range(1),
        lambda: log.range(1, 2, 3),
        lambda: log.range(t1=1, t2=2),
        lambda: log.since(),
        lambda: log.equal(1, 2),
        lambda: log.at(),
        lambda: log.next_ts(),
        lambda: log.min_ts(1),
    ]:
        with pytest.raises(TypeError, match="argument"):
            call()
    for key in [..., (1, 2)]:
        with pytest.raises(TypeError, match="integer"):
            log[key]


def test_neighbours_are_strictly_before_and_after(few):
    assert (few.min_ts(), few.max_ts()) == (MIN, MAX)
    assert [few.next_ts(t) for t in [MIN, -6, -5, 5, 6, 9, MAX]] == [-5, -5, 0, 9, 9, MAX, None]
    assert [few.prev_ts(t) for t in [MIN, -5, -4, 5, 6, 9, MAX]] == [None, MIN, -5, 0, 5, 5, 9]


def test_an_empty_log_has_no_times():
    log = manual()
    assert [log.min_ts(), log.max_ts(), log.next_ts(0), log.prev_ts(0)] == [None] * 4
    assert list(log) == log[0] == list(log[:]) == []


def test_neighbours_pass_deleted_rows_over(few):
    few.delete(0)
    few.delete(5)
    assert (few.next_ts(-5), few.prev_ts(9), 5 in few) == (9, -5, False)
    few.cutoff(1)
    few.delete_range(2, MAX)
    assert (few.min_ts(), few.max_ts(), len(few)) == (MAX, MAX, 1)
    log = manual(1, 9)
    log.delete(1)
    log.delete(9)
    assert [log.min_ts(), log.max_ts(), log.next_ts(0), log.prev_ts(10)] == [None] * 4


TIMES = st.integers(-30, 30) | st.sampled_from([MIN, MIN + 1, MAX - 1, MAX])


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.lists(TIMES, max_size=20), min_size=1, max_size=3),
    a=TIMES,
    b=TIMES,
    settled=st.booleans(),
)
def test_every_read_agrees_with_a_sorted_list(parts, a, b, settled):
    log, model = manual(), []
    for part in parts:
        log.extend([(ts, ts) for ts in part])
        log.flush()
        model = sorted(model + part)
    if settled and not {MIN, MIN + 1, MAX, MAX - 1}.intersection(model):
        settle(log)
    assert times(log) == model
    assert len(log) == len(model)
    assert times(log[a:b]) == [t for t in model if a <= t < b]
    assert times(log.since(a)) == [t for t in model if t >= a]
    assert times(log.until(b)) == [t for t in model if t < b]
    assert log.at(a) == [t for t in model if t == a]
    assert len(log.point(a)) == model.count(a)
    assert (a in log) == (a in model)
    assert log.next_ts(a) == next((t for t in model if t > a), None)
    assert log.prev_ts(a) == next((t for t in reversed(model) if t < a), None)
    assert log.min_ts() == (model[0] if model else None)
    assert log.max_ts() == (model[-1] if model else None)


def test_many_layers_are_read_as_one():
    log, expected = manual(), []
    for layer in range(20):
        rows = [(ts, (layer, ts)) for ts in range(layer, 2000, 7 + layer)]
        log.extend(rows)
        expected += rows
        if layer % 3:
            log.flush()
    expected.sort(key=lambda row: row[0])
    assert times(log) == times(expected)
    assert sorted(objects(log)) == sorted(objects(expected))
    assert sorted(log[500:510]) == sorted(row for row in expected if 500 <= row[0] < 510)
