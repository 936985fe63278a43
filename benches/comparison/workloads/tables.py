"""What ``uniform`` and ``sensor`` share: a table is written once, then read in several ways."""

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from comparison import facts, peers
from comparison.data import DAYS, MAKERS, Dataset
from comparison.peers.base import Peer
from comparison.peers.sqlite import ROWS as FEWER_ROWS
from comparison.task import Answer, Measure, Task


@dataclass(frozen=True)
class Facts:
    """What the works ask for, and what must come out of each."""

    rows: int
    start: int
    end: int
    wanted: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Read:
    """A way of reading: the call, and which of the facts its result must agree with."""

    call: Callable[[Peer, Facts], Any]
    check: Callable[[Any], dict[str, float]]
    wanted: str


@dataclass(frozen=True)
class Tables:
    """A workload over one table. ``write`` and ``size`` are works of every one."""

    name: str
    rows: int
    column: str
    above: float
    reads: dict[str, Read]
    # "MB" for the size of the files, or "bits" for the bits that a value takes.
    size: str

    def works(self) -> list[str]:
        """In order: what is written is read by the others, and removed after the last."""
        return ["write", *self.reads, self.size_work()]

    def size_work(self) -> str:
        """Its name in the table."""
        return "bits a value on disk" if self.size == "bits" else "size on disk"

    def make_data(self, task: Task) -> Answer:
        """The arrays, and the facts for all rows and for those who get fewer."""
        rows = task.scaled(self.rows)
        data = Dataset(MAKERS[self.name](rows))
        data.save(task.data)
        for count in {rows, min(rows, FEWER_ROWS)}:
            found = self.facts_of(data.head(count))
            (task.data / f"{count}.json").write_text(json.dumps(vars(found)))
        return Answer([], rows=rows)

    def facts_of(self, data: Dataset) -> Facts:
        """By NumPy. The range is a hundredth of the rows, from their middle on."""
        ts = data.columns["ts"]
        first = data.rows // 2
        last = first + max(1, data.rows // 100)
        values = data.columns[self.column]
        wanted = {
            "all": facts.of_rows(data),
            "filter": facts.of_rows(data, values > self.above),
            "range": facts.of_rows(data, slice(first, last)),
            "day": facts.of_rows(data, slice(0, data.rows // DAYS)),
            "buckets": facts.of_hours(data, self.column),
            "totals": facts.of_totals((float(values.sum()), values.min(), values.max())),
            "last": {"ts": float(ts[-1]), self.column: float(values[-1])},
        }
        return Facts(data.rows, int(ts[first]), int(ts[last]), wanted)

    def run(self, task: Task) -> Answer:
        """One of the works, by one peer."""
        if task.work == "data":
            return self.make_data(task)
        kind = peers.load(task.peer)
        rows = task.scaled(self.rows)
        if kind.rows_at_most:
            rows = min(rows, kind.rows_at_most)
        peer = kind(task.folder, self.name)
        if task.work == "write":
            answer = self.write(peer, Dataset.load(task.data).head(rows), task)
        elif task.work == self.size_work():
            answer = self.measure_size(peer, rows)
        else:
            found = Facts(**json.loads((task.data / f"{rows}.json").read_text()))
            answer = self.read(peer, found, task)
        answer.rows = rows
        answer.note = kind.written if task.work == "write" else kind.note
        return answer

    def write(self, peer: Peer, data: Dataset, task: Task) -> Answer:
        """Each round into an empty folder, with nothing waiting to be written before it."""
        prepared = peer.prepare(data)
        seconds: dict[str, list[float]] = {}
        for _ in range(task.rounds):
            shutil.rmtree(task.folder, ignore_errors=True)
            task.folder.mkdir(parents=True)
            os.sync()
            began = time.perf_counter()
            parts = peer.write(prepared)
            whole = time.perf_counter() - began
            for part, took in (parts or {"": whole}).items():
                seconds.setdefault(part, []).append(took)
        os.sync()
        return Answer([Measure(rounds, "s", part) for part, rounds in seconds.items()])

    def measure_size(self, peer: Peer, rows: int) -> Answer:
        """Of the files that the last round of ``write`` left, closed by its process."""
        size = peer.bytes_on_disk()
        # Every column of the tables is eight bytes wide.
        columns = len(MAKERS[self.name](1))
        value = size * 8 / (rows * columns) if self.size == "bits" else size / 1e6
        return Answer([Measure([value], self.size)])

    def read(self, peer: Peer, found: Facts, task: Task) -> Answer:
        """The same again and again over one opening of the file, the last result kept and checked.

        A result is let go before the next round: its memory is not there twice.
        """
        how = self.reads[task.work]
        import_lazily_imported()
        peer.open()
        rounds = []
        result = None
        for _ in range(task.rounds):
            result = None
            began = time.perf_counter()
            result = how.call(peer, found)
            rounds.append((time.perf_counter() - began) * 1000)
        check = how.check(result)
        wrong = facts.differences(check, found.wanted[how.wanted])
        failure = f"wrong result: {'; '.join(wrong)}" if wrong else ""
        return Answer([Measure(rounds, "ms")], check=check, failure=failure)


def import_lazily_imported() -> None:
    """What pyarrow imports when it first filters or converts is no part of a first round."""
    table = pa.table({"a": [1.0, 2.0]})
    table.filter(pc.field("a") > 1.0).to_pandas()
