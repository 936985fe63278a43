"""Follow a table: each row once, as it arrives, and from where one left off.

A thread writes the readings of a pump, some of them late. A follower looks for high ones. It stops
in between, as a service does that is deployed anew; what it keeps in a file is one number, its
cursor, and it neither misses a reading nor sees one twice. `chronolite.aio.tail` is the same for
`async for`.
"""

import tempfile
import threading
from pathlib import Path

import chronolite as cl

READINGS = 3_000


def write(pump: cl.Table) -> None:
    """Reading after reading; every seventh comes a second late."""
    for n in range(READINGS):
        late = 1_000 if n % 7 == 0 else 0
        pump.append_row(n * 100 - late, [60.0 + n % 50])


def follow(pump: cl.Table, kept: Path, most: int) -> list[float]:
    """The readings above 108 degrees, of `most` at least or until a second without any."""
    cursor = int(kept.read_text()) if kept.exists() else 0
    high, seen = [], 0
    for batch in pump.tail(cursor=cursor, timeout=1.0):
        temps = batch.to_numpy()["temp"]
        high += temps[temps > 108].tolist()
        seen += len(batch)
        # What was seen is done: only now is it written down.
        kept.write_text(str(batch.cursor))
        if seen >= most:
            break
    print(f"{seen} readings from behind row {cursor} on, {len(high)} high")
    return high


with tempfile.TemporaryDirectory() as folder, cl.Db(Path(folder) / "plant.chl") as db:
    pump = db.create_table("pump", ["temp"])
    kept = Path(folder) / "cursor"
    writing = threading.Thread(target=write, args=(pump,))
    writing.start()
    high = follow(pump, kept, most=1_000)
    db.compact()  # Numbers stay with their rows, wherever they are moved.
    high += follow(pump, kept, most=READINGS)
    writing.join()
    print(f"{len(high)} of {len(pump)} readings were high; row {kept.read_text()} was the last")
