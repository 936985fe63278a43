"""AsyncChronoMap: the same map for asyncio."""

import asyncio
import inspect

import pytest

from chronomap_under_test import AsyncChronoMap, ChronoMap, lib

# What the peer has: all but the last two are awaited.
AWAITED = ["put", "get", "delete", "put_many", "snapshot", "keys", "latest"]
OF_THE_PEER = {*AWAITED, "on_change", "get_stats"}


def run(test):
    """The result of a coroutine function; an error if it takes too long."""
    return asyncio.run(asyncio.wait_for(test(), 10))


async def settled(value):
    """What a call gave, whether it is to be awaited or not."""
    return await value if inspect.isawaitable(value) else value


def test_what_the_peer_awaits_is_awaited_and_the_rest_is_not():
    async def test():
        cm = AsyncChronoMap()
        arguments = {"put": ["a", 1], "get": ["a"], "delete": ["a"], "put_many": [{"a": 1}]}
        for name in AWAITED:
            given = getattr(cm, name)(*arguments.get(name, []))
            assert inspect.isawaitable(given), name
            await given
        assert cm.on_change(print) is None
        assert isinstance(cm.get_stats(), dict)

    run(test)


def test_put_get_and_delete():
    async def test():
        cm = AsyncChronoMap()
        assert await cm.put("a", 1, timestamp=10) is None
        await cm.put("a", 2, timestamp="1970-01-01T00:00:20Z")
        await cm.put("a", 0, timestamp=5)
        assert await cm.get("a") == 2
        assert [await cm.get("a", timestamp=ts) for ts in (4, 5, 15, 20)] == [None, 0, 1, 2]
        assert await cm.get("b", default=7) == 7
        with pytest.raises(lib.ChronoMapKeyError, match="b"):
            await cm.get("b", strict=True)
        assert await cm.delete("a") is True
        assert await cm.delete("a") is False
        assert await cm.keys() == []

    run(test)


def test_put_many_keys_and_latest():
    async def test():
        cm = AsyncChronoMap()
        await cm.put_many({"a": 1, "b": None}, timestamp=1)
        await cm.put_many({"c": 3}, ttl=100)
        assert await cm.keys() == ["a", "b", "c"]
        assert await cm.latest() == {"a": 1, "b": None, "c": 3}
        assert await cm.get("a", timestamp=0.5) is None

    run(test)


def test_a_snapshot_is_independent():
    async def test():
        cm = AsyncChronoMap(max_history=2)
        await cm.put("a", [1])
        snap = await cm.snapshot()
        assert isinstance(snap, AsyncChronoMap)
        (await cm.get("a")).append(2)
        await cm.put("b", 1)
        assert await snap.latest() == {"a": [1]}
        assert cm.get_stats()["snapshots"] == 1

    run(test)


def test_max_history_and_counts():
    async def test():
        cm = AsyncChronoMap(False, 2)
        for ts in range(4):
            await cm.put("a", ts, timestamp=ts)
        assert [await cm.get("a", timestamp=ts) for ts in range(4)] == [None, None, 2, 3]
        await cm.delete("a")
        stats = cm.get_stats()
        names = ("writes", "reads", "deletes", "snapshots", "auto_prunes")
        assert [stats[name] for name in names] == [4, 2, 1, 0, 2]

    run(test)


def test_ttl(clock):
    async def test():
        cm = AsyncChronoMap(**clock.options)
        await cm.put("a", 1, ttl=10)
        await cm.put_many({"b": 2}, ttl=20)
        clock.advance(10)
        assert await cm.get("a") is None
        assert await cm.keys() == ["b"]
        assert await cm.latest() == {"b": 2}

    run(test)


def test_hooks_may_be_functions_or_coroutines():
    seen = []

    async def later(key, old, new, ts):
        await asyncio.sleep(0)
        seen.append(("later", key, old, new, ts))

    async def test():
        cm = AsyncChronoMap()
        cm.on_change(lambda *change: seen.append(("now", *change)))
        cm.on_change(later)
        await cm.put("a", 1, timestamp=1)
        await cm.put_many({"a": 2}, timestamp=2)

    run(test)
    assert seen == [
        ("now", "a", None, 1, 1.0),
        ("later", "a", None, 1, 1.0),
        ("now", "a", 1, 2, 2.0),
        ("later", "a", 1, 2, 2.0),
    ]


def test_what_is_wrong_is_refused():
    async def test():
        cm = AsyncChronoMap()
        with pytest.raises(lib.ChronoMapTypeError, match="Key must be hashable, got list"):
            await cm.put([], 1)
        with pytest.raises(lib.ChronoMapValueError, match="Invalid datetime string: x"):
            await cm.put("a", 1, timestamp="x")
        with pytest.raises(lib.ChronoMapTypeError, match="Invalid timestamp type"):
            await cm.get("a", timestamp=b"x")
        with pytest.raises(lib.ChronoMapValueError, match="TTL must be positive, got -1"):
            await cm.put("a", 1, ttl=-1)

    run(test)


def test_tasks_at_once():
    async def test():
        cm = AsyncChronoMap()

        async def work(number):
            for step in range(20):
                await cm.put(number, step, timestamp=step)
                await cm.put("all", number)
            return await cm.get(number)

        assert await asyncio.gather(*(work(number) for number in range(20))) == [19] * 20
        assert len(await cm.keys()) == 21
        assert cm.get_stats()["writes"] == 800

    run(test)


def test_after_a_cancelled_call_the_map_works_and_the_call_was_made_or_not():
    async def test():
        cm = AsyncChronoMap()
        await cm.put("a", 0)
        tasks = []
        for number in range(1, 200):
            tasks.append(asyncio.ensure_future(cm.put_many({"a": number, "b": number})))
            if number % 2:
                tasks[-1].cancel()
            if number % 7 == 0:
                await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)
        latest = await cm.latest()
        assert latest["a"] == latest["b"]
        await cm.put("a", "again")
        assert await cm.get("a") == "again"

    run(test)


def test_a_call_cancelled_while_a_hook_waits_leaves_no_lock_behind():
    async def test():
        cm = AsyncChronoMap()

        async def slow(key, *change):
            if key == "slow":
                await asyncio.sleep(60)

        cm.on_change(slow)
        waiting = asyncio.ensure_future(cm.put("slow", 1))
        await asyncio.sleep(0.01)
        behind = asyncio.ensure_future(cm.put("behind", 1))
        await asyncio.sleep(0.01)
        for task in (behind, waiting):
            task.cancel()
            await asyncio.wait([task])
        await asyncio.wait_for(cm.put("after", 1), 2)
        assert (await cm.latest())["after"] == 1

    run(test)


@pytest.mark.better
@pytest.mark.parametrize(
    "name", [n for n in dir(ChronoMap) if not n.startswith("_") and n not in OF_THE_PEER]
)
def test_every_method_is_there(name):
    assert hasattr(AsyncChronoMap, name)


@pytest.mark.better
def test_a_refused_put_changes_nothing():
    async def test():
        cm = AsyncChronoMap()
        for options in ({"ttl": -1}, {"timestamp": float("nan")}, {"timestamp": float("inf")}):
            with pytest.raises(lib.ChronoMapValueError):
                await cm.put("a", 1, **options)
        assert await cm.latest() == {}

    run(test)


@pytest.mark.better
def test_what_a_hook_raises_is_logged(caplog):
    async def broken(*change):
        raise RuntimeError("out of paper")

    def broken_too(*change):
        raise RuntimeError("out of ink")

    async def test():
        cm = AsyncChronoMap()
        cm.on_change(broken)
        cm.on_change(broken_too)
        await cm.put("a", 1)
        assert await cm.get("a") == 1

    run(test)
    assert caplog.text.count("Error in change callback") == 2
    assert "out of paper" in caplog.text
    assert "out of ink" in caplog.text


@pytest.mark.better
def test_a_hook_may_call_the_map():
    async def test():
        cm = AsyncChronoMap()
        found = []

        async def hook(key, *change):
            if key == "a":
                await cm.put("b", await cm.get("a"))
            found.append(await cm.latest())

        cm.on_change(hook)
        await asyncio.wait_for(cm.put("a", 1), 2)
        assert found[-1] == {"a": 1, "b": 1}

    run(test)


@pytest.mark.better
def test_subscriptions_and_removal_of_hooks():
    async def test():
        cm = AsyncChronoMap()
        seen = []

        async def hook(old, new, ts):
            seen.append((old, new))

        await settled(cm.subscribe("a", hook))
        await cm.put_many({"a": 1, "b": 2})
        assert await settled(cm.unsubscribe("a", hook)) is True
        await cm.put("a", 3)
        assert await settled(cm.remove_change_callback(hook)) is False
        assert seen == [(None, 1)]

    run(test)


@pytest.mark.better
def test_the_other_methods_do_what_those_of_the_map_do(tmp_path):
    async def test():
        cm = AsyncChronoMap()
        for ts in range(1, 4):
            await cm.put_many({"a": ts, "b": -ts}, timestamp=ts)
        calls = {
            "query": [lambda key, value: value > 0],
            "aggregate": [sum],
            "count": [],
            "get_range": ["a", 2, 3],
            "get_latest_keys": [1],
            "get_keys_by_value": [-3],
            "history": ["a"],
            "keys_with_history_count": [],
            "values": [],
            "items": [],
            "prune_history": ["a", 2],
            "prune_all_history": [1],
            "get_or_set": ["c", lambda: 5],
            "get_or_default": ["d", 6],
            "delete_many": [["c", "d", "e"]],
            "clean_expired_keys": [],
            "to_dict": [],
        }
        same = ChronoMap()
        for ts in range(1, 4):
            same.put_many({"a": ts, "b": -ts}, timestamp=ts)
        for name, arguments in calls.items():
            wanted = getattr(same, name)(*arguments)
            found = await settled(getattr(cm, name)(*arguments))
            if name in {"values", "items"}:
                wanted, found = list(wanted), list(found)
            assert found == wanted, name
        snap = await cm.snapshot()
        await cm.put("a", 9)
        assert await settled(cm.diff(snap)) == {"a"}
        assert await settled(cm.diff_detailed(snap)) == [("a", 3, 9)]
        await settled(cm.rollback(snap))
        await settled(cm.merge(snap, strategy="overwrite"))
        await settled(cm.save_json(tmp_path / "a.json"))
        again = await settled(AsyncChronoMap.load_json(tmp_path / "a.json"))
        assert isinstance(again, AsyncChronoMap)
        assert await again.latest() == await cm.latest() == {"a": 3, "b": -3}
        await settled(cm.clear())
        assert await cm.keys() == []

    run(test)


@pytest.mark.better
def test_an_async_factory_is_awaited():
    async def test():
        cm = AsyncChronoMap()

        async def factory():
            await asyncio.sleep(0)
            return 5

        assert await cm.get_or_set("a", factory) == 5
        assert await cm.get("a") == 5

    run(test)


@pytest.mark.better
def test_its_context_rolls_back():
    async def test():
        cm = AsyncChronoMap()
        await cm.put("a", 1)

        async def work():
            async with cm.snapshot_context() as inside:
                assert inside is cm
                await cm.put("a", 1 / 0)

        with pytest.raises(ZeroDivisionError):
            await work()
        assert await cm.latest() == {"a": 1}

    run(test)


@pytest.mark.better
def test_long_calls_run_beside_the_loop(tmp_path):
    async def test():
        cm = AsyncChronoMap()
        await cm.put_many({number: [number] * 5 for number in range(100_000)})
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        ticking = asyncio.ensure_future(tick())
        await cm.save_json(tmp_path / "a.json")
        ticking.cancel()
        assert ticks >= 5

    run(test)


@pytest.mark.better
def test_a_cancelled_save_leaves_the_old_file_or_the_new(tmp_path):
    at = tmp_path / "a.json"

    async def test():
        cm = AsyncChronoMap()
        await cm.put_many(dict.fromkeys(range(50000), 1))
        await cm.save_json(at)
        before = at.read_bytes()
        await cm.put("more", 1)
        task = asyncio.ensure_future(cm.save_json(at))
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0.5)
        after = at.read_bytes()
        assert after == before or len(ChronoMap.load_json(at)) == 50_001
        assert [file.name for file in tmp_path.iterdir()] == ["a.json"]

    run(test)
