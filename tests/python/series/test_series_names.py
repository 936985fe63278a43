"""Names of tables: what is refused, and that no name leaves the folder."""

import pytest
from series_under_test import DAY, NEXT, TWO, as_rows, files_in, lib, same

NO_NAMES = [
    "", ".", "..", ".hidden", "../x", "../../x", "a/b", "/etc", "a/", "a\\b", "..\\x", "a\0b",
    "a\nb", "a\tb", "\x1f", "./a", ".schema", "a" * 201, "ä" * 101, "日" * 67, "a" * 5000,
]  # fmt: skip
NAMES = [
    "ES", "es", "a b", " a", "EUR:USD", "a:2025-06-14", "__meta__", "größe", "日本", "CON", "a.b",
    "x.schema", "a-b_c", "100%", "~", "*", "a'b", 'a"b', "🕰", "-rf", "2025-06-14", "data.chl",
    "a" * 200, "ä" * 100, "日" * 66,
]  # fmt: skip


def every_call(engine, table):
    """All that takes a table."""
    return [
        lambda: engine.append(table, DAY, TWO),
        lambda: engine.append(table, DAY, {"timestamp": 1, "value": 0.5}),
        lambda: engine.append(table, DAY, []),
        lambda: engine.read(table, DAY),
        lambda: engine.read(table, (DAY, NEXT)),
        lambda: engine.read_dataframe(table, DAY),
        lambda: engine.read_arrow(table, DAY),
        lambda: engine.days(table),
        lambda: engine.delete_day(table, DAY),
    ]


@pytest.mark.ours
@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_is_refused(engine, folder, name):
    for refused in every_call(engine, name):
        with pytest.raises(lib.SchemaError):
            refused()
    assert engine.tables() == []
    assert sorted(folder.parent.iterdir()) in ([], [folder])


@pytest.mark.ours
@pytest.mark.parametrize("name", NO_NAMES[:16])
def test_a_name_that_is_refused_makes_no_file_beside_others(engine, folder, name):
    engine.append("ES", DAY, TWO)
    before = files_in(folder.parent)
    for refused in every_call(engine, name):
        with pytest.raises(lib.SchemaError):
            refused()
    assert files_in(folder.parent) == before
    same(engine.read("ES", DAY), TWO)


@pytest.mark.ours
@pytest.mark.parametrize("name", [None, 5, b"ES", 1.5, ["ES"], ("ES",), object()])
def test_a_name_is_text(engine, name):
    for refused in every_call(engine, name):
        with pytest.raises(TypeError):
            refused()
    assert engine.tables() == []


@pytest.mark.ours
def test_a_name_that_is_not_unicode_is_refused(engine):
    for refused in every_call(engine, "a\ud800"):
        with pytest.raises(ValueError):
            refused()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_may_be_any_other_text(engine, name):
    engine.append(name, DAY, as_rows(TWO))
    engine.append(name, NEXT, {"timestamp": 3, "value": 2.5})
    same(engine.read(name, DAY), TWO)
    assert engine.read(name, (DAY, NEXT))["timestamp"].tolist() == [1, 2, 3]


@pytest.mark.ours
def test_names_do_not_run_into_each_other(make):
    engine = make()
    names = sorted({"a", "a:2025-06-14", "a:2025-06-15", "a:", "A", "a ", "a:b", *NAMES})
    for n, name in enumerate(names):
        engine.append(name, DAY, {"timestamp": [n, n], "value": [n / 2, 0]})
    engine.close()
    engine = make()
    assert engine.tables() == names
    for n, name in enumerate(names):
        assert engine.days(name) == [DAY]
        assert engine.read(name, DAY)["timestamp"].tolist() == [n, n]
        assert engine.read(name, NEXT) == {}
    assert engine.delete_day("a", DAY)
    assert engine.days("a") == []
    assert engine.read("a:2025-06-14", DAY)["value"].size == 2
    assert engine.read("a:", DAY)["value"].size == 2
