"""Files of a ``Timelog``: a database with one table, in which each row has a kind and, by that, its
object in one of four columns."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from chronolite._core import Db
from chronolite._errors import InvalidInputError

TABLE = "timelog"
COLUMNS = {"kind": "u8", "whole": "i64", "real": "f64", "text": "utf8", "bytes": "binary"}
ROWS = 65536

NONE, BOOL, INT, LONG, FLOAT, STR, BYTES, JSON = range(8)

# Rows of a column are as this where the object is in another one.
EMPTY = (0, 0.0, "", b"")


def _encode(value: Any) -> tuple[int, int, float, str, bytes]:
    """The kind of an object, and what stands in the four columns."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()
    whole, real, text, data = EMPTY
    match value:
        case None:
            kind = NONE
        case bool():
            kind, whole = BOOL, int(value)
        case int() if type(value) is int:
            kind = INT if -(2**63) <= value < 2**63 else LONG
            whole, text = (value, "") if kind == INT else (0, hex(value))
        case float() if type(value) is float:
            kind, real = FLOAT, value
        case str() if type(value) is str:
            kind, text = STR, value
            text.encode()  # half a pair of surrogates has no UTF-8
        case bytes() if type(value) is bytes:
            kind, data = BYTES, value
        case list() | dict():
            kind, text = JSON, json.dumps(_plain(value), separators=(",", ":"))
        case _:
            raise TypeError(f"a {type(value).__name__} cannot be saved")
    return kind, whole, real, text, data


def _plain(value: Any) -> Any:
    """What JSON holds as it is: bytes, and dicts that look like them, are marked."""
    if type(value) is list:
        return [_plain(item) for item in value]
    if type(value) is dict:
        if wrong := [key for key in value if type(key) is not str]:
            raise TypeError(f"a dict with the key {wrong[0]!r} cannot be saved: keys are text")
        plain = {key: _plain(item) for key, item in value.items()}
        return {"$dict": plain} if set(plain) in ({"$bytes"}, {"$dict"}) else plain
    if type(value) is bytes:
        return {"$bytes": base64.b64encode(value).decode()}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"a {type(value).__name__} within a list or dict cannot be saved")


def _revived(value: Any) -> Any:
    if type(value) is list:
        return [_revived(item) for item in value]
    if type(value) is not dict:
        return value
    if set(value) == {"$bytes"}:
        return base64.b64decode(value["$bytes"])
    if set(value) == {"$dict"}:
        value = value["$dict"]
    return {key: _revived(item) for key, item in value.items()}


def _decode(kind: int, whole: int, real: float, text: str, data: bytes) -> Any:
    if kind in (STR, BYTES):
        return text if kind == STR else data
    if kind in (INT, FLOAT):
        return whole if kind == INT else real
    if kind == BOOL:
        return bool(whole)
    if kind == NONE:
        return None
    if kind == LONG:
        return int(text, 16)
    if kind == JSON:
        return _revived(json.loads(text))
    raise InvalidInputError(f"a row of kind {kind}: the file is of a later version of chronolite")


def save(rows: Iterable[tuple[int, Any]], unit: Any, path: str | os.PathLike[str]) -> None:
    """Writes rows to a new file, and puts it in the place of the old one, which is to be a log."""
    target = Path(path).resolve()
    with (
        _held(target),
        tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder,
    ):
        fresh = Path(folder, target.name)
        _write(rows, unit, fresh)
        fresh.replace(target)
        _sync_folder(target)


@contextlib.contextmanager
def _held(target: Path) -> Iterator[None]:
    """Nobody writes to the old file meanwhile, and it holds nothing but a log."""
    if not target.exists():
        yield
        return
    with Db(target) as old:
        if others := [name for name in old.tables() if name != TABLE]:
            raise InvalidInputError(f"{target} has the table {others[0]!r}: it would be lost")
        yield


def _write(rows: Iterable[tuple[int, Any]], unit: Any, path: Path) -> None:
    with Db(path, durability="none", auto_maintenance=False) as db:
        table = db.create_table(TABLE, COLUMNS, time_unit=unit)
        batch: list[tuple[Any, ...]] = []

        def append() -> None:
            names = ("ts", *COLUMNS)
            columns = zip(*batch, strict=True)
            table.append({n: list(c) for n, c in zip(names, columns, strict=True)})
            batch.clear()

        for ts, value in rows:
            try:
                batch.append((ts, *_encode(value)))
            except (TypeError, ValueError, RecursionError) as error:
                raise TypeError(f"the object at {ts} cannot be saved: {error}") from error
            if len(batch) == ROWS:
                append()
        if batch:
            append()
        db.flush()


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load(path: str | os.PathLike[str]) -> tuple[Any, Iterator[tuple[Any, list[Any]]]]:
    """The unit of time, and the rows as arrays of int64 beside lists of objects."""
    db = Db(path, mode="r")
    try:
        if TABLE not in db.tables() or db[TABLE].columns[1:] != list(COLUMNS):
            raise InvalidInputError(
                f"{os.fspath(path)} holds no Timelog: it has no table {TABLE!r}"
            )
        return db[TABLE].schema.time_unit, _columns(db)
    except BaseException:
        db.close()
        raise


def _columns(db: Db) -> Iterator[tuple[Any, list[Any]]]:
    with db:
        for batch in db[TABLE].scan().batches(ROWS):
            arrays = batch.to_numpy()
            columns = [arrays[name].tolist() for name in COLUMNS]
            yield arrays["ts"].view("i8"), list(map(_decode, *columns))
