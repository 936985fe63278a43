"""Flush, compaction, the worker, what is done under pressure, and what stats() tells."""

import json
import time

import numpy as np
import pytest

from timelog_under_test import (
    MAX,
    MIN,
    TINY,
    Timelog,
    TimelogBusyError,
    TimelogError,
    manual,
    objects,
    settle,
    spans_of,
    times,
    until,
)

SHAPE = {
    "storage": {
        "segments_l0": int,
        "segments_l1": int,
        "pages_total": int,
        "records_estimate": int,
        "min_ts": type(None),
        "max_ts": type(None),
        "tombstone_count": int,
    },
    "memtable": {"active_records": int, "ooo_records": int, "sealed_runs": int},
    "operational": {
        "seals_total": int,
        "ooo_budget_hits": int,
        "backpressure_waits": int,
        "flushes_total": int,
        "compactions_total": int,
        "compaction_retries": int,
        "compaction_publish_ebusy": int,
        "busy_events": int,
        "extend_skipped": int,
    },
    "compaction_selection": {
        "select_calls": int,
        "select_l0_inputs": int,
        "select_l1_inputs": int,
        "select_no_work": int,
    },
    "adaptive": {"window": int, "ewma_density": float, "flush_count": int, "failures": int},
    "config": {
        "time_unit": str,
        "maintenance": str,
        "busy_policy": str,
        "min_ts": type(None),
        "mostly_ordered_default": bool,
    },
}


def storage(log):
    return log.stats()["storage"]


def segments(log):
    return storage(log)["segments_l0"], storage(log)["segments_l1"]


def test_stats_are_nested_so():
    log = manual()
    found = log.stats()
    assert {
        group: {name: type(value) for name, value in values.items()}
        for group, values in found.items()
    } == SHAPE
    assert json.loads(json.dumps(found)) == found
    assert log.stats() is not found


def test_stats_count_rows_and_say_their_ends():
    log = manual()
    log.extend([(5, "a"), (3, "b"), (9, "c")])
    for step in [lambda log: None, lambda log: log.flush(), settle]:
        step(log)
        found = storage(log)
        assert (found["records_estimate"], found["min_ts"], found["max_ts"]) == (3, 3, 9)
    log.delete_range(4, 100)
    assert (storage(log)["records_estimate"], storage(log)["tombstone_count"]) == (1, 1)
    settle(log)
    assert (storage(log)["max_ts"], storage(log)["tombstone_count"]) == (3, 0)


def test_stats_tell_ordered_rows_from_late_ones():
    log = manual()
    log.extend([(5, 5), (6, 6), (3, 3)])
    assert log.stats()["memtable"] == {"active_records": 2, "ooo_records": 1, "sealed_runs": 0}
    log.flush()
    assert log.stats()["memtable"] == {"active_records": 0, "ooo_records": 0, "sealed_runs": 0}


def test_rows_go_from_the_memtable_to_l0_to_l1():
    log = manual(1, 2, 3)
    assert segments(log) == (0, 0)
    log.flush()
    assert segments(log) == (1, 0)
    assert storage(log)["pages_total"] == 1
    log.append(4, 4)
    log.flush()
    assert segments(log) == (2, 0)
    assert log.compact() is None
    assert segments(log) == (2, 0)  # it is only asked for
    assert log.maint_step() is True
    assert segments(log) == (0, 1)
    assert log.maint_step() is False
    counted = log.stats()["operational"]
    assert (counted["flushes_total"], counted["compactions_total"]) == (2, 1)
    assert times(log) == [1, 2, 3, 4]


def test_a_flush_of_nothing_does_nothing():
    log = manual()
    assert log.flush() is None
    log.append(1, 1)
    log.flush()
    log.flush()
    assert log.stats()["operational"]["flushes_total"] == 1
    assert segments(log) == (1, 0)


def test_a_step_of_maintenance_leaves_the_active_memtable_alone():
    log = manual(1, 2)
    assert log.maint_step() is False
    assert log.stats()["memtable"]["active_records"] == 2


def test_a_step_flushes_one_sealed_run():
    log = manual(memtable_max_bytes=4096, busy_policy="silent")
    for n in range(500):
        log.append(n, n)
    sealed = log.stats()["memtable"]["sealed_runs"]
    assert sealed >= 1
    for left in reversed(range(sealed)):
        assert log.maint_step() is True
        assert log.stats()["memtable"]["sealed_runs"] == left
    assert log.maint_step() is False
    assert times(log) == list(range(500))


def test_many_segments_are_compacted_without_being_asked():
    log = manual()
    for n in range(20):
        log.append(n, n)
        log.flush()
    assert log.maint_step() is True
    assert storage(log)["segments_l0"] < 20
    log = manual(max_delta_segments=1000)
    for n in range(20):
        log.append(n, n)
        log.flush()
    assert log.maint_step() is False
    assert segments(log) == (20, 0)


def test_l1_is_cut_into_windows_that_do_not_overlap():
    log = manual(window_size=10)
    log.extend([(n, n) for n in range(100)])
    settle(log)
    assert segments(log) == (0, 10)
    spans = spans_of(log.views())
    assert [ts for span in sorted(spans) for ts in span] == list(range(100))
    assert all(span[0] // 10 == span[-1] // 10 for span in spans)


@pytest.mark.parametrize(
    "options",
    [
        {"window_size": 1},
        # The peer's maint_step raises ValueError, and so it would forever.
        pytest.param({}, marks=pytest.mark.better),
        pytest.param({"window_size": MAX}, marks=pytest.mark.better),
    ],
)
def test_the_whole_of_int64_can_be_compacted(options):
    log = manual(MIN, MIN + 1, -1, 0, 1, MAX - 1, MAX, **options)
    settle(log)
    log.delete_range(MIN, 0)
    settle(log)
    assert times(log) == [0, 1, MAX - 1, MAX]
    log.validate()


@pytest.mark.parametrize(
    "origin",
    [
        *[0, MIN],
        # The peer's maint_step raises OverflowError, and so it would forever.
        *[pytest.param(origin, marks=pytest.mark.better) for origin in [4, -4, MAX]],
    ],
)
def test_a_delete_to_the_end_of_int64_can_be_compacted_from_any_origin(origin):
    log = manual(1, 2, 3, window_origin=origin, window_size=10)
    log.flush()
    log.cutoff(2)
    log.delete_range(3, MAX)
    settle(log)
    assert times(log) == [2]


def test_a_settled_log_is_valid():
    log = manual(**TINY)
    for n in range(3000):
        log.append(n * 7919 % 1000, n)
        if n % 500 == 0:
            log.delete_range(n % 900, n % 900 + 50)
    assert log.validate() is None
    settle(log)
    assert log.validate() is None


# --- the worker ----------------------------------------------------------------------------------


def test_without_a_worker_there_is_none_to_start():
    log = manual()
    with pytest.raises(TimelogError, match="start_maintenance requires maintenance='background'"):
        log.start_maintenance()
    assert log.stop_maintenance() is None


def test_the_worker_can_be_started_and_stopped_again_and_again():
    with Timelog(**TINY) as log:
        for _ in range(3):
            assert log.start_maintenance() is None
            assert log.start_maintenance() is None
            assert log.stop_maintenance() is None
            assert log.stop_maintenance() is None
        log.extend([(n, n) for n in range(1000)])
        log.flush()
        assert times(log) == list(range(1000))
        log.start_maintenance()
        assert log.maintenance_mode == "background"


def test_the_worker_and_steps_by_hand_exclude_each_other():
    with Timelog() as log:
        with pytest.raises(TimelogError, match="invalid state"):
            log.maint_step()
        log.stop_maintenance()
        with pytest.raises(TimelogError, match="invalid state"):
            log.maint_step()


def test_the_worker_flushes_and_compacts():
    with Timelog(**TINY) as log:
        for at in range(0, 20_000, 100):
            log.extend([(n, n) for n in range(at, at + 100)])
        until(lambda: log.stats()["memtable"]["sealed_runs"] == 0)
        until(lambda: log.stats()["operational"]["compactions_total"] > 0)
        assert log.stats()["operational"]["flushes_total"] > 0
        assert times(log) == list(range(20_000))


def test_the_worker_compacts_when_asked():
    with Timelog(maintenance_wakeup_ms=10) as log:
        for n in range(3):
            log.append(n, n)
            log.flush()
        log.compact()
        until(lambda: segments(log) == (0, 1))
        assert times(log) == [0, 1, 2]


@pytest.mark.parametrize(("threshold", "tidied"), [(0.1, True), (0.0, False)])
def test_a_share_of_a_window_that_is_deleted_is_compacted_away(threshold, tidied):
    """A share of its time, not of its rows; without one nothing happens unasked."""
    log = manual(delete_debt_threshold=threshold, window_size=1000)
    log.extend(range(1000), range(1000))
    settle(log)
    log.delete_range(0, 900)
    log.flush()
    assert log.maint_step() is tidied
    assert (storage(log)["tombstone_count"] == 0) is tidied
    assert times(log) == list(range(900, 1000))


def test_the_worker_compacts_deletes_away():
    options = TINY | {"delete_debt_threshold": 0.1, "window_size": 1000}
    with Timelog(maintenance_wakeup_ms=10, **options) as log:
        log.extend(range(1000), range(1000))
        log.flush()
        log.compact()
        log.delete_range(0, 900)
        log.flush()
        until(lambda: storage(log)["tombstone_count"] == 0)
        assert times(log) == list(range(900, 1000))


# --- pressure ------------------------------------------------------------------------------------

PRESSURE = {"memtable_max_bytes": 4096, "sealed_max_runs": 1}
RECORD = "Record inserted but backpressure occurred"
TOMBSTONE = "Tombstone inserted but backpressure occurred"


def pressed():
    log = manual(busy_policy="raise", **PRESSURE)
    for n in range(10_000):
        try:
            log.append(n, n)
        except TimelogBusyError:
            assert len(log) == n + 1
            return log
    raise AssertionError("no pressure")


def test_pressure_is_raised_after_the_row_is_in_and_says_so():
    log = pressed()
    n = len(log)
    for count, write in enumerate(
        [
            lambda: log.append(0, "again"),
            lambda: log.append("again", ts=0),
            lambda: log.__setitem__(0, "again"),
        ],
        start=1,
    ):
        with pytest.raises(TimelogBusyError, match=f"{RECORD}.*flush\\(\\)"):
            write()
        assert len(log) == n + count
    assert sorted(map(str, log[0])) == ["0", "again", "again", "again"]
    with pytest.raises(TimelogBusyError, match="All records were committed"):
        log.extend([(1, "more")])
    with pytest.raises(TimelogBusyError, match="All records were committed"):
        log.bulk_append(np.array([1]), ["most"])
    assert sorted(map(str, log[1])) == ["1", "more", "most"]
    assert log.busy_events == log.stats()["operational"]["busy_events"] >= 6


def test_pressure_is_raised_after_the_delete_is_in_and_says_so():
    log = pressed()
    for delete in [
        lambda: log.delete(3),
        lambda: log.delete_range(5, 8),
        lambda: log.__delitem__(9),
        lambda: log.cutoff(2),
    ]:
        with pytest.raises(TimelogBusyError, match=TOMBSTONE):
            delete()
    assert times(log[:11]) == [2, 4, 8, 10]


def test_a_flush_takes_the_pressure_off():
    log = pressed()
    log.flush()
    for n in range(10):
        log.append(n, "calm")
    log.delete(5)


@pytest.mark.parametrize("policy", ["raise", "silent", "flush"])
def test_every_row_is_in_whatever_is_done_under_pressure(policy):
    log, raised = manual(busy_policy=policy, **PRESSURE), 0
    for n in range(3000):
        try:
            log.append(n, n)
        except TimelogBusyError:
            raised += 1
    assert objects(log) == list(range(3000))
    assert log.busy_events > 0
    assert (raised > 0) == (policy == "raise")
    assert (log.stats()["operational"]["flushes_total"] > 0) == (policy == "flush")
    for n in range(0, 3000, 2):
        try:
            log.delete(n)
        except TimelogBusyError:
            assert policy == "raise"
    assert objects(log) == list(range(1, 3000, 2))


@pytest.mark.parametrize("policy", ["raise", "silent", "flush"])
def test_every_row_is_in_beside_a_worker_under_pressure(policy):
    with Timelog(busy_policy=policy, sealed_wait_ms=0, **PRESSURE) as log:
        for n in range(5000):
            try:
                log.append(n, n)
            except TimelogBusyError:
                assert policy == "raise"
        assert objects(log) == list(range(5000))


def test_late_rows_have_a_budget():
    log = manual(ooo_budget_bytes=1024, busy_policy="silent")
    for n in range(1000):
        log.append(-n, n)
    assert log.stats()["operational"]["ooo_budget_hits"] > 0
    assert times(log) == list(range(-999, 1))


def test_a_wait_for_the_worker_is_bounded():
    with Timelog(busy_policy="silent", sealed_wait_ms=1, **PRESSURE) as log:
        log.stop_maintenance()
        began = time.monotonic()
        for n in range(600):
            log.append(n, n)
        assert time.monotonic() - began < 30
        assert len(log) == 600


def test_a_delete_of_nothing_is_no_write_under_pressure():
    log = pressed()
    log.delete_range(5, 5)
    assert log.stats()["storage"]["tombstone_count"] == 0


def test_a_flush_of_rows_that_are_all_deleted_leaves_nothing():
    log = manual(adaptive={"target_records": 1000}, window_size=1000)
    log.append(1, 1)
    log.delete(1)
    log.flush()
    assert (segments(log), log.stats()["operational"]["flushes_total"]) == ((0, 0), 0)
    assert log.stats()["adaptive"]["window"] == 0


def test_windows_that_follow_the_rows_stay_as_they_are_while_nothing_comes():
    adaptive = {"target_records": 100, "failure_backoff_threshold": 1, "failure_backoff_pct": 50}
    with Timelog(maintenance_wakeup_ms=1, adaptive=adaptive) as log:
        log.extend(range(1000), range(1000))
        log.flush()
        window = log.stats()["adaptive"]["window"]
        assert window == 100
        time.sleep(0.1)
        assert log.stats()["adaptive"]["window"] == window
