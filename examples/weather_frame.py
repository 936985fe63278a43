"""A CSV file through pandas into a table with a key, and a week of it back as a DataFrame."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

import chronolite as cl

source = Path(__file__).parent / "data" / "nyc_weather_2013.csv.gz"
columns = ["time_hour", "origin", "temp", "humid", "wind_dir"]
frame = pd.read_csv(source, usecols=columns, parse_dates=["time_hour"])[columns]

with TemporaryDirectory() as folder, cl.Db(Path(folder) / "weather.chl") as db:
    weather = db.create_table(
        "weather",
        {"origin": "utf8", "temp": "f64", "humid": "f64", "wind_dir": "f64"},
        time_unit="s",
        time_column="time_hour",
        key=("origin",),
    )
    print(weather.append(frame), "rows appended")

    week = weather.scan("2013-07-01", "2013-07-08").to_pandas()
    print(week.groupby("origin")["temp"].describe().round(1))
