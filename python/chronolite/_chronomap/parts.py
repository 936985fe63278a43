"""``RWLock`` and ``LRUCache``, which are public beside ``ChronoMap``.

A map has no use for them, as the kernel has its own; they are here for code that has. Both have the
names and behaviour of the package chronomap, and may be used by several threads at once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["LRUCache", "RWLock"]


class RWLock:
    """A lock that many readers share, or one writer has for itself.

    Writers go first: while one waits, only threads that are reading already may read on, so that
    readers cannot keep it waiting for ever. A thread may take the lock again that it has, and read
    while it writes; to write while it reads is a ``RuntimeError``, as it would wait for itself.

    >>> lock = cl.RWLock()
    >>> with lock.read():
    ...     print("beside other readers")
    beside other readers
    >>> with lock.write():
    ...     print("alone")
    alone
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        # How often each thread reads, and the one that writes.
        self._readers: dict[int, int] = {}
        self._writer: int | None = None
        self._depth = 0
        self._waiting = 0

    def acquire_read(self) -> None:
        """Take the lock to read: waits for the writer that has it and for those that wait.

        >>> lock = cl.RWLock()
        >>> lock.acquire_read()
        >>> lock.release_read()
        """
        me = threading.get_ident()
        with self._changed:
            # To wait for a writer that waits for this very thread would be for ever.
            if me != self._writer and me not in self._readers:
                self._changed.wait_for(lambda: self._writer is None and not self._waiting)
            self._readers[me] = self._readers.get(me, 0) + 1

    def release_read(self) -> None:
        """Let go of it once. Another thread than the one that took it may do so; if nobody reads,
        it is a ``RuntimeError``.

        >>> cl.RWLock().release_read()
        Traceback (most recent call last):
        RuntimeError: the lock is not held by a reader
        """
        me = threading.get_ident()
        with self._changed:
            if not self._readers:
                raise RuntimeError("the lock is not held by a reader")
            of = me if me in self._readers else next(iter(self._readers))
            self._readers[of] -= 1
            if not self._readers[of]:
                del self._readers[of]
                self._changed.notify_all()

    def acquire_write(self) -> None:
        """Take the lock to write: waits for all other readers and writers.

        >>> lock = cl.RWLock()
        >>> lock.acquire_write()
        >>> lock.release_write()
        """
        me = threading.get_ident()
        with self._changed:
            if self._writer != me:
                if me in self._readers:
                    raise RuntimeError("a thread that reads cannot write: it lets go first")
                self._wait_to_write()
                self._writer = me
            self._depth += 1

    def _wait_to_write(self) -> None:
        self._waiting += 1
        try:
            self._changed.wait_for(lambda: self._writer is None and not self._readers)
        finally:
            self._waiting -= 1
            # Readers wait for those that wait: one that was interrupted does so no more.
            self._changed.notify_all()

    def release_write(self) -> None:
        """Let go of it once; of a lock that this thread does not write under, a ``RuntimeError``.

        >>> cl.RWLock().release_write()
        Traceback (most recent call last):
        RuntimeError: the lock is not held by this writer
        """
        with self._changed:
            if self._writer != threading.get_ident():
                raise RuntimeError("the lock is not held by this writer")
            self._depth -= 1
            if not self._depth:
                self._writer = None
                self._changed.notify_all()

    @contextmanager
    def read(self) -> Iterator[None]:
        """The lock for a ``with``, shared.

        >>> with cl.RWLock().read():
        ...     pass
        """
        self.acquire_read()
        try:
            yield
        finally:
            self.release_read()

    @contextmanager
    def write(self) -> Iterator[None]:
        """The lock for a ``with``, for one alone.

        >>> with cl.RWLock().write():
        ...     pass
        """
        self.acquire_write()
        try:
            yield
        finally:
            self.release_write()


class LRUCache:
    """At most ``capacity`` values; the one that was used longest ago goes first.

    Keys are tuples, such as (key of a map, time), so that ``invalidate`` finds all that belongs to
    one key. A capacity of 0 or less keeps nothing.

    >>> cache = cl.LRUCache(2)
    >>> for ts in (1.0, 2.0, 3.0):
    ...     cache.put(("temp", ts), ts * 10)
    >>> cache.get(("temp", 1.0)), cache.get(("temp", 3.0))
    (None, 30.0)
    """

    capacity: int
    #: The values, the one that was used longest ago first.
    cache: OrderedDict[Hashable, Any]
    hits: int
    misses: int

    def __init__(self, capacity: int = 1000) -> None:
        self.capacity = capacity
        self.cache = OrderedDict()
        self.hits = 0
        self.misses = 0
        # A key that is compared may come back to the cache.
        self.lock = threading.RLock()
        # The entries of each key, so that invalidate does not walk through all of them.
        self._entries: dict[Hashable, set[Hashable]] = {}

    def get(self, key: Hashable) -> Any:
        """The value, or None if it is not there; counts as a hit or a miss.

        >>> cl.LRUCache().get(("a", None)) is None
        True
        """
        with self.lock:
            if key not in self.cache:
                self.misses += 1
                return None
            self.hits += 1
            self.cache.move_to_end(key)
            return self.cache[key]

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value, in the place of one that is there; the oldest goes if there are too many.

        >>> cache = cl.LRUCache(1)
        >>> cache.put(("a", None), 1)
        >>> cache.put(("b", None), 2)
        >>> list(cache.cache)
        [('b', None)]
        """
        if self.capacity <= 0:
            return
        with self.lock:
            self.cache[key] = value
            self.cache.move_to_end(key)
            self._entries.setdefault(_owner(key), set()).add(key)
            while len(self.cache) > self.capacity:
                gone, _ = self.cache.popitem(last=False)
                self._forget(gone)

    def _forget(self, key: Hashable) -> None:
        owner = _owner(key)
        left = self._entries.get(owner, set())
        left.discard(key)
        if not left:
            self._entries.pop(owner, None)

    def invalidate(self, store_key: Hashable) -> None:
        """Forget every entry whose key begins with ``store_key``.

        >>> cache = cl.LRUCache()
        >>> cache.put(("a", 1.0), 1)
        >>> cache.invalidate("a")
        >>> len(cache.cache)
        0
        """
        with self.lock:
            for key in self._entries.pop(store_key, ()):
                self.cache.pop(key, None)

    def clear(self) -> None:
        """Forget all entries, and the counts of hits and misses.

        >>> cache = cl.LRUCache()
        >>> cache.put(("a", 1.0), 1)
        >>> cache.clear()
        >>> len(cache.cache)
        0
        """
        with self.lock:
            self.cache.clear()
            self._entries.clear()
            self.hits = self.misses = 0

    def get_stats(self) -> dict[str, Any]:
        """``hits``, ``misses``, ``size``, ``capacity``, and ``hit_rate`` in percent of all gets.

        >>> cl.LRUCache(5).get_stats()
        {'hits': 0, 'misses': 0, 'size': 0, 'capacity': 5, 'hit_rate': 0}
        """
        with self.lock:
            gets = self.hits + self.misses
            return {
                "hits": self.hits,
                "misses": self.misses,
                "size": len(self.cache),
                "capacity": self.capacity,
                "hit_rate": round(100 * self.hits / gets, 2) if gets else 0,
            }


def _owner(key: Hashable) -> Hashable:
    """What ``invalidate`` knows an entry by."""
    owner: Hashable = key[0] if isinstance(key, tuple) and key else key
    return owner
