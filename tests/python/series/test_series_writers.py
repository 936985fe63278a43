"""Several writers of one day, in threads and in processes: each batch whole, in some order."""

import functools
import random
import sys
import threading

import pytest
from series_under_test import BATCHES, DAY, a_batch, engine, whole_batches

from tests.proof import at_once as begun

pytestmark = pytest.mark.ours
at_once = functools.partial(begun.at_once, seconds=120)

WRITERS, EACH = 4, 30
SIZES = [1, 1, 2, 7, 300, 3000]


def write(made, writer, batches=EACH):
    sizes = random.Random(writer)
    for batch in range(batches):
        made.append("ES", DAY, a_batch(writer, batch, sizes.choice(SIZES)))


@pytest.fixture
def quick_switches():
    """Threads take turns more often than they would."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("quick_switches")
def test_threads_that_share_an_engine(make):
    made = make(BATCHES)
    at_once(*(lambda n=n: write(made, n) for n in range(WRITERS)))
    assert whole_batches(made.read("ES", DAY)) == dict.fromkeys(range(WRITERS), EACH)
    made.close()
    again = make(BATCHES)
    assert whole_batches(again.read("ES", DAY)) == dict.fromkeys(range(WRITERS), EACH)


@pytest.mark.usefixtures("quick_switches")
def test_threads_that_append_single_rows(make):
    made = make("writer:i row:i")

    def rows(writer):
        for row in range(200):
            made.append("ES", DAY, {"writer": writer, "row": row})

    at_once(*(lambda n=n: rows(n) for n in range(WRITERS)))
    found = made.read("ES", DAY)
    assert len(found["row"]) == WRITERS * 200
    for writer in range(WRITERS):
        assert found["row"][found["writer"] == writer].tolist() == list(range(200))


@pytest.mark.usefixtures("quick_switches")
def test_a_thread_that_reads_sees_whole_batches(make):
    made = make(BATCHES)
    ended = threading.Event()
    seen = []

    def read():
        while not ended.is_set():
            seen.append(whole_batches(made.read("ES", DAY)).get(0, 0))

    def work():
        try:
            write(made, 0, 40)
        finally:
            ended.set()

    at_once(read, work)
    assert seen == sorted(seen)
    assert whole_batches(made.read("ES", DAY)) == {0: 40}


@pytest.mark.usefixtures("quick_switches")
def test_flat_backends_in_one_process(folder):
    engines = [engine("flat", BATCHES, folder) for _ in range(WRITERS)]
    at_once(*(lambda n=n: write(engines[n], n) for n in range(WRITERS)))
    for made in engines:
        assert whole_batches(made.read("ES", DAY)) == dict.fromkeys(range(WRITERS), EACH)
        made.close()


@pytest.mark.parametrize("kind", ["flat", "lmdb"])
def test_processes(kind, make, folder, start):
    code = f"""
import random
e = engine({kind!r}, BATCHES, arguments[0])
def write(writer):
    sizes = random.Random(writer)
    for batch in range({EACH}):
        e.append("ES", DAY, a_batch(writer, batch, sizes.choice({SIZES})))
    e.close()
"""
    others = [start(folder) for _ in range(3)]
    for other in others:
        other.do(code)
    for writer, other in enumerate(others):
        other.tell(f"write({writer})")
    made = make(BATCHES)
    write(made, 3)
    # What others are about to write may be missing, but not a part of a batch.
    assert whole_batches(made.read("ES", DAY))[3] == EACH
    for other in others:
        other.answer()
    assert whole_batches(made.read("ES", DAY)) == dict.fromkeys(range(4), EACH)


def test_a_process_that_reads_flat_files_sees_whole_batches(folder, start):
    with engine("flat", BATCHES, folder) as made:
        made.append("ES", DAY, a_batch(0, 0, 5))
        other = start(folder)
        other.do(f"""
e = engine("flat", BATCHES, arguments[0])
def watch():
    seen = []
    while not seen or seen[-1] < {EACH}:
        seen.append(whole_batches(e.read("ES", DAY))[0])
    return seen
""")
        other.tell("watch()")
        sizes = random.Random(5)
        for batch in range(1, EACH):
            made.append("ES", DAY, a_batch(0, batch, sizes.choice(SIZES)))
        seen = other.answer()
    assert seen == sorted(seen)


def test_another_process_may_delete_a_day_between_appends(folder, start):
    with engine("flat", BATCHES, folder) as made:
        other = start(folder)
        other.do("e = engine('flat', BATCHES, arguments[0])")
        for n in range(1, 4):
            made.append("ES", DAY, a_batch(0, 0, n))
            assert other.do("e.delete_day('ES', DAY)") is True
            assert made.read("ES", DAY) == {}
            made.append("ES", DAY, a_batch(0, 0, n + 5))
            assert other.do("len(e.read('ES', DAY)['row'])") == n + 5
            assert made.delete_day("ES", DAY) is True
