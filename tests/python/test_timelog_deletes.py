"""Deletes: sequenced tombstones that hide what was written before them and nothing after."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timelog_under_test import MAX, MIN, NO_TIMES, TOO_LARGE, manual, settle, times

RANGES = {
    "delete_range": lambda log, a, b: log.delete_range(a, b),
    "delete": lambda log, a, b: log.delete(a, b),
    "delete by name": lambda log, a, b: log.delete(t1=a, t2=b),
    "del": lambda log, a, b: log.__delitem__(slice(a, b)),
    "del with a step of 1": lambda log, a, b: log.__delitem__(slice(a, b, 1)),
}
POINTS = {
    "delete": lambda log, ts: log.delete(ts),
    "delete to None": lambda log, ts: log.delete(ts, None),
    "del": lambda log, ts: log.__delitem__(ts),
}
BEFORE = {
    "cutoff": lambda log, ts: log.cutoff(ts),
    "delete_before": lambda log, ts: log.delete_before(ts),
    "del": lambda log, ts: log.__delitem__(slice(None, ts)),
}
LAYERS = {
    "memtable": lambda log: None,
    "flushed": lambda log: log.flush(),
    "settled": settle,
}


@pytest.mark.parametrize("then", LAYERS)
@pytest.mark.parametrize("first", LAYERS)
@pytest.mark.parametrize("form", RANGES)
def test_a_range_is_half_open_in_every_layer(form, first, then):
    log = manual(1, 2, 2, 3, 4)
    LAYERS[first](log)
    assert RANGES[form](log, 2, 4) is None
    LAYERS[then](log)
    assert times(log) == [1, 4]
    assert (len(log), log[2], 2 in log) == (2, [], False)


@pytest.mark.parametrize("form", POINTS)
def test_a_point_takes_all_objects_of_its_time(form):
    log = manual(1, 2, 2, 3)
    log.flush()
    assert POINTS[form](log, 2) is None
    POINTS[form](log, 7)  # there is none
    POINTS[form](log, MIN)
    assert times(log) == [1, 3]


@pytest.mark.parametrize("form", BEFORE)
def test_what_is_before_a_time_goes(form):
    log = manual(MIN, 1, 2, 3, MAX)
    log.flush()
    BEFORE[form](log, MIN)
    assert len(log) == 5
    assert BEFORE[form](log, 2) is None
    assert times(log) == [2, 3, MAX]
    BEFORE[form](log, MAX)
    assert times(log) == [MAX]


def test_what_is_written_after_a_delete_is_there():
    log = manual()
    log[10] = "A"
    del log[5:15]
    log[10] = "B"
    for step in LAYERS.values():
        step(log)
        assert log[10] == ["B"]
        assert list(log[0:20]) == [(10, "B")]
    log.delete(10)
    log.append(10, "C")
    settle(log)
    assert list(log) == [(10, "C")]


def test_del_with_an_open_end_reaches_to_the_last_moment_but_one():
    """As with a point at the last moment, a half-open range cannot hold it."""
    log = manual(MIN, 1, 5, MAX)
    del log[5:]
    assert times(log) == [MIN, 1, MAX]
    del log[:]
    assert times(log) == [MAX]
    log.delete_range(MIN, MAX)
    assert times(log) == [MAX]


@pytest.mark.parametrize("form", POINTS)
def test_a_point_delete_at_the_last_moment_is_refused(form):
    log = manual(1, MAX)
    with pytest.raises(ValueError, match=r"TL_TS_MAX .* not representable .* half-open"):
        POINTS[form](log, MAX)
    assert times(log) == [1, MAX]
    POINTS[form](log, MAX - 1)


@pytest.mark.parametrize("form", RANGES)
def test_an_empty_range_deletes_nothing_and_an_inverted_one_is_an_error(form):
    log = manual(5)
    for ts in [5, MIN, MAX]:
        RANGES[form](log, ts, ts)
    assert log.stats()["storage"]["tombstone_count"] == 0
    for a, b in [(6, 5), (MAX, MIN)]:
        with pytest.raises(ValueError, match=rf"t1 \({a}\) must be <= t2 \({b}\)"):
            RANGES[form](log, a, b)
    assert times(log) == [5]


@pytest.mark.parametrize("step", [2, -1, True, 1.0], ids=repr)
def test_del_takes_no_step(step):
    log = manual(1)
    with pytest.raises(ValueError, match="step must be None or 1"):
        del log[0:5:step]
    assert len(log) == 1


ANY = {
    **{f"point {name}": form for name, form in POINTS.items()},
    **{f"before {name}": form for name, form in BEFORE.items()},
    **{
        f"from, {name}": lambda log, t, form=form: form(log, t, MAX)
        for name, form in RANGES.items()
    },
    **{f"to, {name}": lambda log, t, form=form: form(log, MIN, t) for name, form in RANGES.items()},
}
BOOL_IS_A_TIME_FOR_THE_PEER = {"before delete_before", "from, delete_range", "to, delete_range"}


def none_is_open(form):
    return form.endswith(("del", "del with a step of 1")) or form in {
        "to, delete",
        "to, delete by name",
    }


@pytest.mark.parametrize("form", ANY)
@pytest.mark.parametrize("bad", [t for t in NO_TIMES if type(t) is not bool] + TOO_LARGE, ids=repr)
def test_what_is_no_time_deletes_nothing(form, bad):
    if bad is None and none_is_open(form):
        return
    log = manual(0, 1)
    with pytest.raises(OverflowError if type(bad) is int else TypeError):
        ANY[form](log, bad)
    assert times(log) == [0, 1]


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(name, marks=pytest.mark.better if name in BOOL_IS_A_TIME_FOR_THE_PEER else [])
        for name in ANY
    ],
)
def test_a_bool_deletes_nothing(form):
    log = manual(0, 1)
    for bad in [True, False]:
        with pytest.raises(TypeError, match="bool"):
            ANY[form](log, bad)
    assert times(log) == [0, 1]


def test_delete_takes_one_time_or_two():
    log = manual(1)
    for call in [
        lambda: log.delete(),
        lambda: log.delete(1, 2, 3),
        lambda: log.delete(None),
        lambda: log.delete_range(1),
        lambda: log.delete_range(t1=1, t2=2),
        lambda: log.delete_before(),
        lambda: log.cutoff(),
        lambda: log.__delitem__(None),
    ]:
        with pytest.raises(TypeError):
            call()
    assert len(log) == 1


def test_deleting_in_an_empty_log_and_what_is_not_there_is_fine():
    log = manual()
    log.delete(5)
    log.cutoff(5)
    del log[5:9]
    settle(log)
    log.append(5, "a")
    log.delete(6)
    assert list(log) == [(5, "a")]


def test_late_rows_are_deleted_too():
    """A range delete that missed out-of-order rows is a known failure of systems like this one."""
    log = manual()
    for ts in [10, 3, 8, 1, 9, 2]:
        log.append(ts, ts)
    log.delete_range(2, 9)
    assert times(log) == [1, 9, 10]
    log.append(4, "late")
    for step in LAYERS.values():
        step(log)
        assert times(log) == [1, 4, 9, 10]


def test_deleted_rows_stay_deleted_through_any_number_of_compactions():
    log = manual()
    for round_ in range(12):
        log.extend([(ts, round_) for ts in range(50)])
        log.delete_range(round_, round_ + 30)
        log.flush()
        if round_ % 3 == 2:
            settle(log)
    before = sorted(log)
    for _ in range(3):
        settle(log)
        assert sorted(log) == before


def test_a_thousand_overlapping_tombstones_are_one_answer():
    log = manual()
    log.extend(range(3000), range(3000))
    log.flush()
    for n in range(1000):
        log.delete_range(2 * n, 2 * n + 5)
    assert times(log) == list(range(2003, 3000))
    settle(log)
    assert times(log) == list(range(2003, 3000))


SMALL = st.integers(0, 25)
STEP = st.one_of(
    st.tuples(st.just("write"), st.lists(SMALL, max_size=8)),
    st.tuples(st.sampled_from(["range", "del"]), st.tuples(SMALL, SMALL).map(sorted)),
    st.tuples(st.sampled_from(["point", "cutoff"]), SMALL),
    st.tuples(st.sampled_from(["flush", "settle"]), st.none()),
)


@settings(max_examples=80, deadline=None)
@given(steps=st.lists(STEP, max_size=15))
def test_any_order_of_writes_and_deletes_is_that_of_a_list(steps):
    log, model = manual(), []
    for what, how in steps:
        if what == "write":
            log.extend([(ts, ts) for ts in how])
            model += how
        elif what in {"range", "del"}:
            RANGES["delete_range" if what == "range" else "del"](log, *how)
            model = [t for t in model if not how[0] <= t < how[1]]
        elif what == "point":
            del log[how]
            model = [t for t in model if t != how]
        elif what == "cutoff":
            log.cutoff(how)
            model = [t for t in model if t >= how]
        else:
            LAYERS["flushed" if what == "flush" else "settled"](log)
        assert times(log) == sorted(model)
        assert len(log) == len(model)


@pytest.mark.better
def test_a_delete_takes_the_place_of_those_before_it_that_it_covers():
    """So a log of which the oldest rows go again and again keeps one tombstone."""
    log = manual(*range(1000))
    for ts in range(500):
        log.cutoff(ts)
        assert len(log) == 1000 - ts
    log.append(700, "again")
    for _ in range(500):
        log.delete(700)
    assert log.stats()["storage"]["tombstone_count"] == 2
    assert times(log) == [*range(499, 700), *range(701, 1000)]


@pytest.mark.better
def test_many_deletes_ask_for_a_compaction():
    log = manual(*range(10_000))
    for ts in range(0, 10_000, 2):
        log.delete(ts)
    while log.maint_step():
        pass
    assert log.stats()["storage"]["tombstone_count"] < 4000
    assert times(log) == list(range(1, 10_000, 2))
