"""A bar for work over the bytes or days of something, on stderr if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress


@contextmanager
def bar(name: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """What to give as `progress`; None where nobody would see the bar."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    with Progress(console=Console(stderr=True, highlight=False), transient=True) as bars:
        task = bars.add_task(escape(name), total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
