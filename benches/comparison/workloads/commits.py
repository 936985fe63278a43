"""Single rows that survive power loss when the call returns, from one thread and from eight."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from comparison.data import SECOND, START_MS
from comparison.task import Answer, Measure, Task

TITLE = "durable single-row commits"
WORKS = ["durable commits"]
PEERS = ("chronolite", "sqlite")
COMMITS = 4000
THREADS = (1, 8)

# Commits rows of the times that it is given, in a thread of its own.
Writer = Callable[[range], None]


def run(task: Task) -> Answer:
    """With one thread and with eight, each round into a new file."""
    commits = max(task.scaled(COMMITS), THREADS[-1])
    measures = []
    for threads in THREADS:
        rounds = []
        for _ in range(task.rounds):
            shutil.rmtree(task.folder, ignore_errors=True)
            task.folder.mkdir(parents=True)
            rounds.append(ENGINES[task.peer](task.folder, commits, threads))
        part = "1 thread" if threads == 1 else f"{threads} threads"
        measures.append(Measure(rounds, "commits/s", part))
    return Answer(measures, rows=commits, note=NOTES[task.peer])


def chronolite(folder: Path, commits: int, threads: int) -> float:
    """One database for all threads, at ``sync``."""
    import chronolite as cl

    with cl.Db(folder / "commits.chl", durability="sync") as db:
        table = db.create_table("t", ["a", "b"])

        def write(rows: range) -> None:
            for i in rows:
                table.append_row(START_MS + i * SECOND, (25.0, 0.5))

        speed = commits_a_second(write, commits, threads)
        check(len(table), commits, threads)
    return speed


def sqlite(folder: Path, commits: int, threads: int) -> float:
    """A connection a thread, WAL, FULL; a busy one waits."""
    path = folder / "commits.sqlite"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, timeout=60.0)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def write(rows: range) -> None:
        connection = connect()
        for i in rows:
            values = (START_MS + i * SECOND, 25.0, 0.5)
            connection.execute("INSERT INTO t VALUES (?, ?, ?)", values)
        connection.close()

    # It stays open: the last one to close would fold the log into the file within the time.
    keeper = connect()
    keeper.execute("CREATE TABLE t (ts INTEGER PRIMARY KEY, a REAL, b REAL)")
    speed = commits_a_second(write, commits, threads)
    check(keeper.execute("SELECT count(*) FROM t").fetchone()[0], commits, threads)
    keeper.close()
    return speed


def commits_a_second(write: Writer, commits: int, threads: int) -> float:
    """All threads start together; the last one's end counts."""
    share = commits // threads
    ranges = [range(i * share, (i + 1) * share) for i in range(threads)]
    workers = [threading.Thread(target=write, args=(rows,)) for rows in ranges]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return share * threads / (time.perf_counter() - began)


def check(found: int, commits: int, threads: int) -> None:
    """A thread that failed leaves fewer."""
    wanted = commits // threads * threads
    if found != wanted:
        raise RuntimeError(f"{found} rows are there, not {wanted}")


ENGINES = {"chronolite": chronolite, "sqlite": sqlite}
NOTES = {
    "chronolite": "durability='sync'",
    "sqlite": "WAL, synchronous=FULL, a connection a thread",
}
