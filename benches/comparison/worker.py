"""The process of one measurement: ``python -m comparison.worker TASK``.

Whatever the peer prints goes to standard error; the answer is the only line of standard output. A
peer that lacks the call, or cannot be imported, or raises, is an answer with the reason.
"""

import os
import resource
import sys

from comparison import workloads
from comparison.peers.base import NotOfferedError
from comparison.task import Answer, Task


def main() -> None:
    """Does the task, and says how long it took."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    task = Task.loads(sys.argv[1])
    try:
        answer: Answer = workloads.load(task.workload).run(task)
    except NotOfferedError as missing:
        answer = Answer([], failure=str(missing))
    # A peer may raise anything, and what it raises is its result.
    except Exception as error:  # noqa: BLE001
        text = str(error).partition("\n")[0]
        answer = Answer([], failure=f"failed: {type(error).__name__}: {text}")
    # Linux counts in KiB.
    answer.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answers.write(answer.dumps() + "\n")
    answers.close()
    # Not the interpreter's end: a peer's threads may hang there, and nothing is left to be done.
    os._exit(0)


if __name__ == "__main__":
    main()
