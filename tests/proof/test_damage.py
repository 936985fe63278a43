"""Files and logs that were cut or changed: what is read is right, or a CorruptionError says where.

The file and its log are as a kill left them: rows in segments, rows in the log, some of them
acknowledged as durable. A torn end of the log may be cut off, so of the log a prefix of the appends
may be there; rows in segments are always there or missed aloud.
"""

import functools
import os
import random
import subprocess
import sys

import pytest

import chronolite as cl
from tests.proof import sizes
from tests.proof.rows import KINDS, expected, first_difference, rows

# In the file: 40 rows a table. In the log: appends of 10 rows, table by table.
IN_FILE, IN_LOG, APPENDS = 40, 10, 3
NAMES = ("mixed", "raw")
WRITE = """
import os, sys, chronolite as cl
from tests.proof.rows import KINDS, rows
names, in_file, in_log, appends = sys.argv[2].split(","), *map(int, sys.argv[3:6])
with cl.Db(sys.argv[1]) as db:
    for name in names:
        db.create_table(name, **KINDS[name].options()).append(rows(name, 0, in_file))
db = cl.Db(sys.argv[1], durability="sync")
for number in range(appends):
    for name in names:
        db[name].append(rows(name, in_file + number * in_log, in_log))
os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The bytes of the file and of the used part of its log."""
    path = tmp_path_factory.mktemp("damage") / "a.chl"
    numbers = map(str, (IN_FILE, IN_LOG, APPENDS))
    done = subprocess.run(
        [sys.executable, "-c", WRITE, path, ",".join(NAMES), *numbers], cwd=sizes.ROOT, check=False
    )
    assert done.returncode == -9
    # The log's room is set aside in advance: what follows its records is zeros.
    log = path.with_name("a.chl-wal").read_bytes().rstrip(b"\0")
    return path.read_bytes(), log + bytes(64)


@pytest.fixture(scope="module")
def closed(killed, tmp_path_factory):
    """The bytes of the same database, closed."""
    path = tmp_path_factory.mktemp("closed") / "a.chl"
    put(path, *killed)
    cl.Db(path).close()
    return path.read_bytes()


def put(path, file, log=None):
    beside = path.with_name(path.name + "-wal")
    path.write_bytes(file)
    if log is None:
        beside.unlink(missing_ok=True)
    else:
        beside.write_bytes(log)


ALL = IN_FILE + APPENDS * IN_LOG


@functools.cache
def wanted(name, count):
    return expected(name, count)


def check_place(error, path):
    assert error.file in (os.fspath(path), f"{path}-wal"), error
    assert isinstance(error.offset, int), error
    assert error.offset >= 0


def is_refused(path, mode, *, log_may_end_early=False):
    """Reads everything. True if that was refused; what was read without that is right."""
    try:
        with cl.Db(path, mode=mode) as db:
            found = {name: db[name].scan().to_arrow() for name in db.tables()}
    except cl.CorruptionError as error:
        check_place(error, path)
        return True
    assert set(found) == set(NAMES)
    appends = []
    for name in NAMES:
        count = found[name].num_rows
        difference = first_difference(found[name], wanted(name, count))
        assert difference is None, f"{name}: {difference}"
        assert IN_FILE <= count <= ALL
        assert (count - IN_FILE) % IN_LOG == 0, f"{name}: {count} rows, part of an append"
        appends.append((count - IN_FILE) // IN_LOG)
    if log_may_end_early:
        # The appends took turns, so that the first table is ahead by one at most.
        assert 0 <= appends[0] - appends[1] <= 1, appends
    else:
        assert appends == [APPENDS, APPENDS]
    return False


def modes(rng):
    """Reading changes nothing and is the quicker; writing repairs what it may."""
    return "rw" if rng.randrange(20) == 0 else "r"


def test_what_was_not_damaged_is_all_there(killed, closed, tmp_path):
    path = tmp_path / "a.chl"
    for mode in ("r", "rw"):
        put(path, *killed)
        assert not is_refused(path, mode)
        put(path, closed)
        assert not is_refused(path, mode)


def flipped(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def overwritten(data, rng):
    """A stretch of zeros, of ones, of noise, or of what stands elsewhere in the file."""
    changed = bytearray(data)
    start = rng.randrange(len(data))
    length = min(rng.choice([1, 8, 512, 4096]), len(data) - start)
    other = rng.randrange(len(data) - length + 1)
    changed[start : start + length] = rng.choice(
        [bytes(length), b"\xff" * length, rng.randbytes(length), data[other : other + length]]
    )
    return bytes(changed)


def test_bits_and_stretches(killed, closed, tmp_path):
    rng = random.Random(sizes.SEED)
    path = tmp_path / "a.chl"
    file, log = killed
    refused = right = 0
    flips = sizes.size(1000, 500_000)

    def note(was_refused):
        nonlocal refused, right
        refused += was_refused
        right += not was_refused

    # One after the other through all the bits, or as many as there is room for.
    total = 8 * (len(closed) + len(file) + len(log))
    step = max(1, total // flips)
    for number in range(flips):
        bit = (number * step + (rng.randrange(step) if step > 1 else 0)) % total
        if bit < 8 * len(closed):
            put(path, flipped(closed, bit))
            note(is_refused(path, modes(rng)))
        elif bit < 8 * (len(closed) + len(file)):
            put(path, flipped(file, bit - 8 * len(closed)), log)
            note(is_refused(path, modes(rng)))
        else:
            put(path, file, flipped(log, bit - 8 * (len(closed) + len(file))))
            note(is_refused(path, modes(rng), log_may_end_early=True))
    stretches = sizes.size(500, 20_000)
    for number in range(stretches):
        if number % 3:
            put(path, overwritten(closed, rng))
            note(is_refused(path, modes(rng)))
        else:
            put(path, file, overwritten(log, rng))
            note(is_refused(path, modes(rng), log_may_end_early=True))
    assert refused > 0
    assert right > 0
    sizes.figures(
        "damage",
        f"{flips:,} flipped bits and {stretches:,} overwritten stretches of a file of "
        f"{len(file):,} bytes and its log of {len(log):,}: {refused:,} refused with file and "
        f"offset, {right:,} read right, 0 wrong rows",
    )


def test_every_length(killed, closed, tmp_path):
    rng = random.Random(sizes.SEED)
    path = tmp_path / "a.chl"
    file, log = killed
    step = sizes.size(0, 1) or 61
    refused = right = 0
    for data, beside in ((closed, None), (file, log)):
        for length in range(0, len(data), step):
            put(path, data[:length], beside)
            assert is_refused(path, modes(rng)), f"{length} of {len(data)} bytes"
            refused += 1
    for length in range(0, len(log), step):
        put(path, file, log[:length])
        if is_refused(path, modes(rng), log_may_end_early=True):
            refused += 1
        else:
            right += 1
    assert right > 0
    sizes.figures(
        "truncate",
        f"files and logs cut at every {f'{step}th ' if step > 1 else ''}byte: {refused:,} refused "
        f"with file and offset, {right:,} logs read up to a whole append, 0 wrong rows",
    )


def test_control_a_wrong_row_is_seen(tmp_path, killed):
    """Damage that no checksum covers: rows of another number, written as they should be."""
    path = tmp_path / "a.chl"
    with cl.Db(path) as db:
        for name in NAMES:
            db.create_table(name, **KINDS[name].options()).append(rows(name, 1, ALL))
    with pytest.raises(AssertionError):
        is_refused(path, "r")
