"""to_dataframe: the history of all keys, a row a version."""

import subprocess
import sys
from datetime import datetime

import pandas as pd
import pytest

from chronomap_under_test import MODULE

COLUMNS = ["key", "value", "timestamp", "datetime", "version"]


def test_a_row_a_version_key_by_key_and_numbered(cm):
    cm.put("temp", 20, timestamp=100)
    cm.put("name", "x", timestamp=50)
    cm.put("temp", 19, timestamp=99.5)
    frame = cm.to_dataframe()
    assert list(frame.columns) == COLUMNS
    assert frame["key"].tolist() == ["temp", "temp", "name"]
    assert frame["value"].tolist() == [19, 20, "x"]
    assert frame["timestamp"].tolist() == [99.5, 100.0, 50.0]
    assert frame["version"].tolist() == [0, 1, 0]
    assert frame.index.tolist() == [0, 1, 2]


def test_the_datetime_is_local_and_has_no_zone(cm):
    cm.put("a", 1, timestamp=1735689600.25)
    frame = cm.to_dataframe()
    assert frame["datetime"].dt.tz is None
    assert frame["datetime"][0] == pd.Timestamp(datetime.fromtimestamp(1735689600.25))


def test_numbers_are_columns_of_numbers(cm):
    for ts in range(3):
        cm.put("a", ts * 1.5, timestamp=ts)
    frame = cm.to_dataframe()
    assert frame["value"].dtype == "float64"
    assert frame["timestamp"].dtype == "float64"
    assert frame["version"].dtype == "int64"
    assert frame.groupby("key")["value"].mean()["a"] == 1.5


def test_any_value_and_key_may_be_in_it(cm):
    values = [None, [1], {"a": 1}, (1, 2), b"x"]
    for number, value in enumerate(values):
        cm.put((1, "k"), value, timestamp=number)
    frame = cm.to_dataframe()
    assert frame["value"].tolist() == values
    assert frame["key"].tolist() == [(1, "k")] * 5


def test_expired_keys_are_left_out(timed, clock):
    timed.put("a", 1, ttl=10)
    timed.put("b", 2)
    clock.advance(10)
    assert timed.to_dataframe()["key"].tolist() == ["b"]


def test_future_versions_are_in_it(timed, clock):
    timed.put("a", 1, timestamp=clock.now + 100)
    assert timed.to_dataframe()["timestamp"].tolist() == [1100.0]


def test_an_empty_map_is_an_empty_frame(cm):
    assert len(cm.to_dataframe()) == 0


@pytest.mark.better
def test_an_empty_frame_has_the_columns_too(cm):
    assert list(cm.to_dataframe().columns) == COLUMNS


def test_without_pandas_it_says_what_is_missing():
    code = (
        "import importlib, sys\n"
        "sys.modules['pandas'] = None\n"
        f"cm = importlib.import_module({MODULE!r}).ChronoMap()\n"
        "cm['a'] = 1\n"
        "try:\n"
        "    cm.to_dataframe()\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "pandas is required for to_dataframe()" in done.stdout
