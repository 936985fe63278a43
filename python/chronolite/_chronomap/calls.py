"""How ``AsyncChronoMap`` calls the map that it wraps: at once, or in a thread if it may take long;
and the hooks of a call, which the map calls and the event loop runs afterwards."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from chronolite._chronomap.hooks import log_change, log_subscriber
from chronolite._core import _chronomap_writer

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

# Keys, or items, from which on a call leaves the loop alone: about a millisecond of work, which a
# thread costs a tenth of.
BIG = 10_000

# A map undoes what one writer wrote, which is a thread unless told otherwise: `_chronomap_writer`
# takes a number in the place of that of the thread (None: one that nobody has), and returns the
# one before.
# The number of the task, if it is in a context, and so of the tasks that it starts.
_writer: ContextVar[int | None] = ContextVar("chronolite_writer", default=None)


class Calls:
    """A map, and what is to be run for a call of it on the way."""

    def __init__(self, wrapped: Any, *, slow_writes: bool = False) -> None:
        self.map = wrapped
        # Each write waits for the disk.
        self.slow_writes = slow_writes
        self._local = threading.local()

    def hook(self, callback: Any) -> Any:
        """What the map has in the place of a hook."""
        return _Hook(callback, self._local, keyed=False) if callable(callback) else callback

    def subscriber(self, callback: Any, key: Any) -> Any:
        """What the map has in the place of a subscriber of a key."""
        return _Hook(callback, self._local, keyed=True, key=key) if callable(callback) else callback

    async def read(self, call: Callable[[], T], *, far: bool | None = None) -> T:
        """What a call returns that changes nothing: in a thread if the map is big, or as told.

        If it is cancelled, nobody waits for the thread.
        """
        if far is None:
            far = self.map._size_hint() >= BIG
        return await in_thread(call, settle=False) if far else call()

    async def write(self, call: Callable[[], T], *, far: bool | None = None) -> T:
        """What a call returns that changes the map; its hooks have been run by then.

        If it is cancelled in its thread, it ends before that is told.
        """
        if far is None:
            far = self.map._size_hint() >= BIG
        if far or self.slow_writes:
            result, hooks = await in_thread(lambda: self._recorded(call), settle=True)
        else:
            result, hooks = self._recorded(call)
        for hook, change in hooks:
            await hook.run(change)
        return result

    def _recorded(self, call: Callable[[], T]) -> tuple[T, list[tuple[_Hook, Any]]]:
        """What a call returns, and the hooks that it has called, in order."""
        outer = getattr(self._local, "hooks", None)
        hooks: list[tuple[_Hook, Any]] = []
        self._local.hooks = hooks
        try:
            return as_writer(call), hooks
        finally:
            self._local.hooks = outer


class _Hook:
    """A hook as the map sees it: it makes a note of the change, in the thread of the call."""

    __slots__ = ("_callback", "_key", "_keyed", "_local")

    def __init__(self, callback: Any, local: Any, *, keyed: bool, key: Any = None) -> None:
        self._callback = callback
        self._local = local
        self._keyed = keyed
        self._key = key

    def __eq__(self, other: object) -> bool:
        # So the map finds it when it is to be removed.
        return isinstance(other, _Hook) and bool(self._callback == other._callback)

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, *change: Any) -> None:
        hooks = getattr(self._local, "hooks", None)
        if hooks is not None:
            hooks.append((self, change))

    async def run(self, change: tuple[Any, ...]) -> None:
        """The hook itself, a function or a coroutine function; what it raises is logged."""
        try:
            result = self._callback(*change)
            if isinstance(result, Awaitable):
                await result
        except Exception as error:  # noqa: BLE001  (one hook does not keep others from being run)
            if self._keyed:
                log_subscriber(self._key, error)
            else:
                log_change(error)


def begin_writer() -> int | None:
    """Gives the task a number of its own, if it has none; what ``end_writer`` takes."""
    before = _writer.get()
    if before is None:
        of_thread = _chronomap_writer(None)
        _writer.set(_chronomap_writer(of_thread))
    return before


def end_writer(before: int | None) -> None:
    """The task has the number again that it had."""
    _writer.set(before)


def as_writer(call: Callable[[], T]) -> T:
    """What a call returns that is made under the number of the task, if it has one."""
    number = _writer.get()
    if number is None:
        return call()
    of_thread = _chronomap_writer(number)
    try:
        return call()
    finally:
        _chronomap_writer(of_thread)


async def in_thread(call: Callable[[], T], *, settle: bool) -> T:
    """What a call returns that runs in a thread, while the loop goes on.

    A thread cannot be stopped. To ``settle`` is to wait for its end even if that is not wanted any
    more, so that whoever has cancelled the call knows that nothing happens behind their back.
    """
    import asyncio

    job = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        job.add_done_callback(_heard)
        if settle:
            await asyncio.wait([job])
        raise


def _heard(job: asyncio.Future[Any]) -> None:
    """Nobody is left to hear of its error, and that is fine."""
    if not job.cancelled():
        job.exception()
