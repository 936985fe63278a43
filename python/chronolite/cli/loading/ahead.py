"""Reading ahead: the next batch is read in another thread while the last one is appended."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

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
