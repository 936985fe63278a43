"""``AsyncChronoMap``: a ``ChronoMap`` for asyncio.

It wraps one and has its methods, awaited. What takes no time is done at once; what may take longer
(files, data frames, whole maps that are big) in a thread, while the event loop goes on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from chronolite._chronomap.calls import (
    BIG,
    Calls,
    as_writer,
    begin_writer,
    end_writer,
    in_thread,
)

if TYPE_CHECKING:
    from datetime import datetime
    from os import PathLike
    from types import TracebackType

    from chronolite._chronomap.map import ChronoMap

__all__ = ["AsyncChronoMap", "AsyncSnapshotContext"]

Moment: TypeAlias = "float | str | datetime"
Time: TypeAlias = "float | str | datetime | None"
FilePath: TypeAlias = "str | PathLike[str]"


def _map_class() -> Any:
    # Not when this module is imported: the map's own may import it.
    from chronolite._chronomap.map import ChronoMap

    return ChronoMap


def _wrapped(other: Any) -> Any:
    """The map itself, of a map of either kind; of anything else that, which the map will refuse."""
    return other._calls.map if isinstance(other, AsyncChronoMap) else other


def _is_long(items: Any) -> bool:
    return hasattr(items, "__len__") and len(items) >= BIG


class AsyncChronoMap:
    """A ``ChronoMap`` whose methods are awaited, with the same arguments, results and errors.

    All but a few are coroutines; ``on_change``, ``remove_change_callback``, ``subscribe``,
    ``unsubscribe``, ``get_stats``, ``reset_stats``, ``snapshot_time`` and ``snapshot_context`` are
    as in ``ChronoMap``. Hooks and subscribers may be functions or coroutine functions; they are run
    in order, after the change and before the call that made it returns, and may use the map. What
    they raise is logged.

    A call that is cancelled has been made whole or not at all; hooks that were still to be run are
    not. Predicates and functions that are given to calls over a big map run in a thread. It is for
    one event loop at a time.

    >>> import asyncio
    >>> async def main():
    ...     cm = cl.AsyncChronoMap()
    ...     await cm.put("temp", 20.5, timestamp=100)
    ...     await cm.put("temp", 21.0, timestamp=200)
    ...     return await cm.get("temp"), await cm.get("temp", timestamp=150)
    >>> asyncio.run(main())
    (21.0, 20.5)

    With ``path`` it is durable, and to be closed: ``async with`` does it.

    >>> async def keep():
    ...     async with cl.AsyncChronoMap(path=path) as cm:
    ...         await cm.put("kept", True)
    ...     async with cl.AsyncChronoMap(path=path, mode="r") as cm:
    ...         return await cm.latest()
    >>> asyncio.run(keep())
    {'kept': True}

    Args:
        debug: log what is done.
        max_history: how many versions of a key are kept; None: all.
        options: any other of ``ChronoMap``.
    """

    __hash__ = None  # type: ignore[assignment]

    _calls: Calls

    def __init__(self, debug: bool = False, max_history: int | None = None, **options: Any) -> None:
        wrapped = _map_class()(debug=debug, max_history=max_history, **options)
        slow = options.get("path") is not None and options.get("durability") == "sync"
        self._calls = Calls(wrapped, slow_writes=slow)

    @classmethod
    def _of(cls, wrapped: ChronoMap) -> Self:
        made = cls.__new__(cls)
        made._calls = Calls(wrapped)
        return made

    @property
    def _map(self) -> Any:
        return self._calls.map

    def __repr__(self) -> str:
        return f"Async{self._map!r}"

    # --- Writes ---------------------------------------------------------------------------------

    async def put(
        self, key: Hashable, value: Any, timestamp: Time = None, ttl: float | None = None
    ) -> None:
        """Add a version of a key, at a time (seconds, ISO 8601 text, datetime; None: now); with
        ``ttl``, the key ends so many seconds from now.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("token", "abc", ttl=3600))
        >>> run(cm.get("token"))
        'abc'
        """
        await self._calls.write(lambda: self._map.put(key, value, timestamp, ttl), far=False)

    async def put_many(
        self, items: Mapping[Any, Any], timestamp: Time = None, ttl: float | None = None
    ) -> None:
        """Add a version of each key of a dict, all of them or none; hooks come after that.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put_many({"a": 1, "b": 2}))
        >>> run(cm.latest())
        {'a': 1, 'b': 2}
        """
        await self._calls.write(
            lambda: self._map.put_many(items, timestamp, ttl), far=_is_long(items)
        )

    async def delete(self, key: Hashable) -> bool:
        """Forget a key and its history; whether it was there.

        >>> from asyncio import run
        >>> run(cl.AsyncChronoMap().delete("gone"))
        False
        """
        return await self._calls.write(lambda: self._map.delete(key), far=False)

    async def delete_many(self, keys: Iterable[Hashable]) -> int:
        """Forget these keys; how many of them were there.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put_many({"a": 1, "b": 2}))
        >>> run(cm.delete_many(["a", "c"]))
        1
        """
        return await self._calls.write(lambda: self._map.delete_many(keys), far=_is_long(keys))

    async def get_or_set(
        self, key: Hashable, factory: Callable[[], Any], ttl: float | None = None
    ) -> Any:
        """The value of a key; if it has none, what ``factory()`` returns, which is stored.

        The factory may be a coroutine function. Tasks that ask at once may each call theirs, and
        all get the value that was stored first.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> async def ask():
        ...     return 5
        >>> run(cm.get_or_set("a", ask)), run(cm.get_or_set("a", ask))
        (5, 5)
        """

        def make() -> Any:
            made = factory()
            if isinstance(made, Awaitable):
                # Out of the map, which cannot wait; nothing is stored.
                raise _LaterError(made)
            return made

        # What is no function the map refuses in its own words.
        checked: Any = make if callable(factory) else factory  # type: ignore[redundant-expr]
        try:
            return await self._calls.write(
                lambda: self._map.get_or_set(key, checked, ttl), far=False
            )
        except _LaterError as later:
            made = await later.value
        return await self._calls.write(
            lambda: self._map.get_or_set(key, lambda: made, ttl), far=False
        )

    async def get_or_default(self, key: Hashable, default: Any) -> Any:
        """The value of a key; if it has none, ``default``, which is stored.

        >>> from asyncio import run
        >>> run(cl.AsyncChronoMap().get_or_default("a", 1))
        1
        """
        return await self._calls.write(lambda: self._map.get_or_default(key, default), far=False)

    async def clear(self) -> None:
        """Forget all keys.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1))
        >>> run(cm.clear())
        >>> run(cm.keys())
        []
        """
        await self._calls.write(self._map.clear)

    async def clean_expired_keys(self) -> int:
        """Forget the keys that have ended; how many there were.

        >>> from asyncio import run
        >>> run(cl.AsyncChronoMap().clean_expired_keys())
        0
        """
        return await self._calls.write(self._map.clean_expired_keys)

    async def prune_history(
        self, key: Hashable, keep_last: int | None = None, older_than: Time = None
    ) -> int:
        """Forget all but the last versions of a key, or those before a time; how many went.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1, timestamp=1))
        >>> run(cm.put("a", 2, timestamp=2))
        >>> run(cm.prune_history("a", keep_last=1))
        1
        """
        return await self._calls.write(
            lambda: self._map.prune_history(key, keep_last, older_than), far=False
        )

    async def prune_all_history(self, keep_last: int | None = None, older_than: Time = None) -> int:
        """The same for every key; how many versions went.

        >>> from asyncio import run
        >>> run(cl.AsyncChronoMap().prune_all_history(keep_last=10))
        0
        """
        return await self._calls.write(lambda: self._map.prune_all_history(keep_last, older_than))

    async def merge(
        self,
        other: AsyncChronoMap | ChronoMap,
        strategy: Literal["timestamp", "overwrite"] = "timestamp",
    ) -> None:
        """Add another map's versions (``"timestamp"``), or put its history in the place of that of
        the same keys (``"overwrite"``).

        >>> from asyncio import run
        >>> cm, other = cl.AsyncChronoMap(), cl.AsyncChronoMap()
        >>> run(other.put("a", 1))
        >>> run(cm.merge(other))
        >>> run(cm.latest())
        {'a': 1}
        """
        await self._calls.write(lambda: self._map.merge(_wrapped(other), strategy), far=True)

    async def rollback(self, snapshot: AsyncChronoMap | ChronoMap) -> None:
        """Make the map what the snapshot is.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> before = run(cm.snapshot())
        >>> run(cm.put("a", 1))
        >>> run(cm.rollback(before))
        >>> run(cm.keys())
        []
        """
        await self._calls.write(lambda: self._map.rollback(_wrapped(snapshot)))

    # --- Reads ----------------------------------------------------------------------------------

    async def get(
        self, key: Hashable, timestamp: Time = None, default: Any = None, *, strict: bool = False
    ) -> Any:
        """The value of a key now or at a time; ``default`` if it has none, or with ``strict`` a
        ``ChronoMapKeyError``.

        >>> from asyncio import run
        >>> run(cl.AsyncChronoMap().get("gone", default=0))
        0
        """
        return self._map.get(key, timestamp, default, strict=strict)

    async def keys(self) -> list[Any]:
        """The keys, in the order in which they came.

        >>> from asyncio import run
        >>> run(cl.AsyncChronoMap().keys())
        []
        """
        return await self._calls.read(lambda: list(self._map.keys()))

    async def values(self) -> list[Any]:
        """The latest value of each key.

        >>> from asyncio import run
        >>> run(cl.AsyncChronoMap().values())
        []
        """
        return await self._calls.read(lambda: list(self._map.values()))

    async def items(self) -> list[tuple[Any, Any]]:
        """Each key and its latest value.

        >>> from asyncio import run
        >>> run(cl.AsyncChronoMap().items())
        []
        """
        return await self._calls.read(lambda: list(self._map.items()))

    async def latest(self) -> dict[Any, Any]:
        """The latest value of each key, future ones too.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1, timestamp="2999-01-01"))
        >>> run(cm.latest()), run(cm.get("a"))
        ({'a': 1}, None)
        """
        return await self._calls.read(self._map.latest)

    async def history(self, key: Hashable) -> list[tuple[float, Any]]:
        """The versions of a key, oldest first: seconds and value.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1, timestamp=10))
        >>> run(cm.history("a"))
        [(10.0, 1)]
        """
        return await self._calls.read(lambda: self._map.history(key), far=False)

    async def iter_history(self, key: Hashable) -> AsyncIterator[tuple[float, Any]]:
        """The same for ``async for``.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1, timestamp=10))
        >>> async def show():
        ...     async for ts, value in cm.iter_history("a"):
        ...         print(ts, value)
        >>> run(show())
        10.0 1
        """
        for version in self._map.iter_history(key):
            yield version

    async def get_range(
        self, key: Hashable, start_ts: Time = None, end_ts: Time = None
    ) -> list[tuple[float, Any]]:
        """The versions of a key between two times, both included; None: the first, and now.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1, timestamp=10))
        >>> run(cm.get_range("a", 10, 20))
        [(10.0, 1)]
        """
        return await self._calls.read(lambda: self._map.get_range(key, start_ts, end_ts), far=False)

    async def get_latest_keys(self, n: int) -> list[tuple[Any, float, Any]]:
        """The ``n`` keys that changed last: key, seconds, value.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1, timestamp=10))
        >>> run(cm.get_latest_keys(5))
        [('a', 10.0, 1)]
        """
        return await self._calls.read(lambda: self._map.get_latest_keys(n))

    async def get_keys_by_value(self, value: Any, timestamp: Time = None) -> list[Any]:
        """The keys that have this value now or at a time.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put_many({"a": 1, "b": 2}))
        >>> run(cm.get_keys_by_value(2))
        ['b']
        """
        return await self._calls.read(lambda: self._map.get_keys_by_value(value, timestamp))

    async def keys_with_history_count(self) -> dict[Any, int]:
        """How many versions each key has.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1))
        >>> run(cm.keys_with_history_count())
        {'a': 1}
        """
        return await self._calls.read(self._map.keys_with_history_count)

    async def query(
        self, predicate: Callable[[Any, Any], Any], timestamp: Time = None
    ) -> dict[Any, Any]:
        """The keys and values, now or at a time, for which ``predicate(key, value)`` is true.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put_many({"a": 1, "b": 2}))
        >>> run(cm.query(lambda key, value: value > 1))
        {'b': 2}
        """
        return await self._calls.read(lambda: self._map.query(predicate, timestamp))

    async def aggregate(
        self,
        func: Callable[[list[Any]], Any],
        keys: Iterable[Hashable] | None = None,
        timestamp: Time = None,
    ) -> Any:
        """What ``func`` makes of the list of values, of these keys or all; None of no values.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put_many({"a": 1, "b": 2}))
        >>> run(cm.aggregate(sum))
        3
        """
        return await self._calls.read(lambda: self._map.aggregate(func, keys, timestamp))

    async def count(
        self, predicate: Callable[[Any, Any], Any] | None = None, timestamp: Time = None
    ) -> int:
        """How many keys there are, or how many of them ``predicate(key, value)`` is true for.

        >>> from asyncio import run
        >>> run(cl.AsyncChronoMap().count())
        0
        """
        return await self._calls.read(lambda: self._map.count(predicate, timestamp))

    async def diff(self, other: AsyncChronoMap | ChronoMap) -> set[Any]:
        """The keys whose value is another one in the other map, or that one of them has not.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1))
        >>> run(cm.diff(cl.AsyncChronoMap()))
        {'a'}
        """
        return await self._calls.read(lambda: self._map.diff(_wrapped(other)))

    async def diff_detailed(self, other: AsyncChronoMap | ChronoMap) -> list[tuple[Any, Any, Any]]:
        """The same as (key, value in the other map, value in this one).

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1))
        >>> run(cm.diff_detailed(cl.AsyncChronoMap()))
        [('a', None, 1)]
        """
        return await self._calls.read(lambda: self._map.diff_detailed(_wrapped(other)))

    # --- Moments --------------------------------------------------------------------------------

    async def snapshot(self) -> AsyncChronoMap:
        """The map as it is now, as a map of its own.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1))
        >>> before = run(cm.snapshot())
        >>> run(cm.put("a", 2))
        >>> run(before.get("a"))
        1
        """
        return AsyncChronoMap._of(await self._calls.read(self._map.snapshot))

    @property
    def snapshot_time(self) -> float | None:
        """Of a snapshot: when it was taken, in seconds; otherwise None.

        >>> cl.AsyncChronoMap().snapshot_time is None
        True
        """
        moment: float | None = self._map.snapshot_time
        return moment

    def snapshot_context(self) -> AsyncSnapshotContext:
        """For ``async with``: if an exception leaves it, what its task did to the map within is
        undone, and what tasks did that were started there; what others wrote stays.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> async def work():
        ...     async with cm.snapshot_context():
        ...         await cm.put("a", 1 / 0)
        >>> run(work())
        Traceback (most recent call last):
        ZeroDivisionError: division by zero
        >>> run(cm.keys())
        []
        """
        return AsyncSnapshotContext(self)

    async def as_of(self, timestamp: Moment) -> Mapping[Any, Any]:
        """The whole map at a time, as a mapping that is read without ``await``.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1, timestamp=10))
        >>> dict(run(cm.as_of(15)))
        {'a': 1}
        """
        return await self._calls.read(lambda: self._map.as_of(timestamp))

    async def known_at(self, timestamp: Moment) -> Any:
        """What the map said at a time about any other; see ``ChronoMap.known_at``. Of a durable
        map; read without ``await``.

        >>> from asyncio import run
        >>> async def main():
        ...     async with cl.AsyncChronoMap(path=path) as cm:
        ...         await cm.put("a", 1, timestamp=10)
        ...         return (await cm.known_at("2999-01-01")).get("a", timestamp=15)
        >>> run(main())
        1
        """
        return await self._calls.read(lambda: self._map.known_at(timestamp))

    # --- Hooks and counts -----------------------------------------------------------------------

    def on_change(self, callback: Callable[[Any, Any, Any, float], Any]) -> None:
        """Have ``callback(key, old, new, seconds)`` run, or awaited, after each put.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> async def note(key, old, new, ts):
        ...     print(key, old, new)
        >>> cm.on_change(note)
        >>> run(cm.put("a", 1))
        a None 1
        """
        self._map.on_change(self._calls.hook(callback))

    def remove_change_callback(self, callback: Callable[[Any, Any, Any, float], Any]) -> bool:
        """Have it run no more; whether it was there.

        >>> cl.AsyncChronoMap().remove_change_callback(print)
        False
        """
        return bool(self._map.remove_change_callback(self._calls.hook(callback)))

    def subscribe(self, key: Hashable, callback: Callable[[Any, Any, float], Any]) -> None:
        """Have ``callback(old, new, seconds)`` run, or awaited, after each put of a key.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> cm.subscribe("a", lambda old, new, ts: print(old, new))
        >>> run(cm.put_many({"a": 1, "b": 2}))
        None 1
        """
        self._map.subscribe(key, self._calls.subscriber(callback, key))

    def unsubscribe(self, key: Hashable, callback: Callable[[Any, Any, float], Any]) -> bool:
        """Have it run no more for that key; whether it was there.

        >>> cl.AsyncChronoMap().unsubscribe("a", print)
        False
        """
        return bool(self._map.unsubscribe(key, self._calls.subscriber(callback, key)))

    def get_stats(self) -> dict[str, Any]:
        """What was done and what there is; see ``ChronoMap.get_stats``.

        >>> cl.AsyncChronoMap().get_stats()["writes"]
        0
        """
        stats: dict[str, Any] = self._map.get_stats()
        return stats

    def reset_stats(self) -> None:
        """Count from 0 again.

        >>> cl.AsyncChronoMap().reset_stats()
        """
        self._map.reset_stats()

    # --- Data in and out ------------------------------------------------------------------------

    async def to_dataframe(self) -> Any:
        """The history as a pandas DataFrame; see ``ChronoMap.to_dataframe``.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1, timestamp=10))
        >>> run(cm.to_dataframe())["value"].tolist()
        [1]
        """
        return await self._calls.read(self._map.to_dataframe, far=True)

    async def to_dict(self, compress: bool | str = False) -> dict[str, Any] | bytes:
        """The map as plain data, or as compressed bytes of it; see ``ChronoMap.to_dict``.

        >>> from asyncio import run
        >>> run(cl.AsyncChronoMap().to_dict())["store"]
        {}
        """
        far = True if compress else None
        return await self._calls.read(lambda: self._map.to_dict(compress), far=far)

    @classmethod
    async def from_dict(
        cls,
        data: dict[str, Any] | bytes,
        debug: bool = False,
        use_rwlock: bool = True,
        **options: Any,
    ) -> Self:
        """A new map of what ``to_dict`` gave; see ``ChronoMap.from_dict``.

        >>> from asyncio import run
        >>> cm = run(cl.AsyncChronoMap.from_dict({"store": {"a": [(10, 1)]}}))
        >>> run(cm.history("a"))
        [(10.0, 1)]
        """
        return await cls._made("from_dict", data, debug, use_rwlock, **options)

    async def to_csv(self, file_path: FilePath) -> None:
        """Write the history as CSV: see ``ChronoMap.to_csv``.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("temp", 20.5, timestamp=10))
        >>> run(cm.to_csv(path))
        >>> print(path.read_text().splitlines()[1])
        "temp",20.5,10,0
        """
        await self._calls.read(lambda: self._map.to_csv(file_path), far=True)

    async def to_parquet(self, file_path: FilePath) -> None:
        """Write the history as Parquet: see ``ChronoMap.to_parquet``.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("temp", 20.5, timestamp=10))
        >>> run(cm.to_parquet(path))
        >>> path.stat().st_size > 0
        True
        """
        await self._calls.read(lambda: self._map.to_parquet(file_path), far=True)

    async def save_json(self, file_path: FilePath, **options: Any) -> None:
        """Write the map to a file; ``compress=`` as in ``ChronoMap.save_json``. If it is cancelled,
        the file is the old one or the new.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", 1, timestamp=10))
        >>> run(cm.save_json(path, compress="gzip"))
        >>> run(run(cl.AsyncChronoMap.load_json(path)).history("a"))
        [(10.0, 1)]
        """
        await self._calls.write(lambda: self._map.save_json(file_path, **options), far=True)

    @classmethod
    async def load_json(
        cls, file_path: FilePath, debug: bool = False, use_rwlock: bool = True, **options: Any
    ) -> Self:
        """A new map from a file; see ``ChronoMap.load_json``.

        >>> from asyncio import run
        >>> run(cl.AsyncChronoMap().save_json(path))
        >>> run(run(cl.AsyncChronoMap.load_json(path)).keys())
        []
        """
        return await cls._made("load_json", file_path, debug, use_rwlock, **options)

    async def save_pickle(self, file_path: FilePath, compress: bool | str = False) -> None:
        """Write the map to a file as a pickle; see ``ChronoMap.save_pickle``.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap()
        >>> run(cm.put("a", {1, 2}))
        >>> run(cm.save_pickle(path))
        >>> run(run(cl.AsyncChronoMap.load_pickle(path)).latest())
        {'a': {1, 2}}
        """
        await self._calls.write(lambda: self._map.save_pickle(file_path, compress), far=True)

    @classmethod
    async def load_pickle(
        cls,
        file_path: FilePath,
        debug: bool = False,
        use_rwlock: bool = True,
        *,
        trusted: bool = False,
        **options: Any,
    ) -> Self:
        """A new map from a pickle: of plain data, or with ``trusted`` of anything, which may run
        anything; see ``ChronoMap.load_pickle``.

        >>> from asyncio import run
        >>> run(cl.AsyncChronoMap().save_pickle(path))
        >>> run(run(cl.AsyncChronoMap.load_pickle(path)).keys())
        []
        """
        return await cls._made(
            "load_pickle", file_path, debug, use_rwlock, trusted=trusted, **options
        )

    @classmethod
    async def _made(cls, name: str, *arguments: Any, **options: Any) -> Self:
        """A map that ``ChronoMap`` makes by a class method."""
        make = getattr(_map_class(), name)
        return cls._of(await in_thread(lambda: make(*arguments, **options), settle=False))

    async def compact(self) -> None:
        """Make the file as small as what the map is now, and forget what was known before; see
        ``ChronoMap.compact``.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap(path=path)
        >>> run(cm.put("a", 1))
        >>> run(cm.compact())
        """
        await in_thread(self._map.compact, settle=True)

    async def flush(self) -> None:
        """Write a durable map out, so that what was put survives power loss at every level of
        durability; a map in memory has nothing to write.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap(path=path)
        >>> run(cm.put("a", 1))
        >>> run(cm.flush())
        """
        await in_thread(self._map.flush, settle=True)

    async def refresh(self) -> None:
        """Move a map that was opened with ``mode="r"`` on to what was written by now.

        >>> from asyncio import run
        >>> run(cl.AsyncChronoMap().refresh())
        """
        await in_thread(self._map.refresh, settle=True)

    async def close(self) -> None:
        """Close the file of a durable map; a map in memory has nothing to close.

        >>> from asyncio import run
        >>> cm = cl.AsyncChronoMap(path=path)
        >>> run(cm.close())
        """
        await in_thread(self._map.close, settle=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> Literal[False]:
        await self.close()
        return False


class AsyncSnapshotContext:
    """What ``AsyncChronoMap.snapshot_context`` gives, for ``async with``.

    >>> cm = cl.AsyncChronoMap()
    >>> cm.snapshot_context().chronomap is cm
    True
    """

    def __init__(self, chronomap: AsyncChronoMap) -> None:
        self.chronomap = chronomap
        # It may be entered again, and within itself.
        self._entered: list[tuple[Any, int | None]] = []

    async def __aenter__(self) -> AsyncChronoMap:
        # Here, not in a thread, which would have the number instead of the task.
        before = begin_writer()
        context = self.chronomap._map.snapshot_context()
        try:
            as_writer(context.__enter__)
        except BaseException:
            end_writer(before)
            raise
        self._entered.append((context, before))
        return self.chronomap

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> Literal[False]:
        context, before = self._entered.pop()
        try:
            as_writer(lambda: context.__exit__(kind, error, where))
        finally:
            end_writer(before)
        return False


class _LaterError(Exception):
    """Carries what is to be awaited out of a call that cannot."""

    def __init__(self, value: Awaitable[Any]) -> None:
        super().__init__()
        self.value = value
