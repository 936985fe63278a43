"""Values that JSON does not have, told in JSON: each a dict of one entry, whose name begins with
``$``. A dict of the user's that looks like one is marked itself."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

# Longer ones Python does not turn into decimal digits and back unasked.
_LONG_BITS = 1 << 12


def marked(value: Any) -> Any:
    """A value, or a key, as JSON has it. A type that has no mark, a subclass of one that has and a
    NumPy array of objects are a ``TypeError``."""
    kind = type(value)
    if value is None or kind in (str, float, bool):
        return value
    if kind is int:
        return value if value.bit_length() < _LONG_BITS else {"$int": hex(value)}
    if kind is list:
        return [marked(item) for item in value]
    if kind is dict:
        looks_marked = len(value) == 1 and str(next(iter(value))).startswith("$")
        if all(type(key) is str for key in value) and not looks_marked:
            return {key: marked(item) for key, item in value.items()}
        return {"$dict": [[marked(key), marked(item)] for key, item in value.items()]}
    if mark := _MARKS.get(kind):
        name, tell, _ = mark
        return {name: tell(value)}
    if kind.__module__ == "numpy" and hasattr(value, "__array_interface__"):
        return {"$numpy": _array_told(value)}
    raise TypeError(f"what is of type {kind.__name__} has no form in JSON")


def revived(found: dict[str, Any]) -> Any:
    """The value of a mark, for ``object_hook``: what is in it has been revived before."""
    if len(found) == 1:
        [(name, told)] = found.items()
        if name.startswith("$"):
            revive = _REVIVED.get(name)
            if revive is None:
                raise ValueError(f"a value is marked {name!r}: of a later version of chronolite?")
            return revive(told)
    return found


def _array_told(value: Any) -> list[Any]:
    """Type, shape, bytes in the order of C, and whether it is a scalar."""
    import numpy as np

    array = np.asarray(value)
    if array.dtype.hasobject or array.dtype.names is not None:
        raise TypeError(f"a NumPy array of {array.dtype} has no form in JSON")
    scalar = isinstance(value, np.generic)
    return [array.dtype.str, list(array.shape), _bytes_told(array.tobytes()), scalar]


def _array(told: list[Any]) -> Any:
    import numpy as np

    name, shape, data, scalar = told
    kind = np.dtype(str(name))
    if kind.hasobject:
        raise ValueError(f"an array of {name}")
    array = np.frombuffer(_bytes(data), kind).reshape(shape)
    # Its own memory, which may be written to.
    return array[()] if scalar else array.copy()


def _bytes_told(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode()


def _bytes(told: str) -> bytes:
    return base64.b64decode(told, validate=True)


def _items_told(value: Any) -> list[Any]:
    return [marked(item) for item in value]


def _time_told(value: datetime | time) -> str:
    if value.tzinfo is not None and type(value.tzinfo) is not timezone:
        raise TypeError("a time in a zone with rules of its own has no form in JSON")
    return value.isoformat()


# Of each type: its mark, how it is told, and how it comes back.
_MARKS: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    tuple: ("$tuple", _items_told, tuple),
    set: ("$set", _items_told, set),
    frozenset: ("$frozenset", _items_told, frozenset),
    bytes: ("$bytes", _bytes_told, _bytes),
    bytearray: ("$bytearray", _bytes_told, lambda told: bytearray(_bytes(told))),
    complex: ("$complex", lambda value: [value.real, value.imag], lambda told: complex(*told)),
    datetime: ("$datetime", _time_told, datetime.fromisoformat),
    date: ("$date", date.isoformat, date.fromisoformat),
    time: ("$time", _time_told, time.fromisoformat),
    timedelta: (
        "$timedelta",
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda told: timedelta(*told),
    ),
}

_REVIVED: dict[str, Callable[[Any], Any]] = {
    **{name: revive for name, _, revive in _MARKS.values()},
    "$int": lambda told: int(told, 16),
    "$dict": dict,
    "$numpy": _array,
}
