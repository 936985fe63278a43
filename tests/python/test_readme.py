"""The examples of README.md, of the stubs and of examples/ run, and print what they say."""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import chronolite as cl

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


def stub_examples() -> Iterator[tuple[str, str, int]]:
    """Every docstring with an example in the package's stubs: name, text, line."""
    for stub in sorted((ROOT / "python" / "chronolite").glob("*.pyi")):
        yield from docstrings(ast.parse(stub.read_text(encoding="utf-8")), stub.name)


def docstrings(node: ast.AST, name: str) -> Iterator[tuple[str, str, int]]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        text = ast.get_docstring(node)
        if text and ">>>" in text:
            yield name, text, getattr(node, "lineno", 1)
        for child in node.body:
            yield from docstrings(child, f"{name}:{getattr(child, 'name', '')}")


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


@pytest.mark.parametrize(
    ("name", "text", "line"), [pytest.param(*e, id=e[0]) for e in stub_examples()]
)
def test_stub(
    name: str, text: str, line: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each docstring's example runs in an empty folder, with `cl` imported."""
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(text, {"cl": cl}, name, name, line)
    said: list[str] = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    outcome = doctest.DocTestRunner(optionflags=flags).run(test, out=said.append)
    assert outcome.failed == 0, "".join(said)


@pytest.mark.parametrize(
    "script", sorted((ROOT / "examples").glob("*.py")), ids=lambda script: script.name
)
def test_example(script: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
