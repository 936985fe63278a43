"""A log does what a sorted list with tombstones does: a state machine that runs both side by side.

The model is a list of rows in the order of arrival; a delete takes rows out of it. Among the steps
are flushes and compactions, iterators and spans that are held across whatever follows, closing and
opening again. Every object is counted: as many live as the model, the held snapshots and what waits
for compaction account for, and none when all is closed.

In full size it runs 10,000 examples of 200 steps.
"""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.proof import sizes
from tests.proof.machines import in_parts, run
from timelog_under_test import (
    MAX,
    MIN,
    PEER,
    Timelog,
    TimelogBusyError,
    settle,
    times,
)

EXAMPLES = sizes.size(60, 10_000)
STEPS = 60 if sizes.SHARE == 0 else 200

# The peer cannot compact rows that lie further apart than int64 is wide, nor a delete from its end
# where the origin is not 0.
FAR = [] if PEER else [MIN, MIN + 1, MAX - 1]
ORIGINS = st.just(0) if PEER else st.integers(-5, 5)
NEAR = st.integers(-6, 14)
# Most are near each other, so that ranges have rows at their ends.
TIMES = st.sampled_from([*range(-6, 15), *range(-6, 15), 12345, -(10**9), 10**9, *FAR])
ENDS = st.sampled_from([*range(-6, 15), *range(-6, 15), 12345, -(10**9), 10**9, MIN, MAX, *FAR])
RANGES = st.tuples(ENDS, ENDS).map(sorted)
BATCHES = st.lists(TIMES, max_size=12)


ALIVE = weakref.WeakSet()


class Item:
    """An object of a row, known by its number."""

    __slots__ = ("__weakref__", "number")

    def __init__(self, number):
        self.number = number
        ALIVE.add(self)


class Machine(RuleBasedStateMachine):
    """The log under test, the model's rows (time, number), and what is held from earlier."""

    kind = Timelog
    rows_compared = 0

    def __init__(self):
        super().__init__()
        self.before = len(ALIVE)
        self.model = []
        self.held = []
        self.spans = []
        self.count = 0
        self.log = None

    @initialize(
        worker=st.booleans(),
        policy=st.sampled_from(["raise", "silent", "flush"]),
        options=st.fixed_dictionaries(
            {},
            optional={
                "memtable_max_bytes": st.sampled_from([64, 512, 4096]),
                "target_page_bytes": st.sampled_from([256, 1024]),
                "sealed_max_runs": st.integers(1, 3),
                "ooo_budget_bytes": st.sampled_from([64, 1024]),
                "max_delta_segments": st.integers(1, 4),
                "window_size": st.sampled_from([1, 7, 100]),
                "window_origin": ORIGINS,
                "delete_debt_threshold": st.sampled_from([0.01, 0.5]),
                "drain_batch_limit": st.integers(1, 3),
            },
        ),
    )
    def begin(self, worker, policy, options):
        self.worker = worker
        mode = "background" if worker else "disabled"
        self.options = {"maintenance": mode, "busy_policy": policy, **options}
        self.options["sealed_wait_ms"] = 1
        self.log = self.kind(**self.options)

    def alive_are(self, count):
        """So many objects live; the collector is asked only if it is not so."""
        return len(ALIVE) - self.before == count or (
            gc.collect() >= 0 and len(ALIVE) - self.before == count
        )

    # --- changes ---

    def accepted(self, change):
        """A change that may be under pressure: it is in all the same."""
        try:
            change()
        except TimelogBusyError as error:
            assert self.options["busy_policy"] == "raise"
            assert "inserted" in str(error) or "committed" in str(error)  # noqa: PT017

    def made(self, batch):
        rows = [(ts, self.count + n) for n, ts in enumerate(batch)]
        self.count += len(rows)
        self.model += rows
        return [(ts, Item(number)) for ts, number in rows]

    @rule(ts=TIMES, form=st.sampled_from(["positional", "named", "item"]))
    def append(self, ts, form):
        ((ts, item),) = self.made([ts])
        if form == "positional":
            self.accepted(lambda: self.log.append(ts, item))
        elif form == "named":
            self.accepted(lambda: self.log.append(item, ts=ts))
        else:
            self.accepted(lambda: self.log.__setitem__(ts, item))

    @rule(start=NEAR, step=st.sampled_from([0, 1, 2]), count=st.integers(1, 60))
    def append_in_a_row(self, start, step, count):
        for row in self.made([start + n * step for n in range(count)]):
            self.accepted(lambda row=row: self.log.append(*row))
        row = None

    @rule(
        batch=BATCHES,
        form=st.sampled_from(["pairs", "generator", "lists", "int64", "bulk", "all"]),
        ordered=st.sampled_from([None, True, False]),
        in_order=st.booleans(),
    )
    def extend(self, batch, form, ordered, in_order):
        rows = self.made(sorted(batch) if in_order else batch)
        ts, items = [t for t, _ in rows], [item for _, item in rows]
        array = np.array(ts, np.int64)
        self.accepted(
            {
                "pairs": lambda: self.log.extend(rows, mostly_ordered=ordered),
                "generator": lambda: self.log.extend(row for row in rows),
                "lists": lambda: self.log.extend(ts, items, mostly_ordered=ordered),
                "int64": lambda: self.log.extend(array, items),
                "bulk": lambda: self.log.bulk_append(array, items),
                "all": lambda: self.log.extend(rows, insert_on_error=False),
            }[form]
        )

    @rule(batch=BATCHES, bad=st.sampled_from([5, (1,), None]))
    def extend_with_what_is_no_pair(self, batch, bad):
        rows = [(ts, Item(-1)) for ts in batch]
        try:
            self.log.extend([*rows, bad])
        except ValueError as error:
            assert "pairs" in str(error)  # noqa: PT017
        else:
            raise AssertionError("it was taken")

    def deleted(self, start, end):
        self.model = [row for row in self.model if not start <= row[0] < end]

    @rule(ends=RANGES, form=st.sampled_from(["delete_range", "delete", "del"]))
    def delete(self, ends, form):
        start, end = ends
        if form == "del":
            self.accepted(lambda: self.log.__delitem__(slice(start, end)))
        else:
            self.accepted(lambda: getattr(self.log, form)(start, end))
        self.deleted(start, end)

    @rule(ts=TIMES, form=st.sampled_from(["delete", "del"]))
    def delete_point(self, ts, form):
        self.accepted(lambda: self.log.delete(ts) if form == "delete" else self.log.__delitem__(ts))
        self.deleted(ts, ts + 1)

    @rule(ts=ENDS, form=st.sampled_from(["cutoff", "delete_before"]))
    def cutoff(self, ts, form):
        self.accepted(lambda: getattr(self.log, form)(ts))
        self.deleted(MIN, ts)

    # --- maintenance ---

    @rule()
    def flush(self):
        self.log.flush()

    @rule()
    def compact(self):
        self.log.compact()

    @precondition(lambda self: not self.worker)
    @rule()
    def step(self):
        assert self.log.maint_step() in {True, False}

    @precondition(lambda self: not self.worker)
    @rule()
    def settle(self):
        settle(self.log)
        if not self.held and not self.spans:
            limit = self.options.get("drain_batch_limit", 0)
            assert limit or self.alive_are(len(self.model)), "deleted objects are still there"
            seen = [ts for span in self.log.views(MIN, MAX) for ts in span.timestamps]
            assert sorted(seen) == sorted(ts for ts, _ in self.model if ts != MAX)

    @precondition(lambda self: self.worker)
    @rule(running=st.booleans())
    def worker_stops_or_starts(self, running):
        self.log.start_maintenance() if running else self.log.stop_maintenance()

    @precondition(lambda self: PEER is False or not (self.held or self.spans))
    @rule()
    def reopen(self):
        self.log.close()
        self.log.reopen(**self.options)
        self.model = []

    # --- reads ---

    def expected(self, start=None, end=None):
        """Rows of the range in order of time, of arrival where times are equal."""
        rows = [
            row
            for row in self.model
            if (start is None or row[0] >= start) and (end is None or row[0] < end)
        ]
        return sorted(rows, key=lambda row: row[0])

    def same(self, found, expected):
        found = [(ts, item.number) for ts, item in found]
        if PEER:  # which orders rows of one time by the addresses of their objects
            assert times(found) == times(expected)
            found, expected = sorted(found), sorted(expected)
        assert found == expected
        Machine.rows_compared += len(found)

    @rule(ends=RANGES, form=st.sampled_from(["slice", "range", "since", "until"]))
    def read_range(self, ends, form):
        start, end = ends
        if form == "slice":
            self.same(self.log[start:end], self.expected(start, end))
        elif form == "range":
            self.same(self.log.range(start, end), self.expected(start, end))
        elif form == "since":
            self.same(self.log.since(start), self.expected(start))
        else:
            self.same(self.log.until(end), self.expected(None, end))

    @rule(ts=ENDS)
    def read_around_a_time(self, ts):
        all_times = times(self.expected())
        at = [number for t, number in self.expected() if t == ts]
        found = [item.number for item in self.log[ts]]
        assert (sorted(found), ts in self.log) == (at, ts in all_times)
        assert len(self.log.point(ts)) == len(at)
        assert self.log.next_ts(ts) == next((t for t in all_times if t > ts), None)
        assert self.log.prev_ts(ts) == next((t for t in reversed(all_times) if t < ts), None)

    @rule(ends=RANGES, advance=st.integers(0, 5))
    def hold_an_iterator(self, ends, advance):
        it, expected = self.log.range(*ends), self.expected(*ends)
        if PEER:
            advance = 0
        self.same(it.next_batch(advance), expected[:advance])
        self.held.append((it, expected[advance:]))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), count=st.integers(0, 10))
    def go_on_with_an_iterator(self, data, count):
        place = data.draw(st.integers(0, len(self.held) - 1), label="iterator")
        it, expected = self.held[place]
        assert len(it) == len(expected)
        if PEER or count > 7:
            self.same(it, expected)
            del self.held[place]
            return
        self.same(it.next_batch(count), expected[:count])
        self.held[place] = (it, expected[count:])

    @precondition(lambda self: self.held)
    @rule()
    def drop_the_oldest_iterator(self):
        it, _ = self.held.pop(0)
        it.close()

    @rule(ends=RANGES)
    def look_at_spans(self, ends):
        """All rows that were flushed and are not deleted, and perhaps some that are."""
        start, end = ends
        seen = set()
        for span in self.log.views(start, end):
            ts = span.copy_timestamps()
            assert (ts, len(ts)) == (sorted(ts), len(span))
            assert (span.start_ts, span.end_ts) == (ts[0], ts[-1])
            assert start <= ts[0]
            assert ts[-1] < end
            seen |= {(t, item.number) for t, item in zip(ts, span.objects(), strict=True)}
        assert all(0 <= number < self.count for _, number in seen)
        if self.log.stats()["memtable"] == {
            "active_records": 0,
            "ooo_records": 0,
            "sealed_runs": 0,
        }:
            self.log.flush()
            assert self.worker or set(self.expected(start, end)) <= seen

    @rule()
    def hold_spans(self):
        spans = list(self.log.views())
        self.spans.append((spans, [self.rows_of(span) for span in spans]))

    @precondition(lambda self: self.spans)
    @rule()
    def look_at_held_spans(self):
        spans, expected = self.spans.pop(0)
        assert [self.rows_of(span) for span in spans] == expected

    @staticmethod
    def rows_of(span):
        array = np.frombuffer(span.timestamps, np.int64)
        return list(zip(array.tolist(), [item.number for item in span.objects()], strict=True))

    @precondition(lambda self: len(self.model) < 500)
    @rule()
    def export(self):
        table = self.log.to_dict()
        assert set(table) == set(times(self.model))
        assert all((ts, item.number) in self.model for ts, item in table.items())

    @invariant()
    def whole(self):
        if self.log is None:
            return
        expected = self.expected()
        assert len(self.log) == len(expected)
        assert (self.log.min_ts(), self.log.max_ts()) == (
            (expected[0][0], expected[-1][0]) if expected else (None, None)
        )

    @rule()
    def read_everything(self):
        self.same(self.log, self.expected())
        self.log.validate()

    def teardown(self):
        if self.log is None:
            return
        self.same(self.log, self.expected())
        for it, expected in self.held:
            assert len(it) == len(expected)
            self.same(it, expected)
            it.close()
        while self.spans:
            self.look_at_held_spans()
        self.held.clear()
        self.log.close()
        self.log = None
        assert self.alive_are(0), "objects were not released"


def check(machine, examples, steps=STEPS, part=0, **options):
    gc.collect()
    gc.freeze()  # what other tests left need not be looked at again and again
    try:
        run(machine, examples, steps, part, **options)
    finally:
        gc.unfreeze()


def play(part, examples, steps):
    """What the runs of a part counted."""
    Machine.rows_compared = 0
    check(Machine, examples, steps, part)
    return (Machine.rows_compared,)


def test_a_log_is_a_sorted_list_with_tombstones():
    examples, (compared,) = in_parts(play, EXAMPLES, STEPS)
    sizes.figures(
        "timelog_model",
        f"{examples} runs of up to {STEPS} steps, {compared} rows compared, 0 different",
    )


class MissesTheEnd(Timelog):
    def delete_range(self, start, end):
        super().delete_range(start, max(start, end - 1))

    def delete(self, start, end=None):
        self.delete_range(start, start + 1 if end is None else end)

    def __delitem__(self, key):
        self.delete(key.start, key.stop) if isinstance(key, slice) else self.delete(key)


class LosesWhenFlushed(Timelog):
    def flush(self):
        if len(self) > 20:
            super().delete_range(self.min_ts(), self.min_ts() + 1)
        super().flush()


class HidesWhatIsWrittenLater(Timelog):
    last = (0, 0)

    def delete_range(self, start, end):
        self.last = (start, end)
        super().delete_range(start, end)

    def append(self, *row, **named):
        try:
            super().append(*row, **named)
        finally:
            super().delete_range(*self.last)


class Keeps(Timelog):
    kept = ()

    def append(self, *row, **named):
        Keeps.kept = (*Keeps.kept[:2], row)
        super().append(*row, **named)


@pytest.mark.parametrize("wrong", [MissesTheEnd, LosesWhenFlushed, HidesWhatIsWrittenLater, Keeps])
def test_a_wrong_one_is_found(wrong):
    """The control: a log that is wrong in one point does not pass."""
    machine = type(wrong.__name__, (Machine,), {"kind": wrong})
    with pytest.raises((AssertionError, ExceptionGroup)):
        check(machine, 200, phases=[Phase.generate])
    Keeps.kept = ()
