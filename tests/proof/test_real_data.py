"""Weather and flights of New York in 2013: what comes back equals what pandas has.

The order to expect is pandas' stable sort by time, and by key in a table with one.
"""

import zipfile

import numpy as np
import pandas as pd
import pytest

import chronolite as cl
from tests.proof import sizes

WEATHER = sizes.ROOT / "examples" / "data" / "nyc_weather_2013.csv.gz"
FLIGHTS = sizes.ROOT.parent / "shared" / "data" / "nyc_flights_2013.csv.zip"
_compared = {"weather": 0, "flights": 0}
_begun_and_ended = [0, 0]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "real.chl"


class Source:
    """A data set as a table: types, key, unit, and the frame as pandas reads it."""

    def __init__(self, name, time_column, unit, columns, key, frame):
        self.name, self.time_column, self.unit = name, time_column, unit
        self.columns, self.key = columns, key
        self.frame = frame[[time_column, *columns]]

    def create(self, db, **options):
        return db.create_table(
            self.name,
            self.columns,
            time_column=self.time_column,
            time_unit=self.unit,
            **options,
        )

    def expected(self, frame, key=()):
        """As the table has to give these rows, if they arrived in the order of the frame."""
        # A null key comes first, as `na_position` has it.
        by = [self.time_column, *key]
        return frame.sort_values(by, kind="stable", na_position="first", ignore_index=True)


@pytest.fixture(scope="module")
def weather():
    """Hourly weather; whole numbers with nulls are nullable integers, as pandas has them."""
    frame = pd.read_csv(WEATHER, parse_dates=["time_hour"], dtype={"wind_dir": "Int16"})
    frame["time_hour"] = frame["time_hour"].dt.tz_localize(None).astype("datetime64[s]")
    columns = {
        "origin": "utf8", "year": "i16", "month": "i16", "day": "i16", "hour": "i16",
        "temp": "f64", "dewp": "f64", "humid": "f64", "wind_dir": "i16", "wind_speed": "f64",
        "wind_gust": "f64", "precip": "f64", "pressure": "f64", "visib": "f64",
    }  # fmt: skip
    assert len(frame) == 26_115
    assert frame["wind_dir"].isna().sum() == 460
    for name in ("year", "month", "day", "hour"):
        frame[name] = frame[name].astype("int16")
    return Source("weather", "time_hour", "s", columns, ("origin",), frame)


@pytest.fixture(scope="module")
def flights():
    """Flights by the local time of departure; the cancelled by the time they were to leave."""
    if not FLIGHTS.exists():
        pytest.skip(f"{FLIGHTS} is not beside the checkout")
    with zipfile.ZipFile(FLIGHTS) as archive, archive.open("flights.csv") as file:
        frame = pd.read_csv(file, dtype_backend="numpy_nullable")
    assert len(frame) == 336_776
    clock = frame["dep_time"].fillna(frame["sched_dep_time"]).astype("int64")
    # 2400 is the midnight at the end of the day.
    frame["departure"] = (
        pd.to_datetime(frame[["year", "month", "day"]].astype("int64"))
        + pd.to_timedelta(clock // 100, unit="h")
        + pd.to_timedelta(clock % 100, unit="m")
    ).astype("datetime64[ms]")
    columns = {
        "carrier": "utf8", "flight": "i32", "tailnum": "utf8", "origin": "utf8", "dest": "utf8",
        "dep_time": "i16", "dep_delay": "i16", "arr_time": "i16", "arr_delay": "i16",
        "air_time": "i16", "distance": "i32", "time_hour": "utf8",
    }  # fmt: skip
    for name, kind in columns.items():
        dtype = {"utf8": object, "i16": "Int16", "i32": "Int32"}[kind]
        frame[name] = frame[name].astype(dtype)
    assert frame["tailnum"].isna().sum() == 2_512
    assert frame["dep_time"].isna().sum() == 8_255
    return Source("flights", "departure", "ms", columns, ("tailnum", "origin"), frame)


@pytest.fixture(params=["weather", "flights"])
def source(request):
    return request.getfixturevalue(request.param)


def compare(source, table, wanted):
    """Times, dtypes, nulls, values to the bit, and their order."""
    found = table.scan().to_pandas()
    assert list(found) == list(wanted)
    assert len(found) == len(table) == len(wanted)
    assert str(found[source.time_column].dtype) == f"datetime64[{source.unit}]"
    assert found[source.time_column].equals(wanted[source.time_column])
    for name, kind in source.columns.items():
        ours, theirs = found[name], wanted[name]
        assert np.array_equal(ours.isna(), theirs.isna()), name
        if kind == "utf8":
            assert ours.dropna().map(type).eq(str).all(), name
            assert ours.dropna().tolist() == theirs.dropna().tolist(), name
        elif kind == "f64":
            assert ours.dtype == "float64", name
            there = ours.notna()
            bits = ours[there].to_numpy().view("i8"), theirs[there].to_numpy().view("i8")
            assert np.array_equal(*bits), name
        else:
            plain = f"int{kind[1:]}"
            dtype = plain.capitalize() if ours.isna().any() else plain
            assert str(ours.dtype) == dtype, name
            assert ours.dropna().tolist() == theirs.dropna().tolist(), name
    _compared[source.name] += len(wanted) * len(wanted.columns)


def compare_now_and_later(source, db, wanted):
    """Before a flush, after it, and after the database was opened again; it is closed then."""
    path = db.path
    _begun_and_ended[0] += 1
    compare(source, db[source.name], wanted)
    db.flush()
    compare(source, db[source.name], wanted)
    db.close()
    with cl.Db(path) as again:
        compare(source, again[source.name], wanted)
        assert again.verify().ok
    _begun_and_ended[1] += 1


@pytest.mark.parametrize("storage", ["balanced", "raw"])
def test_in_one_go_with_a_key(source, path, storage):
    db = cl.Db(path)
    table = source.create(db, key=source.key, storage=storage)
    assert table.append(source.frame) == len(source.frame)
    compare_now_and_later(source, db, source.expected(source.frame, source.key))


def test_in_one_go_without_a_key(source, path):
    frame = source.frame.iloc[:: 1 if sizes.SHARE else 7]
    db = cl.Db(path)
    source.create(db).append(frame)
    compare_now_and_later(source, db, source.expected(frame))


@pytest.mark.parametrize("with_key", [True, False])
def test_in_shuffled_chunks_with_flushes_between(source, path, with_key):
    rng = np.random.default_rng(sizes.SEED)
    most = min(len(source.frame), sizes.size(60_000, 400_000))
    shuffled = source.frame.sample(most, random_state=sizes.SEED, ignore_index=True)
    key = source.key if with_key else ()
    db = cl.Db(path)
    table = source.create(db, key=key)
    cuts = np.sort(rng.integers(0, len(shuffled), 19))
    for number, places in enumerate(np.split(np.arange(len(shuffled)), cuts)):
        table.append(shuffled.iloc[places])
        if number % 3 == 0:
            db.flush()
    compare_now_and_later(source, db, source.expected(shuffled, key))


def test_row_by_row(source, path):
    most = sizes.size(3000, 26_000)
    part = source.frame.sample(most, random_state=sizes.SEED, ignore_index=True)
    db = cl.Db(path)
    table = source.create(db, key=source.key)
    for number, (ts, *values) in enumerate(part.itertuples(index=False)):
        # In a float column of pandas NaN is null; in a row it is a NaN.
        row = [None if pd.isna(value) else value for value in values]
        assert table.append_row(ts, row) == number + 1
        if number % 1000 == 500:
            db.flush()
    compare_now_and_later(source, db, source.expected(part, source.key))


def test_ranges_columns_and_the_newest(source, path):
    wanted = source.expected(source.frame, source.key)
    times = wanted[source.time_column]
    with cl.Db(path) as db:
        table = source.create(db, key=source.key)
        table.append(source.frame.iloc[::2])
        db.flush()
        table.append(source.frame.iloc[1::2])
        name = next(iter(source.columns))
        for start, end in [("2013-03-01", "2013-03-02"), ("2013-12-31T12:00", None),
                           (None, "2013-01-01T12:34:56"), ("2014-06-01", None)]:  # fmt: skip
            inside = pd.Series(data=True, index=wanted.index)
            if start:
                inside &= times >= pd.Timestamp(start)
            if end:
                inside &= times < pd.Timestamp(end)
            scan = table.scan(start, end, columns=[name])
            assert scan.count() == inside.sum()
            assert scan.to_pandas()[source.time_column].equals(times[inside].reset_index(drop=True))
        newest = table.last(500).to_pandas()
        assert newest[source.time_column].equals(times.iloc[-500:].reset_index(drop=True))
        assert newest[name].tolist() == wanted[name].iloc[-500:].tolist()
        assert table.min_ts == times.astype("int64").iloc[0]
        assert table.max_ts == times.astype("int64").iloc[-1]


def test_control_a_changed_value_and_a_changed_order_differ(weather, path):
    with cl.Db(path) as db:
        table = weather.create(db)
        table.append(weather.frame)
        wanted = weather.expected(weather.frame)
        compare(weather, table, wanted)
        wrong = wanted.copy()
        wrong.loc[777, "pressure"] = np.nextafter(wrong.loc[777, "pressure"], 0)
        with pytest.raises(AssertionError):
            compare(weather, table, wrong)
        with pytest.raises(AssertionError):
            compare(weather, table, wanted.iloc[[1, 0, *range(2, len(wanted))]])


def test_figures():
    """Last: how much the tests above have compared."""
    begun, ended = _begun_and_ended
    assert begun == ended > 0, "some of the tests above failed"
    sizes.figures(
        "real_data",
        f"{_compared['weather']:,} values of weather and {_compared['flights']:,} of flights "
        "compared with pandas, 0 different",
    )
