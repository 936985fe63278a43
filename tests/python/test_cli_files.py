"""`chronolite info`, `verify` and `salvage`: what is in a file, and whether it is whole."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
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


@pytest.mark.skipif(not hasattr(cl, "salvage"), reason="chronolite.salvage is not there")
def test_salvage(file: Path, tmp_path: Path, run_python: Run) -> None:
    damage(file)
    before = file.read_bytes()
    done = run_python("-m", "chronolite", "salvage", "f.chl", "new.chl", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["problems"]
    assert file.read_bytes() == before
    with cl.Db(tmp_path / "new.chl") as db:
        assert db.verify().ok
    assert run_python("-m", "chronolite", "salvage", "f.chl", "new.chl").returncode == 1
