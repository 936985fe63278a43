"""Files of released format versions open, hold what they held, and can be written to.

`tests/golden/make.py` made them, once, when the version was released.
"""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import chronolite as cl
from tests.golden import make
from tests.python import spec_reader as spec

VERSIONS = sorted(
    (folder for folder in make.HERE.iterdir() if folder.name.isdigit()),
    key=lambda folder: int(folder.name),
)
FILES = ["closed.chl", "open.chl"]
# A copy of a file, and what has to be read from it.
Golden: TypeAlias = tuple[Path, dict[str, dict[str, Any]]]


@pytest.fixture(
    params=[(v, f) for v in VERSIONS for f in FILES], ids=lambda p: f"{p[0].name}-{p[1]}"
)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Golden:
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


def test_a_golden_file_is_what_it_was(golden: Golden) -> None:
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


def test_a_golden_file_is_written_to(golden: Golden) -> None:
    path, wanted = golden
    row = {"ts": [make.FIRST_MS + 7], "machine": ["m7"], "watts": [1.0], "note": ["new"]}
    with cl.Db(path) as db:
        arrived = db.stats()["next_seq"]
        for rule, more in [("all", 2), ("last", 1), ("first", 1)]:
            table = db[f"keyed_{rule}"]
            table.append(row)
            table.append(row)
            assert len(table) - wanted[f"keyed_{rule}"]["rows"] == more
        db["keyed_error"].append(row)
        with pytest.raises(cl.ConflictError):
            db["keyed_error"].append(row)
        assert db.append("series", make.FIRST_MS + 2, 1.0) == arrived + 7
        for name in make.RULES:
            db[f"keyed_{name}"].delete(make.FIRST_MS + 7, make.FIRST_MS + 8, key="m7")
        db["series"].delete(make.FIRST_MS + 2, make.FIRST_MS + 3)
        assert make.contents(db) == wanted


def test_tables_have_the_options_they_were_made_with(golden: Golden) -> None:
    path, _ = golden
    with cl.Db(path) as db:
        for name, options in make.TABLES.items():
            if name == "signal":
                continue  # It has more columns since.
            again = db.create_table(name, **options)
            assert again.columns == db[name].columns
            for option, values in {
                "storage": ["balanced", "speed"],
                "time_unit": ["ms", "ns"],
                "on_conflict": ["all", "last"],
            }.items():
                other = values[options.get(option, values[0]) == values[0]]
                with pytest.raises(cl.SchemaError):
                    db.create_table(name, **{**options, option: other})


def columns_of(path: Path) -> list[tuple[str, spec.ColumnDef, spec.SegmentColumn]]:
    found = spec.read(path)
    return [
        (table.definition.name, definition, segment.columns[definition.id])
        for table in found.tables.values()
        for segment in table.segments.values()
        for definition in table.definition.columns
        if definition.id in segment.columns
    ]


def test_every_codec_of_every_type_is_in_a_golden_file() -> None:
    for folder in VERSIONS:
        asked: dict[tuple[str, str], set[int]] = {}
        all_codes = set()
        for table, definition, column in columns_of(folder / "closed.chl"):
            all_codes |= column.codecs()
            if table.startswith("codecs_") or table == "long":
                asked.setdefault((table, definition.name), set()).update(column.codecs())
        assert all_codes == set(range(spec.RAW, spec.SCALED + 1))
        tables = [f"codecs_{storage}" for storage in ("balanced", "speed", "size")]
        assert asked.keys() == {
            *((table, name) for table in tables for name in make.TYPES),
            *(("long", name) for name in [*make.LONG, *make.WIDE]),
        }
        for (table, name), codes in asked.items():
            codec = {**make.NAMED, **make.WIDE}[name]
            assert codes == {getattr(spec, codec.upper())}, (table, name)


def test_there_are_several_blocks_and_every_kind_of_log_record() -> None:
    for folder in VERSIONS:
        columns = columns_of(folder / "closed.chl")
        long = [c for table, _, c in columns if table == "long"]
        assert {len(column.streams[spec.VALUES]) for column in long} == {2}
        log = spec.read(folder / "open.chl").log
        assert log is not None
        assert {record.kind for record in log.records} == {1, 2, 3, 4, 5, 6, 7}


def test_control_another_value_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "closed.chl"
    shutil.copy(VERSIONS[-1] / "closed.chl", path)
    with cl.Db(path) as db:
        before = make.contents(db)
        db.append("series", make.FIRST_MS + 5, 0.0)
        after = make.contents(db)
    assert [name for name in before if before[name] != after[name]] == ["series"]
