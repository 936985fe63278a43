"""Packing changes where rows stand and nothing that is read; compacting gives space back."""

from __future__ import annotations

import signal
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import chronolite as cl

FLIGHTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "nyc_flights_2013.csv.zip"
ROWS = 20_000


def noise(rows: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Values that no codec makes small."""
    return np.random.default_rng(seed).integers(-(2**62), 2**62, rows)


def fill(table: cl.Table, first: int, rows: int = ROWS) -> None:
    table.append({"ts": np.arange(first, first + rows), "x": noise(rows, first)})


def blocks(path: Path) -> int:
    return path.stat().st_blocks * 512


@pytest.mark.skipif(not FLIGHTS.exists(), reason="the flights of 2013 are not in ../shared/data")
@pytest.mark.parametrize("key", [None, ["carrier", "tailnum"]])
def test_shuffled_flights_are_as_pandas_sorts_them(db: cl.Db, key: list[str] | None) -> None:
    names = ["time_hour", "carrier", "tailnum", "flight", "dep_delay", "air_time"]
    with zipfile.ZipFile(FLIGHTS) as archive, archive.open("flights.csv") as file:
        frame = pd.read_csv(file, usecols=names, parse_dates=["time_hour"])[names]
    frame["time_hour"] = frame["time_hour"].dt.tz_localize(None)
    frame = frame.sample(frac=1, random_state=5, ignore_index=True)
    columns: dict[str, Any] = {"carrier": "utf8", "tailnum": "utf8", "flight": "i64"}
    columns |= {"dep_delay": "f64", "air_time": "f64"}
    table = db.create_table(
        "flights", columns, time_unit="s", time_column="time_hour", key=key, storage="balanced"
    )
    for part in np.array_split(np.arange(len(frame)), 9):
        table.append(frame.iloc[part])
        db.flush()
    order = ["time_hour", *(key or [])]
    wanted = frame.sort_values(order, kind="stable", ignore_index=True, na_position="first")

    def check() -> None:
        found = table.scan().to_arrow()
        times = found.column(0).cast(pa.timestamp("s")).to_pandas()
        assert (times.astype("datetime64[s]") == wanted["time_hour"].astype("datetime64[s]")).all()
        for at, name in enumerate(columns, 1):
            given = pa.array(wanted[name], found.column(at).type, from_pandas=True)
            assert pa.chunked_array([given]).equals(found.column(at)), name

    check()
    report = db.pack()
    assert (report["segments_before"], report["segments_after"]) == (9, 1)
    assert report["rows_before"] == report["rows_after"] == len(frame)
    check()
    if key:
        carrier, tail = wanted["carrier"][0], wanted["tailnum"].dropna().iloc[0]
        wanted_rows = ((wanted["carrier"] == carrier) & (wanted["tailnum"] == tail)).sum()
        assert table.scan(key=(carrier, tail)).count() == wanted_rows


def test_what_is_packed_is_not_packed_again(db: cl.Db) -> None:
    table = db.create_table("t", {"x": "i64"})
    for _ in range(3):
        fill(table, 0)
        db.flush()
    done = db.pack("t")
    assert (done["segments_before"], done["segments_after"]) == (3, 1)
    assert done["rows_after"] == len(table) == 3 * ROWS
    assert set(db.pack("t").values()) == {0}
    table.delete(10**9, None)  # hides nothing
    assert set(db.pack().values()) == {0}
    table.delete(0, 1)
    assert db.pack()["rows_after"] == 3 * ROWS - 3


def test_an_unknown_table_is_refused(db: cl.Db) -> None:
    with pytest.raises(cl.TableNotFoundError):
        db.pack("nothing")
    with pytest.raises(cl.TableNotFoundError):
        db.pack_table("nothing", 8192)


def test_a_reader_does_not_pack(path: Path) -> None:
    with cl.Db(path) as db:
        fill(db.create_table("t", {"x": "i64"}), 0)
    with cl.Db(path, mode="r") as db:
        calls: list[Any] = [db.pack, db.compact, lambda: db.pack_table("t", 8192)]
        for call in calls:
            with pytest.raises(cl.ReadOnlyError):
                call()


@pytest.mark.parametrize("key", [None, "k"])
def test_packing_in_place_does_not_grow_the_file(path: Path, key: str | None) -> None:
    columns: dict[str, Any] = {"k": "i64", "x": "i64"}
    sizes = []
    with cl.Db(path) as db:
        table = db.create_table("t", columns, key=key)
        table.append({"ts": np.arange(ROWS), "k": np.arange(ROWS) % 7, "x": noise(ROWS)})
        db.flush()
        for at in range(40):
            # Late, so that all of it is packed again; as much is deleted as is added.
            table.append({"ts": [at] * 10, "k": [1] * 10, "x": noise(10, at)})
            table.delete(ROWS - 10 * (at + 1), ROWS - 10 * at)
            assert db.pack()["rows_after"] == ROWS
            sizes.append(path.stat().st_size)
        assert db.verify().ok
    # What is there, what the slot before names, and what is written now.
    assert max(sizes) < 3.5 * len(noise(ROWS).tobytes()) * 1.1, sizes
    assert max(sizes[20:]) <= max(sizes[:20]) * 1.02, sizes


def test_deleting_and_compacting_gives_space_back(path: Path) -> None:
    with cl.Db(path) as db:
        kept, gone = (db.create_table(name, {"x": "i64"}) for name in ("kept", "gone"))
        for part in range(5):
            for table in (gone, kept):
                fill(table, part * ROWS)
            db.flush()
        rows = kept.scan().to_arrow()
        full = path.stat().st_size, blocks(path)
        gone.delete(None, None)
        db.compact()
        half = path.stat().st_size, blocks(path)
        assert half[0] < full[0] * 0.55
        assert half[1] < full[1] * 0.55
        kept.delete(ROWS, None)
        db.compact()
        tenth = path.stat().st_size, blocks(path)
        assert tenth[0] < full[0] * 0.15
        assert tenth[1] < full[1] * 0.15
        assert kept.scan().to_arrow().equals(rows.slice(0, ROWS))
        assert db.verify().ok
    with cl.Db(path) as db:
        assert db["kept"].scan().to_arrow().equals(rows.slice(0, ROWS))
        assert db.verify().ok


def test_what_a_snapshot_holds_stays_until_it_is_let_go(path: Path) -> None:
    with cl.Db(path) as db:
        table = db.create_table("t", {"x": "i64"})
        fill(table, 0, 10 * ROWS)
        db.flush()
        full = blocks(path)
        moment = db.snapshot()
        table.delete(None, None)
        db.compact()
        assert blocks(path) >= full * 0.95
        assert len(moment["t"]) == 10 * ROWS
        moment.close()
        db.compact()
        assert blocks(path) < full * 0.1


@pytest.mark.parametrize("key", [None, "k"])
def test_others_go_on_while_it_packs(path: Path, key: str | None) -> None:
    """One thread appends, one scans, one deletes a stretch of its own; a held result stays."""
    columns: dict[str, Any] = {"k": "i64", "x": "i64"}
    errors: list[BaseException] = []
    stop = threading.Event()
    appended = 0
    with cl.Db(path, durability="none") as db:
        table = db.create_table("t", columns, key=key)
        table.append({"ts": np.arange(ROWS), "k": np.arange(ROWS) % 5, "x": np.arange(ROWS)})
        table.append({"ts": [-1] * 100, "k": [0] * 100, "x": [0] * 100})

        def guarded(work: Any) -> Any:
            def run() -> None:
                try:
                    while not stop.is_set():
                        work()
                except BaseException as error:  # noqa: BLE001  for the main thread to raise
                    errors.append(error)
                    stop.set()

            return threading.Thread(target=run)

        def append() -> None:
            nonlocal appended
            rows = 500
            at = appended % 17 * 1000  # late, all over
            table.append({"ts": np.arange(at, at + rows), "k": [9] * rows, "x": [-1] * rows})
            appended += rows
            if appended % 5000 == 0:
                db.flush()
            time.sleep(1e-3)

        held = table.scan()
        first = held.to_arrow()
        table.delete(-5, 0)

        def scan() -> None:
            assert held.to_arrow().equals(first)
            before = appended
            now = table.scan(0, None).to_arrow()
            after = appended + 500
            ts = now.column(0).cast(pa.int64()).to_numpy()
            x = now.column(2).to_numpy()
            assert (np.diff(ts) >= 0).all()
            assert np.array_equal(np.sort(x[x >= 0]), np.arange(ROWS))
            assert before <= (x == -1).sum() <= after

        def delete() -> None:
            table.delete(-5, 0)
            time.sleep(5e-3)

        threads = [guarded(append), guarded(scan), guarded(delete)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(6):
                db.pack()
                db.compact()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if errors:
            raise errors[0]
        assert held.to_arrow().equals(first)
        assert len(table) == ROWS + appended
        assert db.verify().ok
    with cl.Db(path) as db:
        assert len(db["t"]) == ROWS + appended


@pytest.mark.parametrize("call", ["pack", "compact"])
def test_a_signal_ends_it(path: Path, call: str) -> None:
    """What its handler raises is raised, and everything is as it was."""

    class Enough(Exception):  # noqa: N818
        pass

    def enough(*_: object) -> None:
        raise Enough

    rows = 400_000
    before = signal.signal(signal.SIGALRM, enough)
    try:
        with cl.Db(path, auto_maintenance=False) as db:
            t = db.create_table("t", ["x"])
            for part in range(8):  # all overlap
                t.append({"ts": np.arange(part, 8 * rows, 8), "x": np.arange(rows) / 8})
            db.flush()
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(Enough):
                getattr(db, call)()
            assert len(t) == 8 * rows
            assert (t.scan().to_numpy()["ts"].astype("i8") == np.arange(8 * rows)).all()
            assert db.pack("t")["rows_before"] == 8 * rows  # it had not come to its end
            assert db.verify().ok
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("call", ["pack", "compact"])
def test_a_handler_may_call_it_again(path: Path, call: str) -> None:
    """A handler of a signal runs with no lock held, and what it does not raise ends nothing."""
    rows = 400_000
    inner = []

    with cl.Db(path, auto_maintenance=False) as db:
        before = signal.signal(signal.SIGALRM, lambda *_: inner.append(db.pack()["rows_before"]))
        try:
            t = db.create_table("t", ["x"])
            for part in range(4):  # all overlap
                t.append({"ts": np.arange(part, 4 * rows, 4), "x": np.arange(rows) / 8})
            db.flush()
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            getattr(db, call)()
            assert inner == [0]  # it waited, and found nothing left
            assert db.pack()["rows_before"] == 0
            assert len(t) == 4 * rows
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
