"""Makes the golden files of a format version: `python -m tests.golden.make 2` once, at its release.

`2/closed.chl` was closed; `2/open.chl` and its log are what a kill left. They hold every column
type, every codec of every type, keys, each rule for conflicts, deletes, a column that was added,
late rows, segments that were packed and that were not. `2/contents.json` says what has to be read
from them: for each table its columns and a digest of its rows.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa

import chronolite as cl

HERE = Path(__file__).parent
INTEGERS = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]
FLOATS = ["f32", "f64"]
TEXTS = ["utf8", "binary"]
CODECS = {
    "raw": [*INTEGERS, *FLOATS, "bool", *TEXTS],
    "run_length": [*INTEGERS, *FLOATS, "bool", *TEXTS],
    "frame_of_reference": INTEGERS,
    "delta": INTEGERS,
    "scaled": INTEGERS,
    "gorilla": FLOATS,
    "alp": FLOATS,
    "alp_rd": FLOATS,
    "nanots_int": FLOATS,
    "pco": [*INTEGERS, *FLOATS],
    "zstd": [*INTEGERS, *FLOATS, *TEXTS],
    "dictionary": TEXTS,
    "fsst": TEXTS,
}
TYPES = {f"{kind}_{codec}": kind for codec, kinds in CODECS.items() for kind in kinds}
NAMED = {f"{kind}_{codec}": codec for codec, kinds in CODECS.items() for kind in kinds}
RULES = ["all", "last", "first", "error"]
FIRST_MS = 1_704_067_200_000


def number(row: int, salt: int) -> int:
    """Numbers without a pattern, the same for ever (the finalizer of MurmurHash3)."""
    h = (row * 0x9E3779B1 + salt * 0x85EBCA6B) & 0xFFFFFFFF
    h = ((h ^ h >> 16) * 0x85EBCA6B) & 0xFFFFFFFF
    h = ((h ^ h >> 13) * 0xC2B2AE35) & 0xFFFFFFFF
    return h ^ h >> 16


def value(kind: str, row: int, salt: int) -> Any:
    """A value that every codec of its type can hold; one of nine is null."""
    drawn = number(row // 3, salt)
    if drawn % 9 == 0:
        return None
    small = drawn % 25 * 4
    if kind == "bool":
        return small > 40
    if kind == "utf8":
        return f"wörd-{small}"
    if kind == "binary":
        return bytes([small, 0, 255])
    return small / 4 * 4.0 if kind in FLOATS else small


def batch(kinds: dict[str, str], first: int, rows: int) -> dict[str, Any]:
    columns = {
        name: [value(kind, row, salt) for row in range(first, first + rows)]
        for salt, (name, kind) in enumerate(kinds.items())
    }
    return {"ts": [FIRST_MS + 250 * row for row in range(first, first + rows)], **columns}


def keyed(first: int, rows: int) -> dict[str, Any]:
    """Late and early rows of some machines, with times that come again."""
    drawn = [number(row, 7) for row in range(first, first + rows)]
    return {
        "ts": [FIRST_MS + n % 400 * 1000 for n in drawn],
        "machine": [f"m{n // 400 % 5}" for n in drawn],
        "watts": [n % 1000 / 10 for n in drawn],
        "note": [None if n % 3 else f"seen {row}" for row, n in enumerate(drawn)],
    }


def fill(db: cl.Db) -> None:
    """All that is in a golden file, in the order in which it was done."""
    for storage in ("balanced", "speed", "size"):
        codecs = db.create_table(
            f"codecs_{storage}", TYPES, storage=storage, codecs={**NAMED, "ts": "delta"}
        )
        codecs.append(batch(TYPES, 0, 300))
    db.flush()
    for rule in RULES:
        table = db.create_table(
            f"keyed_{rule}", {"machine": "utf8", "watts": "f64", "note": "utf8"},
            key="machine", on_conflict=rule,
        )  # fmt: skip
        rows = keyed(0, 500)
        if rule == "error":
            rows["ts"] = [FIRST_MS + row for row in range(500)]
        table.append(rows)
    signal = db.create_table("signal", {"a": "f64", "b": "f32", "n": "i64"}, time_unit="us")
    signal.append(
        {
            "ts": [FIRST_MS * 1000 + 10 * row + number(row, 1) % 3 for row in range(20_000)],
            "a": [20 + number(row, 2) % 64 / 10 for row in range(20_000)],
            "b": [float(number(row // 50, 3) % 100) for row in range(20_000)],
            "n": [row * 5 for row in range(20_000)],
        }
    )
    raw = db.create_table("raw", {"x": "f64", "name": "utf8"}, time_unit="s", storage="raw")
    raw.append({"ts": list(range(200)), "x": [row / 7 for row in range(200)], "name": ["é"] * 200})
    db.create_table("empty", ["x"], time_unit="ns")
    db.create_table("dropped", ["x"]).append({"ts": [1], "x": [1.0]})
    db.flush()
    db.drop_table("dropped")
    db.pack()
    for rule in RULES[:3]:
        db[f"keyed_{rule}"].append(keyed(400, 300))
        db[f"keyed_{rule}"].delete(FIRST_MS + 50_000, FIRST_MS + 60_000, key="m2")
    signal.delete(FIRST_MS * 1000 + 100_000, FIRST_MS * 1000 + 150_000)
    signal.add_column("later", "i16", codec="frame_of_reference")
    signal.append(
        {"ts": [FIRST_MS * 1000 + 120_000], "a": [1.5], "b": [2.5], "n": [3], "later": [4]}
    )
    db.append("series", FIRST_MS, 2.5)
    db.flush()
    # From here on in the log, if the file is not closed.
    db["keyed_all"].append(keyed(700, 50))
    db["keyed_last"].delete(FIRST_MS, FIRST_MS + 5_000)
    db.append_row("series", FIRST_MS + 1, [-0.0])
    signal.add_column("last", "utf8")
    db.create_table("newest", {"x": "u64"}).append({"ts": [5, 4], "x": [2**64 - 1, None]})


def contents(db: cl.Db) -> dict[str, Any]:
    """Of each table what it has to be: its columns, its options, how many rows, and a digest."""
    found = {}
    for name in db.tables():
        rows = pa.table(db[name])
        times = rows.column(0).cast(pa.int64())
        listed = zip(*(column.to_pylist() for column in (times, *rows.columns[1:])), strict=True)
        digest = hashlib.sha256("\n".join(map(repr, listed)).encode())
        found[name] = {
            "columns": {field.name: str(field.type) for field in rows.schema},
            "codecs": db[name].codecs,
            "rows": rows.num_rows,
            "sha256": digest.hexdigest(),
        }
    return found


def main(version: str) -> None:
    folder = HERE / version
    folder.mkdir()
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "open.chl"
        with cl.Db(path, auto_maintenance=False, durability="sync") as db:
            fill(db)
            for file in path.parent.iterdir():
                shutil.copy(file, folder)
            wanted = contents(db)
        shutil.copy(path, folder / "closed.chl")
    # Room that the log had set aside behind its last record.
    log = folder / "open.chl-wal"
    log.write_bytes(log.read_bytes().rstrip(b"\0") + bytes(64))
    text = json.dumps(wanted, indent=1, ensure_ascii=False)
    (folder / "contents.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
