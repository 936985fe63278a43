"""For asyncio: what waits elsewhere, awaited.

>>> import asyncio
>>> import chronolite as cl
>>> from chronolite import aio
>>> async def follow(table):
...     async for batch in aio.tail(table, cursor=0, timeout=0.1):
...         print(len(batch), batch.cursor)
>>> with cl.Db(path) as db:
...     table = db.create_table("sensor", ["temp"])
...     row = table.append_row("2024-01-01", [20.5])
...     asyncio.run(follow(table))
1 1
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from datetime import timedelta
    from typing import SupportsIndex

    import numpy as np

    from chronolite import RecordBatch, Table, Tail

__all__ = ["AsyncTail", "tail"]

# Seconds that a thread waits at a time: so long the end of a forgotten feed may keep the process.
_SLICE = 0.25


def tail(
    table: Table,
    cursor: SupportsIndex | None = None,
    timeout: float | timedelta | np.timedelta64 | str | None = None,
) -> AsyncTail:
    """The change feed of a table for ``async for``: ``Table.tail``, with the same arguments.

    Waiting and reading are done by a thread of the feed's own, so that the event loop goes on
    and feeds do not wait for each other. ``async for`` may be cancelled, and so may ``anext``, by
    ``asyncio.wait_for`` for one: the thread's wait ends, no row is lost, and the feed goes on where
    it was when it is asked again. ``aclose()`` ends it, as ``contextlib.aclosing`` does.

    >>> async def first(table):
    ...     return len(await anext(aio.tail(table, cursor=0)))
    >>> asyncio.run(first(t))
    3
    """
    return AsyncTail(table.tail(cursor, timeout))


class AsyncTail:
    """The rows of a table as they arrive, for ``async for``; ``tail`` makes it."""

    def __init__(self, feed: Tail) -> None:
        self._feed: Any = feed
        self._cursor = feed.cursor
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "chronolite-tail")
        # A batch on its way: of a call that was cancelled it is what the next one gets.
        self._coming: Future[RecordBatch | None] | None = None
        self._closed = False

    @property
    def cursor(self) -> int:
        """The number of the last row that was handed out, or where the feed began."""
        return self._cursor

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RecordBatch:
        timeout: float | None = self._feed._timeout
        async with self._turn:
            end = None if timeout is None else time.monotonic() + timeout
            while not self._closed:
                left = _SLICE if end is None else max(end - time.monotonic(), 0)
                batch = await self._next(min(left, _SLICE))
                if batch is not None:
                    self._cursor = cast(int, batch.cursor)
                    return batch
                if end is not None and time.monotonic() >= end:
                    break
        raise StopAsyncIteration

    async def _next(self, seconds: float) -> RecordBatch | None:
        if self._coming is None or self._coming.cancelled():
            self._coming = self._thread.submit(self._feed._next, seconds)
        try:
            batch = await asyncio.wrap_future(self._coming)
        except asyncio.CancelledError:
            # What the thread has by now, or else no more.
            self._feed._wake()
            raise
        except BaseException:
            self._coming = None
            raise
        self._coming = None
        return batch

    async def aclose(self) -> None:
        """End the feed: whoever waits for it is told that it is over."""
        if not self._closed:
            self._closed = True
            # Not here: the last handle of a database closes it, which takes its time.
            await asyncio.to_thread(self._feed.close)
            self._thread.shutdown(wait=False)
