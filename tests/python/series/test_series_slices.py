"""`start` and `end`: a Python slice of all rows that are read, before `where`."""

import itertools

import numpy as np
import pytest
from series_under_test import DAY, LATER, NEXT, as_rows, same

# Rows 0 to 9: four on the first day, one on the next, five later.
SPLIT = {DAY: [0, 1, 2, 3], NEXT: [4], LATER: [5, 6, 7, 8, 9]}
ENDS = [None, 0, 1, 3, 4, 5, 9, 10, 11, 100, -1, -2, -5, -6, -10, -11, -100]
FAR = [2**31, -(2**31), 2**63, -(2**63) - 1, 10**30, -(10**30)]


@pytest.fixture
def ten(engine):
    for day, numbers in SPLIT.items():
        engine.append("ES", day, as_rows({"timestamp": numbers, "value": [n / 4 for n in numbers]}))
    return engine


def timestamps(found):
    assert list(found) == ["timestamp", "value"]
    assert found["value"].tolist() == [n / 4 for n in found["timestamp"].tolist()]
    return found["timestamp"].tolist()


def test_a_slice_of_a_day_is_that_of_a_list(ten):
    for day, numbers in SPLIT.items():
        for start, end in itertools.product(ENDS, ENDS):
            found = ten.read("ES", day, start=start, end=end)
            assert timestamps(found) == numbers[start:end], (day, start, end)


@pytest.mark.ours
def test_a_slice_of_a_range_is_over_all_its_days(ten):
    for start, end in itertools.product(ENDS, ENDS):
        found = ten.read("ES", (DAY, LATER), start=start, end=end)
        assert timestamps(found) == list(range(10))[start:end], (start, end)
        found = ten.read("ES", (NEXT, LATER), start=start, end=end)
        assert timestamps(found) == list(range(4, 10))[start:end], (start, end)


def test_the_last_rows_of_a_day(ten):
    assert timestamps(ten.read("ES", LATER, start=-3)) == [7, 8, 9]
    assert timestamps(ten.read("ES", LATER, start=-50)) == [5, 6, 7, 8, 9]


@pytest.mark.ours
@pytest.mark.parametrize("far", FAR)
def test_an_end_may_lie_far_away(ten, far):
    for days, numbers in ((LATER, SPLIT[LATER]), ((DAY, LATER), list(range(10)))):
        assert timestamps(ten.read("ES", days, start=far)) == numbers[far:]
        assert timestamps(ten.read("ES", days, end=far)) == numbers[:far]


@pytest.mark.parametrize("of", [np.int8, np.int64, np.uint16])
def test_integers_of_numpy_are_integers(ten, of):
    assert timestamps(ten.read("ES", LATER, start=of(1), end=of(3))) == [6, 7]


@pytest.mark.ours
@pytest.mark.parametrize("bad", [True, False, np.True_, 1.0, np.float64(1), "1", b"1", [1], DAY])
def test_other_things_are_no_end(ten, bad):
    for days in (DAY, (DAY, LATER), "2025-01-01"):
        for read in (ten.read, ten.read_dataframe, ten.read_arrow):
            with pytest.raises(TypeError):
                read("ES", days, start=bad)
            with pytest.raises(TypeError):
                read("ES", days, end=bad)


def test_an_empty_slice_has_columns_without_rows(ten):
    for options in ({"start": 100}, {"end": 0}, {"start": 3, "end": 2}, {"start": -1, "end": -1}):
        found = ten.read("ES", LATER, **options)
        same(found, {"timestamp": [], "value": []})
        assert [column.dtype for column in found.values()] == [np.int64, np.float64]


@pytest.mark.ours
def test_an_empty_slice_of_a_range_has_columns_without_rows(ten):
    for options in ({"start": 100}, {"end": 0}, {"start": 3, "end": 2}):
        found = ten.read("ES", (DAY, LATER), **options)
        same(found, {"timestamp": [], "value": []})
        assert [column.dtype for column in found.values()] == [np.int64, np.float64]


@pytest.mark.ours
def test_a_slice_is_taken_before_where(ten):
    odd = lambda data: data["timestamp"] % 2 == 1  # noqa: E731
    assert timestamps(ten.read("ES", LATER, start=-2, where=odd)) == [9]
    assert timestamps(ten.read("ES", (DAY, LATER), start=1, end=6, where=odd)) == [1, 3, 5]
    assert timestamps(ten.read("ES", (DAY, LATER), end=6, where="timestamp >= 4")) == [4, 5]


def test_where_sees_only_the_slice(ten):
    seen = []

    def where(data):
        seen.append({name: values.tolist() for name, values in data.items()})
        return data["timestamp"] >= 0

    ten.read("ES", LATER, start=1, end=3, where=where)
    assert seen == [{"timestamp": [6, 7], "value": [1.5, 1.75]}]


def test_a_slice_is_given_by_name(ten):
    with pytest.raises(TypeError):
        ten.read("ES", DAY, 1, 2)
    with pytest.raises(TypeError):
        ten.read("ES", DAY, step=2)


@pytest.mark.ours
def test_a_slice_in_the_middle_of_many_appends(make):
    engine = make("n:q x:f")
    numbers = np.arange(30_000)
    for part in np.array_split(numbers, 7):
        engine.append("ES", DAY, {"n": part, "x": part / 2})
    for start, end in ((0, 5), (4_000, 26_001), (29_990, None), (-3, None), (-20_000, -7)):
        found = engine.read("ES", DAY, start=start, end=end)
        same(found, {"n": numbers[start:end], "x": (numbers / 2).astype("f4")[start:end]})
