"""Days and ranges of days: how they are written, what is refused, and what a range reads."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from series_under_test import DAY, LATER, NEXT, PEER, TWO, as_rows, empty, files_in, lib, same

THE_DAY = {
    "text": DAY,
    "date": dt.date(2025, 6, 14),
    "datetime": dt.datetime(2025, 6, 14, 23, 59, 59),
    "datetime of a zone": dt.datetime(2025, 6, 14, 23, tzinfo=dt.timezone(dt.timedelta(hours=-9))),
    "datetime64[D]": np.datetime64("2025-06-14"),
    "datetime64[ns]": np.datetime64("2025-06-14T12:00:00.000000001"),
    "Timestamp": pd.Timestamp("2025-06-14 05:00"),
}
NO_DAYS = [
    "", "today", "2025-6-1", "2025-06-1", "2025-02-30", "2025-13-01", "2025-00-10", "20250614",
    "2025/06/14", "2025-06-14/", "2025-06-14T00:00", " 2025-06-14", "2025-06-14 ", "2025-06-14\n",
    "2025-06-14\0", "../x", "..", ".", "../2025-06-14", "/etc", "2025-W24-6", "2025-165",
    "\N{FULLWIDTH DIGIT TWO}025-06-14", "12025-06-14", "-025-06-14", "+025-06-14", "0000-01-01",
    "14-06-2025",
]  # fmt: skip
NO_TYPES = [20250614, 1.5, b"2025-06-14", True, object(), {DAY}]


def rows(engine, *ends, **options):
    """The timestamps of a range."""
    found = engine.read("ES", tuple(ends), **options)
    return found["timestamp"].tolist() if found else {}


@pytest.fixture
def three(engine):
    """Rows 1 and 2 on the first day, 3 on the next, 4 and 5 some days later."""
    for day, timestamps in ((LATER, [4, 5]), (DAY, [1, 2]), (NEXT, [3])):
        engine.append("ES", day, [{"timestamp": n, "value": n / 2} for n in timestamps])
    return engine


@pytest.mark.ours
@pytest.mark.parametrize("form", THE_DAY)
def test_a_day_has_several_forms(engine, form):
    engine.append("ES", THE_DAY[form], TWO)
    assert engine.days("ES") == [DAY]
    same(engine.read("ES", THE_DAY[form]), TWO)
    same(engine.read("ES", (THE_DAY[form], THE_DAY[form])), TWO)
    same(engine.read("ES", DAY), TWO)
    assert engine.delete_day("ES", THE_DAY[form]) is True


@pytest.mark.ours
@pytest.mark.parametrize("day", NO_DAYS)
def test_another_text_is_no_day(engine, folder, day):
    for refused in (
        lambda: engine.append("ES", day, TWO),
        lambda: engine.read("ES", day),
        lambda: engine.read("ES", (day, LATER)),
        lambda: engine.read("ES", [DAY, day]),
        lambda: engine.read_dataframe("ES", day),
        lambda: engine.read_arrow("ES", day),
        lambda: engine.delete_day("ES", day),
    ):
        with pytest.raises(lib.SchemaError):
            refused()
    assert empty(engine)
    assert sorted(folder.parent.iterdir()) in ([], [folder])


@pytest.mark.ours
@pytest.mark.parametrize("day", NO_TYPES)
def test_another_type_is_no_day(engine, day):
    for refused in (
        lambda: engine.append("ES", day, TWO),
        lambda: engine.read("ES", day),
        lambda: engine.read("ES", (day, LATER)),
        lambda: engine.delete_day("ES", day),
    ):
        with pytest.raises(TypeError):
            refused()
    assert empty(engine)


@pytest.mark.ours
@pytest.mark.parametrize("day", [None, (DAY, NEXT), [DAY, NEXT]])
def test_rows_are_appended_to_one_day(engine, day):
    with pytest.raises(TypeError):
        engine.append("ES", day, TWO)
    with pytest.raises(TypeError):
        engine.delete_day("ES", day)
    assert empty(engine)


@pytest.mark.ours
@pytest.mark.parametrize("day", [np.datetime64("NaT"), pd.NaT])
def test_not_a_time_is_no_day(engine, day):
    with pytest.raises((ValueError, TypeError)):
        engine.append("ES", day, TWO)
    assert empty(engine)


@pytest.mark.ours
def test_the_first_and_the_last_day_of_the_calendar(engine):
    for day in ("9999-12-31", "0001-01-01", "2024-02-29"):
        engine.append("ES", day, TWO)
    assert engine.days("ES") == ["0001-01-01", "2024-02-29", "9999-12-31"]
    assert len(engine.read("ES", ("0001-01-01", "9999-12-31"))["value"]) == 6
    assert len(engine.read("ES", (None, None))["value"]) == 6


def test_a_range_reads_days_in_order_both_ends_included(three):
    assert rows(three, DAY, LATER) == [1, 2, 3, 4, 5]
    assert rows(three, DAY, NEXT) == [1, 2, 3]
    assert rows(three, NEXT, LATER) == [3, 4, 5]
    assert rows(three, NEXT, NEXT) == [3]
    same(
        three.read("ES", [DAY, LATER]),
        {"timestamp": [1, 2, 3, 4, 5], "value": [0.5, 1.0, 1.5, 2.0, 2.5]},
    )


def test_a_range_may_begin_and_end_between_days(three):
    assert rows(three, "2025-06-01", "2025-06-30") == [1, 2, 3, 4, 5]
    assert rows(three, "2025-06-15", "2025-06-19") == [3]


@pytest.mark.ours
def test_a_range_may_be_open(three):
    assert rows(three, None, NEXT) == [1, 2, 3]
    assert rows(three, NEXT, None) == [3, 4, 5]
    assert rows(three, None, None) == [1, 2, 3, 4, 5]
    assert rows(three, None, "2025-06-13") == rows(three, "2025-06-21", None) == {}


@pytest.mark.ours
def test_the_ends_of_a_range_may_be_of_two_types(three):
    assert rows(three, dt.date(2025, 6, 14), "2025-06-15") == [1, 2, 3]
    assert rows(three, np.datetime64("2025-06-15"), dt.datetime(2025, 6, 20, 1)) == [3, 4, 5]


def test_a_range_without_rows_reads_an_empty_dict(three):
    assert three.read("ES", ("2025-06-16", "2025-06-19")) == {}
    assert three.read("ES", ("2025-05-01", "2025-06-13")) == {}
    assert three.read("NQ", (DAY, LATER)) == {}


def test_a_range_that_ends_before_it_begins_reads_an_empty_dict(three):
    assert three.read("ES", (LATER, DAY)) == {}
    assert three.read("ES", [NEXT, DAY]) == {}


def test_a_missing_day_or_table_reads_an_empty_dict(three):
    assert three.read("ES", "2025-06-16") == {}
    assert three.read("NQ", DAY) == {}
    assert three.read("ES", "2025-06-16", start=1, end=5, where=lambda data: 1 / 0) == {}


@pytest.mark.ours
@pytest.mark.parametrize("length", [0, 1, 3])
@pytest.mark.parametrize("of", [tuple, list])
def test_a_range_is_of_two_days(three, length, of):
    for read in (three.read, three.read_dataframe, three.read_arrow):
        with pytest.raises(ValueError):
            read("ES", of([DAY] * length))


@pytest.mark.ours
def test_a_range_is_a_tuple_or_a_list(three):
    for wrong in ({DAY, NEXT}, iter([DAY, NEXT]), slice(DAY, NEXT), None, {DAY: NEXT}):
        with pytest.raises(TypeError):
            three.read("ES", wrong)


def test_tables_have_days_of_their_own(engine):
    for n, table in enumerate(("ES", "NQ", "CL")):
        engine.append(table, DAY, as_rows({"timestamp": [n], "value": [1.0]}))
    for n, table in enumerate(("ES", "NQ", "CL")):
        assert engine.read(table, DAY)["timestamp"].tolist() == [n]
        assert engine.read(table, NEXT) == {}


@pytest.mark.ours
def test_tables_and_days_are_listed_in_order(engine):
    assert engine.tables() == []
    for table, day in (("b", NEXT), ("a", LATER), ("b", DAY), ("B", DAY), ("ä", DAY), ("a", DAY)):
        engine.append(table, day, TWO)
    assert engine.tables() == ["B", "a", "b", "ä"]
    assert engine.days("a") == [DAY, LATER]
    assert engine.days("b") == [DAY, NEXT]
    assert engine.days("c") == []


@pytest.mark.ours
def test_tables_and_days_are_there_when_opened_again(make):
    engine = make()
    for table, day in (("b", NEXT), ("a", DAY), ("b", DAY)):
        engine.append(table, day, TWO)
    engine.close()
    engine = make()
    assert engine.tables() == ["a", "b"]
    assert engine.days("b") == [DAY, NEXT]
    same(engine.read("b", (DAY, NEXT)), {name: values * 2 for name, values in TWO.items()})


def test_reading_makes_nothing(engine, kind, folder):
    assert engine.read("ES", DAY) == {}
    assert engine.read("ES", (DAY, NEXT)) == {}
    assert engine.read_dataframe("ES", DAY).empty
    if kind != "lmdb":
        assert files_in(folder) == []


@pytest.mark.ours
def test_only_lmdb_makes_its_folder_before_the_first_append(engine, kind, folder):
    engine.flush()
    assert engine.delete_day("ES", DAY) is False
    assert folder.exists() == (kind == "lmdb")
    assert PEER or engine.tables() == []
