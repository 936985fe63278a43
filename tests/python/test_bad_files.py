"""Files that are not ours, newer ones, damaged ones, and those that may not be opened."""

import errno
import json
import os
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xxhash

import chronolite as cl

# SPEC 4: where the two header slots are, and what is where in them.
SLOTS, SLOT_LEN, CHECKSUM_AT = (0, 4096), 512, 504
VERSION_AT, COMPATIBLE_AT, INCOMPATIBLE_AT, GENERATION_AT = 8, 16, 24, 32
NOBODY = 65534


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.chl"


def make(path, rows=100):
    """A small database, closed."""
    with cl.Db(path) as db:
        table = db.create_table("t", {"x": "f64", "s": "utf8"})
        text = [f"row {i}" for i in range(rows)]
        data = {"ts": np.arange(rows), "x": np.arange(rows) / 4, "s": text}
        table.append(data)
    return path


def offset_of(caught) -> int:
    assert isinstance(caught.value.offset, int)
    return caught.value.offset


def content(db):
    return {name: db[name].scan().to_arrow() for name in db.tables()}


def stranger(name, path):
    """A file that something else wrote."""
    if name == "SQLite":
        with sqlite3.connect(path) as other:
            other.execute("create table t (x)")
        other.close()
        return
    rng = np.random.default_rng(1)
    path.write_bytes({
        "text": b"ts,value\n1704067200000,25.5\n",
        "a long text": b"ts,value\n1704067200000,25.5\n" * 2000,
        "PNG": b"\x89PNG\r\n\x1a\n" + rng.bytes(20_000),
        "random bytes": rng.bytes(50_000),
        "zeros": bytes(50_000),
        "nothing": b"",
        "one byte": b"\x89",
        "43 bytes": rng.bytes(43),
        "our magic alone": b"\x89CHL\r\n\x1a\n",
        "our magic and zeros": b"\x89CHL\r\n\x1a\n" + bytes(20_000),
        "our magic and noise": b"\x89CHL\r\n\x1a\n" + rng.bytes(20_000),
        "all ones": b"\xff" * 20_000,
    }[name])  # fmt: skip


@pytest.mark.parametrize("mode", ["rw", "r"])
@pytest.mark.parametrize(
    "name",
    [
        "text", "a long text", "SQLite", "PNG", "random bytes", "zeros", "nothing", "one byte",
        "43 bytes", "our magic alone", "our magic and zeros", "our magic and noise", "all ones",
    ],
)  # fmt: skip
def test_a_strangers_file_is_refused_and_left_as_it_is(path, name, mode):
    stranger(name, path)
    before = path.read_bytes()
    with pytest.raises((cl.CorruptionError, cl.FormatError)) as caught:
        cl.Db(path, mode=mode)
    assert os.fspath(path) in str(caught.value)
    if isinstance(caught.value, cl.CorruptionError):
        assert caught.value.file == os.fspath(path)
        assert offset_of(caught) in range(len(before) + 1)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", ["rw", "r"])
def test_a_folder(tmp_path, mode):
    with pytest.raises(IsADirectoryError) as caught:
        cl.Db(tmp_path, mode=mode)
    assert isinstance(caught.value, cl.ChronoliteError)
    assert caught.value.errno == errno.EISDIR
    assert os.fspath(tmp_path) in str(caught.value)


OPEN = """
import sys, chronolite as cl
try:
    cl.Db(sys.argv[1], mode=sys.argv[2])
except cl.ChronoliteError as error:
    assert isinstance(error, OSError), type(error)
    print(error)
"""


@pytest.mark.parametrize("mode", ["rw", "r"])
@pytest.mark.parametrize("what", ["fifo", "socket", "device"])
def test_what_is_no_regular_file(tmp_path, what, mode):
    """In a process of its own: opening a pipe may wait for its other end."""
    path = tmp_path / what
    if what == "fifo":
        os.mkfifo(path)
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(os.fspath(path))
    else:
        path = Path("/dev/zero")
    command = [sys.executable, "-c", OPEN, path, mode]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert os.fspath(path) in done.stdout


@pytest.mark.parametrize("mode", ["rw", "r"])
def test_a_missing_folder(tmp_path, mode):
    path = tmp_path / "no" / "such" / "folder.chl"
    with pytest.raises(FileNotFoundError) as caught:
        cl.Db(path, mode=mode)
    assert isinstance(caught.value, cl.ChronoliteError)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, os.fspath(path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", ["rw", "r"])
def test_names_that_the_system_does_not_take(tmp_path, mode):
    endless = tmp_path / "endless"
    endless.symlink_to(endless)
    for path, number in [(tmp_path / ("x" * 300), errno.ENAMETOOLONG), (endless, errno.ELOOP)]:
        with pytest.raises(OSError, match=path.name) as caught:
            cl.Db(path, mode=mode)
        assert isinstance(caught.value, cl.ChronoliteError)
        assert caught.value.errno == number
    # As Python's own `open` has it: a ValueError; and none of a name that is empty.
    with pytest.raises((ValueError, OSError)):
        cl.Db(f"{tmp_path}/a\0b", mode=mode)
    with pytest.raises(FileNotFoundError):
        cl.Db("", mode=mode)


def test_a_name_that_is_not_text(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.chl")
    make(path)
    with cl.Db(path) as db:
        assert len(db["t"]) == 100


def as_nobody(work):
    """What `work` returns without the rights of root, if that is who we are."""
    if os.geteuid() != 0:
        return work()
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        said = repr("it failed")
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            said = work()
        except BaseException as error:  # noqa: BLE001
            said = repr(error)
        finally:
            os.write(theirs, json.dumps(said).encode())
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        said = json.loads(pipe.read())
    os.waitpid(child, 0)
    return said


@pytest.fixture
def open_folder():
    """A folder that everyone may read; pytest's own is closed to others."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def refusal(path, mode):
    """What opening says, in words that a pipe takes."""
    try:
        with cl.Db(path, mode=mode) as db:
            return [len(db[name]) for name in db.tables()]
    except OSError as error:
        is_one = isinstance(error, PermissionError)
        return {"permission": is_one, "errno": error.errno, "file": error.filename}


@pytest.mark.parametrize("mode", ["rw", "r"])
def test_a_file_that_may_not_be_read(open_folder, mode):
    path = make(open_folder / "a.chl")
    path.chmod(0)
    said = as_nobody(lambda: refusal(path, mode))
    assert said == {"permission": True, "errno": errno.EACCES, "file": os.fspath(path)}
    assert list(open_folder.iterdir()) == [path]


def test_a_file_that_may_only_be_read(open_folder):
    path = make(open_folder / "a.chl")
    path.chmod(0o444)
    open_folder.chmod(0o555)
    before = path.read_bytes()
    said = as_nobody(lambda: refusal(path, "rw"))
    assert said == {"permission": True, "errno": errno.EACCES, "file": os.fspath(path)}
    assert as_nobody(lambda: refusal(path, "r")) == [100]
    assert path.read_bytes() == before


def test_a_folder_that_may_not_be_written(open_folder):
    open_folder.chmod(0o555)
    path = open_folder / "new.chl"
    said = as_nobody(lambda: refusal(path, "rw"))
    assert (said["permission"], said["errno"]) == (True, errno.EACCES)
    open_folder.chmod(0o755)
    assert list(open_folder.iterdir()) == []


def test_a_file_of_a_folder_that_may_not_be_written(open_folder):
    """The file may be written, its log cannot be made beside it: nothing is lost, nothing left."""
    path = make(open_folder / "a.chl")
    path.chmod(0o666)
    open_folder.chmod(0o555)

    def write():
        try:
            with cl.Db(path) as db:
                db["t"].append_row(1, [1.0, "new"])
            return "went on"
        except cl.ChronoliteError as error:
            return isinstance(error, PermissionError)

    assert as_nobody(write) is True
    with cl.Db(path, mode="r") as db:
        assert len(db["t"]) == 100


def patch(path, offset, form, value, slots=SLOTS):
    """Change a field of header slots, and make their checksums right again."""
    data = bytearray(path.read_bytes())
    for slot in slots:
        struct.pack_into(form, data, slot + offset, value)
        whole = bytes(data[slot : slot + CHECKSUM_AT])
        struct.pack_into("<Q", data, slot + CHECKSUM_AT, xxhash.xxh3_64_intdigest(whole))
    path.write_bytes(data)


def newer_slot(path):
    data = path.read_bytes()
    return max(SLOTS, key=lambda slot: struct.unpack_from("<Q", data, slot + GENERATION_AT))


def test_the_layout_that_these_tests_patch(path):
    """A slot that is written anew as it was opens: the checksum is the one that SPEC names."""
    make(path)
    before = path.read_bytes()
    (version,) = struct.unpack_from("<I", before, VERSION_AT)
    patch(path, VERSION_AT, "<I", version)
    assert path.read_bytes() == before
    patch(path, COMPATIBLE_AT, "<Q", 1 << 40)
    assert path.read_bytes() != before
    with cl.Db(path) as db:
        assert len(db["t"]) == 100


@pytest.mark.parametrize("mode", ["rw", "r"])
@pytest.mark.parametrize("which", ["both slots", "the newer slot"])
@pytest.mark.parametrize(
    ("offset", "form", "value", "words"),
    [
        (VERSION_AT, "<I", 1, "format version 1 is of a chronolite before .* reads version 2"),
        (VERSION_AT, "<I", 3, "format version 3 .* is newer than .* [(]version 2[)]"),
        (VERSION_AT, "<I", 2**32 - 1, "version"),
        (INCOMPATIBLE_AT, "<Q", 1 << 17, "feature"),
        (INCOMPATIBLE_AT, "<Q", 1 << 63, "feature"),
    ],
)
def test_another_version_or_a_newer_feature_is_refused_and_left_as_it_is(
    path, offset, form, value, words, which, mode
):
    make(path)
    slots = SLOTS if which == "both slots" else [newer_slot(path)]
    patch(path, offset, form, value, slots)
    before = path.read_bytes()
    with pytest.raises(cl.FormatError, match=words) as caught:
        cl.Db(path, mode=mode)
    assert os.fspath(path) in str(caught.value)
    if offset == VERSION_AT:
        assert str(value) in str(caught.value)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def killed(path):
    """A database whose writer was killed: 100 rows in the file, 3 appends of 10 in the log."""
    make(path)
    code = """
import os, sys, chronolite as cl
db = cl.Db(sys.argv[1], durability="sync")
for i in range(3):
    db["t"].append({"ts": range(100 + 10 * i, 110 + 10 * i), "x": [1.5] * 10, "s": ["new"] * 10})
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert done.returncode == -9
    return path.with_name(path.name + "-wal")


def test_what_a_kill_left_is_there(path):
    log = killed(path)
    with cl.Db(path) as db:
        assert len(db["t"]) == 130
        assert log.exists()
    assert list(path.parent.iterdir()) == [path]


def test_a_log_that_is_gone(path):
    log = killed(path)
    log.unlink()
    before = path.read_bytes()
    for mode in ("rw", "r"):
        with pytest.raises(cl.CorruptionError) as caught:
            cl.Db(path, mode=mode)
        assert (caught.value.file, caught.value.offset) == (os.fspath(log), 0)
    # The third page begins with a note of who writes.
    after = path.read_bytes()
    assert (after[:8192], after[8200:]) == (before[:8192], before[8200:])


def test_the_log_of_another_database(path, tmp_path):
    log = killed(path)
    other = tmp_path / "other" / "b.chl"
    other.parent.mkdir()
    shutil.copy(killed(other), log)
    with pytest.raises(cl.CorruptionError) as caught:
        cl.Db(path)
    assert caught.value.file == os.fspath(log)
    assert isinstance(caught.value.offset, int)


def test_the_log_of_an_earlier_time(path):
    """A file that went on without its log, and a log that was put back."""
    log = killed(path)
    early = log.read_bytes()
    with cl.Db(path) as db:
        db["t"].append_row(1000, [1.0, "later"])
    log.write_bytes(early)
    with cl.Db(path) as db:
        assert len(db["t"]) == 131


@pytest.mark.parametrize("left", [b"", b"\0" * 4096])
def test_a_log_that_was_being_made_is_gone_after_a_clean_close(path, left):
    """What a kill leaves when it strikes while the log of an open database is created."""
    make(path)
    path.with_name(path.name + "-wal").write_bytes(left)
    with cl.Db(path) as db:
        assert len(db["t"]) == 100
    assert list(path.parent.iterdir()) == [path]


def test_a_file_cut_below_what_was_committed(path):
    make(path)
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:length])
        for mode in ("r", "rw"):
            with pytest.raises(cl.CorruptionError) as caught, cl.Db(path, mode=mode) as db:
                content(db)
            assert caught.value.file == os.fspath(path)
            assert offset_of(caught) in range(len(whole) + 1)


def test_a_file_with_something_behind_it(path):
    """What stands past the committed length is nobody's: a crash may leave it."""
    make(path)
    before = path.read_bytes()
    for tail in (b"\0" * 5000, b"\xff" * 5000, b"x"):
        path.write_bytes(before + tail)
        with cl.Db(path) as db:
            assert len(db["t"]) == 100
            assert db.verify().ok


def test_damage_in_a_column_is_found_when_it_is_read(path):
    """Other columns are read, verify names the place, and the wrong value is never given."""
    with cl.Db(path) as db:
        table = db.create_table("t", {"x": "f64", "s": "utf8"}, storage="raw")
        rng = np.random.default_rng(1)
        x = rng.random(20_000)
        table.append({"ts": np.arange(20_000), "x": x, "s": ["row"] * 20_000})
    data = bytearray(path.read_bytes())
    place = data.index(x[12_345].tobytes())
    data[place] ^= 1
    path.write_bytes(data)
    with cl.Db(path) as db:
        assert db["t"].scan(columns=["s"]).to_arrow().num_rows == 20_000
        for read in ("to_arrow", "to_numpy", "to_pandas", "to_polars"):
            with pytest.raises(cl.CorruptionError) as caught:
                getattr(db["t"].scan(columns=["x"]), read)()
            assert caught.value.file == os.fspath(path)
            assert place - 4 * 2**20 <= offset_of(caught) <= place
        report = db.verify()
        assert not report.ok
        assert report["problems"]
        assert all(problem["file"] == os.fspath(path) for problem in report["problems"])
        assert all(problem["message"] for problem in report["problems"])
        # A writer goes on: what is damaged is not what is written.
        db["t"].append_row(50_000, [1.0, "new"])
    with cl.Db(path) as db:
        assert len(db["t"]) == 20_001


def test_files_of_others_beside_it_stay(tmp_path):
    """Names like those of a database being created, and a file that is one."""
    make(tmp_path / "a.chl")
    own = {"a.chl", "a.chl-new-77-0"}
    shutil.copy(tmp_path / "a.chl", tmp_path / "a.chl-new-77-0")
    others = {"a.chl-new-york.csv", "a.chl-new-1-2", "a.chl-new-1-2-3", "a.chl-newer"}
    for name in others:
        (tmp_path / name).write_text("somebody's")
    with cl.Db(tmp_path / "a.chl") as db:
        assert len(db["t"]) == 100
    assert {at.name for at in tmp_path.iterdir()} == others | own - {"a.chl-new-77-0"}
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    draft = tmp_path / "notes.txt-new-1-1"
    shutil.copy(tmp_path / "a.chl", draft)
    with pytest.raises(cl.CorruptionError):
        cl.Db(notes)
    assert draft.exists()


def test_a_leftover_log_of_any_size(path):
    """A sparse one larger than memory is looked at, and goes."""
    make(path)
    log = Path(f"{path}-wal")
    log.touch()
    os.truncate(log, 1 << 42)
    with cl.Db(path) as db:
        assert len(db["t"]) == 100
    assert not log.exists()


def test_a_reader_does_not_write(path):
    make(path)
    with cl.Db(path) as db:
        db["t"].append_row(1000, [1.0, None])
    with cl.Db(path, mode="r") as reader:
        assert len(reader["t"]) == 101
        with pytest.raises(cl.ReadOnlyError):
            reader["t"].append_row(1001, [1.0, None])
