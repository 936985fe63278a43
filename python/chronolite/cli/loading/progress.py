"""The progress of an import, on stderr if that is a terminal."""

from __future__ import annotations

import sys
import time
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


class Meter:
    """Counts rows, shows a bar meanwhile, and says how it went.

    `begun` is when, by `time.perf_counter`.
    """

    def __init__(self, name: str, begun: float, *, quiet: bool) -> None:
        self.rows = 0
        self._quiet = quiet
        self._begun = begun
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f} rows/s"),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet or not sys.stderr.isatty(),
            transient=True,
        )
        self._bar = self._bars.add_task(escape(name), total=None, rows=0, rate=0.0)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bars.stop()

    def advance(self, rows: int, done: float | None) -> None:
        """Count rows that are in; `done` is the share of the source that was read, if known."""
        self.rows += rows
        total = None if done is None else 1.0
        self._bars.update(
            self._bar, completed=done or 0.0, total=total, rows=self.rows, rate=self._rate()
        )

    def finish(self, skipped: int, table: str, rows: int) -> None:
        """Say how many rows came in, how quickly, and how many there are now."""
        if self._quiet:
            return
        seconds = time.perf_counter() - self._begun
        before = f" ({skipped:,} were there from an import that was interrupted)" if skipped else ""
        self._console.print(
            f"imported {self.rows:,} rows in {seconds:.2f} s ({self._rate():,.0f} rows/s){before}; "
            f"table {table!r} has {rows:,} rows",
            markup=False,
        )

    def _rate(self) -> float:
        return self.rows / max(time.perf_counter() - self._begun, 1e-9)
