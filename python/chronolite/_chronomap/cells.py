"""Keys and values of a map's file that are no plain number, text or bytes: the kernel tells the
rest (SPEC.md section 13)."""

from __future__ import annotations

import json
import math
from typing import Any, TypeAlias

from chronolite._chronomap import marks

# Kind, whole number, other number, text, bytes.
Cells: TypeAlias = tuple[int, int, float, str, bytes]

INT, LONG, FLOAT, STR, BYTES, JSON, ARRAY = range(2, 9)
BOOL = 1

# There are marks for more than is kept in a file: what JSON, bytes and arrays have no form for is
# refused, so that other programs can read what is there.
REFUSED = (set, frozenset, complex, bytearray)


def encode(value: Any) -> Cells:
    """The cells of a value; a ``TypeError`` that names its type if it cannot be kept."""
    kind = type(value)
    if kind is int:
        return LONG, 0, 0.0, hex(value), b""
    if kind.__module__ == "numpy" and hasattr(value, "dtype"):
        return _numpy(value)
    _check(value)
    try:
        told = json.dumps(marks.marked(value), separators=(",", ":"))
    except RecursionError:
        raise TypeError(f"the {kind.__name__} is nested too deeply, or in itself") from None
    except TypeError as error:
        raise TypeError(f"a value of type {kind.__name__} cannot be kept: {error}") from None
    return JSON, 0, 0.0, told, b""


def _check(value: Any) -> None:
    waiting, seen = [value], set()
    while waiting:
        item = waiting.pop()
        if isinstance(item, REFUSED):
            raise TypeError(f"a value of type {type(item).__name__} cannot be kept in a file")
        if isinstance(item, list | tuple | dict) and id(item) not in seen:
            seen.add(id(item))
            waiting.extend(item)
            if isinstance(item, dict):
                waiting.extend(item.values())


def _numpy(value: Any) -> Cells:
    import numpy as np

    if isinstance(value, np.bool | np.int64 | np.float64):
        plain = value.item()
        kind = {bool: BOOL, int: INT, float: FLOAT}[type(plain)]
        whole, real = (0, plain) if kind == FLOAT else (int(plain), 0.0)
        return kind, whole, real, "", b""
    array = np.asarray(value)
    if array.dtype.hasobject or array.dtype.names is not None:
        raise TypeError(f"a value of type {type(value).__name__} of {array.dtype} cannot be kept")
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    scalar = isinstance(value, np.generic)
    told = json.dumps([array.dtype.str, list(array.shape), order, scalar], separators=(",", ":"))
    return ARRAY, 0, 0.0, told, array.tobytes(order="A")


def decode(kind: int, whole: int, real: float, text: str, data: bytes) -> Any:
    """The value of cells of a kind that the kernel does not know."""
    del whole, real
    if kind == LONG:
        return int(text, 16)
    if kind == JSON:
        return json.loads(text, object_hook=marks.revived)
    if kind == ARRAY:
        import numpy as np

        name, shape, order, scalar = json.loads(text)
        dtype = np.dtype(str(name))
        if dtype.hasobject:
            raise ValueError(f"an array of {name}")
        array = np.frombuffer(data, dtype).reshape(shape, order=order)
        # Its own memory, which may be written to.
        return array[()] if scalar else array.copy(order="A")
    raise ValueError(f"a value of kind {kind}: the file is of a later version of chronolite")


def key_text(key: Any) -> str:
    """A key in JSON: the same text for keys that are equal, as ``1``, ``1.0`` and ``True`` are."""
    if isinstance(key, float) and math.isnan(key):
        raise TypeError("a key of type float that is no number cannot be kept: it equals no other")
    _check_key(key)
    return json.dumps(marks.marked(_canonical(key)), separators=(",", ":"), ensure_ascii=True)


def _check_key(key: Any) -> None:
    items = key if type(key) is tuple else (key,)
    for item in items:
        if item is not None and type(item) not in (str, int, float, bool, bytes):
            raise TypeError(
                f"a key of type {type(key).__name__} cannot be kept in a file: keys are None, "
                "text, numbers, bytes, and tuples of these"
            )


def _canonical(key: Any) -> Any:
    if type(key) is tuple:
        return tuple(_canonical(item) for item in key)
    if type(key) is bool or (type(key) is float and key.is_integer()):
        return int(key)
    return key


def key_of(text: str) -> Any:
    """The key of a text."""
    return json.loads(text, object_hook=marks.revived)


def told(value: Any) -> str:
    """A value in JSON with marks; as Python shows it if JSON has no form for it."""
    try:
        return json.dumps(marks.marked(value), separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return repr(value).encode("utf-8", "backslashreplace").decode()
