"""Hypothesis's state machines, as proofs run them: from seeds, and in full size in parts."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proof import sizes

# Hypothesis keeps what it tried: ten thousand long runs in one go would fill the memory.
PART = 250


def run(machine, runs, steps, part=0, **options):
    """Run a machine. Each part has a seed of its own."""
    try:
        run_state_machine_as_test(
            seed(sizes.SEED + part)(machine),
            settings=settings(
                max_examples=runs,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
                **options,
            ),
        )
    except Exception as error:
        error.add_note(f"in part {part}: seed {sizes.SEED + part}")
        raise


def in_parts(play, runs, steps):
    """How many runs there were, and the sums of what each `play(part, runs, steps)` counted."""
    if sizes.SHARE == 0:
        return runs, play(0, runs, steps)
    # Each process on its own: what one Python does in three hours, two do in half of it.
    parts = -(-runs // PART)
    each = -(-runs // parts)
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as processes:
        counted = list(processes.map(play, range(parts), [each] * parts, [steps] * parts))
    return parts * each, tuple(map(sum, zip(*counted, strict=True)))
