"""How much memory a map takes, and whether it may take more."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from chronolite._chronomap.errors import ChronoMapMemoryError

logger = logging.getLogger("chronolite._chronomap.map")

MEGABYTE = 1 << 20
# What a key and a version take beside the objects themselves.
KEY_BYTES = 96
VERSION_BYTES = 24
# The part of the limit from which on it is warned of.
WARN_FROM = 0.8


class Limit:
    """The memory that keys and values of a map may take."""

    def __init__(self, megabytes: float) -> None:
        self.bytes = int(megabytes * MEGABYTE)
        # At most so much is used: what was taken away since it was counted counts still.
        self.used = 0
        self.warned = False

    def admit(
        self,
        items: list[tuple[Hashable, Any]],
        store: Callable[[], Iterable[tuple[Any, list[tuple[float, Any]], Any]]],
    ) -> None:
        """A ``ChronoMapMemoryError`` if there is no room for these keys and values beside what
        ``store`` has."""
        added = sum(
            size_of(key) + size_of(value) + KEY_BYTES + VERSION_BYTES for key, value in items
        )
        self.admit_bytes(added, lambda: of_store(store()))

    def admit_bytes(self, added: int, used: Callable[[], int]) -> None:
        """The same of so many bytes beside what ``used`` gives, which is asked if it matters."""
        total = self.used + added
        if total > self.bytes:
            total = used() + added
        if total > self.bytes:
            raise ChronoMapMemoryError(
                f"Memory limit exceeded: {total / MEGABYTE:.2f}MB "
                f"(limit: {self.bytes / MEGABYTE:.2f}MB)"
            )
        if total > WARN_FROM * self.bytes and not self.warned:
            self.warned = True
            logger.warning(
                "Memory usage at %.2fMB (%.1f%% of limit)",
                total / MEGABYTE,
                100 * total / self.bytes,
            )
        self.used = total


def of_store(store: Iterable[tuple[Any, list[tuple[float, Any]], Any]]) -> int:
    """Bytes of keys with their versions."""
    return sum(
        size_of(key) + KEY_BYTES + sum(size_of(value) + VERSION_BYTES for _, value in versions)
        for key, versions, _ in store
    )


def size_of(value: Any) -> int:
    """Bytes of an object and, if it is of one of Python's own collections, of what it holds.

    What it holds twice counts once. What an object of another type says of itself is believed.
    """
    if type(value) in (int, str, float, bytes, bool, type(None)):
        return sys.getsizeof(value)
    total = 0
    seen = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        total += sys.getsizeof(item)
        if isinstance(item, dict):
            waiting.extend(item.keys())
            waiting.extend(item.values())
        elif isinstance(item, list | tuple | set | frozenset):
            waiting.extend(item)
        elif hasattr(item, "__dict__"):
            waiting.append(vars(item))
    return total
