"""The files of examples/ run without arguments and print what they are there to show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import chronolite as cl

Run = Callable[..., "CompletedProcess[str]"]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TELLING = {
    "config_manager.py": [
        r"^  undone, pool\.max is less than pool\.min$",
        r"^pool\.max was \[20, 50\]$",
        r"^saved and loaded, the same$",
    ],
    "follow.py": [
        r"^[1-9]\d+ readings from behind row 0 on",
        r"^\d+ readings from behind row [1-9]\d+ on",
        r"^60 of 3000 readings were high; row 3000 was the last$",
    ],
    "late_rows.py": [r"^\['black', 'blue', 'white', 'red', 'green'\]$"],
    "metrics_store.py": [
        r"^361 readings of 3 metrics, opened again$",
        r"^db-1 around half past twelve: \[2\.42, 9\.75, 2\.51\]$",
        r"^181 readings of the first hour pruned$",
    ],
    "session_store.py": [
        r"^after 40 minutes there is ada$",
        r"^began: ada bob eve bob$",
        r"^3 ended; 2 go on$",
    ],
    "weather_frame.py": [r"^26115 rows appended$", r"^EWR +\d+\.0 +\d+\.\d"],
    "sensors.py": [
        r"^killed at message 900, [1-9]\d* rows in hand$",
        r"^goes on after message [1-9]\d\d;",
        r"^[1-9]\d* messages came twice .*'old': [1-9].*'full': [1-9]",
        r"^2,000 messages published, 2,000 rows, in order of time$",
        r"^plant/boiler/temp +\d+ readings, mean 69\.\d$",
    ],
    "ticks.py": [
        r"^30,000 ticks appended$",
        r"^ESM4 +2024-05-01 13:39:59\.\d{9} +\d+\.\d+$",
        r"datetime\[ns\]",
        r"^2024-05-01 13:30:00( +\d{4}\.\d+){4}$",
    ],
    "sessions.py": [
        r"^59 requests in the last minute$",
        r"^from minute 5 on 301 are kept$",
        r"^saved and loaded, the same$",
    ],
    "million_rows.py": [
        r"^flat\n  append, and flush +\d+\.\d ms$",
        r"^1,000,000 rows, the same from both; 252 of two days chosen$",
        r"^packed +[\d,]+ bytes on disk, \d+\.\d a row$",
    ],
    "iot_sensor.py": [
        r"^1,008 rows sent, 1,008 seen before they were flushed$",
        r"^EWR had a wind of 1048 mph on 2013-02-12$",
        r"^corrected; 2013-02-02 to 2013-02-14 are kept$",
        r"^936 rows of 3 stations migrated$",
        r"^JFK 647 rows, mean 34\.3 °F; no pressure in 80: 53 NaN, 27 null$",
        r"^EWR: 669 directions, 288 of them west, 14 null$",
    ],
    "tick_store.py": [
        r"^156,000 trades of ACME, WIDG, 3 days$",
        r"^packed +[\d,]+ bytes on disk, \d+\.\d a trade$",
        r"^6,631 of 78,000 trades of ACME have a price > 100 and a size >= 10$",
        r"^2024-05-02 13:30:00( +\d+\.\d+){4} +\d+$",
        r"XNAS +┆ 6449 ",
    ],
    "pandas_round_trip.py": [
        r"^when +datetime64\[us, Europe/Berlin\] +now datetime64\[us\]$",
        r"^site +category +now str$",
        r"^doors +Int64 +as it was$",
        r"^equal, value for value$",
    ],
}
NOTEBOOK = EXAMPLES / "reader.ipynb"
# The faces have theirs, which tell what a script of the same name does.
TOLD = {
    "million_rows.ipynb": [
        r"^1000000$",
        r"^\[True, True, True, True\]$",
        r"^packed 683 rows True$",
        r"^noise +8\.0 +7\.\d\d$",
    ],
    "iot_sensor.ipynb": [
        r"^LGA 336 rows, not flushed$",
        r"^deleted: True \{\}$",
        r"^936 rows migrated$",
        r"^EWR +645 +82 +35$",
        r"^the PackedBackend was closed",
    ],
    "tick_store.ipynb": [
        r"^flat +[\d,]+ bytes on disk, \d+\.\d a trade$",
        r"^26 bars$",
        r"XNAS +┆ 6449 ",
    ],
}
NOTEBOOKS = [NOTEBOOK, *(EXAMPLES / name for name in TOLD)]

# As a notebook runs it: cell by cell in one namespace, the value of a last expression shown.
RUN_CELLS = """
import ast, json, sys

names = {"__name__": "__main__"}
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        tree = ast.parse("".join(cell["source"]))
        shown = tree.body[-1:] if isinstance(tree.body[-1], ast.Expr) else []
        tree.body = tree.body[: len(tree.body) - len(shown)]
        exec(compile(tree, "cell", "exec"), names)
        exec(compile(ast.Interactive(shown), "cell", "single"), names)
"""


def says(output: str, lines: list[str]) -> None:
    for line in lines:
        assert re.search(line, output, re.MULTILINE), f"no {line!r} in:\n{output}"


def test_every_example_is_tested() -> None:
    assert {file.name for file in EXAMPLES.glob("*.py")} == set(TELLING)
    assert set(EXAMPLES.glob("*.ipynb")) == set(NOTEBOOKS)


@pytest.mark.parametrize("name", TELLING)
def test_example(run_python: Run, tmp_path: Path, name: str) -> None:
    done = run_python(str(EXAMPLES / name))
    assert done.returncode == 0, done.stdout + done.stderr
    says(done.stdout, TELLING[name])
    assert list(tmp_path.iterdir()) == [], "it writes to a temporary folder"


@pytest.mark.parametrize(("name", "rows"), [("sensors.py", 2_000), ("ticks.py", 30_000)])
def test_a_file_that_is_named_is_kept(
    run_python: Run, tmp_path: Path, name: str, rows: int
) -> None:
    kept = tmp_path / "kept.chl"
    for attempt in range(2):
        done = run_python(str(EXAMPLES / name), str(kept))
        # The sensors go on where they were; the ticks are not imported twice.
        told = (0, "") if attempt == 0 or name == "sensors.py" else (1, "already there")
        assert done.returncode == told[0], done.stderr
        assert told[1] in done.stderr
        assert [file.name for file in tmp_path.iterdir()] == ["kept.chl"]
        with cl.Db(kept, mode="r") as db:
            assert [len(db[table]) for table in db.tables()] == [rows]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_the_notebook(run_python: Run) -> None:
    done = run_python("-c", RUN_CELLS, str(NOTEBOOK))
    assert done.returncode == 0, done.stderr
    says(
        done.stdout,
        [
            r'^<chronolite.Table "climate": 576 rows, .* ts timestamp\[ms\], bed utf8, temp f64',
            r"^count .* 290\.0",  # a day of each bed, and the reading a day before the last
            r"mode",
        ],
    )


@pytest.mark.parametrize("name", TOLD)
def test_the_notebook_of_a_script(
    run_python: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    weather = EXAMPLES / "data" / "nyc_weather_2013.csv.gz"
    monkeypatch.setenv("CHRONOLITE_WEATHER", str(weather))
    done = run_python("-c", RUN_CELLS, str(EXAMPLES / name))
    assert done.returncode == 0, done.stderr
    says(done.stdout, TOLD[name])
    assert list(tmp_path.iterdir()) == [], "it writes to a temporary folder"


def test_the_notebook_reads_a_file_of_yours(
    run_python: Run, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cl.Db(path) as db:
        db.create_table("mine", {"x": "i8"}, time_unit="s").append({"ts": [1, 86_402], "x": [1, 2]})
    before = path.read_bytes()
    monkeypatch.setenv("CHRONOLITE_FILE", str(path))
    done = run_python("-c", RUN_CELLS, str(NOTEBOOK))
    assert done.returncode == 0, done.stderr
    says(done.stdout, [r'^<chronolite.Table "mine": .*> 2 rows$', r"^count .* 1\.0"])
    assert path.read_bytes() == before
