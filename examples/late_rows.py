"""Readings that arrive late, out of order and twice at the same time: they read back in order."""

from pathlib import Path
from tempfile import TemporaryDirectory

import chronolite as cl

with TemporaryDirectory() as folder, cl.Db(Path(folder) / "gate.chl") as db:
    gate = db.create_table("gate", {"car": "utf8", "kmh": "f64"}, time_unit="s")

    for time, car, kmh in [(30, "red", 41.0), (10, "blue", 38.5), (30, "green", 44.0)]:
        gate.append_row(time, [car, kmh])
    gate.append({"ts": [20, 5], "car": ["white", "black"], "kmh": [52.0, None]})

    cars = gate.scan().to_numpy()["car"].tolist()
    print(cars)
    assert cars == ["black", "blue", "white", "red", "green"]
