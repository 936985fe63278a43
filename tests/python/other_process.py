"""A Python process of its own that does what it is told, a line at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CODE = """
import hashlib, json, os, sys, time
import numpy as np
import chronolite as cl

path = sys.argv[1]

def shown(table):
    digest = hashlib.sha256()
    for name, column in table.scan().to_numpy().items():
        plain = type(column) is np.ndarray and column.dtype != object
        digest.update(repr((name, column.dtype, len(column))).encode())
        digest.update(column.tobytes() if plain else repr(column.tolist()).encode())
    return [len(table), digest.hexdigest()]
"""

# What it does then, in whatever it has imported.
LOOP = """
for line in sys.stdin:
    code, answer = json.loads(line), {}
    try:
        try:
            answer["value"] = eval(compile(code, "<told>", "eval"))
        except SyntaxError:
            exec(code)
    except BaseException as error:
        answer["error"] = [type(error).__name__, str(error), getattr(error, "pid", None)]
    print(json.dumps(answer, default=lambda value: None), flush=True)
"""


class Other:
    """The process. It has `path`, `cl`, `np`, and `shown(table)`: rows and a hash of them."""

    def __init__(self, path: Path, first: str = "") -> None:
        self.start(CODE, str(path))
        if first:
            self.do(first)

    def start(self, code: str, *arguments: str, cwd: Path | None = None) -> None:
        """Start it with this code and these arguments."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", code + LOOP, *arguments],
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def tell(self, code: str) -> None:
        """Let it begin with this; `answer` waits for it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer
        return answer.get("value")

    def do(self, code: str) -> Any:
        """The value of an expression, or None of statements."""
        self.tell(code)
        return self.answer()

    def fails(self, code: str) -> list[Any]:
        """Name of the error's class, its text, its pid."""
        self.tell(code)
        assert self.process.stdout is not None
        error: list[Any] = json.loads(self.process.stdout.readline())["error"]
        return error

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def end(self) -> None:
        """Let it end by itself."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        assert self.process.stdout is not None
        self.process.stdout.close()
