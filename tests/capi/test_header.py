"""The header, as compilers of C and C++ read it, and the symbols of the libraries."""

import re

import pytest

from tests.capi.conftest import HEADERS, WARNINGS, found, library, run

HEADER = HEADERS / "chronolite.h"
# Every call, as the header declares it.
CALLS = set(re.findall(r"\b(chl_\w+)\(", re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)))
MADE_IN_THE_HEADER = {
    "chl_null", "chl_bool", "chl_int", "chl_uint", "chl_float", "chl_text", "chl_blob",
}  # fmt: skip


@pytest.mark.parametrize(
    ("compiler", "standard", "suffix"),
    [
        ("gcc", "c99", "c"), ("gcc", "c11", "c"), ("gcc", "c2x", "c"),
        ("g++", "c++11", "cpp"), ("g++", "c++17", "cpp"), ("g++", "c++20", "cpp"),
    ],
)  # fmt: skip
def test_it_compiles_alone_and_twice(compiler, standard, suffix, tmp_path):
    source = tmp_path / f"only.{suffix}"
    source.write_text('#include "chronolite.h"\n#include "chronolite.h"\n')
    run(found(compiler), f"-std={standard}", *WARNINGS, "-I", HEADERS, "-fsyntax-only", source)


def test_it_goes_with_another_header_of_arrow(tmp_path):
    text = HEADER.read_text()
    structs = text[text.index("#ifndef ARROW_C_DATA_INTERFACE") :]
    structs = structs[: structs.index("#ifdef __cplusplus")]
    (tmp_path / "abi.h").write_text(f"#include <stdint.h>\n{structs}")
    for order in (["abi.h", "chronolite.h"], ["chronolite.h", "abi.h"]):
        source = tmp_path / "both.c"
        source.write_text("".join(f'#include "{name}"\n' for name in order))
        run(
            found("gcc"),
            "-std=c11",
            *WARNINGS,
            "-I",
            HEADERS,
            "-I",
            tmp_path,
            "-fsyntax-only",
            source,
        )


def symbols(*command):
    """The names that `nm` lists."""
    return {line.split()[-1] for line in run(found("nm"), *command).splitlines() if line.split()}


def test_the_shared_library_has_the_calls_of_the_header_and_no_other():
    exported = symbols("-D", "--defined-only", library("libchronolite.so"))
    assert exported == CALLS - MADE_IN_THE_HEADER


def test_no_library_knows_of_python():
    shared = library("libchronolite.so")
    archive = library("libchronolite.a")
    for names in (symbols("-D", shared), symbols("-A", "--undefined-only", archive)):
        python = [name for name in names if re.match(r"_?Py[A-Z_]", name)]
        assert not python
        assert len(names) > 40
