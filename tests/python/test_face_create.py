"""Opening databases, making tables, and what they tell of themselves."""

import os
import pathlib

import pyarrow as pa
import pytest

import chronolite as cl


@pytest.fixture
def db(tmp_path):
    with cl.Db(tmp_path / "a.chl") as db:
        yield db


ALL = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "bool", "utf8", "binary"]


@pytest.mark.parametrize(
    ("columns", "types"),
    [
        (["a", "b"], ["f64", "f64"]),
        (("a", "b"), ["f64", "f64"]),
        ({"a": "i8", "b": "utf8"}, ["i8", "utf8"]),
        ([("a", "i8"), ("b", "utf8")], ["i8", "utf8"]),
        ([("a", pa.int8()), ("b", pa.string_view())], ["i8", "utf8"]),
        (pa.schema([("a", pa.int8()), ("b", pa.large_string())]), ["i8", "utf8"]),
        (
            pa.schema([("a", pa.binary(4)), ("b", pa.dictionary(pa.int8(), pa.string()))]),
            ["binary", "utf8"],
        ),
    ],
)
def test_columns_in_every_way(db, columns, types):
    table = db.create_table("t", columns)
    assert table.schema.names == table.columns == ["ts", "a", "b"]
    assert table.schema.types == ["timestamp[ms]", *types]


def test_all_types(db):
    table = db.create_table("t", {name: name for name in ALL})
    assert table.schema.types[1:] == ALL
    again = db.create_table("again", table.schema)
    assert again.schema == table.schema


def test_an_arrow_schema_brings_its_time(db):
    schema = pa.schema([("x", pa.float64()), ("when", pa.timestamp("us", "UTC"))])
    table = db.create_table("t", schema, time_column="when")
    assert table.schema.names == ["when", "x"]
    assert (table.schema.time_column, table.schema.time_unit) == ("when", "us")
    other = db.create_table("o", schema, time_column="when", time_unit="ns")
    assert other.schema.time_unit == "ns"


def test_the_same_schema_again_is_the_table(db):
    first = db.create_table("t", {"a": "i64"}, key="a", time_unit="s")
    first.append({"ts": [1], "a": [1]})
    assert len(db.create_table("t", [("a", "i64")], key=["a"], time_unit="s")) == 1
    for change in (
        {"columns": {"a": "f64"}}, {"columns": {"b": "i64"}}, {"time_unit": "ms"},
        {"time_column": "t"}, {"key": ()}, {"on_conflict": "last"},
    ):  # fmt: skip
        arguments = {"columns": {"a": "i64"}, "key": "a", "time_unit": "s", **change}
        with pytest.raises(cl.SchemaError):
            db.create_table("t", **arguments)


def test_an_unknown_name_is_told_with_a_few_that_are_there(db):
    for number in range(40):
        db.create_table(f"t{number:02}", ["x"])
    with pytest.raises(cl.TableNotFoundError) as error:
        db["nothing"]
    assert str(error.value).endswith("the database has " + ", ".join(
        f"t{number:02}" for number in range(16)) + " and 24 more")  # fmt: skip
    assert "nothing" not in db
    assert "t39" in db


def test_names_with_commas_are_no_other_schema(db):
    db.create_table("t", ["a", "b"])
    with pytest.raises(cl.SchemaError, match="exists with another schema"):
        db.create_table("t", ["a f64, b"])
    columns = {"x": "utf8", "y": "utf8", "x, y": "utf8"}
    db.create_table("k", columns, key=("x", "y"))
    with pytest.raises(cl.SchemaError, match="its key"):
        db.create_table("k", columns, key=("x, y",))


@pytest.mark.parametrize(
    ("columns", "rules"),
    [
        (["a", "a"], {}),
        (["ts"], {}),
        ([""], {}),
        ({"a": "double"}, {}),
        ({"a": "f64"}, {"key": "a"}),
        ({"a": "i64"}, {"key": "b"}),
        ({"a": "i64"}, {"key": ["a", "a"]}),
        (pa.schema([("a", pa.float16())]), {}),
        (pa.schema([("a", pa.timestamp("s"))]), {}),
        (pa.schema([("ts", pa.string())]), {}),
        (["a"], {"time_unit": "min"}),
        (["a"], {"on_conflict": "replace"}),
        (["a"], {"storage": "tiny"}),
    ],
)
def test_what_makes_no_table(db, columns, rules):
    with pytest.raises(ValueError):
        db.create_table("t", columns, **rules)
    assert db.tables() == []


@pytest.mark.parametrize("columns", [None, 5, "abc", [1], [("a",)], {"a": 5}])
def test_columns_of_a_wrong_type(db, columns):
    with pytest.raises(TypeError):
        db.create_table("t", columns)


def test_tables_by_name(db):
    db.create_table("b", ["x"])
    db.create_table("a", ["x"])
    assert db.tables() == ["a", "b"]
    assert db["a"].name == db.table("a").name == "a"
    assert "a" in db
    assert "c" not in db
    assert 5 not in db
    with pytest.raises(cl.TableNotFoundError):
        db["c"]
    with pytest.raises(TypeError):
        db[5]


def test_schema(db):
    schema = db.create_table("t", {"a": "i64", "b": "utf8"}).schema
    assert len(schema) == 3
    assert list(schema) == ["ts", "a", "b"]
    assert schema["a"] == "i64"
    assert schema["ts"] == "timestamp[ms]"
    assert "a" in schema
    assert "z" not in schema
    assert 5 not in schema
    with pytest.raises(KeyError):
        schema["z"]
    assert schema == db["t"].schema
    assert hash(schema) == hash(db["t"].schema)
    assert schema != db["t"].scan(columns=["a"]).schema
    assert schema != 5
    assert pa.schema(schema) == pa.schema(
        [("ts", pa.timestamp("ms")), ("a", pa.int64()), ("b", pa.string())]
    )
    assert repr(schema) == "<chronolite.Schema ts timestamp[ms], a i64, b utf8>"


def test_paths(tmp_path):
    for path in (tmp_path / "a.chl", str(tmp_path / "b.ntt")):
        with cl.Db(path) as db:
            assert db.path == os.fspath(path)
            assert os.fspath(path) in repr(db)
        assert "closed" in repr(db)
    os.chdir(tmp_path)
    with cl.Db("relative.ntt"):
        assert pathlib.Path("relative.ntt").exists()
    for path in (None, 5, b"bytes"):
        with pytest.raises(TypeError):
            cl.Db(path)


@pytest.mark.parametrize(
    "options", [{"mode": "w"}, {"durability": "fsync"}, {"sync_interval_ms": 0}]
)
def test_options_are_checked(tmp_path, options):
    with pytest.raises(cl.InvalidInputError):
        cl.Db(tmp_path / "a.chl", **options)
    assert not (tmp_path / "a.chl").exists()


@pytest.mark.parametrize("durability", ["sync", "interval", "none"])
def test_every_durability(tmp_path, durability):
    with cl.Db(tmp_path / "a.chl", durability=durability, sync_interval_ms=5) as db:
        table = db.create_table("t", ["x"])
        table.append_row(1, [1.0])
        table.append({"ts": [2], "x": [2.0]})
        db.flush()
    with cl.Db(tmp_path / "a.chl") as db:
        assert len(db["t"]) == 2


def test_reading_only(tmp_path):
    path = tmp_path / "a.chl"
    with cl.Db(path) as db:
        db.create_table("t", ["x"]).append({"ts": [1], "x": [1.0]})
    with cl.Db(path, mode="r") as db:
        assert len(db["t"]) == 1
        for write in (
            lambda: db["t"].append({"ts": [1], "x": [1.0]}),
            lambda: db["t"].append_row(1, [1.0]),
            lambda: db.create_table("u", ["x"]),
        ):
            with pytest.raises(cl.ReadOnlyError):
                write()


def test_stats_and_verify(db):
    table = db.create_table("t", {"x": "f64", "s": "utf8"})
    table.append({"ts": [1, 2], "x": [1.0, None], "s": ["a", "b"]})
    stats = db.stats()
    assert stats["path"] == db.path
    assert set(stats["tables"]) == {"t"}
    assert stats["tables"]["t"] == db.stats("t")
    assert (db.stats("t")["rows"], db.stats("t")["min_ts"]) == (2, 1)
    assert db.stats("t")["by_column"]["s"]["type"] == "utf8"
    with pytest.raises(cl.TableNotFoundError):
        db.stats("nope")
    report = db.verify()
    assert report.ok is report["ok"] is True
    assert report["problems"] == []
    assert "ok" in repr(report)
