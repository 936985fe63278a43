"""A thread that takes keys out of a map once they have ended, for as long as the map is there."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from chronolite._chronomap.hooks import logger

if TYPE_CHECKING:
    from chronolite._chronomap.map import ChronoMap


def sweep(
    of: ChronoMap, interval: float
) -> weakref.finalize[[threading.Event, threading.Thread], ChronoMap]:
    """Begins a sweep each ``interval`` seconds, in a thread that ends with the map, or when what is
    returned is called."""
    stop = threading.Event()
    thread = threading.Thread(
        target=_sweeping,
        args=(weakref.ref(of), interval, stop),
        name="chronolite-ttl",
        daemon=True,
    )
    thread.start()
    return weakref.finalize(of, _end, stop, thread)


def _end(stop: threading.Event, thread: threading.Thread) -> None:
    """At the end of the map, and at exit: a thread in a destructor would be killed there."""
    stop.set()
    if thread is not threading.current_thread():
        thread.join()


def _sweeping(ref: weakref.ref[ChronoMap], interval: float, stop: threading.Event) -> None:
    while not stop.wait(interval):
        if (swept := ref()) is None:
            return
        try:
            swept._sweep()
        except Exception as error:  # noqa: BLE001  (the next one may go well)
            logger.error("Error in ttl cleanup: %s", error, exc_info=error)
        del swept
