"""One table, for the terminal and as text, and everything as JSON."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from comparison import workloads
from comparison.result import MORE, Result
from comparison.verdict import Verdict, beside

WIDTH = 180
HOW = """\
Each figure is of a process of its own, the best of {rounds} rounds (a size: of one). Reads are
through a warm page cache, over one opening, which is not timed; 'first' is the first round in the
process. A write makes a new file each time. All peers get the same arrays; rows, first and last
time and sums of every read are checked against NumPy's, points are compared, rows are counted.
'chronolite / it' is chronolite's best figure in the peer's: below 1 is in chronolite's favour where
the unit is one of time or size, above 1 where it is one of speed or a ratio of sizes (x).
chronostore is a stand-in, packed rows by NumPy: its wheel on PyPI lacks the package that holds its
backends. NanoTS packs to segments of 8,192 points, as in its document.
"""


def table(results: list[Result], verdicts: list[Verdict], scale: float) -> Table:
    """A section for each piece of work, the best first, those without a figure last."""
    scaled = f"At {scale:g} of the sizes that are named" if scale != 1 else None
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=scaled)
    made.add_column("", no_wrap=True)
    for name in ("best", "first"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("chronolite / it", justify="right")
    made.add_column("target")
    made.add_column("note", overflow="fold")
    wanted = {(v.target.workload, v.target.work, v.target.who): v for v in verdicts}
    for workload, work in dict.fromkeys((r.workload, r.work) for r in results):
        title = f"{workloads.load(workload).TITLE}: {work}"
        made.add_row(Text(title, style="bold"))
        same = [r for r in results if (r.workload, r.work) == (workload, work)]
        most = max(result.rows for result in same)
        for result in sorted(same, key=rank):
            verdict = wanted.get((workload, work, result.who))
            made.add_row(*cells(result, results, verdict), Text(note_of(result, most)))
        made.add_section()
    return made


def rank(result: Result) -> tuple[bool, str, float]:
    """Within a piece of work."""
    best = result.best
    if best is None:
        return True, "", 0.0
    return False, result.unit, -best if result.unit in MORE else best


def cells(result: Result, results: list[Result], verdict: Verdict | None) -> list[Text]:
    """A line."""
    ours = result.peer.startswith("chronolite")
    who = Text(f"  {result.who}", style="cyan" if ours else "")
    judged = Text(verdict.text if verdict else "")
    if verdict:
        judged.stylize({True: "green", False: "red", None: "yellow"}[verdict.met])
    if result.best is None:
        return [who, Text("-"), Text(""), Text(""), judged]
    set_beside = beside(result, results)
    return [
        who,
        Text(f"{figure(result.best)} {result.unit}"),
        Text(figure(result.rounds[0])),
        Text("" if set_beside is None else f"{set_beside:.3g}"),
        judged,
    ]


def note_of(result: Result, most: int) -> str:
    """Why there is no figure; or what has to be known of it, such as that a peer got fewer rows."""
    if result.failure:
        return result.failure
    fewer = f"{result.rows:,} rows only" if result.rows < most else ""
    return "; ".join(filter(None, (fewer, result.note)))


def figure(value: float) -> str:
    """Three digits, or all there are before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def summary(verdicts: list[Verdict]) -> str:
    """Targets by outcome, and those that were not met."""
    counts = [f"{sum(v.met is met for v in verdicts)} {word}" for met, word in OUTCOMES]
    missed = [
        f"  {v.target.workload}, {v.target.work}: {v.target.who} {v.text}"
        for v in verdicts
        if not v.met
    ]
    return "\n".join([f"Targets: {', '.join(counts)}.", *missed])


OUTCOMES = ((True, "met"), (False, "not met"), (None, "without a figure"))


def head(machine: dict[str, str], rounds: int) -> str:
    """Where and how."""
    lines = [f"{name}: {value}" for name, value in machine.items()]
    return "\n".join([*lines, "", HOW.format(rounds=rounds)])


def as_text(machine: dict[str, str], rounds: int, made: Table, verdicts: list[Verdict]) -> str:
    """All of it, without colours."""
    out = StringIO()
    console = Console(file=out, width=WIDTH, color_system=None)
    console.print(head(machine, rounds), markup=False, highlight=False)
    console.print(made)
    console.print(summary(verdicts), markup=False, highlight=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def write_json(
    path: Path,
    machine: dict[str, str],
    options: dict[str, Any],
    results: list[Result],
    verdicts: list[Verdict],
) -> None:
    """Every round of every measurement."""
    judged = [
        {**vars(v.target), "wanted": v.wanted, "found": v.found, "met": v.met} for v in verdicts
    ]
    whole = {
        "machine": machine,
        "options": options,
        "results": [result.as_dict() for result in results],
        "targets": judged,
    }
    path.write_text(json.dumps(whole, indent=1) + "\n")
