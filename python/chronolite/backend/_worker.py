"""A thread that does one thing after the other, for whoever must not be interrupted halfway."""

from __future__ import annotations

import _thread
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from chronolite._errors import ClosedError

T = TypeVar("T")


class Worker:
    """Does what it is asked. What a handler of signals raises ends the wait for it, not the work.

    Neither a ``SimpleQueue`` nor a plain lock is left half taken by such an exception, as those of
    ``threading`` and ``concurrent.futures`` are.
    """

    def __init__(self, name: str) -> None:
        self._asked: SimpleQueue[_Work | None] = SimpleQueue()
        self._process = os.getpid()
        self._thread = threading.Thread(target=_run, args=(self._asked,), name=name, daemon=True)
        self._thread.start()

    def do(self, call: Callable[..., T], *arguments: Any) -> T:
        """What a call returns, or raises."""
        if os.getpid() != self._process:
            raise ClosedError("it is not open in a fork of its process; open it again there")
        if threading.current_thread() is self._thread:
            # What it does calls its owner: a finalizer, say.
            return call(*arguments)
        work = _Work(call, arguments)
        self._asked.put(work)
        while not work.done.acquire(timeout=1):
            if not self._thread.is_alive():
                raise ClosedError("it was closed; open it again")
        if work.error is not None:
            raise work.error
        found: T = work.found
        return found

    def end(self) -> None:
        """Ends the thread when it has done what it was asked."""
        self._asked.put(None)
        self._thread.join()

    def __del__(self) -> None:
        self._asked.put(None)


class _Work:
    """A call, and what came of it."""

    def __init__(self, call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.call = call
        self.arguments = arguments
        self.found: Any = None
        self.error: BaseException | None = None
        self.done = _thread.allocate_lock()
        self.done.acquire()


def _run(asked: SimpleQueue[_Work | None]) -> None:
    while (work := asked.get()) is not None:
        try:
            work.found = work.call(*work.arguments)
        except BaseException as error:  # noqa: BLE001 (it is raised where it was asked)
            work.error = error
        work.done.release()
        # What it has is not kept until the next one comes.
        del work
