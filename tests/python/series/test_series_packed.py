"""Packed files: chronolite's own, one for all or one for each day of a table."""

import numpy as np
import pytest
from series_under_test import (
    DAY,
    NEXT,
    PACKED,
    PLAIN,
    SHARED,
    TWO,
    as_rows,
    backend,
    backends,
    engine,
    files_in,
    lib,
    same,
    schema,
)

pytestmark = pytest.mark.ours

DOUBLE = {name: values * 2 for name, values in TWO.items()}


@pytest.fixture(params=PACKED)
def kind(request):
    return request.param


def steps(rows):
    """A sensor that is read each second: its value moves a little now and then."""
    random = np.random.default_rng(11)
    moves = random.choice([0, 0, 0, 0, 1, -1], rows)
    return {
        "timestamp": 1_749_859_200_000 + 1000 * np.arange(rows),
        "value": (200 + np.cumsum(moves)) / 10,
        "good": random.random(rows) > 0.001,
        "state": np.repeat(random.integers(0, 5, -(-rows // 500)), 500)[:rows],
    }


STEPS = "timestamp:q value:d good:? state:h"


def size_of(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_where_the_files_are(kind, folder):
    with engine(kind, PLAIN, folder) as made:
        made.append("ES", DAY, TWO)
        made.append("ES", NEXT, {"timestamp": 3, "value": 2.5})
        made.append("NQ", DAY, TWO)
    if kind == "packed-one":
        assert files_in(folder) == ["data.chl"]
    else:
        days = [f"ES/{DAY}", f"ES/{NEXT}", f"NQ/{DAY}"]
        assert files_in(folder) == [f"{day}/data.chl" for day in days]


def test_one_file_is_what_is_made_unless_told(folder):
    with backends.PackedBackend(schema(PLAIN), folder) as made:
        made.append("ES", DAY, TWO)
        assert (folder / "data.chl").exists()
    with backends.PackedBackend(schema(PLAIN), str(folder), files="one") as made:
        same(made.read("ES", DAY), TWO)


@pytest.mark.parametrize("durability", ["sync", "interval", "none"])
@pytest.mark.parametrize("storage", ["balanced", "speed", "size", "raw"])
def test_durability_and_storage_change_no_row(kind, folder, durability, storage):
    data = steps(3000)
    with engine(kind, STEPS, folder, durability=durability, storage=storage) as made:
        made.append("ES", DAY, data)
        made.append(
            "ES", DAY, as_rows({name: values[:3].tolist() for name, values in data.items()})
        )
        made.flush()
    with engine(kind, STEPS, folder) as made:
        same(made.read("ES", DAY), {n: np.concatenate([v, v[:3]]) for n, v in data.items()})


@pytest.mark.parametrize(
    "wrong", [{"mode": "w"}, {"durability": "never"}, {"storage": "tiny"}, {"mode": None}]
)
def test_a_wrong_option_is_refused(kind, folder, wrong):
    with pytest.raises((lib.ChronoliteError, ValueError, TypeError)):
        engine(kind, PLAIN, folder, **wrong).append("ES", DAY, TWO)
    assert files_in(folder) == []


def test_wrong_files_are_refused(folder):
    with pytest.raises((lib.ChronoliteError, ValueError)):
        backends.PackedBackend(schema(PLAIN), folder, files="month")
    with pytest.raises(TypeError):
        backends.PackedBackend(schema(PLAIN), folder, "one")


def test_pack_changes_no_row(kind, folder):
    data = steps(20_000)
    with engine(kind, STEPS, folder) as made:
        for part in range(0, 20_000, 5000):
            made.append("ES", DAY, {n: values[part : part + 5000] for n, values in data.items()})
        made.append("ES", NEXT, {name: values[:1] for name, values in data.items()})
        held = made.read("ES", DAY)
        made.backend.pack()
        same(made.read("ES", DAY), data)
        same(held, data)
        made.append("ES", DAY, {name: values[:7] for name, values in data.items()})
        made.backend.pack()
        made.backend.pack()
        assert len(made.read("ES", (DAY, NEXT))["value"]) == 20_008
    with engine(kind, STEPS, folder) as made:
        same(made.read("ES", DAY, end=20_000), data)


def test_pack_of_nothing(kind, folder):
    with backend(kind, PLAIN, folder) as made:
        made.pack()
        assert made.tables() == []
    with pytest.raises(lib.ClosedError):
        made.pack()


def test_a_series_of_steps_is_much_smaller_than_in_a_flat_file(kind, folder, tmp_path):
    data = steps(50_000)
    for of, where in ((kind, folder), ("flat", tmp_path / "flat")):
        with engine(of, STEPS, where) as made:
            made.append("ES", DAY, data)
            if of != "flat":
                made.backend.pack()
    assert size_of(folder) < size_of(tmp_path / "flat") / 4


@pytest.mark.parametrize("name", ["city_temperature_f_tw.bin", "food_prices_tw.bin"])
def test_real_values_are_smaller_than_in_a_flat_file(kind, folder, name):
    if not (SHARED / name).exists():
        pytest.skip(f"{name} is not in ../shared/data")
    values = np.fromfile(SHARED / name)
    with engine(kind, "value:d", folder) as made:
        made.append("ES", DAY, values)
        made.backend.pack()
        same(made.read("ES", DAY), {"value": values})
    assert size_of(folder) < values.nbytes * 0.6


def test_a_reader_reads_and_does_not_write(kind, folder):
    with engine(kind, PLAIN, folder) as made:
        made.append("ES", DAY, TWO)
    before = files_in(folder)
    with engine(kind, PLAIN, folder, mode="r") as reader:
        same(reader.read("ES", DAY), TWO)
        assert (reader.tables(), reader.days("ES")) == (["ES"], [DAY])
        for refused in (
            lambda: reader.append("ES", DAY, TWO),
            lambda: reader.append("ES", NEXT, TWO),
            lambda: reader.delete_day("ES", DAY),
        ):
            with pytest.raises(lib.ReadOnlyError):
                refused()
        same(reader.read("ES", DAY), TWO)
    assert files_in(folder) == before


def test_a_reader_in_another_process_sees_new_rows_by_itself(kind, folder, start):
    with engine(kind, PLAIN, folder) as made:
        made.append("ES", DAY, TWO)
        made.flush()
        reader = start(folder)
        reader.do(f"e = engine({kind!r}, {PLAIN!r}, arguments[0], mode='r')")
        assert reader.do("e.read('ES', DAY)['timestamp'].tolist()") == [1, 2]
        made.append("ES", DAY, TWO)
        made.append("NQ", NEXT, {"timestamp": 5, "value": 0.5})
        made.flush()
        assert reader.do("e.read('ES', DAY)['timestamp'].tolist()") == [1, 2, 1, 2]
        assert reader.do("e.read('NQ', (DAY, NEXT))['timestamp'].tolist()") == [5]
        assert reader.do("[e.tables(), e.days('NQ')]") == [["ES", "NQ"], [NEXT]]
        made.backend.pack()
        assert made.delete_day("ES", DAY)
        made.flush()
        assert reader.do("e.read('ES', DAY)") == {}
        assert reader.fails("e.append('ES', DAY, TWO)") == "ReadOnlyError"


def test_a_second_writer_is_locked_out(kind, folder, start):
    other = start(folder)
    other.do(f"e = engine({kind!r}, {PLAIN!r}, arguments[0]); e.append('ES', DAY, TWO); e.flush()")
    with pytest.raises(lib.DatabaseLockedError):
        engine(kind, PLAIN, folder).append("ES", DAY, TWO)
    with engine(kind, PLAIN, folder, mode="r") as reader:
        same(reader.read("ES", DAY), TWO)
    other.do("e.append('ES', DAY, TWO); e.close()")
    with engine(kind, PLAIN, folder) as made:
        same(made.read("ES", DAY), DOUBLE)
        made.append("ES", DAY, TWO)
        assert other.fails(
            f"engine({kind!r}, {PLAIN!r}, arguments[0]).append('ES', DAY, TWO)"
        ) == "DatabaseLockedError"  # fmt: skip


def test_a_writer_that_was_killed_leaves_no_lock(kind, folder, start):
    other = start(folder)
    other.do(f"e = engine({kind!r}, {PLAIN!r}, arguments[0]); e.append('ES', DAY, TWO); e.flush()")
    other.kill()
    with engine(kind, PLAIN, folder) as made:
        same(made.read("ES", DAY), TWO)
        made.append("ES", DAY, TWO)
        same(made.read("ES", DAY), DOUBLE)


def test_deleted_rows_do_not_come_back(kind, folder):
    data = steps(20_000)
    with engine(kind, STEPS, folder) as made:
        made.append("ES", DAY, data)
        made.append("ES", NEXT, data)
        made.backend.pack()
        assert made.delete_day("ES", DAY)
        made.backend.pack()
        assert made.read("ES", DAY) == {}
        made.append("ES", DAY, {name: values[:5] for name, values in data.items()})
        made.backend.pack()
    with engine(kind, STEPS, folder) as made:
        assert len(made.read("ES", DAY)["value"]) == 5
        same(made.read("ES", NEXT), data)


def test_what_a_flat_backend_packs_a_packed_one_packs_too(kind, folder):
    with backend(kind, PLAIN, folder) as made:
        assert made.pack_rows(as_rows(TWO)) == backend("flat", PLAIN, folder).pack(TWO)
        assert made.pack_row({"timestamp": 1, "value": 0.5}) == made.pack_rows(as_rows(TWO))[:16]
    assert files_in(folder) == []
