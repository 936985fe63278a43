"""SPEC.md says what is in a file: a reader written from it alone (`spec_reader`) sees the same."""

from __future__ import annotations

import os
import re
import shutil
import struct
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from xxhash import xxh3_64_intdigest

import chronolite as cl
from tests.python import spec_reader as spec

TYPES = [name for name in spec.NAMES.values() if name not in ("utf8", "binary")]
FLOATS = {"f32": np.uint32, "f64": np.uint64}
NANS = {
    "f32": [0x7FC00000, 0x7F800001, 0xFFC00ABC, 0xFF800002, 0x7FFFFFFF],
    "f64": [0x7FF8 << 48, 0x7FF0000000000001, 0xFFF8000000000ABC, (1 << 64) - 1],
}


# --- Comparing ----------------------------------------------------------------------------------


def arrow_values(column: pa.ChunkedArray) -> spec.Values:
    """Buffers as they are, so that nothing on the way touches a bit of a value."""
    array = pa.concat_arrays(column.chunks) if column.chunks else pa.array([], column.type)
    valid = np.array(array.is_valid())
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return spec.Values([v or b"" for v in array.cast(pa.large_binary()).to_pylist()], valid)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return spec.Values([v or b"" for v in array.to_pylist()], valid)
    if not len(array):
        return spec.Values(np.zeros(0, np.uint8), valid)
    buffer = np.frombuffer(array.buffers()[1], np.uint8)
    if pa.types.is_boolean(kind):
        bits = np.unpackbits(buffer, bitorder="little")
        return spec.Values(bits[array.offset : array.offset + len(array)], valid)
    width = kind.bit_width // 8
    words = buffer[array.offset * width : (array.offset + len(array)) * width]
    return spec.Values(words.view(f"u{width}"), valid)


def assert_same_values(found: spec.Values, wanted: spec.Values, where: str) -> None:
    assert np.array_equal(found.valid, wanted.valid), where
    if isinstance(found.data, list) or isinstance(wanted.data, list):
        assert found.listed() == wanted.listed(), where
        return
    width = found.data.dtype.itemsize
    assert width == wanted.data.dtype.itemsize or not len(wanted), where
    bits = found.data.view(f"u{width}")
    same = bits == wanted.data
    assert same[found.valid].all(), f"{where}: row {np.flatnonzero(~same & found.valid)[:5]}"


def assert_same(table: spec.Table, scan: cl.Scan) -> None:
    rows, wanted = table.rows(), scan.to_arrow()
    times = spec.Values(rows.times, np.ones(len(rows.times), np.bool_))
    columns = table.definition.columns
    assert wanted.column_names == [table.definition.time_column, *(c.name for c in columns)]
    assert_same_values(times, arrow_values(wanted.column(0)), "times")
    for at, column in enumerate(columns, 1):
        values = rows.values[column.id]
        assert_same_values(values, arrow_values(wanted.column(at)), column.name)
    assert len(set(rows.numbers.tolist())) == len(rows.numbers)


def float_sums(data: spec.Array, valid: spec.Array) -> spec.Array:
    """Section 7.3, the sum of a vector of floats, of all vectors side by side."""
    count = len(spec.vector_sizes(len(data)))
    values, there = np.zeros((count, 128, 8)), np.zeros((count, 128, 8), np.bool_)
    values.reshape(-1)[: len(data)], there.reshape(-1)[: len(data)] = data, valid
    sums = np.full((count, 8), -0.0)
    with np.errstate(all="ignore"):
        for at in range(128):
            sums = np.where(there[:, at], sums + values[:, at], sums)
        s = sums.T
        return np.asarray(((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])))


def same_floats(found: spec.Array, wanted: spec.Array) -> bool:
    """The same bits; a NaN is any NaN."""
    nans = np.isnan(wanted)
    bits = found.view(np.uint64) == wanted.view(np.uint64)
    return bool((np.isnan(found) == nans).all() and bits[~nans].all())


def check_statistics(segment: spec.Segment, definition: spec.TableDef) -> None:
    rows = segment.entry.rows
    decoded = spec.segment_rows(segment, definition)
    everything = np.ones(rows, np.bool_)
    check_column(segment.columns[spec.TIMES], spec.Values(decoded.times, everything), rows)
    assert not segment.columns[spec.ROW_NUMBERS].sections
    for column in definition.columns:
        check_column(segment.columns[column.id], decoded.values[column.id], rows)


def check_column(column: spec.SegmentColumn, values: spec.Values, rows: int) -> None:
    check_empty_nulls(column, values)
    if isinstance(values.data, list):
        assert not column.sections
        assert column.nans == 0
        return
    lane, valid = column.lane, values.valid
    with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
        data = values.data.astype(lane)
    floats = lane.kind == "f"
    counted = valid & ~np.isnan(data) if floats else valid

    summary = column.summary()
    assert summary is not None
    assert summary.count == counted.sum()
    assert summary.nans == column.nans == valid.sum() - summary.count
    there = data[valid]
    ends = there[[0, -1]] if len(there) else np.zeros(2, lane)
    first_and_last = np.frombuffer(summary.first + summary.last, lane)
    assert same_floats(first_and_last, ends) if floats else (first_and_last == ends).all()
    if summary.count:
        assert np.frombuffer(summary.least, lane)[0] == data[counted].min()
        assert np.frombuffer(summary.greatest, lane)[0] == data[counted].max()

    starts = np.arange(0, rows, 1024)
    sums: spec.Array
    if floats:
        sums = float_sums(data, valid)
        with np.errstate(all="ignore"):
            total = np.array([np.add.accumulate(sums)[-1]])
        assert same_floats(np.frombuffer(summary.sum[:8], lane), total)
        assert summary.sum[8:] == bytes(8)
    else:
        exact = [sum(data[at : at + 1024][valid[at : at + 1024]].tolist()) for at in starts]
        assert int.from_bytes(summary.sum, "little", signed=True) == sum(exact)
        sums = np.array(exact, object)

    vectors = column.vectors(rows)
    assert (vectors is not None) == (rows > 1024 and column.nulls < rows)
    if vectors is None:
        return
    counts = np.add.reduceat(counted, starts, dtype=np.int64)
    assert (vectors.counts == counts).all()
    low, high = (-np.inf, np.inf) if floats else (np.iinfo(lane).min, np.iinfo(lane).max)
    least = np.minimum.reduceat(np.where(counted, data, lane.type(high)), starts)
    greatest = np.maximum.reduceat(np.where(counted, data, lane.type(low)), starts)
    assert (vectors.least == least)[counts > 0].all()
    assert (vectors.greatest == greatest)[counts > 0].all()
    if floats:
        assert vectors.highs is None
        assert same_floats(vectors.sums, sums)
    else:
        assert vectors.highs is not None
        halves = zip(vectors.sums.tolist(), vectors.highs.tolist(), strict=True)
        assert [(high << 64) + (low & spec.U64) for low, high in halves] == list(sums)


def check_empty_nulls(column: spec.SegmentColumn, values: spec.Values) -> None:
    """Section 8.3: raw null texts are empty, raw null bits 0."""
    if spec.NAMES[column.type] not in ("bool", "utf8", "binary"):
        return
    at = 0
    for block in column.streams.get(spec.VALUES, []):
        nulls = np.flatnonzero(~values.valid[at : at + block.rows]) + at
        if block.codec == spec.RAW:
            assert not any(values.data[row] for row in nulls)
        at += block.rows


def check(path: Path) -> spec.Database:
    """Everything of a file that nobody writes to, against the library's view of it."""
    found = spec.read(path)
    with cl.Db(path) as db:
        assert sorted(t.definition.name for t in found.tables.values()) == db.tables()
        for table in found.tables.values():
            assert_same(table, db[table.definition.name].scan())
            for segment in table.segments.values():
                check_statistics(segment, table.definition)
    return found


def copied(path: Path, to: Path) -> Path:
    """The file and its log, as they are at this moment."""
    to.mkdir()
    for part in (path, path.with_name(path.name + "-wal")):
        if part.exists():
            shutil.copy(part, to / part.name)
    return to / path.name


# --- Data ---------------------------------------------------------------------------------------


def bits_of(rng: np.random.Generator, kind: str, rows: int) -> pa.Array:
    """Any bits at all, NaNs with payloads among them."""
    if kind == "bool":
        return pa.array(rng.random(rows) < 0.5)
    if kind in ("utf8", "binary"):
        words = ["", "a", "\0", "a\0b", "日本", "x" * 300, *(f"w{n}" for n in range(200))]
        texts = [words[at] for at in rng.integers(0, len(words), rows)]
        if kind == "utf8":
            return pa.array(texts, pa.string())
        return pa.array([text.encode() + rng.bytes(3) for text in texts], pa.binary())
    dtype = np.dtype(f"{kind[0]}{int(kind[1:]) // 8}")
    words_of = np.frombuffer(rng.bytes(rows * dtype.itemsize), f"u{dtype.itemsize}").copy()
    if kind in FLOATS:
        some = rng.random(rows) < 0.1
        words_of[some] = rng.choice(np.array(NANS[kind], FLOATS[kind]), some.sum())
        words_of[rng.random(rows) < 0.05] = 1 << (dtype.itemsize * 8 - 1)  # -0.0
    return pa.array(words_of.view(dtype))


def with_nulls(rng: np.random.Generator, array: pa.Array, share: float = 0.1) -> pa.Array:
    mask = pa.array(rng.random(len(array)) < share)
    return pa.compute.if_else(mask, pa.scalar(None, array.type), array)


ALL: dict[str, Any] = {f"c_{name}": name for name in spec.NAMES.values()}


def all_types(rng: np.random.Generator, rows: int, step: int = 10) -> pa.Table:
    times = np.arange(rows) * step + rng.integers(0, step * 2 + 1, rows)  # a little out of order
    columns = {name: with_nulls(rng, bits_of(rng, kind, rows)) for name, kind in ALL.items()}
    return pa.table({"ts": pa.array(times), **columns})


# --- Tests --------------------------------------------------------------------------------------


@pytest.mark.parametrize("storage", ["balanced", "speed", "size", "raw"])
def test_all_types(path: Path, tmp_path: Path, storage: Any) -> None:
    rng = np.random.default_rng(1)
    keys = ["c_utf8", "c_i16", "c_binary", "c_bool", "c_u64"]
    with cl.Db(path) as db:
        plain = db.create_table("plain", ALL, storage=storage, time_unit="ns")
        keyed = db.create_table("keyed", ALL, key=keys, storage=storage, time_unit="us")
        plain.append(all_types(rng, 17_500))
        keyed.append(all_types(rng, 1_500, step=0))  # one time: keys alone decide
        db.flush()
        plain.append(all_types(rng, 700, step=50))  # late, all of them
        for row in all_types(rng, 40).to_pylist():
            keyed.append_row(row.pop("ts"), row)
        keyed.append(pa.concat_tables([all_types(rng, n) for n in (3, 0, 1_025)]))
        open_file = copied(path, tmp_path / "open")
    for each in (path, open_file):
        found = check(each)
        assert found["keyed"].definition.key == [list(ALL).index(name) for name in keys]
        ks = {s.k for t in found.tables.values() for s in t.segments.values()}
        assert ks == {16 if storage == "size" else 14}
    assert found.log is not None
    assert {frame.kind for frame in found.log.records} == {1, 2}
    chunks = [struct.unpack_from("<16xI", f.body)[0] for f in found.log.records if f.kind == 2]
    assert max(chunks) > 1
    assert found.data[8192:8200] == struct.pack("<4sI", b"CHLw", os.getpid())
    assert spec.read(path).data[8192:8200] == struct.pack("<4sI", b"CHLw", 0)


def test_nothing_but_nulls_or_nothing(path: Path, tmp_path: Path) -> None:
    with cl.Db(path) as db:
        nulls = db.create_table("nulls", ALL)
        nulls.append(pa.table({"ts": range(3000), **{n: pa.nulls(3000) for n in ALL}}))
        db.create_table("empty", ["x"])
        wide = db.create_table("wide", dict.fromkeys([f"b{n}" for n in range(17)], "bool"))
        wide.append_row(-1, [None] * 8 + [True] + [None] * 7 + [False])
        open_file = copied(path, tmp_path / "open")
    assert check(path)["empty"].rows().times.size == 0
    check(open_file)


def test_the_ends_of_the_types(path: Path) -> None:
    kinds: list[Any] = [name for name in TYPES if name[0] in "iu"]
    ends = {name: np.iinfo(f"{name[0]}{int(name[1:]) // 8}") for name in kinds}
    rows = 2049
    with cl.Db(path) as db:
        for order in (1, -1):
            table = db.create_table(f"t{order}", dict(zip(kinds, kinds, strict=True)))
            data = {
                name: pa.array(np.resize(np.array([end.min, end.max][::order], end.dtype), rows))
                for name, end in ends.items()
            }
            first, last = ends["i64"].min, ends["i64"].max
            times = np.array([last] * 1000 + [0] + [first] * (rows - 1001))
            table.append(pa.table({"ts": times, **data}))
    check(path)


def test_long_keys_have_no_range(path: Path) -> None:
    with cl.Db(path) as db:
        for length in (252, 253):  # with a byte before and two behind
            table = db.create_table(f"t{length}", {"k": "binary"}, key="k")
            table.append({"ts": [1, 2], "k": [b"k" * (length + 1), None]})
    found = check(path)
    flags = [s.entry.flags for t in found.tables.values() for s in t.segments.values()]
    assert flags == [1, 0]


def integers(rng: np.random.Generator, kind: str, rows: int) -> spec.Array:
    """Vectors of every width, in no order: FastLanes in all its forms."""
    dtype = np.dtype(f"{kind[0]}{int(kind[1:]) // 8}")
    bits = dtype.itemsize * 8
    widths = rng.permutation(np.arange(-(-rows // 1024)) % (bits - 1))
    words = np.frombuffer(rng.bytes(rows * 8), np.uint64)
    masks = (np.uint64(1) << widths.astype(np.uint64)) - np.uint64(1)
    return (words & np.repeat(masks, 1024)[:rows]).astype(f"u{dtype.itemsize}").view(dtype)


@pytest.mark.parametrize("storage", ["balanced", "size"])
def test_every_codec(path: Path, storage: Any) -> None:
    rng = np.random.default_rng(2)
    rows = 65_537  # the last block has one row
    steps = rng.integers(0, 50, rows)
    steps[rng.random(rows) < 0.003] = 1 << 40  # exceptions
    outliers = rng.integers(0, 50, rows)
    outliers[rng.random(rows) < 0.003] = -(1 << 50)
    walk = np.round(np.cumsum(rng.normal(size=rows)), 2)
    walk[rng.random(rows) < 0.01] = np.uint64(NANS["f64"][2]).view("f8")
    many = rng.integers(0, 60_000, rows)
    distinct = [rng.bytes(36) for _ in range(60_000)]  # without anything in common
    columns: dict[str, tuple[Any, pa.Array]] = {
        **{f"w_{kind}": (kind, pa.array(integers(rng, kind, rows))) for kind in TYPES[:8]},
        **{
            f"d_{kind}": (kind, pa.array(np.cumsum(steps).astype(spec.DTYPES[code])))
            for code, kind in list(spec.NAMES.items())[:8]
        },
        "line": ("i64", pa.array(np.arange(rows) * -7)),
        "outliers": ("i64", pa.array(outliers)),
        "walk": ("f64", pa.array(np.repeat(walk, 3)[:rows])),
        "walk32": ("f32", pa.array(np.repeat(walk.astype("f4"), 3)[:rows])),
        "noise": ("f64", bits_of(rng, "f64", rows)),
        "words": ("utf8", pa.array([f"word {n}" for n in rng.integers(0, 300, rows)])),
        "many_words": ("binary", pa.array([distinct[n] for n in many])),
        "one_word": ("binary", pa.array([b"word"] * rows)),
        "one": ("f32", pa.array(np.full(rows, np.uint32(0xFFC00ABC)).view("f4"))),
        "yes": ("bool", pa.array([True] * rows)),
        "bits": ("bool", bits_of(rng, "bool", rows)),
    }
    with cl.Db(path) as db:
        table = db.create_table(
            "t", {name: kind for name, (kind, _) in columns.items()}, storage=storage
        )
        data = {name: array for name, (_, array) in columns.items()}
        table.append(pa.table({"ts": np.sort(rng.integers(0, 1 << 30, rows)), **data}))
    (segment,) = check(path)["t"].segments.values()

    names = dict(enumerate(columns))
    seen = {names.get(c.id, "ts"): c.codecs() for c in segment.columns.values()}
    fast = {0, 1, 2, 3, 5, 6}
    assert set.union(*seen.values()) >= fast, seen
    assert seen["noise"] == {spec.RAW}
    for name in ("one_word", "one", "yes"):
        assert spec.CONSTANT in seen[name], name
    assert spec.FRAME_OF_REFERENCE in seen["outliers"]
    assert spec.ALP in seen["walk"]
    assert spec.ALP in seen["walk32"]
    assert spec.DICTIONARY in seen["words"]
    if storage == "size":
        many_words = next(c for c in segment.columns.values() if names.get(c.id) == "many_words")
        assert many_words.streams[spec.VALUES][0].payload[4] == 16  # bits of a code
    blocks = [
        (spec.DTYPES[column.type].itemsize, block)
        for column in segment.columns.values()
        if column.type <= spec.U64_TYPE
        for block in column.streams[spec.VALUES]
    ]
    deltas = [(size, block) for size, block in blocks if block.codec == spec.DELTA]
    assert {block.payload[0] for _, block in deltas} >= {0, 1}
    widths: set[tuple[int, int]] = set()
    exceptions = set()
    for size, block in blocks:
        count = -(-block.rows // 1024)
        begin = {spec.FRAME_OF_REFERENCE: 0, spec.DELTA: 1 + count * size}.get(block.codec)
        if begin is None or (block.codec == spec.DELTA and block.payload[0] == 0):
            continue
        heads = block.payload[begin : begin + 2 * count]
        widths |= {(size, width) for width in heads[:count]}
        exceptions |= {block.codec for patches in heads[count:] if patches}
    assert exceptions == {spec.FRAME_OF_REFERENCE, spec.DELTA}
    for size in (1, 2, 4, 8):
        assert {width for of, width in widths if of == size} >= set(range(size * 8 - 2)), size


@pytest.mark.parametrize("storage", ["balanced", "size", "speed"])
def test_cold_codecs_come_with_a_pack(path: Path, storage: Any) -> None:
    rng = np.random.default_rng(5)
    rows = 20_000
    columns = {
        "wave": pa.array(25 + np.sin(np.arange(rows) / 100)),
        "cycle": pa.array(np.arange(rows) % 100 / 4, pa.float32()),
        "steps": pa.array(np.cumsum(rng.geometric(0.02, rows)) ** 2),
        "real": pa.array(rng.random(rows) * 100),
        "status": pa.array(np.repeat(rng.integers(0, 5, rows // 50), 50)),
        "line": pa.array([f"GET /item/{i} took {i % 97} ms" for i in range(rows)]),
    }
    kinds = {"wave": "f64", "cycle": "f32", "steps": "i64", "real": "f64", "status": "i64"}
    with cl.Db(path) as db:
        table = db.create_table("t", {**kinds, "line": "utf8"}, storage=storage)
        data = pa.table({"ts": np.arange(rows) * 1000 + rng.integers(0, 11, rows), **columns})
        table.append(data)
        db.flush()
        db.pack()
        assert table.scan().to_arrow().column("line").to_pylist() == data.column("line").to_pylist()
    (segment,) = check(path)["t"].segments.values()
    names = dict(enumerate(columns))
    seen = {names.get(c.id, "ts"): c.codecs() for c in segment.columns.values()}
    assert spec.RUN_LENGTH in seen["status"]
    if storage == "speed":
        assert not set.union(*seen.values()) & {spec.PCO, spec.ZSTD}, seen
        assert spec.ALP_RD in seen["real"]
    else:
        assert seen["wave"] == {spec.PCO}
        assert seen["line"] == {spec.ZSTD}


def test_text_that_does_not_repeat(path: Path) -> None:
    """Symbols for what lines have in common, as soon as they are flushed."""
    rng = np.random.default_rng(6)
    lines: list[str | None] = [
        f"12:{i // 60 % 60:02}:{i % 60:02} 10.0.{n % 7}.{n % 251} größer als {n}"
        for i, n in enumerate(rng.integers(0, 1 << 20, 40_000).tolist())
    ]
    lines[5::11] = [None] * len(lines[5::11])
    data = [None if line is None else line.encode() + b"\xff" for line in lines]
    ts = np.arange(40_000)
    columns = {"ts": ts, "n": ts % 700, "line": lines, "data": pa.array(data, pa.binary())}
    sizes = {}
    with cl.Db(path) as db:
        for storage in ("speed", "raw"):
            kinds = {"n": "i64", "line": "utf8", "data": "binary"}
            table = db.create_table(storage, kinds, storage=storage)
            table.append(pa.table(columns))
            db.flush()
            found = table.scan().to_arrow()
            assert found.column("line").to_pylist() == lines
            assert found.column("data").to_pylist() == data
            some = table.scan(1020, 33_000, where="n == 3").to_arrow()
            assert some.column("line").to_pylist() == lines[1403:33_000:700]
    tables = check(path)
    for storage, codec in (("speed", spec.FSST), ("raw", spec.RAW)):
        (segment,) = tables[storage].segments.values()
        texts = [c for c in segment.columns.values() if c.type in (spec.UTF8, spec.BINARY)]
        assert [c.codecs() for c in texts] == [{codec}] * 2
        blocks = [block for c in texts for block in c.streams[spec.VALUES]]
        sizes[storage] = sum(len(block.payload) for block in blocks)
    assert sizes["speed"] < sizes["raw"] / 2, sizes


def test_several_segments_of_one_append(path: Path, tmp_path: Path) -> None:
    """A great append goes into segments at once; the log only names them (record 4)."""
    rng = np.random.default_rng(3)
    rows = (1 << 20) + 3000
    with cl.Db(path) as db:
        table = db.create_table("t", {"n": "i64"}, storage="size")
        table.append_row(7, [None])
        table.append(pa.table({"ts": rng.permutation(rows), "n": np.arange(rows)}))
        table.append({"ts": [8, 5], "n": [None, 1]})
        open_file = copied(path, tmp_path / "open")
    found = check(open_file)
    assert found.log is not None
    assert [frame.kind for frame in found.log.records] == [3, 1, 4, 2]
    # One for each core, or as many as it takes.
    sizes = [s.entry.rows for s in found["t"].segments.values()]
    assert sum(sizes) == rows
    assert len(sizes) > 1
    assert max(sizes) <= 1 << 20
    assert max(s.entry.at + s.entry.length for s in found["t"].segments.values()) > (
        found.slot.length
    )
    assert [s.entry.rows for s in spec.read(path)["t"].segments.values()] == [*sizes, 3]


def test_flush_while_another_thread_appends(path: Path, tmp_path: Path) -> None:
    """Then replay begins behind the flushed records, in a log that is not reset."""
    with cl.Db(path) as db:
        table, other = db.create_table("t", {"n": "i64"}), db.create_table("u", {"n": "i64"})
        for moment in range(3):
            for _ in range(10):
                other.append(pa.table({"ts": np.arange(5000), "n": np.arange(5000)}))
            stop = threading.Event()

            def append(stop: threading.Event = stop) -> None:
                while not stop.is_set():
                    table.append_row(1, [None])
                    time.sleep(1e-5)

            thread = threading.Thread(target=append)
            thread.start()
            try:
                db.flush()
            finally:
                stop.set()
                thread.join()
            slot = check(copied(path, tmp_path / f"open {moment}")).slot

            # Section 4.3 tells if the slot before would do; both have to say the same.
            damaged = copied(path, tmp_path / f"damaged {moment}")
            data = bytearray(damaged.read_bytes())
            data[slot.page * 4096] ^= 1
            damaged.write_bytes(data)
            outcome(damaged)


def test_manifest_outgrows_its_room(path: Path, tmp_path: Path) -> None:
    bases = set()
    with cl.Db(path) as db:
        for at in range(12):
            table = db.create_table(f"table {at}", {f"column {n}": "u8" for n in range(5)})
            table.append_row(at, [at, None, 1, 2, 3])
            db.flush()
            found = spec.read(copied(path, tmp_path / str(at)))
            assert len(found.tables) == at + 1
            bases.add(found.slot.manifest_at)
    assert len(bases) > 2
    check(path)


def test_weather(path: Path, tmp_path: Path, weather_csv: Path) -> None:
    frame = pd.read_csv(weather_csv, parse_dates=["time_hour"])
    kinds = {"O": "utf8", "f": "f64", "i": "i64"}
    columns: dict[str, Any] = {
        str(name): kinds.get(dtype.kind, "utf8")
        for name, dtype in frame.dtypes.items()
        if name != "time_hour"
    }
    with cl.Db(path) as db:
        weather = db.create_table(
            "weather", columns, time_unit="s", time_column="time_hour", key="origin"
        )
        weather.append(frame)
        open_file = copied(path, tmp_path / "open")
        db.flush()
        weather.append(frame[::50])  # late, and there already
    found = check(path)
    assert len(found["weather"].rows().times) == len(frame) + len(frame[::50])
    assert len(check(open_file)["weather"].segments) <= 1


# --- Damage -------------------------------------------------------------------------------------


def outcome(path: Path) -> bool:
    """Whether both take the file, and if so, for the same rows."""
    try:
        found = spec.read(path)
    except spec.Corrupt:
        found = None
    try:
        with cl.Db(path) as db:
            # A slot that is damaged beside a whole one is a problem; the file can be read.
            problems = [problem["message"] for problem in db.verify()["problems"]]
            sound = set(problems) <= {"a header slot is damaged"}
            if found:
                for table in found.tables.values():
                    assert_same(table, db[table.definition.name].scan())
    except cl.CorruptionError:
        sound = False
    assert sound == (found is not None)
    return sound


def test_a_log_that_ends_early_or_is_damaged(path: Path, tmp_path: Path) -> None:
    with cl.Db(path, durability="sync") as db:
        table = db.create_table("t", {"n": "u16", "s": "utf8"})
        for at in range(6):
            table.append_row(at, [at, "x" * at])
        whole = copied(path, tmp_path / "whole")
    log = spec.read(whole).log
    assert log is not None
    outcomes = []
    for frame in log.records:
        for name, keep in (("cut", 0), ("damaged", 1 << 30)):
            part = copied(whole, tmp_path / f"{name} {frame.number}")
            wal = part.with_name(part.name + "-wal")
            data = bytearray(wal.read_bytes())
            data[frame.at + 48] ^= 1
            if not keep:
                data[frame.at :] = bytes(len(data) - frame.at)
            wal.write_bytes(data)
            outcomes.append((name, outcome(part)))
    assert {sound for name, sound in outcomes if name == "cut"} == {True}
    assert {sound for name, sound in outcomes if name == "damaged"} == {True, False}


def test_slots_that_are_damaged(path: Path, tmp_path: Path) -> None:
    with cl.Db(path) as db:
        db.create_table("t", ["x"]).append_row(1, [1.5])
        db.flush()
        db["t"].append_row(2, [2.5])
        open_file = copied(path, tmp_path / "open")
    for name, file in (("closed", path), ("open", open_file)):
        for page in (0, 1):
            part = copied(file, tmp_path / f"{name} {page}")
            data = bytearray(part.read_bytes())
            data[page * 4096 + 100] ^= 1
            part.write_bytes(data)
            newest = spec.read(file).slot.page == page
            assert outcome(part) == (name == "closed" or not newest)


def test_files_with_logs_of_other_moments(tmp_path: Path) -> None:
    """Section 5.4: any state of the file beside any of the log."""
    path = tmp_path / "test.chl"
    moments: list[Path] = []

    def keep() -> None:
        moments.append(copied(path, tmp_path / f"moment {len(moments)}"))

    for session in range(2):
        with cl.Db(path) as db:
            if session == 0:
                keep()
            table = db.create_table("t", ["x"])
            table.append_row(1, [1.5])
            keep()
            db.flush()
            keep()
            table.append_row(2, [2.5])
            keep()
        keep()
    cl.Db(tmp_path / "other.chl").close()
    with cl.Db(tmp_path / "other.chl") as db:
        db.create_table("t", ["x"])
        moments.append(copied(tmp_path / "other.chl", tmp_path / "other"))

    logs = {}
    for moment in moments:
        wal = moment.with_name(moment.name + "-wal")
        logs[moment.parent.name] = wal.read_bytes() if wal.exists() else None
    logs["damaged"] = b"?" + (logs["moment 3"] or b"")[1:]
    outcomes = {}
    for moment in moments[:-1]:
        for name, log in logs.items():
            part = tmp_path / f"{moment.parent.name} with {name}" / path.name
            part.parent.mkdir()
            shutil.copy(moment, part)
            if log is not None:
                part.with_name(path.name + "-wal").write_bytes(log)
            outcomes[moment.parent.name, name] = outcome(part)
    assert all(outcomes[moment.parent.name, moment.parent.name] for moment in moments[:-1])
    assert set(outcomes.values()) == {True, False}


def with_slots_changed(path: Path, to: Path, at: int, bits: int) -> Path:
    part = copied(path, to)
    data = bytearray(part.read_bytes())
    for slot in (0, 4096):
        data[slot + at] ^= bits
        struct.pack_into("<Q", data, slot + 504, xxh3_64_intdigest(data[slot : slot + 504]))
    part.write_bytes(data)
    return part


def test_versions_and_flags(path: Path, tmp_path: Path) -> None:
    """Section 2: both slots say what the writer of another version would."""
    with cl.Db(path) as db:
        db.create_table("t", ["x"]).append_row(1, [1.5])
    check(with_slots_changed(path, tmp_path / "compatible", 20, 2))
    for name, at in (("version", 8), ("incompatible", 24)):
        part = with_slots_changed(path, tmp_path / name, at, 2)
        with pytest.raises(spec.Corrupt):
            spec.read(part)
        with pytest.raises(cl.FormatError):
            cl.Db(part)


def test_a_rule_for_conflicts_has_its_flag_before_its_table(path: Path, tmp_path: Path) -> None:
    """In force before the log has the definition: who does not know it reads none of it."""
    with cl.Db(path) as db:
        db.create_table("all", ["x"]).append_row(1, [1.5])
        db.flush()
        assert check(copied(path, tmp_path / "before")).slot.incompatible == 0
        last = db.create_table("last", {"x": "f64", "k": "utf8"}, key="k", on_conflict="last")
        last.append({"ts": [1, 1, 1], "x": [1.0, 2.0, 3.0], "k": ["a", None, "a"]})
        found = check(copied(path, tmp_path / "logged"))
        assert (found.slot.incompatible, found["last"].definition.on_conflict) == (1 << 4, 1)
        assert len(found["last"].rows().times) == 2
        db.drop_table("last")
    assert check(path).slot.incompatible == 1 << 4


@pytest.mark.parametrize("rule", ["last", "first", "error"])
@pytest.mark.parametrize("key", [None, "k"])
def test_one_row_of_each_time_and_key(path: Path, tmp_path: Path, rule: Any, key: Any) -> None:
    """In the log, in segments written at once (their numbers have gaps), flushed and packed."""
    rng = np.random.default_rng(5)
    many = 2800

    def batch(rows: int, first: int) -> dict[str, Any]:
        ts = rng.permutation(rows) if rule == "error" else rng.integers(0, rows, rows)
        pad = [bytes(2000)] * rows if rows == many else [None] * rows
        return {"ts": ts + first, "pad": pad, "k": ["a", None, "b", "a\0"] * (rows // 4)}

    with cl.Db(path, auto_maintenance=False) as db:
        columns: dict[str, Any] = {"pad": "binary", "k": "utf8"}
        t = db.create_table("t", columns, key=key, on_conflict=rule)
        step = 10**6 if rule == "error" else 100
        t.append(batch(many, 0))
        t.append(batch(400, step))
        check(copied(path, tmp_path / "direct"))
        db.flush()
        t.append(batch(400, 2 * step))
        t.delete(50, 150)
        t.append(batch(400, 3 * step))
        check(copied(path, tmp_path / "open"))
        db.pack()
        t.append(batch(400, 4 * step))
    check(path)


def test_a_writer_clears_compatible_flags_that_it_does_not_know(path: Path, tmp_path: Path) -> None:
    with cl.Db(path) as db:
        db.create_table("t", ["x"])
    part = with_slots_changed(path, tmp_path / "compatible", 20, 2)
    with cl.Db(part) as db:
        db["t"].append_row(2, [2.5])
    assert check(part).slot.compatible == 0


# --- Section 10 and the examples ----------------------------------------------------------------

SPEC_MD = Path(__file__).resolve().parents[2] / "SPEC.md"


def section_10() -> tuple[str, bytes]:
    """The program of section 10, and the bytes of its dump."""
    text = SPEC_MD.read_text(encoding="utf-8")
    section = text[text.index("\n## 10. ") :]
    code, dump = re.findall(r"^```(?:python|text)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    data, repeat = b"", False
    for line in dump.splitlines():
        if line == "*":
            repeat = True
            continue
        at, row = int(line[:8], 16), bytes.fromhex(line[10:50])
        assert repeat or at == len(data), line
        data += data[-16:] * ((at - len(data)) // 16) + row
        repeat = False
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        assert line[51:] == shown, line
    return code, data


def salted(data: bytes) -> spec.Array:
    """A mask of the bytes that the salt decides."""
    mask = np.zeros(len(data), np.bool_)
    for slot in (0, 4096):
        mask[slot + 48 : slot + 56] = mask[slot + 504 : slot + 512] = True
    for magic in (b"CHLm", b"CHLs"):
        for found in re.finditer(magic, data):
            mask[found.start() + 24 : found.start() + 32] = True
            mask[found.start() + 36 : found.start() + 48] = True
    # The entry's checksum of the footer's frame, which holds the salt.
    mask[0x4102:0x410A] = True
    return mask


def test_the_file_of_section_10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, wanted = section_10()
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(SPEC_MD), "exec"), {})
    found = Path("small.chl").read_bytes()
    size = re.search(r"this makes has ([\d,]+) bytes", SPEC_MD.read_text(encoding="utf-8"))
    assert size is not None
    assert len(found) == len(wanted) == int(size[1].replace(",", ""))
    mask = salted(wanted)
    assert (mask == salted(found)).all()
    differ = np.frombuffer(found, "u1") != np.frombuffer(wanted, "u1")
    assert [hex(at) for at in np.flatnonzero(differ & ~mask)] == []

    # The dump is a whole file itself, down to its checksums.
    Path("dump.chl").write_bytes(wanted)
    for name in ("small", "dump"):
        table = check(Path(f"{name}.chl"))["probe"]
        values = {c.name: table.rows().values[c.id].listed() for c in table.definition.columns}
        assert table.rows().times.tolist() == [1000, 2000, 3000, 4000]
        assert values == {"site": [b"a", b"b", b"a", b"b"], "volts": [3.3, None, 3.2, 3.1]}


def test_every_byte_of_the_small_file_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte of the manifest and the segment that is no padding, one in eleven."""
    _, data = section_10()
    path = tmp_path / "small.chl"
    path.write_bytes(data)
    found = spec.read(path)
    (segment,) = found["probe"].segments.values()
    places = [range(frame.at, frame.at + 48 + len(frame.body)) for frame in found.manifest]
    begin = segment.entry.at
    for column in segment.columns.values():
        for blocks in column.streams.values():
            at = begin + data[begin:].index(blocks[0].payload)
            places.append(range(at, at + len(blocks[0].payload)))
    footer = segment.entry.at + segment.entry.footer_at
    places.append(range(footer, footer + struct.unpack_from("<I", data, footer + 4)[0] + 48))
    for at in [at for place in places for at in place][::11]:
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        path.write_bytes(damaged)
        assert not outcome(path), hex(at)


def test_examples_of_codecs() -> None:
    """Section 8.11."""
    text = SPEC_MD.read_text(encoding="utf-8")
    section = text[text.index("### 8.11 ") : text.index("\n## 9. ")]
    rows = re.findall(r"^\| (.+?) \| (\w+), (\w+) \| `([0-9a-f ]+)` \|$", section, re.MULTILINE)
    assert len(rows) == 20
    kinds = {name: kind for kind, name in spec.NAMES.items()}
    codecs = ["Raw", "Constant", "FrameOfReference", "Delta", "Gorilla", "Dictionary", "Alp"]
    codecs += ["AlpRd", "RunLength", "Pco", "Zstd", "Fsst", "NanotsInt", "Scaled"]
    for shown, kind, codec, payload in rows:
        repeat = re.fullmatch(r"(\d+) x ([^,]+)(, .+)?", shown)
        code = f"[{shown}]"
        if repeat:
            code = f"[{repeat[2]}] * {repeat[1]} + [{(repeat[3] or '')[2:]}]"
        wanted = eval(code.replace("^", "**"))
        found = spec.decode(bytes.fromhex(payload), codecs.index(codec), kinds[kind], len(wanted))
        if isinstance(found, list):
            assert [value.decode() for value in found] == wanted
        else:
            assert found.tolist() == np.array(wanted, found.dtype).tolist(), shown
