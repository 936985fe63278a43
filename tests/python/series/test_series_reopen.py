"""Closing, opening again, deleting days; and a schema that is not the one on disk."""

import numpy as np
import pytest
from series_under_test import DAY, LATER, NEXT, PEER, TWO, as_rows, backend, engine, lib, same

DOUBLE = {name: values * 2 for name, values in TWO.items()}


def fails_after(call):
    """The call, and then an error."""

    def fails(*arguments):
        call(*arguments)
        raise ZeroDivisionError

    return fails


def test_rows_are_there_when_opened_again(make):
    engine = make()
    engine.append("ES", DAY, as_rows(TWO))
    engine.append("ES", NEXT, as_rows(TWO))
    engine.close()
    engine = make()
    same(engine.read("ES", DAY), TWO)
    engine.append("ES", DAY, as_rows(TWO))
    engine.close()
    engine = make()
    same(engine.read("ES", DAY), DOUBLE)
    same(engine.read("ES", NEXT), TWO)


def test_single_rows_are_there_when_opened_again(make):
    engine = make()
    for n in range(100):
        engine.append("ES", DAY, {"timestamp": n, "value": n / 2})
    engine.close()
    assert make().read("ES", DAY)["timestamp"].tolist() == list(range(100))


def test_flush_may_be_called_at_any_time(engine):
    assert engine.flush() is None
    for n in range(3):
        engine.append("ES", DAY, {"timestamp": n, "value": n / 2})
        assert engine.flush() is None
        assert engine.flush() is None
    assert len(engine.read("ES", DAY)["value"]) == 3


@pytest.mark.ours
def test_rows_are_readable_before_a_flush(kind, folder):
    with engine(kind, "timestamp:q value:d", folder) as made:
        for n in range(1, 50):
            made.append("ES", DAY, {"timestamp": n, "value": n / 2})
            assert made.read("ES", DAY)["timestamp"].tolist() == list(range(1, n + 1))
        assert len(made.read("ES", (DAY, NEXT))["value"]) == 49
        assert made.days("ES") == [DAY]
        assert made.tables() == ["ES"]
        made.append("NQ", NEXT, {"timestamp": 1, "value": 0.5})
        assert made.tables() == ["ES", "NQ"]
        assert made.read_arrow("NQ", NEXT).num_rows == 1
        assert made.delete_day("NQ", NEXT)


@pytest.mark.ours
def test_after_close_every_method_raises(kind, folder):
    made = engine(kind, "timestamp:q value:d", folder)
    made.append("ES", DAY, TWO)
    made.close()
    for of in (made, made.backend):
        for call in (
            lambda: of.append("ES", DAY, TWO),  # noqa: B023
            lambda: of.append("ES", DAY, {"timestamp": 1, "value": 0.5}),  # noqa: B023
            lambda: of.flush(),  # noqa: B023
            lambda: of.read("ES", DAY),  # noqa: B023
            lambda: of.read("ES", (DAY, NEXT)),  # noqa: B023
            lambda: of.read_dataframe("ES", DAY),  # noqa: B023
            lambda: of.read_arrow("ES", DAY),  # noqa: B023
            lambda: of.tables(),  # noqa: B023
            lambda: of.days("ES"),  # noqa: B023
            lambda: of.delete_day("ES", DAY),  # noqa: B023
        ):
            with pytest.raises(lib.ClosedError):
                call()
    made.close()
    made.backend.close()
    with engine(kind, "timestamp:q value:d", folder) as again:
        same(again.read("ES", DAY), TWO)


@pytest.mark.ours
def test_one_that_was_never_used_closes(kind, folder):
    for of in (engine, backend):
        made = of(kind, "timestamp:q value:d", folder)
        made.close()
        made.close()
        with pytest.raises(lib.ClosedError):
            made.read("ES", DAY)


@pytest.mark.ours
@pytest.mark.parametrize("of", [engine, backend])
def test_a_context_manager_closes(kind, folder, of):
    with of(kind, "timestamp:q value:d", folder) as made:
        made.append("ES", DAY, TWO)
    with pytest.raises(lib.ClosedError):
        made.read("ES", DAY)
    with pytest.raises(ZeroDivisionError), of(kind, "timestamp:q value:d", folder) as made:
        fails_after(made.append)("ES", DAY, TWO)
    with of(kind, "timestamp:q value:d", folder) as made:
        same(made.read("ES", DAY), DOUBLE)


@pytest.mark.ours
def test_arrays_outlive_their_backend(engine):
    data = {"timestamp": np.arange(3000), "value": np.arange(3000) / 8}
    engine.append("ES", DAY, data)
    engine.append("ES", NEXT, data)
    one, both = engine.read("ES", DAY), engine.read("ES", (DAY, NEXT))
    engine.close()
    same(one, data)
    same(both, {name: np.concatenate([values, values]) for name, values in data.items()})


@pytest.mark.ours
def test_a_deleted_day_is_gone(make):
    engine = make()
    for table in ("ES", "NQ"):
        for day in (DAY, NEXT, LATER):
            engine.append(table, day, TWO)
    assert engine.delete_day("ES", NEXT) is True
    assert engine.delete_day("ES", NEXT) is False
    assert engine.delete_day("CL", NEXT) is False
    for _ in range(2):
        assert engine.read("ES", NEXT) == {}
        assert engine.days("ES") == [DAY, LATER]
        assert engine.days("NQ") == [DAY, NEXT, LATER]
        same(engine.read("ES", (DAY, LATER)), DOUBLE)
        same(engine.read("NQ", NEXT), TWO)
        engine.close()
        engine = make()


@pytest.mark.ours
def test_a_deleted_day_can_be_appended_again(make):
    engine = make()
    for n in range(1, 5):
        engine.append("ES", DAY, {"timestamp": [n] * n, "value": [0.5] * n})
        assert engine.read("ES", DAY)["timestamp"].tolist() == [n] * n
        assert engine.delete_day("ES", DAY) is True
        assert engine.read("ES", DAY) == {}
        assert engine.days("ES") == []
    engine.append("ES", DAY, TWO)
    engine.close()
    same(make().read("ES", DAY), TWO)


@pytest.mark.ours
def test_a_table_whose_days_were_deleted_may_have_other_days(engine):
    engine.append("ES", DAY, TWO)
    assert engine.delete_day("ES", DAY)
    engine.append("ES", NEXT, TWO)
    assert engine.days("ES") == [NEXT]
    assert engine.tables() == ["ES"]
    same(engine.read("ES", (None, None)), TWO)


@pytest.mark.ours
@pytest.mark.parametrize(
    ("other", "differs"),
    [
        ("timestamp:q price:d", ["value", "price"]),
        ("timestamp:q value:f", ["value"]),
        ("timestamp:Q value:d", ["timestamp"]),
        ("timestamp:q", ["value"]),
        ("timestamp:q value:d extra:b", ["extra"]),
        ("value:d timestamp:q", ["value"]),
        ("timestamp:M8[ms] value:d", ["timestamp"]),
    ],
)
def test_another_schema_than_that_on_disk_is_refused(kind, folder, other, differs):
    with engine(kind, "timestamp:q value:d", folder) as made:
        made.append("ES", DAY, TWO)
    with engine(kind, other, folder) as made:
        row = dict.fromkeys((column.name for column in made.backend.schema.columns), 1)
        for refused in (
            lambda: made.append("ES", DAY, row),
            lambda: made.append("ES", DAY, [row, row]),
            lambda: made.read("ES", DAY),
            lambda: made.read("ES", (DAY, NEXT)),
            lambda: made.read_arrow("ES", DAY),
        ):
            with pytest.raises(lib.SchemaError) as error:
                refused()
            assert "ES" in str(error.value)
            assert any(name in str(error.value) for name in differs)
    with engine(kind, "timestamp:q value:d", folder) as made:
        same(made.read("ES", DAY), TWO)


@pytest.mark.ours
def test_tables_of_one_folder_may_have_different_schemas(kind, folder):
    with engine(kind, "timestamp:q value:d", folder) as made:
        made.append("ES", DAY, TWO)
    with engine(kind, "n:i", folder) as made:
        made.append("NQ", DAY, {"n": [1, 2, 3]})
        assert made.tables() == ["ES", "NQ"]
        same(made.read("NQ", DAY), {"n": [1, 2, 3]})
    with engine(kind, "timestamp:q value:d", folder) as made:
        same(made.read("ES", DAY), TWO)
        with pytest.raises(lib.SchemaError):
            made.read("NQ", DAY)


def test_many_days_and_tables(make):
    engine = make()
    days = [f"2025-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 11)]
    for n, day in enumerate(days):
        for table in ("ES", "NQ"):
            engine.append(table, day, as_rows({"timestamp": [n, -n], "value": [n / 2, n / 4]}))
    engine.close()
    engine = make()
    found = engine.read("ES", ("2025-01-01", "2025-03-31"))
    assert found["timestamp"].tolist() == [x for n in range(30) for x in (n, -n)]
    assert PEER or (engine.tables() == ["ES", "NQ"] and engine.days("NQ") == days)
