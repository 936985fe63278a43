"""Files of released format versions open, hold what they held, and can be written to.

`tests/golden/make.py` made them, once, when the version was released.
"""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest

import chronolite as cl
from tests.golden import make
from tests.python import spec_reader as spec

VERSIONS = sorted(folder for folder in make.HERE.iterdir() if (folder / "contents.json").exists())
FILES = ["closed.chl", "open.chl"]


@pytest.fixture(
    params=[(v, f) for v in VERSIONS for f in FILES], ids=lambda p: f"{p[0].name}-{p[1]}"
)
def golden(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[Path, dict[str, dict[str, object]]]:
    folder, name = request.param
    for file in folder.glob(f"{name}*"):
        shutil.copy(file, tmp_path)
    wanted = json.loads((folder / "contents.json").read_text(encoding="utf-8"))
    return tmp_path / name, wanted


def test_the_version_that_is_written_is_there(path: Path) -> None:
    cl.Db(path).close()
    (written,) = struct.unpack_from("<I", path.read_bytes(), 8)
    assert VERSIONS[-1].name == str(written)
    for folder in VERSIONS:
        for file in ("closed.chl", "open.chl", "open.chl-wal"):
            (version,) = struct.unpack_from("<I", (folder / file).read_bytes(), 8)
            assert str(version) == folder.name, file
    with_log = [folder for folder in VERSIONS if (folder / "open.chl-wal").stat().st_size > 1000]
    assert with_log == VERSIONS


def test_a_golden_file_is_what_it_was(golden: tuple[Path, dict[str, dict[str, object]]]) -> None:
    path, wanted = golden
    with cl.Db(path, mode="r") as reader:
        assert make.contents(reader) == wanted
    with cl.Db(path, auto_maintenance=False) as db:
        assert db.verify().ok
        assert make.contents(db) == wanted
        db.pack()
        db.compact()
        assert make.contents(db) == wanted
    with cl.Db(path) as db:
        assert make.contents(db) == wanted
        assert db.verify().ok


def test_a_golden_file_is_written_to(golden: tuple[Path, dict[str, dict[str, object]]]) -> None:
    path, wanted = golden
    row = {"ts": [make.FIRST_MS + 7], "machine": ["m7"], "watts": [1.0], "note": ["new"]}
    with cl.Db(path) as db:
        arrived = db.stats()["next_seq"]
        for rule, more in [("all", 2), ("last", 1), ("first", 1)]:
            table = db[f"keyed_{rule}"]
            table.append(row)
            table.append(row)
            assert len(table) - wanted[f"keyed_{rule}"]["rows"] == more  # type: ignore[operator]
        db["keyed_error"].append(row)
        with pytest.raises(cl.ConflictError):
            db["keyed_error"].append(row)
        assert db.append("series", make.FIRST_MS + 2, 1.0) == arrived + 7
        for name in make.RULES:
            db[f"keyed_{name}"].delete(make.FIRST_MS + 7, make.FIRST_MS + 8, key="m7")
        db["series"].delete(make.FIRST_MS + 2, make.FIRST_MS + 3)
        assert make.contents(db) == wanted


def test_every_codec_is_in_a_golden_file() -> None:
    for folder in VERSIONS:
        found = spec.read(folder / "closed.chl")
        codes = {
            code
            for table in found.tables.values()
            for segment in table.segments.values()
            for column in segment.columns.values()
            for code in column.codecs()
        }
        assert codes == set(range(spec.RAW, spec.SCALED + 1))


def test_control_another_value_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "closed.chl"
    shutil.copy(VERSIONS[-1] / "closed.chl", path)
    with cl.Db(path) as db:
        before = make.contents(db)
        db.append("series", make.FIRST_MS + 5, 0.0)
        after = make.contents(db)
    assert [name for name in before if before[name] != after[name]] == ["series"]
