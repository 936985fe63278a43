"""Nothing that is handed in is ever unpickled: a pickle is bytes like any other. One call reads
pickles, that of a ChronoMap which says so by its name; its own tests are in test_chronomap_pickle.

Each of the payloads makes a marker when it is unpickled, which a control shows. They go in wherever
the package takes bytes, files, names or objects; then no marker may be there.
"""

from __future__ import annotations

import ast
import builtins
import gzip
import io
import os
import pathlib
import pickle
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import chronolite as cl
from chronolite.cli import app

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAYLOADS = 50


class Hostile:
    """Runs a function when it is unpickled, and says so if anyone pickles or copies it."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)
        self.armed = False

    def __reduce_ex__(self, protocol: int) -> object:
        if self.armed:
            raise AssertionError("somebody pickled an object")
        return self.call


def weapons(marker: str) -> list[Hostile]:
    return [
        Hostile(os.system, f"touch {marker}"),
        Hostile(subprocess.call, ["touch", marker]),
        Hostile(builtins.exec, f"open({marker!r}, 'w').close()"),
        Hostile(builtins.eval, f"open({marker!r}, 'w').close()"),
        Hostile(pathlib.Path.touch, pathlib.Path(marker)),
        Hostile(os.mkdir, marker),
    ]


WRAPPED: list[Callable[[Hostile], object]] = [
    lambda hostile: hostile,
    lambda hostile: [1, [2, hostile]],
    lambda hostile: {"ts": [1], "value": (hostile,)},
    lambda hostile: np.array([hostile, None], dtype=object),
    lambda hostile: pd.DataFrame({"ts": [1], "value": [hostile]}, dtype=object),
]


@pytest.fixture(scope="module")
def markers(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder in which a payload that is unpickled leaves its marker."""
    return tmp_path_factory.mktemp("markers")


@pytest.fixture(scope="module")
def payloads(markers: pathlib.Path) -> list[bytes]:
    """Pickles of all protocols, some as `numpy.save` writes them, each with a marker of its own."""
    made = []
    for number in range(PAYLOADS):
        hostile = weapons(str(markers / f"ran-{number}"))[number % 6]
        value = WRAPPED[number % 5](hostile)
        if number % 10 == 3:
            file = io.BytesIO()
            np.save(file, np.asarray(value, dtype=object), allow_pickle=True)
            made.append(file.getvalue())
        else:
            made.append(pickle.dumps(value, protocol=number // 6 % 6))
    return made


@pytest.fixture(autouse=True)
def nothing_runs(markers: pathlib.Path) -> Iterator[None]:
    yield
    assert list(markers.iterdir()) == []


def test_control_the_payloads_run_when_they_are_unpickled(
    payloads: list[bytes], markers: pathlib.Path
) -> None:
    assert len(set(payloads)) == PAYLOADS
    for payload in payloads:
        if payload.startswith(b"\x93NUMPY"):
            np.load(io.BytesIO(payload), allow_pickle=True)
        else:
            pickle.loads(payload)
    ran = list(markers.iterdir())
    for marker in ran:
        marker.rmdir() if marker.is_dir() else marker.unlink()
    assert {marker.name for marker in ran} == {f"ran-{number}" for number in range(PAYLOADS)}


def test_control_an_object_that_is_pickled_says_so() -> None:
    with pytest.raises(AssertionError, match="pickled"):
        pickle.dumps([armed()])


def armed() -> Hostile:
    hostile = Hostile(os.getpid)
    hostile.armed = True
    return hostile


@pytest.mark.parametrize("mode", ["rw", "r"])
def test_a_pickle_where_a_database_is_expected(
    path: pathlib.Path, payloads: list[bytes], mode: str
) -> None:
    for payload in payloads:
        path.write_bytes(payload)
        with pytest.raises(cl.CorruptionError):
            cl.Db(path, mode=mode)
        assert path.read_bytes() == payload


def test_a_pickle_where_a_log_is_expected(path: pathlib.Path, payloads: list[bytes]) -> None:
    with cl.Db(path) as db:
        db.create_table("t", ["x"]).append_row(1, [1.0])
    for payload in payloads:
        path.with_name(f"{path.name}-wal").write_bytes(payload)
        try:
            with cl.Db(path) as db:
                assert len(db["t"]) == 1
        except cl.CorruptionError:
            path.with_name(f"{path.name}-wal").unlink()


FORMS: dict[str, Callable[[list[bytes]], object]] = {
    "lists": lambda values: {"ts": list(range(len(values))), "b": values},
    "objects": lambda values: {"ts": np.arange(len(values)), "b": np.array(values, dtype=object)},
    "dicts": lambda values: [{"ts": ts, "b": value} for ts, value in enumerate(values)],
    "pandas": lambda values: pd.DataFrame(
        {"ts": range(len(values)), "b": pd.Series(values, dtype=object)}
    ),
    "categories": lambda values: pd.DataFrame(
        {"ts": range(len(values)), "b": pd.Categorical(values)}
    ),
    "arrow": lambda values: pa.table({"ts": range(len(values)), "b": values}),
    "polars": lambda values: pl.DataFrame({"ts": range(len(values)), "b": values}),
    "records": lambda values: np.array(list(enumerate(values)), dtype=[("ts", "i8"), ("b", "O")]),
}


@pytest.mark.parametrize("form", FORMS)
def test_bytes_that_are_pickles_come_back_as_bytes(
    db: cl.Db, payloads: list[bytes], form: str
) -> None:
    table = db.create_table("t", {"b": "binary"})
    assert table.append(FORMS[form](payloads)) == PAYLOADS
    for flushed in (False, True):
        if flushed:
            db.flush()
        assert table.scan().to_numpy()["b"].tolist() == payloads
        assert table.scan().to_pandas()["b"].tolist() == payloads
        assert table.scan().to_arrow()["b"].to_pylist() == payloads
        assert table.scan().to_polars()["b"].to_list() == payloads
        assert db.query_table_range_columns("t", 0, PAYLOADS)[1] == [payloads]
        assert db.verify().ok


def test_rows_of_pickles(db: cl.Db, payloads: list[bytes]) -> None:
    table = db.create_table("t", {"b": "binary"}, key="b")
    for ts, payload in enumerate(payloads):
        table.append_row(ts, [payload])
        db.append_row("t", ts, {"b": payload})
    assert Counter(table.scan().to_numpy()["b"].tolist()) == dict.fromkeys(payloads, 2)


@pytest.mark.parametrize("kind", ["f64", "i64", "bool", "utf8"])
@pytest.mark.parametrize("form", FORMS)
def test_pickles_in_columns_of_other_types(
    db: cl.Db, payloads: list[bytes], form: str, kind: str
) -> None:
    table = db.create_table("t", {"b": kind})
    for payload in payloads:
        # Arrow's bytes are text if they are UTF-8, as those of protocol 0 are.
        try:
            table.append(FORMS[form]([payload]))
        except cl.SchemaError:
            continue
        assert kind == "utf8"
        assert table.scan().to_numpy()["b"][-1] == payload.decode()


def test_pickles_and_hostile_objects_as_arguments(
    db: cl.Db, path: pathlib.Path, payloads: list[bytes]
) -> None:
    table = db.create_table("t", {"b": "binary"})
    values = [*payloads, *(payload.decode("latin1") for payload in payloads), armed()]
    calls: list[Callable[[object], object]] = [
        lambda value: table.append(value),
        lambda value: table.append({"ts": value, "b": value}),
        lambda value: table.append({"ts": [value], "b": [b""]}),
        lambda value: table.append_row(value, [b""]),
        lambda value: table.append_row(1, value),
        lambda value: table.scan(value, value),
        lambda value: table.scan(columns=value),
        lambda value: table.scan(columns=[value]),
        lambda value: table.last(value),
        lambda value: db[value],
        lambda value: db.stats(value),
        lambda value: db.create_table("u", value),
        lambda value: db.create_table("u", {"x": value}),
        lambda value: db.create_table("u", ["x"], key=value),
        lambda value: db.append("u", value, 1.0),
        lambda value: db.append("u", 1, value),
        lambda value: db.query_range(value, 0, 1),
        lambda value: db.append_rows_arrow_capsules("t", value, value),
        lambda value: cl.Db(path.with_name("other.chl"), value),
        lambda value: cl.Db(path.with_name("other.chl"), mode=value),
    ]
    for value in values:
        for number, call in enumerate(calls):
            with pytest.raises((cl.ChronoliteError, TypeError, ValueError, OverflowError)):
                pytest.fail(f"call {number} took {value!r}: {call(value)!r}")
        assert value not in db
        # An object of options is not looked into.
        with pytest.warns(UserWarning, match="profile"):
            cl.Db(path.with_name("other.chl"), auto_maintenance={"profile": value}).close()
    assert (db.tables(), len(table)) == (["t"], 0)


@pytest.mark.parametrize("kind", [object, "O"], ids=["list", "NumPy"])
def test_hostile_objects_in_a_column(db: cl.Db, kind: object) -> None:
    for name in ("binary", "utf8", "f64"):
        table = db.create_table(name, {"b": name})
        objects = [armed(), armed()] if kind is object else np.array([armed(), armed()], dtype="O")
        for data in (
            {"ts": [1, 2], "b": objects},
            pd.DataFrame({"ts": [1, 2], "b": pd.Series(list(objects), dtype=object)}),
            pd.DataFrame({"ts": [1, 2], "b": pd.Categorical(list(objects))}),
        ):
            with pytest.raises(cl.SchemaError):
                table.append(data)
        assert len(table) == 0


def test_pickles_for_the_command_line(tmp_path: pathlib.Path, payloads: list[bytes]) -> None:
    plain, packed = tmp_path / "weather.csv", tmp_path / "weather.csv.gz"
    for payload in payloads:
        plain.write_bytes(payload)
        packed.write_bytes(gzip.compress(payload))
        for file in (plain, packed):
            folder = tmp_path / "kept"
            done = CliRunner().invoke(app, ["demo", "--csv", str(file), "--folder", str(folder)])
            assert done.exit_code == 1
            assert isinstance(done.exception, SystemExit), repr(done.exception)
            assert "error:" in done.output
            assert not (folder / "weather.chl").exists()


FORBIDDEN = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
# Ways in other libraries; `allow_pickle` is a keyword of NumPy's.
READERS = {"read_pickle", "to_pickle", "allow_pickle", "find_class"}
# What a module may name that is there to read pickles: `ChronoMap.load_pickle` alone imports it.
ALLOWED = {"python/chronolite/_chronomap/pickles.py": {"pickle"}}


def unpicklers(source: str) -> set[str]:
    """What a module names that could unpickle: imports, names as text, ways of other libraries."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found |= {name.name.partition(".")[0] for name in names}
            case ast.ImportFrom(module=module):
                found.add((module or "").partition(".")[0])
            case ast.Constant(value=str(text)):
                found.add(text)
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                found.add(name)
    return found & (FORBIDDEN | READERS)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import os, marshal as m",
        "def f():\n    from dill import loads",
        "import shelve.more",
        "import_module('pickle')",
        "pandas.read_pickle(path)",
        "numpy.load(path, allow_pickle=True)",
    ],
)
def test_control_an_unpickler_in_a_source_is_found(source: str) -> None:
    assert unpicklers(source)


def test_no_module_of_the_package_can_unpickle() -> None:
    sources = [*ROOT.glob("python/**/*.py"), *ROOT.glob("python/**/*.pyi")]
    assert len(sources) > 5
    found = {
        file.relative_to(ROOT).as_posix(): named
        for file in sources
        if (named := unpicklers(file.read_text(encoding="utf-8")))
    }
    assert found == ALLOWED


def test_only_the_calls_of_that_name_come_to_what_reads_pickles() -> None:
    [(module, _)] = ALLOWED.items()
    name = pathlib.PurePath(module).stem
    importers = {}
    for file in ROOT.glob("python/**/*.py"):
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            body = function.body if isinstance(function, ast.Module | ast.FunctionDef) else []
            for node in body:
                if isinstance(node, ast.Import | ast.ImportFrom) and any(
                    part.name.rpartition(".")[2] == name for part in node.names
                ):
                    importers.setdefault(file.name, set()).add(getattr(function, "name", None))
    assert importers == {"file.py": {"save_pickle", "load_pickle"}}


def test_importing_and_using_a_map_imports_no_reader_of_pickles() -> None:
    code = (
        "import sys, chronolite as cl\n"
        "cm = cl.ChronoMap()\n"
        "cm['a'] = [1]\n"
        "cm.snapshot(), cl.ChronoMap.from_dict(cm.to_dict(compress=True))\n"
        "assert 'chronolite._chronomap.pickles' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_extension_names_no_unpickler() -> None:
    sources = list(ROOT.glob("src/python/**/*.rs"))
    assert len(sources) > 5
    for file in sources:
        named = set(re.findall(r'"(\w+)"', file.read_text(encoding="utf-8")))
        assert named & (FORBIDDEN | READERS) == set(), file
