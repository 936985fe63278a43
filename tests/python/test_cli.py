"""The `chronolite` command, and what its demo claims."""

from __future__ import annotations

import csv
import gzip
import re
import subprocess
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

import chronolite as cl
from chronolite import _killed, demo

Run = Callable[..., "subprocess.CompletedProcess[str]"]
COUNT = r"│ {} +│ +([\d,]+) │"


def count_of(label: str, output: str) -> int:
    found = re.search(COUNT.format(re.escape(label)), output)
    assert found, f"no {label!r} in:\n{output}"
    return int(found[1].replace(",", ""))


def test_help_and_version(run_python: Run) -> None:
    helped = run_python("-m", "chronolite", "--help")
    assert helped.returncode == 0
    assert "demo" in helped.stdout
    assert "chronolite [OPTIONS] COMMAND" in helped.stdout

    helped = run_python("-m", "chronolite", "demo", "--help")
    assert helped.returncode == 0
    for option in ("--folder", "--csv", "--start", "--days", "--kill-after"):
        assert option in helped.stdout

    shown = run_python("-m", "chronolite", "--version")
    assert shown.returncode == 0
    assert re.fullmatch(r"chronolite \d+\.\d+\.\d+\S*\n", shown.stdout)


def test_command_line_is_not_imported_with_the_package(run_python: Run) -> None:
    code = "import chronolite, sys; print(sorted({'typer', 'rich'} & set(sys.modules)))"
    assert run_python("-c", code).stdout == "[]\n"


def test_demo(run_python: Run, tmp_path: Path, weather_csv: Path) -> None:
    folder = tmp_path / "kept"
    done = run_python("-m", "chronolite", "demo", "--folder", str(folder), "--days", "3")
    assert done.returncode == 0, done.stdout + done.stderr

    for day, means in expected_means(weather_csv, ["2013-07-01", "2013-07-02", "2013-07-03"]):
        cells = " ".join(f"│ +{mean:.2f}" for mean in means)
        assert re.search(f"{day} {cells} │", done.stdout), f"{day}: {means} not in\n{done.stdout}"
    assert count_of("acknowledged before the kill", done.stdout) >= 5000
    recovered = count_of("in the file after opening it again", done.stdout)
    assert recovered >= count_of("acknowledged before the kill", done.stdout)
    assert recovered <= count_of("attempted", done.stdout)
    for name in (demo.TIME_COLUMN, *demo.WEATHER_COLUMNS):
        assert re.search(rf"│ {name} +│", done.stdout)
    assert re.search(r"│ the CSV file +│ 2,294,215 │", done.stdout)
    assert re.search(r"│ weather.chl +│", done.stdout)

    with cl.Db(folder / "weather.chl") as db:
        assert len(db["weather"]) == 26_115
        assert len(db[_killed.TABLE]) == recovered

    again = run_python("-m", "chronolite", "demo", "--folder", str(folder))
    assert again.returncode == 1
    assert "already there" in again.stderr


def expected_means(weather_csv: Path, days: list[str]) -> list[tuple[str, list[float]]]:
    """From the text of the CSV file alone: its UTC time begins with the day."""
    temps: dict[tuple[str, str], list[float]] = defaultdict(list)
    with gzip.open(weather_csv, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["temp"] != "NA":
                temps[row["time_hour"][:10], row["origin"]].append(float(row["temp"]))
    stations = ("EWR", "JFK", "LGA")
    return [(day, [sum(t) / len(t) for t in (temps[day, at] for at in stations)]) for day in days]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("origin,temp\nJFK,1\n", "has no column time_hour"),
        ("{header}\n", "has no rows"),
        ("{header}\nwarm{rest}\n", "line 2: 'warm' is no temp"),
    ],
)
def test_demo_names_what_is_wrong_with_a_csv(
    tmp_path: Path, run_python: Run, text: str, message: str
) -> None:
    names = ["temp", demo.TIME_COLUMN, *(n for n in demo.WEATHER_COLUMNS if n != "temp")]
    rest = ",2013-01-01T06:00:00Z" + ",NA" * (len(names) - 2)
    source = tmp_path / "bad.csv"
    source.write_text(text.format(header=",".join(names), rest=rest), encoding="utf-8")
    done = run_python("-m", "chronolite", "demo", "--csv", str(source))
    assert done.returncode == 1
    assert "error:" in done.stderr
    assert message in done.stderr


@pytest.mark.parametrize("damage", ["cut", "changed", "not text"])
def test_a_csv_that_cannot_be_read_is_named(tmp_path: Path, weather_csv: Path, damage: str) -> None:
    packed = weather_csv.read_bytes()
    source = tmp_path / "weather.csv.gz"
    source.write_bytes(
        {
            "cut": packed[:5000],
            "changed": packed[:10] + b"\xff" * 100,
            "not text": gzip.compress(b"\xff\xfe"),
        }[damage]
    )
    with pytest.raises(demo.DemoError, match=r"weather\.csv\.gz is no CSV file in UTF-8"):
        demo.read_weather(source)


def test_demo_says_when_the_csv_is_not_there(run_python: Run) -> None:
    done = run_python("-m", "chronolite", "demo", "--csv", "nowhere.csv")
    assert done.returncode == 1
    assert "there is no file nowhere.csv" in done.stderr


def test_fields_have_the_types_of_their_columns() -> None:
    assert demo.parse_field("time_hour", "2013-01-01T06:00:00Z") == 1_357_020_000
    assert demo.parse_field("wind_dir", "270") == 270
    assert demo.parse_field("wind_gust", "NA") is None
    assert demo.parse_field("origin", "JFK") == "JFK"
    temp = demo.parse_field("temp", "39")
    assert isinstance(temp, float)


def test_weather_file(weather_csv: Path) -> None:
    batches = demo.read_weather(weather_csv)
    assert sum(len(batch["origin"]) for batch in batches) == 26_115
    assert sum(batch["wind_gust"].count(None) for batch in batches) == 20_778
    assert sum(batch["wind_dir"].count(None) for batch in batches) == 460


def test_kill_oracle_control() -> None:
    """The check of the demo accepts what a kill may leave, and nothing else."""
    rows = sorted(map(_killed.killed_row, range(100)))
    _killed.check_recovered(_killed.Killed(attempted=100, acknowledged=100), rows)
    _killed.check_recovered(_killed.Killed(attempted=130, acknowledged=100), rows)
    _killed.check_recovered(_killed.Killed(attempted=100, acknowledged=70), rows)

    def refused(attempted: int, acknowledged: int, found: list[_killed.Row]) -> str:
        with pytest.raises(_killed.DemoError) as error:
            _killed.check_recovered(_killed.Killed(attempted, acknowledged), found)
        return str(error.value)

    assert "only 100 found" in refused(101, 101, rows)
    assert "but 100 found" in refused(99, 99, rows)
    assert "part of an append" in refused(130, 70, rows)
    assert "came back as" in refused(100, 100, [*rows[:50], rows[50], *rows[50:99]])
    ts, n, value, note = rows[6]
    assert "came back as" in refused(100, 100, [*rows[:6], (ts, n, -value, note), *rows[7:]])
    assert "came back as" in refused(100, 100, [rows[1], rows[0], *rows[2:]])


def test_a_child_that_fails_is_not_taken_for_a_killed_one(tmp_path: Path) -> None:
    with pytest.raises(_killed.DemoError, match="ended by itself"):
        _killed.kill_writer(tmp_path / "no" / "such" / "folder.chl", 1, seed=1)


def test_daily_means_leave_nulls_out() -> None:
    import numpy as np

    columns = {
        "time_hour": np.array([0, 3600, 7200, 86400], dtype="datetime64[s]"),
        "origin": np.array(["JFK", "JFK", "LGA", "JFK"], dtype=object),
        "temp": np.array([1.0, 3.0, np.nan, 5.0]),
    }
    assert demo.daily_means(columns) == {
        (date(1970, 1, 1), "JFK"): 2.0,
        (date(1970, 1, 2), "JFK"): 5.0,
    }
