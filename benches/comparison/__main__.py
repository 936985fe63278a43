"""The way from the options to a table."""

import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from comparison import machine, page, plot, report, workloads
from comparison.options import RESULTS, chosen, parsed
from comparison.result import Result
from comparison.run import run_workload
from comparison.task import Task
from comparison.verdict import judge


def main() -> None:
    """Everything, in order."""
    options = parsed()
    console = Console(stderr=True)
    began = machine.describe(options.scratch.resolve())
    results = measure(options, console)
    began["load when it ended"] = machine.load()
    began["scale"] = f"{options.scale:g} of the full size"
    remark = machine.remark(began["load when it began"], began["load when it ended"])
    if remark:
        began["remark"] = remark
    verdicts = judge(results)
    made = report.table(results, verdicts, options.scale)
    Console(width=report.WIDTH if not sys.stdout.isatty() else None).print(made)
    print(report.summary(verdicts))
    options.results.mkdir(parents=True, exist_ok=True)
    name = f"compare-{datetime.now(UTC):%Y%m%d-%H%M}"
    text = report.as_text(began, options.rounds, made, verdicts)
    (options.results / f"{name}.txt").write_text(text)
    asked = {"scale": options.scale, "rounds": options.rounds, "only": options.only}
    report.write_json(options.results / f"{name}.json", began, asked, results, verdicts)
    caption = f"{began['processor']}, {began['date']}, commit {began['commit'][:12]}"
    plot.draw(options.results / f"{name}.svg", results, caption)
    if options.results.resolve() == RESULTS:
        page.write()
    print(f"\n{name}.txt, .json and .svg are in {options.results}")


def measure(options: Namespace, console: Console) -> list[Result]:
    """The workloads that are asked for, one after the other."""
    results: list[Result] = []
    options.scratch.mkdir(parents=True, exist_ok=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        TemporaryDirectory(prefix="compare-", dir=options.scratch) as scratch,
        Progress(*columns, TimeElapsedColumn(), console=console) as progress,
    ):
        bar = progress.add_task("", total=steps(options))

        def step(text: str) -> None:
            progress.update(bar, description=text)
            progress.advance(bar)
            if not console.is_terminal:
                console.print(text, markup=False, highlight=False)

        for name in options.only:
            folder = str((Path(scratch) / name).resolve())
            task = Task(name, "", "", folder, options.rounds, options.scale)
            results += run_workload(name, lambda peer: chosen(peer, options), task, step)
    return results


def steps(options: Namespace) -> int:
    """For the progress bar."""
    total = 0
    for name in options.only:
        module = workloads.load(name)
        peers = sum(chosen(peer, options) for peer in module.PEERS)
        total += len(module.WORKS) * peers + hasattr(module, "WORKLOAD")
    return total


if __name__ == "__main__":
    main()
