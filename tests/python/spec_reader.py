"""A reader of chronolite files, written from SPEC.md alone and slow on purpose.

It shares nothing with the library but that document, whose sections the comments name. It trusts
nothing: every checksum, length and order that the document promises is looked at, and whatever is
otherwise is `Corrupt`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_intdigest

Array: TypeAlias = npt.NDArray[Any]

VECTOR = 1024
U64 = (1 << 64) - 1
TIMES, ROW_NUMBERS = 0xFFFFFFFF, 0xFFFFFFFE
RAW, CONSTANT, FRAME_OF_REFERENCE, DELTA, GORILLA, DICTIONARY, ALP, ALP_RD = range(8)
RUN_LENGTH, PCO, ZSTD, FSST, NANOTS_INT, SCALED = 8, 9, 10, 11, 12, 13
NO_CODEC = 255
VALUES, VALIDITY = 0, 1
TEXT_LIMIT = 60 << 20

# Section 6.2. A bool is a byte here once it has been decoded; text and bytes have no dtype.
NAMES = {
    1: "i8", 2: "i16", 3: "i32", 4: "i64", 5: "u8", 6: "u16", 7: "u32", 8: "u64",
    9: "f32", 10: "f64", 11: "bool", 12: "utf8", 13: "binary",
}  # fmt: skip
DTYPES = {
    code: np.dtype("u1" if name == "bool" else f"<{name[0]}{int(name[1:]) // 8}")
    for code, name in NAMES.items()
    if code < 12
}
I64, U32, U64_TYPE, F32, F64, BOOL, UTF8, BINARY = 4, 7, 8, 9, 10, 11, 12, 13


class Corrupt(Exception):  # noqa: N818  as in the document
    """The file is not what SPEC.md says."""


def need(holds: bool, what: str) -> None:
    if not holds:
        raise Corrupt(what)


class Fields:
    """Fields one behind the other."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, length: int) -> bytes:
        need(self.at + length <= len(self.data), f"{length} bytes at {self.at} are not all there")
        self.at += length
        return self.data[self.at - length : self.at]

    def one(self, form: str) -> int:
        form = "<" + form
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def many(self, form: str) -> list[int]:
        return [self.one(letter) for letter in form]

    def bytes(self) -> bytes:
        return self.take(self.one("I"))

    def text(self) -> str:
        return self.bytes().decode()

    def array(self, dtype: npt.DTypeLike, count: int) -> Array:
        return np.frombuffer(self.take(np.dtype(dtype).itemsize * count), dtype)

    def pad(self) -> None:
        """To a multiple of 8 from the start."""
        self.take(-self.at % 8)

    def done(self) -> bool:
        return self.at == len(self.data)

    def end(self, what: str) -> None:
        need(self.done(), f"{len(self.data) - self.at} bytes too many in {what}")


# --- Sections 3 to 5: frames, slots, the log ---------------------------------------------------


@dataclass(frozen=True)
class Frame:
    at: int
    number: int
    known: int
    kind: int
    body: bytes
    end: int


def read_frame(data: bytes, at: int, magic: bytes, salt: int) -> Frame | None:
    """The frame at this place, None if there is no whole one of this magic and salt."""
    head = data[at : at + 48]
    if len(head) < 48 or head[:4] != magic:
        return None
    _, length, number, known, its_salt, kind, _, short, checksum = struct.unpack(
        "<4sIQQQB3sIQ", head
    )
    if short != xxh3_64_intdigest(head[:36]) & 0xFFFFFFFF or its_salt != salt:
        return None
    end = at + 48 + length + -length % 8
    body = data[at + 48 : at + 48 + length]
    if end > len(data) or checksum != xxh3_64_intdigest(body, (salt + number) & U64):
        return None
    need(not any(data[at + 48 + length : end]), f"zeros behind the frame at {at}")
    return Frame(at, number, known, kind, body, end)


@dataclass(frozen=True)
class Slot:
    page: int
    compatible: int
    incompatible: int
    generation: int
    epoch: int
    salt: int
    length: int
    manifest_at: int
    manifest_length: int
    manifest_room: int
    replay_at: int
    durable: int
    next_record: int
    next_row: int
    state: int
    next_segment: int


def read_slot(data: bytes, page: int) -> Slot | None:
    raw = data[page * 4096 : page * 4096 + 512]
    if len(raw) < 512 or raw[:8] != b"\x89CHL\r\n\x1a\n":
        return None
    if xxh3_64_intdigest(raw[:504]) != struct.unpack_from("<Q", raw, 504)[0]:
        return None
    version, length, *fields = struct.unpack_from("<II13QI4xQ", raw, 8)
    slot = Slot(page, *fields)
    need(version == 2, f"version {version}")
    need(length == 512, "a slot has 512 bytes")
    need(slot.incompatible & ~(1 << 4) == 0, f"incompatible flags {slot.incompatible:#x}")
    need(slot.generation % 2 == page, "a slot is on the page of its generation")
    need(not any(raw[124:128]) and not any(raw[136:504]), "what is reserved is zeros")
    return slot


@dataclass(frozen=True)
class Log:
    epoch: int
    generation: int
    first_record: int
    first_row: int
    records: list[Frame]


def log_salt(salt: int, epoch: int) -> int:
    return salt ^ (epoch * 0x9E3779B97F4A7C15 & U64)


# --- Section 6: the manifest --------------------------------------------------------------------


@dataclass(frozen=True)
class ColumnDef:
    id: int
    type: int
    codec: int
    name: str


def read_column(fields: Fields) -> ColumnDef:
    column = ColumnDef(*fields.many("IBB"), fields.text())
    need(column.type in NAMES, "types")
    check_asked(column.codec, column.type)
    return column


def check_asked(codec: int, kind: int) -> None:
    """That a column of this type can have the codec that was asked for."""
    floats, text = {F32, F64}, {UTF8, BINARY}
    integers = DTYPES.keys() - {*floats, BOOL}
    types = {
        **dict.fromkeys((NO_CODEC, RAW, RUN_LENGTH), NAMES.keys()),
        **dict.fromkeys((FRAME_OF_REFERENCE, DELTA, SCALED), integers),
        **dict.fromkeys((GORILLA, ALP, ALP_RD, NANOTS_INT), floats),
        **dict.fromkeys((DICTIONARY, FSST), text),
        PCO: integers | floats,
        ZSTD: NAMES.keys() - {BOOL},
    }
    need(kind in types.get(codec, ()), f"codec {codec} asked for type {kind}")


@dataclass(frozen=True)
class TableDef:
    id: int
    name: str
    unit: int
    on_conflict: int
    storage: int
    time_codec: int
    time_column: str
    columns: list[ColumnDef]
    key: list[int]

    def sort_key(self, values: list[Any]) -> bytes:
        """Section 6.3."""
        return b"".join(key_part(self.columns[at].type, values[at]) for at in self.key)


def key_part(kind: int, value: Any) -> bytes:
    if value is None:
        return b"\0"
    if kind in (UTF8, BINARY):
        return b"\1" + bytes(value).replace(b"\0", b"\0\xff") + b"\0\0"
    dtype = DTYPES[kind]
    bits = int(value) & ((1 << dtype.itemsize * 8) - 1)
    if dtype.kind == "i":
        bits ^= 1 << (dtype.itemsize * 8 - 1)
    return b"\1" + bits.to_bytes(dtype.itemsize, "big")


def read_table_def(fields: Fields) -> TableDef:
    number, name = fields.one("I"), fields.text()
    unit, on_conflict, storage, time_codec = fields.many("BBBB")
    time_column = fields.text()
    columns = [read_column(fields) for _ in range(fields.one("I"))]
    key = [fields.one("I") for _ in range(fields.one("I"))]
    fields.end("a table definition")
    need(unit <= 3 and on_conflict <= 3 and storage <= 3, "unit, on_conflict, storage")
    check_asked(time_codec, I64)
    asked = {time_codec, *(column.codec for column in columns)}
    need(storage != 3 or asked <= {RAW, NO_CODEC}, "codecs of a table whose storage is raw")
    need(all(columns[at].type not in (F32, F64) for at in key), "no key of floats")
    return TableDef(number, name, unit, on_conflict, storage, time_codec, time_column, columns, key)


@dataclass(frozen=True)
class Entry:
    id: int
    table: int
    rows: int
    level: int
    order: int
    flags: int
    footer_length: int
    least_time: int
    greatest_time: int
    least_row: int
    greatest_row: int
    as_of: int
    at: int
    length: int
    footer_at: int
    footer_checksum: int
    least_key: bytes
    greatest_key: bytes


def read_entry(fields: Fields) -> Entry:
    numbers = struct.unpack("<QIIBBHIqqQQQQQQQ", fields.take(96))
    entry = Entry(*numbers, *(fields.bytes() for _ in range(2)))
    fields.end("a segment's entry")
    need(1 <= entry.rows <= 1 << 20, "rows of a segment")
    need(entry.at % 64 == 0 and entry.length % 64 == 0 and entry.at >= 16384, "extents")
    need(entry.footer_at % 64 == 0, "a footer at a multiple of 64")
    need(entry.footer_at + entry.footer_length <= entry.length, "a footer in its extent")
    return entry


@dataclass(frozen=True)
class Delete:
    """Section 6.4."""

    table: int
    number: int
    start: int
    end: int | None
    key: bytes | None

    def hidden(self, rows: Rows, keys: list[bytes]) -> npt.NDArray[np.bool_]:
        """Which of the rows, all of them older than this, it hides."""
        hidden = rows.times >= self.start
        if self.end is not None:
            hidden &= rows.times < self.end
        if self.key is not None:
            hidden &= np.array([key == self.key for key in keys], np.bool_)
        return np.asarray(hidden)


def read_delete(fields: Fields, tables: dict[int, Table]) -> Delete:
    table, number, start, end, flags = fields.many("IQqqB")
    key = fields.bytes()
    fields.end("a delete")
    need(flags <= 3, "flags of a delete")
    need(bool(flags & 2) or start < end, "a delete of a range that is not empty")
    need(table in tables, "a delete of a table that is there")
    if flags & 1:
        check_key(Fields(key), tables[table].definition)
    else:
        need(key == b"", "a key without its flag")
    return Delete(table, number, start, None if flags & 2 else end, key if flags & 1 else None)


def check_key(fields: Fields, table: TableDef) -> None:
    """That these bytes are a key of the table, section 6.3."""
    need(bool(table.key), "a key of a table that has one")
    for kind in (table.columns[at].type for at in table.key):
        there = fields.one("B")
        need(there <= 1, "a key's byte is 0 or 1")
        if there and kind in (UTF8, BINARY):
            while (pair := fields.take(1)) != b"\0" or (pair := fields.take(1)) == b"\xff":
                pass
            need(pair == b"\0", "the end of a text in a key")
        elif there:
            fields.take(DTYPES[kind].itemsize)
    fields.end("a key")


# --- Section 8: codecs --------------------------------------------------------------------------

ORDER = [0, 4, 2, 6, 1, 5, 3, 7]


def unsigned(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"<u{dtype.itemsize}")


def numbers_of_bits(bits: Array, dtype: np.dtype[Any]) -> Array:
    """Numbers from a last axis of their bits, lowest first."""
    wide = np.zeros((*bits.shape[:-1], dtype.itemsize * 8), np.uint8)
    wide[..., : bits.shape[-1]] = bits
    return np.packbits(wide, axis=-1, bitorder="little").view(dtype)[..., 0]


def packed_numbers(data: bytes, n: int, w: int, dtype: np.dtype[Any]) -> Array:
    """Section 8.2."""
    bits = dtype.itemsize * 8
    need(w <= bits, "a width above that of the type")
    if w == 0:
        return np.zeros(n, dtype)
    if n < VECTOR:
        stream = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        need(not stream[n * w :].any(), "zero bits at the end of a bit stream")
        return numbers_of_bits(stream[: n * w].reshape(n, w), dtype)
    lanes = VECTOR // bits
    words = np.frombuffer(data, dtype).reshape(w, lanes).T
    lane_bytes = np.ascontiguousarray(words).view(np.uint8)
    streams = np.unpackbits(lane_bytes, axis=1, bitorder="little").reshape(lanes, bits, w)
    row, lane = np.arange(bits), np.arange(lanes)
    position = np.array(ORDER)[row // 8] * 16 + row % 8 * 128 + lane[:, None]
    out = np.empty(VECTOR, dtype)
    out[position] = numbers_of_bits(streams, dtype)
    return out


def vector_sizes(rows: int) -> list[int]:
    return [min(VECTOR, rows - at) for at in range(0, rows, VECTOR)]


def patched_vectors(fields: Fields, rows: int, dtype: np.dtype[Any]) -> list[Array]:
    """Section 8.5."""
    sizes = vector_sizes(rows)
    widths = fields.array("u1", len(sizes))
    patches = fields.array("u1", len(sizes))
    references = fields.array(dtype, len(sizes))
    vectors = []
    for n, w, p, reference in zip(sizes, widths.tolist(), patches, references, strict=True):
        offsets = packed_numbers(fields.take((n * w + 7) // 8), n, w, dtype)
        positions = fields.array("<u2", int(p))
        need(bool((positions < n).all()), "an exception is a row of its vector")
        offsets[positions] = fields.array(dtype, int(p))
        vectors.append(offsets + reference)
    return vectors


def delta(fields: Fields, rows: int, dtype: np.dtype[Any]) -> Array:
    """Section 8.7."""
    form = fields.one("B")
    need(form <= 2, f"form {form} of delta")
    if form == 0:
        first, step = fields.array(dtype, 2)
        return np.asarray(np.arange(rows).astype(dtype) * step + first)
    firsts = fields.array(dtype, len(vector_sizes(rows)))
    vectors = patched_vectors(fields, rows, dtype)
    if form == 2:
        rises = [
            np.arange(len(vector)).astype(dtype) * step
            for vector, step in zip(vectors, firsts, strict=True)
        ]
        return np.asarray(np.concatenate(vectors) + np.concatenate(rises))
    for first, vector in zip(firsts, vectors, strict=True):
        vector[0] = first
    return np.concatenate([np.cumsum(vector, dtype=dtype) for vector in vectors])


def gorilla_vector(stream: bytes, n: int, width: int) -> list[int]:
    """Section 8.8."""
    at = 0

    def take(count: int) -> int:
        nonlocal at
        window = int.from_bytes(stream[at // 8 : at // 8 + 10], "little")
        value = window >> at % 8 & ((1 << count) - 1)
        at += count
        return value

    value = take(width)
    values = [value]
    leading = length = 0
    for _ in range(n - 1):
        if take(1):
            if take(1):
                leading, length = take(5), take(6 if width == 64 else 5) + 1
                need(leading + length <= width, "a window in the value")
            need(length > 0, "a window that was set")
            value ^= take(length) << (width - leading - length)
        values.append(value)
    need((at + 7) // 8 == len(stream), "a stream has the bytes that its bits need")
    need(at % 8 == 0 or stream[-1] >> at % 8 == 0, "zero bits at the end of a bit stream")
    return values


def gorilla(fields: Fields, rows: int, dtype: np.dtype[Any]) -> Array:
    sizes = vector_sizes(rows)
    ends = fields.array("<u4", len(sizes)).tolist()
    values: list[int] = []
    for n, begin, end in zip(sizes, [0, *ends], ends, strict=False):
        need(begin <= end, "streams in order")
        values += gorilla_vector(fields.take(end - begin), n, dtype.itemsize * 8)
    return np.array(values, dtype)


def dictionary(fields: Fields, rows: int) -> list[bytes]:
    """Section 8.9."""
    count, width = fields.one("I"), fields.one("B")
    need(fields.take(3) == b"\0\0\0" and 1 <= count <= rows and width <= 16, "a dictionary's head")
    offsets = fields.array("<u4", count + 1).tolist()
    codes = [
        packed_numbers(fields.take((n * width + 7) // 8), n, width, np.dtype("<u2"))
        for n in vector_sizes(rows)
    ]
    entries = slices(fields, offsets)
    need(all(int(code.max()) < count for code in codes), "a code has an entry")
    return [entries[code] for vector in codes for code in vector.tolist()]


MAGIC = np.float64(1.5 * 2**52)


def decimals(numbers: Array, exponent: int, factor: int) -> Array:
    """The values of numbers of section 8.12, in their bits."""
    if numbers.dtype.itemsize == 8:
        floats = (numbers + MAGIC.view("<u8")).view("<f8") - MAGIC
    else:
        floats = numbers.view("<i4").astype("<f8")
    values = floats * np.float64(f"1e{factor}") * np.float64(f"1e-{exponent}")
    return np.asarray(values.astype(f"<f{numbers.dtype.itemsize}").view(numbers.dtype))


def alp(fields: Fields, rows: int, dtype: np.dtype[Any]) -> Array:
    """Section 8.12."""
    sizes = vector_sizes(rows)
    exponents, factors = fields.array("u1", len(sizes)), fields.array("u1", len(sizes))
    counts = fields.array("<u2", len(sizes)).tolist()
    vectors = patched_vectors(fields, rows, dtype)
    out = []
    for i, (factor, count) in enumerate(zip(factors.tolist(), counts, strict=True)):
        numbers, e, f = vectors[i], int(exponents[i]), factor & 127
        need(f <= e <= (18 if dtype.itemsize == 8 else 10), "a scale of decimals")
        if factor & 128:
            numbers[0] = fields.array(dtype, 1)[0]
            numbers = np.cumsum(numbers, dtype=dtype)
        values = decimals(numbers, e, f)
        positions = fields.array("<u2", count)
        need(bool((positions < len(values)).all()), "an exception is a row of its vector")
        values[positions] = fields.array(dtype, count)
        out.append(values)
    return np.concatenate(out)


def alp_rd(fields: Fields, rows: int, dtype: np.dtype[Any]) -> Array:
    """Section 8.13."""
    bits = dtype.itemsize * 8
    right, count = fields.one("B"), fields.one("B")
    need(1 <= bits - right <= 16 and 1 <= count <= 8, "a cut of floats")
    need(not any(fields.take(6)), "zeros")
    patterns = fields.array("<u2", 8)
    sizes = vector_sizes(rows)
    exceptions = fields.array("<u2", len(sizes)).tolist()
    width = (count - 1).bit_length()
    out = []
    for n, x in zip(sizes, exceptions, strict=True):
        codes = packed_numbers(fields.take((n * width + 7) // 8), n, width, np.dtype("<u2"))
        rights = packed_numbers(fields.take((n * right + 7) // 8), n, right, dtype)
        lefts = patterns[codes]
        positions = fields.array("<u2", x)
        need(bool((positions < n).all()), "an exception is a row of its vector")
        lefts[positions] = fields.array("<u2", x)
        out.append(lefts.astype(dtype) << dtype.type(right) | rights)
    return np.concatenate(out)


def run_length(fields: Fields, kind: int, rows: int) -> Array | list[bytes]:
    """Section 8.14."""
    runs, ends_codec, codec, zeros = fields.many("IBBH")
    need(1 <= runs <= rows and zeros == 0, "a head of runs")
    need(RUN_LENGTH not in (ends_codec, codec), "runs are not of runs")
    ends_len, values_len = fields.many("II")
    ends = np.asarray(decode(fields.take(ends_len), ends_codec, U32, runs)).astype(np.int64)
    values = decode(fields.take(values_len), codec, kind, runs)
    lengths = np.diff(ends, prepend=0)
    need(bool((lengths > 0).all()) and int(ends[-1]) == rows, "ends ascend to the last row")
    if isinstance(values, list):
        return [text for text, rows in zip(values, lengths, strict=True) for _ in range(rows)]
    return np.repeat(values, lengths)


def scaled(fields: Fields, rows: int, dtype: np.dtype[Any]) -> Array:
    """Section 8.17."""
    inner = fields.one("B")
    need(not any(fields.take(7)), "zeros")
    base, divisor = (np.array(fields.one("Q"), "<u8").astype(dtype) for _ in range(2))
    need(inner in (FRAME_OF_REFERENCE, DELTA), "a codec of multiples")
    read = delta if inner == DELTA else lambda *of: np.concatenate(patched_vectors(*of))
    return np.asarray(read(fields, rows, dtype) * divisor + base)


def nanots_int(fields: Fields, rows: int, dtype: np.dtype[Any]) -> Array:
    """Section 8.19."""
    inner = fields.one("B")
    need(not any(fields.take(7)), "zeros")
    need(inner in (FRAME_OF_REFERENCE, DELTA, SCALED), "a codec of integers")
    readers = {DELTA: delta, SCALED: scaled}
    read = readers.get(inner, lambda *of: np.concatenate(patched_vectors(*of)))
    integers = read(fields, rows, unsigned(dtype)).view(f"<i{dtype.itemsize}")
    return integers.astype(dtype)


def pco(fields: Fields, kind: int, rows: int) -> Array:
    """Section 8.15; the format within is that of the library of the same name."""
    from pcodec import wrapped  # type: ignore[import-untyped]

    data = fields.bytes()
    file, read = wrapped.FileDecompressor.new(data)
    chunk, more = file.chunk_decompressor(data[read:], NAMES[kind])
    out = np.empty(rows, DTYPES[kind])
    progress, _ = chunk.read_page_into(data[read + more :], rows, out)
    need(progress.finished, "a page of all rows")
    return out


def unzstd(data: bytes, size: int) -> bytes:
    import pyarrow as pa

    if size == 0:
        return b""
    return pa.decompress(data, size, codec="zstd", asbytes=True)  # type: ignore[no-any-return]


def zstd(fields: Fields, kind: int, rows: int) -> Array | list[bytes]:
    """Section 8.16."""
    length = fields.one("I")
    if kind not in (UTF8, BINARY):
        dtype = DTYPES[kind]
        return np.frombuffer(unzstd(fields.take(length), rows * dtype.itemsize), dtype)
    total, lengths_len, codec = fields.many("IIB")
    need(not any(fields.take(3)), "zeros")
    lengths = np.asarray(decode(fields.take(lengths_len), codec, U32, rows)).astype(np.int64)
    text = unzstd(fields.take(length), total)
    ends = np.cumsum(lengths).tolist()
    need(ends[-1] == total, "lengths that add up")
    return [text[begin:end] for begin, end in pairwise([0, *ends])]


def fsst(fields: Fields, rows: int) -> list[bytes]:
    """Section 8.18."""
    sizes = vector_sizes(rows)
    lengths_len, codec = fields.many("IB")
    need(not any(fields.take(3)) and codec != RUN_LENGTH, "a head of symbols")
    counts = fields.take(8)
    need(sum(counts) <= 255, "a code for each symbol")
    ends = fields.array("<u4", len(sizes)).tolist()
    lengths = np.asarray(decode(fields.take(lengths_len), codec, U32, rows)).tolist()
    symbols = [fields.take(len_ + 1) for len_, count in enumerate(counts) for _ in range(count)]
    out: list[bytes] = []
    for size, begin, end in zip(sizes, [0, *ends], ends, strict=False):
        need(begin <= end, "codes in order")
        codes, text = iter(fields.take(end - begin)), bytearray()
        for code in codes:
            need(code == 255 or code < len(symbols), "a code has a symbol")
            text += symbols[code] if code < 255 else bytes([next(codes)])
        cuts = np.cumsum([0, *lengths[len(out) : len(out) + size]]).tolist()
        need(cuts[-1] == len(text), "lengths that add up")
        out += [bytes(text[begin:end]) for begin, end in pairwise(cuts)]
    return out


def slices(fields: Fields, offsets: list[int]) -> list[bytes]:
    need(offsets[0] == 0 and offsets == sorted(offsets), "offsets ascend from 0")
    data = fields.take(offsets[-1])
    return [data[begin:end] for begin, end in pairwise(offsets)]


@dataclass(frozen=True)
class Values:
    """Values of a column: words of its dtype, or bytes, of which those that are not valid mean
    nothing."""

    data: Array | list[bytes]
    valid: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.valid)

    def pick(self, order: Array) -> Values:
        if isinstance(self.data, list):
            return Values([self.data[at] for at in order.tolist()], self.valid[order])
        return Values(self.data[order], self.valid[order])

    def listed(self) -> list[Any]:
        data = self.data if isinstance(self.data, list) else self.data.tolist()
        return [value if there else None for value, there in zip(data, self.valid, strict=True)]


def empty_data(kind: int, rows: int) -> Array | list[bytes]:
    return [b""] * rows if kind in (UTF8, BINARY) else np.zeros(rows, DTYPES[kind])


def joined(kind: int, parts: list[Values]) -> Values:
    valid = np.concatenate([np.zeros(0, np.bool_), *(part.valid for part in parts)])
    if kind in (UTF8, BINARY):
        return Values([value for part in parts for value in part.data], valid)
    nothing = np.zeros(0, DTYPES[kind])
    return Values(np.concatenate([nothing, *(np.asarray(part.data) for part in parts)]), valid)


def decode(payload: bytes, codec: int, kind: int, rows: int) -> Array | list[bytes]:
    """The values of a block, nulls being whatever they are."""
    fields = Fields(payload)
    out: Array | list[bytes]
    text = kind in (UTF8, BINARY)
    integer = not text and kind != BOOL and DTYPES[kind].kind in "iu"
    if codec == RAW:
        if text:
            out = slices(fields, fields.array("<u4", rows + 1).tolist())
        elif kind == BOOL:
            bits = np.unpackbits(fields.array("u1", (rows + 7) // 8), bitorder="little")
            need(not bits[rows:].any(), "zero bits at the end of a bit stream")
            out = bits[:rows]
        else:
            out = fields.array(DTYPES[kind], rows)
    elif codec == CONSTANT:
        if text:
            out = [fields.bytes()] * rows
        else:
            out = np.repeat(fields.array(DTYPES[kind], 1), rows)
            need(kind != BOOL or out[0] <= 1, "0 or 1")
    elif codec == FRAME_OF_REFERENCE and integer:
        words = np.concatenate(patched_vectors(fields, rows, unsigned(DTYPES[kind])))
        out = words.view(DTYPES[kind])
    elif codec == DELTA and integer:
        out = delta(fields, rows, unsigned(DTYPES[kind])).view(DTYPES[kind])
    elif codec == GORILLA and kind in (F32, F64):
        out = gorilla(fields, rows, unsigned(DTYPES[kind])).view(DTYPES[kind])
    elif codec == DICTIONARY and text:
        out = dictionary(fields, rows)
    elif codec in (ALP, ALP_RD) and kind in (F32, F64):
        read = alp if codec == ALP else alp_rd
        out = read(fields, rows, unsigned(DTYPES[kind])).view(DTYPES[kind])
    elif codec == RUN_LENGTH:
        out = run_length(fields, kind, rows)
    elif codec == PCO and not text and kind != BOOL:
        out = pco(fields, kind, rows)
    elif codec == ZSTD and kind != BOOL:
        out = zstd(fields, kind, rows)
    elif codec == FSST and text:
        out = fsst(fields, rows)
    elif codec == NANOTS_INT and kind in (F32, F64):
        out = nanots_int(fields, rows, DTYPES[kind])
    elif codec == SCALED and integer:
        out = scaled(fields, rows, unsigned(DTYPES[kind])).view(DTYPES[kind])
    else:
        raise Corrupt(f"codec {codec} of type {kind}")
    if codec != RAW:
        need(not any(fields.take(-fields.at % 8)), "padding is zeros")
    fields.end("a payload")
    if isinstance(out, list):
        need(codec == RAW or sum(map(len, out)) <= TEXT_LIMIT, "at most 60 MiB of text")
        if kind == UTF8:
            for value in set(out):
                value.decode()
    return out


# --- Section 7: segments ------------------------------------------------------------------------


@dataclass(frozen=True)
class Summary:
    """Section 1 of 7.3. Values are numbers of the lane; floats stay bits to compare them by."""

    count: int
    nans: int
    least: bytes
    greatest: bytes
    sum: bytes
    first: bytes
    last: bytes


@dataclass(frozen=True)
class Vectors:
    """Section 2 of 7.3, one value a vector."""

    counts: Array
    least: Array
    greatest: Array
    sums: Array
    highs: Array | None


@dataclass(frozen=True)
class Block:
    rows: int
    codec: int
    payload: bytes


@dataclass
class SegmentColumn:
    id: int
    type: int
    nulls: int
    nans: int
    streams: dict[int, list[Block]]
    sections: dict[int, bytes]

    @property
    def lane(self) -> np.dtype[Any]:
        kind = "u" if self.type == BOOL else DTYPES[self.type].kind
        return np.dtype(f"<{kind}8")

    def codecs(self) -> set[int]:
        return {block.codec for block in self.streams.get(VALUES, [])}

    def values(self, rows: int) -> Values:
        need(set(self.streams) <= {VALUES, VALIDITY}, "roles")
        if not self.streams:
            need(self.nulls == rows, "a column without streams is null")
            return Values(empty_data(self.type, rows), np.zeros(rows, np.bool_))
        parts = [decode(b.payload, b.codec, self.type, b.rows) for b in self.streams[VALUES]]
        valid = np.ones(rows, np.bool_)
        if VALIDITY in self.streams:
            bits = [decode(b.payload, b.codec, BOOL, b.rows) for b in self.streams[VALIDITY]]
            valid = np.concatenate(bits).astype(np.bool_)
        need(int((~valid).sum()) == self.nulls, "the count of nulls")
        need((VALIDITY in self.streams) == (0 < self.nulls < rows), "validity where it is needed")
        ones = [Values(part, np.ones(len(part), np.bool_)) for part in parts]
        return Values(joined(self.type, ones).data, valid)

    def summary(self) -> Summary | None:
        if 1 not in self.sections:
            return None
        need(len(self.sections[1]) == 64, "a summary has 64 bytes")
        return Summary(*struct.unpack("<QQ8s8s16s8s8s", self.sections[1]))

    def vectors(self, rows: int) -> Vectors | None:
        if 2 not in self.sections:
            return None
        fields, count = Fields(self.sections[2]), len(vector_sizes(rows))

        def packed(dtype: str) -> Array:
            kind = {"u": U64_TYPE, "i": I64, "f": F64}[dtype]
            codec = fields.one("B")
            return np.asarray(decode(fields.bytes(), codec, kind, count))

        lane = self.lane.kind
        counts, least, greatest, sums = (packed(kind) for kind in ("u", lane, lane, lane))
        found = Vectors(counts, least, greatest, sums, None if lane == "f" else packed("i"))
        fields.end("the statistics of vectors")
        return found


@dataclass
class Segment:
    entry: Entry
    k: int
    columns: dict[int, SegmentColumn]


def read_segment(data: bytes, entry: Entry, salt: int) -> Segment:
    """Sections 7.1 and 7.2. All payloads are compared with their checksums at once."""
    need(entry.at + entry.length <= len(data), "an extent lies in the file")
    extent = data[entry.at : entry.at + entry.length]
    frame = read_frame(extent, entry.footer_at, b"CHLs", salt)
    if frame is None:
        raise Corrupt(f"the footer of segment {entry.id}")
    whole = extent[entry.footer_at : entry.footer_at + entry.footer_length]
    need(xxh3_64_intdigest(whole) == entry.footer_checksum, "the footer that the entry names")
    need(frame.number == entry.id and frame.known == 0, "the footer's frame")
    need(frame.end - frame.at == entry.footer_length, "the length of the footer's frame")
    need(not any(extent[frame.end :]), "zeros behind the footer")

    fields = Fields(frame.body)
    rows, k, order, count = fields.many("IBBH")
    need(rows == entry.rows and 10 <= k <= 16, "rows and k")
    need(order == entry.order, "the order of the entry")
    need(fields.many("QQ") == [entry.least_row, entry.as_of], "the numbers of the entry")
    definition = read_table_def(Fields(fields.bytes()))
    need(definition.id == entry.table, "the table of the entry")
    sizes = [min(1 << k, rows - at) for at in range(0, rows, 1 << k)]
    columns: dict[int, SegmentColumn] = {}
    end = 0
    for _ in range(count):
        number, kind, streams, _, nulls, nans = fields.many("IBBHII")
        column = SegmentColumn(number, kind, nulls, nans, {}, {})
        for _ in range(streams):
            role, offset = fields.many("II")
            at = offset * 64
            need(at == end + -end % 64, "streams stand one behind the other")
            blocks = []
            for size in sizes:
                length, codec, checksum = fields.many("IIQ")
                payload = extent[at : at + length]
                need(at + length <= entry.footer_at, "a payload before the footer")
                need(xxh3_64_intdigest(payload) == checksum, f"payload at {entry.at + at}")
                blocks.append(Block(size, codec, payload))
                at += length
            need(role not in column.streams, "a stream a role")
            column.streams[role] = blocks
            end = at
        for _ in range(fields.one("B")):
            tag = fields.one("B")
            column.sections[tag] = fields.bytes()
        columns[number] = column
    fields.end("a footer")
    need(entry.footer_at == end + -end % 64, "the footer behind the streams")
    need(columns[TIMES].nulls == 0 and columns[ROW_NUMBERS].nulls == 0, "times are not null")
    return Segment(entry, k, columns)


# --- Rows ---------------------------------------------------------------------------------------


@dataclass
class Rows:
    """Rows by column: times and row numbers, then values by column id."""

    times: Array
    numbers: Array
    values: dict[int, Values]

    def pick(self, order: Array) -> Rows:
        values = {number: values.pick(order) for number, values in self.values.items()}
        return Rows(self.times[order], self.numbers[order], values)


def read_row(body: bytes, table: TableDef) -> Rows:
    """A record of kind 1, section 5.2."""
    fields = Fields(body)
    _, count, number, time = fields.many("IIQq")
    bits = np.unpackbits(fields.array("u1", (count + 7) // 8), bitorder="little")
    need(count <= len(table.columns) and not bits[count:].any(), "bits of a row")
    values = {}
    for at, column in enumerate(table.columns):
        data = empty_data(column.type, 1)
        there = at < count and not bits[at]
        if there and isinstance(data, list):
            data = [fields.bytes()]
        elif there:
            data = fields.array(DTYPES[column.type], 1)
        values[column.id] = Values(data, np.array([there], np.bool_))
    fields.end("a row")
    return Rows(np.array([time]), np.array([number], np.uint64), values)


def read_rows(body: bytes, table: TableDef) -> Rows:
    """A record of kind 2: its chunks one behind the other."""
    fields = Fields(body)
    _, count, first, chunks, _ = fields.many("IIQII")
    need(count <= len(table.columns), "columns of rows")
    times: list[Array] = []
    parts: dict[int, list[Values]] = {column.id: [] for column in table.columns}
    for _ in range(chunks):
        rows, _ = fields.many("II")
        times.append(fields.array("<i8", rows))
        for at, column in enumerate(table.columns):
            data, valid = empty_data(column.type, rows), np.zeros(rows, np.bool_)
            if at < count:
                data, valid = read_chunk_column(fields, column.type, rows)
            parts[column.id].append(Values(data, valid))
    fields.end("rows")
    stamps = np.concatenate(times)
    numbers = np.arange(len(stamps), dtype=np.uint64) + np.uint64(first)
    return Rows(stamps, numbers, {c.id: joined(c.type, parts[c.id]) for c in table.columns})


def read_chunk_column(
    fields: Fields, kind: int, rows: int
) -> tuple[Array | list[bytes], npt.NDArray[np.bool_]]:
    has_validity = fields.one("Q")
    need(has_validity <= 1, "1 if validity bits follow")

    def bits() -> Array:
        found = np.unpackbits(fields.array("u1", (rows + 7) // 8), bitorder="little")[:rows]
        fields.pad()
        return found

    valid = bits().astype(np.bool_) if has_validity else np.ones(rows, np.bool_)
    data: Array | list[bytes]
    if kind == BOOL:
        return bits(), valid
    if kind in (UTF8, BINARY):
        offsets = fields.array("<u4", rows + 1).tolist()
        fields.pad()
        data = slices(fields, offsets)
    else:
        data = fields.array(DTYPES[kind], rows)
    fields.pad()
    return data, valid


@dataclass
class Table:
    definition: TableDef
    entries: dict[int, Entry] = field(default_factory=dict)
    segments: dict[int, Segment] = field(default_factory=dict)
    logged: list[tuple[int, Rows]] = field(default_factory=list)  # with the record's number
    deletes: list[Delete] = field(default_factory=list)
    flushed: int = 0

    def parts(self) -> Iterator[Rows]:
        """What is in each segment and record, without what later deletes hide (section 6.4)."""
        for segment in self.segments.values():
            rows = segment_rows(segment, self.definition)
            check_order(segment.entry, rows, self.definition)
            yield self.left(rows, segment.entry.as_of)
        for number, rows in self.logged:
            yield self.left(rows, number)

    def left(self, rows: Rows, number: int) -> Rows:
        later = [delete for delete in self.deletes if delete.number > number]
        keys = sort_keys(rows, self.definition) if any(d.key is not None for d in later) else []
        hidden = np.zeros(len(rows.times), np.bool_)
        for delete in later:
            hidden |= delete.hidden(rows, keys)
        return rows.pick(np.flatnonzero(~hidden)) if hidden.any() else rows

    def rows(self) -> Rows:
        """All rows that are read, in the order of time, key and row number."""
        columns = self.definition.columns
        times: list[Array] = [np.zeros(0, np.int64)]
        numbers: list[Array] = [np.zeros(0, np.uint64)]
        parts: dict[int, list[Values]] = {column.id: [] for column in columns}
        for rows in self.parts():
            times.append(rows.times)
            numbers.append(rows.numbers)
            for column in columns:
                added_later = all_null(column.type, len(rows.times))
                parts[column.id].append(rows.values.get(column.id, added_later))
        whole = Rows(
            np.concatenate(times),
            np.concatenate(numbers),
            {column.id: joined(column.type, parts[column.id]) for column in columns},
        )
        return one_of_each(whole.pick(row_order(whole, self.definition)), self.definition)


def one_of_each(rows: Rows, table: TableDef) -> Rows:
    """Of sorted rows with the same time and key the first or the last, as section 6.5 says."""
    if table.on_conflict == 0:
        return rows
    first_of_each = np.append(True, ~same_as_next(rows, table))
    last_of_each = np.append(first_of_each[1:], True)
    kept = first_of_each if table.on_conflict == 2 else last_of_each
    return rows.pick(np.flatnonzero(kept[: len(rows.times)]))


def same_as_next(rows: Rows, table: TableDef) -> npt.NDArray[np.bool_]:
    """Of each row but the last, whether it has the time and key of the next one."""
    same = rows.times[1:] == rows.times[:-1]
    if table.key:
        same &= np.array([a == b for a, b in pairwise(sort_keys(rows, table))], np.bool_)
    return np.asarray(same)


def all_null(kind: int, rows: int) -> Values:
    return Values(empty_data(kind, rows), np.zeros(rows, np.bool_))


def add_column(database: Database, fields: Fields) -> None:
    """Edit 5, and the body of a record of kind 6."""
    table = database.tables[fields.one("I")].definition
    column = read_column(fields)
    fields.end("a column")
    need(all(c.id < column.id and c.name != column.name for c in table.columns), "a new column")
    table.columns.append(column)


def segment_rows(segment: Segment, table: TableDef) -> Rows:
    count, columns = segment.entry.rows, segment.columns
    wanted = [(TIMES, I64), (ROW_NUMBERS, U64_TYPE), *((c.id, c.type) for c in table.columns)]
    found = [(c.id, c.type) for c in columns.values()]
    need(len(found) >= 2 and found == wanted[: len(found)], "the columns of a segment")
    times, numbers = (np.asarray(columns[at].values(count).data) for at in (TIMES, ROW_NUMBERS))
    values = {
        c.id: columns[c.id].values(count) if c.id in columns else all_null(c.type, count)
        for c in table.columns
    }
    return Rows(times, numbers + np.uint64(segment.entry.least_row), values)


def sort_keys(rows: Rows, table: TableDef) -> list[bytes]:
    listed = {at: rows.values[table.columns[at].id].listed() for at in table.key}
    pick = [listed.get(at, []) for at in range(len(table.columns))]
    return [
        table.sort_key([column[row] if column else None for column in pick])
        for row in range(len(rows.times))
    ]


def row_order(rows: Rows, table: TableDef, by_key: bool = False) -> Array:
    """By time, key and row number, or by key, time and row number."""
    if not table.key:
        return np.lexsort((rows.numbers, rows.times))
    keys = sort_keys(rows, table)
    rank = {key: at for at, key in enumerate(sorted(set(keys)))}
    ranks = np.array([rank[key] for key in keys], np.int64)
    return np.lexsort((rows.numbers, *((rows.times, ranks) if by_key else (ranks, rows.times))))


def check_order(entry: Entry, rows: Rows, table: TableDef) -> None:
    """What a segment's entry says of its rows."""
    need(entry.order <= 1 and (entry.order == 0 or bool(table.key)), "order 0, or 1 with a key")
    order = row_order(rows, table, by_key=entry.order == 1)
    need(bool((order == np.arange(entry.rows)).all()), "the rows of a segment are in order")
    need(entry.least_time == rows.times.min(), "the least time")
    need(entry.greatest_time == rows.times.max(), "the greatest time")
    need(entry.least_row == rows.numbers.min(), "the least row number")
    if table.on_conflict == 0:
        need(entry.greatest_row == rows.numbers.max(), "the greatest row number")
    else:
        need(entry.greatest_row >= rows.numbers.max(), "no row number above the greatest")
        need(not same_as_next(rows, table).any(), "one row of each time and key")
    if entry.flags & 1:
        keys = sort_keys(rows, table)
        need((entry.least_key, entry.greatest_key) == (min(keys), max(keys)), "the key range")
    else:
        need(entry.least_key == entry.greatest_key == b"", "no key range")


# --- The whole ----------------------------------------------------------------------------------


@dataclass
class Database:
    data: bytes
    slots: list[Slot | None]
    slot: Slot
    manifest: list[Frame]
    log: Log | None
    tables: dict[int, Table]

    def __getitem__(self, name: str) -> Table:
        return next(t for t in self.tables.values() if t.definition.name == name)


def read(path: Path) -> Database:
    data = path.read_bytes()
    slots = [read_slot(data, page) for page in (0, 1)]
    slot = max((slot for slot in slots if slot), key=lambda s: s.generation, default=None)
    if slot is None:
        raise Corrupt("no slot is valid")
    need(slot.length <= len(data), "the file has been cut")
    database = Database(data, slots, slot, [], None, {})
    read_manifest(database)
    if None in slots:  # section 4.3
        after = read_frame(data, slot.manifest_at + slot.manifest_length, b"CHLm", slot.salt)
        need(after is None or after.number != slot.generation + 1, "a newer manifest")
    wal = path.with_name(path.name + "-wal")
    log = read_log(wal.read_bytes(), database) if wal.exists() else None
    if slot.state & 1:  # section 5.4
        if log is None:
            raise Corrupt("a log must be there")
        need(log.epoch <= slot.epoch, "no newer log")
        if log.epoch < slot.epoch:
            need(slot.durable < slot.next_record, "a log that was not synced")
        if log.epoch == slot.epoch:
            database.log = log
            replay(database, log)
    elif log is not None:
        need(log.epoch <= slot.epoch or not log.records, "no newer log")
    extents = [(slot.manifest_at, slot.manifest_room)]
    for table in database.tables.values():
        flagged = slot.incompatible >> 4 & 1
        need(table.definition.on_conflict == 0 or flagged == 1, "the flag of on_conflict")
        extents += [(s.entry.at, s.entry.length) for s in table.segments.values()]
    for (begin, length), (after_it, _) in pairwise(sorted(extents)):
        need(begin + length <= after_it, "extents apart from each other")
    return database


def read_manifest(database: Database) -> None:
    slot, data = database.slot, database.data
    need(slot.manifest_at % 64 == 0 and slot.manifest_room % 64 == 0, "the manifest's room")
    need(slot.manifest_length <= slot.manifest_room, "the manifest in its room")
    need(slot.manifest_at + slot.manifest_room <= slot.length, "the manifest in the file")
    at, number = slot.manifest_at, 0
    end = at + slot.manifest_length
    while at < end:
        frame = read_frame(data[:end], at, b"CHLm", slot.salt)
        if frame is None:
            raise Corrupt(f"the manifest at {at}")
        need(frame.kind == (2 if database.manifest else 1), "a base, then deltas")
        need(number < frame.number <= slot.generation and frame.known == 0, "generations ascend")
        number, at = frame.number, frame.end
        database.manifest.append(frame)
        apply_edits(database, frame.body)
    need(bool(database.manifest), "a base")
    for table in database.tables.values():
        for entry in table.entries.values():
            need(entry.at + entry.length <= slot.length, "an extent in the file")
            need(entry.id < slot.next_segment, "numbers of segments below the next one")
            table.segments[entry.id] = read_segment(data, entry, slot.salt)


def apply_edits(database: Database, body: bytes) -> None:
    """Edits of the manifest. Extents are read later: those of removed segments may be gone."""
    fields, tables = Fields(body), database.tables
    while not fields.done():
        tag = fields.one("B")
        edit = Fields(fields.bytes())
        if tag == 1:
            table = read_table_def(edit)
            need(table.id not in tables, "a table is created once")
            tables[table.id] = Table(table)
        elif tag == 2:
            add_entry(database, read_entry(edit))
        elif tag == 3:
            table_id, number, least_time = edit.many("IQq")
            removed = tables[table_id].entries.pop(number, None)
            need(removed is not None and removed.least_time == least_time, "what is removed")
        elif tag == 4:
            table_id, record = edit.many("IQ")
            tables[table_id].flushed = record
        elif tag == 7:
            delete = read_delete(edit, tables)
            deletes = tables[delete.table].deletes
            need(not deletes or deletes[-1].number < delete.number, "deletes ascend")
            deletes.append(delete)
        elif tag == 8:
            table_id, number = edit.many("IQ")
            deletes = tables[table_id].deletes
            left = [delete for delete in deletes if delete.number != number]
            need(len(left) == len(deletes) - 1, "what is forgotten was a delete")
            deletes[:] = left
        elif tag == 5:
            add_column(database, edit)
        elif tag == 6:
            # Of a number without a table: it is used up.
            database.tables.pop(edit.one("I"), None)
        else:
            raise Corrupt(f"edit {tag} without its flag")
        edit.end(f"edit {tag}")


def add_entry(database: Database, entry: Entry) -> None:
    need(all(entry.id not in t.entries for t in database.tables.values()), "an id, once")
    need(entry.table in database.tables, "a segment of a table that is there")
    database.tables[entry.table].entries[entry.id] = entry


def read_log(data: bytes, database: Database) -> Log | None:
    """Sections 5.1 and 5.3; None if there is no header, or one of another file."""
    head, slot = data[:64], database.slot
    if len(head) < 64 or head[:8] != b"CHLLOG\r\n":
        return None
    if xxh3_64_intdigest(head[:56]) != struct.unpack_from("<Q", head, 56)[0]:
        return None
    version, _, salt, epoch, generation, first_record, first_row = struct.unpack_from(
        "<II5Q", head, 8
    )
    need(version == 2, f"version {version} of the log")
    if salt != slot.salt:
        return None
    records: list[Frame] = []
    in_force = slot.state & 1 and epoch == slot.epoch
    at = slot.replay_at if in_force else 512
    number = slot.next_record if in_force else first_record
    salt = log_salt(salt, epoch)
    while (frame := read_frame(data, at, b"CHLr", salt)) and frame.number == number:
        if frame.kind == 4 and not whole_segments(database, frame.body):
            break
        records.append(frame)
        at, number = frame.end, number + 1
    known = max([slot.durable if in_force else 0, *known_behind(data, at, salt)])
    need(known < number, f"the log at {at}: record {number} had been synced")
    return Log(epoch, generation, first_record, first_row, records)


def known_behind(data: bytes, at: int, salt: int) -> list[int]:
    found = []
    while (at := data.find(b"CHLr", at)) >= 0:
        frame = read_frame(data, at, b"CHLr", salt)
        found += [frame.known] if frame else []
        at += 4
    return found


def segments_record(body: bytes) -> list[Entry]:
    fields, entries = Fields(body), []
    while not fields.done():
        need(fields.one("B") == 2, "a segments record has edits 2")
        entries.append(read_entry(Fields(fields.bytes())))
    return entries


def whole_segments(database: Database, body: bytes) -> bool:
    try:
        for entry in segments_record(body):
            read_segment(database.data, entry, database.slot.salt)
    except Corrupt:
        return False
    return True


def replay(database: Database, log: Log) -> None:
    next_row = database.slot.next_row
    for frame in log.records:
        if frame.kind == 3:
            table = Table(read_table_def(Fields(frame.body)))
            database.tables.setdefault(table.definition.id, table)
        elif frame.kind == 4:
            entries = segments_record(frame.body)
            for entry in entries:
                need(entry.as_of == frame.number, "deletes before the record do not concern it")
                add_entry(database, entry)
                segment = read_segment(database.data, entry, database.slot.salt)
                database.tables[entry.table].segments[entry.id] = segment
            least, rows = min(e.least_row for e in entries), sum(e.rows for e in entries)
            greatest = max(e.greatest_row for e in entries)
            need(least >= next_row and greatest >= next_row + rows - 1, "row numbers of segments")
            if database.tables[entries[0].table].definition.on_conflict == 0:
                need(greatest - least == rows - 1 and least == next_row, "no row number is missing")
            next_row = greatest + 1
        elif frame.kind in (1, 2):
            table = database.tables[Fields(frame.body).one("I")]
            read_rows_of = read_row if frame.kind == 1 else read_rows
            if table.flushed >= frame.number:
                continue
            found = read_rows_of(frame.body, table.definition)
            need(int(found.numbers[0]) == next_row, "rows are numbered without a gap")
            next_row += len(found.numbers)
            table.logged.append((frame.number, found))
        elif frame.kind == 5:
            delete = read_delete(Fields(frame.body), database.tables)
            need(delete.number == frame.number, "the log number of a delete is its record's")
            database.tables[delete.table].deletes.append(delete)
        elif frame.kind == 6:
            add_column(database, Fields(frame.body))
        elif frame.kind == 7:
            del database.tables[Fields(frame.body).one("I")]
        else:
            raise Corrupt(f"record {frame.kind} without its flag")
