"""A process that writes until it is killed, and what may be in the file after that.

The child (`python -m chronolite._killed FILE SEED`) appends one row at a time and in batches, and
says on a pipe before each append how many rows it will have attempted, and after it how many were
acknowledged. What a process wrote to a pipe outlives it, so after SIGKILL the parent knows both
numbers, and what it finds in the file has to be one of them: at most one append was on its way, and
it is there whole or not at all. Row n is the same in every run, so values are compared as well.
"""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import chronolite as cl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TABLE = "killed"
COLUMNS = {"n": "i64", "value": "f64", "note": "utf8"}
START_MS = 1_356_998_400_000  # 2013-01-01
WATCHDOG_SECONDS = 60.0
KILL_WITHIN_SECONDS = 0.3

# One message of the child: whether the rows are acknowledged (else only attempted), and how many
# rows from the first on.
MESSAGE = struct.Struct("<?q")

Row = tuple[int, int, float, str | None]


class DemoError(Exception):
    """The demo cannot go on, or found what must not be; its text says which."""


@dataclass(frozen=True)
class Killed:
    """What the child had said when it was killed, in rows from the first on."""

    attempted: int
    acknowledged: int


def killed_row(n: int) -> Row:
    """The row of number `n`: time, number, value, note. Of each 8 rows, the last is the oldest."""
    return (START_MS + (n ^ 7), n, (n * 7919 % 10007) / 100, None if n % 3 == 0 else f"row {n}")


def write_until_killed(path: Path, seed: int, report: IO[bytes]) -> None:
    """The child: append single rows and batches forever, flush now and then, report each append."""
    rng = random.Random(seed)
    with cl.Db(path) as db:
        table = db.create_table(TABLE, COLUMNS)
        rows = 0
        while True:
            for _ in range(rng.randrange(200)):
                report.write(MESSAGE.pack(False, rows + 1))
                ts, *values = killed_row(rows)
                table.append_row(ts, values)
                rows += 1
                report.write(MESSAGE.pack(True, rows))
            count = rng.randrange(1, 2000)
            batch = zip(*map(killed_row, range(rows, rows + count)), strict=True)
            data = {
                name: list(values) for name, values in zip(("ts", *COLUMNS), batch, strict=True)
            }
            report.write(MESSAGE.pack(False, rows + count))
            table.append(data)
            rows += count
            report.write(MESSAGE.pack(True, rows))
            if rng.randrange(20) == 0:
                db.flush()


def kill_writer(path: Path, kill_after: int, seed: int) -> Killed:
    """Start the child, kill it at a random moment after `kill_after` rows were acknowledged."""
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "chronolite._killed", str(path), str(seed)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        timer = threading.Timer(WATCHDOG_SECONDS, child.kill)
        timer.start()
        try:
            attempted = acknowledged = 0
            armed = False
            for is_acknowledged, rows in _messages(child):
                if not is_acknowledged:
                    attempted = rows
                    continue
                acknowledged = rows
                if not armed and acknowledged >= kill_after:
                    armed = True
                    timer.cancel()
                    delay = random.Random(seed).uniform(0, KILL_WITHIN_SECONDS)
                    timer = threading.Timer(delay, child.kill)
                    timer.start()
            child.wait()  # its end of the pipe is closed: the timer or an error of its own
        finally:
            timer.cancel()
            child.kill()
            child.wait()
        if child.returncode != -signal.SIGKILL:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
            raise DemoError(f"the child ended by itself ({child.returncode}): {said}")
    if not armed:
        raise DemoError(
            f"the child had {acknowledged} rows acknowledged after {WATCHDOG_SECONDS:.0f} s, "
            f"not {kill_after}"
        )
    return Killed(attempted, acknowledged)


def _messages(child: subprocess.Popen[bytes]) -> Iterator[tuple[bool, int]]:
    assert child.stdout is not None  # noqa: S101
    with child.stdout as pipe:
        rest = b""
        while chunk := os.read(pipe.fileno(), 65536):
            rest += chunk
            whole = len(rest) - len(rest) % MESSAGE.size
            yield from MESSAGE.iter_unpack(rest[:whole])
            rest = rest[whole:]


def check_recovered(killed: Killed, rows: Sequence[Row]) -> None:
    """Raise unless `rows`, as scanned, are what a kill may leave: nothing less, nothing else."""
    recovered = len(rows)
    if recovered < killed.acknowledged:
        raise DemoError(f"{killed.acknowledged:,} rows were acknowledged, only {recovered:,} found")
    if recovered > killed.attempted:
        raise DemoError(f"{killed.attempted:,} rows were attempted, but {recovered:,} found")
    if recovered not in {killed.acknowledged, killed.attempted}:
        raise DemoError(
            f"{recovered:,} rows found: part of an append that went from {killed.acknowledged:,} "
            f"to {killed.attempted:,} rows"
        )
    expected = sorted(map(killed_row, range(recovered)))
    for found, wanted in zip(rows, expected, strict=True):
        if found != wanted:
            raise DemoError(f"row {wanted} came back as {found}")


def recovered_rows(db: cl.Db) -> list[Row]:
    """The rows of the child's table, in the order of the scan."""
    columns = db[TABLE].scan().to_numpy()
    times = columns["ts"].astype("datetime64[ms]").astype("int64").tolist()
    return list(zip(times, *(columns[name].tolist() for name in COLUMNS), strict=True))


if __name__ == "__main__":
    # The child of `kill_writer`; unbuffered, so that a message is in the pipe when write returns.
    with os.fdopen(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as pipe:
        write_until_killed(Path(sys.argv[1]), int(sys.argv[2]), pipe)
