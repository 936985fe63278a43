"""One writer at a time: who is refused, who is named, and when the file is free again."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import chronolite as cl
from tests.proof import sizes

HOLD = """
import sys, chronolite as cl
db = cl.Db(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""
TRY = """
import sys, chronolite as cl
try:
    cl.Db(sys.argv[1]).close()
    print("free")
except cl.DatabaseLockedError as error:
    print(error.pid)
"""
# Told a moment and a path, it opens at that moment, says how it went, and lets go when told to.
RACE = """
import sys, time, chronolite as cl
for line in sys.stdin:
    moment, path = line.rstrip("\\n").split(" ", 1)
    while time.monotonic() < float(moment):
        pass
    try:
        db = cl.Db(path)
        print("won", flush=True)
    except cl.DatabaseLockedError as error:
        db = None
        print(error.pid, flush=True)
    sys.stdin.readline()
    if db is not None:
        db.close()
    print("let go", flush=True)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "locked.chl"


@pytest.fixture
def start():
    """Starts Python processes with these lines; none outlives the test."""
    started = []

    def run(code, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def tried_elsewhere(path) -> int | None:
    """The pid that another process is told when it opens the file; None if it could."""
    command = [sys.executable, "-c", TRY, path]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return None if said == "free" else int(said)


def pid_told(path) -> int | None:
    """The same, in this process."""
    try:
        cl.Db(path).close()
    except cl.DatabaseLockedError as error:
        return error.pid
    return None


def in_a_fork(work):
    """What `work` returns in a fork child, which then ends without any clean-up."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        said = b'"it failed"'
        try:
            said = json.dumps(work()).encode()
        except BaseException as error:  # noqa: BLE001
            said = json.dumps(repr(error)).encode()
        finally:
            os.write(theirs, said)
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return json.loads(said)


def other_names(path: Path) -> dict[str, Path]:
    """The file under other names."""
    folder = path.parent / "elsewhere"
    folder.mkdir()
    names = {
        "symbolic link": folder / "symbolic.chl",
        "hard link": folder / "hard.chl",
        "through a linked folder": path.parent / "linked" / path.name,
        "with dots": folder / ".." / path.name,
        "chain of links": folder / "chain.chl",
    }
    names["symbolic link"].symlink_to(path)
    names["hard link"].hardlink_to(path)
    (path.parent / "linked").symlink_to(path.parent)
    names["chain of links"].symlink_to(names["symbolic link"])
    return names


def test_a_second_writer_is_refused_and_told_the_pid(path):
    with cl.Db(path):
        us = os.getpid()
        assert pid_told(path) == us
        assert tried_elsewhere(path) == us
        assert in_a_fork(lambda: pid_told(path)) == us
    assert pid_told(path) is None


@pytest.mark.parametrize(
    "name",
    ["symbolic link", "hard link", "through a linked folder", "with dots", "chain of links"],
)
def test_another_name_is_the_same_file(path, name):
    with cl.Db(path):
        other = other_names(path)[name]
        us = os.getpid()
        assert pid_told(other) == us
        assert tried_elsewhere(other) == us
        assert in_a_fork(lambda: pid_told(other)) == us


@pytest.mark.parametrize("name", ["symbolic link", "hard link"])
def test_opened_by_another_name_it_is_locked_by_its_own(path, name):
    cl.Db(path).close()
    with cl.Db(other_names(path)[name]):
        assert pid_told(path) == os.getpid()
        assert tried_elsewhere(path) == os.getpid()


WRITE_AND_DIE = """
import os, sys, chronolite as cl
db = cl.Db(sys.argv[1])
db.create_table("t", ["x"]).append({"ts": [1, 2], "x": [1.0, 2.0]})
os.kill(os.getpid(), 9)
"""


def test_rows_written_through_a_symbolic_link_are_there_after_a_kill(path, start):
    cl.Db(path).close()
    assert start(WRITE_AND_DIE, other_names(path)["symbolic link"]).wait() == -signal.SIGKILL
    with cl.Db(path) as db:
        assert db["t"].scan().to_numpy()["x"].tolist() == [1.0, 2.0]


def test_a_log_under_a_hard_links_name_is_missed_and_not_passed_over(path, start):
    """The log goes by the name that the file was opened by; by another name it is not found."""
    cl.Db(path).close()
    other = other_names(path)["hard link"]
    assert start(WRITE_AND_DIE, other).wait() == -signal.SIGKILL
    with pytest.raises(cl.CorruptionError, match="-wal"):
        cl.Db(path)
    with cl.Db(other) as db:
        assert db["t"].scan().to_numpy()["x"].tolist() == [1.0, 2.0]
    with cl.Db(path) as db:
        assert db["t"].scan().to_numpy()["x"].tolist() == [1.0, 2.0]


def test_other_files_are_free(path):
    with cl.Db(path), cl.Db(path.with_name("other.chl")):
        assert tried_elsewhere(path.with_name("third.chl")) is None


def test_the_refused_change_nothing(path):
    with cl.Db(path) as db:
        table = db.create_table("t", ["x"])
        table.append_row(1, [1.0])
        assert tried_elsewhere(path) == os.getpid()
        assert pid_told(path) == os.getpid()
        table.append_row(2, [2.0])
        db.flush()
        table.append_row(3, [3.0])
    with cl.Db(path) as db:
        assert db["t"].scan().to_numpy()["x"].tolist() == [1.0, 2.0, 3.0]


def test_it_is_free_at_once_when_its_holder_is_killed(path, start):
    for _ in range(sizes.size(5, 100)):
        holder = start(HOLD, path)
        assert holder.stdout.readline() == "open\n"
        assert pid_told(path) == holder.pid
        holder.kill()
        holder.wait()
        assert pid_told(path) is None


READ = """
import sys, chronolite as cl
db = cl.Db(sys.argv[1], mode="r")
moment = db.snapshot()
print("open", flush=True)
sys.stdin.read()
"""


def test_readers_are_in_nobodys_way_and_no_second_writer(path, start):
    cl.Db(path).close()
    for round_ in range(sizes.size(3, 50)):
        before = start(READ, path)
        assert before.stdout.readline() == "open\n"
        holder = start(HOLD, path)
        assert holder.stdout.readline() == "open\n"
        after = start(READ, path)
        assert after.stdout.readline() == "open\n"
        with cl.Db(path, mode="r"):
            assert pid_told(path) == holder.pid
            assert tried_elsewhere(path) == holder.pid
        if round_ % 2:
            before.kill()
            before.wait()
        assert pid_told(path) == holder.pid
        holder.kill()
        holder.wait()
        # The readers are there still.
        assert pid_told(path) is None
        assert tried_elsewhere(path) is None
        with cl.Db(path) as db:
            assert db.stats()["readers"] == (1 if round_ % 2 else 2)
        after.kill()
        before.kill()
        after.wait()
        before.wait()


def race(racers, path: Path, rng):
    """Let all of them open the file at once; the winner, and what the others were told instead of
    its pid."""
    names = [path, path.with_name("symbolic"), path.with_name("hard")]
    moment = time.monotonic() + 0.003
    for racer in racers:
        racer.stdin.write(f"{moment} {rng.choice(names)}\n")
        racer.stdin.flush()
    told = {racer: racer.stdout.readline().strip() for racer in racers}
    winners = [racer for racer in racers if told[racer] == "won"]
    assert len(winners) == 1, told
    winner = winners[0]
    return winner, [said for said in told.values() if said not in ("won", str(winner.pid))]


def let_go(racer) -> None:
    racer.stdin.write("\n")
    racer.stdin.flush()
    assert racer.stdout.readline() == "let go\n"


def test_a_race_has_one_winner(tmp_path, start):
    races = sizes.size(50, 500)
    rng = random.Random(sizes.SEED)
    racers = [start(RACE) for _ in range(4)]
    killed = made = 0
    misnamed: list[str] = []
    for number in range(races):
        path = tmp_path / f"race{number - number % 5}.chl"
        # One race of five is for a file that is not there yet, and has one name only.
        if number % 5 == 0:
            made += 1
            (tmp_path / "symbolic").unlink(missing_ok=True)
            (tmp_path / "hard").unlink(missing_ok=True)
            (tmp_path / "symbolic").symlink_to(path)
            (tmp_path / "hard").symlink_to(path)
        elif number % 5 == 1:
            (tmp_path / "hard").unlink()
            (tmp_path / "hard").hardlink_to(path)
        winner, wrong = race(racers, path, rng)
        misnamed += wrong
        if number % 5 == 3:
            killed += 1
            winner.kill()
            winner.wait()
            assert pid_told(path) is None
            racers.remove(winner)
            racers.append(start(RACE))
            for racer in racers[:-1]:
                let_go(racer)
        else:
            for racer in racers:
                let_go(racer)
            assert pid_told(path) is None
    assert misnamed == [], "what losers were told instead of the winner's pid"
    sizes.figures(
        "locks",
        f"{races:,} races of 4 processes ({made:,} for a new file), 1 winner each, the winner's "
        f"pid told to the others; {killed:,} winners killed, the file free at once",
    )


def test_control_without_the_lock_a_race_has_more_winners(tmp_path, start):
    """Each racer is given a file of its own, as if there were no lock: the check has to see it."""
    racers = [start(RACE) for _ in range(2)]

    class Alone:
        def __init__(self):
            self.files = iter(range(9))

        def choice(self, names):
            return names[0].with_name(f"own{next(self.files)}")

    with pytest.raises(AssertionError):
        race(racers, tmp_path / "race.chl", Alone())
