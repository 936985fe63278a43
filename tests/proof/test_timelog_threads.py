"""One writer and many readers without a lock of the caller's; two writers one after the other.

`make proof` runs the stress for a minute, `make test` for a second.
"""

import random
import sys
import time
import weakref

import pytest

from tests.proof import sizes
from tests.proof.at_once import at_once as run_at_once
from timelog_under_test import MAX, MIN, TINY, Thing, Timelog, manual, objects, times

SECONDS = sizes.size(1, 60)


@pytest.fixture(autouse=True)
def quick_switches():
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(old)


def at_once(*works):
    run_at_once(*works, seconds=SECONDS + 120)


class Stress:
    """Rows come in pairs, the odd one late, and go from the front: what is there is always an
    unbroken stretch of arrivals."""

    def __init__(self, log, seconds):
        self.log, self.end = log, time.monotonic() + seconds
        self.written = self.cut = self.reads = 0
        self.failed = False

    def going(self):
        """For the seconds, and on a busy machine until enough is done."""
        late = time.monotonic() - self.end
        enough = self.written > 2000 and self.reads > 20
        return not self.failed and late < (0 if enough else 60)

    def write(self):
        rng = random.Random(7)
        n = 0
        while self.going():
            pairs = [(at + late, at + 1 - late) for at in range(n, n + 20, 2) for late in [1, 0]]
            if rng.random() < 0.5:
                self.log.extend(pairs)
            else:
                for ts, value in pairs:
                    self.log.append(ts, value)
            n += 20
            self.written = n
            if n % 500 == 0:
                self.cut = max(0, n - 2000)
                if rng.random() < 0.5:
                    self.log.cutoff(self.cut)
                else:
                    self.log.delete_range(MIN, self.cut)
            if n % 3000 == 0:
                self.log.flush()
            if n % 10_000 == 0:
                self.log.compact()

    def check(self, rows, before=0, cut=0):
        """Rows of one moment, of which `before` at least were in, and none below `cut`."""
        arrivals = sorted(value for _, value in rows)
        assert times(rows) == sorted(times(rows))
        assert all(ts ^ 1 == value for ts, value in rows)
        if arrivals:
            assert arrivals == list(range(arrivals[0], arrivals[-1] + 1))
            assert arrivals[0] >= cut
        assert (arrivals[-1] + 1 if arrivals else 0) >= before

    def read(self, number):
        rng = random.Random(number)
        held = self.log.all()
        while self.going():
            kind = rng.randrange(5)
            before, cut = self.written, self.cut
            cut = min(cut, self.log.min_ts() or 0)  # one that is announced may not be made yet
            it = self.log.all()
            length = len(it)
            if kind < 2:
                rows = list(it) if kind == 0 else self.batches(it, rng)
                assert len(rows) == length
                self.check(rows, before, cut)
            elif kind == 2:  # a snapshot of some time ago
                held, it = it, held
                self.check(list(it))
            elif kind == 3:
                last = self.log.max_ts() or 0
                rows = list(self.log[last - 99 : MAX])
                assert times(rows) == sorted(set(times(rows)))
                assert all(self.log[ts] in ([value], []) for ts, value in rows[:3])
            else:
                for span in self.log.views():
                    pairs = list(zip(span.timestamps, span.objects(), strict=True))
                    assert all(ts ^ 1 == value for ts, value in pairs)
                    assert times(pairs) == sorted(times(pairs))
                self.log.stats()
            self.reads += 1

    @staticmethod
    def batches(it, rng):
        rows = []
        while batch := it.next_batch(rng.randrange(1, 300)):
            rows += batch
        return rows

    def guarded(self, work):
        def run():
            try:
                work()
            except BaseException:
                self.failed = True
                raise

        return run


@pytest.mark.parametrize("maintenance", ["background", "disabled"])
def test_one_writer_and_four_readers(maintenance):
    options = TINY | {"memtable_max_bytes": 32_768, "max_delta_segments": 4}
    with Timelog(maintenance=maintenance, **options) as log:
        stress = Stress(log, SECONDS)
        readers = [stress.guarded(lambda n=n: stress.read(n)) for n in range(4)]
        at_once(stress.guarded(stress.write), *readers)
        assert stress.written > 2000
        assert stress.reads > 20
        rows = list(log)
        stress.check(rows, stress.written)
        log.validate()
        sizes.figures(
            f"timelog_threads_{maintenance}",
            f"{stress.written} rows, {stress.reads} reads in {SECONDS} s, 0 torn",
        )


def test_two_writers_lose_nothing():
    with Timelog(memtable_max_bytes=65_536, busy_policy="silent", max_delta_segments=3) as log:
        each = 10_000

        def write(number):
            rng = random.Random(number)
            n = 0
            while n < each:
                if rng.random() < 0.1:
                    batch = range(n, min(n + 50, each))
                    log.extend([(rng.randrange(10**6), (number, m)) for m in batch])
                    n = batch.stop
                else:
                    log.append(rng.randrange(10**6), (number, n))
                    n += 1

        at_once(*[lambda n=n: write(n) for n in range(4)])
        assert sorted(objects(log)) == [(number, n) for number in range(4) for n in range(each)]
        assert times(log) == sorted(times(log))
        log.validate()


def test_writers_deleters_and_maintenance_at_once():
    with Timelog(**TINY) as log:
        keep = [(n, n) for n in range(0, 100_000, 50)]
        end = time.monotonic() + min(SECONDS, 5)

        def going():
            return time.monotonic() < end

        def delete():
            rng = random.Random(1)
            while going():
                at = rng.randrange(2000) * 50
                log.delete_range(at + 1, at + 50)

        def write():
            rng = random.Random(2)
            while going():
                log.extend([(rng.randrange(2000) * 50 + 1 + n, None) for n in range(40)])

        def tidy():
            while going():
                log.flush()
                log.compact()
                time.sleep(0.001)

        log.extend(keep)
        at_once(delete, write, tidy)
        log.flush()
        assert [row for row in log if row[0] % 50 == 0] == keep
        log.validate()


def test_objects_are_released_once_whichever_thread_lets_go():
    things = weakref.WeakSet()
    with Timelog(**TINY) as log:
        held = []

        def write():
            for n in range(5000):
                thing = Thing()
                things.add(thing)
                log.append(n % 97, thing)
                if n % 50 == 0:
                    log.delete_range(n % 97 - 20, n % 97)

        def read():
            for _ in range(60):
                it = log.all()
                it.next_batch(10)
                held.append(it)
                if len(held) > 5:
                    held.pop(0).close()

        at_once(write, read, read)
        left = len(log)
        held.clear()
    assert left > 0
    assert len(things) == 0


def test_one_iterator_may_be_shared():
    """Each row goes to one of the threads."""
    log = manual()
    log.extend(range(20_000), range(20_000))
    it, taken = log.all(), [[], []]
    at_once(*[lambda out=out: out.extend(value for _, value in it) for out in taken])
    assert sorted(taken[0] + taken[1]) == list(range(20_000))
    assert all(out == sorted(out) for out in taken)


def test_readers_in_threads_that_close_while_others_read():
    log = manual()
    log.extend(range(1000), range(1000))
    log.flush()

    def read(number):
        for _ in range(200):
            with log.all() as it:
                assert objects(it.next_batch(number)) == list(range(number))
            for span in log.views():
                with span:
                    assert span.timestamps[0] == span.start_ts

    at_once(*[lambda n=n: read(n) for n in range(1, 5)])
    log.close()
