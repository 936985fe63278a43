"""`chronolite info`, `verify` and `salvage`: what is in a file, and whether it is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import chronolite as cl

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with a table of 5,000 rows."""
    path = tmp_path / "f.chl"
    with cl.Db(path) as db:
        made = db.create_table("t", {"x": "f64", "s": "utf8"})
        made.append({"ts": range(5000), "x": [n / 3 for n in range(5000)], "s": ["a"] * 5000})
    return path


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(byte ^ 0xFF for byte in data[middle : middle + 64])
    path.write_bytes(data)


def test_info(file: Path, run_python: Run) -> None:
    shown = run_python("-m", "chronolite", "info", "f.chl")
    assert "5,000 rows, 1970-01-01T00:00:00.000Z to 1970-01-01T00:00:04.999Z" in shown.stdout
    assert "timestamp[ms]" in shown.stdout
    found = json.loads(run_python("-m", "chronolite", "info", "f.chl", "t", "--json").stdout)
    assert found["tables"]["t"]["rows"] == 5000
    assert found["tables"]["t"]["types"] == {"ts": "timestamp[ms]", "x": "f64", "s": "utf8"}
    assert run_python("-m", "chronolite", "info", "f.chl", "u").returncode == 3


def test_verify(file: Path, run_python: Run) -> None:
    before = file.read_bytes()
    fine = run_python("-m", "chronolite", "verify", "f.chl")
    assert (fine.returncode, "all is well" in fine.stdout) == (0, True)
    assert json.loads(run_python("-m", "chronolite", "verify", "f.chl", "--json").stdout)["ok"]
    assert file.read_bytes() == before
    damage(file)
    bad = run_python("-m", "chronolite", "verify", "f.chl")
    assert bad.returncode == 5
    assert "byte " in bad.stdout
    assert "is damaged" in bad.stderr
    found = json.loads(run_python("-m", "chronolite", "verify", "f.chl", "--json").stdout)
    assert (found["ok"], len(found["problems"]) > 0) == (False, True)


def test_verify_of_what_is_no_database(tmp_path: Path, run_python: Run) -> None:
    (tmp_path / "text.chl").write_text("not a database at all, but some text\n" * 300)
    assert run_python("-m", "chronolite", "verify", "text.chl").returncode == 5
    assert run_python("-m", "chronolite", "verify", "nothere.chl").returncode == 3


def test_verify_beside_a_writer(file: Path, run_python: Run) -> None:
    with cl.Db(file):
        # Later versions read beside a writer; 4 says that this one does not.
        assert run_python("-m", "chronolite", "verify", "f.chl").returncode in (0, 4)


def test_salvage(file: Path, tmp_path: Path, run_python: Run) -> None:
    damage(file)
    before = file.read_bytes()
    done = run_python("-m", "chronolite", "salvage", "f.chl", "new.chl", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["problems"]
    assert report["ok"] is False
    assert file.read_bytes() == before
    with cl.Db(tmp_path / "new.chl") as db:
        assert db.verify().ok
        assert len(db["t"]) == report["tables"]["t"]["rows"]
    again = run_python("-m", "chronolite", "salvage", "f.chl", "new.chl")
    assert (again.returncode, "already there" in again.stderr) == (1, True)
    shown = run_python("-m", "chronolite", "salvage", "f.chl", "other.chl").stdout
    assert f"t: {report['tables']['t']['rows']:,} rows saved, " in shown
    assert "lost" in shown
    assert "other.chl: 1 table written" in shown


def test_salvage_of_what_is_whole_or_nothing(file: Path, tmp_path: Path, run_python: Run) -> None:
    done = run_python("-m", "chronolite", "salvage", "f.chl", "new.chl")
    assert (done.returncode, "5,000 rows saved\n" in done.stdout) == (0, True)
    assert "nothing was damaged" in done.stdout
    done = run_python("-m", "chronolite", "salvage", "f.chl", "quiet.chl", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert run_python("-m", "chronolite", "salvage", "nothere.chl", "x.chl").returncode == 3
    (tmp_path / "text.chl").write_text("not a database at all, but some text\n" * 300)
    assert run_python("-m", "chronolite", "salvage", "text.chl", "x.chl").returncode == 5
    assert not (tmp_path / "x.chl").exists()
    with cl.Db(file):
        assert run_python("-m", "chronolite", "salvage", "f.chl", "x.chl").returncode == 4


@pytest.mark.parametrize("args", [["verify", "f.chl"], ["salvage", "f.chl", "new.chl"]])
def test_a_bar_on_a_terminal_only(file: Path, tmp_path: Path, args: list[str]) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "chronolite", *args]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=theirs
    ) as child:
        os.close(theirs)
        seen = b""
        # At its end a terminal whose other side is closed fails, or reads as nothing.
        with suppress(OSError):
            while more := os.read(ours, 4096):
                seen += more
        os.close(ours)
        assert child.wait(60) == 0
    assert b"f.chl" in seen
    assert b"100%" in seen
