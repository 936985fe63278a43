"""benches/comparison: what decides whether a peer did the work, and whether a target was met."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from comparison import data, facts, options, run, verdict
from comparison.peers.base import arrow_buckets
from comparison.result import Result
from comparison.task import Task


def test_sensor_data_is_as_described() -> None:
    made = data.sensor(50_000)
    assert (np.diff(made["ts"]) > 0).all()
    assert set(np.unique(made["status"])) <= {0, 1, 2, 3, 4}
    for name, low, high in (("temp", -20, 45), ("humidity", 20, 95), ("pressure", 950, 1050)):
        values = made[name]
        assert low <= values.min() < values.max() <= high
        assert np.array_equal(values, np.round(values * 100) / 100)
    again = data.sensor(50_000)
    assert all(np.array_equal(made[name], again[name]) for name in made)


def test_a_result_with_a_row_or_a_value_less_is_told() -> None:
    rows = data.Dataset(data.uniform(1000))
    wanted = facts.of_rows(rows)
    assert facts.differences(facts.of_table(rows.arrow), wanted) == []
    assert facts.differences(facts.of_table(rows.frame), wanted) == []
    shorter = facts.differences(facts.of_table(rows.arrow.slice(0, 999)), wanted)
    assert any(text.startswith("rows") for text in shorter)
    narrower = facts.differences(facts.of_table(rows.arrow.drop_columns(["value2"])), wanted)
    assert narrower == [f"value2 is None, not {wanted['value2']}"]


def test_times_of_any_unit_are_the_same_times() -> None:
    rows = data.Dataset(data.uniform(100))
    nanoseconds = rows.arrow["ts"].cast(pa.timestamp("ms")).cast(pa.timestamp("ns"))
    table = rows.arrow.set_column(0, "ts", nanoseconds)
    assert facts.differences(facts.of_table(table), facts.of_rows(rows)) == []


def test_hours_agree_with_arrow() -> None:
    rows = data.Dataset(data.sensor(20_000))
    found = facts.of_buckets(arrow_buckets(rows.arrow, "temp"))
    assert found["buckets"] == 6
    assert facts.differences(found, facts.of_hours(rows, "temp")) == []


def scan(peer: str, ms: float, rows: int = 10) -> Result:
    return Result("sensor", "full scan to Arrow", peer, "ms", [ms * 2, ms], rows=rows)


@pytest.mark.parametrize(
    ("ours", "theirs", "met"),
    [
        (scan("chronolite", 5), scan("duckdb", 10), True),
        (scan("chronolite", 5.1), scan("duckdb", 10), False),
        (scan("chronolite", 5), scan("duckdb", 10, rows=9), None),
        (scan("chronolite", 5), scan("polars", 10), None),
    ],
)
def test_a_target_is_met_by_the_ratio_of_the_best(ours: Result, theirs: Result, met: bool) -> None:
    (found,) = verdict.judge([ours, theirs])
    assert found.met is met


def test_more_is_better_of_commits() -> None:
    def commits(peer: str, part: str, speed: float) -> Result:
        return Result("commits", "durable commits", peer, "commits/s", [speed], part)

    results = [
        commits("chronolite", "1 thread", 6000.0),
        commits("chronolite", "8 threads", 19_000.0),
        commits("sqlite", "1 thread", 5000.0),
    ]
    assert [found.met for found in verdict.judge(results)] == [True, False]


def test_a_peer_that_cannot_be_measured_is_a_line_with_the_reason(tmp_path, monkeypatch) -> None:
    task = Task("sensor", "write", "no such peer", str(tmp_path / "scratch"), 1, 0.001)
    monkeypatch.setenv("PYTHONPATH", str(Path(run.__file__).parents[1]))
    answer = run.work(task)
    assert answer.failure.startswith("failed: KeyError")
    (line,) = run.results_of("sensor", "write", "no such peer", answer)
    assert line.best is None
    assert line.failure == answer.failure


def test_options_are_refused_before_anything_is_run(capsys) -> None:
    asked = options.parsed(["--only", "rows,points", "--peers", "duckdb,chronolite"])
    assert asked.only == ["rows", "points"]
    assert options.chosen("chronolite-raw", asked)
    assert not options.chosen("polars", asked)
    for wrong in (["--only", "row"], ["--scale", "0"], ["--rounds", "0"], ["--peers", ","]):
        with pytest.raises(SystemExit):
            options.parsed(wrong)
        assert wrong[0] in capsys.readouterr().err
