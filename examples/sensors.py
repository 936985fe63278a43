"""Sensors that publish as over MQTT: into one table, in batches, and on again after a kill.

The broker delivers at least once, so some messages come twice, and each sensor sends what it could
not send in time later. A row carries its message's number: whoever has the table knows where to go
on. `python examples/sensors.py [FILE]`
"""

import json
import multiprocessing
import os
import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import chronolite as cl

MESSAGES = 2_000
KILLED_AFTER = 900
TOPICS = ["plant/boiler/temp", "plant/boiler/pressure", "plant/pump/temp", "plant/pump/rpm"]


class Message(NamedTuple):
    number: int
    arrived: float  # seconds
    topic: str
    payload: bytes


def subscribe(after: int) -> Iterator[Message]:
    """The broker, in this process: the messages behind `after`, in order, some of them twice."""
    rng = random.Random(7)
    begin = datetime(2024, 5, 1, 6, tzinfo=UTC)
    for number in range(1, MESSAGES + 1):
        # The line was down for 30 seconds; what had queued up came ten times as fast.
        arrived = number * 0.02 if number < 1_300 else 56.0 + (number - 1_300) * 0.002
        late = rng.choice([0, 0, 0, 0, 4, 60])
        measured = begin + timedelta(seconds=round(arrived) - late)
        reading = {"ts": measured.isoformat(), "value": round(rng.gauss(70, 4), 1)}
        message = Message(number, arrived, rng.choice(TOPICS), json.dumps(reading).encode())
        again = rng.random() < 0.05
        if number > after:
            yield from [message] * (1 + again)


@dataclass
class Batches:
    """Rows on their way into a table: appended when they are many, or when the first gets old."""

    table: cl.Table
    most: int = 200
    oldest: float = 1.5  # seconds
    since: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    appended: dict[str, int] = field(default_factory=dict)

    def add(self, message: Message) -> None:
        # A client on a network asks for the age on a timer too: the next message may be far.
        if self.rows and message.arrived - self.since >= self.oldest:
            self.append("old")
        if not self.rows:
            self.since = message.arrived
        row = {"topic": message.topic, "message": message.number, **json.loads(message.payload)}
        self.rows.append(row)
        if len(self.rows) == self.most:
            self.append("full")

    def append(self, why: str) -> None:
        self.table.append(self.rows)  # all of them or none
        self.rows.clear()
        self.appended[why] = self.appended.get(why, 0) + 1


def open_readings(db: cl.Db) -> tuple[cl.Table, int]:
    """The table, and the number of the last message that is in it."""
    columns = {"topic": "utf8", "value": "f64", "message": "i64"}
    table = db.create_table("readings", columns, key=("topic",))
    numbers = table.scan(columns=["message"]).to_numpy()["message"]
    return table, int(numbers.max(initial=0))


def collect(path: Path, killed_after: int | None = None) -> None:
    # "sync": what append has taken survives power loss, so that the broker may forget it.
    with cl.Db(path, durability="sync") as db:
        table, last = open_readings(db)
        print(f"goes on after message {last}; durability is sync, a batch at a time", flush=True)
        batches = Batches(table)
        twice = 0
        for message in subscribe(last):
            if message.number <= last:
                twice += 1
                continue
            batches.add(message)
            last = message.number
            if last == killed_after:
                print(f"killed at message {last}, {len(batches.rows)} rows in hand", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
        batches.append("last")
        print(f"{twice} messages came twice and were taken once; batches: {batches.appended}")


def main(path: Path) -> None:
    # The first collector is a process of its own, so that it can be killed for good.
    first = multiprocessing.get_context("spawn").Process(target=collect, args=(path, KILLED_AFTER))
    first.start()
    first.join()
    collect(path)

    with cl.Db(path, mode="r") as db:
        readings = db["readings"].scan().to_numpy()
    numbers = readings["message"].tolist()
    assert sorted(numbers) == list(range(1, MESSAGES + 1)), "every message once"
    assert numbers != sorted(numbers), "messages were late"
    assert (readings["ts"][1:] >= readings["ts"][:-1]).all(), "rows are in order of time"
    print(f"{MESSAGES:,} messages published, {len(numbers):,} rows, in order of time")
    for topic in TOPICS:
        values = readings["value"][readings["topic"] == topic]
        print(f"{topic:24}{len(values):5} readings, mean {values.mean():.1f}")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        main(Path(sys.argv[1] if sys.argv[1:] else f"{folder}/sensors.chl"))
