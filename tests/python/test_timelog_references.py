"""Objects are released exactly once, and cycles through a log are collected."""

import gc
import sys
import weakref

import numpy as np
import pytest

from timelog_under_test import (
    MAX,
    MIN,
    TINY,
    Thing,
    Timelog,
    manual,
    settle,
    times,
    until,
)


class Counted:
    """An object and how many references to it there are beyond ours."""

    def __init__(self):
        self.value = Thing()
        self.base = sys.getrefcount(self.value)

    def __call__(self):
        return sys.getrefcount(self.value) - self.base


@pytest.fixture
def counted():
    return Counted()


WRITES = {
    "append": lambda log, o: [log.append(n, o) for n in range(10)],
    "append now": lambda log, o: [log.append(o) for _ in range(10)],
    "log[ts] =": lambda log, o: [log.__setitem__(n, o) for n in range(10)],
    "pairs": lambda log, o: log.extend([(n, o) for n in range(10)]),
    "generator": lambda log, o: log.extend((n, o) for n in range(10)),
    "two lists": lambda log, o: log.extend(list(range(10)), [o] * 10),
    "late": lambda log, o: log.extend([5, 1, 4, 2, 3, 9, 7, 8, 6, 0], [o] * 10),
    "int64": lambda log, o: log.extend(np.arange(10), [o] * 10),
    "all or nothing": lambda log, o: log.extend(range(10), [o] * 10, insert_on_error=False),
    "bulk_append": lambda log, o: log.bulk_append(np.arange(10), (o,) * 10),
}

REMOVES = {
    "close": lambda log: log.close(),
    "close after a flush": lambda log: (log.flush(), log.close()),
    "close after compaction": lambda log: (settle(log), log.close()),
    "delete and settle": lambda log: (log.delete_range(MIN, MAX), settle(log)),
    "flush, delete, settle": lambda log: (log.flush(), log.delete_range(MIN, MAX), settle(log)),
    "settle, cutoff, settle": lambda log: (settle(log), log.cutoff(MAX), settle(log)),
    "points": lambda log: ([log.delete(ts) for ts in set(times(log))], settle(log)),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("remove", REMOVES)
def test_each_row_holds_one_reference_until_it_is_gone(write, remove, counted):
    log = manual()
    WRITES[write](log, counted.value)
    assert counted() == 10
    log.flush()
    assert counted() == 10
    REMOVES[remove](log)
    assert counted() == 0


@pytest.mark.parametrize("flushed", [True, False])
def test_dropping_the_log_releases_everything(flushed, counted):
    log = manual(**TINY)
    log.extend([(n, counted.value) for n in range(5000)])
    if flushed:
        log.flush()
    del log
    gc.collect()
    assert counted() == 0


def test_a_row_overwritten_by_tombstones_many_times_is_released_once(counted):
    log = manual(**TINY)
    for _ in range(30):
        log.extend([(n, counted.value) for n in range(100)])
        log.delete_range(0, 60)
        log.delete_range(40, 100)
    assert len(log) == 0
    settle(log)
    assert counted() == 0
    log.append(1, counted.value)
    assert counted() == 1


REFUSED = {
    "no time": lambda log, o: log.append("x", o),
    "too large": lambda log, o: log.append(MAX + 1, o),
    "bool": lambda log, o: log.__setitem__(True, o),
    "no pair": lambda log, o: log.extend([(1, o), (2, o), 5]),
    "a pair of three": lambda log, o: log.extend([(1, o), (2, o, o)]),
    "all or nothing": lambda log, o: log.extend([(1, o), ("x", o)], insert_on_error=False),
    "lengths": lambda log, o: log.extend([1, 2], [o]),
    "iterators": lambda log, o: log.extend(iter([1, 2]), iter([o])),
    "below the floor": lambda log, o: log.extend([(1, o), (MIN, o)]),
    "bulk below the floor": lambda log, o: log.bulk_append(np.array([1, MIN]), [o, o]),
    "bulk lengths": lambda log, o: log.bulk_append(np.array([1]), [o, o]),
    "the index raises": lambda log, o: log.extend([(1, o), (Raises(), o)]),
}


class Raises:
    def __index__(self):
        raise ZeroDivisionError


@pytest.mark.parametrize("what", REFUSED)
def test_what_was_refused_is_not_held(what, counted):
    log = manual(min_ts=0)
    with pytest.raises((TypeError, ValueError, OverflowError, ZeroDivisionError)):
        REFUSED[what](log, counted.value)
    gc.collect()
    assert (counted(), len(log)) == (0, 0)


def test_a_batch_that_fails_midway_holds_what_is_in(counted):
    log = manual()
    with pytest.raises(ValueError, match="pairs"):
        log.extend([(n, counted.value) for n in range(5000)] + [5])
    gc.collect()
    assert counted() == len(log)
    log.close()
    assert counted() == 0


def test_skipped_rows_are_not_held(counted):
    log = manual()
    with pytest.warns(RuntimeWarning):
        log.extend([1, "x", 2], [counted.value] * 3)
    assert counted() == 2


def test_rows_read_hold_one_reference_each_and_let_go(counted):
    log = manual()
    log.extend([(n, counted.value) for n in range(10)])
    it = log.all()
    row = next(it)
    assert counted() == 11
    batch = it.next_batch(4)
    assert counted() == 15
    found = log[3]
    assert counted() == 16
    table = log.to_dict()
    assert counted() == 26
    del row, batch, found, table
    assert counted() <= 11  # an iterator may keep its result for the next one
    del it
    assert counted() == 10
    for _ in log:
        pass
    del _
    assert counted() == 10


def test_an_iterator_keeps_deleted_objects_until_it_ends(counted):
    log = manual()
    log.extend([(n, counted.value) for n in range(10)])
    log.flush()
    first, second = log.all(), log.range(3, 5)
    log.delete_range(MIN, MAX)
    settle(log)
    assert counted() == 10
    first.close()
    assert [row[1] is counted.value for row in second] == [True, True]
    second.close()
    settle(log)
    log.append(1, None)
    assert counted() == 0


def test_a_span_keeps_deleted_objects_until_it_is_closed(counted):
    log = manual()
    log.append(1, counted.value)
    log.flush()
    span = next(log.views())
    view = span.objects()
    log.delete(1)
    settle(log)
    assert counted() == 1
    assert view[0] is counted.value
    span.close()
    del view
    settle(log)
    assert counted() == 0


def test_the_worker_releases_too():
    with Timelog(maintenance_wakeup_ms=5, **TINY) as log:
        things = weakref.WeakSet()
        for n in range(2000):
            thing = Thing()
            things.add(thing)
            log.append(n, thing)
        del thing
        log.delete_range(0, 1990)
        log.flush()
        log.compact()

        def released():
            log.stats()
            log.delete(-1)  # whoever comes next may do the releasing
            return len(things) == 10

        until(released)
        assert log.alloc_failures == 0
    assert len(things) == 0


def test_drain_batch_limit_only_delays_the_release():
    things = weakref.WeakSet()
    log = manual(drain_batch_limit=1, **TINY)
    for n in range(500):
        thing = Thing()
        things.add(thing)
        log.append(n, thing)
    del thing
    log.delete_range(0, 500)
    settle(log)
    for n in range(600):
        log.append(n, None)
    log.close()
    assert len(things) == 0


# --- cycles --------------------------------------------------------------------------------------


def circle_through(log):
    thing = Thing(log)
    log.append(1, thing)
    return thing


CYCLES = {
    "an object refers to its log": circle_through,
    "a log holds itself": lambda log: log.append(1, log),
    "a log holds its iterator": lambda log: log.append(1, log.all()),
    "an object holds an iterator": lambda log: setattr(circle_through(log), "other", log.all()),
    "a log holds a span": lambda log: (
        log.append(1, 1),
        log.flush(),
        log.append(2, [*log.views()]),
    ),
    "a log holds its objects' view": lambda log: (
        log.append(1, circle_through(log)),
        log.flush(),
        log.append(2, next(log.views()).objects()),
    ),
    "two logs hold each other": lambda log: log.append(1, manual_with(log)),
    "a deleted object": lambda log: (circle_through(log), log.flush(), log.delete(1)),
}


def manual_with(other):
    log = manual()
    log.append(1, other)
    return log


# A deleted row that waits for compaction, or what a memoryview pins, is not seen by the peer.
@pytest.mark.parametrize("flushed", [True, False])
@pytest.mark.parametrize("worker", [True, False])
@pytest.mark.parametrize("kind", CYCLES)
def test_a_cycle_through_the_log_is_collected(kind, worker, flushed):
    log = Timelog(maintenance="background" if worker else "disabled")
    gone = [weakref.ref(log)]
    CYCLES[kind](log)
    gone += [weakref.ref(value) for _, value in log if isinstance(value, Thing)]
    if flushed:
        log.flush()
    del log
    gc.collect()
    gc.collect()
    assert [ref() for ref in gone] == [None] * len(gone)


def test_the_collector_sees_what_a_log_and_an_iterator_hold():
    things = [Thing() for _ in range(5)]
    log = manual()
    log.extend(range(3), things[:3])
    log.flush()
    log.extend(range(3, 5), things[3:])
    assert gc.is_tracked(log)
    seen = gc.get_referents(log)
    assert all(any(found is thing for found in seen) for thing in things)
    assert any(found is log for found in gc.get_referents(log.all()))


def test_collection_in_the_midst_of_everything_is_safe():
    old = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        log = manual(**TINY)
        for n in range(300):
            log.append(n, Thing(log))
            if n % 50 == 9:
                log.delete_range(n - 9, n)
                settle(log)
            if n % 70 == 3:
                list(log.all())
                [list(span.objects()) for span in log.views()]
        log.close()
    finally:
        gc.set_threshold(*old)


@pytest.mark.better
def test_the_collector_leaves_live_objects_alone_while_others_work():
    """It asks what a log holds twice, and has to be told the same both times."""
    things = [Thing() for _ in range(5000)]
    refs = [weakref.ref(thing) for thing in things]
    gc.collect()
    gc.freeze()  # what other tests left need not be looked at again and again
    try:
        with Timelog(max_delta_segments=2, **TINY) as log:
            log.extend(range(5000), things)
            del things
            for n in range(300):
                log.append(n, None)
                gc.collect()
            assert all(ref() is not None for ref in refs)
    finally:
        gc.unfreeze()
