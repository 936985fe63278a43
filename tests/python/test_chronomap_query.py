"""query, aggregate and count look at every key's value, now or at a time."""

import threading
import time

import pytest

from chronomap_under_test import within


@pytest.fixture
def scores(cm):
    cm.put_many({"score1": 85, "score2": 92, "score3": 78, "name": "x"}, timestamp=10)
    cm.put("score1", 70, timestamp=20)
    return cm


def big(key, value):
    return isinstance(value, int) and value > 80


def test_query_gives_the_keys_and_values_that_it_holds_for(scores):
    assert scores.query(big) == {"score2": 92}
    assert scores.query(lambda key, value: key.startswith("score")) == {
        "score1": 70,
        "score2": 92,
        "score3": 78,
    }
    assert scores.query(lambda key, value: False) == {}


def test_query_keeps_the_order_of_the_keys(scores):
    assert list(scores.query(lambda key, value: True)) == ["score1", "score2", "score3", "name"]


def test_query_at_a_time_sees_the_values_of_then(scores):
    assert scores.query(big, timestamp=15) == {"score1": 85, "score2": 92}
    assert scores.query(big, timestamp="1970-01-01T00:00:10Z") == {"score1": 85, "score2": 92}
    assert scores.query(lambda key, value: True, timestamp=9) == {}


def test_what_counts_as_true_is_enough(scores):
    assert scores.query(lambda key, value: value if key == "score1" else "") == {"score1": 70}


def test_what_a_predicate_raises_comes_through_and_the_map_lives_on(scores):
    with pytest.raises(TypeError):
        scores.query(lambda key, value: value > 80)
    scores["name"] = 100
    assert scores.count(lambda key, value: value > 80) == 2


def test_count(scores):
    assert scores.count() == 4
    assert scores.count(big) == 1
    assert scores.count(big, timestamp=15) == 2
    assert scores.count(predicate=big, timestamp=9) == 0


def test_aggregate_calls_the_function_with_the_list_of_values(scores):
    assert scores.aggregate(list) == [70, 92, 78, "x"]
    assert scores.aggregate(type) is list
    assert scores.aggregate(sum, keys=["score1", "score2"]) == 162
    assert scores.aggregate(lambda values: sum(values) / len(values), keys=["score3"]) == 78
    assert scores.aggregate(max, keys=["score1", "score2"], timestamp=15) == 92


def test_aggregate_passes_over_missing_keys_and_takes_a_key_as_often_as_it_is_named(scores):
    assert scores.aggregate(list, keys=["score3", "nowhere", "score3", "name"]) == [78, 78, "x"]
    assert scores.aggregate(list, keys=("score1",)) == [70]


def test_aggregate_of_nothing_is_none(cm, scores):
    assert cm.aggregate(list, keys=[]) is None
    assert cm.aggregate(list, keys=["nowhere"]) is None
    assert cm.aggregate(list, timestamp=5) is None
    cm.clear()
    assert cm.aggregate(sum) is None


def test_expired_keys_are_not_there(timed, clock):
    timed.put("a", 1, ttl=10)
    timed.put("b", 2)
    clock.advance(10)
    assert timed.query(lambda key, value: True) == {"b": 2}
    assert timed.query(lambda key, value: True, timestamp=1000) == {"b": 2}
    assert timed.aggregate(list) == timed.aggregate(list, keys=["a", "b"]) == [2]
    assert timed.count() == timed.count(lambda key, value: True) == 1


@pytest.mark.better
def test_none_is_a_value_like_any_other(cm):
    cm.put_many({"a": None, "b": 1}, timestamp=10)
    assert cm.query(lambda key, value: value is None) == {"a": None}
    assert cm.query(lambda key, value: True, timestamp=10) == {"a": None, "b": 1}
    assert cm.aggregate(list) == [None, 1]
    assert cm.aggregate(list, keys=["a"]) == [None]
    assert cm.count(lambda key, value: value is None) == 1


def test_readers_do_not_block_each_other(cm):
    cm["a"] = 1
    reading, done = threading.Event(), threading.Event()

    def slow(key, value):
        reading.set()
        return done.wait(5)

    thread = threading.Thread(target=lambda: cm.query(slow), daemon=True)
    thread.start()
    assert reading.wait(5)
    assert within(2, lambda: (cm.get("a"), cm.latest(), len(cm))) == (1, {"a": 1}, 1)
    done.set()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.better
def test_a_query_beside_a_writer_does_not_hang(cm):
    """The peer's query reads under a lock that it holds already: a waiting writer ends both."""
    cm.put_many({number: number for number in range(500)})
    stop = threading.Event()

    def write():
        while not stop.is_set():
            cm.put("x", 1)

    def read():
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            assert len(cm.query(lambda key, value: key != "x")) == 500
            assert cm.aggregate(len) >= 500
            assert cm.get_keys_by_value(499) == [499]
            assert cm.diff(cm) == set()

    threading.Thread(target=write, daemon=True).start()
    try:
        within(4, read)
    finally:
        stop.set()
