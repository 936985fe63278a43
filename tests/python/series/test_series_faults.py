"""What went wrong once: interruptions, forks, files of others, several things at once."""

import contextlib
import logging
import os
import pickle
import shutil
import signal
import struct
import threading
import time

import numpy as np
import pyarrow as pa
import pytest
from series_under_test import (
    DAY,
    LATER,
    NEXT,
    PLAIN,
    TWO,
    backend,
    backends,
    data_file,
    engine,
    lib,
    need,
    same,
    schema,
)

pytestmark = pytest.mark.ours


class Stop(Exception):  # noqa: N818 (it is no error)
    """What a handler of signals raises."""


@pytest.fixture
def alarm():
    """Calls a function again and again, at any moment of the main thread."""

    def start(handler, every):
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, every, every)

    before = signal.getsignal(signal.SIGALRM)
    yield start
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_an_interruption_loses_and_repeats_no_row(make, kind, alarm):
    made = make(PLAIN, **({"sync": False} if kind == "lmdb" else {}))
    made.append("ES", DAY, {"timestamp": -1, "value": 0.0})
    done = []
    ends = time.monotonic() + 3

    def stop(*_):
        if time.monotonic() < ends:
            raise Stop

    tried = 0
    alarm(stop, 0.002)
    while tried < 4000:
        try:
            while tried < 4000:
                tried += 1
                made.append("ES", DAY, {"timestamp": tried, "value": 0.5})
                done.append(tried)
                if tried % 40 == 0:
                    made.days("ES")
        except Stop:
            pass
    signal.setitimer(signal.ITIMER_REAL, 0)
    found = made.read("ES", DAY)["timestamp"].tolist()
    assert len(found) == len(set(found))
    assert found == sorted(found)
    assert set(done) <= set(found)


def test_a_handler_of_signals_may_append(make, kind, alarm):
    made = make(PLAIN, **({"sync": False} if kind == "lmdb" else {}))
    made.append("ES", DAY, {"timestamp": 0, "value": 0.0})
    beats = []

    def beat(*_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        made.append("ES", DAY, {"timestamp": -1, "value": 0.0})
        made.flush()
        beats.append(1)
        signal.setitimer(signal.ITIMER_REAL, 0.01)

    alarm(beat, 0.01)
    for n in range(1, 3000):
        made.append("ES", DAY, {"timestamp": n, "value": 0.5})
    signal.setitimer(signal.ITIMER_REAL, 0)
    found = made.read("ES", DAY)["timestamp"]
    assert found[found >= 0].tolist() == list(range(3000))
    assert (found == -1).sum() == len(beats)
    assert made.read("ES", DAY, start=-1)["timestamp"].tolist() == found[-1:].tolist()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_writes_nothing_that_its_parent_held(folder):
    need("lmdb")
    with engine("lmdb", PLAIN, folder) as made:
        for n in range(3):
            made.append("ES", DAY, {"timestamp": n, "value": 0.5})
        child = os.fork()
        if child == 0:
            try:
                made.append("ES", NEXT, TWO)
            except lib.ClosedError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert made.read("ES", DAY)["timestamp"].tolist() == [0, 1, 2]
        assert made.days("ES") == [DAY]


def test_lmdb_cuts_batches_between_rows(folder, monkeypatch):
    need("lmdb")
    monkeypatch.setattr("chronolite.backend._lmdb._CHUNK", 1000)
    with engine("lmdb", PLAIN, folder) as made:
        rows = np.arange(1000)
        made.append("ES", DAY, {"timestamp": rows, "value": rows / 2})
        same(made.read("ES", DAY), {"timestamp": rows, "value": rows / 2})
        assert made.read("ES", DAY, start=500, end=503)["timestamp"].tolist() == [500, 501, 502]


def test_lmdb_keeps_the_schema_when_the_map_grows(folder):
    need("lmdb")
    rows = np.arange(100_000)
    with engine("lmdb", PLAIN, folder, map_size=1 << 16) as made:
        made.append("ES", DAY, {"timestamp": rows, "value": rows / 2})
    with (
        engine("lmdb", "timestamp:q value:q", folder) as made,
        pytest.raises(lib.SchemaError, match="value"),
    ):
        made.read("ES", DAY)


def test_lmdb_takes_no_row_after_it_was_closed(folder):
    need("lmdb")
    for _ in range(20):
        with engine("lmdb", PLAIN, folder, sync=False) as made:
            made.delete_day("ES", DAY)
            made.append("ES", DAY, TWO)
            taken = []

            def write(made=made, taken=taken):
                with contextlib.suppress(lib.ClosedError):
                    for n in range(10**9):
                        made.append("ES", DAY, {"timestamp": n, "value": 0.5})
                        taken.append(n)

            writer = threading.Thread(target=write)
            writer.start()
            time.sleep(0.005)
            made.close()
            writer.join()
        with engine("lmdb", PLAIN, folder) as made:
            assert len(made.read("ES", DAY)["value"]) == 2 + len(taken)


def test_what_hears_a_warning_may_read(folder):
    need("lmdb")
    import lmdb

    with lmdb.open(str(folder)) as env, env.begin(write=True) as txn:
        txn.put(f"ES:{DAY}".encode(), struct.pack("<qd", 1, 0.5) + b"torn")

    class Reads(logging.Handler):
        found = ()

        def emit(self, _record):
            self.found = made.days("ES")

    handler = Reads()
    logging.getLogger("chronolite").addHandler(handler)
    try:
        with engine("lmdb", PLAIN, folder) as made:
            assert made.read("ES", DAY)["timestamp"].tolist() == [1]
            assert handler.found == [DAY]
    finally:
        logging.getLogger("chronolite").removeHandler(handler)


def test_lmdb_says_what_is_wrong_in_our_words(folder):
    need("lmdb")
    engine("lmdb", PLAIN, folder).close()
    with engine("lmdb", PLAIN, folder, readonly=True) as made:
        for refused in (
            lambda: made.append("ES", DAY, TWO),
            lambda: made.append("ES", DAY, {"timestamp": 1, "value": 1.0}),
            lambda: made.delete_day("ES", DAY),
        ):
            with pytest.raises(lib.ReadOnlyError):
                refused()
        made.flush()
    (folder / "data.mdb").write_bytes(b"no database" * 1000)
    with pytest.raises(lib.ChronoliteError):
        engine("lmdb", PLAIN, folder)


def test_a_reader_sees_one_moment_while_rows_are_appended(folder):
    with engine("packed-one", PLAIN, folder) as made:
        made.append("ES", DAY, TWO)
        ended = threading.Event()

        def write():
            n = 0
            while not ended.is_set():
                made.append("ES", DAY, {"timestamp": range(n, n + 50), "value": [0.5] * 50})
                n += 50
                if n % 500 == 0:
                    made.delete_day("ES", DAY)
                    made.append("ES", DAY, TWO)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            with engine("packed-one", PLAIN, folder, mode="r") as reader:
                for _ in range(150):
                    found = reader.read("ES", DAY, where=lambda data: data["value"] > -9)
                    assert not found or len(found["value"]) == len(found["timestamp"])
                    last = reader.read("ES", DAY, start=-1)
                    assert not last or len(last["value"]) == 1
        finally:
            ended.set()
            writer.join()


def test_a_where_that_deletes_what_it_looks_at(make):
    made = make(PLAIN)
    for day in (DAY, NEXT):
        made.append("ES", day, {"timestamp": [1, 2, 3], "value": [1.0, 2.0, 3.0]})

    def where(data):
        mask = data["value"] > 1.5
        assert made.delete_day("ES", DAY)
        made.append("ES", DAY, {"timestamp": [-1, -2, -3], "value": [9.0] * 3})
        return mask

    found = made.read("ES", (DAY, NEXT), where=where)
    assert found["timestamp"].tolist() == [2, 3, 2, 3]


def test_days_whose_folder_was_taken_away_are_made_again(folder):
    with backend("packed-day", PLAIN, folder) as made:
        made.append("ES", DAY, TWO)
        (folder / "ES" / DAY / "data.chl").unlink()
        assert made.days("ES") == []
        made.append("ES", DAY, {"timestamp": 5, "value": 0.5})
        assert made.read("ES", DAY)["timestamp"].tolist() == [5]


def test_more_days_than_stay_open(folder):
    days = [f"2025-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 29)]
    with backend("packed-day", PLAIN, folder) as made:
        for _ in range(2):
            for n, day in enumerate(days):
                made.append("ES", day, {"timestamp": [n, n], "value": [0.5, 1.5]})
        assert made.days("ES") == days
        found = made.read("ES", (None, None), start=3, end=-3)
        assert found["timestamp"].tolist() == np.repeat(np.arange(84), 4)[3:-3].tolist()
        made.flush()
    with backend("packed-day", PLAIN, folder) as made:
        assert len(made.read("ES", (None, None))["value"]) == 4 * 84


def test_a_day_that_is_not_kept_open_is_flushed_before(folder, monkeypatch):
    monkeypatch.setattr("chronolite.backend._packed._KEPT", 1)
    with backend("packed-day", PLAIN, folder) as made:
        made.append("ES", DAY, TWO)
        (opened,) = made._opened.values()

        class Broken:
            def __init__(self, db):
                self.db = db

            def flush(self):
                raise lib.StorageError("the disk is gone")

            def __getattr__(self, name):
                return getattr(self.db, name)

        opened.db = Broken(opened.db)
        with pytest.raises(lib.StorageError, match="gone"):
            made.append("ES", NEXT, TWO)
        with pytest.raises(lib.StorageError, match="gone"):
            made.flush()


def test_two_threads_may_make_a_table(folder, monkeypatch):
    with backend("packed-one", PLAIN, folder) as made:
        made.append("NQ", DAY, TWO)
        (file,) = made._opened.values()
        found = file._found

        def late(moment, name):
            """Another one makes the table right after this one has seen none."""
            monkeypatch.setattr(file, "_found", found)
            seen = found(moment, name)
            made.append("ES", DAY, TWO)
            return seen

        monkeypatch.setattr(file, "_found", late)
        made.append("ES", DAY, TWO)
        assert made.read("ES", DAY)["timestamp"].tolist() == [1, 2, 1, 2]


def test_a_table_has_one_schema_in_all_its_files(kind, folder):
    with backend(kind, PLAIN, folder) as made:
        made.append("ES", DAY, TWO)
    with (
        backend(kind, "timestamp:q value:i", folder) as made,
        pytest.raises(lib.SchemaError, match="value"),
    ):
        made.append("ES", NEXT, {"timestamp": 1, "value": 1})


def test_both_arrangements_of_packed_files_do_not_go_together(folder):
    for of, other in (("packed-one", "day"), ("packed-day", "one")):
        with backend(of, PLAIN, folder / of) as made:
            made.append("ES", DAY, TWO)
        with pytest.raises(lib.InvalidInputError):
            backends.PackedBackend(schema(PLAIN), folder / of, files=other)


def test_a_database_of_something_else_is_refused(folder):
    folder.mkdir()
    with lib.Db(folder / "data.chl") as db:
        table = db.create_table("ES", {"timestamp": "i32", "value": "utf8"}, time_column="row")
        table.append_row(20_000 << 40, [1, "x"])
    with backend("packed-one", PLAIN, folder) as made:
        for refused in (lambda: made.read("ES", (None, None)), lambda: made.append("ES", DAY, TWO)):
            with pytest.raises(lib.SchemaError, match="ES"):
                refused()
    for content in (b"no database at all" * 1000, b"SQLite format 3\0" * 512):
        (folder / "data.chl").write_bytes(content)
        with backend("packed-one", PLAIN, folder) as made, pytest.raises(lib.ChronoliteError):
            made.append("ES", DAY, TWO)


@pytest.mark.parametrize("of", ["S5", "O", "dictionary"])
def test_days_and_times_as_text(make, of):
    made = make("day:M8[D] time:M8[s]")
    texts = {"day": ["2025-06-14", None], "time": ["2025-06-14T09:30:00", None]}
    if of == "S5":
        data = pa.table(texts)
    elif of == "O":
        data = pa.table(texts).to_pandas()
    else:
        data = pa.table({name: pa.array(v).dictionary_encode() for name, v in texts.items()})
    made.append("ES", DAY, data)
    found = made.read("ES", DAY)
    assert str(found["day"][0]) == "2025-06-14"
    assert str(found["time"][0]) == "2025-06-14T09:30:00"
    assert np.isnat(found["day"][1])


def test_dates_in_a_dictionary_are_days(make):
    import datetime as dt

    made = make("day:M8[D]")
    dates = pa.array([dt.date(2025, 6, 14), dt.date(2025, 6, 15)])
    made.append("ES", DAY, {"day": dates.dictionary_encode()})
    made.append("ES", DAY, {"day": pa.compute.run_end_encode(dates)})
    assert made.read("ES", DAY)["day"].astype(str).tolist() == ["2025-06-14", "2025-06-15"] * 2


def test_a_day_that_arrow_has_not_is_refused_there(make):
    made = make("day:M8[D]")
    made.append("ES", DAY, {"day": [2**40]})
    assert made.read("ES", DAY)["day"].view("i8").tolist() == [2**40]
    with pytest.raises(lib.ResultOverflowError, match="day"):
        made.read_arrow("ES", DAY)


def test_a_generator_as_a_column_keeps_its_first_row(make):
    made = make("v:2i")
    made.append("ES", DAY, {"v": ([n, n] for n in range(5))})
    assert made.read("ES", DAY)["v"][:, 0].tolist() == [0, 1, 2, 3, 4]


def test_the_order_of_bytes_is_that_of_the_schema_everywhere(make):
    made = make("a:>i b:>d")
    for day in (DAY, NEXT):
        made.append("ES", day, {"a": [1, 2], "b": [0.5, 1.5]})
    for found in (
        made.read("ES", DAY),
        made.read("ES", (DAY, NEXT)),
        made.read("ES", DAY, start=1),
    ):
        assert [column.dtype.str for column in found.values()] == [">i4", ">f8"]
    assert made.read_dataframe("ES", (DAY, NEXT))["a"].tolist() == [1, 2, 1, 2]


def test_nullable_columns_are_masked_whether_they_have_nulls_or_not(folder):
    with backend("packed-one", "n:q/null v:2i/null x:d/null", folder) as made:
        made.append("ES", DAY, {"n": [1, 2], "v": [[1, 2], [3, 4]], "x": [0.5, 1.5]})
        found = made.read("ES", DAY)
        assert [isinstance(column, np.ma.MaskedArray) for column in found.values()] == [1, 1, 0]
        made.append("ES", NEXT, [{"n": None, "v": None, "x": None}, {"n": 1, "v": [5, 6], "x": 1}])
        found = made.read("ES", NEXT)
        assert found["v"].tolist() == [[None, None], [5, 6]]
        made.append("ES", LATER, found)
        assert made.read("ES", LATER)["v"].tolist() == [[None, None], [5, 6]]
        assert made.read_arrow("ES", LATER)["v"].to_pylist() == [None, [5, 6]]


def test_a_schema_crosses_to_other_processes():
    made = schema("a:q b:10s/null")
    assert pickle.loads(pickle.dumps(made)) == made


def test_struct_has_one_order_of_bytes():
    made = schema("a:>i b:!d")
    assert struct.calcsize(made.struct_format) == made.record_size
    assert made.struct_format == ">id"
    with pytest.raises(lib.SchemaError):
        schema("a:>i b:d").struct_format  # noqa: B018


def test_a_masked_mask_keeps_no_masked_row(make):
    made = make(PLAIN)
    made.append("ES", DAY, TWO)
    mask = np.ma.masked_array([True, True], [False, True])
    assert made.read("ES", DAY, where=lambda data: mask)["timestamp"].tolist() == [1]


def test_what_where_is_given_is_a_dict_of_everything(make):
    made = make(PLAIN)
    made.append("ES", DAY, TWO)

    def where(data):
        for copied in (dict(data), {**data}, data.copy(), data | {}):
            same(copied, TWO)
        assert data.get("value") is data["value"]
        assert data.get("volume", 5) == 5
        assert repr(data) == repr(dict(data))
        with pytest.raises(ValueError):
            data["value"][0] = 9
        assert data.pop("value").tolist() == TWO["value"]
        assert "value" not in data
        return data["timestamp"] > 0

    same(made.read("ES", DAY, where=where), TWO)
    same(made.read("ES", (DAY, NEXT), where=where), TWO)


class TestFlat:
    """Of flat files alone."""

    def test_appends_beside_deletes_all_succeed(self, flat):
        ended = threading.Event()
        failures = []

        def delete():
            while not ended.is_set():
                try:
                    flat.delete_day("ES", DAY)
                except Exception as error:  # noqa: BLE001
                    failures.append(error)

        thread = threading.Thread(target=delete)
        thread.start()
        try:
            for _ in range(2000):
                flat.append("ES", DAY, TWO)
        finally:
            ended.set()
            thread.join()
        assert failures == []

    def test_a_batch_in_flight_is_no_cause_for_a_warning(self, flat, folder, caplog):
        caplog.set_level(logging.WARNING, "chronolite")
        data = {"timestamp": range(50_000), "value": [0.5] * 50_000}
        writer = threading.Thread(target=lambda: [flat.append("ES", DAY, data) for _ in range(20)])
        with engine("flat", PLAIN, folder) as reader:
            writer.start()
            while writer.is_alive():
                found = reader.read("ES", DAY)
                assert not found or len(found["value"]) % 50_000 == 0
            writer.join()
        assert caplog.records == []

    def test_a_link_that_leads_nowhere_is_an_error(self, flat, folder):
        data_file(folder).symlink_to(folder / "nowhere" / "else")
        with pytest.raises(OSError):
            flat.append("ES", DAY, TWO)

    def test_links_that_lead_to_themselves_are_passed_over(self, flat, folder):
        flat.append("ES", DAY, TWO)
        (folder / "loop").symlink_to(folder / "loop")
        (folder / "ES" / NEXT).symlink_to(folder / "ES" / NEXT)
        assert (flat.tables(), flat.days("ES")) == (["ES"], [DAY])
        same(flat.read("ES", (None, None)), TWO)

    @pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'0 <i8 "timestamp"', None])
    def test_a_schema_that_is_none_is_refused(self, flat, folder, content):
        file = folder / "ES" / ".schema"
        file.parent.mkdir(parents=True)
        if content is None:
            file.mkdir()
        else:
            file.write_bytes(content)
        for refused in (lambda: flat.append("ES", DAY, TWO), lambda: flat.read("ES", DAY)):
            with pytest.raises(lib.SchemaError, match="ES"):
                refused()

    def test_a_day_of_no_whole_batch_is_not_listed(self, flat, folder):
        data_file(folder).write_bytes(b"\0" * 32)
        data_file(folder).with_name("data.bin.pending").write_bytes(struct.pack("<Q", 0))
        assert (flat.tables(), flat.days("ES")) == ([], [])
        assert flat.delete_day("ES", DAY) is False
        assert not data_file(folder).exists()

    def test_a_flush_beside_an_append_leaves_it_for_the_next(self, flat, monkeypatch):
        flat.append("ES", DAY, TWO)
        synced = []
        of = flat.backend._file

        class Watched:
            def __init__(self, file):
                self.file = file

            def append(self, batch):
                flat.flush()
                return self.file.append(batch)

            def sync(self):
                synced.append(1)
                self.file.sync()

        monkeypatch.setattr(flat.backend, "_file", lambda *names: Watched(of(*names)))
        flat.append("ES", DAY, TWO)
        before = len(synced)
        flat.flush()
        assert len(synced) == before + 1

    def test_a_table_that_another_process_made_anew_is_looked_at_again(self, flat, folder):
        flat.append("ES", DAY, TWO)
        shutil.rmtree(folder / "ES")
        with engine("flat", "timestamp:q value:q", folder) as other:
            other.append("ES", DAY, {"timestamp": 1, "value": 1})
        for refused in (lambda: flat.append("ES", DAY, TWO), lambda: flat.read("ES", DAY)):
            with pytest.raises(lib.SchemaError, match="ES"):
                refused()

    def test_a_flush_that_failed_is_not_tried_again(self, flat, monkeypatch):
        flat.append("ES", DAY, TWO)

        class Broken:
            def sync(self):
                raise lib.StorageError("the disk is gone")

        monkeypatch.setattr(flat.backend, "_file", lambda *_: Broken())
        for wanted in (lib.StorageError, lib.DurabilityError):
            with pytest.raises(wanted):
                flat.flush()
