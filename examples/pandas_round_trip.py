"""A DataFrame in and out: nulls, a time zone, categories, nullable integers; and what changes.

No value changes. The dtype of some columns does: times come back in UTC without a zone, categories
as text, nullable integers without a null as NumPy's. In the table a null is a null in every column;
pandas writes it as NaN or <NA>. `python examples/pandas_round_trip.py [FILE]`
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from pandas.testing import assert_frame_equal

import chronolite as cl

# The night in which Berlin's clocks go forward: 02:00 is 03:00 there, and nothing special in UTC.
frame = pd.DataFrame(
    {
        "when": pd.date_range(
            "2024-03-31 00:30", periods=4, freq="30min", tz="Europe/Berlin", unit="us"
        ),
        "site": pd.Categorical(["north", "south", None, "north"]),
        "temp": [20.5, np.nan, 21.0, -0.0],
        "doors": pd.array([1, None, 3, 2**53 + 1], dtype="Int64"),
        "floor": pd.array([1, 2, 3, 4], dtype="Int16"),
        "open": pd.array([True, None, False, True], dtype="boolean"),
        "note": pd.Series(["ok", None, "", "für später"], dtype="str"),
    }
)
columns = {
    "site": "utf8",
    "temp": "f64",
    "doors": "i64",
    "floor": "i16",
    "open": "bool",
    "note": "utf8",
}


def main(path: Path) -> None:
    if path.exists():
        sys.exit(f"{path} is already there")
    with cl.Db(path) as db:
        table = db.create_table("doors", columns, time_column="when", time_unit="us")
        table.append(frame)
    with cl.Db(path, mode="r") as db:
        back = db["doors"].scan().to_pandas()

    expected = frame.assign(
        when=frame["when"].dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]"),
        site=frame["site"].astype("str"),
        floor=frame["floor"].astype("int16"),
    )
    assert_frame_equal(back, expected)
    for name in frame.columns:
        before, after = str(frame[name].dtype), str(back[name].dtype)
        print(f"{name:6}{before:32}{'as it was' if before == after else 'now ' + after}")
    print("nulls:", back.isna().sum().to_dict())

    # To have the zone and the categories back, say so.
    again = back.assign(
        when=back["when"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
        site=back["site"].astype("category"),
        floor=back["floor"].astype("Int16"),
    )
    assert_frame_equal(again, frame)
    print("equal, value for value")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        main(Path(sys.argv[1] if sys.argv[1:] else f"{folder}/doors.chl"))
