"""``ChronoMap``: a map whose keys keep every value that they ever had.

Keys and versions are in the kernel (``chronolite._core._ChronoMapBase``), with all that reads and
writes them; here are options and their checks, hooks, sweeps, what is asked of all keys at once,
and files.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from chronolite._chronomap.context import SnapshotContext
from chronolite._chronomap.errors import (
    ChronoMapTypeError,
    ChronoMapValueError,
)
from chronolite._chronomap.hooks import Hooked, check_key, logger
from chronolite._chronomap.memory import Limit, of_store
from chronolite._chronomap.sweeps import sweep
from chronolite._errors import ClosedError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from chronolite._chronomap.view import AsOf

__all__ = ["ChronoMap", "SnapshotContext"]

Time: TypeAlias = "float | str | datetime | np.number[Any] | np.datetime64"
FilePath: TypeAlias = str | PathLike[str]

STRATEGIES = ("timestamp", "overwrite")


def _whole(name: str, value: Any, least: int) -> int:
    number = operator.index(value)
    if number < least:
        raise ChronoMapValueError(f"{name} must be {least} or more, got {number}")
    return number


def _positive(name: str, value: Any) -> float:
    number = float(value)
    if not number > 0 or math.isinf(number):
        raise ChronoMapValueError(f"{name} must be a positive number, got {value}")
    return number


class ChronoMap(Hooked):
    """A map from keys to every value that they had, each with its time.

    >>> cm = cl.ChronoMap()
    >>> cm.put("temp", 20.5, timestamp="2025-10-21T12:00:00Z")
    >>> cm.put("temp", 21.0, timestamp="2025-10-21T13:00:00Z")
    >>> cm["limits"] = {"low": 18, "high": 24}
    >>> cm["temp"], cm.get("temp", timestamp="2025-10-21T12:30:00Z")
    (21.0, 20.5)
    >>> cm
    ChronoMap(keys=['temp', 'limits'])

    It is used as a dict is: ``cm[key]``, ``key in cm``, ``len(cm)``, ``del cm[key]``, iteration in
    the order in which the keys came. What differs:

    - To put a key again adds a version; ``del`` and ``delete`` take all of them out.
    - ``cm[key]`` and ``get`` are of now, or of a time that is given. A version of the future is
      shown by ``latest()``, ``values()``, ``items()`` and ``history()`` before its time, and its
      key is in the map; ``cm[key]`` is a ``ChronoMapKeyError`` until then.
    - A key that was given an end (``ttl``) is gone at that time.
    - ``keys()``, ``values()`` and ``items()`` are iterators, over what is there when they are made.
    - Maps are equal if ``latest()`` is, and equal to nothing but maps.

    Times are seconds since 1970 (int, float), ISO 8601 text or datetimes; text and datetimes
    without a zone are local. Keys are whatever can be hashed, values any object: it is held, not
    copied. A key that is missing, a wrong key, time or ``ttl`` and a map that is full are kinds of
    ``ChronoMapError``, and what Python has for it; arguments are checked before anything is stored.
    Several threads may use one map, and readers wait for nobody; hooks, predicates and factories
    are called with nothing locked, and may use the map.

    With ``path`` the map is kept in a file, a chronolite database: each put and delete, and each
    end of a key. It is to be closed, which ``with`` does.

    >>> with cl.ChronoMap(path=path) as cm:
    ...     cm.put("state", "on", timestamp=100)
    >>> with cl.ChronoMap(path=path, mode="r") as cm:
    ...     cm.history("state")
    [(100.0, 'on')]

    Keys of such a map are None, bool, numbers, text, bytes, and tuples of these. Values are those,
    lists, tuples, dicts, datetimes and what ``datetime`` has else, and NumPy arrays; another one is
    a ``ChronoMapTypeError``, and nothing is stored. A value is written when it is put: what is
    changed within it later is not. The errors of the file are those of ``Db``: a second writer is a
    ``DatabaseLockedError``, a damaged file a ``CorruptionError``.

    Args:
        debug: Log each put, snapshot, rollback and merge, by the logger
            ``chronolite._chronomap.map``, whose level becomes DEBUG.
        use_rwlock: Taken for the sake of chronomap's users: readers wait for nobody, whatever is
            said.
        max_history: How many versions of a key are kept, 1 or more; None is all. The oldest go.
        cache_size: Taken for the sake of chronomap's users. No read needs a cache: ``get_stats()``
            counts the hits and misses that one of so many values would have; 0 is none.
        enable_ttl_cleanup: Whether keys that have ended are taken out by a sweep, in a thread that
            starts when the first key is given an end. They are not seen in either case.
        ttl_cleanup_interval: Seconds between sweeps.
        max_memory_mb: How large keys and values may be together, in MiB; None is no limit. A put
            past it is a ``ChronoMapMemoryError``, and a warning is logged at four fifths.
        path: The file, made if it is not there; None keeps the map in memory alone.
        mode: ``"rw"``, or ``"r"`` to read a file that may be written by another process meanwhile.
            It shows one moment, until ``refresh()``; a write is a ``ReadOnlyError``.
        durability: What survives, as of ``Db``: ``"sync"`` is a sync for each put, which survives a
            power failure when it returns; ``"interval"`` survives a kill at once, and a power
            failure after ``sync_interval_ms``; ``"none"`` survives neither until ``close()``.
        sync_interval_ms: Milliseconds between syncs of ``"interval"``.
        encoder: Makes bytes of a value that a file cannot keep otherwise: all but None, bool, int,
            float, str, bytes, lists, tuples and dicts of these, times, and NumPy arrays.
        decoder: Makes the value of these bytes again.
        clock: A function that gives the present time in seconds, for tests; None is the system's.

    The package chronomap has these names; CHANGELOG.md has what differs from it.
    """

    def __init__(
        self,
        debug: bool = False,
        use_rwlock: bool = True,
        max_history: int | None = None,
        cache_size: int = 1000,
        enable_ttl_cleanup: bool = True,
        ttl_cleanup_interval: float = 60.0,
        max_memory_mb: float | None = None,
        *,
        path: FilePath | None = None,
        mode: Literal["rw", "r"] = "rw",
        durability: Literal["sync", "interval", "none"] = "interval",
        sync_interval_ms: int = 100,
        encoder: Callable[[Any], bytes] | None = None,
        decoder: Callable[[bytes], Any] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        # Readers wait for nobody whatever is said.
        del use_rwlock
        for name, value, known in (
            ("mode", mode, ("rw", "r")),
            ("durability", durability, ("sync", "interval", "none")),
        ):
            if value not in known:
                raise ChronoMapValueError(f"{name} is one of {', '.join(known)}, not {value!r}")
        if path is None and mode != "rw":
            raise ChronoMapValueError(f"mode={mode!r} is for a map with a path")
        for name, given in (("encoder", encoder), ("decoder", decoder)):
            if given is not None and (path is None or not callable(given)):
                raise ChronoMapTypeError(f"{name} is a function, for a map with a path")
        if max_history is not None:
            max_history = _whole("max_history", max_history, 1)
        if max_memory_mb is not None:
            max_memory_mb = _positive("max_memory_mb", max_memory_mb)
        if clock is not None and not callable(clock):
            raise ChronoMapTypeError(f"clock must be callable, got {type(clock).__name__}")
        self._clock = clock
        self._max_history = max_history
        self._snapshot_time: float | None = None
        self._path = path
        self._end_sweeps: Callable[[], object] = lambda: None
        self._sweeps = bool(enable_ttl_cleanup)
        self._interval = _positive("ttl_cleanup_interval", ttl_cleanup_interval)
        self._limit = None if max_memory_mb is None else Limit(max_memory_mb)
        self._open(
            max_history=max_history,
            cache_size=max(0, operator.index(cache_size)),
            limited=self._limit is not None,
            sweep=self._sweeps,
            clock=clock,
        )
        if path is not None:
            self._keep(Path(path), mode, durability, sync_interval_ms, encoder, decoder)
        self._hook(debug)

    @property
    def snapshot_time(self) -> float | None:
        """When this snapshot was taken, in seconds; None if the map is none.

        >>> cm = cl.ChronoMap(clock=lambda: 1000.0)
        >>> cm.snapshot_time, cm.snapshot().snapshot_time
        (None, 1000.0)
        """
        return self._snapshot_time

    # --- Ends of keys, memory -------------------------------------------------------------------

    def _begin_sweeps(self) -> None:
        """Called by the kernel when the first key is given an end, which it has by then."""
        if not sys.is_finalizing():
            self._end_sweeps = sweep(self, self._interval)

    def close(self) -> None:
        """Closes the file of a durable map, which cannot be used from then on. Twice does nothing.

        A map in memory has nothing to close.

        >>> cm = cl.ChronoMap(path=path)
        >>> cm.close()
        >>> cm.put("a", 1)
        Traceback (most recent call last):
        chronolite._errors.ClosedError: the map was closed
        """
        if self._path is not None:
            self._end_sweeps()
        super().close()

    def _admit(self, items: list[tuple[Hashable, Any]]) -> None:
        """Called by the kernel before puts, if there is a limit to memory."""
        if self._limit is not None:
            self._limit.admit(items, self._store)

    def _admit_merge(self, other: ChronoMap, overwrite: bool) -> None:
        if self._limit is None:
            return
        most = self._max_history
        theirs = [(key, rows[-most:] if most else rows, end) for key, rows, end in other._store()]
        # What is written over makes room.
        self._limit.admit_bytes(
            of_store(theirs),
            lambda: of_store(row for row in self._store() if not (overwrite and row[0] in other)),
        )

    # --- The map as a dict ----------------------------------------------------------------------

    def keys(self) -> Iterator[Any]:
        """The keys that are there, in the order in which they were first put.

        >>> cm = cl.ChronoMap()
        >>> cm.put_many({"a": 1, "b": 2})
        >>> cm["a"] = 3
        >>> list(cm.keys())
        ['a', 'b']
        """
        return iter(self._keys())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._keys())

    def values(self) -> Iterator[Any]:
        """The last value of each key, future ones too.

        >>> cm = cl.ChronoMap()
        >>> cm.put_many({"a": 1, "b": 2})
        >>> list(cm.values())
        [1, 2]
        """
        return (value for _, _, value in self._last())

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Each key with its last value, future ones too.

        >>> cm = cl.ChronoMap()
        >>> cm.put_many({"a": 1, "b": 2})
        >>> dict(cm.items())
        {'a': 1, 'b': 2}
        """
        return ((key, value) for key, _, value in self._last())

    def __bool__(self) -> bool:
        return len(self) > 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ChronoMap):
            return NotImplemented
        return self is other or self.latest() == other.latest()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        try:
            keys = self._keys()
        except ClosedError:
            return f"{type(self).__name__}(closed)"
        more = "..." if len(keys) > 10 else ""
        return f"{type(self).__name__}(keys={keys[:10]}{more})"

    def __copy__(self) -> Self:
        raise ChronoMapTypeError("a ChronoMap is copied by its method snapshot()")

    def __deepcopy__(self, memo: dict[int, Any]) -> ChronoMap:
        made = self._like()
        # A map that is in itself is copied once.
        memo[id(self)] = made
        self._snapshot_into(made, memo)
        made._snapshot_time = self._now()
        return made

    def __reduce__(self) -> Any:
        raise ChronoMapTypeError("a ChronoMap is not pickled itself: use save_pickle or to_dict")

    # --- Reading and writing --------------------------------------------------------------------

    def get_or_set(
        self, key: Hashable, factory: Callable[[], Any], ttl: float | None = None
    ) -> Any:
        """The value of a key; if it has none now, what ``factory()`` gives, which is put.

        With ``ttl``, in seconds, as in ``put``; it is not used if there is a value. Of several
        threads that ask at once each may call its factory; all get the value that was put first.
        What the factory raises goes to the caller, and nothing is stored. A factory that cannot be
        called is a ``ChronoMapTypeError``.

        >>> cm = cl.ChronoMap()
        >>> cm.get_or_set("a", lambda: 1, ttl=60), cm.get_or_set("a", lambda: 2)
        (1, 1)
        """
        check_key(key)
        if not callable(factory):
            raise ChronoMapTypeError(f"factory must be callable, got {type(factory).__name__}")
        return self._get_or_put(key, factory, ttl)

    def get_or_default(self, key: Hashable, default: Any) -> Any:
        """The value of a key; if it has none now, ``default``, which is put.

        >>> cm = cl.ChronoMap()
        >>> cm.get_or_default("a", 0), cm.latest()
        (0, {'a': 0})
        """
        return self._get_or_put(key, lambda: default, None)

    def iter_history(self, key: Hashable) -> Iterator[tuple[float, Any]]:
        """The versions of a key, oldest first, as they are when this is called.

        >>> cm = cl.ChronoMap()
        >>> cm.put("a", 1, timestamp=10)
        >>> next(cm.iter_history("a"))
        (10.0, 1)
        """
        return iter(self.history(key))

    def query(
        self, predicate: Callable[[Any, Any], object], timestamp: Time | None = None
    ) -> dict[Any, Any]:
        """The keys and values for which ``predicate(key, value)`` is true, now or at a time.

        What the predicate raises goes to the caller.

        >>> cm = cl.ChronoMap()
        >>> cm.put_many({"a": 1, "b": 2}, timestamp=10)
        >>> cm["a"] = 5
        >>> cm.query(lambda key, value: value > 1)
        {'a': 5, 'b': 2}
        >>> cm.query(lambda key, value: value > 1, timestamp=10)
        {'b': 2}
        """
        items = self._items_at(timestamp)
        return {key: value for key, value in items if predicate(key, value)}

    def aggregate(
        self,
        func: Callable[[list[Any]], Any],
        keys: Iterable[Hashable] | None = None,
        timestamp: Time | None = None,
    ) -> Any:
        """What ``func`` makes of the list of values, now or at a time; None if there are none.

        Of ``keys`` if they are given, those left out that have no value.

        >>> cm = cl.ChronoMap()
        >>> cm.put_many({"a": 1, "b": 2, "c": 4})
        >>> cm.aggregate(sum), cm.aggregate(max, keys=["a", "b", "gone"])
        (7, 2)
        """
        values = [value for _, value in self._items_at(timestamp)] if keys is None else []
        if keys is not None:
            missing = object()
            found = (self.get(key, timestamp, missing) for key in keys)
            values = [value for value in found if value is not missing]
        return func(values) if values else None

    def count(
        self,
        predicate: Callable[[Any, Any], object] | None = None,
        timestamp: Time | None = None,
    ) -> int:
        """How many keys have a value for which ``predicate(key, value)`` is true, now or at a time.

        Without a predicate, how many have a value at the time; without both, ``len(cm)``.

        >>> cm = cl.ChronoMap()
        >>> cm.put_many({"a": 1, "b": 2}, timestamp=10)
        >>> cm.count(), cm.count(timestamp=5), cm.count(lambda key, value: value > 1)
        (2, 0, 1)
        """
        if predicate is None:
            return len(self) if timestamp is None else len(self._items_at(timestamp))
        return sum(1 for key, value in self._items_at(timestamp) if predicate(key, value))

    def get_latest_keys(self, n: int) -> list[tuple[Any, float, Any]]:
        """Key, time in seconds and value of the ``n`` keys with the newest versions, newest first.

        A negative ``n`` is a ``ChronoMapValueError``.

        >>> cm = cl.ChronoMap()
        >>> for ts, key in enumerate("abc"):
        ...     cm.put(key, ts * 10, timestamp=ts)
        >>> cm.get_latest_keys(2)
        [('c', 2.0, 20), ('b', 1.0, 10)]
        """
        n = _whole("n", n, 0)
        return sorted(self._last(), key=lambda row: -row[1])[:n]

    def get_keys_by_value(self, value: Any, timestamp: Time | None = None) -> list[Any]:
        """The keys that have this value, now or at a time.

        >>> cm = cl.ChronoMap()
        >>> cm.put_many({"a": None, "b": 1, "c": None})
        >>> cm.get_keys_by_value(None)
        ['a', 'c']
        """
        return [key for key, there in self._items_at(timestamp) if there is value or there == value]

    def as_of(self, timestamp: Time) -> AsOf:
        """The whole map as it was at a time: a mapping that stays as it is made.

        It has the keys that had a value then and have not ended by now, each with that value; later
        puts do not reach it, those of earlier times neither. It is read-only, and may be made of a
        time to come.

        >>> cm = cl.ChronoMap()
        >>> cm.put("a", 1, timestamp=10)
        >>> cm.put("b", 2, timestamp=20)
        >>> then = cm.as_of(15)
        >>> dict(then), "b" in then
        ({'a': 1}, False)
        """
        from chronolite._chronomap.view import AsOf

        return AsOf(self, timestamp)

    def known_at(self, timestamp: Time) -> ChronoMap:
        """What this map, which has a path, said at a time of its clock, about any time: a map that
        is only read.

        Its present is that time: what was put, corrected, pruned or deleted later is as it was.
        A write to it is a ``ReadOnlyError``. A map without a path is a ``ChronoMapValueError``, as
        it does not keep what it has forgotten; so is a time before the last ``compact``.

        >>> now = [1000.0]
        >>> with cl.ChronoMap(path=path, clock=lambda: now[0]) as cm:
        ...     cm.put("a", 1, timestamp=10)
        ...     now[0] = 2000.0
        ...     cm.put("a", "corrected", timestamp=10)
        ...     before = cm.known_at(1500)
        ...     print(before.get("a", timestamp=15), cm.get("a", timestamp=15))
        1 corrected
        """
        made = self._like()
        seconds = made._seconds(timestamp)
        known = ChronoMap(cache_size=0, enable_ttl_cleanup=False, clock=lambda: seconds)
        self._known_into(seconds, known)
        known._snapshot_time = seconds
        return known

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- Maps beside each other -----------------------------------------------------------------

    def _like(self, **options: Any) -> ChronoMap:
        """An empty map that lives in the same time."""
        return ChronoMap(
            max_history=self._max_history,
            cache_size=0,
            enable_ttl_cleanup=False,
            clock=self._clock,
            **options,
        )

    def snapshot(self) -> ChronoMap:
        """A map of its own, in memory, with what is here now.

        Values that cannot change are shared, and so is their history, so that it costs little
        however large the map is; others are deep-copied, so that it stays as it is if they change.
        Ends of keys and ``max_history`` go along, hooks and counts do not. It may be written to.

        >>> cm = cl.ChronoMap()
        >>> cm["a"] = [1]
        >>> before = cm.snapshot()
        >>> cm["a"].append(2)
        >>> before["a"], cm["a"]
        ([1], [1, 2])
        """
        made = self._like()
        self._snapshot_into(made)
        made._snapshot_time = self._now()
        if self._debug:
            logger.debug("SNAPSHOT at ts=%f", made._snapshot_time)
        return made

    def rollback(self, snapshot: ChronoMap) -> None:
        """Makes this map what another one is, with the ends of its keys. No hook is called.

        Usually that is a snapshot of it, which may be used again; values that may change are
        copied. What other threads wrote since is gone too: ``snapshot_context`` leaves that.
        Anything but a ``ChronoMap`` is a ``ChronoMapTypeError``.

        >>> cm = cl.ChronoMap()
        >>> cm["a"] = 1
        >>> before = cm.snapshot()
        >>> cm["a"], cm["b"] = 2, 3
        >>> cm.rollback(before)
        >>> cm.latest()
        {'a': 1}
        """
        if not isinstance(snapshot, ChronoMap):
            raise ChronoMapTypeError("Expected ChronoMap instance for rollback.")
        self._rollback(snapshot)
        if self._debug:
            logger.debug("ROLLBACK to ts=%s", snapshot.snapshot_time)

    def snapshot_context(self) -> SnapshotContext:
        """A context that undoes what its thread did to the map if it is left by an exception.

        >>> cm = cl.ChronoMap()
        >>> cm["a"] = 1
        >>> with cm.snapshot_context():
        ...     cm["a"] = 2
        ...     raise ValueError("not so")
        Traceback (most recent call last):
        ValueError: not so
        >>> cm["a"]
        1
        """
        return SnapshotContext(self)

    def merge(self, other: ChronoMap, strategy: str = "timestamp") -> None:
        """Takes in what another map has.

        By ``"timestamp"`` versions go between those that are here, behind those of the same time;
        to merge the same again doubles them. By ``"overwrite"`` the history of each of its keys
        takes the place of ours. No hook is called, values that may change are copied. Another
        strategy is a ``ChronoMapValueError``, anything but a ``ChronoMap`` a
        ``ChronoMapTypeError``, more than ``max_memory_mb`` a ``ChronoMapMemoryError``.

        >>> cm, other = cl.ChronoMap(), cl.ChronoMap()
        >>> cm.put("a", 1, timestamp=10)
        >>> other.put("a", 2, timestamp=5)
        >>> cm.merge(other)
        >>> cm.history("a")
        [(5.0, 2), (10.0, 1)]
        >>> cm.merge(other, "overwrite")
        >>> cm.history("a")
        [(5.0, 2)]
        """
        if not isinstance(other, ChronoMap):
            raise ChronoMapTypeError("Expected ChronoMap instance for merge.")
        if strategy not in STRATEGIES:
            raise ChronoMapValueError(f"Invalid merge strategy: {strategy}")
        overwrite = strategy == "overwrite"
        self._admit_merge(other, overwrite)
        self._merge(other, overwrite)
        if self._debug:
            logger.debug("MERGE strategy=%s", strategy)

    def diff(self, other: ChronoMap) -> set[Any]:
        """The keys whose values differ now, or which one of both has not.

        >>> cm, other = cl.ChronoMap(), cl.ChronoMap()
        >>> cm.put_many({"a": 1, "b": 2})
        >>> other.put_many({"a": 1, "b": 3, "c": 4})
        >>> sorted(cm.diff(other))
        ['b', 'c']
        """
        return {key for key, _, _ in self._differences(other, "diff")}

    def diff_detailed(self, other: ChronoMap) -> list[tuple[Any, Any, Any]]:
        """Key, the other map's value and ours of each key that differs; None where there is none.

        >>> cm, other = cl.ChronoMap(), cl.ChronoMap()
        >>> cm.put_many({"a": 1, "b": 2})
        >>> other.put_many({"a": 1, "b": 3, "c": 4})
        >>> cm.diff_detailed(other)
        [('b', 3, 2), ('c', 4, None)]
        """
        return list(self._differences(other, "diff_detailed"))

    def _differences(self, other: ChronoMap, method: str) -> Iterator[tuple[Any, Any, Any]]:
        if not isinstance(other, ChronoMap):
            raise ChronoMapTypeError(f"Expected ChronoMap instance for {method}.")
        if self is other:
            return
        missing = object()
        theirs = dict(other._items_at())
        for key, ours in self._items_at():
            value = theirs.pop(key, missing)
            if value is missing:
                yield key, None, ours
            elif value is not ours and value != ours:
                yield key, value, ours
        for key, value in theirs.items():
            yield key, value, None

    # --- What is there, elsewhere ---------------------------------------------------------------

    def get_stats(self) -> dict[str, Any]:
        """What was done and what is there: counts by their names.

        Since the map was made or ``reset_stats()``: ``reads``, ``writes``, ``deletes``,
        ``snapshots``, ``auto_prunes`` (versions past ``max_history``), ``cache_hits`` and
        ``cache_misses``, and with sweeps ``ttl_cleanup_count`` (keys that they took out). Of now:
        ``total_keys``, ``total_versions``, ``expired_keys`` (ended, not taken out yet), and with a
        cache ``cache_size`` and ``cache_hit_rate`` (percent).

        >>> cm = cl.ChronoMap()
        >>> cm["a"] = 1
        >>> stats = cm.get_stats()
        >>> stats["writes"], stats["total_keys"], stats["total_versions"]
        (1, 1, 1)
        """
        stats = self._stats()
        if not self._sweeps:
            del stats["ttl_cleanup_count"]
        return stats

    def to_dataframe(self) -> pd.DataFrame:
        """The history as a pandas DataFrame: key, value, timestamp (float64 seconds), datetime
        (local, without a zone) and version (from 0 in each key), a row a version.

        It needs pandas, and is an ``ImportError`` without. A map is also a stream of Arrow batches,
        without ``datetime``: ``pyarrow.table(cm)``, ``polars.DataFrame(cm)``, and SQL over it.

        >>> cm = cl.ChronoMap()
        >>> cm.put("a", 1, timestamp=10)
        >>> cm.put("a", 2, timestamp=20)
        >>> cm.to_dataframe()[["key", "value", "timestamp", "version"]].values.tolist()
        [['a', 1, 10.0, 0], ['a', 2, 20.0, 1]]
        """
        from chronolite._chronomap.frame import to_dataframe

        return to_dataframe(*self._columns())

    def _state(self) -> Any:
        from chronolite._chronomap.file import State

        return State(self._store(), self._snapshot_time, self._max_history)

    @classmethod
    def _of_state(cls, state: Any, options: dict[str, Any]) -> Self:
        made = cls(**{"max_history": state.max_history, **options})
        made._load(state.store)
        made._snapshot_time = state.snapshot_time
        return made

    def to_dict(self, compress: bool | str = False) -> dict[str, Any] | bytes:
        """All that the map holds as a dict, or as bytes: see ``from_dict``.

        The dict has ``store`` (key: list of (seconds, value)), ``ttl`` (key: seconds at which it
        ends), ``snapshot_time``, ``version`` and ``max_history``. Values that may change are
        copied.

        With ``compress`` (``"zlib"``, which True is, ``"gzip"``, ``"bz2"``, ``"lzma"``) it is
        bytes: JSON with marks for what JSON has not (tuples, bytes, sets, complex numbers, times,
        NumPy arrays). Another value is a ``ChronoMapTypeError`` that names its key, another name a
        ``ChronoMapValueError``.

        >>> cm = cl.ChronoMap()
        >>> cm.put("a", (1, 2), timestamp=10)
        >>> cm.to_dict()["store"]
        {'a': [(10.0, (1, 2))]}
        >>> cl.ChronoMap.from_dict(cm.to_dict(compress="gzip")).history("a")
        [(10.0, (1, 2))]
        """
        from chronolite._chronomap import file

        copied = self._like()
        copied._rollback(self)
        copied._snapshot_time = self._snapshot_time
        return file.to_dict(copied._state(), compress)

    @classmethod
    def from_dict(
        cls,
        data: dict[str, Any] | bytes,
        debug: bool = False,
        use_rwlock: bool = True,
        **kwargs: Any,
    ) -> Self:
        """A map of what ``to_dict`` gave. No pickle is read.

        A part that is missing is empty, versions may be in any order, and more arguments are those
        of ``ChronoMap``. What is no map is a ``ChronoMapTypeError`` or a ``ChronoMapValueError``.

        >>> cm = cl.ChronoMap.from_dict({"store": {"a": [(20, 2), (10, 1)]}}, max_history=5)
        >>> cm.history("a")
        [(10.0, 1), (20.0, 2)]
        """
        from chronolite._chronomap import file

        made = cls._of_state(
            file.of_dict(data), {"debug": debug, "use_rwlock": use_rwlock, **kwargs}
        )
        # Values of a dict are those of whoever gave it.
        if not isinstance(data, bytes):
            made._rollback(made)
        return made

    def to_csv(self, file_path: FilePath) -> None:
        """Write the history as CSV, a row a version: key, value, timestamp, version.

        Times are in seconds. The file takes the place of an old one when it is whole. It needs
        pyarrow.

        >>> cm = cl.ChronoMap()
        >>> cm.put("temp", 20.5, timestamp=10)
        >>> cm.to_csv(path)
        >>> print(path.read_text().splitlines()[1])
        "temp",20.5,10,0
        """
        from chronolite._chronomap.export import export

        export(self, file_path, "csv")

    def to_parquet(self, file_path: FilePath) -> None:
        """Write the history as Parquet, a row a version, with the columns of ``to_csv``: values of
        one type are a column of it, others JSON. Needs pyarrow.

        >>> import pyarrow.parquet as pq
        >>> cm = cl.ChronoMap()
        >>> cm.put("temp", 20.5, timestamp=10)
        >>> cm.to_parquet(path)
        >>> pq.read_table(path)["value"].to_pylist()
        [20.5]
        """
        from chronolite._chronomap.export import export

        export(self, file_path, "parquet")

    def save_json(self, file_path: FilePath, *, compress: bool | str = False) -> None:
        """Writes the map to a JSON file, which takes the place of an old one when it is whole.

        Keys keep their types and times their bits; values are as JSON has them, so that tuples
        become lists and keys of inner dicts text. ``compress`` is as in ``to_dict``. A value or key
        that cannot be JSON is a ``ChronoMapTypeError`` that names it; what the operating system
        refuses is a ``StorageError`` and the ``OSError`` that it was. The old file is then as it
        was.

        >>> cm = cl.ChronoMap()
        >>> cm.put(7, [1, None], timestamp=10)
        >>> cm.save_json(path, compress="gzip")
        >>> cl.ChronoMap.load_json(path).history(7)
        [(10.0, [1, None])]
        """
        from chronolite._chronomap import file

        file.save_json(self._state(), file_path, compress)

    @classmethod
    def load_json(
        cls, file_path: FilePath, debug: bool = False, use_rwlock: bool = True, **kwargs: Any
    ) -> Self:
        """A map of a JSON file, compressed or not, by this class or by chronomap 2.

        How it is compressed is found out. More arguments are those of ``ChronoMap``; with ``path``
        what is loaded is put into that file. Contents that are no map are a ``ChronoMapValueError``
        that names the file.

        >>> cl.ChronoMap().save_json(path)
        >>> len(cl.ChronoMap.load_json(path, max_history=10))
        0
        """
        from chronolite._chronomap import file

        state = file.load_json(file_path)
        return cls._of_state(state, {"debug": debug, "use_rwlock": use_rwlock, **kwargs})

    def save_pickle(self, file_path: FilePath, compress: bool | str = False) -> None:
        """Writes the map to a pickle, which takes the place of an old file when it is whole.

        Everything that can be pickled is kept as it is; a value that cannot is a
        ``ChronoMapTypeError`` that names its key. ``compress`` is as in ``to_dict``.

        >>> cm = cl.ChronoMap()
        >>> cm.put("a", {1, 2}, timestamp=10)
        >>> cm.save_pickle(path)
        >>> cl.ChronoMap.load_pickle(path).history("a")
        [(10.0, {1, 2})]
        """
        from chronolite._chronomap import file

        file.save_pickle(self._state(), file_path, compress)

    @classmethod
    def load_pickle(
        cls,
        file_path: FilePath,
        debug: bool = False,
        use_rwlock: bool = True,
        *,
        trusted: bool = False,
        **kwargs: Any,
    ) -> Self:
        """A map of a pickle. Objects, which run code when they are loaded, are for
        ``trusted=True``.

        Without it, plain data is loaded (None, bool, numbers, text, bytes, lists, tuples, dicts,
        sets), and anything else is a ``ChronoMapValueError`` before any of it runs. A trusted file
        may do whatever its writer likes. What chronomap 2 saved is loaded too.

        >>> from datetime import date
        >>> cm = cl.ChronoMap()
        >>> cm["day"] = date(2025, 10, 21)
        >>> cm.save_pickle(path)
        >>> try:
        ...     cl.ChronoMap.load_pickle(path)
        ... except cl.ChronoMapValueError as error:
        ...     print("holds datetime.date" in str(error))
        True
        >>> cl.ChronoMap.load_pickle(path, trusted=True)["day"]
        datetime.date(2025, 10, 21)
        """
        from chronolite._chronomap import file

        state = file.load_pickle(file_path, trusted)
        return cls._of_state(state, {"debug": debug, "use_rwlock": use_rwlock, **kwargs})
