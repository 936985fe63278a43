"""Objects, iterators and indices that call back into the log are let in, and nothing hangs."""

import subprocess
import sys
import textwrap

import pytest

from timelog_under_test import NAME, Tells, manual, settle, times


def test_an_object_that_dies_may_read_and_write():
    log, seen = manual(), []
    log.append(1, Tells(lambda: (seen.append(times(log)), log.append(9, "from __del__"))))
    log.append(2, "b")
    log.delete(1)
    settle(log)
    assert seen == [[2]]
    assert list(log) == [(2, "b"), (9, "from __del__")]


def test_an_object_that_dies_at_close_finds_it_closed():
    log, seen = manual(), []

    def call():
        try:
            seen.append(len(log))
        except Exception as error:  # noqa: BLE001
            seen.append(str(error))

    log.append(1, Tells(call))
    log.close()
    assert seen == ["Timelog is closed"]
    log.reopen(maintenance="disabled")
    assert len(log) == 0


def test_an_object_may_be_reborn():
    kept = []

    class Reborn:
        def __del__(self):
            kept.append(self)

    log = manual()
    log.append(1, Reborn())
    log.close()
    assert len(kept) == 1
    log.reopen(maintenance="disabled")
    log.append(1, kept.pop())
    assert len(log) == 1
    log.close()


def test_a_generator_may_write_to_the_log_it_extends():
    log = manual()
    log.extend((n, log.append(n + 100, "inner")) for n in range(3))
    assert times(log) == [0, 1, 2, 100, 101, 102]


def test_a_log_may_be_extended_by_itself():
    log = manual(1, 2, 3)
    log.extend(log)
    assert times(log) == [1, 1, 2, 2, 3, 3]
    log.extend((ts + 10, value) for ts, value in log.all())
    assert len(log) == 12


def test_a_generator_that_closes_the_log_is_told_so():
    log = manual()
    with pytest.raises(Exception, match="closed"):
        log.extend((log.close(), n)[::-1] for n in range(3))
    assert log.closed


def test_an_index_may_write_and_close():
    class Index:
        def __init__(self, call):
            self.call = call

        def __index__(self):
            return self.call()

    log = manual()
    log.append(Index(lambda: (log.append(7, "inner"), 3)[1]), "outer")
    assert list(log) == [(3, "outer"), (7, "inner")]
    log.delete_range(Index(lambda: (log.append(0, "more"), 0)[1]), 5)
    assert list(log) == [(7, "inner")]
    with pytest.raises(Exception, match="closed"):
        log.append(Index(lambda: (log.close(), 3)[1]), "late")
    with pytest.raises(ZeroDivisionError):
        manual().range(Index(lambda: 1 // 0), 5)


# PROOF's row: every method called from every place that runs Python. In a process of its own,
# which ends with the stacks of its threads when it hangs.
PLACES = {
    "an object dies in maint_step": """
        log.append(1, Tells(call))
        log.delete(1)
        settle()
    """,
    "an object dies in flush": """
        log.flush()
        log.append(1, Tells(call))
        log.delete(1)
        log.flush()
        settle()
    """,
    "an object dies in close": """
        log.append(1, Tells(call))
        log.close()
    """,
    "an object dies with the log": """
        log.append(1, Tells(call))
        del log
    """,
    "an object dies with an iterator": """
        log.append(1, Tells(call))
        log.flush()
        it = log.all()
        log.delete(1)
        settle()
        it.close()
    """,
    "an object dies in next": """
        log.append(1, Tells(call))
        it = log.all()
        log.delete(1)
        settle()
        for row in it: del row
    """,
    "an object dies in a refused extend": """
        log.extend([(1, Tells(call)), 5])
    """,
    "a generator of pairs": """
        log.extend((n, call()) for n in range(3))
    """,
    "an iterator of times": """
        log.extend((call() or n for n in range(3)), range(3))
    """,
    "an iterator of objects": """
        log.extend([1, 2, 3], (call() for n in range(3)))
    """,
    "an index": """
        log.append(Index(call), 1)
    """,
    "an index in a range": """
        list(log.range(Index(call), Index(call)))
        log.delete_range(Index(call), Index(call))
        log[Index(call):Index(call)]
        log.next_ts(Index(call))
    """,
    "a sequence of objects": """
        class Sequence:
            def __len__(self): call(); return 2
            def __getitem__(self, n):
                call()
                if n > 1: raise IndexError
                return n
        log.bulk_append(np.arange(2), Sequence())
    """,
    "the warning of skipped rows": """
        import warnings
        warnings.showwarning = lambda *_: call()
        warnings.simplefilter("always")
        log.extend([("x", 1)])
    """,
    "a number being converted": """
        class Number:
            def __float__(self): call(); return 1.0
        log.append(1, Number())
        log.to_numpy()
    """,
    "the collector": """
        log.append(1, Thing(Tells(call), log))
        log.append(2, [log])
        del log
        gc.collect()
    """,
}

CHILD = """
import faulthandler, gc, sys, weakref
import numpy as np
from {name} import Timelog
faulthandler.enable()

class Tells:
    def __init__(self, call): self.call = call
    def __del__(self): self.call()

class Thing:
    def __init__(self, *others): self.others = others

class Index:
    def __init__(self, call): self.call = call
    def __index__(self): self.call(); return 1

METHODS = {{
    "append": lambda log: log.append(5, "in"), "setitem": lambda log: log.__setitem__(1, 2),
    "now": lambda log: log.append("in"), "extend": lambda log: log.extend([(1, 2)] * 2000),
    "bulk": lambda log: log.bulk_append(np.arange(9), range(9)), "len": len, "list": list,
    "range": lambda log: list(log[0:9]), "point": lambda log: log[1], "in": lambda log: 1 in log,
    "ends": lambda log: (log.min_ts(), log.max_ts(), log.next_ts(0), log.prev_ts(9)),
    "delete": lambda log: log.delete(1), "delete_range": lambda log: log.delete_range(0, 99),
    "cutoff": lambda log: log.cutoff(1), "flush": lambda log: log.flush(),
    "compact": lambda log: log.compact(), "step": lambda log: log.maint_step(),
    "start": lambda log: log.start_maintenance(), "stop": lambda log: log.stop_maintenance(),
    "stats": lambda log: log.stats(), "repr": repr, "validate": lambda log: log.validate(),
    "views": lambda log: [list(s.objects()) for s in log.views()],
    "dict": lambda log: log.to_dict(), "numpy": lambda log: log.to_numpy(0, 1),
    "reopen": lambda log: (log.close(), log.reopen(maintenance="disabled")),
    "collect": lambda log: gc.collect(), "close": lambda log: log.close(),
}}

def place(log, call):
    def settle():
        log.flush(), log.compact()
        while log.maint_step(): pass
{place}

for mode in ["disabled", "background"]:
    for name, method in METHODS.items():
        faulthandler.dump_traceback_later({seconds}, exit=True)
        log = Timelog(maintenance=mode, memtable_max_bytes=4096, busy_policy="silent")
        if mode == "disabled": log.extend([(n, [n]) for n in range(20, 60)])
        which, calls, depth = weakref.ref(log), [], []
        def call():
            calls.append(name)
            if depth or which() is None: return
            depth.append(1)
            try: method(which())
            except Exception: pass
            finally: depth.clear()
        try: place(log, call)
        except Exception as error: pass
        del log
        gc.collect()
        print(mode, name, len(calls), flush=True)
faulthandler.cancel_dump_traceback_later()
print("done", flush=True)
"""


@pytest.mark.parametrize("place", PLACES)
def test_a_call_back_into_every_method_neither_hangs_nor_crashes(place):
    code = CHILD.format(
        name=NAME, seconds=20, place=textwrap.indent(textwrap.dedent(PLACES[place]), "    ")
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    last = "\n".join(done.stdout.splitlines()[-2:])
    assert (done.returncode, last[-4:]) == (0, "done"), f"{last}\n{done.stderr}"
    called = [line for line in done.stdout.splitlines() if not line.endswith((" 0", "done"))]
    assert called, "nobody called back"
