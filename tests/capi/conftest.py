"""C programs, compiled against the library as the build makes it."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LIBRARIES = ROOT / "target" / "c"
HEADERS = ROOT / "include"
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]
# What the static library needs of the system, as `rustc --print native-static-libs` has it.
SYSTEM = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"]


def run(*command, **options):
    """What a program prints. What it says about a failure is shown."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def found(tool):
    """The path of a compiler. Without it what needs it is left out, and says so."""
    path = shutil.which(tool)
    if not path:
        pytest.skip(f"{tool} is not installed")
    return path


def library(name):
    """A library that `make c-library` made."""
    path = LIBRARIES / name
    assert path.exists(), f"{path} is not there: run `make c-library`"
    return path


def compile_c(target, sources, *options, compiler="gcc", standard="c11"):
    """A program of these sources, linked with the shared library."""
    library("libchronolite.so")
    run(
        found(compiler), f"-std={standard}", "-D_GNU_SOURCE", *WARNINGS, *options, "-I", HEADERS,
        *sources, "-L", LIBRARIES, f"-Wl,-rpath,{LIBRARIES}", "-lchronolite", *SYSTEM,
        "-o", target,
    )  # fmt: skip
    return target


@pytest.fixture(scope="session")
def exchange(tmp_path_factory):
    """The program that writes and prints a table, with sanitizers."""
    target = tmp_path_factory.mktemp("exchange") / "exchange"
    return compile_c(target, [HERE / "programs" / "exchange.c"], *SANITIZERS)
