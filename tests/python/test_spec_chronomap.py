"""What SPEC.md section 13 says of a map's table, by a reader written from it alone."""

from __future__ import annotations

import ast
import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chronolite as cl

SPEC = Path(__file__).resolve().parents[2] / "SPEC.md"
NOW = 1_000_000.0
VALUES = [
    *(None, True, 7, -(2**63), 2**63, -(10**30), 1.5, math.inf, "", "naïve ☃", b"\0\xff"),
    *([1, [2.5, None]], (1, (b"x", "y")), {"a": {"b": 1}}, {1: 2, (3,): 4}, {"$bytes": 1}),
    [2**5000],
    *("\ud800", np.int64(5), np.float64(0.5), np.float32(1.5)),
    np.asfortranarray(np.arange(6, dtype="int16").reshape(2, 3)),
]  # fmt: skip
KEYS = ["a", "", "1", 1, 0, 2**70, -1.5, 1e300, math.inf, None, b"k", (1, "é"), (), "naïve", 'q"\n']

MARKS = {
    "$tuple": tuple,
    "$bytes": base64.b64decode,
    "$int": lambda text: int(text, 16),
    "$dict": dict,
}


def revived(found: dict[str, Any]) -> Any:
    [name, *more] = found or [""]
    return MARKS[name](found[name]) if name.startswith("$") and not more else found


def value(row: dict[str, Any]) -> Any:
    match row["kind"]:
        case 0:
            return None
        case 1:
            return bool(row["whole"])
        case 2:
            return row["whole"]
        case 3:
            return int(row["text"], 16)
        case 4:
            return row["real"]
        case 5:
            return row["text"]
        case 6:
            return row["bytes"]
        case 7:
            return json.loads(row["text"], object_hook=revived)
        case 8:
            kind, shape, order, scalar = json.loads(row["text"])
            array = np.frombuffer(row["bytes"], kind).reshape(shape, order=order)
            return array[()] if scalar else array
    raise AssertionError(row)


def read(rows: list[dict[str, Any]], now: float) -> dict[Any, tuple[list[Any], Any]]:
    """Versions and end of each key, in the order in which they came."""
    keys: dict[str, dict[str, Any]] = {}
    for row in rows:
        key = keys.get(row["key"])
        match row["what"]:
            case 0 | 1:
                if key is None or row["what"] == 1:
                    came = row["since"] or row["number"]
                    key = keys[row["key"]] = {"versions": [], "end": None, "came": came}
                key["versions"].append((row["at"], value(row)))
                key["versions"].sort(key=lambda version: version[0])
                key["end"] = key["end"] if row["end"] is None else row["end"]
                if row["what"] == 0 and row["most"]:
                    del key["versions"][: -row["most"]]
            case 2:
                keys.pop(row["key"], None)
            case 3 if key is not None:
                del key["versions"][: -row["most"]]
            case 4 if key is not None:
                key["end"] = row["end"]
    return {
        json.loads(text, object_hook=revived): (key["versions"], key["end"])
        for text, key in sorted(keys.items(), key=lambda item: item[1]["came"])
        if key["versions"] and not (key["end"] is not None and key["end"] <= now)
    }


def rows_of(path: Path) -> list[dict[str, Any]]:
    with cl.Db(path, mode="r") as db:
        assert db.tables() == ["chronomap"]
        rows = db["chronomap"].scan().to_arrow()
    rows = rows.set_column(0, "place", rows["place"].cast("int64"))
    return rows.to_pylist()


def said(cm: cl.ChronoMap) -> dict[Any, tuple[list[Any], Any]]:
    data: Any = cm.to_dict()
    return {key: (versions, data["ttl"].get(key)) for key, versions in data["store"].items()}


def test_what_a_reader_of_the_document_finds_is_what_the_map_says(path: Path) -> None:
    now = [NOW]
    options: dict[str, Any] = {"clock": lambda: now[0], "enable_ttl_cleanup": False}
    with cl.ChronoMap(path=path, max_history=4, **options) as cm:
        cm.put_many({key: number for number, key in enumerate(KEYS)}, timestamp=-0.0)
        for ts in range(6):
            cm.put("a", ts, timestamp=5 - ts)
        cm.put("a", "same time", timestamp=3)
        cm.put("ends", 1, ttl=10)
        cm.put("ends later", 1, ttl=10)
        cm.put("ends later", 2, ttl=100)
        before = cm.snapshot()
        cm.delete("1")
        cm.put("1", "again")
        cm.prune_history("a", keep_last=2)
        now[0] -= 5
        other = cl.ChronoMap(**options)
        other.put_many({"a": [1], "merged": (2,)}, timestamp=4, ttl=50)
        cm.merge(other)
        cm.delete(1)
        now[0] += 20
        cm.put("ends", "begins again")
        wanted = said(cm)
    rows = rows_of(path)
    numbers = [row["number"] for row in rows]
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) >= 1
    for key in {row["key"] for row in rows}:
        own = [(row["place"], row["number"]) for row in rows if row["key"] == key]
        assert own == sorted(own)
        assert len({place for place, _ in own}) == 1
    assert {row["recorded"] for row in rows} == {int((NOW + s) * 1e9) for s in (0, -5, 15)}
    assert {row["what"] for row in rows} >= {0, 1, 2, 3}
    found = read(rows, now[0])
    assert found == wanted
    assert list(found) == list(wanted)
    with cl.ChronoMap(path=path, **options) as cm:
        assert said(cm) == wanted
        cm.rollback(before)
        wanted = said(cm)
    assert read(rows_of(path), now[0]) == wanted


def test_an_end_that_changes_alone(path: Path) -> None:
    with cl.ChronoMap(path=path, clock=lambda: NOW) as cm:
        cm.put("a", 1, timestamp=10)
        later = cm.snapshot()
        later.put("a", 0, timestamp=5, ttl=60)
        later.prune_history("a", older_than=10)
        cm.rollback(later)
        wanted = said(cm)
    rows = rows_of(path)
    assert [row["what"] for row in rows] == [1, 4]
    assert read(rows, NOW) == wanted == {"a": ([(10.0, 1)], NOW + 60)}


def test_values(path: Path) -> None:
    with cl.ChronoMap(path=path, clock=lambda: NOW) as cm:
        for number, one in enumerate(VALUES):
            cm.put(number, one)
    rows = rows_of(path)
    found = read(rows, NOW)
    for number, wanted in enumerate(VALUES):
        one = found[number][0][0][1]
        plain = wanted.item() if isinstance(wanted, np.int64 | np.float64) else wanted
        assert (type(one), repr(one)) == (type(plain), repr(plain))
    assert {row["kind"] for row in rows} == set(range(9))
    assert all(value is not None for row in rows for name, value in row.items() if name != "end")


@pytest.mark.parametrize("equal", [(1, 1.0, True), (0, 0.0, -0.0, False), (2**60, 2.0**60)])
def test_equal_keys_are_one(path: Path, equal: tuple[Any, ...]) -> None:
    with cl.ChronoMap(path=path, clock=lambda: NOW) as cm:
        for key in equal:
            cm.put(key, 1)
            cm.put((key, "a"), 1)
    assert len({row["key"] for row in rows_of(path)}) == 2


def test_the_columns_are_those_of_the_document(path: Path) -> None:
    text = SPEC.read_text(encoding="utf-8")
    section = text[text.index("\n## 13. ") :]
    table = section[section.index("| column ") : section.index("\n\nNothing")]
    documented = []
    for line in table.splitlines()[2:]:
        names, types = (cell.strip() for cell in line.split("|")[1:3])
        of_names = [ast.literal_eval(name.replace("`", "'")) for name in names.split(", ")]
        documented += zip(of_names, types.split(", "), strict=True)
    cl.ChronoMap(path=path).close()
    with cl.Db(path, mode="r") as db:
        schema = db["chronomap"].schema
        found = [part.split()[:2] for part in str(schema).split("Schema ")[1][:-1].split(", ")]
    assert found[0] == ["place", "timestamp[ns]"]
    assert documented[0] == ("place", "time")
    assert [tuple(column) for column in found[1:]] == documented[1:]
