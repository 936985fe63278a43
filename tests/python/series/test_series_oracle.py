"""Random rows of every format, and real series, against NumPy's structured arrays."""

import zipfile

import numpy as np
import pandas as pd
import pytest
from series_under_test import DAY, PEER, SHARED, engine, same

FORMATS = {
    "b": "i1", "B": "u1", "h": "i2", "H": "u2", "i": "i4", "I": "u4", "l": "i8", "L": "u8",
    "q": "i8", "Q": "u8", "e": "f2", "f": "f4", "d": "f8", "?": "?", "7s": "S7", "3i": "(3,)i4",
    ">i": ">i4", "M8[us]": "M8[us]",
}  # fmt: skip
NATIVE = ["b", "B", "h", "H", "i", "I", "l", "L", "q", "Q", "e", "f", "d", "?"]


def drawn(of, rows, seed):
    """Random values of a NumPy type: extremes, zeros, and whatever the bits may be."""
    random = np.random.default_rng(seed)
    dtype = np.dtype(of)
    shape = (rows, *dtype.shape)
    base = dtype.base.newbyteorder("=")
    if base.kind in "iu":
        limits = np.iinfo(base)
        values = random.integers(limits.min, limits.max, shape, base, endpoint=True)
        extremes = np.array([0, limits.min, limits.max], base)
        return np.where(random.random(shape) < 0.3, random.choice(extremes, shape), values)
    if base.kind == "f":
        special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, np.finfo(base).tiny], base)
        values = random.normal(0, 100, shape).astype(base)
        return np.where(random.random(shape) < 0.2, random.choice(special, shape), values)
    if base.kind == "b":
        return random.random(shape) < 0.5
    if base.kind == "M":
        return random.integers(-(2**62), 2**62, shape).astype(base)
    letters = random.integers(0, 256, (rows, base.itemsize), np.uint8)
    letters[:, 3:] *= random.random((rows, 1)) < 0.5
    return letters.view(base)[:, 0]


def bits(values):
    """What tells -0.0 from 0.0; a NaN is a NaN."""
    values = np.asarray(values)
    values = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))
    if values.dtype.kind != "f":
        return values.tolist()
    values = np.where(np.isnan(values), np.nan, values).astype(values.dtype)
    return values.view(f"u{values.dtype.itemsize}").tolist()


def check(made, table, days, wanted):
    found = made.read(table, days)
    assert list(found) == list(wanted)
    for name, values in wanted.items():
        assert bits(found[name]) == bits(values), name


@pytest.mark.parametrize("fmt", NATIVE)
def test_one_native_format(make, fmt):
    made = make(f"x:{fmt}")
    wanted = drawn(FORMATS[fmt], 400, ord(fmt))
    frame = pd.DataFrame({"x": wanted})
    made.append("ES", DAY, frame[:1])
    made.append("ES", DAY, frame[1:])
    check(made, "ES", DAY, {"x": wanted})


@pytest.mark.ours
def test_all_formats_side_by_side(make):
    columns = {f"c{n}": fmt for n, fmt in enumerate(FORMATS)}
    text = " ".join(f"{name}:{fmt}" for name, fmt in columns.items())
    made = make(text)
    wanted = {name: drawn(FORMATS[fmt], 3000, n) for n, (name, fmt) in enumerate(columns.items())}
    for part in np.array_split(np.arange(3000), [1, 2, 500, 2900]):
        made.append("ES", DAY, {name: values[part] for name, values in wanted.items()})
    check(made, "ES", DAY, wanted)
    made.close()
    check(make(text), "ES", (DAY, DAY), wanted)


def split(rows, when):
    """Rows by the day of a time."""
    days = when.astype("M8[D]")
    return {str(day): rows[days == day] for day in np.unique(days)}


def as_columns(rows):
    return {name: rows[name] for name in rows.dtype.names}


def check_all(made, rows, days, folder=None):
    """Each day, ranges with slices, and a mask, are as NumPy has them."""
    for day, part in days.items():
        check(made, "t", day, as_columns(part))
        if folder is not None:
            assert (folder / "t" / day / "data.bin").read_bytes() == part.tobytes()
    first, *_, last = days
    check(made, "t", (first, last), as_columns(rows))
    middle = list(days)[len(days) // 3 : -len(days) // 3]
    check(made, "t", (middle[0], middle[-1]), as_columns(np.concatenate([days[d] for d in middle])))
    name = rows.dtype.names[-1]
    threshold = np.nanmedian(rows[name])
    found = made.read("t", (first, last), where=lambda data: data[name] > threshold)
    same(found, as_columns(rows[rows[name] > threshold]))
    if not PEER:
        for start, end in ((5, 900), (-700, -3), (None, 11), (-1, None), (len(rows), None)):
            found = made.read("t", (first, last), start=start, end=end)
            same(found, as_columns(rows[start:end]))
        found = made.read("t", (first, last), start=100, where=f"{name} > {threshold}")
        same(found, as_columns(rows[100:][rows[name][100:] > threshold]))


@pytest.fixture(scope="module")
def temperature():
    """The temperature of a machine each five minutes for some weeks (22,695 rows)."""
    file = SHARED / "machine_temperature_system_failure.csv"
    if not file.exists():
        pytest.skip("the machine's temperature is not in ../shared/data")
    frame = pd.read_csv(file, parse_dates=["timestamp"])
    rows = np.zeros(len(frame), [("timestamp", "<i8"), ("value", "<f8")])
    rows["timestamp"] = frame["timestamp"].to_numpy("M8[s]").astype("i8")
    rows["value"] = frame["value"]
    return rows


@pytest.fixture(scope="module")
def flights():
    """The flights that left New York in January 2013 (27,004 rows)."""
    file = SHARED / "nyc_flights_2013.csv.zip"
    if not file.exists():
        pytest.skip("the flights of 2013 are not in ../shared/data")
    names = ["time_hour", "month", "flight", "carrier", "distance", "dep_delay"]
    with zipfile.ZipFile(file) as archive, archive.open("flights.csv") as csv:
        frame = pd.read_csv(csv, usecols=names, parse_dates=["time_hour"], nrows=28_000)
    frame = frame[frame["month"] == 1]
    dtype = {"time_hour": "M8[s]", "flight": "<u2", "carrier": "S2", "distance": "<f4"}
    rows = np.zeros(len(frame), [*dtype.items(), ("dep_delay", "<f8")])
    rows["time_hour"] = frame["time_hour"].dt.tz_localize(None).to_numpy("M8[s]")
    for name in ("flight", "distance", "dep_delay"):
        rows[name] = frame[name]
    rows["carrier"] = frame["carrier"].astype("S2")
    assert len(rows) == 27_004
    return rows


def test_the_temperature_of_a_machine(make, kind, folder, temperature):
    made = make()
    days = split(temperature, temperature["timestamp"].astype("M8[s]"))
    for part in days.values():
        made.append(
            "t", str(part["timestamp"][0].astype("M8[s]").astype("M8[D]")), pd.DataFrame(part)
        )
    check_all(made, temperature, days, folder if kind == "flat" else None)
    made.close()
    check_all(make(), temperature, days)


@pytest.mark.ours
def test_a_month_of_flights(make, kind, folder, flights):
    text = "time_hour:M8[s] flight:H carrier:2s distance:f dep_delay:d"
    made = make(text)
    days = split(flights, flights["time_hour"])
    for day, part in days.items():
        middle = len(part) // 2
        made.append("t", day, part[:middle])
        made.append("t", np.datetime64(day), pd.DataFrame(part[middle:]))
    rows = np.concatenate(list(days.values()))
    check_all(made, rows, days, folder if kind == "flat" else None)
    frame = made.read_dataframe("t", (None, None), where="carrier == x'5541' and distance > 1000")
    wanted = rows[(rows["carrier"] == b"UA") & (rows["distance"] > 1000)]
    assert len(frame) == len(wanted) > 0
    np.testing.assert_array_equal(frame["flight"].to_numpy(), wanted["flight"])


@pytest.mark.ours
def test_all_backends_give_the_same_bits(tmp_path, kind, temperature):
    """Of the first thousand rows, appended one by one."""
    rows = temperature[:1000]
    with engine(kind, "timestamp:q value:d", tmp_path / "data") as made:
        for timestamp, value in rows.tolist():
            made.append("t", DAY, {"timestamp": timestamp, "value": value})
        check(made, "t", DAY, as_columns(rows))
        same(made.read("t", DAY, start=-5), as_columns(rows[-5:]))
