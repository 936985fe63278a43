"""Times are float seconds, ISO text or datetimes; text and datetimes without a zone are local."""

import math
import time
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronomap_under_test import ChronoMap, lib, pairs, run_code

NEW_YEAR = 1735689600.0
ZONES = [
    "2025-01-01T00:00:00Z",
    "2025-01-01T00:00:00+00:00",
    "2025-01-01T02:00:00+02:00",
    "2024-12-31 19:00:00-05:00",
    datetime(2025, 1, 1, tzinfo=UTC),
    datetime(2025, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    pd.Timestamp("2025-01-01", tz="UTC"),
    int(NEW_YEAR),
    np.float64(NEW_YEAR),
]
LOCAL = [
    ("2025-01-01", datetime(2025, 1, 1)),
    ("2025-01-01T00:00:00", datetime(2025, 1, 1)),
    ("2025-01-01 12:30", datetime(2025, 1, 1, 12, 30)),
    ("2025-01-01T00:00:00.250001", datetime(2025, 1, 1, 0, 0, 0, 250001)),
]
REFUSED_TEXT = ["", "yesterday", "100.0", "12:00", "2025-13-01", "2025-01-01T25:00:00"]
REFUSED_TYPE = [b"2025-01-01", (1,), date(2025, 1, 1), Decimal(3), 1j, [1.0]]
# Every method that takes a time, and how.
TAKERS = {
    "put": lambda cm, ts: cm.put("k", 0, timestamp=ts),
    "put_many": lambda cm, ts: cm.put_many({"k": 0}, timestamp=ts),
    "get": lambda cm, ts: cm.get("k", timestamp=ts),
    "query": lambda cm, ts: cm.query(lambda key, value: True, timestamp=ts),
    "aggregate": lambda cm, ts: cm.aggregate(list, timestamp=ts),
    "count": lambda cm, ts: cm.count(lambda key, value: True, timestamp=ts),
    "get_keys_by_value": lambda cm, ts: cm.get_keys_by_value(1, timestamp=ts),
    "get_range from": lambda cm, ts: cm.get_range("k", start_ts=ts),
    "get_range to": lambda cm, ts: cm.get_range("k", end_ts=ts),
    "prune_history": lambda cm, ts: cm.prune_history("k", older_than=ts),
    "prune_all_history": lambda cm, ts: cm.prune_all_history(older_than=ts),
}


@pytest.mark.parametrize("given_as", ZONES, ids=repr)
def test_a_time_with_a_zone_is_a_point_in_time(cm, given_as):
    cm.put("k", 1, timestamp=given_as)
    assert cm.history("k") == [(NEW_YEAR, 1)]
    assert cm.get("k", timestamp=given_as) == 1
    assert cm.get_range("k", given_as, given_as) == [(NEW_YEAR, 1)]


@pytest.mark.parametrize(("text", "local"), LOCAL)
def test_a_time_without_a_zone_is_local(cm, text, local):
    cm.put("text", 1, timestamp=text)
    cm.put("datetime", 1, timestamp=local)
    assert cm.history("text") == cm.history("datetime") == [(local.timestamp(), 1)]


def test_local_is_the_zone_of_the_machine():
    code = (
        "cm = lib.ChronoMap()\n"
        "cm.put('k', 1, timestamp='2025-01-01T00:00:00')\n"
        "print(cm.history('k')[0][0])\n"
    )
    assert float(run_code(code, TZ="America/New_York")) == NEW_YEAR + 5 * 3600
    assert float(run_code(code, TZ="Asia/Kolkata")) == NEW_YEAR - 5.5 * 3600


@pytest.mark.parametrize(
    "zone",
    [
        "UTC",
        pytest.param("America/New_York", marks=pytest.mark.better),
        pytest.param("Asia/Kolkata", marks=pytest.mark.better),
    ],
)
def test_now_is_the_true_time_in_every_zone(zone):
    code = (
        "import time, datetime\n"
        "cm = lib.ChronoMap()\n"
        "cm['k'] = 1\n"
        "print(cm.history('k')[0][0] - time.time())\n"
        "cm.put('now', 2, timestamp=datetime.datetime.now())\n"
        "assert cm['now'] == 2\n"
        "assert cm.get('k', timestamp=time.time()) == 1\n"
    )
    assert -5 < float(run_code(code, TZ=zone)) <= 0


def test_a_put_without_a_time_is_now(cm):
    before = time.time()
    cm["k"] = 1
    cm.put_many({"j": 1})
    after = time.time()
    assert before - 0.001 <= cm.history("k")[0][0] <= cm.history("j")[0][0] <= after + 0.001


@pytest.mark.parametrize(
    "ts", [0.1 + 0.2, 5e-324, -5.5, 1e-9, 2.0**53 + 2, 1e15, 1e300, 1795879461.123456, 0.0]
)
def test_a_float_comes_back_bit_for_bit(cm, ts):
    cm.put("k", 1, timestamp=ts)
    assert cm.history("k") == [(ts, 1)]
    assert isinstance(cm.history("k")[0][0], float)
    assert cm.get("k", timestamp=ts) == 1
    assert cm.get("k", timestamp=math.nextafter(ts, -math.inf)) is None


def test_text_is_read_to_the_microsecond(cm):
    cm.put("k", 1, timestamp="2025-01-01T00:00:00.123456Z")
    assert cm.history("k") == [(1735689600.123456, 1)]


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("text", REFUSED_TEXT)
def test_text_that_is_no_time_is_refused_and_named(cm, taker, text):
    cm.put("k", 1, timestamp=1)
    with pytest.raises(lib.ChronoMapValueError, match=f"Invalid datetime string: {text}"):
        TAKERS[taker](cm, text)
    assert cm.history("k") == [(1.0, 1)]


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("value", REFUSED_TYPE, ids=repr)
def test_what_is_no_time_at_all_is_a_type_error(cm, taker, value):
    cm.put("k", 1, timestamp=1)
    with pytest.raises(lib.ChronoMapTypeError, match="Invalid timestamp type"):
        TAKERS[taker](cm, value)
    assert cm.history("k") == [(1.0, 1)]


@pytest.mark.parametrize("taker", ["put", "put_many", "get", "query", "aggregate", "count"])
@pytest.mark.parametrize("ts", [math.nan, math.inf, -math.inf])
def test_a_time_is_finite(cm, taker, ts):
    cm.put("k", 1, timestamp=1)
    with pytest.raises(lib.ChronoMapValueError, match=f"Timestamp must be finite, got {ts}"):
        TAKERS[taker](cm, ts)
    assert cm.history("k") == [(1.0, 1)]


def test_a_range_may_be_open_by_infinity(cm):
    cm.put("k", 1, timestamp=1)
    cm.put("k", 2, timestamp=1e12)
    assert cm.get_range("k", -math.inf, math.inf) == [(1.0, 1), (1e12, 2)]


def test_an_int_beyond_float_is_an_overflow(cm):
    with pytest.raises(OverflowError):
        cm.put("k", 1, timestamp=10**400)
    assert len(cm) == 0


@given(st.lists(st.floats(-1e9, 1e9) | st.integers(-5, 5), max_size=30))
def test_versions_are_kept_in_time_order_and_those_of_one_time_as_they_came(times):
    cm = ChronoMap(enable_ttl_cleanup=False)
    for number, ts in enumerate(times):
        cm.put("k", number, timestamp=ts)
    wanted = sorted(((float(ts), number) for number, ts in enumerate(times)), key=lambda v: v[0])
    assert pairs(cm.history("k")) == wanted
    for ts in [*times, 0.5, -1e10]:
        before = [number for at, number in wanted if at <= ts]
        assert cm.get("k", timestamp=ts) == (before[-1] if before else None)


@pytest.mark.better
def test_times_of_numpy_are_times(cm):
    times = {
        np.float32(1.5): 1.5,
        np.int64(7): 7.0,
        np.datetime64("1970-01-01T00:00:02.5"): 2.5,
        np.datetime64("3000-01-01"): 32503680000.0,
        np.datetime64(1500, "ms"): 1.5,
    }
    for number, (given_as, seconds) in enumerate(times.items()):
        cm.put(number, 1, timestamp=given_as)
        assert cm.history(number) == [(seconds, 1)]
    with pytest.raises(lib.ChronoMapValueError, match="finite"):
        cm.put("a", 1, timestamp=np.datetime64("NaT"))
    with pytest.raises(lib.ChronoMapTypeError, match="bool"):
        cm.put("a", 1, timestamp=True)


@pytest.mark.better
def test_a_clock_gives_times():
    cm = ChronoMap(clock=lambda: math.nan)
    with pytest.raises(lib.ChronoMapValueError, match="finite"):
        cm.put("a", 1)
