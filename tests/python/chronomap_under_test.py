"""Which library the tests of ChronoMap run on, and what they share.

`CHRONOMAP_MODULE=chronomap` runs them on the peer itself, chronomap 2.2.1, where those marked
`better` may fail and all others have to pass.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import pytest

MODULE = os.environ.get("CHRONOMAP_MODULE", "chronolite")
PEER = MODULE == "chronomap"
# Files that releases of the peer wrote.
SAMPLES = Path(__file__).resolve().parents[1] / "golden" / "chronomap"

lib = importlib.import_module(MODULE)
ChronoMap = lib.ChronoMap
AsyncChronoMap = lib.AsyncChronoMap
# How a pickle is asked for by name: the peer runs whatever it is given.
TRUSTED = {} if PEER else {"trusted": True}


class Clock:
    """The time, which moves when told. Maps made with `**clock.options` live in it."""

    def __init__(self, now):
        self.now = now
        self.options = {}

    def __call__(self, *_):
        return self.now

    def advance(self, seconds):
        self.now += seconds


@contextmanager
def fake_clock(now=1000.0):
    """A clock for maps. Here: the keyword-only `clock`, a function that returns seconds."""
    clock = Clock(now)
    with ExitStack() as stack:
        if PEER:
            for kind in (ChronoMap, AsyncChronoMap):
                stack.enter_context(mock.patch.object(kind, "_current_time", clock))
        else:
            clock.options = {"clock": clock}
        yield clock


def reader(path, **options):
    """A durable map that another process writes, opened to be read."""
    return ChronoMap(path=path, mode="r", **options)


def within(seconds, call):
    """What the call returns; an error if it has not returned in time (it then hangs on)."""
    answer = []

    def run():
        try:
            answer.append((call(), None))
        except BaseException as error:  # noqa: BLE001
            answer.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not answer:
        # Without a traceback: to show the map, pytest would call its __repr__, and hang as well.
        pytest.fail(f"it hangs: no answer in {seconds} s", pytrace=False)
    value, error = answer[0]
    if error is not None:
        raise error
    return value


def run_code(code, *arguments, timeout=30, **environment):
    """What a new Python with `lib` in it prints; it must end well, and in at most 2 GB."""
    prelude = (
        "import importlib, os, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        f"lib = importlib.import_module({MODULE!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", prelude + code, *map(str, arguments)],
        env=os.environ | environment,
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def pairs(versions):
    """Versions as a list of tuples: the peer's are lists after load_json."""
    return [tuple(version) for version in versions]


def contents(cm):
    """All that a map says of its keys now."""
    return {key: pairs(cm.history(key)) for key in cm}
