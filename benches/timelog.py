"""Timelog beside timelog-lib, sortedcontainers and plain lists: the same process, the same data.

    make bench-timelog                              1,000,000 records, in order and with 6 % late
    make bench-timelog ARGS=--full                  11,550,000 as well
    make bench-timelog ARGS="--module timelog"      the peer against itself: should be 1.0

It runs in the environment of ``compare.py``, which has the peers, and keeps what it prints.

The best of some rounds, in which the contenders take turns; the collector is off meanwhile. A ratio
is that of ours to the peer's: of speeds where more is better, of times where less is.
"""

from __future__ import annotations

import argparse
import array
import bisect
import ctypes
import gc
import itertools
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import itemgetter, methodcaller
from pathlib import Path
from typing import Any

import numpy as np

from comparison import machine
from comparison.faces import keep, library

PEER, PLAIN, SORTED = "timelog", "lists", "sortedcontainers"
FULL = 11_550_000
# Figures of fewer records are not kept.
FULL_ENOUGH = 1_000_000
LIBRARIES = {PEER: "timelog-lib"}


@dataclass
class Data:
    """Records as they arrive."""

    times: list[int]
    values: list[float]
    array: np.ndarray[Any, np.dtype[np.int64]]

    @classmethod
    def of(cls, count: int, late: float) -> Data:
        """A record a millisecond, of which a share comes up to 10,000 records late."""
        rng = np.random.default_rng(20130101)
        arrival = np.arange(count)
        chosen = rng.random(count) < late
        arrival[chosen] += rng.integers(1, 10_000, int(chosen.sum()))
        order = np.argsort(arrival, kind="stable").astype(np.int64)
        return cls(order.tolist(), order.astype(float).tolist(), order)

    def __len__(self) -> int:
        return len(self.times)


# --- contenders ----------------------------------------------------------------------------------


class Log:
    """A Timelog, of whichever module."""

    def __init__(self, name: str, **options: Any) -> None:
        options = {"maintenance": "disabled", "busy_policy": "flush"} | options
        self.log = library(name).Timelog(**options)
        self.range = self.log.range
        self.point = self.log.__getitem__
        self.delete = self.log.delete_range
        self.append = self.log.append

    def extend(self, data: Data) -> None:
        self.log.extend(data.times, data.values)

    def extend_pairs(self, pairs: list[tuple[int, float]]) -> None:
        self.log.extend(pairs)

    def extend_array(self, data: Data) -> None:
        self.log.extend(data.array, data.values)

    def bulk_append(self, data: Data) -> None:
        self.log.bulk_append(data.array, data.values)

    def settle(self) -> None:
        self.log.flush()
        self.log.compact()
        while self.log.maint_step():
            pass

    def scan(self) -> None:
        for _ts, _value in self.log:
            pass

    def spans(self) -> list[Any]:
        return [np.frombuffer(span.timestamps, np.int64) for span in self.log.views()]


class Lists:
    """Two lists in the order of time."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.values: list[Any] = []

    def extend(self, data: Data) -> None:
        self.put(list(zip(data.times, data.values, strict=True)))

    def extend_pairs(self, pairs: list[tuple[int, float]]) -> None:
        self.put(list(pairs))

    def put(self, rows: list[tuple[int, float]]) -> None:
        rows.sort(key=itemgetter(0))
        self.times += [ts for ts, _ in rows]
        self.values += [value for _, value in rows]

    def settle(self) -> None:
        pass

    def scan(self) -> None:
        for _ts, _value in zip(self.times, self.values, strict=True):
            pass

    def range(self, start: int, end: int) -> Iterable[tuple[int, Any]]:
        a, b = bisect.bisect_left(self.times, start), bisect.bisect_left(self.times, end)
        return zip(self.times[a:b], self.values[a:b], strict=True)

    def point(self, ts: int) -> list[Any]:
        a, b = bisect.bisect_left(self.times, ts), bisect.bisect_right(self.times, ts)
        return self.values[a:b]

    def append(self, ts: int, value: Any) -> None:
        self.times.append(ts)
        self.values.append(value)

    def delete(self, start: int, end: int) -> None:
        a, b = bisect.bisect_left(self.times, start), bisect.bisect_left(self.times, end)
        del self.times[a:b]
        del self.values[a:b]

    def spans(self) -> list[Any]:
        return [np.array(self.times, np.int64)]


class Sorted(Lists):
    """sortedcontainers' list of pairs, by time."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = library(SORTED).SortedKeyList(key=itemgetter(0))

    def put(self, rows: list[tuple[int, float]]) -> None:
        self.rows.update(rows)

    def scan(self) -> None:
        for _ts, _value in self.rows:
            pass

    def range(self, start: int, end: int) -> Iterable[tuple[int, Any]]:
        found: Iterable[tuple[int, Any]] = self.rows.irange_key(start, end, (True, False))
        return found

    def point(self, ts: int) -> list[Any]:
        return [value for _, value in self.rows.irange_key(ts, ts)]

    def append(self, ts: int, value: Any) -> None:
        self.rows.add((ts, value))

    def delete(self, start: int, end: int) -> None:
        del self.rows[self.rows.bisect_key_left(start) : self.rows.bisect_key_left(end)]

    def spans(self) -> list[Any]:
        return [np.fromiter((ts for ts, _ in self.rows), np.int64, len(self.rows))]


def contender(name: str, **options: Any) -> Any:
    if name == PLAIN:
        return Lists()
    return Sorted() if name == SORTED else Log(name, **options)


# --- figures -------------------------------------------------------------------------------------


@dataclass
class Figure:
    """What one kind of work takes: seconds, of so many things, for each contender."""

    work: str
    unit: str
    figures: dict[str, float]
    wanted: tuple[str, float] | None = None
    absolute: bool = False

    @property
    def more_is_better(self) -> bool:
        return self.unit == "M/s"

    def ratio(self, ours: str) -> float | None:
        if ours not in self.figures or PEER not in self.figures:
            return None
        return self.figures[ours] / self.figures[PEER]

    def met(self, ours: str) -> bool | None:
        judged = self.figures.get(ours) if self.absolute else self.ratio(ours)
        if self.wanted is None or judged is None:
            return None
        sign, bound = self.wanted
        return judged >= bound if sign == ">=" else judged <= bound


class Bench:
    """Runs the work on each contender in turn and keeps the best of the rounds."""

    def __init__(self, ours: str, count: int, late: float, rounds: int) -> None:
        self.ours, self.rounds, self.count = ours, rounds, count
        self.names = list(dict.fromkeys([ours, PEER]))
        self.others = [SORTED, PLAIN]
        self.data = Data.of(count, 0)
        self.late = Data.of(count, late)
        self.share = f"{late:.0%} late"
        self.found: list[Figure] = []

    def best(
        self, names: list[str], prepare: Callable[[str], Any], work: Callable[[Any], float | None]
    ) -> dict[str, float]:
        """Seconds of `work` on what `prepare` made; it may say them itself."""
        best: dict[str, float] = {}
        for _, name in itertools.product(range(self.rounds), names):
            made = prepare(name)
            gc.collect()
            gc.disable()
            began = time.perf_counter()
            said = work(made)
            took = time.perf_counter() - began if said is None else said
            gc.enable()
            best[name] = min(best.get(name, took), took)
            del made
        return best

    def note(
        self,
        work: str,
        unit: str,
        seconds: dict[str, float],
        of: float = 1,
        wanted: tuple[str, float] | None = None,
        *,
        absolute: bool = False,
    ) -> None:
        scale = {"us": 1e6, "ns": 1e9, "ms": 1e3, "B": 1.0}
        figures = {
            name: of / taken / 1e6 if unit == "M/s" else taken / of * scale[unit]
            for name, taken in seconds.items()
        }
        self.found.append(Figure(work, unit, figures, wanted, absolute))
        print(".", end="", file=sys.stderr, flush=True)

    def all(self) -> list[Figure]:
        self.extends()
        self.reads()
        self.appends()
        self.deletes()
        self.memory()
        print(file=sys.stderr)
        return self.found

    def extends(self) -> None:
        everyone = self.names + self.others
        new = contender
        n = self.count
        for data, of, wanted in [(self.data, "in order", 5.0), (self.late, self.share, 4.0)]:
            taken = self.best(everyone, new, methodcaller("extend", data))
            self.note(f"extend two lists, {of}", "M/s", taken, n, (">=", wanted))
            pairs = list(zip(data.times, data.values, strict=True))
            taken = self.best(everyone, new, methodcaller("extend_pairs", pairs))
            self.note(f"extend a list of pairs, {of}", "M/s", taken, n, (">=", wanted))
            del pairs
            taken = self.best(self.names, new, methodcaller("extend_array", data))
            self.note(f"extend int64 and a list, {of}", "M/s", taken, n)
            taken = self.best(self.names, new, methodcaller("bulk_append", data))
            self.note(f"bulk_append, {of}", "M/s", taken, n)
            ways = [figure.figures for figure in self.found[-4:]]
            fastest = {name: n / 1e6 / max(way[name] for way in ways) for name in self.names}
            self.note(f"the fastest of these ways, {of}", "M/s", fastest, n, (">=", wanted))

    def filled(self, name: str, data: Data, *, settled: bool) -> Any:
        made = contender(name)
        made.extend(data)
        if settled:
            made.settle()
        return made

    def reads(self) -> None:
        rng = random.Random(7)
        starts = [rng.randrange(self.count - 100) for _ in range(5000)]
        everyone = self.names + self.others

        def ranges(made: Any) -> None:
            for start in starts:
                list(made.range(start, start + 100))

        def slices(made: Any) -> None:
            log = made.log
            for start in starts:
                list(log[start : start + 100])

        def points(made: Any) -> None:
            for start in starts:
                made.point(start)

        for data, settled, of in [
            (self.data, False, "in order"),
            (self.late, False, self.share),
            (self.late, True, f"{self.share}, settled"),
        ]:
            kept = {name: self.filled(name, data, settled=settled) for name in everyone}
            taken = self.best(everyone, kept.get, lambda made: made.scan())
            self.note(f"for ts, obj in log; {of}", "M/s", taken, self.count, (">=", 1.35))
            taken = self.best(everyone, kept.get, ranges)
            self.note(f"range of 100; {of}", "us", taken, len(starts), ("<=", 0.75))
            taken = self.best(self.names, kept.get, slices)
            self.note(f"log[a : a + 100]; {of}", "us", taken, len(starts), ("<=", 0.75))
            taken = self.best(everyone, kept.get, points)
            self.note(f"log[ts]; {of}", "us", taken, len(starts), ("<=", 0.4))
            if settled:
                taken = self.best(everyone, kept.get, lambda made: made.spans() and None)
                self.note("times of all as spans", "ms", taken, wanted=("<=", 0.2), absolute=True)

    def appends(self) -> None:
        count = min(self.count, 200_000)
        values = self.data.values
        spent = array.array("q", bytes(8 * count))

        def one_by_one(made: Any) -> float:
            append, clock = made.append, time.perf_counter_ns
            for n in range(count):
                began = clock()
                append(n, values[n])
                spent[n] = clock() - began
            return 0.0

        def share(at: float) -> Callable[[Any], float]:
            def work(made: Any) -> float:
                one_by_one(made)
                return sorted(spent)[int(count * at)] / 1e9

            return work

        everyone = self.names + self.others
        background = {"maintenance": "background", "busy_policy": "silent"}
        for at, wanted in [(0.5, None), (0.99, ("<=", 1.0)), (0.9999, None)]:
            taken = self.best(everyone, lambda name: contender(name, **background), share(at))
            self.note(f"append beside a worker, p{at * 100:g}", "ns", taken, wanted=wanted)

    def deletes(self) -> None:
        rng = random.Random(8)
        n = self.count
        for width in [1, 1000, n // 2]:
            calls = 1000 if width < n // 2 else 200
            starts = [rng.randrange(n - width) for _ in range(calls)]

            def work(made: Any, starts: list[int] = starts, width: int = width) -> None:
                for start in starts:
                    made.delete(start, start + width)

            taken = self.best(
                self.names + self.others,
                lambda name: self.filled(name, self.data, settled=True),
                work,
            )
            self.note(f"delete_range of {width:,}", "us", taken, calls, ("<=", 2.0))

        block = max(1, n // 1000)
        for of, cuts in [
            ("in 500 pieces", [(at, at + block) for at in range(0, n, 2 * block)]),
            ("in one", [(n // 4, n // 4 + n // 2)]),
        ]:

            def halved(name: str, cuts: list[tuple[int, int]] = cuts) -> Any:
                made = self.filled(name, self.late, settled=True)
                for cut in cuts:
                    made.delete(*cut)
                return made

            kept = {name: halved(name) for name in self.names + self.others}
            taken = self.best(list(kept), kept.get, lambda made: made.scan())
            self.note(f"scan, half deleted {of}", "M/s", taken, n / 2, (">=", 1.3))

    def memory(self) -> None:
        count = min(self.count, 1_000_000)
        taken = {}
        for name in self.names + self.others:
            command = [sys.executable, __file__, "--memory", name, "--records", str(count)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            taken[name] = float(done.stdout)
        self.note("memory a record beyond its object", "B", taken, wanted=("<=", 24), absolute=True)


def memory_a_record(name: str, count: int) -> float:
    """Bytes of this process that a settled log of so many records has more than their objects."""
    trim = ctypes.CDLL(None).malloc_trim

    def resident() -> int:
        gc.collect()
        trim(0)
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    data = Data.of(count, 0)
    contender(name).extend(Data.of(1000, 0))
    before = resident()
    made = contender(name)
    made.extend(data)
    made.settle()
    return (resident() - before) / count


def table(found: list[Figure], ours: str) -> str:
    names = list(dict.fromkeys([ours, PEER, SORTED, PLAIN]))
    heads = ["work", "unit", *[LIBRARIES.get(name, name) for name in names], "ratio", "wanted", ""]
    rows = [heads]
    for figure in found:
        shown = [
            f"{figure.figures[name]:,.3g}" if name in figure.figures else "-" for name in names
        ]
        ratio = figure.ratio(ours)
        wanted = "{} {:g}".format(*figure.wanted) if figure.wanted else ""
        if figure.absolute:
            wanted += f" {figure.unit}"
        elif wanted:
            wanted += " x"
        met = {True: "yes", False: "NO", None: ""}[figure.met(ours)]
        unit = figure.unit
        rows.append(
            [figure.work, unit, *shown, "-" if ratio is None else f"{ratio:.2f}", wanted, met]
        )
    widths = [max(len(row[place]) for row in rows) for place in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    ask.add_argument("--module", default="chronolite", help="the library under test")
    ask.add_argument("--records", type=int, default=1_000_000)
    ask.add_argument("--full", action="store_true", help=f"{FULL:,} records as well")
    ask.add_argument("--late", type=float, default=0.06, help="the share that comes late")
    ask.add_argument("--rounds", type=int, default=3)
    ask.add_argument("--memory", help=argparse.SUPPRESS)
    asked = ask.parse_args()
    if asked.memory:
        print(memory_a_record(asked.memory, asked.records))
        return 0
    if not hasattr(library(asked.module), "Timelog"):
        ask.error(f"{asked.module} has no Timelog yet")
    about = machine.describe(Path.cwd())
    tables, missed = [], 0
    for count in [asked.records, FULL] if asked.full else [asked.records]:
        found = Bench(asked.module, count, asked.late, asked.rounds).all()
        missed += sum(figure.met(asked.module) is False for figure in found)
        tables.append(f"{count:,} records\n\n{table(found, asked.module)}\n")
        print(f"\n{tables[-1]}")
    about["load when it ended"] = machine.load()
    tables.append(f"{missed} of what is wanted is missed\n")
    print(tables[-1])
    if asked.module == "chronolite" and asked.records >= FULL_ENOUGH:
        keep("timelog", about, tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
