"""`chronolite query`, `export` and `plot`: what comes out, and where it goes."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import chronolite as cl
from chronolite.cli import rows

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(run_python: Run, tmp_path: Path) -> Run:
    """Run a command beside q.chl, which has three rows."""
    with cl.Db(tmp_path / "q.chl") as db:
        made = db.create_table("t", {"x": "f64", "n": "i64", "s": "utf8"}, time_unit="s")
        made.append(
            {"ts": [0, 60, 120], "x": [1.5, float("nan"), None], "n": [1, None, 3],
             "s": ["a,b", "", None]}
        )  # fmt: skip
    return lambda *args: run_python("-m", "chronolite", *args)


def test_csv_and_json(run: Run) -> None:
    assert run("query", "q.chl", "t").stdout == (
        'ts,x,n,s\n1970-01-01T00:00:00Z,1.5,1,"a,b"\n1970-01-01T00:01:00Z,nan,,\n'
        "1970-01-01T00:02:00Z,,3,\n"
    )
    shown = run("query", "q.chl", "t", "--format", "json", "--columns", "n,x").stdout
    assert [json.loads(line) for line in shown.splitlines()] == [
        {"ts": "1970-01-01T00:00:00Z", "n": 1, "x": 1.5},
        {"ts": "1970-01-01T00:01:00Z", "n": None, "x": None},
        {"ts": "1970-01-01T00:02:00Z", "n": 3, "x": None},
    ]


def test_ranges(run: Run) -> None:
    def times(*options: str) -> list[str]:
        shown = run("query", "q.chl", "t", "--columns", "n", *options)
        assert shown.returncode == 0, shown.stderr
        return [line.split(",")[0][14:19] for line in shown.stdout.splitlines()[1:]]

    assert times("--from", "60") == ["01:00", "02:00"]
    assert times("--from", "1970-01-01T00:01:00Z", "--to", "1970-01-01T00:02:00") == ["01:00"]
    assert times("--limit", "1") == ["00:00"]
    assert times("--last", "2") == ["01:00", "02:00"]
    assert times("--reverse") == ["02:00", "01:00", "00:00"]
    assert times("--where", "n >= 1", "--reverse", "--limit", "1") == ["02:00"]
    assert times("--where", "x is nan or s = 'a,b'") == ["00:00", "01:00"]


def test_table_says_that_there_is_more(run: Run, tmp_path: Path) -> None:
    with cl.Db(tmp_path / "q.chl") as db:
        db["t"].append({"ts": range(60), "x": [0.5] * 60, "n": [7] * 60, "s": ["[b]"] * 60})
    shown = run("query", "q.chl", "t", "--format", "table")
    assert "first 50 rows" in shown.stderr
    assert "[b]" in shown.stdout
    assert run("query", "q.chl", "t", "--format", "table", "--limit", "2").stderr == ""


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["q.chl", "u"], 3, 'no table "u"'),
        (["nothere.chl", "t"], 3, "No such file"),
        (["q.chl", "t", "--columns", "y"], 3, "no column 'y'"),
        (["q.chl", "t", "--from", "soon"], 2, "not an ISO 8601 time"),
        (["q.chl", "t", "--from", "9" * 30], 6, ""),
        (["q.chl", "t", "--format", "xml"], 2, "--format is one of"),
        (["q.chl", "t", "--agg", "mean"], 2, "--agg needs --every"),
        (["q.chl", "t", "--every", "1h", "--agg", "median"], 2, "'median' is none of"),
        (["q.chl", "t", "--every", "1h", "--agg", "s=mean"], 6, "no mean"),
        (["q.chl", "t", "--every", "1x"], 2, "not a length of time"),
        (["q.chl", "t", "--by", "s"], 2, "--by needs --every"),
        (["q.chl", "t", "--last", "1", "--from", "0"], 2, "--last goes with"),
        (["q.chl", "t", "--where", "x >"], 2, "character 4"),
        (["q.chl", "t", "--where", "y > 1"], 6, "no column"),
        (["q.chl", "t", "--every", "1h", "--reverse"], 2, "--reverse is for rows"),
    ],
)
def test_errors(run: Run, args: list[str], code: int, message: str) -> None:
    done = run("query", *args)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert message in done.stderr


def test_no_pyarrow_is_needed(run: Run, run_python: Run) -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None; sys.argv[1:] = ['query', 'q.chl', 't']\n"
        "from chronolite.cli import main; main()"
    )
    assert run_python("-c", code).stdout == run("query", "q.chl", "t").stdout


def test_a_closed_pipe_ends_it_quietly(run: Run, tmp_path: Path) -> None:
    with cl.Db(tmp_path / "q.chl") as db:
        db["t"].append({"ts": range(99_999), "x": [0.5] * 99_999, "n": [7] * 99_999,
                        "s": ["text"] * 99_999})  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "chronolite", "query", "q.chl", "t"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(60) == 141


def test_downsampling(run: Run) -> None:
    shown = run("query", "q.chl", "t", "--every", "1h", "--agg", "n=sum,max", "--agg", "x=count")
    assert (shown.returncode, shown.stdout) == (
        0, "ts,n_sum,n_max,x_count\n1970-01-01T00:00:00Z,4,3,2\n",
    )  # fmt: skip
    # Without --agg the mean of every column of numbers, which text is not.
    shown = run("query", "q.chl", "t", "--every", "2m", "--from", "60", "--format", "json")
    assert [json.loads(line) for line in shown.stdout.splitlines()] == [
        {"ts": "1970-01-01T00:00:00Z", "x_mean": None, "n_mean": None},
        {"ts": "1970-01-01T00:02:00Z", "x_mean": None, "n_mean": 3.0},
    ]


def test_downsampling_by_a_column(run: Run) -> None:
    args = ("query", "q.chl", "t", "--every", "1h", "--by", "s", "--agg", "n=count")
    # Null comes before the empty text; in CSV both are empty.
    assert run(*args).stdout == (
        "ts,s,n_count\n1970-01-01T00:00:00Z,,1\n1970-01-01T00:00:00Z,,0\n"
        '1970-01-01T00:00:00Z,"a,b",1\n'
    )
    shown = run(*args, "--limit", "1", "--format", "json")
    assert [json.loads(line)["s"] for line in shown.stdout.splitlines()] == [None]
    assert run("query", "q.chl", "t", "--every", "1h", "--by", "x").returncode == 6


@pytest.mark.parametrize("ending", ["csv", "parquet", "feather", "ndjson"])
def test_export(run: Run, tmp_path: Path, ending: str) -> None:
    pytest.importorskip("pyarrow")
    done = run("export", "q.chl", "t", f"out.{ending}", "--from", "60", "--columns", "n")
    assert done.returncode == 0, done.stderr
    assert "exported 2 rows" in done.stderr
    done = run("import", f"out.{ending}", "back.chl", "t", "--unit", "s", "--time", "ts")
    assert done.returncode == 0, done.stderr
    with cl.Db(tmp_path / "back.chl") as db:
        assert db["t"].scan().to_arrow()["n"].to_pylist() == [None, 3]
    before = (tmp_path / f"out.{ending}").read_bytes()
    refused = run("export", "q.chl", "t", f"out.{ending}")
    assert (refused.returncode, "--force" in refused.stderr) == (1, True)
    assert (tmp_path / f"out.{ending}").read_bytes() == before
    assert run("export", "q.chl", "t", f"out.{ending}", "--force").returncode == 0
    assert (tmp_path / f"out.{ending}").read_bytes() != before
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_bytes_in_a_text_are_hexadecimal_digits(run: Run, tmp_path: Path, form: str) -> None:
    with cl.Db(tmp_path / "q.chl") as db:
        blobs = db.create_table("blobs", {"b": "binary"})
        blobs.append({"ts": [1, 2, 3], "b": [b"\xff\x00", b"", None]})
    queried = run("query", "q.chl", "blobs", "--format", form.removeprefix("nd")).stdout
    exported = run("export", "q.chl", "blobs", "-", "--format", form).stdout
    for text in (queried, exported):
        first, second, third = text.splitlines()[-3:]
        if form == "csv":
            found = [line.split(",")[1].strip('"') for line in (first, second, third)]
            assert found == ["ff00", "", ""]
        else:
            assert [json.loads(line)["b"] for line in (first, second, third)] == ["ff00", "", None]


def test_a_failed_export_leaves_nothing(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    assert run("export", "q.chl", "u", "out.csv").returncode == 3
    assert run("export", "q.chl", "t", "out.xls").returncode == 2
    assert [file.name for file in tmp_path.iterdir()] == ["q.chl"]


def test_export_to_standard_output(run: Run) -> None:
    pytest.importorskip("pyarrow")
    shown = run("export", "q.chl", "t", "-", "--columns", "n", "-q")
    assert shown.stdout.splitlines()[1] == "1970-01-01 00:00:00Z,1"


def test_plot_in_the_terminal(run: Run, tmp_path: Path) -> None:
    with cl.Db(tmp_path / "q.chl") as db:
        wave = db.create_table("wave", {"v": "f64", "who": "utf8"})
        wave.append({"ts": range(100), "v": [float(n) for n in range(100)], "who": ["a", "b"] * 50})
    shown = run("plot", "q.chl", "wave", "--columns", "v", "--height", "10")
    assert shown.returncode == 0, shown.stderr
    rows = shown.stdout.splitlines()
    assert rows[0].split()[0] == "99"
    assert rows[9].split()[0] == "0"
    # It rises: its dots are at the right above, and at the left below.
    first, last = (
        next(at for at, c in enumerate(row) if "⠀" < c <= "⣿") for row in (rows[0], rows[9])
    )
    assert first > last + 50
    assert run("plot", "q.chl", "wave", "--by", "who").stdout.splitlines()[-1].split() == [
        "━", "v", "a", "━", "v", "b",
    ]  # fmt: skip
    assert run("plot", "q.chl", "t", "--columns", "s").returncode == 1
    buckets = run("plot", "q.chl", "wave", "--every", "10ms", "--agg", "v=min,max", "--by", "who")
    assert buckets.returncode == 0, buckets.stderr
    assert [part.strip() for part in buckets.stdout.splitlines()[-1].split("━")[1:]] == [
        "v_min a", "v_min b", "v_max a", "v_max b",
    ]  # fmt: skip


def test_png_needs_matplotlib(run: Run, tmp_path: Path) -> None:
    done = run("plot", "q.chl", "t", "--columns", "n", "--png", "out.png")
    if done.returncode == 7:
        assert "pip install 'chronolite[plot]'" in done.stderr
    else:
        assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_follow_prints_rows_as_they_arrive(tmp_path: Path) -> None:
    with cl.Db(tmp_path / "f.chl") as db:
        table = db.create_table("t", {"x": "f64", "s": "utf8"}, time_unit="s")
        table.append({"ts": [1, 2], "x": [0.5, 1.5], "s": ["a", "b"]})
        feed = table.tail(timeout=0)
        table.append_row(0, [2.5, "late"])
        table.append_row(3, [None, "c"])
        texts = {}
        for form, most in (("csv", None), ("json", 2)):
            out = io.StringIO()
            feed = table.tail(cursor=2, timeout=0)
            rows.follow(table.scan(2, 3), feed, form, out, columns=["ts", "s"], most=most)
            texts[form] = out.getvalue()
    assert texts["csv"] == (
        "ts,s\n1970-01-01T00:00:02Z,b\n1970-01-01T00:00:00Z,late\n1970-01-01T00:00:03Z,c\n"
    )
    assert [json.loads(line)["s"] for line in texts["json"].splitlines()] == ["b", "late"]


def test_follow_waits_until_it_is_interrupted(run: Run, tmp_path: Path) -> None:
    options = ["q.chl", "t", "-f", "--last", "2", "--columns", "n"]
    with subprocess.Popen(
        [sys.executable, "-m", "chronolite", "query", *options],
        cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as waiting:  # fmt: skip
        assert waiting.stdout is not None
        lines = [waiting.stdout.readline() for _ in range(3)]
        assert lines == ["ts,n\n", "1970-01-01T00:01:00Z,\n", "1970-01-01T00:02:00Z,3\n"]
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.3)
        waiting.send_signal(signal.SIGINT)
        out, said = waiting.communicate(timeout=30)
    assert (waiting.returncode, out) == (130, "")
    assert "interrupted" in said
    assert run("query", "q.chl", "t", "-f", "--last", "1", "--limit", "1").returncode == 0
    for options in (["--from", "60"], ["--format", "table"], ["--every", "1h"]):
        assert run("query", "q.chl", "t", "-f", *options).returncode == 2
