"""Which library the tests of Timelog run on, and what they share.

`TIMELOG_MODULE=timelog` runs them on the peer itself, timelog-lib 1.4.0, where those marked
`better` have to fail and all others to pass.
"""

import importlib
import os
import time

NAME = os.environ.get("TIMELOG_MODULE", "chronolite")
PEER = NAME == "timelog"

timelog = importlib.import_module(NAME)

Timelog = timelog.Timelog
TimelogBusyError = timelog.TimelogBusyError
TimelogError = timelog.TimelogError
MIN, MAX = -(2**63), 2**63 - 1

# Small enough that a thousand rows fill memtables and pages.
TINY = {"memtable_max_bytes": 4096, "target_page_bytes": 1024, "busy_policy": "silent"}

NO_TIMES = [True, False, 1.0, float("nan"), float("inf"), None, "1", b"1", 1j, (1,), [1], {}]
TOO_LARGE = [MAX + 1, MIN - 1, 10**40, -(10**40)]


def manual(*times, **options):
    """A log without a worker; of each time given a row whose object is that time."""
    log = Timelog(**({"maintenance": "disabled"} | options))
    for ts in times:
        log.append(ts, ts)
    return log


def times(rows):
    return [ts for ts, _ in rows]


def objects(rows):
    return [value for _, value in rows]


def spans_of(views):
    """Times of each span; the spans are closed after."""
    found = []
    for span in views:
        found.append(list(span.timestamps))
        span.close()
    return found


def settle(log):
    """All work of maintenance done: nothing in the memtable, nothing left to compact."""
    log.flush()
    log.compact()
    for _ in range(100):
        if not log.maint_step():
            return
    raise AssertionError("maint_step never has done")


def told(error):
    """The message of an error with its notes."""
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.002)


class Thing:
    """An object that can be referred to weakly and refer to others."""

    def __init__(self, other=None):
        self.other = other


class Tells:
    """Calls back when it dies."""

    def __init__(self, call):
        self.call = call

    def __del__(self):
        self.call()
