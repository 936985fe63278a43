"""The documentation: every public name has a docstring and an example, and every example runs.

The names of the extension have theirs in the stubs, and a first sentence of it at run time, which
is the same; names of Python modules have theirs at hand.
"""

import ast
import doctest
import inspect
import pathlib
import re

import pytest

import chronolite as cl
from chronolite import _core, _errors, backend
from chronolite._chronomap import errors
from chronolite._chronomap.view import AsOf

STUB = pathlib.Path(cl.__file__).with_name("_core.pyi")
ROWS = {
    "ts": ["2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", "2024-01-01T00:00:02Z"],
    "temp": [25.5, 25.6, None],
    "humidity": [60.0, 59.0, 61.0],
}
# The base of a class of ours has what the class does not say itself.
BASES = {"_ChronoMapBase": _core._ChronoMapBase}
# What the example of a class shows of Python's data model, if the class has it.
DATA_MODEL = {
    "__contains__": r"\" in \w",
    "__enter__": r"^with ",
    "__eq__": r" == ",
    "__getitem__": r"\w\[",
    "__iter__": r"\bfor \w+ in |\blist\(",
    "__len__": r"\blen\(",
    "__next__": r"\bnext\(",
}


def in_stub(tree, prefix=""):
    """The docstring of each class and function of a stub, by name; None if it has none."""
    found = {}
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[prefix + node.name] = ast.get_docstring(node)
            if isinstance(node, ast.ClassDef):
                found |= in_stub(node, f"{prefix}{node.name}.")
    return found


def public(package):
    """Each public name and what it is: what is exported, and the members of classes."""
    for name in package.__all__:
        thing = getattr(package, name)
        if callable(thing):
            yield name, thing
        for part in vars(thing) if isinstance(thing, type) else ():
            member = inspect.getattr_static(thing, part)
            if not part.startswith("_") and (callable(member) or inspect.isdatadescriptor(member)):
                yield f"{name}.{part}", member


def own_doc(thing):
    """Its docstring; of a class never that of a base."""
    doc = vars(thing).get("__doc__") if isinstance(thing, type) else thing.__doc__
    return doc and inspect.cleandoc(doc)


def first_sentence(doc):
    paragraph = " ".join(doc.split("\n\n")[0].split())
    return re.sub("`+", "`", re.split(r"(?<=\.) (?=[A-Z`])", paragraph)[0])


def undocumented(names, docs):
    return [name for name in names if not docs.get(name)]


def without_example(names, docs):
    return [name for name in names if ">>> " not in (docs.get(name) or "")]


STUBS = in_stub(ast.parse(STUB.read_text()))
PUBLIC = dict(public(cl))
DOCS = {
    name: STUBS.get(name) if name.partition(".")[0] in vars(_core) else own_doc(thing)
    for name, thing in PUBLIC.items()
}
DOCS |= {name: own_doc(thing) for name, thing in public(backend)}
EXAMPLES = {"chronolite": cl.__doc__, "AsOf": AsOf.__doc__} | {
    name: doc for name, doc in (STUBS | DOCS).items() if doc and ">>> " in doc
}


def an_engine(folder):
    """One with three rows of a day."""
    schema = cl.TableSchema([cl.ColumnSchema("time", "q"), cl.ColumnSchema("value", "d")])
    engine = cl.TimeSeriesEngine(backend.FlatFileBackend(schema, folder))
    engine.append("pump", "2025-06-14", {"time": [1, 2, 3], "value": [0.5, 1.5, 2.5]})
    return engine


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name, tmp_path):
    with cl.Db(tmp_path / "t.chl") as db:
        table = db.create_table("sensor", ["temp", "humidity"])
        table.append(ROWS)
        folder = tmp_path / "days"
        folder.mkdir()
        names = {"cl": cl, "db": db, "t": table, "path": tmp_path / "new.chl", "folder": folder}
        if name.startswith("TimeSeriesEngine."):
            names["engine"] = an_engine(tmp_path / "engine")
        test = doctest.DocTestParser().get_doctest(EXAMPLES[name], names, name, str(STUB), 0)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        assert runner.run(test).failed == 0


def test_every_public_name_is_documented_with_an_example():
    assert {"Db", "Db.create_table", "Table.min_ts", "VerifyReport.ok", "ClosedError"} <= set(DOCS)
    assert undocumented(PUBLIC, DOCS) == []
    assert without_example(PUBLIC, DOCS) == []


def test_backends_are_documented():
    names = dict(public(backend))
    assert {"Backend.read", "FlatFileBackend", "PackedBackend.pack", "migrate"} <= set(names)
    assert undocumented(names, DOCS) == []
    whole = ["FlatFileBackend", "LmdbBackend", "PackedBackend", "FileFolder", "migrate"]
    assert without_example(whole, DOCS) == []


@pytest.mark.parametrize(
    ("taken_out", "missed"),
    [("Table.scan", without_example), ("Schema.names", undocumented), ("Db", undocumented)],
)
def test_control_a_name_without_documentation_is_missed(taken_out, missed):
    said = "It reads." if missed is without_example else None
    assert missed(PUBLIC, DOCS | {taken_out: said}) == [taken_out]


def test_every_class_shows_what_it_has_of_the_data_model():
    classes = [name for name, thing in PUBLIC.items() if isinstance(thing, type)]
    for name in sorted(set(classes) & set(vars(_core))):
        examples = doctest.DocTestParser().get_examples(DOCS[name])
        shown = "".join(example.source for example in examples)
        for part in set(DATA_MODEL) & set(vars(PUBLIC[name])):
            found = re.search(DATA_MODEL[part], shown, re.MULTILINE)
            assert found, f"the example of {name} has no {part}"


def test_the_extension_says_the_same_as_its_stubs():
    """What `help` shows is shorter: it has the first sentence, and may stop there."""
    compared = [name for name in PUBLIC if name in STUBS]
    assert len(compared) > 40
    for name in compared:
        said = own_doc(PUBLIC[name])
        assert said, name
        assert first_sentence(said) == first_sentence(STUBS[name]), name


@pytest.mark.parametrize("base", BASES)
def test_a_base_is_documented_as_its_class_is(base):
    members = {
        f"{base}.{name}": member
        for name, member in vars(BASES[base]).items()
        if not name.startswith("_")
    }
    assert len(members) > 10
    assert undocumented(members, STUBS) == []
    assert without_example(members, STUBS) == []
    for name, member in members.items():
        assert first_sentence(own_doc(member)) == first_sentence(STUBS[name]), name


def test_control_another_first_sentence_differs():
    said = "Reads `x` rows,\nall of them. Then stops."
    assert first_sentence(said) == first_sentence("Reads ``x`` rows, all of them.\n\nMore.")
    assert first_sentence(said) != first_sentence("Reads ``x`` rows.")


def test_the_package_exports_what_there_is():
    assert sorted(cl.__all__) == sorted(set(cl.__all__))
    for name in cl.__all__:
        assert hasattr(cl, name), name
    public = {name for name in vars(_core) if not name.startswith("_")}
    assert public <= set(cl.__all__)
    assert cl.__version__ == _core.__version__


def test_the_errors_are_documented():
    for module in (_errors, errors):
        for name in module.__all__:
            assert getattr(module, name).__doc__, name
