"""What is called when a ``ChronoMap`` changes: hooks of the map, and subscribers of a key."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

from chronolite._chronomap.errors import ChronoMapTypeError
from chronolite._core import _ChronoMapBase

Callback: TypeAlias = Callable[[Any, Any, Any, float], object]
Subscriber: TypeAlias = Callable[[Any, Any, float], object]
Put: TypeAlias = tuple[Hashable, Any, Any, float]

# That of the class which users see.
logger = logging.getLogger("chronolite._chronomap.map")


def check_key(key: Any) -> None:
    """A ``ChronoMapTypeError`` if it has no hash."""
    try:
        hash(key)
    except TypeError:
        raise ChronoMapTypeError(f"Key must be hashable, got {type(key).__name__}") from None


def log_change(error: Exception) -> None:
    """A hook has failed; the put stands."""
    logger.error("Error in change callback: %s", error, exc_info=error)


def log_subscriber(key: Any, error: Exception) -> None:
    """The same of a subscriber of a key."""
    logger.error("Error in key subscriber callback for %r: %s", key, error, exc_info=error)


class Hooked(_ChronoMapBase):
    """The part of a map that tells of its puts. Its lists are replaced, never changed: who calls
    what is in one goes on with it."""

    def _hook(self, debug: bool) -> None:
        """Sets it up; ``debug`` logs each put."""
        self._debug = debug
        self._callbacks: tuple[Callback, ...] = ()
        self._subscribers: dict[Hashable, tuple[Subscriber, ...]] = {}
        self._setting = threading.Lock()
        if debug:
            logger.setLevel(logging.DEBUG)
            self._set_told(True)

    def on_change(self, callback: Callback) -> None:
        """Calls ``callback(key, old, new, time)`` after each put, in the thread that put.

        ``old`` is the latest value before, None if there was none, and ``time`` the version's, in
        seconds. Hooks are called in the order in which they came, with nothing locked, those of
        ``put_many`` when all of it is there. What one raises is logged, and the put stands.
        Deletes, ends of keys, rollbacks and merges call none. What cannot be called is a
        ``ChronoMapTypeError``.

        >>> cm = cl.ChronoMap()
        >>> cm.on_change(lambda key, old, new, ts: print(f"{key}: {old} becomes {new}"))
        >>> cm["a"] = 1
        a: None becomes 1
        """
        if not callable(callback):
            raise ChronoMapTypeError(f"callback must be callable, got {type(callback).__name__}")
        with self._setting:
            self._callbacks = (*self._callbacks, callback)
            self._set_told(True)

    def remove_change_callback(self, callback: Callback) -> bool:
        """Removes a callback once. False if it is not there.

        >>> cm = cl.ChronoMap()
        >>> cm.on_change(print)
        >>> cm.remove_change_callback(print), cm.remove_change_callback(print)
        (True, False)
        """
        for place, there in enumerate(self._callbacks):  # noqa: B007  (it is used below)
            if there == callback:
                break
        else:
            return False
        with self._setting:
            left = list(self._callbacks)
            if place >= len(left) or left[place] is not there:
                return False
            del left[place]
            self._callbacks = tuple(left)
            self._tell_if_needed()
        return True

    def subscribe(self, key: Hashable, callback: Subscriber) -> None:
        """Calls ``callback(old, new, time)`` after each put of the key, which need not be there.

        It is called behind the hooks of ``on_change``, and as they are.

        >>> cm = cl.ChronoMap()
        >>> cm.subscribe("a", lambda old, new, ts: print(old, new))
        >>> cm.put_many({"a": 1, "b": 2})
        None 1
        """
        check_key(key)
        if not callable(callback):
            raise ChronoMapTypeError(
                f"Subscriber callback must be callable, got {type(callback).__name__}"
            )
        with self._setting:
            self._subscribers[key] = (*self._subscribers.get(key, ()), callback)
            self._set_told(True)

    def unsubscribe(self, key: Hashable, callback: Subscriber) -> bool:
        """Removes a subscriber of the key once. False if it is not there.

        >>> cm = cl.ChronoMap()
        >>> cm.subscribe("a", print)
        >>> cm.unsubscribe("a", print), cm.unsubscribe("a", print)
        (True, False)
        """
        check_key(key)
        there = self._subscribers.get(key, ())
        # Compared while nothing is locked: this may run any code.
        found = next(
            (there[place] for place in range(len(there)) if there[place] == callback), None
        )
        if found is None:
            return False
        with self._setting:
            left = list(self._subscribers.get(key, ()))
            place = next((place for place, one in enumerate(left) if one is found), None)
            if place is None:
                return False
            del left[place]
            if left:
                self._subscribers[key] = tuple(left)
            else:
                del self._subscribers[key]
            self._tell_if_needed()
        return True

    def _tell_if_needed(self) -> None:
        self._set_told(bool(self._callbacks or self._subscribers or self._debug))

    def _tell(self, puts: list[Put], ttl: float | None) -> None:
        """Called by the kernel after puts, with nothing locked."""
        for key, old, new, ts in puts:
            if self._debug:
                logger.debug("PUT key=%r value=%r at ts=%f ttl=%s", key, new, ts, ttl)
            for callback in self._callbacks:
                try:
                    callback(key, old, new, ts)
                except Exception as error:  # noqa: BLE001  (the put stands)
                    log_change(error)
            for subscriber in self._subscribers.get(key, ()) if self._subscribers else ():
                try:
                    subscriber(old, new, ts)
                except Exception as error:  # noqa: BLE001  (the put stands)
                    log_subscriber(key, error)
