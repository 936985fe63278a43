"""One worker after the other."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from comparison import workloads
from comparison.result import Result
from comparison.task import Answer, Measure, Task

# Seconds that a worker may take before it is ended, at full scale and for one round.
LIMIT = 300


def run_workload(
    name: str,
    chosen: Callable[[str], bool],
    task: Task,
    step: Callable[[str], None],
) -> list[Result]:
    """All works of a workload: each by every peer in turn, so that figures that are set beside
    each other were taken soon after each other."""
    module = workloads.load(name)
    wanted = [peer for peer in module.PEERS if chosen(peer)]
    results: list[Result] = []
    # A peer that could not write has nothing to read: its reason is that of all its works.
    lost: dict[str, str] = {}
    try:
        if hasattr(module, "WORKLOAD"):
            step(f"{name}: making the data")
            made = work(at(task, "data", ""))
            if made.failure:
                raise RuntimeError(f"the data of {name} could not be made: {made.failure}")
        for piece in module.WORKS:
            for peer in wanted:
                step(f"{name}: {piece}: {peer}")
                known = lost.get(peer)
                answer = Answer([], failure=known) if known else work(at(task, piece, peer))
                if piece == "write" and answer.failure:
                    lost[peer] = answer.failure
                results += results_of(name, piece, peer, answer)
    finally:
        shutil.rmtree(task.scratch, ignore_errors=True)
    return results


def at(task: Task, piece: str, peer: str) -> Task:
    """The same for another piece of work and peer."""
    return Task(task.workload, piece, peer, task.scratch, task.rounds, task.scale)


def work(task: Task) -> Answer:
    """In a process of its own; how it ended, if not well, is the answer."""
    Path(task.scratch).mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "comparison.worker", task.dumps()]
    limit = LIMIT * max(task.rounds, 1)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return Answer([], failure=f"failed: took longer than {limit} s")
    lines = done.stdout.splitlines()
    if done.returncode == 0 and lines:
        return Answer.loads(lines[-1])
    said = [line for line in done.stderr.splitlines() if line.strip()]
    last = f": {said[-1].strip()}" if said else ""
    return Answer([], failure=f"failed: ended with {done.returncode}{last}")


def results_of(name: str, piece: str, peer: str, answer: Answer) -> list[Result]:
    """A line for each measure, or one with the reason why there is none."""
    measures = answer.measures or [Measure([], "")]
    return [
        Result(
            name,
            piece,
            peer,
            measure.unit,
            measure.rounds,
            measure.part,
            answer.rows,
            answer.check,
            answer.note,
            answer.failure,
            answer.peak_mib,
        )
        for measure in measures
    ]
