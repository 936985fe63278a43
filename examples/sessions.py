"""Requests of a service, as objects in memory: the last minutes at hand, late ones in their place.

A log holds whatever came, by time. A window goes over it while more arrives: what it shows is of
the moment at which it was taken. Old requests go by a cutoff, and what is left is saved.
"""

import random
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from chronolite import Timelog

MINUTE = 60_000
rng = random.Random(7)


def request(n: int) -> tuple[int, dict[str, str]]:
    """About one a second; one in ten is told of some seconds late."""
    late = rng.choice([0] * 9 + [rng.randrange(20_000)])
    user, path = f"user-{rng.randrange(5)}", rng.choice(["/cart", "/item", "/pay"])
    return n * 1000 - late, {"user": user, "path": path}


with Timelog.for_streaming(time_unit="ms") as log:
    for n in range(600):
        ts, seen = request(n)
        log[ts] = seen

    last_minute = log[9 * MINUTE : 10 * MINUTE]
    log.append(9 * MINUTE, {"user": "user-0", "path": "/late"})  # not in the window any more
    print(len(last_minute), "requests in the last minute")
    print(Counter(seen["path"] for _, seen in last_minute).most_common(1)[0][0], "is asked most")

    log.cutoff(5 * MINUTE)
    first, _ = next(log.all())
    print("from minute", first // MINUTE, "on", len(log), "are kept")

    with TemporaryDirectory() as folder:
        log.save(Path(folder) / "requests.chl")
        with Timelog.load(Path(folder) / "requests.chl") as again:
            assert list(again) == list(log)
            print("saved and loaded, the same")
