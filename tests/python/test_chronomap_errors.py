"""The exceptions: each is a ChronoMapError and what Python has for it."""

import pytest

from chronomap_under_test import ChronoMap, lib

KINDS = {
    "ChronoMapKeyError": KeyError,
    "ChronoMapTypeError": TypeError,
    "ChronoMapValueError": ValueError,
    "ChronoMapMemoryError": MemoryError,
}
# A call, the kind of error, and the words that tell.
CALLS = [
    (lambda cm: cm["gone"], "ChronoMapKeyError", "'gone'"),
    (lambda cm: cm.get(("a", 1), strict=True), "ChronoMapKeyError", "('a', 1)"),
    (lambda cm: cm.__delitem__(7), "ChronoMapKeyError", "7"),
    (lambda cm: cm.put([], 1), "ChronoMapTypeError", "Key must be hashable, got list"),
    (
        lambda cm: cm.put("a", 1, timestamp=b"1"),
        "ChronoMapTypeError",
        "Invalid timestamp type: <class 'bytes'>",
    ),
    (
        lambda cm: cm.put("a", 1, timestamp="soon"),
        "ChronoMapValueError",
        "Invalid datetime string: soon",
    ),
    (
        lambda cm: cm.put("a", 1, timestamp=float("nan")),
        "ChronoMapValueError",
        "Timestamp must be finite, got nan",
    ),
    (lambda cm: cm.put("a", 1, ttl=-2.5), "ChronoMapValueError", "TTL must be positive, got -2.5"),
    (lambda cm: cm.merge(cm, "new"), "ChronoMapValueError", "Invalid merge strategy: new"),
    (lambda cm: cm.merge({}), "ChronoMapTypeError", "Expected ChronoMap instance for merge."),
    (lambda cm: cm.diff({}), "ChronoMapTypeError", "Expected ChronoMap instance for diff."),
    (
        lambda cm: cm.diff_detailed({}),
        "ChronoMapTypeError",
        "Expected ChronoMap instance for diff_detailed.",
    ),
    (lambda cm: cm.rollback({}), "ChronoMapTypeError", "Expected ChronoMap instance for rollback."),
    (lambda cm: cm.to_dict("lz4"), "ChronoMapValueError", "Unknown compression method: lz4"),
]


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_a_chronomap_error_and_one_of_python(name):
    kind = getattr(lib, name)
    assert issubclass(kind, lib.ChronoMapError)
    assert issubclass(kind, KINDS[name])
    assert issubclass(lib.ChronoMapError, Exception)
    assert kind("x").args == ("x",)


@pytest.mark.better
def test_they_are_chronolite_errors():
    assert issubclass(lib.ChronoMapError, lib.ChronoliteError)


@pytest.mark.parametrize(("call", "kind", "words"), CALLS)
def test_the_words_of_each_error(cm, call, kind, words):
    with pytest.raises(getattr(lib, kind)) as error:
        call(cm)
    assert str(error.value) == words


def test_a_memory_error_names_both_sizes():
    cm = ChronoMap(max_memory_mb=0.0001)
    with pytest.raises(lib.ChronoMapMemoryError) as error:
        cm.put_many({number: number for number in range(1000)})
    assert str(error.value).startswith("Memory limit exceeded: ")
    assert str(error.value).endswith("MB (limit: 0.00MB)")
