"""Reading in other threads: ahead of what is appended, and several pieces side by side."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

S = TypeVar("S")
T = TypeVar("T")

# Batches that wait to be appended: enough that neither side waits, few enough to stay small.
DEPTH = 2
# How often a reader that waits looks whether anyone still wants its batches, in seconds.
_LOOK = 0.1


class _End:
    """The last thing in the queue: the items are over, or came to this error."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterator[T], depth: int = DEPTH) -> Generator[T, None, None]:
    """The same items in the same order, made by a thread of their own.

    An error of the iterator is raised here, after the items before it. Closing this generator ends
    the thread; one that waits for input is left behind, as a daemon.
    """
    ready: queue.Queue[Any] = queue.Queue(depth)
    over = threading.Event()

    def put(item: object) -> bool:
        while not over.is_set():
            try:
                ready.put(item, timeout=_LOOK)
            except queue.Full:
                continue
            return True
        return False

    def run() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:  # noqa: BLE001  (handed to the other thread)
            put(_End(error))
        else:
            put(_End())

    threading.Thread(target=run, name="chronolite-read", daemon=True).start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        over.set()


def side_by_side(make: Callable[[S], T], items: Iterable[S], threads: int) -> Iterator[T]:
    """What is made of each item, in the order of the items, by several threads.

    An error is raised in the place of what could not be made. No more items are taken than keep the
    threads busy.
    """
    with ThreadPoolExecutor(threads, "chronolite-parse") as pool:
        made: deque[Future[T]] = deque()
        for item in items:
            made.append(pool.submit(make, item))
            if len(made) > threads + 1:
                yield made.popleft().result()
        while made:
            yield made.popleft().result()
