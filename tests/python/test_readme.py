"""The examples of README.md run, Python and commands, and print what they say."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
# A terminal without colours, of the usual width.
PLAIN = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}


@dataclass(frozen=True)
class Example:
    """What to run, the arguments of Python for it, and what it prints, if README.md says so.

    Of Python that is a block of text which follows at once; of a command the lines up to the next,
    in which ``...`` stands for anything.
    """

    code: str
    arguments: tuple[str, ...]
    output: str | None
    line: int

    def prints(self, printed: str) -> bool:
        """Whether that is what it has to print; blank lines around it do not count."""
        if self.output is None:
            return True
        if self.arguments[0] == "-c":
            return printed == self.output
        wanted, found = (text.strip() + "\n" for text in (self.output, printed))
        return doctest.OutputChecker().check_output(wanted, found, doctest.ELLIPSIS)


def examples(markdown: str) -> Iterator[Example]:
    """All of a page, in its order."""
    blocks = list(BLOCK.finditer(markdown))
    for number, block in enumerate(blocks):
        line = markdown.count("\n", 0, block.start()) + 1
        if block[1] == "console":
            yield from commands(block[2], line + 1)
        elif block[1] == "python":
            output = None
            after = blocks[number + 1] if number + 1 < len(blocks) else None
            if after and after[1] == "text" and not markdown[block.end() : after.start()].strip():
                output = after[2]
            yield Example(block[2], ("-c", block[2]), output, line)


def commands(console: str, line: int) -> Iterator[Example]:
    """The commands of a block, each a line that begins with ``$``."""
    for found in COMMAND.finditer(console):
        name, *arguments = shlex.split(found[1])
        assert name == "chronolite", f"{name} is no command of ours"
        at = line + console.count("\n", 0, found.start())
        yield Example(found[1], ("-m", name, *arguments), found[2] or None, at)


def test_readme(tmp_path: Path) -> None:
    """Each example is a program of its own; they share a folder and run in order."""
    # Commands name the data as from a clone.
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    found = list(examples((ROOT / "README.md").read_text(encoding="utf-8")))
    assert {example.arguments[0] for example in found} == {"-c", "-m"}
    for example in found:
        where = f"README.md, line {example.line}"
        done = subprocess.run(
            [sys.executable, *example.arguments],
            cwd=tmp_path,
            env=os.environ | PLAIN,
            stdout=subprocess.PIPE,
            # A terminal shows both; of Python a warning is not what an example prints.
            stderr=subprocess.STDOUT if example.arguments[0] == "-m" else subprocess.PIPE,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{where}:\n{done.stdout}\n{done.stderr}"
        assert example.prints(done.stdout), f"{where} prints:\n{done.stdout}"


def test_readme_output_belongs_to_the_block_before_it() -> None:
    text = (
        "```python\nprint(1)\n```\n\n```text\n1\n```\n\n"
        "words\n\n```python\npass\n```\nmore\n```text\n2\n```\n"
    )
    first, second = examples(text)
    assert first == Example("print(1)\n", ("-c", "print(1)\n"), "1\n", 1)
    assert second == Example("pass\n", ("-c", "pass\n"), None, 11)


def test_readme_output_belongs_to_the_command_before_it() -> None:
    text = "```console\n$ chronolite a 'b c'\n$ chronolite d\n1\n\n2 ...\n```\n"
    first, second = examples(text)
    assert first == Example("chronolite a 'b c'", ("-m", "chronolite", "a", "b c"), None, 2)
    assert second == Example("chronolite d", ("-m", "chronolite", "d"), "1\n\n2 ...\n", 3)
    with pytest.raises(AssertionError, match="rm"):
        list(examples("```console\n$ rm a\n```\n"))


def test_control_another_output_differs() -> None:
    python = Example("", ("-c", ""), "1 ...\n", 1)
    assert [python.prints(text) for text in ("1 ...\n", "1 2\n", "")] == [True, False, False]
    command = Example("", ("-m", ""), "1 ... s\n2\n", 1)
    printed = ("1 in 3 s\n2\n", "\n1 ... s\n2\n\n", "1 in 3 s\n", "2\n1 in 3 s\n")
    assert [command.prints(text) for text in printed] == [True, True, False, False]
