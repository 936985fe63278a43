"""A ``ChronoMap`` as plain data, and its files: JSON and pickles, compressed if asked.

JSON has the layout of the package chronomap, which reads it too::

    {"store": {name: [[ts, value], ...]}, "ttl": {name: end}, "snapshot_time": null | seconds,
     "version": "2.2.0", "max_history": null | n, "keys": {name: key}}

``keys`` is there only if a key is no text: its entry in ``store`` then has a name that no other key
has, and the key itself is under that name, written with the marks of ``marks``. A pickle
is the plain dict of ``to_dict``. Values are handed on as they are: whoever gives or takes them
copies them.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import stat
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn, TypeAlias

from chronolite._chronomap import marks, packing
from chronolite._chronomap.errors import (
    ChronoMapError,
    ChronoMapTypeError,
    ChronoMapValueError,
)
from chronolite._errors import _storage_error

FilePath: TypeAlias = str | os.PathLike[str]
Versions: TypeAlias = list[tuple[float, Any]]

# Of the layout, as the package says it.
VERSION = "2.2.0"


class State(NamedTuple):
    """All that a map holds: keys in their order, each with its versions, oldest first, and the time
    at which it ends (None: never)."""

    store: list[tuple[Hashable, Versions, float | None]]
    snapshot_time: float | None = None
    max_history: int | None = None


# --- Plain data ---------------------------------------------------------------------------------


def to_dict(state: State, compress: bool | str = False) -> dict[str, Any] | bytes:
    """The state as a dict, or as bytes that begin with the name of the compression and ``|``.

    The dict has ``store`` (key: list of (seconds, value)), ``ttl`` (key: seconds at which it ends),
    ``snapshot_time``, ``version`` and ``max_history``. In bytes there are None, bool, int, float,
    str, bytes, tuples, lists, dicts, sets, times and NumPy arrays; another value, and a subclass of
    these, is a ``ChronoMapTypeError`` that names its key. A name of no compression is a
    ``ChronoMapValueError``.
    """
    method = packing.method_of(compress)
    if method is None:
        return _layout(state, {key: key for key, _, _ in state.store})
    return method.encode() + b"|" + packing.pack(_marked_text(state), method)


def of_dict(data: dict[str, Any] | bytes) -> State:
    """What ``to_dict`` gave; a part that is missing is empty, versions may be in any order.

    No pickle is run. What is no map is a ``ChronoMapTypeError`` or ``ChronoMapValueError``.
    """
    if isinstance(data, bytes | bytearray | memoryview):
        return _of_bytes(bytes(data))
    if not isinstance(data, Mapping):
        raise ChronoMapTypeError(f"a map is a dict or bytes, not of type {type(data).__name__}")
    return _state(data, data.get("store", {}), data.get("ttl", {}))


def _layout(state: State, names: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "store": {names[key]: versions for key, versions, _ in state.store},
        "ttl": {names[key]: end for key, _, end in state.store if end is not None},
        "snapshot_time": state.snapshot_time,
        "version": VERSION,
        "max_history": state.max_history,
    }


def _marked_text(state: State) -> bytes:
    """JSON of a list of keys, so that it needs no names for them, with marks in keys and values."""
    store = []
    for key, versions, end in state.store:
        try:
            told = [[ts, marks.marked(value)] for ts, value in versions]
            store.append([marks.marked(key), told, end])
        except (TypeError, ValueError, RecursionError) as error:
            raise ChronoMapTypeError(
                f"the key {key!r} or its values cannot be told without a pickle: {error}"
            ) from error
    data = {"map": store, "snapshot_time": state.snapshot_time, "max_history": state.max_history}
    return json.dumps(data, separators=(",", ":")).encode()


def _of_bytes(data: bytes) -> State:
    name, bar, packed = data.partition(b"|")
    if not bar or len(name) > 16:
        raise ChronoMapValueError("these bytes are no map: they name no compression")
    text = packing.unpack(packed, packing.known(name.decode("latin-1")))
    if text[:1] == b"\x80":
        raise ChronoMapValueError(
            "these bytes hold a pickle, which is not run here: write them to a file, and see "
            "ChronoMap.load_pickle"
        )
    with _told_as("these bytes are no map"):
        found = json.loads(text, object_hook=marks.revived)
        store = {key: versions for key, versions, _ in found["map"]}
        return _state(found, store, {key: end for key, _, end in found["map"] if end is not None})


# --- What was read, checked ---------------------------------------------------------------------


def _state(data: Mapping[str, Any], store: Any, ends: Any) -> State:
    for name, part in (("store", store), ("ttl", ends)):
        if not isinstance(part, Mapping):
            raise ChronoMapValueError(f'"{name}" is of type {type(part).__name__}, not a dict')
    found = [
        (key, versions, _seconds("the end", key, ends[key]) if key in ends else None)
        for key, told in store.items()
        # The package leaves keys behind that have been pruned of all versions.
        if (versions := _versions(key, told))
    ]
    for key in ends.keys() - store.keys():
        _seconds("the end", key, ends[key])
    moment, most = data.get("snapshot_time"), data.get("max_history")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int)):
        raise ChronoMapValueError(f'"max_history" is of type {type(most).__name__}, not int')
    if moment is not None:
        moment = _seconds("the time", "snapshot_time", moment)
    return State(found, moment, most)


def _versions(key: object, told: Any) -> Versions:
    """A key's versions, oldest first."""
    if not isinstance(told, list | tuple):
        kind = type(told).__name__
        raise ChronoMapValueError(f"the versions of {key!r} are of type {kind}, not a list")
    try:
        found = [(ts, value) for ts, value in told]
    except (TypeError, ValueError):
        raise ChronoMapValueError(f"a version of {key!r} is no pair of time and value") from None
    times = [ts for ts, _ in found]
    if set(map(type, times)) != {float}:
        times = [_seconds("a time", key, ts) for ts in times]
        found = [(ts, value) for ts, (_, value) in zip(times, found, strict=True)]
    if not all(map(math.isfinite, times)):
        raise ChronoMapValueError(f"a time of {key!r} is not finite")
    if times != sorted(times):
        found.sort(key=itemgetter(0))
    return found


def _seconds(what: str, key: object, told: Any) -> float:
    # Of what it is otherwise its type is enough: it may be long to look at.
    if isinstance(told, bool) or not isinstance(told, int | float):
        kind = type(told).__name__
        raise ChronoMapValueError(f"{what} of {key!r} is of type {kind}, not a number")
    try:
        seconds = float(told)
    except OverflowError:
        raise ChronoMapValueError(f"{what} of {key!r} is past every float") from None
    if math.isnan(seconds):
        raise ChronoMapValueError(f"{what} of {key!r} is nan")
    return seconds


# --- JSON ---------------------------------------------------------------------------------------


def save_json(state: State, path: FilePath, compress: bool | str = False) -> None:
    """Writes the state as JSON, in the place of what is at ``path`` once all of it is on the disk.

    Keys keep their types (None, bool, int, float, str, bytes, tuples of these and whatever else has
    a mark), values are as JSON has them: tuples become lists, keys of inner dicts text. A value or
    key that cannot be written is a ``ChronoMapTypeError`` that names it; the old file is then as it
    was.
    """
    method = packing.method_of(compress)
    text = _text(state)
    _replace(path, text if method is None else packing.pack(text, method))


def load_json(path: FilePath) -> State:
    """The state in a file of ``save_json`` or of the package chronomap, however it is compressed.

    Contents that are no map are a ``ChronoMapValueError`` that names the file.
    """
    data = _read(path)
    with _told_as(os.fspath(path)):
        method = packing.told_by(data)
        found = json.loads(data if method is None else packing.unpack(data, method))
        if not isinstance(found, dict) or "store" not in found:
            raise ChronoMapValueError('no map: it has no "store"')
        store, ends = found["store"], found.get("ttl", {})
        if keys := _revived_keys(found.get("keys", {})):
            store = {keys.get(name, name): versions for name, versions in store.items()}
            ends = {keys.get(name, name): end for name, end in ends.items()}
        return _state(found, store, ends)


def _text(state: State) -> bytes:
    """The JSON of a state."""
    names, typed = _names([key for key, _, _ in state.store])
    data = _layout(state, names)
    if typed:
        data["keys"] = typed
    try:
        # Without the check a value in itself is a RecursionError.
        text = json.dumps(data, separators=(",", ":"), check_circular=False)
    except (TypeError, ValueError, RecursionError) as error:
        _blame(state, error, lambda value: json.dumps(value, check_circular=False), "be JSON")
    return text.encode()


def _names(keys: list[Any]) -> tuple[dict[Any, str], dict[str, Any]]:
    """The name of each key in the file, and the marked keys of those names that are not the key."""
    names = {key: key for key in keys if type(key) is str}
    typed: dict[str, Any] = {}
    if len(names) < len(keys):
        # The peer's name for a key, unless another key has it.
        taken = set(names)
        for key in keys:
            if type(key) is str:
                continue
            try:
                told = marks.marked(key)
            except (TypeError, ValueError, RecursionError) as error:
                raise ChronoMapTypeError(f"the key {key!r} cannot be JSON: {error}") from error
            name = text = str(key)
            for number in itertools.count(2):
                if name not in taken:
                    break
                name = f"{text} #{number}"
            taken.add(name)
            names[key] = name
            typed[name] = told
    return names, typed


def _revived_keys(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise ChronoMapValueError(f'"keys" is of type {type(told).__name__}, not a dict')
    return {
        name: json.loads(json.dumps(key), object_hook=marks.revived) for name, key in told.items()
    }


# --- Pickles ------------------------------------------------------------------------------------


def save_pickle(state: State, path: FilePath, compress: bool | str = False) -> None:
    """Writes the state as a pickle, in the place of what is at ``path`` once all of it is on the
    disk. A value that cannot be pickled is a ``ChronoMapTypeError`` that names its key."""
    from chronolite._chronomap import pickles

    method = packing.method_of(compress)
    try:
        data = pickles.dumps(to_dict(state))
    except (*pickles.REFUSED, RecursionError) as error:
        _blame(state, error, pickles.dumps, "be pickled")
    if method is not None:
        data = method.encode() + b"|" + packing.pack(data, method)
    _replace(path, data)


def load_pickle(path: FilePath, trusted: bool = False) -> State:
    """The state in a pickle of ``save_pickle`` or of the package chronomap.

    Unless the file is ``trusted`` it may hold plain data only (None, bool, numbers, text, bytes,
    lists, tuples, dicts, sets): an object is refused before anything of it runs, and so is what
    unpacks to far more than it is. A trusted file may run anything. Contents that are no map are a
    ``ChronoMapValueError`` that names the file.
    """
    from chronolite._chronomap import pickles

    data = _read(path)
    with _told_as(os.fspath(path)):
        method = data[:16].partition(b"|")[0].decode("latin-1")
        if method in packing.METHODS:
            data = packing.unpack(data[len(method) + 1 :], method, bounded=not trusted)
        elif told := packing.told_by(data):
            # Chronomap 2.1.0 does not say how it has compressed.
            data = packing.unpack(data, told, bounded=not trusted)
        if not trusted:
            return of_dict(pickles.plain(data))
    try:
        found = pickles.anything(data)
    except (ImportError, AttributeError) as error:
        # A class that is not there any more: no matter of the file.
        error.add_note(f"in {os.fspath(path)}")
        raise
    except Exception as error:
        raise ChronoMapValueError(f"{os.fspath(path)}: no pickle: {error}") from error
    with _told_as(os.fspath(path)):
        return of_dict(found)


# --- What the formats share ---------------------------------------------------------------------


@contextmanager
def _told_as(where: str) -> Iterator[None]:
    """Whatever is wrong with contents, as an error of the map that says where they are."""
    try:
        yield
    except ChronoMapError as error:
        raise ChronoMapValueError(f"{where}: {error}") from error
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise ChronoMapValueError(f"{where}: no map: {error}") from error


def _blame(state: State, error: Exception, encode: Callable[[Any], object], what: str) -> NoReturn:
    """Raises the error again, naming the value that cannot be encoded."""
    for key, versions, _ in state.store:
        for ts, value in versions:
            try:
                encode(value)
            except (type(error), TypeError, ValueError, AttributeError, RecursionError) as reason:
                raise ChronoMapTypeError(
                    f"the value of {key!r} at {ts} cannot {what}: {reason}"
                ) from reason
    raise error


def _replace(path: FilePath, data: bytes) -> None:
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: FilePath) -> Iterator[BinaryIO]:
    """A file to be written, which takes the place of another once it is whole and on the disk."""
    # Of a link, what it leads to.
    target = Path(path).resolve()
    fresh = target.with_name(f".chronolite-{os.urandom(8).hex()}.tmp")
    with _system_errors(path, "the map cannot be saved"):
        try:
            mode = _mode(target)
            with fresh.open("xb") as file:
                if mode is not None:
                    os.fchmod(file.fileno(), mode)
                yield file
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(target)
            _sync_folder(target.parent)
        finally:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)


def _read(path: FilePath) -> bytes:
    with _system_errors(path, "the map cannot be loaded"):
        return Path(path).read_bytes()


@contextmanager
def _system_errors(path: FilePath, what: str) -> Iterator[None]:
    """The operating system's errors as those of the library, with the name that the user knows."""
    try:
        yield
    except OSError as error:
        raise _storage_error(what, os.fspath(path), error.errno, error.strerror) from error


def _mode(target: Path) -> int | None:
    """The permissions of the file that is replaced."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except OSError:
        return None


def _sync_folder(folder: Path) -> None:
    """What has been renamed in it stays renamed."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
