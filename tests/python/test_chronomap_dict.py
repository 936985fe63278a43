"""A map is used like a dict of its latest values."""

import pytest

from chronomap_under_test import ChronoMap, lib


def test_items_are_set_read_and_deleted(cm):
    cm["k"] = 1
    cm["k"] = 2
    assert cm["k"] == 2
    assert [value for _, value in cm.history("k")] == [1, 2]
    del cm["k"]
    assert "k" not in cm


@pytest.mark.parametrize("call", [lambda cm: cm["gone"], lambda cm: cm.__delitem__("gone")])
def test_a_missing_key_is_a_key_error_that_names_it(cm, call):
    with pytest.raises(lib.ChronoMapKeyError) as error:
        call(cm)
    assert isinstance(error.value, KeyError)
    assert error.value.args == ("gone",)


def test_it_is_true_and_as_long_as_it_has_keys(cm):
    assert not cm
    cm["a"] = cm["b"] = cm["a"] = None
    assert cm
    assert len(cm) == 2
    assert "a" in cm
    assert "c" not in cm


def test_keys_come_in_the_order_in_which_they_were_first_put(cm):
    for key in "cabca":
        cm[key] = key.upper()
    del cm["a"]
    cm["a"] = "again"
    assert list(cm) == list(cm.keys()) == ["c", "b", "a"]
    assert list(cm.values()) == ["C", "B", "again"]
    assert list(cm.items()) == [("c", "C"), ("b", "B"), ("a", "again")]
    assert list(reversed(cm.latest())) == ["a", "b", "c"]


def test_it_may_be_changed_while_it_is_iterated(cm):
    cm.put_many({number: number for number in range(10)})
    for key in cm:
        del cm[key]
        cm[key + 100] = key
    assert list(cm) == list(range(100, 110))
    for key, value in cm.items():
        cm.delete(key)
        assert value == key - 100
    assert not cm


def test_dict_of_it_is_its_latest_values(cm):
    cm.put("a", 1, timestamp=1)
    cm.put("a", 2, timestamp=2)
    cm.put("b", 3, timestamp=1)
    assert dict(cm) == {"a": 2, "b": 3} == cm.latest()


def test_latest_is_a_copy(cm):
    cm["a"] = 1
    cm.latest()["b"] = 2
    assert cm.latest() == {"a": 1}


def test_maps_are_equal_by_their_latest_values(cm, other):
    cm.put("a", 1, timestamp=1)
    cm.put("a", 2, timestamp=2)
    assert cm != other
    other.put("a", 2, timestamp=50)
    assert cm == other
    assert cm == ChronoMap.from_dict(cm.to_dict())
    assert cm != {"a": 2}
    assert cm != 5


def test_it_has_no_hash(cm):
    with pytest.raises(TypeError, match="unhashable"):
        hash(cm)


def test_its_text_shows_up_to_ten_keys(cm):
    assert repr(cm) == "ChronoMap(keys=[])"
    cm.put_many({"a": 1, 2: "b"})
    assert repr(cm) == str(cm) == "ChronoMap(keys=['a', 2])"
    cm.put_many(dict.fromkeys(range(3, 12), 0))
    assert repr(cm) == "ChronoMap(keys=['a', 2, 3, 4, 5, 6, 7, 8, 9, 10]...)"


def test_keys_values_and_items_may_be_read_once_each_call(cm):
    cm["a"] = 1
    for call, found in ((cm.keys, "a"), (cm.values, 1), (cm.items, ("a", 1)), (cm.__iter__, "a")):
        assert next(iter(call())) == found
        assert list(call()) == [found]
