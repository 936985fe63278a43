"""An interrupted import goes on where it stopped: nothing is lost, nothing doubled."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import chronolite as cl

pytest.importorskip("pyarrow")

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ROWS = 200_000
# Imports in small batches, so that a kill falls between some of them.
IMPORT = """
import sys
from chronolite.cli import main
from chronolite.cli.loading import csvs, job
job._ROWS, csvs._BLOCK = 1000, 1 << 14
sys.argv[1:] = ["import", "rows.csv", "test.chl", "t", "--key", "who", *sys.argv[1:]]
main()
"""


@pytest.fixture
def rows_csv(tmp_path: Path) -> Path:
    """Rows with their number in a column; many have one time."""
    file = tmp_path / "rows.csv"
    lines = (f"{1_700_000_000_000 + n // 7},{n},k{n % 3},{n / 8}\n" for n in range(ROWS))
    file.write_text("ts,n,who,x\n" + "".join(lines), encoding="ascii")
    return file


def run_import(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", IMPORT, "--unit", "ms", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def end_import(folder: Path, rows: int, how: signal.Signals, pause: float = 0) -> tuple[int, str]:
    """Start the import, and end it some seconds after it has stored so many rows."""
    with subprocess.Popen(
        [sys.executable, "-c", IMPORT, "--unit", "ms"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        while child.poll() is None and rows_noted(folder) < rows:
            time.sleep(0.0005)
        time.sleep(pause)
        child.send_signal(how)
        _, errors = child.communicate(timeout=60)
        return child.returncode, errors


def rows_noted(folder: Path) -> int:
    try:
        return int(json.loads((folder / "test.chl-import").read_text())["done"])
    except FileNotFoundError:
        return 0


def rows_in(folder: Path) -> list[int]:
    with cl.Db(folder / "test.chl") as db:
        return [int(n) for n in db["t"].scan(columns=["n"]).to_numpy()["n"]]


def test_kills_at_random_moments(tmp_path: Path, rows_csv: Path) -> None:
    draw = random.Random(20130101)
    for rows in (0, 1, *sorted(draw.randrange(ROWS // 2) for _ in range(5))):
        code, errors = end_import(tmp_path, rows, signal.SIGKILL, draw.uniform(0, 0.01))
        assert code == -signal.SIGKILL, errors
        if (tmp_path / "test.chl-import").exists():
            with cl.Db(tmp_path / "test.chl") as db:
                count = len(db["t"])
            assert rows <= count < ROWS
            # The beginning of the file, and no row twice.
            assert sorted(rows_in(tmp_path)) == list(range(count))
    done = run_import(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "were there from an import that was interrupted" in done.stderr
    assert sorted(rows_in(tmp_path)) == list(range(ROWS))
    assert not (tmp_path / "test.chl-import").exists()


def test_interrupt_says_what_is_safe(tmp_path: Path, rows_csv: Path) -> None:
    code, errors = end_import(tmp_path, 5000, signal.SIGINT)
    assert code == 130, errors
    assert "the same command goes on after them" in errors
    count = int(errors.split("the first ")[1].split(" rows")[0].replace(",", ""))
    assert 5000 <= count < ROWS
    assert sorted(rows_in(tmp_path)) == list(range(count))
    done = run_import(tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"({count:,} were there" in done.stderr
    assert sorted(rows_in(tmp_path)) == list(range(ROWS))


@pytest.fixture
def partial(tmp_path: Path, rows_csv: Path) -> Path:
    """A folder in which an import was killed in the middle."""
    end_import(tmp_path, 5000, signal.SIGKILL)
    return tmp_path


def test_refuses_when_someone_else_appended(partial: Path) -> None:
    with cl.Db(partial / "test.chl") as db:
        db["t"].append_row(0, {"n": -1, "who": "x", "x": None})
    refused = run_import(partial)
    assert refused.returncode == 1
    assert "someone else wrote" in refused.stderr
    assert -1 in rows_in(partial)
    again = run_import(partial, "--restart")
    assert again.returncode == 0, again.stderr
    assert len(rows_in(partial)) > ROWS + 1


def test_refuses_when_another_table_was_appended_to(partial: Path) -> None:
    with cl.Db(partial / "test.chl") as db:
        db.append("other", 1, 2.0)
    refused = run_import(partial)
    assert refused.returncode == 1
    assert "someone else wrote" in refused.stderr


def test_refuses_when_the_source_changed(partial: Path) -> None:
    before = len(rows_in(partial))
    with (partial / "rows.csv").open("a") as file:
        file.write("1,2,k0,3\n")
    refused = run_import(partial)
    assert refused.returncode == 1
    assert "has changed" in refused.stderr
    assert len(rows_in(partial)) == before


def test_refuses_another_import_meanwhile(partial: Path, run_python: Run) -> None:
    (partial / "other.csv").write_text("ts,v\n1,2\n")
    args = ("-m", "chronolite", "import", "other.csv", "test.chl", "u", "--unit", "ms")
    refused = run_python(*args)
    assert refused.returncode == 1
    assert "was interrupted" in refused.stderr
    done = run_python(*args, "--restart")
    assert done.returncode == 0, done.stderr


def test_a_damaged_record_is_no_record(partial: Path) -> None:
    record = partial / "test.chl-import"
    good = json.loads(record.read_text())
    for text in (
        "",
        "[]",
        "{}",
        json.dumps(good | {"version": 99}),
        json.dumps(good | {"done": -1}),
    ):
        record.write_text(text)
        refused = run_import(partial)
        assert refused.returncode == 1, text
        assert "--restart" in refused.stderr
