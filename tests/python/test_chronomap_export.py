"""to_csv and to_parquet write the history for other programs."""

import csv

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.better
COLUMNS = ["key", "value", "timestamp", "version"]


def test_parquet_has_a_row_a_version_and_columns_of_types(sensors, tmp_path):
    assert sensors.to_parquet(tmp_path / "a.parquet") is None
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.column_names == COLUMNS
    assert table["value"].to_pylist() == [19.0, 20.5, 3.25]
    assert table["version"].to_pylist() == [0, 1, 0]


def test_csv_has_the_same(sensors, tmp_path):
    sensors.to_csv(str(tmp_path / "a.csv"))
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["key"] for row in rows] == ["temp", "temp", "wind"]
    assert [float(row["timestamp"]) for row in rows] == [99.5, 100.0, 50.0]


def test_values_of_many_types_are_told_in_json(cm, tmp_path):
    for number, value in enumerate([1, "x", None, [1, {"a": 2}], (1, 2), object]):
        cm.put("k", value, timestamp=number)
    cm.to_parquet(tmp_path / "a.parquet")
    told = pq.read_table(tmp_path / "a.parquet")["value"].to_pylist()
    assert told == ["1", '"x"', None, '[1,{"a":2}]', '{"$tuple":[1,2]}', "<class 'object'>"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_that_fails_leaves_the_old_one(sensors, tmp_path, form, monkeypatch):
    at = tmp_path / f"a.{form}"
    getattr(sensors, f"to_{form}")(at)
    before = at.read_bytes()
    with pytest.raises(OSError, match="nowhere"):
        getattr(sensors, f"to_{form}")(tmp_path / "nowhere" / "a")
    monkeypatch.setattr("os.fsync", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        getattr(sensors, f"to_{form}")(at)
    assert at.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [at.name]


def test_an_empty_map_has_the_columns(cm, tmp_path):
    cm.to_parquet(tmp_path / "a.parquet")
    assert pq.read_table(tmp_path / "a.parquet").column_names == COLUMNS
