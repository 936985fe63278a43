"""A process that writes is killed at a random moment; what was acknowledged is there."""

import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import chronolite as cl
from tests.proof import oracle, sizes
from tests.proof.rows import rows

WATCHDOG_SECONDS = 60
LEVELS = ("sync", "interval", "none")


def kill_a_writer(path: Path, history: oracle.History, rng: random.Random) -> str:
    """Start a writer, note what it says, kill it at a random moment; which kind of moment."""
    moment = rng.choices(["while opening", "while writing", "in a step"], [2, 5, 3])[0]
    command = [sys.executable, "-m", "tests.proof.writer", f"{path}", f"{rng.randrange(2**32)}"]
    child = subprocess.Popen(
        [*command, history.durability],
        cwd=sizes.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    timer = threading.Timer(WATCHDOG_SECONDS, child.kill)
    timer.start()
    steps = rng.randrange(1, 200)
    is_armed = False
    try:
        for line in lines(child.stdout.fileno()):
            word = history.heard(line)
            steps -= word in ("try", "flushing")
            delay = {
                "while opening": (0.03 if word == "opening" else None),
                "while writing": (0.4 if word == "found" else None),
                "in a step": (0.004 if steps <= 0 else None),
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


def lines(pipe: int):
    rest = b""
    while chunk := os.read(pipe, 1 << 16):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in whole)
    assert rest == b""


def check_file(path: Path, history: oracle.History, rng: random.Random) -> None:
    """The file opens, for reading and for writing, and holds what it may; it is left clean."""
    if rng.randrange(2) and path.exists():
        with cl.Db(path, mode="r") as db:
            oracle.check(history, oracle.read(db))
    with cl.Db(path) as db:
        report = db.verify()
        assert report.ok, report
        oracle.check(history, oracle.read(db))
    assert sorted(path.parent.iterdir()) == [path]


def test_acknowledged_rows_survive_a_kill(tmp_path):
    kills = sizes.size(15, 2000)
    rng = random.Random(sizes.SEED)
    done = files = acknowledged = 0
    moments = dict.fromkeys(["while opening", "while writing", "in a step"], 0)
    while done < kills:
        folder = tmp_path / f"{files}"
        folder.mkdir()
        path = folder / "killed.chl"
        files += 1
        life = rng.randrange(1, 6)
        history = oracle.History(LEVELS[files % 3])
        for _ in range(min(life, kills - done)):
            moments[kill_a_writer(path, history, rng)] += 1
            done += 1
            # Else the next writer is the first to open what the kill left, and says what it found.
            if rng.randrange(2):
                check_file(path, history, rng)
        check_file(path, history, rng)
        acknowledged += history.acknowledged
        path.unlink()
    if sizes.SHARE == 1:
        assert acknowledged >= 1_000_000
    sizes.figures(
        "kill",
        f"{done:,} kills ({', '.join(f'{n:,} {m}' for m, n in moments.items())}) of {files:,} "
        f"files, {acknowledged:,} rows acknowledged, 0 lost, 0 wrong, 0 torn batches",
    )


@pytest.fixture(scope="module")
def killed_once(tmp_path_factory):
    """A file with a log that holds acknowledged rows, as a kill left it, and what was said."""
    path = tmp_path_factory.mktemp("killed") / "killed.chl"
    writer = """
import os, sys
from tests.proof import writer
w = writer.Writer(sys.argv[1], 1, "interval")
for name in ("mixed", "keyed"):
    w.create("main", name)
    w.append("main", name, 500)
    w.flush("main")
    w.append("main", name, 300)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run(
        [sys.executable, "-c", writer, path], cwd=sizes.ROOT, stdout=subprocess.PIPE, check=False
    )
    assert done.returncode == -9
    return path, done.stdout.decode().splitlines()


@pytest.fixture
def killed(killed_once, tmp_path):
    """A copy of that file and its log, and the history."""
    original, said = killed_once
    path = tmp_path / original.name
    for file in original.parent.iterdir():
        shutil.copy(file, tmp_path)
    history = oracle.History("interval")
    for line in said:
        history.heard(line)
    assert history.acknowledged == 1600
    return path, history


def test_what_a_kill_left_passes(killed):
    path, history = killed
    with cl.Db(path) as db:
        oracle.check(history, oracle.read(db))


def without_a_row(table):
    return table.slice(0, table.num_rows - 1)


def with_a_row_twice(table):
    return table.take([*range(table.num_rows), table.num_rows - 1])


def with_a_row_for_another(table):
    return table.take([0, *range(table.num_rows - 1)])


def with_a_wrong_value(table):
    place = table.column_names.index("n")
    values = table["n"].to_pylist()
    values[17] += 1
    return table.set_column(place, "n", [values])


def in_another_order(table):
    return table.take([1, 0, *range(2, table.num_rows)])


def with_what_nobody_wrote(table):
    return rows("mixed", 0, table.num_rows + 7)


@pytest.mark.parametrize(
    "spoil",
    [
        without_a_row, with_a_row_twice, with_a_row_for_another, with_a_wrong_value,
        in_another_order, with_what_nobody_wrote,
    ],
)  # fmt: skip
def test_control_the_oracle_sees(killed, spoil):
    path, history = killed
    with cl.Db(path) as db:
        tables = oracle.read(db)
    tables["mixed"] = spoil(tables["mixed"])
    with pytest.raises(oracle.OracleError):
        oracle.check(history, tables)


def test_control_the_oracle_sees_a_missing_table(killed):
    path, history = killed
    with cl.Db(path) as db:
        tables = oracle.read(db)
    del tables["keyed"]
    with pytest.raises(oracle.OracleError):
        oracle.check(history, tables)


def test_control_a_lost_log_is_seen(killed):
    path, history = killed
    log = path.with_name(path.name + "-wal")
    assert log.exists()
    log.unlink()
    with pytest.raises((oracle.OracleError, cl.CorruptionError)), cl.Db(path) as db:
        oracle.check(history, oracle.read(db))
