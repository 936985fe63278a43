"""The compressions of a map's files: by name, told by the first bytes, unpacked within bounds."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from chronolite._chronomap.errors import ChronoMapValueError

METHODS = ("zlib", "gzip", "bz2", "lzma")

# A few bytes may say that they are gigabytes. What is more than this, and more than so many times
# the bytes there are, is refused.
UNPACKED = 256 << 20
RATIO = 200

_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "lzma"}
# Bytes that go into a decompressor at a time, and that come out at most.
_GIVEN, _TAKEN = 1 << 16, 1 << 20


def method_of(compress: bool | str) -> str | None:
    """The name of a compression; True is zlib, False none. ``ChronoMapValueError`` for another."""
    if compress is True:
        return "zlib"
    return known(compress) if compress else None


def known(name: Any) -> str:
    """A name that is one of a compression; ``ChronoMapValueError`` for another."""
    if not isinstance(name, str) or name not in METHODS:
        raise ChronoMapValueError(f"Unknown compression method: {name}")
    return name


def told_by(data: bytes) -> str | None:
    """How bytes are compressed; None if they are not."""
    for magic, name in _MAGIC.items():
        if data.startswith(magic):
            return name
    # The first byte of zlib's streams, which with the second is a multiple of 31.
    zlib = data[:1] == b"x" and int.from_bytes(data[:2], "big") % 31 == 0
    return "zlib" if zlib else None


def pack(data: bytes, method: str) -> bytes:
    """The compressed bytes.

    What ``unpack`` would take for a bomb is refused with a ``ChronoMapValueError``, so that
    whatever has been saved can be loaded.
    """
    packed = _module(method).compress(data)
    if len(data) > _most(len(packed)):
        raise ChronoMapValueError(
            f"{method} makes {len(packed):,} bytes of {len(data):,}, which would be taken for an "
            "attack when it is read: save without compress"
        )
    return bytes(packed)


def unpack(packed: bytes, method: str, *, bounded: bool = True) -> bytes:
    """The bytes that were compressed.

    Damaged ones, some that are cut off and, if it is ``bounded``, far too many are a
    ``ChronoMapValueError``.
    """
    most = _most(len(packed)) if bounded else None
    out = io.BytesIO()
    try:
        for piece in _pieces(packed, method):
            out.write(piece)
            if most is not None and out.tell() > most:
                raise ChronoMapValueError(
                    f"{len(packed):,} bytes of {method} unpack to more than {most:,}"
                )
    except (OSError, EOFError, ValueError, _module("zlib").error, _module("lzma").LZMAError) as why:
        if isinstance(why, ChronoMapValueError):
            raise
        raise ChronoMapValueError(f"the {method} data is damaged: {why}") from why
    return out.getvalue()


def _pieces(packed: bytes, method: str) -> Iterator[bytes]:
    """What is in it, a bounded piece at a time; several streams may follow each other."""
    at = 0
    while at < len(packed) or not at:
        stream = _decompressor(method)
        given = b""
        while not stream.eof:
            if not given:
                given = packed[at : at + _GIVEN]
                at += len(given)
            piece = stream.decompress(given, _TAKEN)
            if not (piece or given or stream.eof):
                raise EOFError("it is cut off")
            # Those of bz2 and lzma keep what they have not come to.
            given = getattr(stream, "unconsumed_tail", b"")
            yield piece
        at -= len(stream.unused_data)
        if method == "zlib" and at < len(packed):
            raise ValueError("something follows it")


def _decompressor(method: str) -> Any:
    module = _module("zlib" if method == "gzip" else method)
    match method:
        case "bz2":
            return module.BZ2Decompressor()
        case "lzma":
            return module.LZMADecompressor(memlimit=UNPACKED)
        case _:
            # 15 bits of window; 16 more say that it has gzip's head.
            return module.decompressobj(31 if method == "gzip" else 15)


def _most(packed: int) -> int:
    return max(UNPACKED, RATIO * packed)


def _module(method: str) -> Any:
    from importlib import import_module

    return import_module(method)
