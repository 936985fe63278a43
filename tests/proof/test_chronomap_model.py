"""A map does what plain lists do: a state machine that runs both side by side.

The model says what API.md promises. The peer differs where it is to be mended: it is led around
those places (`PEER`), so that all the rest is checked on it too.

In full size it runs 10,000 examples of 200 steps in memory, and a tenth of that on a durable map,
which is closed and opened again among the steps.
"""

import shutil
import tempfile
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import Phase, assume
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from chronomap_under_test import PEER, TRUSTED, ChronoMap, fake_clock, pairs
from tests.proof import sizes
from tests.proof.machines import in_parts, run

RUNS, DURABLE_RUNS = sizes.size(40, 10_000), sizes.size(20, 1000)
STEPS = sizes.size(30, 200)

# The peer's JSON has only text for keys.
KEYS = st.sampled_from(["a", "b", "c", "1"] if PEER else ["a", "b", 1, "1", None, (1, "a")])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
)
VALUES = LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(st.text(max_size=2), LEAVES)
# Some are equal, some before the clock's 1000, some after it.
TIMES = st.integers(-4, 4) | st.integers(1980, 2120).map(lambda n: n / 2) | st.floats(-1e6, 1e6)
TTLS = st.none() | st.integers(1, 20) | st.floats(0.5, 20)
ITEMS = st.dictionaries(KEYS, VALUES, max_size=4)
COMPRESS = [False, "zlib", "gzip", "bz2", "lzma"]
# None is no value to the peer's query, aggregate and diff.
MISSING = None if PEER else object()


class Model:
    """For each key its versions in time order, and when it ends."""

    def __init__(self, clock, max_history=None):
        self.clock = clock
        self.max_history = max_history
        self.versions = {}
        self.ends = {}

    def copy(self):
        copied = Model(self.clock, self.max_history)
        copied.versions = deepcopy(self.versions)
        copied.ends = dict(self.ends)
        return copied

    def forget(self, key):
        self.ends.pop(key, None)
        return self.versions.pop(key, None) is not None

    def sweep(self):
        """An expired key is a deleted one."""
        gone = [key for key, end in self.ends.items() if self.clock.now >= end]
        return sum(map(self.forget, gone))

    def add(self, key, ts, value):
        versions = self.versions.setdefault(key, [])
        place = sum(at <= ts for at, _ in versions)
        versions.insert(place, (float(ts) + 0.0, deepcopy(value)))
        if self.max_history is not None:
            del versions[: -self.max_history]

    def put_many(self, items, ts, ttl):
        self.sweep()
        for key, value in items.items():
            self.add(key, self.clock.now if ts is None else ts, value)
            if ttl is not None:
                self.ends[key] = self.clock.now + ttl

    def prune(self, key, keep_last, older_than):
        before = len(self.versions.get(key, []))
        if not before:
            return 0
        left = self.versions[key]
        if keep_last is not None:
            left = left[-keep_last:]
        if older_than is not None:
            left = [version for version in left if version[0] >= older_than]
        self.versions[key] = left
        if not left:
            self.forget(key)
        return before - len(left)

    def merge(self, other, strategy):
        for key, versions in other.versions.items():
            if strategy == "overwrite":
                self.versions[key] = deepcopy(versions)
            else:
                for ts, value in versions:
                    self.add(key, ts, value)
        for key, end in other.ends.items():
            if strategy == "overwrite" or end > self.ends.get(key, 0):
                self.ends[key] = end

    def get(self, key, ts=None):
        ts = self.clock.now if ts is None else ts
        before = [value for at, value in self.versions.get(key, []) if at <= ts]
        return before[-1] if before else MISSING

    def values_at(self, ts=None):
        """What query and aggregate see."""
        found = {key: self.get(key, ts) for key in self.versions}
        return {key: value for key, value in found.items() if value is not MISSING}

    def latest(self):
        return {key: versions[-1][1] for key, versions in self.versions.items()}


class Machine(RuleBasedStateMachine):
    """The map under test, its model, and snapshots with models of their own."""

    steps = 0

    def __init__(self):
        super().__init__()
        self.context = ExitStack()
        self.clock = self.context.enter_context(fake_clock())
        self.folder = Path(tempfile.mkdtemp(prefix="chronomap"))
        self.context.callback(shutil.rmtree, self.folder)
        self.held = []

    def teardown(self):
        self.context.close()

    def make(self):
        return ChronoMap(**self.options)

    def new_model(self):
        return Model(self.clock, self.options["max_history"])

    @initialize(
        max_history=st.none() | st.integers(1, 4),
        use_rwlock=st.booleans(),
        # The peer's cache serves what a later version has replaced.
        cache_size=st.just(0) if PEER else st.sampled_from([0, 2, 1000]),
    )
    def start(self, max_history, use_rwlock, cache_size):
        self.loading = {
            "use_rwlock": use_rwlock,
            "cache_size": cache_size,
            "enable_ttl_cleanup": False,
            **self.clock.options,
        }
        self.options = {"max_history": max_history, **self.loading}
        self.cm = self.make()
        self.model = self.new_model()

    def sweep(self):
        """Before a change: the peer takes expired keys for living ones until they are cleaned."""
        self.model.sweep()
        if PEER:
            self.cm.clean_expired_keys()

    @rule(key=KEYS, value=VALUES, ts=st.none() | TIMES, ttl=TTLS)
    def put(self, key, value, ts, ttl):
        self.sweep()
        self.cm.put(key, deepcopy(value), timestamp=ts, ttl=ttl)
        self.model.put_many({key: value}, ts, ttl)

    @rule(items=ITEMS, ts=st.none() | TIMES, ttl=TTLS)
    def put_many(self, items, ts, ttl):
        self.sweep()
        self.cm.put_many(deepcopy(items), timestamp=ts, ttl=ttl)
        self.model.put_many(items, ts, ttl)

    @rule(key=KEYS, value=VALUES, ttl=st.integers(-3, 0), ts=st.just("soon") | TIMES)
    def refused(self, key, value, ttl, ts):
        """A wrong argument: nothing changes. The peer has stored the value by then."""
        ts = "soon" if PEER else ts
        with pytest.raises(ValueError):
            self.cm.put(key, value, timestamp=ts, ttl=ttl)
        with pytest.raises(ValueError):
            self.cm.put_many({"a": 1, key: value}, timestamp=ts, ttl=ttl)

    @rule(key=KEYS)
    def delete(self, key):
        self.sweep()
        assert self.cm.delete(key) == self.model.forget(key)

    @rule(keys=st.lists(KEYS, max_size=3))
    def delete_many(self, keys):
        self.sweep()
        assert self.cm.delete_many(keys) == sum(map(self.model.forget, keys))

    @rule(seconds=st.sampled_from([0.5, 1, 5, 20]) | st.floats(0, 30))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @rule()
    def clean(self):
        assert self.cm.clean_expired_keys() >= self.model.sweep()
        assert self.cm.get_stats()["expired_keys"] == 0
        assert self.cm.clean_expired_keys() == 0

    @precondition(lambda self: len(self.model.versions) > 2)
    @rule()
    def clear(self):
        self.cm.clear()
        self.model = self.new_model()

    @rule(
        key=KEYS, keep_last=st.none() | st.integers(1, 3), older_than=st.none() | TIMES,
        all_keys=st.booleans(),
    )  # fmt: skip
    def prune(self, key, keep_last, older_than, all_keys):
        self.sweep()
        keys = list(self.model.versions) if all_keys else [key]
        wanted = sum(self.model.prune(each, keep_last, older_than) for each in keys)
        if all_keys:
            assert self.cm.prune_all_history(keep_last, older_than) == wanted
        else:
            assert self.cm.prune_history(key, keep_last, older_than) == wanted
        if PEER:
            # It keeps keys that have no version left.
            self.cm.delete_many([each for each in keys if each not in self.model.versions])

    @precondition(lambda self: len(self.held) < 3)
    @rule()
    def snapshot(self):
        self.sweep()
        snap = self.cm.snapshot()
        assert snap.snapshot_time == self.clock.now
        self.held.append((snap, self.model.copy()))

    def draw_held(self, data):
        return self.held[data.draw(st.integers(0, len(self.held) - 1), "snapshot")]

    @precondition(lambda self: self.held)
    @rule(data=st.data(), items=ITEMS, ts=st.none() | TIMES)
    def write_to_a_snapshot(self, data, items, ts):
        snap, model = self.draw_held(data)
        model.sweep()
        if PEER:
            snap.clean_expired_keys()
        snap.put_many(deepcopy(items), timestamp=ts)
        model.put_many(items, ts, None)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def rollback(self, data):
        snap, model = self.draw_held(data)
        self.cm.rollback(snap)
        self.model = model.copy()

    @precondition(lambda self: self.held)
    @rule()
    def drop_a_snapshot(self):
        self.held.pop(0)

    @rule(items=ITEMS, keys=st.lists(KEYS, max_size=2), ts=st.none() | TIMES, fails=st.booleans())
    def context(self, items, keys, ts, fails):
        self.sweep()

        def work():
            with self.cm.snapshot_context():
                self.cm.put_many(deepcopy(items), timestamp=ts)
                self.cm.delete_many(keys)
                if fails:
                    raise ZeroDivisionError

        if fails:
            with pytest.raises(ZeroDivisionError):
                work()
        else:
            work()
            self.model.put_many(items, ts, None)
            for key in keys:
                self.model.forget(key)

    @rule(
        batches=st.lists(st.tuples(ITEMS, TIMES, TTLS), max_size=3),
        strategy=st.sampled_from(["timestamp", "overwrite"]),
    )
    def merge(self, batches, strategy):
        self.sweep()
        options = {name: value for name, value in self.options.items() if name != "path"}
        other, model = ChronoMap(**options), self.new_model()
        for items, ts, ttl in batches:
            other.put_many(deepcopy(items), timestamp=ts, ttl=ttl)
            model.put_many(items, ts, ttl)
        self.cm.merge(other, strategy=strategy)
        self.model.merge(model, strategy)

    @precondition(lambda self: not self.options.get("path"))
    @rule(key=KEYS)
    def change_inside_a_value(self, key):
        """Snapshots must not see it."""
        self.model.sweep()
        versions = self.model.versions.get(key)
        assume(versions and isinstance(versions[-1][1], list | dict))
        for value in (versions[-1][1], self.cm.history(key)[-1][1]):
            if isinstance(value, list):
                value.append("changed")
            else:
                value["changed"] = len(value)

    def replace(self, cm):
        """The map goes on as one that was saved and loaded."""
        self.cm = cm

    @rule(compress=st.sampled_from(COMPRESS))
    def save_and_load_json(self, compress):
        at = self.folder / "map.json"
        self.cm.save_json(at, **({} if PEER else {"compress": compress}))
        self.replace(ChronoMap.load_json(at, **self.loading))

    @rule(compress=st.sampled_from(COMPRESS))
    def save_and_load_pickle(self, compress):
        at = self.folder / "map.pkl"
        self.cm.save_pickle(at, compress=compress)
        self.replace(ChronoMap.load_pickle(at, **TRUSTED, **self.loading))

    @rule(compress=st.sampled_from(COMPRESS))
    def through_a_dict(self, compress):
        self.replace(ChronoMap.from_dict(self.cm.to_dict(compress), **self.loading))

    @precondition(lambda self: not PEER)
    @rule(key=KEYS, value=VALUES, ttl=TTLS)
    def get_or_set(self, key, value, ttl):
        self.model.sweep()
        there = self.model.get(key)
        assume(there is not MISSING or key not in self.model.versions)
        found = self.cm.get_or_set(key, lambda: deepcopy(value), ttl=ttl)
        if there is MISSING:
            self.model.put_many({key: value}, None, ttl)
        assert repr(found) == repr(self.model.get(key))

    @rule(key=KEYS, ts=st.none() | TIMES)
    def get(self, key, ts):
        self.model.sweep()
        found = self.cm.get(key, timestamp=ts, default=MISSING)
        assert repr(found) == repr(self.model.get(key, ts))

    @rule(key=KEYS, start=st.none() | TIMES, end=st.none() | TIMES)
    def get_range(self, key, start, end):
        self.model.sweep()
        wanted = [
            version
            for version in self.model.versions.get(key, [])
            if (start is None or start <= version[0])
            and version[0] <= (self.clock.now if end is None else end)
        ]
        assert repr(pairs(self.cm.get_range(key, start, end))) == repr(wanted)

    @rule(ts=st.none() | TIMES, n=st.integers(0, 4), value=VALUES)
    def queries(self, ts, n, value):
        self.model.sweep()
        there = self.model.values_at(ts)
        found = self.cm.query(lambda key, value: bool(value), timestamp=ts)
        assert repr(found) == repr({key: value for key, value in there.items() if value})
        assert self.cm.count(lambda key, value: bool(value), timestamp=ts) == len(found)
        assert repr(self.cm.aggregate(list, timestamp=ts) or []) == repr(list(there.values()))
        newest = [(key, *versions[-1]) for key, versions in self.model.versions.items()]
        newest.sort(key=lambda version: -version[1])
        assert repr(self.cm.get_latest_keys(n)) == repr(newest[:n])
        if value is not None:
            wanted = [key for key, found in there.items() if found == value]
            assert self.cm.get_keys_by_value(value, timestamp=ts) == wanted
        if not PEER:
            assert repr(dict(self.cm.as_of(self.clock.now if ts is None else ts))) == repr(there)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def diff(self, data):
        snap, model = self.draw_held(data)
        self.sweep()
        model.sweep()
        if PEER:
            snap.clean_expired_keys()
        keys = {**self.model.versions, **model.versions}
        wanted = {key for key in keys if self.model.get(key) != model.get(key)}
        assert self.cm.diff(snap) == snap.diff(self.cm) == wanted
        values = {key: (old, new) for key, old, new in self.cm.diff_detailed(snap)}
        assert set(values) == wanted
        for key, (old, new) in values.items():
            assert repr((old, new)) == repr(
                tuple(None if v is MISSING else v for v in (model.get(key), self.model.get(key)))
            )

    @invariant()
    def all_is_equal(self):
        Machine.steps += 1
        for cm, model in [(self.cm, self.model), *self.held]:
            model.sweep()
            assert list(cm) == list(model.versions)
            assert len(cm) == cm.count() == len(model.versions)
            assert bool(cm) == bool(model.versions)
            assert repr(cm.latest()) == repr(model.latest())
            for key, versions in model.versions.items():
                assert key in cm
                assert repr(pairs(cm.history(key))) == repr(versions)
            living = sum(map(len, model.versions.values()))
            assert cm.get_stats()["total_versions"] >= living


class DurableMachine(Machine):
    """The same in a file, closed and opened among the steps."""

    def make(self):
        self.options["path"] = self.folder / "map.chl"
        return ChronoMap(**self.options)

    def replace(self, cm):
        assert repr(cm.latest()) == repr(self.cm.latest())

    @rule()
    def reopen(self):
        self.cm.close()
        self.cm = self.make()

    @rule()
    def compact(self):
        self.cm.compact()

    def teardown(self):
        self.cm.close()
        super().teardown()


def play(part, runs, steps):
    """What the runs of a part counted."""
    Machine.steps = 0
    run(Machine, runs, steps, part)
    return (Machine.steps,)


def play_durable(part, runs, steps):
    """The same of maps in files."""
    Machine.steps = DurableMachine.steps = 0
    run(DurableMachine, runs, steps, part)
    return (DurableMachine.steps + Machine.steps,)


def test_a_map_does_what_lists_do():
    runs, (steps,) = in_parts(play, RUNS, STEPS)
    sizes.figures("chronomap_model", f"{runs} runs, {steps} steps, 0 different")


@pytest.mark.better
def test_a_durable_map_does_what_lists_do():
    runs, (steps,) = in_parts(play_durable, DURABLE_RUNS, STEPS)
    sizes.figures("chronomap_durable", f"{runs} runs, {steps} steps, 0 different")


def changed(name, method):
    """A machine whose model has another method of that name."""

    class Changed(Machine):
        def new_model(self):
            model = super().new_model()
            setattr(model, name, lambda *arguments: method(model, *arguments))
            return model

    return Changed


def first_wins(model, key, ts, value):
    versions = model.versions.setdefault(key, [])
    place = sum(at < ts for at, _ in versions)
    versions.insert(place, (float(ts) + 0.0, deepcopy(value)))


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("add", first_wins),
        ("sweep", lambda model: 0),
        ("prune", lambda model, *arguments: 0),
    ],
)
def test_control_another_model_differs(name, method):
    with pytest.raises((AssertionError, BaseExceptionGroup)):
        run(changed(name, method), 200, 20, phases=[Phase.generate])
