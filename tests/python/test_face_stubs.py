"""The stubs: every example in them runs, and they and the package name the same things."""

import ast
import doctest
import pathlib

import pytest

import chronolite as cl
from chronolite import _core, _errors, _report

STUB = pathlib.Path(cl.__file__).with_name("_core.pyi")
ROWS = {
    "ts": ["2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", "2024-01-01T00:00:02Z"],
    "temp": [25.5, 25.6, None],
    "humidity": [60.0, 59.0, 61.0],
}


def documented(tree, prefix=""):
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            name = f"{prefix}{node.name}"
            yield name, node, ast.get_docstring(node)
            if isinstance(node, ast.ClassDef):
                yield from documented(node, f"{name}.")


STUBS = list(documented(ast.parse(STUB.read_text())))
EXAMPLES = {name: doc for name, _, doc in STUBS if doc and ">>>" in doc}
EXAMPLES["chronolite"] = cl.__doc__
EXAMPLES["VerifyReport"] = _report.VerifyReport.__doc__


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name, tmp_path):
    with cl.Db(tmp_path / "t.chl") as db:
        table = db.create_table("sensor", ["temp", "humidity"])
        table.append(ROWS)
        names = {"cl": cl, "db": db, "t": table, "path": tmp_path / "new.chl"}
        test = doctest.DocTestParser().get_doctest(EXAMPLES[name], names, name, str(STUB), 0)
        runner = doctest.DocTestRunner(
            optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
        )
        assert runner.run(test).failed == 0


def test_every_public_name_has_an_example():
    for name, _, _ in STUBS:
        if not any(part.startswith("_") for part in name.split(".")):
            assert name in EXAMPLES, name


def test_the_package_exports_what_there_is():
    assert sorted(cl.__all__) == sorted(set(cl.__all__))
    for name in cl.__all__:
        assert hasattr(cl, name), name
    public = {name for name in vars(_core) if not name.startswith("_")}
    assert public <= set(cl.__all__)
    assert cl.__version__ == _core.__version__


def test_the_errors_are_documented():
    for name in _errors.__all__:
        assert getattr(_errors, name).__doc__, name
