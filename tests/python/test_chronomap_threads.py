"""Threads share a map: nothing is lost, nothing half, nobody waits for ever."""

import random
import subprocess
import sys
import threading
import time

import pytest

from chronomap_under_test import PEER, ChronoMap

# Seconds: the peer hangs where readers and writers meet.
LIMIT = 4 if PEER else 20


def together(*works, seconds=LIMIT):
    """Runs each in a thread of its own, at once; what they raised is raised here."""
    failed = []
    barrier = threading.Barrier(len(works))

    def run(work):
        barrier.wait()
        try:
            work()
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=run, args=[work], daemon=True) for work in works]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0, until - time.monotonic()))
        if thread.is_alive():
            pytest.fail("a thread hangs", pytrace=False)
    if failed:
        raise failed[0]


@pytest.fixture(autouse=True)
def _switch_often():
    """Threads take turns a hundred times as often as they would."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("use_rwlock", [True, False])
def test_no_put_of_eight_threads_is_lost(use_rwlock):
    cm = ChronoMap(use_rwlock=use_rwlock)

    def put(number):
        for step in range(100):
            cm.put(number, step, timestamp=step)
            cm.put("shared", (number, step), timestamp=random.random())

    together(*(lambda number=number: put(number) for number in range(8)))
    assert len(cm) == 9
    assert all([value for _, value in cm.history(n)] == list(range(100)) for n in range(8))
    shared = cm.history("shared")
    assert len(shared) == len({value for _, value in shared}) == 800
    assert [ts for ts, _ in shared] == sorted(ts for ts, _ in shared)
    assert cm.get_stats()["writes"] == 1600


def test_readers_see_batches_whole():
    cm = ChronoMap()
    cm.put_many({"a": 0, "b": 0})
    stop = threading.Event()

    def write():
        for step in range(1, 300):
            cm.put_many({"a": step, "b": step})
        stop.set()

    def read():
        last = 0
        while not stop.is_set():
            latest = cm.latest()
            assert latest["a"] == latest["b"] >= last
            last = latest["a"]
            snap = cm.snapshot()
            assert snap["a"] == snap["b"]

    together(write, read, read)
    assert cm.latest() == {"a": 299, "b": 299}


def test_a_key_that_is_put_and_deleted_is_there_or_not():
    cm = ChronoMap()
    stop = threading.Event()

    def write():
        for step in range(300):
            cm.put("a", step)
            cm.delete("a")
        stop.set()

    def read():
        while not stop.is_set():
            assert cm.get("a", default="none") in {"none", *range(300)}
            assert len(cm.history("a")) <= 1
            assert len(list(cm.items())) <= 1

    together(write, read, read)


def test_delete_is_said_to_one_thread_only():
    cm = ChronoMap()
    cm.put_many(dict.fromkeys(range(300), 1))
    won = []

    def delete():
        won.extend(key for key in range(300) if cm.delete(key))

    together(delete, delete, delete)
    assert sorted(won) == list(range(300))


@pytest.mark.better
def test_a_race_of_eight_threads_over_every_method(tmp_path):
    """Two write, four read, one takes snapshots and rolls back, one saves: in step with a tally."""
    cm = ChronoMap(max_history=50, ttl_cleanup_interval=0.01)
    until = time.monotonic() + 1.5
    tally = [0] * 8

    def repeat(number, *steps):
        def work():
            while time.monotonic() < until:
                random.choice(steps)()
                tally[number] += 1

        return work

    def key():
        return random.randrange(20)

    write = [
        lambda: cm.put(key(), random.random()),
        lambda: cm.put(key(), 1, timestamp=random.random()),
        lambda: cm.put("short", 1, ttl=0.001),
        lambda: cm.put_many({key(): 1, key(): 2}),
        lambda: cm.delete(key()),
        lambda: cm.delete_many([key(), key()]),
        lambda: cm.prune_history(key(), keep_last=5),
        lambda: cm.prune_all_history(keep_last=20),
        lambda: cm.get_or_set(key(), random.random),
    ]
    read = [
        lambda: cm.get(key()),
        lambda: cm.get(key(), timestamp=random.random()),
        lambda: cm.query(lambda k, v: True),
        lambda: cm.aggregate(len),
        lambda: cm.count(lambda k, v: True),
        lambda: cm.get_keys_by_value(1),
        lambda: cm.get_latest_keys(5),
        lambda: cm.get_range(key()),
        lambda: [cm.history(k) for k in cm],
        lambda: (len(cm), cm.latest(), dict(cm.items()), list(cm.values()), repr(cm)),
        cm.get_stats,
    ]
    spare = ChronoMap()
    share = [
        lambda: cm.rollback(cm.snapshot()),
        lambda: spare.merge(cm, strategy="overwrite"),
        lambda: cm.diff(spare),
        lambda: cm == spare,
        lambda: cm.diff_detailed(cm.snapshot()),
    ]
    at = tmp_path / "map.json"
    save = [
        lambda: cm.save_json(at),
        lambda: (cm.save_json(at), ChronoMap.load_json(at)),
        lambda: ChronoMap.from_dict(cm.to_dict()),
        cm.to_dataframe,
        cm.clean_expired_keys,
    ]
    kinds = [write, write, read, read, read, read, share, save]
    together(*(repeat(number, *steps) for number, steps in enumerate(kinds)))
    assert min(tally) > 0
    assert len(cm) == len(list(cm)) == len(cm.latest()) == cm.get_stats()["total_keys"]
    for name in cm:
        times = [ts for ts, _ in cm.history(name)]
        assert times == sorted(times)
        assert 0 < len(times) <= 50


@pytest.mark.better
def test_readers_beside_a_writer_go_on():
    """A reader that waits for seconds is not let in between two writes."""
    cm = ChronoMap(cache_size=0)
    cm.put_many({number: number for number in range(1000)})
    stop = time.monotonic() + 1
    longest = [0.0] * 4

    def write():
        while time.monotonic() < stop:
            cm.put("x", 1)

    def read(number):
        while time.monotonic() < stop:
            before = time.monotonic()
            assert cm.get(number) == number
            assert cm.count(lambda key, value: value == number) <= 2
            longest[number] = max(longest[number], time.monotonic() - before)

    together(write, *(lambda number=number: read(number) for number in range(4)))
    assert max(longest) < 2


@pytest.mark.better
@pytest.mark.parametrize("flags", [["-b"], ["-bb"]])
def test_text_and_bytes_of_one_hash_are_two_keys_whatever_python_warns_of(flags):
    code = (
        "import sys, warnings\n"
        "from chronolite import ChronoMap\n"
        "cm = ChronoMap()\n"
        "warnings.showwarning = lambda *_: cm.clear()\n"
        "for key in ('a', b'a', ('a', 1), (b'a', 1)):\n"
        "    cm[key] = key\n"
        "print([cm.get(key) for key in ('a', b'a', ('a', 1), (b'a', 1))])\n"
    )
    command = [sys.executable, *flags, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "['a', b'a', ('a', 1), (b'a', 1)]\n", done.stderr


@pytest.mark.better
def test_a_sweep_at_exit_ends_well():
    code = (
        "import time\n"
        "from chronolite import ChronoMap\n"
        "class Value:\n"
        "    def __del__(self):\n"
        "        for _ in range(1000):\n"
        "            pass\n"
        "cm = ChronoMap(ttl_cleanup_interval=1e-4)\n"
        "end = time.time() + 0.2\n"
        "while time.time() < end:\n"
        "    for number in range(1000):\n"
        "        cm.put(number, Value(), ttl=1e-4)\n"
        "print('done')\n"
    )
    for _ in range(3):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
