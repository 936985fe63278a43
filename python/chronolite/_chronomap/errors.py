"""What a ``ChronoMap`` raises: each is a ``ChronoMapError``, and what Python has for it."""

from __future__ import annotations

from chronolite._errors import ChronoliteError

__all__ = [
    "ChronoMapError",
    "ChronoMapKeyError",
    "ChronoMapMemoryError",
    "ChronoMapTypeError",
    "ChronoMapValueError",
]


class ChronoMapError(ChronoliteError):
    """Any failure of a ``ChronoMap``; catch it to catch them all.

    >>> cm = cl.ChronoMap()
    >>> try:
    ...     cm["gone"]
    ... except cl.ChronoMapError as error:
    ...     print(type(error).__name__, error)
    ChronoMapKeyError 'gone'
    """


class ChronoMapKeyError(ChronoMapError, KeyError):
    """The map has no such key, or the key no value by then. Its only argument is the key.

    >>> try:
    ...     cl.ChronoMap().get(("a", 1), strict=True)
    ... except cl.ChronoMapKeyError as error:
    ...     print(error.args[0])
    ('a', 1)
    """


class ChronoMapTypeError(ChronoMapError, TypeError):
    """An argument is of a type that has no meaning here, or a value cannot be saved. Nothing was
    stored.

    >>> cl.ChronoMap().put(["a"], 1)
    Traceback (most recent call last):
    chronolite._chronomap.errors.ChronoMapTypeError: Key must be hashable, got list
    """


class ChronoMapValueError(ChronoMapError, ValueError):
    """An argument is out of its range, a time is none, or a file holds no map. Nothing was stored.

    >>> cl.ChronoMap().put("a", 1, ttl=-1)
    Traceback (most recent call last):
    chronolite._chronomap.errors.ChronoMapValueError: TTL must be positive, got -1
    """


class ChronoMapMemoryError(ChronoMapError, MemoryError):
    """The write would take the map past its ``max_memory_mb``. Nothing was stored.

    >>> cm = cl.ChronoMap(max_memory_mb=1)
    >>> try:
    ...     cm.put("a", bytes(5 << 20))
    ... except cl.ChronoMapMemoryError as error:
    ...     print(str(error).partition(":")[0], len(cm))
    Memory limit exceeded 0
    """
