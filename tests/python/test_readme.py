"""The examples of README.md run, and print what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A block of Python and, if a block of text follows it at once, what it prints."""

    code: str
    output: str | None
    line: int


def examples(markdown: str) -> Iterator[Example]:
    blocks = list(BLOCK.finditer(markdown))
    for number, block in enumerate(blocks):
        if block[1] != "python":
            continue
        output = None
        after = blocks[number + 1] if number + 1 < len(blocks) else None
        if after and after[1] == "text" and not markdown[block.end() : after.start()].strip():
            output = after[2]
        yield Example(block[2], output, markdown.count("\n", 0, block.start()) + 1)


def test_readme(tmp_path: Path) -> None:
    """Each block is a program of its own; they share a folder and run in order."""
    found = list(examples((ROOT / "README.md").read_text(encoding="utf-8")))
    assert found, "README.md has examples"
    for example in found:
        where = f"README.md, line {example.line}"
        done = subprocess.run(
            [sys.executable, "-c", example.code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{where}:\n{done.stderr}"
        if example.output is not None:
            assert done.stdout == example.output, where


def test_readme_output_belongs_to_the_block_before_it() -> None:
    text = (
        "```python\nprint(1)\n```\n\n```text\n1\n```\n\n"
        "words\n\n```python\npass\n```\nmore\n```text\n2\n```\n"
    )
    assert list(examples(text)) == [Example("print(1)\n", "1\n", 1), Example("pass\n", None, 11)]
