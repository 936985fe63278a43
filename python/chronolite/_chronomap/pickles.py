"""Pickles of a map. The only module that reads any: ``anything`` for a file that is trusted, and
``plain`` for one that is not, which knows no instruction by which an object could come to be."""

from __future__ import annotations

import io
import pickle
from typing import Any, NoReturn

from chronolite._chronomap.errors import ChronoMapTypeError, ChronoMapValueError

# What pickling raises for an object that it does not take.
REFUSED = (TypeError, AttributeError, pickle.PicklingError)

# The first that has an instruction for bytearrays; Python 3.8 reads it.
_PROTOCOL = 5

# How deep tuples in a key may be, and how many items they may have, with those within those.
_DEPTH = 100
_ITEMS = 1_000_000

# The instructions of plain data, as pickletools names them.
_PLAIN = """
    MARK STOP POP POP_MARK DUP PROTO FRAME
    NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT
    STRING BINSTRING SHORT_BINSTRING UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8
    SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8
    EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3
    EMPTY_DICT DICT SETITEM SETITEMS EMPTY_SET ADDITEMS FROZENSET
    GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE
"""


def dumps(value: Any) -> bytes:
    """The pickle of anything."""
    return pickle.dumps(value, _PROTOCOL)


def anything(data: bytes) -> Any:
    """What a pickle makes, which may be any call of anything."""
    return pickle.loads(data)  # noqa: S301  (asked for by name: trusted=True)


def plain(data: bytes) -> Any:
    """The plain data in a pickle. Whatever is an object, or a call, is a ``ChronoMapTypeError``
    before it is one; a damaged pickle is a ``ChronoMapValueError``."""
    try:
        return _Plain(io.BytesIO(data)).load()
    except (ChronoMapTypeError, ChronoMapValueError):
        raise
    except Exception as error:
        raise ChronoMapValueError(f"no pickle: {error!r}") from error


# Not the one in C: of it an instruction can ask for any amount of memory (LONG_BINPUT), and
# instructions cannot be taken out.
_Unpickler: Any = pickle._Unpickler


class _Plain(_Unpickler):  # type: ignore[misc]
    def find_class(self, module: str, name: str) -> NoReturn:
        raise _refusal(f"holds {module}.{name}")

    def _refuse(self) -> NoReturn:
        raise _refusal("makes an object")

    # What follows is hashed by these instructions.

    def load_setitem(self) -> None:
        _check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        _check_keys(self.stack[::2])
        super().load_setitems()

    def load_dict(self) -> None:
        _check_keys(self.stack[::2])
        super().load_dict()

    def load_additems(self) -> None:
        _check_keys(self.stack)
        super().load_additems()

    def load_frozenset(self) -> None:
        _check_keys(self.stack)
        super().load_frozenset()


def _check_keys(keys: list[Any]) -> None:
    """Python hashes a tuple by going down into it, each time anew: one that is very deep ends the
    process, and one that has itself in it many times over takes for ever."""
    if tuple not in set(map(type, keys)):
        return
    looked_at = 0
    left = [(key, 1) for key in keys if type(key) is tuple]
    while left:
        key, depth = left.pop()
        looked_at += len(key)
        if depth > _DEPTH or looked_at > _ITEMS + len(keys):
            raise ChronoMapValueError("a key in the pickle is too deep or too long a tuple")
        left.extend((item, depth + 1) for item in key if type(item) is tuple)


def _refusal(what: str) -> ChronoMapTypeError:
    return ChronoMapTypeError(
        f"the pickle {what}, which is not run: if you know that nobody else has written it, "
        "load_pickle(path, trusted=True) loads it"
    )


def _instructions() -> dict[int, Any]:
    allowed = {getattr(pickle, name)[0] for name in _PLAIN.split()}
    # These look a class up, which is refused with its name.
    allowed |= {pickle.GLOBAL[0], pickle.STACK_GLOBAL[0]}
    known: dict[int, Any] = _Unpickler.dispatch
    steps = {code: step if code in allowed else _Plain._refuse for code, step in known.items()}
    hashing = ("SETITEM", "SETITEMS", "DICT", "ADDITEMS", "FROZENSET")
    return steps | {
        getattr(pickle, name)[0]: getattr(_Plain, f"load_{name.lower()}") for name in hashing
    }


_Plain.dispatch = _instructions()
