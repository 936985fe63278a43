"""The tests in C: under the sanitizers one by one, and linked statically all in one process."""

import re
from pathlib import Path

import pytest

from tests.capi.conftest import (
    HEADERS,
    HERE,
    SANITIZERS,
    SYSTEM,
    WARNINGS,
    compile_c,
    found,
    library,
    run,
)

SOURCES = sorted(HERE.glob("*.c"))
NAMES = re.findall(r"^  X\((\w+)\)", (HERE / "main.c").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """The program of all tests."""
    return compile_c(tmp_path_factory.mktemp("suite") / "suite", SOURCES, *SANITIZERS)


def test_every_test_is_listed(suite):
    there = {
        name
        for source in SOURCES
        for name in re.findall(r"^void test_(\w+)\(", Path(source).read_text(), re.MULTILINE)
    }
    assert set(run(suite).split()) == set(NAMES) == there


# The sanitizer's own allocator has locks that a fork beside busy threads may leave held.
PLAIN = {"forks_beside_busy_threads"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PLAIN])
def test_under_sanitizers(suite, name, tmp_path):
    run(suite, tmp_path, name, timeout=300)


def test_all_in_one_process_linked_statically(tmp_path):
    target = tmp_path / "suite"
    archive = library("libchronolite.a")
    run(
        found("gcc"), "-std=c11", "-O2", "-D_GNU_SOURCE", *WARNINGS, "-I", HEADERS,
        *SOURCES, archive, *SYSTEM, "-o", target,
    )  # fmt: skip
    folder = tmp_path / "run"
    folder.mkdir()
    run(target, folder, *NAMES, timeout=300)


def test_control_a_wrong_answer_a_leak_and_an_overrun_are_found(tmp_path):
    source = tmp_path / "wrong.c"
    faults = {
        "wrong": "ENDS(CHL_NONE, chl_flush(db));",
        "leak": "char *json; OK(chl_stats(db, &json)); json = NULL;",
        "overrun": "char *json; OK(chl_stats(db, &json)); json[strlen(json) + 1] = 0;",
    }
    for name, fault in faults.items():
        text = (
            f'int main(void) {{ chl_db db = open_new("."); {fault} OK(chl_close(db)); return 0; }}'
        )
        source.write_text(f'#include "{HERE / "check.h"}"\n{text}\n')
        wrong = compile_c(tmp_path / name, [source], *SANITIZERS, "-Wno-unused-but-set-variable")
        with pytest.raises(AssertionError, match=r"last error|LeakSanitizer|heap-buffer-overflow"):
            run(wrong, cwd=tmp_path)
        (tmp_path / "test.chl").unlink(missing_ok=True)
