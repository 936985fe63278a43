"""Closing, opening again with other options, and the end of the interpreter."""

import contextlib
import gc
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from timelog_under_test import NAME, Timelog, TimelogError, manual, times

USES = {
    "append": lambda log: log.append(1, "a"),
    "append now": lambda log: log.append("a"),
    "log[1] =": lambda log: log.__setitem__(1, "a"),
    "extend": lambda log: log.extend([(1, "a")]),
    "extend nothing": lambda log: log.extend([]),
    "extend two": lambda log: log.extend([1], ["a"]),
    "bulk_append": lambda log: log.bulk_append(np.array([1]), ["a"]),
    "delete": lambda log: log.delete(1),
    "delete_range": lambda log: log.delete_range(1, 2),
    "delete_before": lambda log: log.delete_before(1),
    "cutoff": lambda log: log.cutoff(1),
    "del": lambda log: log.__delitem__(1),
    "del slice": lambda log: log.__delitem__(slice(1, 2)),
    "len": len,
    "bool": bool,
    "iter": iter,
    "in": lambda log: 1 in log,
    "log[1]": lambda log: log[1],
    "log[1:2]": lambda log: log[1:2],
    "at": lambda log: log.at(1),
    "all": lambda log: log.all(),
    "range": lambda log: log.range(1, 2),
    "since": lambda log: log.since(1),
    "until": lambda log: log.until(1),
    "point": lambda log: log.point(1),
    "equal": lambda log: log.equal(1),
    "min_ts": lambda log: log.min_ts(),
    "max_ts": lambda log: log.max_ts(),
    "next_ts": lambda log: log.next_ts(1),
    "prev_ts": lambda log: log.prev_ts(1),
    "views": lambda log: log.views(),
    "page_spans": lambda log: log.page_spans(1, 2),
    "to_dict": lambda log: log.to_dict(),
    "to_numpy": lambda log: log.to_numpy(),
    "stats": lambda log: log.stats(),
    "validate": lambda log: log.validate(),
    "flush": lambda log: log.flush(),
    "compact": lambda log: log.compact(),
    "maint_step": lambda log: log.maint_step(),
    "start_maintenance": lambda log: log.start_maintenance(),
    "stop_maintenance": lambda log: log.stop_maintenance(),
    "with": lambda log: log.__enter__(),
}


@pytest.mark.parametrize("use", USES)
def test_a_closed_log_refuses_every_use(use):
    log = manual(1)
    log.close()
    with pytest.raises(TimelogError, match="Timelog is closed"):
        USES[use](log)


def test_a_closed_log_still_tells_its_properties():
    log = Timelog(time_unit="ns", busy_policy="silent", min_ts=5)
    log.close()
    assert log.closed
    assert (log.time_unit, log.maintenance_mode, log.busy_policy) == ("ns", "background", "silent")
    assert (log.busy_events, log.extend_skipped, log.min_ts_floor) == (0, 0, 5)
    assert (log.alloc_failures, log.retired_queue_len) == (0, 0)
    assert repr(log) == "<Timelog closed>"


def test_close_is_idempotent_and_takes_nothing():
    log = manual(1)
    with pytest.raises(TypeError, match="argument"):
        log.close(1)
    assert log.close() is None
    assert log.close() is None


def test_as_a_context_it_closes_and_lets_errors_through():
    with manual(1) as log:
        assert times(log) == [1]
    assert log.closed
    with pytest.raises(KeyError), manual(1) as log:
        raise KeyError
    assert log.closed


def test_as_a_context_it_is_itself():
    log = manual()
    assert log.__enter__() is log
    assert log.__exit__(None, None, None) is False
    assert log.closed


@pytest.mark.parametrize("again", ["reopen", "configure"])
def test_opened_again_it_is_empty_with_the_options_given(again):
    log = manual(1, 2)
    log.flush()
    with pytest.raises(TimelogError, match="must be closed to reopen"):
        getattr(log, again)(time_unit="ns")
    log.close()
    getattr(log, again)(time_unit="ns", maintenance="disabled", busy_policy="silent")
    assert not log.closed
    assert (len(log), list(log), log.min_ts()) == (0, [], None)
    assert (log.time_unit, log.maintenance_mode, log.busy_policy) == ("ns", "disabled", "silent")
    log.append(3, "a")
    assert list(log) == [(3, "a")]


def test_opened_again_only_the_floor_and_the_expected_order_are_as_before():
    log = manual(time_unit="ns", busy_policy="silent", min_ts=7, mostly_ordered_default=False)
    for options, expected in [
        ({}, (7, False)),
        ({"min_ts": None}, (None, False)),
        ({"mostly_ordered_default": True}, (None, True)),
        ({"min_ts": 3}, (3, True)),
    ]:
        log.close()
        log.reopen(**options)
        config = log.stats()["config"]
        assert (config["min_ts"], config["mostly_ordered_default"]) == expected
        assert (log.time_unit, log.maintenance_mode, log.busy_policy) == (
            "ms",
            "background",
            "raise",
        )
    log.close()


def test_opened_again_its_counters_begin_anew():
    log = manual(memtable_max_bytes=4096, sealed_max_runs=1, busy_policy="silent")
    for n in range(2000):
        log.append(n, n)
    with pytest.warns(RuntimeWarning):
        log.extend([("x", 1)])
    assert log.busy_events > 0
    log.close()
    assert log.extend_skipped == 1
    log.reopen()
    assert (log.extend_skipped, log.busy_events) == (0, 0)
    log.close()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"nonsense": 1}, TypeError),
        ({"time_unit": "x"}, ValueError),
        ({"min_ts": "x"}, TypeError),
        ({"mostly_ordered_default": 5}, TypeError),
    ],
)
def test_opening_again_with_a_wrong_option_leaves_it_closed(options, error):
    log = manual(1)
    log.close()
    with pytest.raises(error):
        log.reopen(**options)
    assert log.closed
    log.reopen(maintenance="disabled")
    assert list(log) == []


def test_it_is_not_made_twice():
    log = manual(1)
    with pytest.raises(TypeError, match="already initialized"):
        log.__init__()
    assert times(log) == [1]


def test_ended_iterators_and_views_do_not_hinder_closing():
    log = manual(1, 2)
    log.flush()
    list(log.all())
    log.all().close()
    for span in log.views():
        span.close()
    _ = log[0:]
    del _
    log.close()
    assert log.closed


# --- better: what is open at close() stays readable ---------------------------------------------

OPEN = {
    "iterator": (lambda log: log.all(), list, [(1, 1), (2, 2), (3, 3)]),
    "batches": (lambda log: log.range(2, 9), lambda it: it.next_batch(9), [(2, 2), (3, 3)]),
    "length": (lambda log: log.since(2), len, 2),
    "views": (lambda log: log.views(), lambda v: [list(s.timestamps) for s in v], [[1, 2, 3]]),
    "span": (lambda log: next(log.views()), lambda span: list(span.timestamps), [1, 2, 3]),
    "objects": (lambda log: next(log.views()).objects(), list, [1, 2, 3]),
    "memoryview": (lambda log: next(log.views()).timestamps, list, [1, 2, 3]),
}


@pytest.mark.better
@pytest.mark.parametrize("kind", OPEN)
@pytest.mark.parametrize("way", ["close", "with", "reopen"])
def test_what_is_open_at_close_stays_readable(kind, way):
    take, read, expected = OPEN[kind]
    log = manual(1, 2, 3)
    log.flush()
    held = take(log)
    with log if way == "with" else contextlib.nullcontext():
        pass
    log.close()
    assert log.closed
    if way == "reopen":
        log.reopen(maintenance="disabled")
        log.append(9, "new")
        assert times(log) == [9]
    assert read(held) == expected


@pytest.mark.better
def test_an_iterator_over_unflushed_rows_survives_close_beside_a_worker():
    with Timelog(memtable_max_bytes=4096, busy_policy="silent") as log:
        log.extend([(n, n) for n in range(5000)])
        it = log.all()
        next(it)
    assert [n for n, _ in it] == list(range(1, 5000))


# --- the end -------------------------------------------------------------------------------------


def test_a_dropped_log_ends_its_worker():
    from pathlib import Path

    def threads():
        return len(list(Path("/proc/self/task").iterdir()))

    gc.collect()
    before = threads()
    logs = [Timelog() for _ in range(5)]
    for log in logs:
        log.append(1, [1])
    assert threads() >= before
    del logs, log
    gc.collect()
    assert threads() == before


EXITS = {
    "a running worker": """
        log = Timelog(memtable_max_bytes=4096, busy_policy="silent")
        log.extend([(n, [n]) for n in range(50_000)])
    """,
    "iterators and views are open": """
        log = Timelog()
        log.extend([(n, [n]) for n in range(5000)])
        log.flush()
        it, views = log.all(), log.views()
        next(it)
        span = next(views)
        memory, objects = span.timestamps, iter(span.objects())
    """,
    "a log in a module's globals and a cycle": """
        import builtins
        builtins.kept = log = Timelog()
        log.append(1, log)
        log.append(2, log.all())
    """,
    "objects that call back": """
        class Calls:
            def __del__(self):
                try:
                    log.append(1, 2), list(log), log.close()
                except Exception:
                    pass
        log = Timelog(memtable_max_bytes=4096, busy_policy="silent")
        log.extend([(n, Calls()) for n in range(5000)])
        log.delete_range(0, 4000)
    """,
    "a thread that writes": """
        import threading
        log = Timelog(memtable_max_bytes=4096, busy_policy="silent")
        def write():
            n = 0
            while True:
                log.append(n := n + 1, [n])
        threading.Thread(target=write, daemon=True).start()
        while len(log) < 1000: pass
    """,
    "a thread that reads": """
        import threading
        log = Timelog()
        log.extend([(n, [n]) for n in range(5000)])
        began = threading.Event()
        def read():
            while True:
                for row in log: began.set()
        threading.Thread(target=read, daemon=True).start()
        began.wait()
    """,
}


@pytest.mark.parametrize("what", EXITS)
def test_the_interpreter_ends_in_peace(what):
    code = f"from {NAME} import Timelog\n{textwrap.dedent(EXITS[what])}\nprint('end', flush=True)"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr
    assert "Fatal" not in done.stderr


@pytest.mark.better
def test_a_child_of_a_fork_is_told_so_and_does_not_hang():
    code = f"""
import os, signal
from {NAME} import Timelog, TimelogError
for n in range(20):
    log = Timelog(memtable_max_bytes=4096, busy_policy="flush")
    log.extend((n, [n]) for n in range(3000))
    rows = log.all()
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        uses = [lambda: log.append(1, 2), log.flush, lambda: log[5], lambda: len(log), log.stats]
        for use in uses:
            try:
                use()
            except TimelogError as error:
                assert "fork" in str(error), error
            else:
                os._exit(1)
        import gc
        gc.collect()
        next(rows)
        log.close()
        del log, rows
        Timelog(maintenance="disabled").append(1, 1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    log.append(1, 2)
    log.close()
print("end")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "end\n", done.stderr


@pytest.mark.better
def test_a_log_that_is_opened_at_exit_hinders_nothing():
    code = f"""
import atexit, builtins
@atexit.register
def late():
    from {NAME} import Timelog
    builtins.kept = log = Timelog(memtable_max_bytes=4096)
    log.extend((n, [n]) for n in range(100))
from {NAME} import Timelog
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_subclass_may_compare_as_it_likes():
    class Same(Timelog):  # noqa: PLW1641
        def __eq__(self, other):
            return True

    with Same() as log:
        log.append(1, 1)
        assert len(log) == 1
