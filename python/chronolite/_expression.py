"""Expressions of pyarrow.compute as predicates.

pyarrow tells nothing of what an expression is made of, but it pickles one as an Arrow record batch:
the tree stands in the metadata of its schema, in order, and the literals are its columns. That is
read here; nothing of the expression is evaluated.
"""

from __future__ import annotations

import ctypes
import datetime
import math
import operator
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from chronolite._core import Column, Predicate, col
from chronolite._errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}
_KNOWN = "comparisons, & | ~, isin, is_null, is_valid and is_nan"
# The same with the sides changed.
_TURNED = {
    "less": "greater",
    "less_equal": "greater_equal",
    "greater": "less",
    "greater_equal": "less_equal",
}
# Arrow's SetLookupOptions: what a null of the column comes to.
_MATCH, _SKIP, _EMIT_NULL = 0, 1, 2


def _known(truth: bool | None) -> Predicate:
    """The same for every row; None is unknown."""
    made: Predicate = Predicate._known(truth)  # type: ignore[attr-defined]
    return made


class _Literal:
    """A value, which is no part of a predicate by itself."""

    def __init__(self, value: Any) -> None:
        self.value = value


def convert(expression: Any) -> Predicate:
    """The predicate that a pyarrow.compute.Expression is.

    Raises:
        InvalidInputError: It has a function that predicates do not have.
    """
    try:
        _, (buffer, *_) = expression.__reduce__()
    except pa.ArrowNotImplementedError as error:
        # Such as a column by its place.
        raise InvalidInputError(f"where: {expression} is not taken: columns go by name") from error
    batch = pa.ipc.open_file(buffer).get_batch(0)
    made: Any = _read(iter(_metadata(batch.schema)), batch)
    if isinstance(made, _Literal):
        if made.value is None or isinstance(made.value, bool):
            return _known(made.value)
        raise InvalidInputError(f"where: the value {made.value!r} alone is no comparison")
    if isinstance(made, Column):
        return ~~made
    predicate: Predicate = made
    return predicate


def _read(pairs: Iterator[tuple[str, str]], batch: pa.RecordBatch) -> Any:
    """What begins with the next pair: a column, a literal or a predicate."""
    # Without recursion: the tree may be as deep as someone made it.
    open_calls: list[tuple[str, list[Any], dict[str, Any]]] = [("", [], {})]
    for key, value in pairs:
        name, arguments, options = open_calls[-1]
        if key == "field_ref":
            arguments.append(col(value))
        elif key == "literal":
            arguments.append(_Literal(_value(batch.column(int(value))[0])))
        elif key == "call":
            open_calls.append((value, [], {}))
        elif key == "options":
            options.update(_options(batch.column(int(value))[0]))
        elif key == "end":
            open_calls.pop()
            open_calls[-1][1].append(_call(name, arguments, options))
        else:
            raise InvalidInputError(f"where: an expression with {key} is not taken: {_KNOWN} are")
    return open_calls[0][1][0]


def _options(scalar: Any) -> dict[str, Any]:
    """What a function was told, as values of Python's; those of a list as Arrow's."""
    names = [field.name for field in scalar.type] if scalar.is_valid else []
    given = {name: scalar[name] for name in names}
    lists = {name: list(value.values) for name, value in given.items() if hasattr(value, "values")}
    return {name: lists[name] if name in lists else one.as_py() for name, one in given.items()}


def _call(name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    if name in _COMPARISONS and len(arguments) == 2:
        return _compare(name, *arguments)
    if name in ("and_kleene", "or_kleene"):
        left, right = map(_truth, arguments)
        return left & right if name == "and_kleene" else left | right
    if name == "invert":
        return ~_truth(arguments[0])
    if name in ("is_null", "is_valid", "is_nan", "is_in") and isinstance(arguments[0], Column):
        column = arguments[0]
        if name == "is_in":
            return _is_in(column, options)
        if name == "is_nan":
            return column.is_nan()
        null = column.is_null()
        if name == "is_null" and options.get("nan_is_null"):
            null |= column.is_nan()
        return ~null if name == "is_valid" else null
    hint = {"and": "; & is and_kleene", "or": "; | is or_kleene"}.get(name, "")
    raise InvalidInputError(f"where: the function {name} is not taken: {_KNOWN} are{hint}")


def _compare(name: str, left: Any, right: Any) -> Any:
    values = [side.value if isinstance(side, _Literal) else side for side in (left, right)]
    if any(value is None for value in values):
        return _known(None)
    columns = [side for side in (left, right) if isinstance(side, Column)]
    if not columns or any(isinstance(side, Predicate) for side in values):
        raise InvalidInputError(f"where: {name} compares a column with a value or a column")
    if isinstance(left, _Literal):
        name, values = _TURNED.get(name, name), values[::-1]
    return _COMPARISONS[name](*values)


def _truth(part: Predicate | Column | _Literal) -> Predicate | Column:
    if isinstance(part, _Literal):
        if part.value is None or isinstance(part.value, bool):
            return _known(part.value)
        raise InvalidInputError(f"where: the value {part.value!r} is neither true nor false")
    return part


def _is_in(column: Column, options: dict[str, Any]) -> Predicate:
    """As Arrow means it: a null is in a list that has one, and so is NaN."""
    values = options.get("value_set")
    if not isinstance(values, list):
        raise InvalidInputError("where: is_in takes an array of values")
    found = [_value(value) for value in values]
    behaviour = options.get("null_matching_behavior")
    if behaviour is None:
        behaviour = _SKIP if options.get("skip_nulls") else _MATCH
    has_null = any(value is None for value in found)
    known = [value for value in found if value is not None]
    chosen = column.isin(known)
    if any(isinstance(value, float) and math.isnan(value) for value in known):
        chosen |= column.is_nan()
    if behaviour == _EMIT_NULL:
        return chosen
    if behaviour == _MATCH and has_null:
        return column.is_null() | chosen
    if behaviour in (_MATCH, _SKIP):
        return ~column.is_null() & chosen
    raise InvalidInputError("where: is_in that is inconclusive about nulls is not taken")


def _value(scalar: Any) -> Any:
    """The value of an Arrow scalar as `col` compares with it."""
    if not scalar.is_valid:
        return None
    if pa.types.is_timestamp(scalar.type):
        return np.datetime64(scalar.value, scalar.type.unit)
    value = scalar.as_py()
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return np.datetime64(value, "D")
    if not isinstance(value, (bool, int, float, str, bytes, datetime.datetime)):
        raise InvalidInputError(f"where: a value of type {scalar.type} is not taken")
    return value


class _ArrowSchema(ctypes.Structure):
    """The beginning of Arrow's C data interface of a schema."""

    _fields_ = (
        ("format", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("metadata", ctypes.c_void_p),
    )


def _metadata(schema: pa.Schema) -> list[tuple[str, str]]:
    """Keys and values of a schema, in order: `schema.metadata` is a dict and keeps one of each."""
    capsule = schema.__arrow_c_schema__()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    struct_at = pointer(capsule, b"arrow_schema")
    at = ctypes.cast(struct_at, ctypes.POINTER(_ArrowSchema)).contents.metadata
    if at is None:
        return []

    def number() -> int:
        nonlocal at
        found: int = struct.unpack("=i", ctypes.string_at(at, 4))[0]
        at += 4
        return found

    def text() -> str:
        nonlocal at
        length = number()
        found = ctypes.string_at(at, length)
        at += length
        return found.decode()

    return [(text(), text()) for _ in range(number())]
