"""save and load, through a Db: for objects like JSON's, bytes, numbers. The peer has neither."""

import math
import os
import pickle
import stat
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timelog_under_test import MAX, MIN, Timelog, TimelogError, manual, settle, timelog, times

pytestmark = pytest.mark.better


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.chl"


def again(log, path):
    log.save(path)
    with Timelog.load(path) as loaded:
        return list(loaded)


VALUES = [
    None,
    True,
    False,
    0,
    -1,
    1.0,
    -0.0,
    2**53 + 1,
    MAX,
    MIN,
    1e300,
    math.inf,
    -math.inf,
    "",
    "plain",
    "\u00e9\u4e16\U0001f600\0",
    b"",
    b"\0\xff bytes",
    [],
    {},
    [1, [2.5, "x", None, True, []]],
    {"event": "boot", "n": {"a": [1, 2], "": None}},
    {"1": 1},
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_an_object_comes_back_as_it_was(path, value):
    log = manual()
    log.append(1, value)
    ((ts, found),) = again(log, path)
    assert (ts, found, type(found)) == (1, value, type(value))
    assert repr(found) == repr(value)  # True is not 1, and -0.0 not 0.0


def test_a_nan_comes_back(path):
    log = manual()
    log.append(1, math.nan)
    ((_, found),) = again(log, path)
    assert math.isnan(found)


def test_all_kinds_in_one_log_and_equal_times_in_order(path):
    log = manual()
    for n in range(3):
        log.extend([(ts % 5, value) for ts, value in enumerate(VALUES)])
        if n == 1:
            log.flush()
    assert repr(again(log, path)) == repr(list(log))


def test_numbers_of_numpy_are_saved_as_numbers(path):
    log = manual()
    log.extend(range(3), [np.float64(1.5), np.int64(7), np.float32(0.25)])
    assert again(log, path) == [(0, 1.5), (1, 7), (2, 0.25)]


def test_the_whole_of_int64_and_the_unit_come_back(path):
    for unit in ["s", "ms", "us", "ns"]:
        log = manual(MIN, -1, 0, MAX, time_unit=unit)
        log.save(path)
        with Timelog.load(path) as loaded:
            assert (times(loaded), loaded.time_unit) == ([MIN, -1, 0, MAX], unit)


def test_an_empty_log_comes_back_empty(path):
    assert again(manual(), path) == []


@pytest.mark.parametrize("settled", [True, False])
def test_what_is_deleted_is_not_saved(path, settled):
    log = manual(*range(100))
    log.flush()
    log.delete_range(10, 90)
    log.extend([(50, "later")])
    if settled:
        settle(log)
    assert again(log, path) == list(log)
    assert len(log) == 21


def test_saving_leaves_the_log_as_it_is_and_loading_gives_another(path):
    log = manual(1, 2)
    log.save(str(path))
    log.append(3, 3)
    with Timelog.load(str(path), maintenance="disabled") as loaded:
        assert times(loaded) == [1, 2]
        loaded.append(0, 0)
        loaded.flush()
        assert times(loaded) == [0, 1, 2]
    with Timelog.load(path) as loaded:
        assert times(loaded) == [1, 2]
    assert times(log) == [1, 2, 3]


def test_loading_makes_the_class_it_is_asked_of(path):
    class Mine(Timelog):
        pass

    manual(1).save(path)
    with Mine.load(path) as loaded:
        assert type(loaded) is Mine


def test_saving_again_replaces(path):
    log = manual(*range(1000))
    log.save(path)
    log.cutoff(999)
    assert again(log, path) == [(999, 999)]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


NO_VALUES = [object(), {1: 2}, {1, 2}, 1j, len, [object()], {"a": [b"x", object()]}, Timelog]


@pytest.mark.parametrize("value", NO_VALUES, ids=lambda value: repr(value)[:20])
def test_another_object_is_refused_by_name_and_place_and_the_old_file_stays(path, value):
    log = manual(1)
    log.save(path)
    before = path.read_bytes()
    log.append(77, value)
    with pytest.raises(TypeError, match="77"):
        log.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with Timelog.load(path) as loaded:
        assert list(loaded) == [(1, 1)]


def test_an_integer_past_64_bits_comes_back_or_is_refused(path):
    log = manual()
    log.append(1, 2**70)
    try:
        log.save(path)
    except (TypeError, OverflowError):
        assert not path.exists()
    else:
        with Timelog.load(path) as loaded:
            assert list(loaded) == [(1, 2**70)]


def test_a_circle_is_refused(path):
    circle = []
    circle.append(circle)
    log = manual()
    log.append(1, circle)
    with pytest.raises((TypeError, ValueError, RecursionError)):
        log.save(path)
    assert not path.exists()


def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        manual(1).save(tmp_path / "nowhere" / "log.chl")


def test_what_is_not_there_is_not_made(path):
    with pytest.raises(FileNotFoundError):
        Timelog.load(path)
    assert not path.exists()


def test_a_file_that_is_no_log_is_refused(path):
    for content in [b"", b"x" * 43, bytes(20_000), pickle.dumps([(1, 2)])]:
        path.write_bytes(content)
        with pytest.raises((timelog.ChronoliteError, ValueError)):
            Timelog.load(path)
        assert path.read_bytes() == content


def test_a_database_without_a_log_is_refused(path):
    with timelog.Db(path) as db:
        db.create_table("other", ["x"]).append({"ts": [1], "x": [1.0]})
    with pytest.raises((timelog.ChronoliteError, ValueError)):
        Timelog.load(path)
    with timelog.Db(path) as db:
        assert db.tables() == ["other"]


def test_a_saved_log_is_a_database_that_is_whole(path):
    manual(1, 2, 3, time_unit="us").save(path)
    with timelog.Db(path, mode="r") as db:
        assert db.verify().ok
        assert sum(len(db[name]) for name in db.tables()) == 3


def test_a_closed_log_is_not_saved(path):
    log = manual(1)
    log.close()
    with pytest.raises(TimelogError, match="Timelog is closed"):
        log.save(path)
    assert not path.exists()


def test_a_log_of_an_open_database_is_locked(path):
    with timelog.Db(path) as db:
        db.create_table("other", ["x"])
        with pytest.raises(timelog.DatabaseLockedError):
            manual(1).save(path)


def test_a_saved_file_has_the_rights_of_any_new_file(path):
    old = os.umask(0o027)
    try:
        manual(1).save(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_two_hundred_thousand_rows_come_back(path):
    log = manual()
    log.extend(range(200_000), [{"n": n, "even": n % 2 == 0} for n in range(200_000)])
    assert again(log, path) == list(log)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(MIN, MAX)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(MIN, MAX), JSON), max_size=12))
def test_any_rows_come_back(tmp_path_factory, rows):
    log = manual()
    log.extend(rows)
    assert repr(again(log, tmp_path_factory.mktemp("any") / "log.chl")) == repr(list(log))


def test_a_database_of_other_tables_is_not_written_over(path):
    with timelog.Db(path) as db:
        db.create_table("prices", ["x"]).append({"ts": [1], "x": [1.0]})
    with pytest.raises((timelog.ChronoliteError, ValueError), match="prices"):
        manual(1).save(path)
    with timelog.Db(path, mode="r") as db:
        assert db.tables() == ["prices"]


def test_a_link_stays_one(path):
    link = path.with_name("link.chl")
    link.symlink_to(path)
    manual(1, 2).save(link)
    assert link.is_symlink()
    with Timelog.load(path) as loaded:
        assert times(loaded) == [1, 2]


def test_two_that_save_at_once_leave_a_whole_file(path):
    logs = [manual(*range(n, n + 2000)) for n in (0, 5000)]
    failures = []

    def save(log):
        try:
            log.save(path)
        except timelog.ChronoliteError as error:  # the other one holds the old file
            failures.append(error)

    threads = [threading.Thread(target=save, args=(log,)) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) < 2
    with Timelog.load(path) as loaded:
        assert len(loaded) == 2000
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_log_larger_than_its_memtables_is_loaded(path):
    log = manual()
    log.extend(range(70_000), range(70_000))
    log.save(path)
    options = {"memtable_max_bytes": 60_000 * 24, "sealed_max_runs": 1, "maintenance": "disabled"}
    with Timelog.load(path, **options) as loaded:
        assert len(loaded) == 70_000
