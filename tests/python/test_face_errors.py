"""The exceptions: which classes they are, what they carry."""

import errno
import os
import pickle
import sys

import pytest

import chronolite as cl
from chronolite._errors import _build


@pytest.fixture
def db(tmp_path):
    with cl.Db(tmp_path / "a.chl") as db:
        yield db


@pytest.mark.parametrize(
    ("ours", "pythons"),
    [
        (cl.SchemaError, ValueError),
        (cl.InvalidInputError, ValueError),
        (cl.TableNotFoundError, KeyError),
        (cl.StorageError, OSError),
        (cl.DatabaseLockedError, Exception),
        (cl.CorruptionError, Exception),
        (cl.FormatError, Exception),
        (cl.ReadOnlyError, Exception),
        (cl.ClosedError, Exception),
        (cl.DurabilityError, Exception),
        (cl.IndeterminateError, Exception),
        (cl.ChronoMapError, Exception),
        (cl.ChronoMapKeyError, KeyError),
        (cl.ChronoMapTypeError, TypeError),
        (cl.ChronoMapValueError, ValueError),
        (cl.ChronoMapMemoryError, MemoryError),
    ],
)
def test_classes(ours, pythons):
    assert issubclass(ours, cl.ChronoliteError)
    assert issubclass(ours, pythons)


def test_a_missing_table_reads_well(db):
    with pytest.raises(KeyError) as caught:
        db["gone"]
    assert "gone" in str(caught.value)
    assert not str(caught.value).startswith(("'", '"'))


def test_a_second_writer(tmp_path, db):
    with pytest.raises(cl.DatabaseLockedError) as caught:
        cl.Db(tmp_path / "a.chl")
    assert caught.value.pid == os.getpid()


@pytest.mark.parametrize(
    ("make", "kind", "number"),
    [
        (lambda tmp: tmp / "no" / "such" / "folder.chl", FileNotFoundError, errno.ENOENT),
        (lambda tmp: tmp, IsADirectoryError, errno.EISDIR),
        (lambda tmp: (tmp / "file").write_text("x") and tmp / "file" / "a.chl", NotADirectoryError,
         errno.ENOTDIR),
    ],
)  # fmt: skip
def test_the_systems_errors(tmp_path, make, kind, number):
    path = make(tmp_path)
    with pytest.raises(cl.ChronoliteError) as caught:
        cl.Db(path)
    error = caught.value
    assert isinstance(error, kind)
    assert isinstance(error, cl.StorageError)
    assert error.errno == number
    assert error.strerror == os.strerror(number)
    assert error.filename == os.fspath(path)


def test_reading_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        cl.Db(tmp_path / "none.chl", mode="r")
    assert not (tmp_path / "none.chl").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do anything")
def test_permission(tmp_path):
    path = tmp_path / "a.chl"
    cl.Db(path).close()
    path.chmod(0)
    with pytest.raises(PermissionError):
        cl.Db(path)


def test_an_element_of_the_data_is_a_schema_error_and_what_it_was(db):
    table = db.create_table("t", {"n": "i8"})
    with pytest.raises(cl.SchemaError) as caught:
        table.append({"ts": [1], "n": ["a"]})
    assert isinstance(caught.value, TypeError)
    with pytest.raises(cl.SchemaError) as caught:
        table.append({"ts": [1], "n": [1000]})
    assert isinstance(caught.value, OverflowError)
    with pytest.raises(cl.SchemaError) as caught:
        table.append({"ts": [1.5], "n": [1]})
    assert isinstance(caught.value, TypeError)


def build(kind, message="it broke", file=None, offset=None, pid=None, number=None):
    strerror = os.strerror(number) if number else None
    return _build(kind, message, file, offset, pid, number, strerror)


def test_what_errors_carry():
    damaged = build("corruption", file="a.chl", offset=77)
    assert (type(damaged), damaged.file, damaged.offset) == (cl.CorruptionError, "a.chl", 77)
    assert str(damaged) == "it broke"
    full = build("durability", number=errno.ENOSPC)
    assert (type(full), full.errno) == (cl.DurabilityError, errno.ENOSPC)
    assert build("durability").errno is None
    refused = build("io", "cannot open", "a.chl", number=errno.EACCES)
    assert isinstance(refused, PermissionError)
    assert refused.__notes__ == ["cannot open"]
    assert str(refused).startswith(f"[Errno {errno.EACCES}]")
    assert build("io", "strange").errno is None


def test_errors_can_be_pickled():
    for error in (
        build("corruption", file="a.chl", offset=77),
        build("locked", pid=5),
        build("io", "cannot open", "a.chl", number=errno.ENOENT),
        build("table_not_found"),
    ):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), copy.args, str(copy)) == (type(error), error.args, str(error))
        assert vars(copy) == vars(error)


def test_wrong_types_of_arguments(tmp_path, db):
    for call in (
        lambda: db.table(5),
        lambda: db.create_table(5, ["x"]),
        lambda: db.create_table("t"),
        lambda: db.stats(5),
        lambda: cl.Db(tmp_path / "b.chl", mode=5),
        lambda: cl.Db(),
    ):
        with pytest.raises(TypeError):
            call()


def test_a_failure_in_someone_elses_stream(db):
    import pyarrow as pa

    table = db.create_table("t", ["x"])
    schema = pa.schema([("ts", pa.int64()), ("x", pa.float64())])

    def batches():
        yield pa.record_batch({"ts": [1], "x": [1.0]}, schema=schema)
        raise RuntimeError("the sensor is gone")

    reader = pa.RecordBatchReader.from_batches(schema, batches())
    with pytest.raises(cl.ChronoliteError, match="the sensor is gone"):
        table.append(reader)
    assert len(table) == 0
    taken = pa.table({"ts": [1], "x": [1.0]}).__arrow_c_stream__()

    class Twice:
        def __arrow_c_stream__(self, requested_schema=None):
            return taken

    table.append(Twice())
    with pytest.raises(cl.InvalidInputError, match="already"):
        table.append(Twice())

    class Wrong:
        def __arrow_c_stream__(self, requested_schema=None):
            return 5

    with pytest.raises(TypeError):
        table.append(Wrong())


def test_exceptions_stay_out_of_the_way_of_the_interpreter(db):
    with pytest.raises(cl.SchemaError):
        db.create_table("t", ["a", "a"])
    assert sys.exc_info() == (None, None, None)
