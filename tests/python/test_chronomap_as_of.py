"""as_of(t) is the whole map at t, read-only; known_at(t) is what the map said at t."""

from collections.abc import Mapping

import pytest

from chronomap_under_test import ChronoMap

pytestmark = pytest.mark.better


@pytest.fixture(params=["in memory", "durable"])
def cm(request, tmp_path, clock):
    options = {"path": tmp_path / "map.chl"} if request.param == "durable" else {}
    return ChronoMap(**options, **clock.options)


@pytest.fixture
def filled(cm):
    return fill(cm)


def fill(cm):
    cm.put("a", 1, timestamp=10)
    cm.put("a", 2, timestamp=20)
    cm.put("b", None, timestamp=15)
    cm.put("c", [3], timestamp=30)
    return cm


def test_it_holds_each_key_that_had_a_value_then(filled):
    assert dict(filled.as_of(5)) == {}
    assert dict(filled.as_of(10)) == {"a": 1}
    assert dict(filled.as_of(19.9)) == {"a": 1, "b": None}
    assert dict(filled.as_of(20)) == {"a": 2, "b": None}
    assert dict(filled.as_of(1e9)) == {"a": 2, "b": None, "c": [3]}


def test_it_takes_every_form_of_time(filled):
    assert dict(filled.as_of("1970-01-01T00:00:10Z")) == {"a": 1}
    with pytest.raises(ValueError, match="Invalid datetime string: soon"):
        filled.as_of("soon")


def test_it_is_a_mapping(filled):
    view = filled.as_of(15)
    assert isinstance(view, Mapping)
    assert len(view) == 2
    assert view
    assert not filled.as_of(1)
    assert list(view) == list(view.keys()) == ["a", "b"]
    assert list(view.values()) == [1, None]
    assert list(view.items()) == [("a", 1), ("b", None)]
    assert "a" in view
    assert "c" not in view
    assert view["b"] is None
    assert view.get("a") == 1
    assert view.get("c") is None
    assert view.get("c", 7) == 7
    assert view == {"a": 1, "b": None}
    with pytest.raises(KeyError, match="c"):
        view["c"]


def test_it_cannot_be_written_to(filled):
    view = filled.as_of(15)
    with pytest.raises(TypeError):
        view["a"] = 5
    with pytest.raises(TypeError):
        del view["a"]
    assert not hasattr(view, "put")
    assert filled["a"] == 2


def test_it_agrees_with_get_and_query(filled):
    for ts in (0, 10, 12, 15, 20, 25, 30, 99):
        view = filled.as_of(ts)
        assert [view.get(key) for key in "abcd"] == [filled.get(k, timestamp=ts) for k in "abcd"]
        assert dict(view) == filled.query(lambda key, value: True, timestamp=ts)


def test_a_view_stays_as_it_was_made(filled):
    view = filled.as_of(15)
    filled.put("a", "late", timestamp=12)
    filled.delete("b")
    assert dict(view) == {"a": 1, "b": None}
    assert dict(filled.as_of(15)) == {"a": "late"}


def test_known_at_is_what_the_map_said_then_of_any_time(tmp_path, clock):
    """Both axes: when it was so, and when it was put. A map in memory may keep the first only."""
    filled = fill(ChronoMap(path=tmp_path / "known.chl", **clock.options))
    clock.advance(10)
    filled.put("a", "corrected", timestamp=12)
    clock.advance(10)
    filled.put("d", 4, timestamp=5)
    first, second = filled.known_at(1005), filled.known_at(1015)
    assert [first.get("a", timestamp=ts) for ts in (5, 10, 15, 20)] == [None, 1, 1, 2]
    assert [second.get("a", timestamp=ts) for ts in (5, 10, 15, 20)] == [None, 1, "corrected", 2]
    assert second.get("d", timestamp=15) is None
    assert filled.known_at(1020).get("d", timestamp=15) == 4
    assert filled.known_at(999).get("a", timestamp=15) is None
