"""Settings of a service, with all that they ever were: who changed what, and back again.

Each setting is a key with a history. A change that does not hold together is undone as a whole; the
settings of any moment can be looked at; two environments are compared; all of it is a JSON file.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chronolite import ChronoMap

settings = ChronoMap(max_history=50)


def audit(key: str, old: Any, new: Any, _ts: float) -> None:
    print(f"  {key}: {old!r} becomes {new!r}")


def change(values: dict[str, Any]) -> None:
    """All of these settings, or none: what is written within is undone if it raises."""
    with settings.snapshot_context():
        settings.put_many(values)
        if settings["pool.max"] < settings["pool.min"]:
            raise ValueError("pool.max is less than pool.min")


start = {"pool.min": 5, "pool.max": 20, "debug": False, "hosts": ["db1", "db2"]}
settings.put_many(start, timestamp="2025-10-01T09:00:00")
settings.put("pool.max", 50, timestamp="2025-10-20T09:00:00")

settings.on_change(audit)
print("a change that holds:")
change({"debug": True, "hosts": ["db1", "db2", "db3"]})
print("one that does not:")
try:
    change({"pool.min": 60, "debug": False})
except ValueError as error:
    print("  undone,", error)
assert settings["pool.min"] == 5
assert settings["debug"] is True

then = settings.as_of("2025-10-10")
print("on the 10th of October pool.max was", then["pool.max"], "and debug", then["debug"])
print("pool.max was", [value for _, value in settings.history("pool.max")])

staging = settings.snapshot()
staging["pool.max"] = 10
for key, there, here in settings.diff_detailed(staging):
    print(f"staging has {key} {there}, production {here}")

with TemporaryDirectory() as folder:
    file = Path(folder) / "settings.json"
    settings.save_json(file, compress="gzip")
    again = ChronoMap.load_json(file)
    assert again == settings
    assert again.history("hosts") == settings.history("hosts")
    print("saved and loaded, the same")
