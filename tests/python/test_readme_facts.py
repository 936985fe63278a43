"""What README.md says of figures and dependencies is what the bench left and what is declared."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from itertools import chain
from pathlib import Path

from comparison import workloads
from comparison.report import figure
from comparison.result import Result

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def tables(markdown: str) -> Iterator[list[list[str]]]:
    """Rows of cells; the first is the head."""
    for lines in re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE):
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines.splitlines()]
        yield [rows[0], *rows[2:]]


# --- Figures ------------------------------------------------------------------------------------


def results() -> list[Result]:
    """Those of the run that README.md names."""
    named = re.findall(r"\((benches/results/compare-[\w-]+)\.txt\)", section("Beside others"))
    assert len(named) == 1
    assert (ROOT / named[0]).with_suffix(".txt").exists()
    found = json.loads((ROOT / named[0]).with_suffix(".json").read_text(encoding="utf-8"))
    names = {field.name for field in fields(Result)}
    return [Result(**{k: v for k, v in one.items() if k in names}) for one in found["results"]]


def measured(found: list[Result], title: str, work: str, who: str) -> set[str]:
    """What a cell may say: the best of each part, if the column names the peer alone."""
    same = [
        result
        for result in found
        if (workloads.load(result.workload).TITLE, result.work) == (title, work)
        and who in (result.peer, result.who)
    ]
    return {"-" if r.best is None else f"{figure(r.best)} {r.unit}" for r in same}


def wrong_cells(found: list[Result], table: list[list[str]]) -> list[tuple[str, str]]:
    (title, *columns), *rows = table
    return [
        (work, who)
        for work, *cells in rows
        for who, cell in zip(columns, cells, strict=True)
        if cell not in measured(found, title, work, who)
    ]


def test_figures_are_those_of_the_run_that_is_named() -> None:
    found = results()
    compared = list(tables(section("Beside others")))
    assert compared
    for table in compared:
        assert wrong_cells(found, table) == []


def test_control_another_figure_is_found() -> None:
    run = [Result("rows", "append rows", "chronolite", "s", [0.25], part) for part in ("a", "b")]
    title = workloads.load("rows").TITLE

    def table(who: str, cell: str) -> list[list[str]]:
        return [[title, who], ["append rows", cell]]

    for who in ("chronolite", "chronolite, b"):
        assert wrong_cells(run, table(who, "0.25 s")) == []
        assert wrong_cells(run, table(who, "0.2 s")) == [("append rows", who)]
    assert wrong_cells(run, table("sqlite", "0.25 s")) == [("append rows", "sqlite")]
    assert wrong_cells(run, table("chronolite", "-")) == [("append rows", "chronolite")]


# --- Dependencies -------------------------------------------------------------------------------


def declared() -> set[str]:
    """The crates and packages that Cargo.toml and pyproject.toml name."""
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
    python = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = python["project"]
    wanted = [
        *python["build-system"]["requires"],
        *project["dependencies"],
        *chain.from_iterable(project["optional-dependencies"].values()),
    ]
    packages = {re.split(r"[^\w-]", text, maxsplit=1)[0] for text in wanted}
    return packages | set(cargo["dependencies"]) | set(cargo["dev-dependencies"])


def test_every_dependency_has_a_reason() -> None:
    rows = [row for table in tables(section("Dependencies")) for row in table[1:]]
    assert all(len(row) == 3 and all(row) for row in rows)
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row[0])} == declared()
