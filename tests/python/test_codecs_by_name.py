"""Codecs that are asked for by name: they are in the file, and every value comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import chronolite as cl
from tests.python import spec_reader as spec
from tests.python.test_spec import check

INTEGERS = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]
FLOATS = ["f32", "f64"]
TEXTS = ["utf8", "binary"]
NUMBERS = [*INTEGERS, *FLOATS]
ALL = [*NUMBERS, "bool", *TEXTS]
TYPES = {
    "raw": ALL,
    "frame_of_reference": INTEGERS,
    "delta": INTEGERS,
    "gorilla": FLOATS,
    "dictionary": TEXTS,
    "alp": FLOATS,
    "alp_rd": FLOATS,
    "run_length": ALL,
    "pco": NUMBERS,
    "zstd": [*NUMBERS, *TEXTS],
    "fsst": TEXTS,
    "nanots_int": FLOATS,
    "scaled": INTEGERS,
}
CODES = {
    "raw": spec.RAW,
    "constant": spec.CONSTANT,
    "frame_of_reference": spec.FRAME_OF_REFERENCE,
    "delta": spec.DELTA,
    "gorilla": spec.GORILLA,
    "dictionary": spec.DICTIONARY,
    "alp": spec.ALP,
    "alp_rd": spec.ALP_RD,
    "run_length": spec.RUN_LENGTH,
    "pco": spec.PCO,
    "zstd": spec.ZSTD,
    "fsst": spec.FSST,
    "nanots_int": spec.NANOTS_INT,
    "scaled": spec.SCALED,
}
PAIRS = {f"{kind} {codec}": (kind, codec) for codec, kinds in TYPES.items() for kind in kinds}
KINDS = {name: code for code, name in spec.NAMES.items()}
ROWS = 3000


def values(rng: np.random.Generator, kind: str, rows: int) -> Any:
    """Values that every codec of the type can hold, some of them null."""
    numbers = rng.integers(0, 25, rows) * 4
    valid = rng.random(rows) > 0.1
    if kind == "bool":
        data: list[Any] = (numbers > 40).tolist()
    elif kind == "utf8":
        data = [f"word-{n}" for n in numbers]
    elif kind == "binary":
        data = [bytes([n, 0, 255]) for n in numbers]
    else:
        data = numbers.astype(spec.DTYPES[KINDS[kind]]).tolist()
    return [value if there else None for value, there in zip(data, valid, strict=True)]


def batch(seed: int, start: int, rows: int = ROWS) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    columns = {column: values(rng, kind, rows) for column, (kind, _) in PAIRS.items()}
    return {"ts": list(range(start, start + rows)), **columns}


def used(path: Path) -> dict[str, set[str]]:
    """The codecs of the values in the file, by column; those of validity do not count."""
    table = spec.read(path)["t"]
    names = {spec.TIMES: "ts", **{column.id: column.name for column in table.definition.columns}}
    by_code = {code: name for name, code in CODES.items()}
    found: dict[str, set[str]] = {name: set() for name in names.values()}
    for segment in table.segments.values():
        for column in segment.columns.values():
            if column.id in names:
                found[names[column.id]] |= {by_code[code] for code in column.codecs()}
    return found


def rows_of(table: cl.Table) -> pa.Table:
    return pa.table(table).combine_chunks()


@pytest.mark.parametrize("storage", ["balanced", "speed", "size"])
def test_every_codec_of_every_type(path: Path, storage: Any) -> None:
    asked = {column: codec for column, (_, codec) in PAIRS.items()}
    kinds = {column: kind for column, (kind, _) in PAIRS.items()}
    batches = [batch(1, 0), batch(2, 1500)]
    wanted = {**{column: {codec} for column, codec in asked.items()}, "ts": {"pco"}}
    with cl.Db(path) as db:
        t = db.create_table("t", kinds, storage=storage, codecs={**asked, "ts": "pco"})
        assert t.codecs == {**asked, "ts": "pco"}
        for part in batches:
            t.append(part)
            db.flush()
        assert used(path) == wanted
        before = rows_of(t)
    order = np.argsort(np.concatenate([part["ts"] for part in batches]), kind="stable")
    for column in kinds:
        both = [value for part in batches for value in part[column]]
        assert before[column].to_pylist() == [both[at] for at in order], column
    with cl.Db(path) as db:
        assert db["t"].codecs == {**asked, "ts": "pco"}
        db.pack()
        assert db.stats("t")["segments"] == 1
        assert used(path) == wanted
        db.compact()
        assert rows_of(db["t"]).equals(before)
        assert db.verify().ok
    with cl.Db(path, mode="r") as db:
        assert used(path) == wanted
        assert rows_of(db["t"]).equals(before)
    definition = check(path)["t"].definition
    assert {c.name: c.codec for c in definition.columns} == {
        column: CODES[codec] for column, codec in asked.items()
    }
    assert definition.time_codec == spec.PCO


def test_a_batch_that_is_written_at_once(path: Path) -> None:
    rows = 300_000
    with cl.Db(path) as db:
        t = db.create_table("t", ["x", "y"], codecs={"x": "gorilla", "y": "auto"})
        t.append({"ts": np.arange(rows), "x": np.arange(rows) % 7.0, "y": np.arange(rows) % 7.0})
        assert t.codecs == {"x": "gorilla"}
        found = used(path)
        assert found["x"] == {"gorilla"}
        assert "gorilla" not in found["y"]
        assert pa.table(t)["x"].equals(pa.table(t)["y"])


@pytest.mark.parametrize("pack", [False, True])
def test_blocks_that_the_codec_cannot_hold_are_as_without_it(path: Path, pack: bool) -> None:
    """Three blocks, of which one has a value that is no integer."""
    data = np.round(np.random.default_rng(3).random(3 * 16_384) * 1000)
    data[20_000] = 0.5
    with cl.Db(path) as db:
        named = db.create_table("named", ["x"], codecs={"x": "nanots_int"})
        plain = db.create_table("plain", ["x"])
        for t in (named, plain):
            t.append({"ts": np.arange(len(data)), "x": data})
        db.flush()
        if pack:
            db.pack()
        of = {name: db.stats(name)["by_column"]["x"]["codecs"] for name in db.tables()}
        by_choice = set(of["plain"])
        assert "nanots_int" not in by_choice
        assert len(by_choice) == 1
        assert of["named"] == {"nanots_int": 2, by_choice.pop(): 1}
        assert rows_of(named).equals(rows_of(plain))


def test_integers_in_floats_by_themselves(path: Path) -> None:
    """Counters and counts of pages, without being asked; values that no codec of integers has."""
    rows = 20_000
    at = np.arange(rows)
    columns = {
        "counter": at * 60.0,
        "pages": np.random.default_rng(4).integers(0, 5000, rows) * 4096.0,
        "late_zero": np.where(at == 19_999, -0.0, at * 60.0),
        "late_nan": np.where(at == 19_999, np.nan, at * 60.0),
    }
    with cl.Db(path) as db:
        t = db.create_table("t", list(columns), storage="speed")
        t.append({"ts": at, **columns})
        db.flush()
        found = used(path)
        assert found["counter"] == found["pages"] == {"nanots_int"}
        assert db.stats("t")["by_column"]["counter"]["bits_per_value"] < 0.1
        back = rows_of(t)
        for column, wanted in columns.items():
            bits = back[column].to_numpy().view(np.uint64)
            assert (bits == wanted.view(np.uint64)).all(), column
    (segment,) = check(path)["t"].segments.values()
    last = {c.id: c.streams[spec.VALUES][-1].codec for c in segment.columns.values()}
    assert last[0] == last[1] == spec.NANOTS_INT
    assert spec.NANOTS_INT not in (last[2], last[3])


def test_a_key_by_name(path: Path) -> None:
    with cl.Db(path) as db:
        t = db.create_table(
            "t", {"site": "utf8", "x": "f64"}, key="site", codecs={"site": "dictionary"}
        )
        for start in (0, 50):
            t.append({"ts": range(start, start + 100), "site": ["a", "b"] * 50, "x": [0.5] * 100})
            db.flush()
        db.pack()
        assert used(path)["site"] == {"dictionary"}
        assert t.scan(key="a").count() == 100


def test_a_column_that_is_added(path: Path) -> None:
    def append(t: cl.Table, start: int) -> None:
        ts = np.arange(start, start + 2000)
        t.append({"ts": ts, "x": ts * 1.0, **dict.fromkeys(["y", "z"], ts * 2.0)})

    with cl.Db(path) as db:
        t = db.create_table("t", ["x"])
        t.add_column("y", "f64", codec="gorilla")
        t.add_column("z", "f64", codec="auto")
        append(t, 0)
        db.flush()
        # The table is in the manifest by now, so that this one is an edit of its own.
        t.add_column("w", "i64", codec="delta")
        assert t.codecs == {"y": "gorilla", "w": "delta"}
        with pytest.raises(cl.SchemaError, match='cannot have the codec "gorilla"'):
            t.add_column("v", "i64", codec="gorilla")
    with cl.Db(path) as db:
        t = db["t"]
        assert t.codecs == {"y": "gorilla", "w": "delta"}
        assert used(path)["y"] == {"gorilla"}
        t.append({"ts": [1, 2], "x": [1, 2], "y": [1, 2], "z": [1, 2], "w": [1, 2]})
        db.compact()
        assert used(path)["y"] == {"gorilla"}
        assert used(path)["w"] == {"delta"}
    check(path)


def test_salvage_keeps_them(path: Path, tmp_path: Path) -> None:
    with cl.Db(path) as db:
        t = db.create_table("t", ["x"], codecs={"x": "gorilla", "ts": "delta"})
        t.append({"ts": range(100), "x": np.arange(100) * 1.0})
        db.flush()
    # Without header and manifest, all that is left is what segments tell.
    data = bytearray(path.read_bytes())
    data[:16384] = bytes(16384)
    path.write_bytes(data)
    new = tmp_path / "new.chl"
    cl.salvage(path, new)
    with cl.Db(new) as db:
        assert db["t"].codecs == {"x": "gorilla", "ts": "delta"}
        assert used(new)["x"] == {"gorilla"}
        db["t"].append({"ts": [5], "x": [5.0]})
        db.compact()
        assert used(new)["x"] == {"gorilla"}


def test_the_same_table_again(db: cl.Db) -> None:
    first = db.create_table("t", ["x", "y"], codecs={"x": "gorilla", "ts": "delta"})
    again = db.create_table("t", ["x", "y"], codecs={"ts": "delta", "y": "auto", "x": "gorilla"})
    assert again.codecs == first.codecs == {"ts": "delta", "x": "gorilla"}
    for codecs in (None, {}, {"x": "gorilla"}, {"x": "alp", "ts": "delta"}):
        with pytest.raises(cl.SchemaError, match="exists with another schema: its codecs"):
            db.create_table("t", ["x", "y"], codecs=codecs)


@pytest.mark.parametrize(
    ("codecs", "message"),
    [
        ({"x": "gorila"}, 'column "x" of type f64 cannot have the codec "gorila"; it can have'),
        ({"x": "dictionary"}, "auto, raw, gorilla, alp, alp_rd, run_length, pco, zstd, nanots_int"),
        ({"x": "constant"}, 'cannot have the codec "constant"'),
        ({"on": "alp"}, "it can have auto, raw, run_length"),
        ({"site": "pco"}, "dictionary"),
        ({"ts": "gorilla"}, 'column "ts" of type i64'),
        ({"z": "gorilla"}, 'no column "z"'),
    ],
)
def test_codecs_that_cannot_be(db: cl.Db, codecs: Any, message: str) -> None:
    columns = {"x": "f64", "on": "bool", "site": "utf8"}
    with pytest.raises(cl.SchemaError) as error:
        db.create_table("t", columns, codecs=codecs)
    assert message in str(error.value)
    assert db.tables() == []


def test_storage_raw_has_no_codecs(db: cl.Db) -> None:
    with pytest.raises(cl.SchemaError, match="raw"):
        db.create_table("t", ["x"], storage="raw", codecs={"x": "gorilla"})
    t = db.create_table("t", ["x"], storage="raw", codecs={"x": "raw"})
    assert t.codecs == {"x": "raw"}
    with pytest.raises(cl.SchemaError, match="raw"):
        t.add_column("y", "f64", codec="alp")


@pytest.mark.parametrize("codecs", [["x"], "gorilla", {"x": 3}, {3: "gorilla"}, 5])
def test_codecs_of_a_wrong_type(db: cl.Db, codecs: Any) -> None:
    with pytest.raises(TypeError):
        db.create_table("t", ["x"], codecs=codecs)
    assert db.tables() == []
