"""ChronoMap beside chronomap, in one run: the same process, the same keys and values.

    make bench-chronomap                            all of it
    make bench-chronomap ARGS="--only put"          works whose name holds this

It runs in the environment of ``compare.py``, which has the peer, and keeps what it prints.

Each piece of work is done by both, turn by turn, on keys and values made beforehand; of each the
best of some rounds counts, without the garbage collector. A rate is calls (of put_many: items) a
second, a time is of one call. The ratio is how many times chronolite is as fast as the peer in this
run. The peer is given fewer calls where it would take minutes: its rates do not depend on how many
there are.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comparison import machine
from comparison.faces import keep, library

OURS, PEER = "chronolite", "chronomap"
KEYS = [f"key:{number}" for number in range(200_000)]
THOUSAND = KEYS[:1000]
VERSIONS = 200
FEW = 10


Map = Any
Act = Callable[[Map, float], float]
Prepare = Callable[[Any, Path], Map]


def empty(module: Any, _folder: Path) -> Map:
    return module.ChronoMap()


@dataclass
class Work:
    """What is measured: `prepare(module, folder)` gives a map, `act(map, share)` what it took."""

    name: str
    target: str
    act: Act
    prepare: Prepare = empty
    # Of the calls, how many the peer makes.
    share: float = 1.0
    rate: bool = True
    unit: str = "M/s"


def timed(call: Callable[[], object]) -> float:
    """Seconds of a call, without the garbage collector's."""
    gc.collect()
    gc.disable()
    try:
        before = time.perf_counter()
        call()
        return time.perf_counter() - before
    finally:
        gc.enable()


def millions(count: int, call: Callable[[], object]) -> float:
    return count / timed(call) / 1e6


def put(cm: Map, share: float) -> float:
    keys = KEYS[: int(len(KEYS) * share)]

    def run() -> None:
        for number, key in enumerate(keys):
            cm.put(key, number)

    return millions(len(keys), run)


def filled(module: Any, _folder: Path | None = None, versions: int = VERSIONS) -> Map:
    """200,000 versions: 1,000 keys of 200."""
    cm = module.ChronoMap()
    for version in range(versions):
        cm.put_many(dict.fromkeys(THOUSAND, version * 1.5), timestamp=version)
    return cm


def get_latest(cm: Map, share: float) -> float:
    rounds = max(1, int(500 * share))

    def run() -> None:
        for _ in range(rounds):
            for key in THOUSAND:
                cm.get(key)

    return millions(rounds * len(THOUSAND), run)


def get_at(cm: Map, share: float) -> float:
    asked = [
        (key, (number * 7919 + number // 1000) % (FEW * 2) / 2 + 0.25)
        for number, key in enumerate(THOUSAND * max(1, int(200 * share)))
    ]

    def run() -> None:
        for key, ts in asked:
            cm.get(key, timestamp=ts)

    return millions(len(asked), run)


def long_key(module: Any, _folder: Path) -> Map:
    cm = module.ChronoMap()
    for ts in range(20_000):
        cm.put("key", ts, timestamp=ts)
    return cm


def get_in_long_key(cm: Map, share: float) -> float:
    times = [(number * 7919) % 20_000 + 0.5 for number in range(max(200, int(200_000 * share)))]

    def run() -> None:
        for ts in times:
            cm.get("key", timestamp=ts)

    return millions(len(times), run)


def in_use(module: Any, _folder: Path) -> Map:
    """A map that is read as well: the peer's put_many walks its full cache for every item."""
    cm = filled(module, versions=1)
    for key in THOUSAND:
        cm.get(key)
    return cm


def put_many(cm: Map, share: float) -> float:
    items = {key: number for number, key in enumerate(KEYS[-int(100_000 * share) :])}
    return millions(len(items), lambda: cm.put_many(items))


def of_one_call(call: Callable[[Map], object]) -> Act:
    def act(cm: Map, _share: float) -> float:
        return timed(lambda: call(cm)) * 1e3

    return act


def save_json(cm: Map, _share: float) -> float:
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder) / "map.json"
        return timed(lambda: cm.save_json(at)) * 1e3


def reads_of(cm: Map, readers: int, writer: bool, seconds: float) -> float:
    """Reads a second of so many threads at once, beside one that writes or not."""
    stop = threading.Event()
    counts = [0] * readers

    def read(number: int) -> None:
        while not stop.is_set():
            for key in THOUSAND[:200]:
                cm.get(key)
            counts[number] += 200

    def write() -> None:
        while not stop.is_set():
            for key in THOUSAND[200:400]:
                cm.put(key, 1)

    threads = [threading.Thread(target=read, args=[n], daemon=True) for n in range(readers)]
    if writer:
        threads.append(threading.Thread(target=write, daemon=True))
    before = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join(30)
    return sum(counts) / (time.perf_counter() - before)


def readers_beside_a_writer(cm: Map, _share: float) -> float:
    alone = reads_of(cm, 1, False, 0.5)
    return reads_of(cm, 4, True, 0.5) / alone


def durable(module: Any, folder: Path) -> Map:
    return module.ChronoMap(path=Path(folder) / f"{time.perf_counter_ns()}.chl")


def kept(module: Any, folder: Path) -> Map:
    """A map in a file of 1,000,000 changes, closed."""
    at = Path(folder) / f"{module.__name__}.chl"
    if not at.exists():
        with module.ChronoMap(path=at) as cm:
            for version in range(1000):
                cm.put_many(dict.fromkeys(THOUSAND, version), timestamp=version)
    return module, at


def open_and_get(made: Map, _share: float) -> float:
    module, at = made

    def run() -> None:
        with module.ChronoMap(path=at) as cm:
            cm.get(THOUSAND[500])

    return timed(run) * 1e3


def dict_alone() -> str:
    """What the machine allows: the loops of put and of get with a dict in the place of the map."""
    best = [0.0, 0.0]
    for _ in range(5):
        plain: dict[str, int] = {}

        def fill(plain: dict[str, int] = plain) -> None:
            for number, key in enumerate(KEYS):
                plain[key] = number  # noqa: PERF403 - the loop is what is timed

        def read(plain: dict[str, int] = plain) -> None:
            for _ in range(500):
                for key in THOUSAND:
                    plain.get(key)

        best = [max(best[0], millions(len(KEYS), fill)), max(best[1], millions(500_000, read))]
    return f"a dict in the loop of put: {best[0]:.3g} M/s, in that of get latest: {best[1]:.3g} M/s"


WORKS = [
    Work("put", ">= 2 M/s", put, share=0.1),
    Work("get latest", ">= 5 M/s", get_latest, filled, share=0.2),
    Work("get at a time", ">= 2 M/s", get_at, lambda module, folder: filled(module, folder, FEW),
         share=0.1),
    Work("get in 20k versions", ">= 2 M/s", get_in_long_key, long_key, share=0.001),
    Work("put_many 100k", ">= 3 M/s", put_many, in_use, share=0.1),
    Work("snapshot 200k", "<= 1 ms", of_one_call(lambda cm: cm.snapshot()), filled, rate=False),
    Work("to_dataframe 200k", "<= 60 ms", of_one_call(lambda cm: cm.to_dataframe()), filled,
         rate=False),
    Work("save_json 200k", "<= 150 ms", save_json, filled, rate=False),
    Work("4 readers + writer / 1", ">= 0.7", readers_beside_a_writer, filled, unit=""),
    Work("durable put", ">= 0.5 M/s", put, durable, share=0.1),
    Work("open, get: 1M changes", "<= 10 ms", open_and_get, kept, rate=False),
]  # fmt: skip


def measured(work: Work, module: Any, share: float, folder: Path) -> float | None:
    """A figure, or None where the library has no such thing."""
    try:
        cm = work.prepare(module, folder)
    except TypeError:
        return None
    return work.act(cm, share)


def better(work: Work, first: float | None, second: float | None) -> float | None:
    if first is None or second is None:
        return first if second is None else second
    return max(first, second) if work.rate else min(first, second)


def figure(work: Work, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3g} {work.unit}".strip() if work.rate else f"{value:.3g} ms"


def is_met(work: Work, value: float | None) -> bool:
    limit = float(work.target.split()[1])
    return value is not None and (value >= limit if work.rate else value <= limit)


ROW = "{:26}{:>12}{:>14}{:>14}{:>10}{:>6}"


def compare(works: list[Work], rounds: int) -> Iterator[tuple[str, bool]]:
    """A line of the table for each work, and whether it is as wanted."""
    for work in works:
        found: dict[str, float | None] = {OURS: None, PEER: None}
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(rounds):
                for name in (OURS, PEER):
                    share = work.share if name == PEER else 1.0
                    value = measured(work, library(name), share, Path(folder))
                    found[name] = better(work, found[name], value)
        ours, theirs = found[OURS], found[PEER]
        ratio = "-"
        if ours and theirs:
            ratio = f"{ours / theirs if work.rate else theirs / ours:.3g} x"
        met = is_met(work, ours)
        told = "yes" if met else "NO"
        cells = work.name, work.target, figure(work, ours), figure(work, theirs), ratio, told
        yield ROW.format(*cells), met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="works whose name holds this")
    given = parser.parse_args()
    works = [work for work in WORKS if given.only in work.name]
    about = machine.describe(Path.cwd())
    lines = [ROW.format("work", "wanted", OURS, PEER, "ratio", "met")]
    print(lines[0])
    missed = 0
    for line, met in compare(works, given.rounds):
        print(line, flush=True)
        lines.append(line)
        missed += not met
    about["load when it ended"] = machine.load()
    lines.append(f"\n{missed} of what is wanted is missed; {dict_alone()}\n")
    print(lines[-1])
    if not given.only:
        keep("chronomap", about, ["\n".join(lines)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
