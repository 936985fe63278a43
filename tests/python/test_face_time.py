"""Times in, as scalars: what is taken, and what the table's unit cannot say."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import chronolite as cl

NOON = 1_709_294_400  # 2024-03-01T12:00:00Z


@pytest.fixture
def db(tmp_path):
    with cl.Db(tmp_path / "a.chl") as db:
        yield db


def stored(db, value, unit):
    table = db.create_table(f"t_{unit}", ["x"], time_unit=unit)
    table.append_row(value, [1.0])
    return table.max_ts


FORMS = [
    "2024-03-01T12:00:00",
    "2024-03-01 12:00Z",
    "20240301T120000Z",
    "2024-03-01T14:00:00+02:00",
    "2024-03-01T06:30:00.000-0530",
    dt.datetime(2024, 3, 1, 12),
    dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC),
    dt.datetime(2024, 3, 1, 13, tzinfo=ZoneInfo("Europe/Paris")),
    np.datetime64("2024-03-01T12:00:00"),
    np.datetime64("2024-03-01T12"),
    pd.Timestamp("2024-03-01T12:00:00"),
    pd.Timestamp("2024-03-01T13:00:00", tz="Europe/Paris"),
]


@pytest.mark.parametrize("value", FORMS, ids=repr)
@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
def test_forms_of_one_moment(db, value, unit, factor):
    assert stored(db, value, unit) == NOON * int(factor)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (-(2**63), -(2**63)),
        (2**63 - 1, 2**63 - 1),
        (np.int64(7), 7),
        (np.uint8(7), 7),
        (np.datetime64("1970", "Y"), 0),
        (np.datetime64("1970-02", "M"), 31 * 86_400_000_000_000),
        (np.datetime64(1, "W"), 7 * 86_400_000_000_000),
        (np.datetime64(3000, "ps"), 3),
        (np.datetime64(2, "25s"), 50_000_000_000),
        ("1970-01-01T00:00:00.123456789", 123_456_789),
        ("1970-01-01T00:00:00,5Z", 500_000_000),
        ("1969-12-31", -86_400_000_000_000),
        (pd.Timestamp(1, unit="ns"), 1),
        (dt.datetime(1970, 1, 1, microsecond=1), 1000),
    ],
)
def test_nanoseconds(db, value, expected):
    assert stored(db, value, "ns") == expected


class Index:
    def __index__(self):
        return 42


def test_anything_with_an_index_is_an_int(db):
    assert stored(db, Index(), "ms") == 42


@pytest.mark.parametrize(
    "value",
    [True, False, np.True_, 1.0, np.float64(1), None, b"2024", [], dt.timedelta(1)],
    ids=repr,
)
def test_wrong_types(db, value):
    with pytest.raises(TypeError):
        stored(db, value, "ms")


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (2**63, "ms"),
        (-(2**63) - 1, "ms"),
        (dt.datetime(9999, 1, 1), "ns"),
        ("0001-01-01", "ns"),
        (np.datetime64(2**62, "s"), "ns"),
        (np.datetime64(2**62, "W"), "ms"),
        (np.uint64(2**64 - 1), "ms"),
    ],
)
def test_past_int64(db, value, unit):
    with pytest.raises(OverflowError):
        stored(db, value, unit)


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("2024-03-01T12:00:00.5", "s"),
        (dt.datetime(2024, 3, 1, microsecond=1), "ms"),
        (np.datetime64(1, "ns"), "us"),
        (np.datetime64(1, "ps"), "ns"),
        (pd.Timestamp(1001, unit="ns"), "us"),
        (np.datetime64("NaT"), "ms"),
        (np.datetime64("NaT", "s"), "ms"),
        (pd.NaT, "ms"),
        ("tomorrow", "ms"),
        ("2024-02-30", "ms"),
        ("", "ms"),
    ],
)
def test_what_is_no_time_in_the_unit(db, value, unit):
    with pytest.raises(cl.InvalidInputError) as caught:
        stored(db, value, unit)
    assert isinstance(caught.value, ValueError)


def test_bounds_take_the_same(db):
    table = db.create_table("t", ["x"], time_unit="s")
    table.append({"ts": [NOON, NOON + 1], "x": [1.0, 2.0]})
    for value in FORMS:
        assert table.scan(value).count() == 2
        assert table.scan(None, value).count() == 0
        assert table[value:].count() == 2
    with pytest.raises(TypeError):
        table.scan(1.5)
    with pytest.raises(cl.InvalidInputError):
        table["2024-03-01T12:00:00.5":]
