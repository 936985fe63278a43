"""Pieces of whole lines: of the beginning of a text, of all over it, of all of it."""

from __future__ import annotations

from collections.abc import Iterator

from chronolite.cli.exits import Code, Failure
from chronolite.cli.loading.stream import Source, Stream

# Of a pipe or a compressed file so much is looked at; a plain file up to this size, whole.
_HEAD = 8 << 20
# Of a larger plain file: so many bytes at the beginning, and pieces from all over it.
_FIRST = 2 << 20
_PIECE = 256 << 10
_PIECES = 16


def sample(source: Source, stream: Stream, *, whole: bool) -> tuple[Iterator[bytes], bool]:
    """Pieces of the source, the first from its beginning; and whether they are all of it.

    `stream` is the source, open and not yet read; it stays so.
    """
    if whole:
        if not source.regular:
            raise Failure("--scan-all needs a file: a pipe is read once", Code.USAGE)
        return blocks(source.open(count=False), _HEAD), True
    size = source.size
    if size is None or size <= _HEAD or source.compression():
        head = stream.peek(_HEAD + 1)
        complete = len(head) <= _HEAD
        return iter([head if complete else whole_lines(head)]), complete
    return _spread(source, stream, size), False


def blocks(stream: Stream, size: int) -> Iterator[bytes]:
    """All of a stream in blocks of about `size` bytes."""
    rest: list[bytes | memoryview] = []
    while block := stream.read(size):
        end = block.rfind(b"\n") + 1
        if end:
            # The one copy of all that is imported.
            yield b"".join([*rest, memoryview(block)[:end]])
            rest = [block[end:]]
        else:
            rest.append(block)
    if last := b"".join(rest):
        yield last


def whole_lines(piece: bytes) -> bytes:
    """The piece up to its last line break."""
    return piece[: piece.rfind(b"\n") + 1]


def _spread(source: Source, stream: Stream, size: int) -> Iterator[bytes]:
    yield whole_lines(stream.peek(_FIRST))
    assert source.path is not None  # noqa: S101  (what has a size has a name)
    with source.path.open("rb") as file:
        for number in range(1, _PIECES + 1):
            file.seek(_FIRST + (size - _FIRST - _PIECE) * number // _PIECES)
            _, _, piece = file.read(_PIECE).partition(b"\n")
            yield whole_lines(piece)
