"""Makes the golden files of a format version: `python -m tests.golden.make 2` once, at its release.

`2/closed.chl` was closed; `2/open.chl` and its log are what a kill left. They hold every column
type, every codec of every type, keys, each rule for conflicts, deletes, a column that was added,
late rows, segments that were packed and that were not. `2/contents.json` says what has to be read
from them: for each table its columns and a digest of its rows.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
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
# Of each codec one column that is longer than a block, and two of wide numbers.
LONG = {
    f"{kind}_{codec}": kind
    for codec, kinds in CODECS.items()
    for kind in [next(kind for kind in ("f64", "i64", "utf8") if kind in kinds)]
}
WIDE = {"i64_wide": "frame_of_reference", "u64_wide": "delta"}
RULES = ["all", "last", "first", "error"]
FIRST_MS = 1_704_067_200_000


def number(row: int, salt: int) -> int:
    """Numbers without a pattern, the same for ever (the finalizer of MurmurHash3)."""
    h = (row * 0x9E3779B1 + salt * 0x85EBCA6B) & 0xFFFFFFFF
    h = ((h ^ h >> 16) * 0x85EBCA6B) & 0xFFFFFFFF
    h = ((h ^ h >> 13) * 0xC2B2AE35) & 0xFFFFFFFF
    return h ^ h >> 16


def word(row: int, salt: int) -> int:
    """The same with 64 bits."""
    return number(row, salt) << 32 | number(row, salt + 1000)


def integer(kind: str, codec: str, row: int, salt: int) -> int:
    """Small ones of both signs, and unless that keeps the codec out, ends and others far away."""
    width, signed = int(kind[1:]), kind[0] == "i"
    low, high = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if signed else (0, 2**width - 1)
    if codec == "scaled":
        return (number(row // 3, salt) % 25 - (12 if signed else 0)) * 4
    drawn = number(row // 3, salt)
    if drawn % 97 == 1:
        return [low, high, word(row, salt) % (high - low + 1) + low][drawn % 3]
    return drawn % 50 - (25 if signed else 0)


def real(kind: str, codec: str, row: int, salt: int) -> float:
    """Decimals of both signs, and unless that keeps the codec out, all that a float can be."""
    drawn = number(row // 3, salt)
    if codec == "nanots_int":
        return float(drawn % 100 - 50)
    form, bits = ("<d", word(row, salt)) if kind == "f64" else ("<f", number(row, salt))
    if drawn % 97 == 1:
        rare = [math.inf, -math.inf, math.nan, -0.0, 1e300 if kind == "f64" else 1e30]
        return rare[drawn % 5]
    if codec == "alp_rd" or drawn % 89 == 1:
        # Between 1 and 2, with all bits of the fraction.
        exponent = 0x3FF << 52 | bits % 2**52 if kind == "f64" else 0x7F << 23 | bits % 2**23
        (value,) = struct.unpack(form, struct.pack("<Q" if kind == "f64" else "<I", exponent))
        return float(value)
    (value,) = struct.unpack(form, struct.pack(form, (drawn % 4000 - 2000) / 100))
    return float(value)


def value(kind: str, codec: str, row: int, salt: int) -> Any:
    """A value that the codec can hold; one of nine is null."""
    drawn = number(row // 3, salt)
    if drawn % 9 == 0:
        return None
    if kind == "bool":
        return drawn % 25 > 10
    if kind == "utf8":
        return f"wörd-{drawn % 25}" if drawn % 4 else f"{drawn % 300} lines of a log"
    if kind == "binary":
        return bytes([drawn % 100, 0, 255]) * (drawn % 3)
    return real(kind, codec, row, salt) if kind in FLOATS else integer(kind, codec, row, salt)


def batch(kinds: dict[str, str], first: int, rows: int) -> dict[str, Any]:
    columns = {
        name: [value(kind, NAMED[name], row, salt) for row in range(first, first + rows)]
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


# What `create_table` is called with.
TABLES: dict[str, dict[str, Any]] = {
    **{
        f"codecs_{storage}": {
            "columns": TYPES, "storage": storage, "codecs": {**NAMED, "ts": "delta"},
        }
        for storage in ("balanced", "speed", "size")
    },
    "long": {
        "columns": {**LONG, "i64_wide": "i64", "u64_wide": "u64"},
        "codecs": {**{name: NAMED[name] for name in LONG}, **WIDE},
    },
    **{
        f"keyed_{rule}": {
            "columns": {"machine": "utf8", "watts": "f64", "note": "utf8"},
            "key": "machine", "on_conflict": rule,
        }
        for rule in RULES
    },
    "many_keys": {"columns": {"site": "u16", "x": "f64"}, "key": "site", "storage": "speed"},
    "signal": {"columns": {"a": "f64", "b": "f32", "n": "i64"}, "time_unit": "us"},
    "raw": {"columns": {"x": "f64", "name": "utf8"}, "time_unit": "s", "storage": "raw"},
    "empty": {"columns": ["x"], "time_unit": "ns"},
    "direct": {"columns": {"x": "f64"}},
    "newest": {"columns": {"x": "u64"}},
}  # fmt: skip


def fill(db: cl.Db) -> None:
    """All that is in a golden file, in the order in which it was done."""
    made = {name: db.create_table(name, **TABLES[name]) for name in TABLES if name != "newest"}
    made["codecs_balanced"].append(batch(TYPES, 0, 2_500))
    made["codecs_speed"].append(batch(TYPES, 0, 300))
    made["codecs_size"].append(batch(TYPES, 0, 300))
    rows = 17_000
    long = batch(LONG, 0, rows)
    long["i64_wide"] = [word(row, 5) % 2**60 - 2**59 for row in range(rows)]
    long["u64_wide"] = [word(row, 6) for row in range(rows)]
    made["long"].append(long)
    db.flush()
    for rule in RULES:
        some = keyed(0, 500)
        if rule == "error":
            some["ts"] = [FIRST_MS + row for row in range(500)]
        made[f"keyed_{rule}"].append(some)
    rows = 20_000
    made["many_keys"].append(
        {
            "ts": [FIRST_MS + row // 7 for row in range(rows)],
            "site": [number(row, 9) % 7 for row in range(rows)],
            "x": [number(row, 10) % 50 / 10 for row in range(rows)],
        }
    )
    made["signal"].append(
        {
            "ts": [FIRST_MS * 1000 + 10 * row + number(row, 1) % 3 for row in range(rows)],
            "a": [20 + number(row, 2) % 64 / 10 for row in range(rows)],
            "b": [float(number(row // 50, 3) % 100) for row in range(rows)],
            "n": [row * 5 for row in range(rows)],
        }
    )
    made["raw"].append(
        {"ts": list(range(200)), "x": [row / 7 for row in range(200)], "name": ["é"] * 200}
    )
    db.create_table("dropped", ["x"]).append({"ts": [1], "x": [1.0]})
    db.create_table("dropped_late", ["x"]).append({"ts": [1], "x": [1.0]})
    made["raw"].delete(50, 60)
    db.flush()
    db.drop_table("dropped")
    db.pack()
    for rule in RULES[:3]:
        made[f"keyed_{rule}"].append(keyed(400, 300))
        made[f"keyed_{rule}"].delete(FIRST_MS + 50_000, FIRST_MS + 60_000, key="m2")
    signal = made["signal"]
    signal.delete(FIRST_MS * 1000 + 100_000, FIRST_MS * 1000 + 150_000)
    signal.add_column("later", "i16", codec="frame_of_reference")
    late = {"ts": [FIRST_MS * 1000 + 120_000], "a": [1.5], "b": [2.5], "n": [3], "later": [4]}
    signal.append(late)
    # A segment of several vectors that no pack has seen, beside late rows.
    made["codecs_speed"].append(batch(TYPES, 150, 1_100))
    db.append("series", FIRST_MS, 2.5)
    db.flush()
    # From here on in the log, if the file is not closed: rows, a segment, and what is no row.
    made["keyed_all"].append(keyed(700, 50))
    made["keyed_last"].delete(FIRST_MS, FIRST_MS + 5_000)
    db.append_row("series", FIRST_MS + 1, [-0.0])
    rows = 600_000
    made["direct"].append(
        {"ts": np.arange(rows) + FIRST_MS, "x": (np.arange(rows) // 1000 % 50).astype("f8")}
    )
    signal.add_column("last", "utf8")
    db.drop_table("dropped_late")
    db.create_table("newest", **TABLES["newest"]).append({"ts": [5, 4], "x": [2**64 - 1, None]})


def contents(db: cl.Db) -> dict[str, Any]:
    """Of each table what it has to be: its columns, how many rows, and a digest of them."""
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
