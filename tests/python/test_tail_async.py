"""The change feed for asyncio: the loop goes on, and what is cancelled loses nothing."""

import asyncio
import contextlib
import doctest
import threading
import time

import pytest

import chronolite as cl
from chronolite import aio

SOON = 10


@pytest.fixture
def table(db):
    return db.create_table("t", {"id": "i64"})


def fill(table, ids):
    table.append({"ts": list(ids), "id": list(ids)})


def ids(batch):
    return batch.to_numpy()["id"].tolist()


def threads():
    """Names of the feeds' threads."""
    return [t.name for t in threading.enumerate() if t.name.startswith("chronolite-tail")]


def gone(deadline=SOON):
    """Whether no feed has a thread any more, soon."""
    end = time.monotonic() + deadline
    while threads() and time.monotonic() < end:
        time.sleep(0.01)
    return threads() == []


def test_it_waits_while_the_loop_goes_on(table):
    async def main():
        found, ticks = [], 0
        feed = aio.tail(table, timeout=SOON)

        async def follow():
            async for batch in feed:
                found.extend(ids(batch))
                if len(found) == 3:
                    break

        following = asyncio.create_task(follow())
        for n in range(3):
            for _ in range(20):
                await asyncio.sleep(0.002)
                ticks += 1
            fill(table, [n])
        await asyncio.wait_for(following, SOON)
        assert (found, feed.cursor, ticks) == ([0, 1, 2], 3, 60)
        await feed.aclose()

    asyncio.run(main())
    assert gone()


def test_what_is_there_and_the_end(table):
    fill(table, [2, 1])

    async def main():
        feed = aio.tail(table, cursor=0, timeout=0)
        assert [ids(batch) async for batch in feed] == [[2, 1]]
        fill(table, [3])
        assert [ids(batch) async for batch in feed] == [[3]], "it goes on"
        begun = time.monotonic()
        assert [batch async for batch in aio.tail(table, timeout=0.6)] == []
        assert 0.6 <= time.monotonic() - begun < SOON

    asyncio.run(main())


def test_a_wait_that_is_cancelled_loses_no_row_and_leaves_no_thread_waiting(table):
    async def main():
        async with contextlib.aclosing(aio.tail(table)) as feed:
            found = []
            for n in range(30):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(feed), 0.002)
                assert feed.cursor == n
                # The row may come while nobody asks: it is what the next call gets.
                fill(table, [n])
                if n % 3 == 0:
                    await asyncio.sleep(0.005)
                found += ids(await asyncio.wait_for(anext(feed), SOON))
                assert feed.cursor == n + 1
            assert found == list(range(30))

    asyncio.run(main())
    assert gone()


def test_rows_come_once_though_each_call_may_be_cancelled_at_any_moment(table):
    rows = 400

    async def main():
        feed, found = aio.tail(table), []

        def write():
            for n in range(rows):
                fill(table, [n])

        writing = asyncio.create_task(asyncio.to_thread(write))
        tries = 0
        while len(found) < rows:
            tries += 1
            asking = asyncio.create_task(anext(feed))
            await asyncio.sleep(0.0003 * (tries % 5))
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                batch = await asking
                found += ids(batch)
                assert feed.cursor == batch.cursor == len(found)
        await writing
        assert found == list(range(rows))
        await feed.aclose()

    asyncio.run(asyncio.wait_for(main(), 60))
    assert gone()


def test_a_run_that_is_cancelled_ends_at_once(table):
    async def main():
        await anext(aio.tail(table))

    async def cancelled():
        task = asyncio.create_task(main())
        await asyncio.sleep(0.05)
        task.cancel()
        await task

    begun = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    assert gone()
    assert time.monotonic() - begun < SOON / 2


def test_a_feed_goes_on_in_another_loop(table):
    feed = aio.tail(table)

    async def once(wait):
        return ids(await asyncio.wait_for(anext(feed), wait))

    with pytest.raises(TimeoutError):
        asyncio.run(once(0.01))
    fill(table, [7])
    assert asyncio.run(once(SOON)) == [7]


def test_a_feed_that_is_closed_ends(table):
    async def main():
        feed = aio.tail(table)
        waiting = asyncio.create_task(anext(feed, "end"))
        await asyncio.sleep(0.05)
        await feed.aclose()
        await feed.aclose()
        assert await asyncio.wait_for(waiting, SOON) == "end"
        assert [batch async for batch in feed] == []

    asyncio.run(main())
    assert gone()


def test_errors_reach_who_waits(db, table):
    async def main():
        other = db.create_table("other", ["x"])
        dropped, closed = (asyncio.create_task(anext(aio.tail(of))) for of in (other, table))
        await asyncio.sleep(0.05)
        db.drop_table("other")
        with pytest.raises(cl.TableNotFoundError):
            await asyncio.wait_for(dropped, SOON)
        await asyncio.to_thread(db.close)
        with pytest.raises(cl.ClosedError):
            await asyncio.wait_for(closed, SOON)

    asyncio.run(main())
    with pytest.raises(cl.ClosedError):
        aio.tail(table)


def test_many_feeds_do_not_wait_for_each_other(db):
    tables = [db.create_table(f"t{n}", {"id": "i64"}) for n in range(40)]

    async def main():
        waiting = [asyncio.create_task(anext(aio.tail(table, timeout=SOON))) for table in tables]
        await asyncio.sleep(0.3)
        for n, table in enumerate(tables):
            fill(table, [n])
        assert [ids(batch) for batch in await asyncio.gather(*waiting)] == [[n] for n in range(40)]

    asyncio.run(main())
    assert gone()


def test_two_tasks_share_a_feed(table):
    async def main():
        feed, found = aio.tail(table, timeout=1), []

        async def follow():
            async for batch in feed:
                found.extend(ids(batch))

        following = [asyncio.create_task(follow()) for _ in range(2)]
        for n in range(50):
            fill(table, [n])
            await asyncio.sleep(0.001)
        await asyncio.gather(*following)
        assert sorted(found) == list(range(50))

    asyncio.run(main())


def test_a_process_ends_with_a_feed_that_nobody_closed(run_python, path):
    code = """
import asyncio, sys
import chronolite as cl
from chronolite import aio
db = cl.Db(sys.argv[1])
feed = aio.tail(db.create_table("t", ["x"]))
async def main():
    try:
        await asyncio.wait_for(anext(feed), 0.1)
    except TimeoutError:
        print("nothing yet")
asyncio.run(main())
"""
    done = run_python("-W", "error", "-c", code, str(path), timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing yet\n", "")


@pytest.mark.parametrize("name", ["__doc__", "tail"])
def test_the_examples_of_the_module(db, path, name):
    text = aio.__doc__ if name == "__doc__" else aio.tail.__doc__
    sensor = db.create_table("sensor", ["temp"])
    sensor.append({"ts": [1, 2, 3], "temp": [0.5, 0.5, 0.5]})
    names = {
        "aio": aio,
        "asyncio": asyncio,
        "t": sensor,
        "path": path.with_name("new.chl"),
    }
    test = doctest.DocTestParser().get_doctest(text, names, name, None, 0)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_arguments_are_those_of_the_table(table):
    with pytest.raises(cl.InvalidInputError, match="timeout"):
        aio.tail(table, timeout=-1)
    assert aio.tail(table, cursor=5).cursor == 5
