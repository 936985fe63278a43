"""Code of the user that is called from within a method may call every method: nothing hangs.

Hooks, `__hash__`, `__eq__`, `__del__`, predicates, functions, iterators and `__deepcopy__` each get
a map to call back into, one method after the other (the row re-entry of PROOF.md).
"""

import threading

import pytest

from chronomap_under_test import PEER, TRUSTED, ChronoMap, within

# Seconds: the peer hangs in nearly all of them.
LIMIT = 0.5 if PEER else 2
# Its import takes longer than that.
pytest.importorskip("pandas")


def in_a_context(cm):
    with cm.snapshot_context():
        cm.get("a")


# Every method, called on a map `cm` with a file `at` to save to.
CALLS = {
    "put": lambda cm, at: cm.put("b", 2),
    "put at a time": lambda cm, at: cm.put("a", 2, timestamp=1),
    "put with a ttl": lambda cm, at: cm.put("b", 2, ttl=60),
    "get": lambda cm, at: cm.get("a"),
    "get at a time": lambda cm, at: cm.get("a", timestamp=5),
    "delete": lambda cm, at: cm.delete("b"),
    "put_many": lambda cm, at: cm.put_many({"b": 1, "c": 2}),
    "delete_many": lambda cm, at: cm.delete_many(["b", "c"]),
    "query": lambda cm, at: cm.query(lambda key, value: True),
    "aggregate": lambda cm, at: cm.aggregate(len),
    "count": lambda cm, at: (cm.count(), cm.count(lambda key, value: True)),
    "prune_history": lambda cm, at: cm.prune_history("a", keep_last=1),
    "prune_all_history": lambda cm, at: cm.prune_all_history(keep_last=1),
    "get_range": lambda cm, at: cm.get_range("a"),
    "get_latest_keys": lambda cm, at: cm.get_latest_keys(3),
    "get_keys_by_value": lambda cm, at: cm.get_keys_by_value(1),
    "snapshot": lambda cm, at: cm.snapshot(),
    "rollback": lambda cm, at: cm.rollback(cm.snapshot()),
    "snapshot_context": lambda cm, at: in_a_context(cm),
    "diff": lambda cm, at: cm.diff(cm.snapshot()),
    "diff_detailed": lambda cm, at: cm.diff_detailed(cm.snapshot()),
    "merge": lambda cm, at: cm.merge(cm.snapshot()),
    "merge by overwriting": lambda cm, at: cm.merge(cm.snapshot(), strategy="overwrite"),
    "latest": lambda cm, at: cm.latest(),
    "history": lambda cm, at: cm.history("a"),
    "iter_history": lambda cm, at: list(cm.iter_history("a")),
    "clean_expired_keys": lambda cm, at: cm.clean_expired_keys(),
    "get_stats": lambda cm, at: cm.get_stats(),
    "reset_stats": lambda cm, at: cm.reset_stats(),
    "to_dict": lambda cm, at: cm.to_dict(),
    "from_dict": lambda cm, at: ChronoMap.from_dict(cm.to_dict()),
    "to_dataframe": lambda cm, at: cm.to_dataframe(),
    "save_json": lambda cm, at: ChronoMap().save_json(at),
    "save_pickle": lambda cm, at: (
        ChronoMap().save_pickle(at),
        ChronoMap.load_pickle(at, **TRUSTED),
    ),
    "on_change": lambda cm, at: (cm.on_change(print), cm.remove_change_callback(print)),
    "keys": lambda cm, at: (list(cm), list(cm.keys()), list(cm.values()), list(cm.items())),
    "len": lambda cm, at: (len(cm), bool(cm), "a" in cm, repr(cm), cm == cm.snapshot()),
    "subscribe": lambda cm, at: (cm.subscribe("z", print), cm.unsubscribe("z", print)),
    "get_or_set": lambda cm, at: cm.get_or_set("new", lambda: 1),
    "get_or_default": lambda cm, at: cm.get_or_default("new", 1),
    "keys_with_history_count": lambda cm, at: cm.keys_with_history_count(),
    "clear": lambda cm, at: cm.clear(),
}


def without_hanging(act, tmp_path, **options):
    """For each method: a new map, and `act(cm, back)`, where `back` calls that method of it."""
    for name, call in CALLS.items():
        method = name.split(" ", maxsplit=1)[0]
        if method not in {"keys", "len"} and not hasattr(ChronoMap, method):
            continue
        cm = ChronoMap(enable_ttl_cleanup=False, **options)
        cm.put_many({"a": 1, "b": 2}, timestamp=1)
        called, inside = [], threading.local()

        def back(*_, cm=cm, call=call, called=called, inside=inside):
            called.append(True)
            if not getattr(inside, "now", False):
                inside.now = True
                call(cm, tmp_path / "saved")
                inside.now = False
            return True

        try:
            within(LIMIT, lambda: act(cm, back))  # noqa: B023
        except pytest.fail.Exception as failure:
            pytest.fail(f"{name}: {failure}", pytrace=False)
        assert called, f"{name} was not called"


def better(*names):
    return [pytest.param(name, marks=pytest.mark.better) for name in names]


def put_with_a_hook(cm, back):
    cm.on_change(back)
    cm.put("a", 5)
    cm.put_many({"a": 6, "d": 7})


def test_from_a_hook_with_the_plain_lock(tmp_path):
    without_hanging(put_with_a_hook, tmp_path, use_rwlock=False)


@pytest.mark.better
def test_from_a_hook(tmp_path):
    without_hanging(put_with_a_hook, tmp_path)


@pytest.mark.better
def test_from_a_subscriber(tmp_path):
    def act(cm, back):
        cm.subscribe("a", back)
        cm.put("a", 5)
        cm.put_many({"a": 6})

    without_hanging(act, tmp_path)


@pytest.mark.better
@pytest.mark.parametrize("method", ["put", "get", "delete", "put_many", "history", "merge"])
def test_from_the_hash_or_equality_of_a_key(tmp_path, method):
    class Key:
        def __init__(self, back):
            self.back = back

        def __hash__(self):
            self.back()
            return hash("a")

        def __eq__(self, other):
            self.back()
            return other == "a" or self is other

    def act(cm, back):
        key = Key(lambda: None)
        other = ChronoMap(enable_ttl_cleanup=False)
        other.put(key, 1, timestamp=1)
        key.back = back
        {
            "put": lambda: cm.put(key, 3),
            "get": lambda: cm.get(key),
            "delete": lambda: cm.delete(key),
            "put_many": lambda: cm.put_many({key: 1}),
            "history": lambda: cm.history(key),
            "merge": lambda: cm.merge(other),
        }[method]()

    without_hanging(act, tmp_path)


@pytest.mark.parametrize(
    "method", [*better("get_keys_by_value", "diff", "diff_detailed"), "__eq__"]
)
def test_from_the_equality_of_a_value(tmp_path, method):
    class Value:
        def __init__(self, back):
            self.back = back

        def __hash__(self):
            return 1

        def __eq__(self, other):
            return self.back()

        def __deepcopy__(self, memo):
            return self

    def act(cm, back):
        cm.put("v", Value(back))
        other = ChronoMap(enable_ttl_cleanup=False)
        other.put_many({"a": 1, "b": 2, "v": Value(back)})
        if method == "get_keys_by_value":
            cm.get_keys_by_value(5)
        else:
            getattr(cm, method)(other)

    without_hanging(act, tmp_path)


@pytest.mark.parametrize(
    "method", [*better("delete", "delete_many", "clear", "prune", "rollback"), "put"]
)
def test_from_the_end_of_a_value(tmp_path, method):
    class Value:
        def __init__(self, back):
            self.back = back

        def __del__(self):
            self.back()

        def __deepcopy__(self, memo):
            return None

    def act(cm, back):
        snap = cm.snapshot()
        cm.put("v", Value(back), timestamp=1)
        {
            "delete": lambda: cm.delete("v"),
            "delete_many": lambda: cm.delete_many(["v"]),
            "clear": cm.clear,
            "prune": lambda: cm.prune_history("v", older_than=2),
            "put": lambda: [cm.put("v", number) for number in range(4)],
            "rollback": lambda: cm.rollback(snap),
        }[method]()

    without_hanging(act, tmp_path, max_history=2)


@pytest.mark.better
@pytest.mark.parametrize(
    "act",
    [
        lambda cm, back: cm.query(back),
        lambda cm, back: cm.query(back, timestamp=5),
        lambda cm, back: cm.count(back),
        lambda cm, back: cm.aggregate(back),
        lambda cm, back: cm.get_or_set("d", back),
    ],
    ids=["query", "query at a time", "count", "aggregate", "get_or_set"],
)
def test_from_a_predicate_or_function(tmp_path, act):
    without_hanging(act, tmp_path)


@pytest.mark.better
def test_from_what_is_iterated(tmp_path):
    def act(cm, back):
        class Items(dict):
            def items(self):
                yield "d", 1
                back()
                yield "e", 2

        def keys():
            yield "a"
            back()
            yield "d"

        cm.put_many(Items())
        cm.delete_many(keys())
        cm.aggregate(list, keys=keys())

    without_hanging(act, tmp_path)


@pytest.mark.better
@pytest.mark.parametrize("method", ["snapshot", "to_dict", "rollback", "save_pickle"])
def test_from_the_copy_of_a_value(tmp_path, method):
    class Value:
        def __init__(self, back):
            self.back = back

        def __deepcopy__(self, memo):
            self.back()
            return 1

        def __reduce__(self):
            self.back()
            return (int, ())

    def act(cm, back):
        value = Value(back)
        if method == "rollback":
            other = ChronoMap(enable_ttl_cleanup=False)
            other["v"] = value
            cm.rollback(other)
        else:
            cm["v"] = value
            arguments = [tmp_path / "copied"] if method == "save_pickle" else []
            getattr(cm, method)(*arguments)

    without_hanging(act, tmp_path)
