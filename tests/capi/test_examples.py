"""The examples in C, C++ and Go, built as their first lines say and run twice."""

import itertools
import os
import subprocess

import pytest

import chronolite as cl
from tests.capi.conftest import HEADERS, LIBRARIES, ROOT, SANITIZERS, compile_c, found, library, run

EXAMPLES = ROOT / "examples"
C = """\
1704067259000 34.75
1704067258000 34.50
1704067257000 34.25
1704067256000 34.00
mean 27.500 of 54 values
"""
CPP = """\
3 rows as columns
the second hour:
  + 60 min  boiler  72.00
  + 60 min  pump    none
  + 90 min  boiler  73.00
last of the boiler: 75.00
hourly means:
  +0 h  boiler  70.50
  +0 h  pump    41.50
  +1 h  boiler  72.50
  +1 h  pump    none
  +2 h  boiler  74.50
  +2 h  pump    43.50
refused, CHL_ERROR_SCHEMA: column "temp" is f64, the value is text
"""
GO = """\
3 rows as Arrow
the first hour: 4 rows, 1 of them null, sum 183.25
all: 8 rows, 2 of them null, sum 372.75
refused, CHL_ERROR_SCHEMA: the time column "ts" is missing from the data
"""


def check(program, folder, wanted):
    """It prints the same whether its file is there or not, and tells what is wrong with a file."""
    path = folder / "plant.chl"
    assert run(program, path) == wanted
    assert run(program, path) == wanted
    path.write_bytes(b"something else\n" * 1000)
    failed = subprocess.run([program, path], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "CHL_ERROR_CORRUPTION: " in failed.stderr


@pytest.mark.parametrize("standard", ["c99", "c11"])
def test_c(standard, tmp_path):
    program = tmp_path / "sensor"
    compile_c(program, [EXAMPLES / "c" / "sensor.c"], *SANITIZERS, standard=standard)
    check(program, tmp_path, C)


def test_the_lines_of_the_readme(tmp_path):
    lines = (ROOT / "README.md").read_text().splitlines()
    first = lines.index("    #include <chronolite.h>")
    block = list(itertools.takewhile(lambda line: not line or line[0] == " ", lines[first + 1 :]))
    assert len(block) > 10
    text = "\n".join(["#include <chronolite.h>", "#include <stdio.h>", "int main(void) {", *block])
    source = tmp_path / "readme.c"
    source.write_text(f"{text}\nreturn 0;\n}}\n")
    program = compile_c(tmp_path / "readme", [source], *SANITIZERS)
    assert run(program, cwd=tmp_path) == ""
    with cl.Db(tmp_path / "plant.chl") as db:
        assert db["sensor"].scan().to_numpy()["temp"].tolist() == [20.5]


def test_cpp(tmp_path):
    program = tmp_path / "sensor"
    sources = [EXAMPLES / "cpp" / "sensor.cpp"]
    compile_c(program, sources, *SANITIZERS, compiler="g++", standard="c++17")
    check(program, tmp_path, CPP)


def test_go(tmp_path):
    library("libchronolite.so")
    (tmp_path / "chronolite.pc").write_text(
        "Name: chronolite\nDescription: as built\nVersion: 0\n"
        f"Libs: -L{LIBRARIES} -Wl,-rpath,{LIBRARIES} -lchronolite\nCflags: -I{HEADERS}\n"
    )
    program = tmp_path / "sensor"
    # Pointers of Go that cgo may not hand over are found where it can see them.
    env = {**os.environ, "PKG_CONFIG_PATH": str(tmp_path), "GODEBUG": "cgocheck=1"}
    go, here = found("go"), EXAMPLES / "go"
    loaded = subprocess.run([go, "mod", "download"], cwd=here, capture_output=True, check=False)
    if loaded.returncode != 0:
        pytest.skip("arrow-go cannot be downloaded")
    run(go, "build", "-o", program, ".", cwd=here, env=env)
    check(program, tmp_path, GO)
