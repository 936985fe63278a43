"""Pickles are written for those who ask, and run by nobody who did not."""

import bz2
import gzip
import lzma
import pickle
import threading
import zlib
from pathlib import Path

import pytest

from chronomap_under_test import SAMPLES, TRUSTED, ChronoMap, contents, lib

COMPRESS = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "lzma": lzma.compress,
}
PLAIN = {
    "a": [(1.0, 1), (2.0, None)],
    1: [(1.0, "int")],
    "1": [(1.0, "str")],
    (1, "x"): [(3.0, (1, [2], {3: b"x"}, 1.5, True))],
}


class Point:
    """A value that only pickle can store."""

    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x

    __hash__ = None


class Hostile:
    """What it is unpickled to: a call that leaves a file behind."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


def hostile(mark):
    """Payloads that would make the file `mark`, by name."""
    bad = Hostile(mark)
    store = {"store": {"a": [(1.0, bad)]}, "ttl": {}, "snapshot_time": None}
    payloads = {f"protocol {number}": pickle.dumps(bad, number) for number in range(6)}
    payloads["in a value"] = pickle.dumps(store)
    payloads["in a key"] = pickle.dumps({"store": {(1, bad): []}, "ttl": {}})
    payloads["after a good one"] = pickle.dumps({"store": {}, "ttl": {}}) + pickle.dumps(bad)
    payloads["by opcodes"] = b"cpathlib\nPath\n(V" + str(mark).encode() + b"\ntR."
    for name, compress in COMPRESS.items():
        for inside, data in (("itself", pickle.dumps(bad)), ("a value", pickle.dumps(store))):
            payloads[f"{name} of {inside}"] = name.encode() + b"|" + compress(data)
            payloads[f"bare {name} of {inside}"] = compress(data)
    return payloads


NAMES = list(hostile(Path("mark")))
# The peer does not find out that these are compressed, or stops at the end of the first.
LEFT_ALONE = ["after a good one", *(n for n in NAMES if n.startswith("bare") and "zlib" not in n)]


@pytest.fixture
def at(tmp_path):
    return tmp_path / "map.pkl"


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "it-ran"


def filled(**options):
    cm = ChronoMap(**options)
    for key, versions in PLAIN.items():
        for ts, value in versions:
            cm.put(key, value, timestamp=ts)
    return cm


@pytest.mark.parametrize("method", [False, True, *COMPRESS])
def test_plain_data_comes_back_and_the_compression_is_told_by_the_file(at, method):
    cm = filled(max_history=2)
    assert cm.save_pickle(at, compress=method) is None
    again = ChronoMap.load_pickle(at, enable_ttl_cleanup=False)
    assert contents(again) == PLAIN
    again.put_many({"a": 3}, timestamp=3)
    assert again.history("a") == [(2.0, None), (3.0, 3)]
    assert "ttl_cleanup_count" not in again.get_stats()


@pytest.mark.parametrize("method", [False, *COMPRESS])
def test_any_object_comes_back_for_whoever_trusts_the_file(at, method):
    cm = filled()
    cm.put("p", Point(3), timestamp=1)
    cm.put("s", frozenset({1}), timestamp=1)
    cm.save_pickle(str(at), method)
    again = ChronoMap.load_pickle(str(at), **TRUSTED)
    assert again["p"] == Point(3)
    assert again["s"] == {1}
    assert again == cm


def test_a_ttl_goes_on_after_loading(timed, clock, at):
    timed.put("a", 1, ttl=10)
    timed.save_pickle(at)
    clock.advance(9)
    again = ChronoMap.load_pickle(at, **TRUSTED, **clock.options)
    assert again["a"] == 1
    clock.advance(1)
    assert "a" not in again


def test_an_unknown_compression_is_refused_before_anything_is_written(at):
    with pytest.raises(lib.ChronoMapValueError, match="Unknown compression method: lz4"):
        filled().save_pickle(at, compress="lz4")
    assert not at.exists()


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.pkl")), ids=lambda path: path.name)
def test_what_the_peer_saved_is_loaded(clock, sample):
    cm = ChronoMap.load_pickle(sample, **TRUSTED, **clock.options)
    assert cm.history("temp") == [(0.1 + 0.2, 20.5), (1735689600.123456, 21)]
    assert cm[7] == "seven"
    clock.advance(3600)
    assert "session" not in cm


@pytest.mark.better
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(at):
    cm = filled()
    cm.save_pickle(at)
    before = at.read_bytes()
    cm["f"] = lambda: 1
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        cm.save_pickle(at)
    assert at.read_bytes() == before
    assert [file.name for file in at.parent.iterdir()] == [at.name]


# Pickling says it by an error of its own.
ANONYMOUS = lambda: 1  # noqa: E731


@pytest.mark.better
@pytest.mark.parametrize("value", [lambda: 1, ANONYMOUS, threading.Lock()])
def test_a_value_that_cannot_be_pickled_is_named_by_its_key(at, value):
    cm = filled()
    cm["f"] = value
    with pytest.raises(lib.ChronoMapTypeError, match="'f'"):
        cm.save_pickle(at)
    assert not at.exists()


@pytest.mark.parametrize("name", NAMES)
def test_load_json_runs_no_pickle(at, mark, name):
    at.write_bytes(hostile(mark)[name])
    with pytest.raises((ValueError, lib.ChronoMapError)):
        ChronoMap.load_json(at)
    assert not mark.exists()


@pytest.mark.better
@pytest.mark.parametrize("name", NAMES)
def test_from_dict_runs_no_pickle(mark, name):
    with pytest.raises(lib.ChronoMapError):
        ChronoMap.from_dict(hostile(mark)[name])
    assert not mark.exists()


@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(n, marks=pytest.mark.better) for n in NAMES if n not in LEFT_ALONE),
        *LEFT_ALONE,
    ],
)
def test_load_pickle_runs_nothing_unless_the_file_is_trusted(at, mark, name):
    """The strict reading of issue 8: without `trusted=True`, plain data only."""
    at.write_bytes(hostile(mark)[name])
    try:
        ChronoMap.load_pickle(at)
    except (lib.ChronoMapError, pickle.UnpicklingError):
        pass
    else:
        assert name == "after a good one"
    assert not mark.exists()


@pytest.mark.better
def test_an_object_in_a_pickle_that_is_not_trusted_is_refused_and_told_how(at):
    cm = filled()
    cm["p"] = Point(3)
    cm.save_pickle(at)
    with pytest.raises(lib.ChronoMapError, match="trusted=True"):
        ChronoMap.load_pickle(at)
    assert ChronoMap.load_pickle(at, trusted=True)["p"] == Point(3)


@pytest.mark.parametrize("data", [b"", b"junk", b"zlib|junk", b"\x80\x04", b"gzip|\x1f\x8b"])
def test_a_file_that_is_no_pickle_is_an_error(at, data):
    at.write_bytes(data)
    with pytest.raises(Exception):  # noqa: B017
        ChronoMap.load_pickle(at, **TRUSTED)
    with pytest.raises(FileNotFoundError):
        ChronoMap.load_pickle(at.with_name("nowhere"), **TRUSTED)
