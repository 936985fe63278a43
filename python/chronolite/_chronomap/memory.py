"""How much memory an object takes, with what is in it."""

from __future__ import annotations

import sys
from typing import Any


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
