"""`chronolite import`: what a file's columns become, and what is said of one that does not fit."""

from __future__ import annotations

import bz2
import gzip
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import chronolite as cl

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.parquet")

Run = Callable[..., "subprocess.CompletedProcess[str]"]
CSV = "ts,site,temp,n\n2024-01-01T00:00:00Z,a,1.5,1\n2024-01-01T00:00:01Z,b,,2\n"


@pytest.fixture
def load(run_python: Run, tmp_path: Path) -> Run:
    """Import a text, or bytes, as a file of a name, with options."""

    def load(name: str, content: str | bytes, *options: str) -> subprocess.CompletedProcess[str]:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        return run_python("-m", "chronolite", "import", name, "t.chl", "t", *options)

    return load


def table(folder: Path) -> dict[str, list[object]]:
    with cl.Db(folder / "t.chl") as db:
        return db["t"].scan().to_arrow().to_pydict()


def types(folder: Path) -> dict[str, str]:
    with cl.Db(folder / "t.chl") as db:
        return dict(zip(db["t"].schema.names, db["t"].schema.types, strict=True))


def zipped(folder: Path) -> bytes:
    with zipfile.ZipFile(folder / "made.zip", "w") as archive:
        archive.writestr("inner.csv", CSV)
    return (folder / "made.zip").read_bytes()


@pytest.mark.parametrize("pack", ["plain", "gz", "bz2", "zst", "zip"])
def test_csv_however_it_is_packed(load: Run, tmp_path: Path, pack: str) -> None:
    packed = {
        "plain": lambda: CSV.encode(),
        "gz": lambda: gzip.compress(CSV[:40].encode()) + gzip.compress(CSV[40:].encode()),
        "bz2": lambda: bz2.compress(CSV.encode()),
        "zst": lambda: pa.compress(CSV.encode(), "zstd", asbytes=True),
        "zip": lambda: zipped(tmp_path),
    }[pack]()
    done = load("rows.csv" if pack == "plain" else f"rows.csv.{pack}", packed)
    assert done.returncode == 0, done.stderr
    assert "imported 2 rows in " in done.stderr
    assert done.stdout == ""
    assert types(tmp_path) == {"ts": "timestamp[ms]", "site": "utf8", "temp": "f64", "n": "i64"}
    assert table(tmp_path)["temp"] == [1.5, None]
    assert not list(tmp_path.glob("t.chl-*"))


def test_standard_input(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chronolite", "import", "-", "t.chl", "t", "-q"],
        cwd=tmp_path, input=CSV, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"NO_COLOR": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert table(tmp_path)["n"] == [1, 2]


@pytest.mark.parametrize("form", ["parquet", "arrow", "ndjson"])
def test_other_formats(run_python: Run, tmp_path: Path, form: str) -> None:
    with cl.Db(tmp_path / "from.chl") as db:
        made = db.create_table("t", {"x": "f64", "n": "i64", "s": "utf8"})
        made.append({"ts": [1000, 2000], "x": [1.5, None], "n": [None, 2], "s": ["a", None]})
    done = run_python("-m", "chronolite", "export", "from.chl", "t", f"rows.{form}")
    assert done.returncode == 0, done.stderr
    done = run_python("-m", "chronolite", "import", f"rows.{form}", "t.chl", "t")
    assert done.returncode == 0, done.stderr
    assert table(tmp_path) | {"ts": None} == {
        "ts": None, "x": [1.5, None], "n": [None, 2], "s": ["a", None],
    }  # fmt: skip


def test_null_words(load: Run, tmp_path: Path) -> None:
    text = CSV.replace("b,,2", "b,NA,2")
    assert "kept as text because of 'NA'" in load("a.csv", text).stderr
    assert types(tmp_path)["temp"] == "utf8"
    (tmp_path / "t.chl").unlink()
    assert load("a.csv", text, "--null", "NA").returncode == 0
    assert table(tmp_path)["temp"] == [1.5, None]


@pytest.mark.parametrize(
    ("times", "options", "unit", "first"),
    [
        ("1704067200", ["--unit", "s"], "s", 1704067200),
        ("1704067200", ["--unit", "s", "--tz", "Europe/Berlin"], "s", 1704067200),
        ("2024-01-01 00:00:00", [], "ms", 1704067200000),
        ("2024-01-01T00:00:00.000001Z", [], "us", 1704067200000001),
        ("2024-01-01T01:00:00+01:00", [], "ms", 1704067200000),
        ("2024-01-01 01:00:00", ["--tz", "Europe/Berlin"], "ms", 1704067200000),
        ("01.01.2024 00:00", ["--time-format", "%d.%m.%Y %H:%M"], "ms", 1704067200000),
        ("2024-01-01", [], "ms", 1704067200000),
    ],
)
def test_times(
    load: Run, tmp_path: Path, times: str, options: list[str], unit: str, first: int
) -> None:
    done = load("a.csv", f"when,x\n{times},1\n", "--time", "when", *options)
    assert done.returncode == 0, done.stderr
    with cl.Db(tmp_path / "t.chl") as db:
        assert (db["t"].schema.time_unit, db["t"].min_ts) == (unit, first)


@pytest.mark.parametrize(
    ("text", "options", "code", "message"),
    [
        ("a,b\n1,2\n", [], 2, "which column is the time? Say --time COL: a, b"),
        ("ts,b\n1,2\n", [], 2, "say what they count with --unit"),
        ("a,b\n1,2\n", ["--time", "c"], 3, "there is no column 'c'"),
        ("ts,b\n1.5,2\n", [], 6, "no times"),
        ("ts,b\n2024-01-01,1\n,2\n", [], 6, "row 2, column 'ts': there is no time"),
        ("ts,b\n2024-01-01,1\n2024-01-01,x\n", ["--type", "b=i64"], 6, "row 2, column 'b': 'x'"),
        ("ts,b\n", [], 6, "no rows"),
        ("", [], 6, "is empty"),
        ("ts,b\n1,2,3\n", [], 6, "expected 2 columns, got 3"),
        ("ts,b,b\n1,2,3\n", [], 6, "two columns 'b'"),
        ("ts,b\n2024-01-01,1\n", ["--type", "b=number"], 2, "--type is COL=TYPE"),
        ("ts,b\n2024-01-01,1\n", ["--unit", "m"], 2, "--unit is one of"),
        ("ts,b\n2024-01-01,1\n", ["--tz", "Mars/Olympus"], 2, "no time zone 'Mars/Olympus'"),
        ("ts,b\n2024-01-01,1\n", ["--key", "c"], 3, "there is no column 'c'"),
    ],
)
def test_what_does_not_fit_writes_nothing(
    load: Run, tmp_path: Path, text: str, options: list[str], code: int, message: str
) -> None:
    done = load("a.csv", text, *options)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert not list(tmp_path.glob("t.chl*"))


def test_value_that_the_sample_did_not_show(load: Run, tmp_path: Path) -> None:
    lines = [f"{n},{n % 10},{n}" for n in range(900_000)]
    # Between two pieces of the sample, and not in the first batch.
    lines[600_500] = "600500,oops,1"
    text = "ts,n,pad\n" + "\n".join(lines) + "\n"
    done = load("a.csv", text, "--unit", "s")
    assert done.returncode == 6, done.stderr
    assert "row 600,501, column 'n': 'oops': it is no i64" in done.stderr
    assert "--null 'oops' makes it null" in done.stderr
    assert "the same command goes on after them" in done.stderr
    kept = table(tmp_path)["ts"]
    assert 0 < len(kept) <= 600_500
    done = run_again(tmp_path, "--unit", "s", "--null", "oops")
    assert done.returncode == 0, done.stderr
    with cl.Db(tmp_path / "t.chl") as db:
        assert len(db["t"]) == 900_000
    # Read as a whole beforehand, the same file has a column of text.
    (tmp_path / "t.chl").unlink()
    done = run_again(tmp_path, "--unit", "s", "--scan-all")
    assert done.returncode == 0, done.stderr
    assert types(tmp_path)["n"] == "utf8"


def run_again(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chronolite", "import", "a.csv", "t.chl", "t", *options],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_wrong_guess_of_a_type_has_a_way_out(load: Run, run_python: Run, tmp_path: Path) -> None:
    lines = [f"{n},{n % 10},{n}" for n in range(900_000)]
    lines[600_500] = "600500,oops,1"
    text = "ts,n,pad\n" + "\n".join(lines) + "\n"
    done = load("a.csv", text, "--unit", "s")
    assert done.returncode == 6, done.stderr
    assert "row 600,501, column 'n': 'oops'" in done.stderr
    assert "into a new table, with --restart --type n=TYPE" in done.stderr
    kept = len(table(tmp_path)["ts"])
    assert 0 < kept <= 600_500
    # As the message says, and the first table stays as it was.
    args = ("a.csv", "t.chl", "u", "--unit", "s", "--restart", "--type", "n=utf8")
    done = run_python("-m", "chronolite", "import", *args)
    assert done.returncode == 0, done.stderr
    with cl.Db(tmp_path / "t.chl") as db:
        assert (len(db["t"]), len(db["u"]), db["u"].schema["n"]) == (kept, 900_000, "utf8")


def test_a_finished_import_is_not_repeated_by_mistake(load: Run, tmp_path: Path) -> None:
    done = load("a.csv", CSV)
    assert "; table 't' has 2 rows" in done.stderr
    again = load("a.csv", CSV)
    assert (again.returncode, "--again" in again.stderr) == (1, True), again.stderr
    # Of the same rows under another name, with more after them, the last is new.
    more = load("b.csv", CSV + "2024-01-01T00:00:02Z,b,2.5,3\n")
    assert "; table 't' has 5 rows" in more.stderr
    wanted = load("a.csv", CSV, "--again")
    assert "imported 2 rows" in wanted.stderr
    assert "; table 't' has 7 rows" in wanted.stderr
    assert len(table(tmp_path)["n"]) == 7


def test_a_nan_is_the_same_nan_when_repeated(load: Run) -> None:
    text = "ts,x,s\n2024-01-01,nan,\n"
    assert load("a.csv", text, "--type", "x=f64").returncode == 0
    assert load("a.csv", text).returncode == 1


@pytest.mark.parametrize(
    ("options", "end"), [([], "\n"), (["--multiline"], "\n"), ([], "\r\n"), ([], "\r")]
)
def test_rows_are_the_same_however_they_are_divided(
    load: Run, tmp_path: Path, options: list[str], end: str
) -> None:
    rows = [f'{n},"w{n}{"x" * (n % 90)}",{n / 4}' for n in range(60_000)]
    done = load("a.csv", end.join(["ts,s,x", *rows, ""]), "--unit", "s", *options)
    assert done.returncode == 0, done.stderr
    assert table(tmp_path)["s"] == [f"w{n}{'x' * (n % 90)}" for n in range(60_000)]


@pytest.mark.parametrize("options", [[], ["--multiline"]])
def test_rows_that_do_not_parse_are_counted(load: Run, options: list[str]) -> None:
    rows = [f"{n},{n},{'y' * 40}" for n in range(200_000)]
    rows[150_000] = "150000,1"
    done = load(
        "a.csv", "\n".join(["ts,n,s", *rows, ""]), "--unit", "s", "--type", "n=i64", *options
    )
    assert done.returncode == 6
    assert "row 150,001: expected 3 columns, got 2" in done.stderr


def test_quoted_line_breaks(load: Run, tmp_path: Path) -> None:
    rows = "".join(f'{n},"a\nb{n}"\n' for n in range(200_000))
    done = load("a.csv", "ts,s\n" + rows, "--unit", "s", "--multiline")
    assert done.returncode == 0, done.stderr
    assert table(tmp_path)["s"] == [f"a\nb{n}" for n in range(200_000)]


def test_import_does_without_pandas(run_python: Run, tmp_path: Path) -> None:
    """It takes longer to import than a million rows to read, and pyarrow does so unasked."""
    (tmp_path / "a.csv").write_text(CSV + "2024-01-01T00:00:02Z,NA,1e30,3\n")
    code = (
        "import sys; sys.argv[1:] = ['import', 'a.csv', 't.chl', 't']\n"
        "from chronolite.cli import app; app(standalone_mode=False)\n"
        "print('pandas' in sys.modules)"
    )
    done = run_python("-c", code)
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr


def test_column_is_named_right_if_not_all_are_read(load: Run) -> None:
    text = "a,b,ts\n1,2,2024-01-01\n1,x,2024-01-01\n"
    done = load("a.csv", text, "--columns", "ts,b", "--type", "b=i64")
    assert done.returncode == 6
    assert "row 2, column 'b': 'x'" in done.stderr


def test_integers_past_64_bits_keep_their_digits(load: Run, tmp_path: Path) -> None:
    text = "ts,u,t\n2024-01-01,18446744073709551615,123456789012345678901\n"
    assert load("a.csv", text).returncode == 0
    assert table(tmp_path)["u"] == [18446744073709551615]
    assert table(tmp_path)["t"] == ["123456789012345678901"]


def test_integers_past_int64_in_json_keep_their_digits(load: Run, tmp_path: Path) -> None:
    text = '{"ts": "2024-01-01", "u": 18446744073709551615, "f": 1e300}\n'
    assert load("a.ndjson", text).returncode == 0
    assert (types(tmp_path)["u"], types(tmp_path)["f"]) == ("u64", "f64")
    assert table(tmp_path)["u"] == [18446744073709551615]


def test_what_is_no_arrow_file_does_not_fit(load: Run, tmp_path: Path) -> None:
    done = load("a.arrow", "no arrow, for sure " * 9)
    assert (done.returncode, "a.arrow: " in done.stderr) == (6, True), done.stderr
    assert not list(tmp_path.glob("t.chl*"))


def test_appends_to_a_table_with_the_same_columns_only(load: Run, tmp_path: Path) -> None:
    assert load("a.csv", CSV, "--key", "site").returncode == 0
    assert load("b.csv", CSV.replace("2024", "2025"), "--key", "site").returncode == 0
    assert len(table(tmp_path)["n"]) == 4
    more = load("b.csv", "ts,site,temp,n,m\n2024-01-01,a,1,1,1\n")
    assert (more.returncode, "the table has not: m" in more.stderr) == (6, True)
    less = load("c.csv", "ts,site\n2024-01-01,a\n")
    assert (less.returncode, "the file has not: temp, n" in less.stderr) == (6, True)
    other = load("a.csv", CSV, "--key", "n")
    assert other.returncode == 6
    assert len(table(tmp_path)["n"]) == 4


def test_locked_database(load: Run, tmp_path: Path) -> None:
    with cl.Db(tmp_path / "t.chl"):
        assert load("a.csv", CSV).returncode == 4


def test_without_pyarrow(run_python: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "sys.argv[1:] = ['import', 'a.csv', 't.chl', 't']\n"
        "from chronolite.cli import main; main()"
    )
    done = run_python("-c", code)
    assert done.returncode == 7
    assert "pip install 'chronolite[arrow]'" in done.stderr
