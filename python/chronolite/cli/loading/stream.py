"""The bytes of a file or of standard input: counted, decompressed, and to be looked at beforehand.

Compression is told by the first bytes, not by the name.
"""

from __future__ import annotations

import lzma
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from chronolite.cli.exits import Code, Failure

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bz2",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
}


class Stream:
    """Bytes in order, the first of which can be looked at before they are read."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._seen = bytearray()
        self.taken = 0
        """How many bytes were read from below."""
        self.closed = False

    def peek(self, size: int) -> bytes:
        """The next bytes, fewer than `size` only at the end; they stay to be read."""
        while len(self._seen) < size and (more := self._pull(size - len(self._seen))):
            self._seen += more
        return bytes(self._seen[:size])

    def read(self, size: int = -1) -> bytes:
        """The next bytes, fewer than `size` only at the end; all the rest if it is negative."""
        parts = [self._take(size)]
        left = size - len(parts[0])
        while (size < 0 or left > 0) and (more := self._pull(left if size >= 0 else 1 << 20)):
            parts.append(more)
            left -= len(more)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _take(self, size: int) -> bytes:
        if not self._seen:
            return b""
        taken = bytes(self._seen if size < 0 else self._seen[:size])
        del self._seen[: len(taken)]
        return taken

    def _pull(self, size: int) -> bytes:
        more = self._read(size)
        self.taken += len(more)
        return more

    # What pyarrow asks of a file in Python.
    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def for_arrow(self) -> Any:
        """The stream as pyarrow reads one."""
        return pa.PythonFile(self, mode="r")


class Source:
    """A file, or standard input if `path` is None. It can be read again if it is a file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.name = "standard input" if path is None else str(path)
        self.size: int | None = None
        self._raw: Stream | None = None
        if path is not None:
            if path.is_dir():
                raise Failure(f"{path} is a folder", Code.NOT_FOUND)
            if not path.exists():
                raise Failure(f"there is no file {path}", Code.NOT_FOUND)
            if path.is_file():
                self.size = path.stat().st_size

    @property
    def regular(self) -> bool:
        """Whether it is a regular file, which can be read twice and from anywhere."""
        return self.size is not None

    def compression(self) -> str | None:
        """What it is compressed with: looked up in a regular file, None for all else."""
        if self.path is None or not self.regular:
            return None
        with self.path.open("rb") as file:
            return _compression(file.read(8))

    def done(self) -> float | None:
        """Which share of the bytes was read, from 0 to 1; None if it cannot be known."""
        if self._raw is None or not self.size:
            return None
        return min(self._raw.taken / self.size, 1.0)

    def open(self, *, count: bool = True) -> Stream:
        """The bytes from the first one, decompressed; with `count`, those that `done` is about."""
        file: IO[bytes] | None = None
        if self.path is None:
            # Not through sys.stdin: its lock would be held by a reader that waits for input when
            # the process ends.
            number = sys.stdin.fileno()
            raw = Stream(lambda size: os.read(number, size))
        else:
            file = self.path.open("rb", buffering=0)
            raw = Stream(file.read)
        if count:
            self._raw = raw
        return _decompressed(raw, file, self.name)


def _compression(first: bytes) -> str | None:
    return next((name for magic, name in _MAGIC.items() if first.startswith(magic)), None)


def _decompressed(raw: Stream, file: IO[bytes] | None, name: str) -> Stream:
    match _compression(raw.peek(8)):
        case None:
            return raw
        case "xz":
            return Stream(lzma.LZMAFile(raw).read)  # type: ignore[arg-type]  # it only reads
        case "zip":
            return Stream(_only_member(raw, file, name).read)
        case codec:
            return Stream(pa.CompressedInputStream(raw.for_arrow(), codec).read)


def _only_member(raw: Stream, file: IO[bytes] | None, name: str) -> IO[bytes]:
    if file is None:
        raise Failure(f"{name}: a zip file cannot be read from a pipe; give its name", Code.USAGE)
    archive = zipfile.ZipFile(_CountedFile(raw, file))
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise Failure(
            f"{name} holds {len(members)} files, and one is expected: unpack it first", Code.MISFIT
        )
    return archive.open(members[0])


class _CountedFile:
    """A file that can be sought in, as zipfile needs it, counted into a stream."""

    def __init__(self, raw: Stream, file: IO[bytes]) -> None:
        self._raw, self._file = raw, file
        self.seek, self.tell = file.seek, file.tell
        self._raw.taken = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._raw.taken += len(data)
        return data

    def seekable(self) -> bool:
        return True
