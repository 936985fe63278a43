"""A process that appends to a backend is killed at a random moment; its batches are there, whole.

What is found of a day has to be its first rows up to the end of a batch: of the last that was
acknowledged, or of a later one that was begun. Flat and packed acknowledge when `append` returns,
LMDB does so for batches, and for single rows at the next flush.
"""

import json
import os
import random
import select
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
from series_under_test import KINDS, PEER, data_file, engine, need

from tests.proof import series_writer, sizes
from tests.proof.series_writer import COLUMNS, DAYS, LARGE, TABLES, data, rows

pytestmark = pytest.mark.skipif(PEER, reason="the peer acknowledges nothing")

WATCHDOG_SECONDS = 60
MOMENTS = {"while opening": 1, "while writing": 3, "in a step": 3, "as a file grows": 4}
RECORD = 22


class OracleError(AssertionError):
    """What was found is not what may be there."""


@dataclass
class Place:
    """A day of a table: rows that were there, and the batches tried from then on."""

    known: int = 0
    tried: list[int] = field(default_factory=list)
    # How many of those have returned, and how many were acknowledged for good.
    done: int = 0
    durable: int = 0

    def ends(self):
        """How many rows there may be."""
        ends = [self.known]
        for count in self.tried:
            ends.append(ends[-1] + count)
        return ends[self.durable :]


@dataclass
class History:
    """What is known of a folder, and what its writer said."""

    kind: str
    places: dict[tuple[str, str], Place] = field(default_factory=dict)
    acknowledged: int = 0
    _last: Place = field(default_factory=Place)

    def heard(self, line):
        """Take one line of the writer; its first word."""
        word, _, rest = line.partition(" ")
        if word == "found":
            self.settle({(table, day): count for table, day, count in json.loads(rest)})
        elif word == "try":
            table, day, count = rest.split()
            self._last = self.places.setdefault((table, day), Place())
            self._last.tried.append(int(count))
        elif word == "done":
            place = self._last
            place.done = len(place.tried)
            # A single row may wait in memory until LMDB gets it with others.
            if self.kind != "lmdb" or place.tried[-1] > 1:
                self._keep(place)
        elif word == "flushed":
            for place in self.places.values():
                self._keep(place)
        return word

    def _keep(self, place):
        self.acknowledged += sum(place.tried[place.durable : place.done])
        place.durable = place.done

    def settle(self, found):
        """Raise unless there may be so many rows; from now on they have to be."""
        begun = 0
        for key in {*self.places, *found}:
            place, count = self.places.get(key, Place()), found.get(key, 0)
            if count not in place.ends():
                raise OracleError(f"{key}: {count} rows, but there may be {place.ends()}")
            begun += count > place.known + sum(place.tried[: place.done])
        if begun > 1:
            raise OracleError("two batches that were never acknowledged are there")
        self.places = {key: Place(count) for key, count in found.items()}


def read(made):
    """All that is there, by table and day."""
    found = {(table, day): made.read(table, day) for table in TABLES for day in DAYS}
    return {key: columns for key, columns in found.items() if columns}


def check(history, found):
    """Raise unless these rows may be there: how many, and every value of them."""
    history.settle({key: len(columns["n"]) for key, columns in found.items()})
    for key, columns in found.items():
        for name, wanted in rows(*key, 0, len(columns["n"])).items():
            if not np.array_equal(columns[name], wanted):
                at = int(np.argmax(columns[name] != wanted))
                raise OracleError(f"{key}: column {name}, row {at}: {columns[name][at]!r}")


def kill_a_writer(folder, history, rng, moment=None, kind=None):
    """Start a writer, note what it says, kill it at a random moment; which kind of moment."""
    moment = moment or rng.choices(list(MOMENTS), list(MOMENTS.values()))[0]
    tests = sizes.ROOT / "tests" / "python"
    paths = [str(sizes.ROOT), str(tests), str(tests / "series")]
    if "PYTHONPATH" in os.environ:
        paths.append(os.environ["PYTHONPATH"])
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.proof.series_writer", kind or history.kind, f"{folder}",
         f"{rng.randrange(2**32)}"],
        cwd=sizes.ROOT, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    timer = threading.Timer(WATCHDOG_SECONDS, child.kill)
    timer.start()
    steps = rng.randrange(1, 60)
    large = 0
    is_armed = False
    try:
        for line in lines(child.stdout.fileno()):
            word = history.heard(line)
            steps -= word in ("try", "flushing")
            if word == "try" and int(line.split()[-1]) >= LARGE and moment == "as a file grows":
                large += 1
                is_armed = kill_as_a_file_grows(child, folder) or is_armed
            delay = {
                "while opening": 0.03 if word == "opening" else None,
                "while writing": 0.4 if word == "found" else None,
                "in a step": 0.004 if steps <= 0 else None,
                "as a file grows": 0 if large == 6 else None,
            }[moment]
            if delay is not None and not is_armed:
                is_armed = True
                timer.cancel()
                timer = threading.Timer(rng.uniform(0, delay), child.kill)
                timer.start()
    finally:
        timer.cancel()
        child.kill()
        _, said = child.communicate()
    assert child.returncode == -9, said.decode()
    assert is_armed, f"the writer did not get there in {WATCHDOG_SECONDS} s: {said.decode()}"
    return moment


def kill_as_a_file_grows(child, folder):
    """Kill the writer when it has written some of a large batch; False if it was too quick."""
    before = size_of(folder)
    while not select.select([child.stdout], [], [], 0)[0]:
        if size_of(folder) != before:
            child.kill()
            return True
    return False


def size_of(folder):
    """The bytes of all files below; what vanishes meanwhile is passed over."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                total += size_of(entry.path) if is_folder else entry.stat().st_size
    except FileNotFoundError:
        pass
    return total


def lines(pipe):
    rest = b""
    while chunk := os.read(pipe, 1 << 16):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in whole)
    assert rest == b""


def append(made, history, table, day, count):
    """One more batch, by this process; it is acknowledged."""
    place = history.places.setdefault((table, day), Place())
    made.append(table, day, data(table, day, place.known, count, "arrays"))
    place.known += count


def check_folder(folder, history, rng):
    """What a kill left opens and holds what it may, and takes further rows."""
    with engine(history.kind, COLUMNS, folder) as made:
        check(history, read(made))
        for _ in range(2):
            append(made, history, rng.choice(TABLES), rng.choice(DAYS), rng.choice([1, 2, 700]))
        check(history, read(made))
    with engine(history.kind, COLUMNS, folder) as made:
        check(history, read(made))


@pytest.mark.parametrize("kind", KINDS)
def test_acknowledged_batches_survive_a_kill(kind, tmp_path):
    need(kind)
    kills = sizes.size(5, 500)
    rng = random.Random(f"{sizes.SEED} {kind}")
    done = folders = acknowledged = 0
    moments = dict.fromkeys(MOMENTS, 0)
    while done < kills:
        folder = tmp_path / f"{folders}"
        folders += 1
        history = History(kind)
        for _ in range(min(rng.randrange(1, 5), kills - done)):
            moments[kill_a_writer(folder, history, rng)] += 1
            done += 1
            # Else the next writer is the first to open what the kill left, and says what it found.
            if rng.randrange(3):
                check_folder(folder, history, rng)
        check_folder(folder, history, rng)
        acknowledged += history.acknowledged
    sizes.figures(
        f"series_kill_{kind.replace('-', '_')}",
        f"{done:,} kills ({', '.join(f'{n:,} {m}' for m, n in moments.items())}) of {folders:,} "
        f"folders, {acknowledged:,} rows acknowledged, 0 lost, 0 wrong, 0 torn batches",
    )


TABLE, DAY = TABLES[0], DAYS[0]


@pytest.fixture
def written(tmp_path):
    """A flat folder with 700 acknowledged rows of one day and 300 of another, and its history."""
    history = History("flat")
    with engine("flat", COLUMNS, tmp_path) as made:
        for day, count in ((DAY, 500), (DAYS[1], 300), (DAY, 200)):
            append(made, history, TABLE, day, count)
    return tmp_path, history


def half_written(folder, history, *, is_announced):
    """What a writer leaves that is killed within a batch: half of its rows, and a torn one."""
    file = data_file(folder, TABLE, DAY)
    length = file.stat().st_size
    history.heard(f"try {TABLE} {DAY} 400")
    if is_announced:
        file.with_name("data.bin.pending").write_bytes(struct.pack("<Q", length))
    batch = np.zeros(
        400, [("n", "<i8"), ("x", "<f8"), ("small", "<i2"), ("ok", "?"), ("side", "S3")]
    )
    for name, values in rows(TABLE, DAY, length // RECORD, 400).items():
        batch[name] = values
    assert batch.itemsize == RECORD
    with file.open("ab") as opened:
        opened.write(batch.tobytes()[: 200 * RECORD + 5])


def test_half_a_batch_that_was_announced_is_not_there(written):
    folder, history = written
    half_written(folder, history, is_announced=True)
    check_folder(folder, history, random.Random(1))


def test_control_half_a_batch_that_was_not_announced_is_found(written):
    folder, history = written
    half_written(folder, history, is_announced=False)
    with engine("flat", COLUMNS, folder) as made, pytest.raises(OracleError, match="900 rows"):
        check(history, read(made))


def test_control_a_writer_that_announces_nothing_is_found(tmp_path):
    """Killed until half a batch is there; that takes a kill or two."""
    rng = random.Random(sizes.SEED)

    def kill_and_check(folder):
        history = History("flat")
        kill_a_writer(folder, history, rng, "as a file grows", "unannounced")
        with engine("flat", COLUMNS, folder) as made:
            check(history, read(made))

    with pytest.raises(OracleError, match="there may be"):  # noqa: PT012
        for n in range(30):
            kill_and_check(tmp_path / f"{n}")


def without_a_row(columns):
    return {name: values[:-1] for name, values in columns.items()}


def without_a_batch_in_the_middle(columns):
    return {name: np.concatenate([values[:200], values[500:]]) for name, values in columns.items()}


def with_a_batch_twice(columns):
    return {name: np.concatenate([values, values[-200:]]) for name, values in columns.items()}


def with_batches_in_another_order(columns):
    return {name: np.concatenate([values[500:], values[:500]]) for name, values in columns.items()}


def with_a_wrong_value(columns):
    x = columns["x"].copy()
    x[17] = np.nextafter(x[17], 1)
    return columns | {"x": x}


def with_what_nobody_wrote(columns):
    return rows(TABLE, DAY, 0, len(columns["n"]) + 200)


@pytest.mark.parametrize(
    "spoil",
    [
        without_a_row, without_a_batch_in_the_middle, with_a_batch_twice,
        with_batches_in_another_order, with_a_wrong_value, with_what_nobody_wrote,
    ],
)  # fmt: skip
def test_control_the_oracle_sees(written, spoil):
    folder, history = written
    with engine("flat", COLUMNS, folder) as made:
        found = read(made)
    check(history, dict(found))
    found[TABLE, DAY] = spoil(found[TABLE, DAY])
    with pytest.raises(OracleError):
        check(history, found)


def test_control_the_oracle_sees_a_missing_day(written):
    folder, history = written
    with engine("flat", COLUMNS, folder) as made:
        found = read(made)
    del found[TABLE, DAYS[1]]
    with pytest.raises(OracleError):
        check(history, found)


def test_control_the_oracle_sees_two_batches_that_were_not_acknowledged():
    history = History("flat")
    for table in TABLES:
        history.heard(f"try {table} {DAY} 7")
    with pytest.raises(OracleError, match="two batches"):
        history.settle({(table, DAY): 7 for table in TABLES})


@pytest.mark.parametrize("kind", KINDS)
def test_the_writer_is_heard(kind, tmp_path, monkeypatch):
    """What it says of its own accord agrees with what it does, if nobody kills it."""
    need(kind)
    history = History(kind)
    said = []

    def say(*words):
        said.append(history.heard(" ".join(map(str, words))))
        if len(said) > 60 and said[-1] == "done":
            raise KeyboardInterrupt

    monkeypatch.setattr(series_writer, "say", say)
    with pytest.raises(KeyboardInterrupt):
        series_writer.write(kind, tmp_path / "data", 5)
    assert said[:3] == ["opening", "found", "try"]
