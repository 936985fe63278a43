"""`Db.execute`: CREATE TABLE and INSERT INTO ... VALUES.

NanoTS's document has the two statements and both ways of quoting; the package of nanots-db 0.1.0
has no call for them, so that the rest is as SQL has it.
"""

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chronolite as cl

I64_MIN, I64_MAX = -(2**63), 2**63 - 1


def all_rows(db, table):
    return db.query_table_range_typed(table, I64_MIN, I64_MAX)


def test_create_and_insert(db):
    assert db.execute("CREATE TABLE sensor (temp DOUBLE, humidity DOUBLE)") == 0
    assert db["sensor"].schema.names == ["ts", "temp", "humidity"]
    assert db.execute("INSERT INTO sensor VALUES (1704067200000, 25.5, 60)") == 1
    assert db.execute("insert into sensor values (2, 1.5, 2.5), (3, -3e2, +.5);") == 2
    expected = ([2, 3, 1704067200000], [[1.5, -300.0, 25.5], [2.5, 0.5, 60.0]])
    assert db.query_table_range_columns("sensor", 0, 10**18) == expected


@pytest.mark.parametrize(
    ("sql", "ours"),
    [
        ("DOUBLE", "f64"), ("DOUBLE PRECISION", "f64"), ("FLOAT", "f64"), ("FLOAT(53)", "f64"),
        ("FLOAT8", "f64"), ("FLOAT(24)", "f32"), ("REAL", "f32"), ("FLOAT4", "f32"),
        ("BIGINT", "i64"), ("INTEGER", "i64"), ("INT", "i64"), ("INT(11)", "i64"), ("INT8", "i64"),
        ("INT4", "i32"), ("SMALLINT", "i16"), ("TINYINT", "i8"),
        ("BIGINT UNSIGNED", "u64"), ("INTEGER UNSIGNED", "u64"), ("INT(10) UNSIGNED", "u64"),
        ("SMALLINT UNSIGNED", "u16"), ("TINYINT UNSIGNED", "u8"),
        ("BOOLEAN", "bool"), ("BOOL", "bool"),
        ("TEXT", "utf8"), ("VARCHAR", "utf8"), ("VARCHAR(10)", "utf8"), ("CHAR(3)", "utf8"),
        ("STRING", "utf8"), ("BLOB", "binary"), ("BYTEA", "binary"), ("VARBINARY", "binary"),
        ("str", "utf8"), ("i8", "i8"), ("I16", "i16"), ("i32", "i32"), ("u8", "u8"), ("u16", "u16"),
        ("u32", "u32"), ("u64", "u64"), ("f32", "f32"), ("F64", "f64"), ("utf8", "utf8"),
        ("binary", "binary"), ("double", "f64"),
    ],
)  # fmt: skip
def test_types(db, sql, ours):
    db.execute(f"CREATE TABLE t (c {sql})")
    assert db["t"].schema["c"] == ours


@pytest.mark.parametrize(
    "sql", ["DECIMAL(10,2)", "DATE", "UUID", "JSON", "nonsense", "a.b", "f64(3)"]
)
def test_what_is_no_type(db, sql):
    with pytest.raises(cl.SchemaError, match=r"line 1, column 19: .* is not a column type"):
        db.execute(f"CREATE TABLE t (c {sql})")
    assert db.tables() == []


def test_names_in_quotes(db):
    """In double quotes and in backticks, as the document says."""
    db.execute(
        'CREATE TABLE "my_table" ("a b" DOUBLE, `c"d` DOUBLE, "select" DOUBLE, "x""y" DOUBLE)'
    )
    assert db["my_table"].columns == ["ts", "a b", 'c"d', "select", 'x"y']
    assert db.execute('INSERT INTO `my_table` (`select`, "ts", `a b`) VALUES (1, 2, 3)') == 1
    assert all_rows(db, "my_table") == ([2], [[3.0], [None], [1.0], [None]])
    db.execute("CREATE TABLE Zähler (Größe DOUBLE)")
    assert db["Zähler"].columns == ["ts", "Größe"]
    with pytest.raises(cl.TableNotFoundError, match="line 1, column 13"):
        db.execute("INSERT INTO zähler VALUES (1, 2)")


def test_a_table_that_is_there(db):
    """The same again is the same table, as with create_table."""
    for again in ("CREATE TABLE t (x DOUBLE)", "CREATE TABLE IF NOT EXISTS t (x BIGINT)"):
        db.execute("CREATE TABLE t (x DOUBLE)")
        assert db.execute(again) == 0
    assert db.create_table("t", ["x"]).name == "t"
    with pytest.raises(cl.SchemaError, match="line 1, column 14: .*another schema"):
        db.execute("CREATE TABLE t (x BIGINT)")
    with pytest.raises(cl.SchemaError, match="is not a column type"):
        db.execute("CREATE TABLE IF NOT EXISTS t (x NONSENSE)")


@pytest.mark.parametrize(
    ("first", "name", "unit"),
    [
        ("ts_ms BIGINT", "ts_ms", "ms"),
        ("ts BIGINT NOT NULL", "ts", "ms"),
        ("ts_ms INTEGER", "ts_ms", "ms"),
        ("at TIMESTAMP", "at", "ms"),
        ("at TIMESTAMP(0)", "at", "s"),
        ("at TIMESTAMP(3) NOT NULL", "at", "ms"),
        ("at TIMESTAMP(6)", "at", "us"),
        ("at TIMESTAMP(9)", "at", "ns"),
        ("at TIMESTAMP WITH TIME ZONE", "at", "ms"),
        ("at DATETIME", "at", "ms"),
    ],
)
def test_a_time_that_is_named(db, first, name, unit):
    db.execute(f"CREATE TABLE t ({first}, x DOUBLE)")
    schema = db["t"].schema
    assert (schema.time_column, schema.time_unit, schema.names) == (name, unit, [name, "x"])
    assert db.execute("INSERT INTO t VALUES (5, 1); ; ") == 1
    assert db.execute(f"INSERT INTO t ({name}, x) VALUES (6, 2)") == 1
    assert db.execute("INSERT INTO t (x, ts) VALUES (3, 7)") == 1
    assert all_rows(db, "t") == ([5, 6, 7], [[1.0, 2.0, 3.0]])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("x DOUBLE, at TIMESTAMP", 'column 27: column "at" is a time; a table has one, its first'),
        ("x DOUBLE, ts_ms BIGINT", 'column 27: column "ts_ms" is a time'),
        ("at TIMESTAMP, ts BIGINT", 'column 31: column "ts" is a time'),
        ("at TIMESTAMP", 'column 14: table "t" needs a column beside the time'),
        ("at TIMESTAMP(4), x DOUBLE", "column 20: TIMESTAMP(4) is not a column type"),
        ("ts DOUBLE", 'column 14: column "ts" is named twice'),
        ("x DOUBLE, x DOUBLE", 'column 14: column "x" is named twice'),
        ("x DOUBLE NOT NULL", 'column 26: column "x": every value column can hold nulls'),
        ('"" DOUBLE', "column 14: a column needs a name"),
    ],
)
def test_what_is_no_schema(db, columns, message):
    with pytest.raises(cl.SchemaError, match=re.escape(f"line 1, {message}")):
        db.execute(f"CREATE TABLE t ({columns})")
    assert db.tables() == []


def test_values_of_every_type(db):
    db.execute(
        "CREATE TABLE t (f DOUBLE, g REAL, i TINYINT, u BIGINT UNSIGNED, b BOOLEAN, s TEXT, x BLOB)"
    )
    rows = db.execute("""
        INSERT INTO t VALUES
            (1, 1e-3, 0.5, -128, 18446744073709551615, TRUE, 'it''s', X'00fF'),
            (2, -7, 2, +127, 0, false, '', x''), -- integers are floats where exact
            (3, NULL, null, NULL, NULL, NULL, NULL, NULL) /* and done */
    """)
    assert rows == 3
    assert all_rows(db, "t") == (
        [1, 2, 3],
        [
            [0.001, -7.0, None],
            [0.5, 2.0, None],
            [-128, 127, None],
            [2**64 - 1, 0, None],
            [True, False, None],
            ["it's", "", None],
            [b"\x00\xff", b"", None],
        ],
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1.5, 1", 'column "i" is i8, the value is float'),
        ("128, 1", 'column "i": 128 does not fit i8'),
        ("'1', 1", 'column "i" is i8, the value is text'),
        ("TRUE, 1", 'column "i" is i8, the value is bool'),
        ("X'01', 1", 'column "i" is i8, the value is bytes'),
        ("1, 9007199254740993", 'column "f": 9007199254740993 does not fit f64'),
    ],
)
def test_values_that_do_not_fit(db, value, message):
    """Told by line and column; and of several rows none is there then."""
    db.execute("CREATE TABLE t (i TINYINT, f DOUBLE)")
    with pytest.raises(cl.SchemaError, match=r"^line 2, column \d+: " + re.escape(message)):
        db.execute(f"INSERT INTO t VALUES (1, 1, 1),\n (2, {value}), (3, 1, 1)")
    assert len(db["t"]) == 0
    assert db.append("other", 1, 1.0) == 1


@pytest.mark.parametrize(
    ("sql", "ms"),
    [
        ("1704067200000", 1704067200000),
        ("-1", -1),
        ("-9223372036854775808", I64_MIN),
        ("9223372036854775807", I64_MAX),
        ("'2024-01-01'", 1704067200000),
        ("'2024-01-01T00:00:00.001Z'", 1704067200001),
        ("TIMESTAMP '2024-01-01 02:00:00+02:00'", 1704067200000),
    ],
)
def test_times(db, sql, ms):
    db.execute("CREATE TABLE t (x DOUBLE)")
    db.execute(f"INSERT INTO t VALUES ({sql}, 1)")
    assert db.table_time_range("t") == (ms, ms)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("NULL", "a time cannot be null"),
        ("1.5", "a time is an integer or ISO 8601 text, not float"),
        ("TRUE", "not bool"),
        ("X'00'", "not bytes"),
        ("9223372036854775808", "does not fit int64"),
        ("'yesterday'", "is not an ISO 8601 time"),
        ("'2024-01-01T00:00:00.0001'", "not a whole number of ms"),
    ],
)
def test_what_is_no_time(db, sql, message):
    db.execute("CREATE TABLE t (x DOUBLE)")
    with pytest.raises(cl.SchemaError, match=r"line 1, column 23: .*" + re.escape(message)):
        db.execute(f"INSERT INTO t VALUES ({sql}, 1)")


def test_ts_ms_is_in_milliseconds_whatever_the_table(db):
    db.create_table("us", ["x"], time_unit="us", time_column="at")
    db.execute("INSERT INTO us (ts_ms, x) VALUES (5, 1), (-1, 2)")
    db.execute("INSERT INTO us (ts, x) VALUES (5, 3)")
    db.execute("INSERT INTO us (at, x) VALUES (6, 4)")
    db.execute("INSERT INTO us VALUES (7, 5)")
    assert all_rows(db, "us") == ([-1000, 5, 6, 7, 5000], [[2.0, 3.0, 4.0, 5.0, 1.0]])
    with pytest.raises(cl.SchemaError, match="does not fit int64 in us"):
        db.execute("INSERT INTO us (ts_ms, x) VALUES (9223372036854775807, 1)")
    db.create_table("s", ["x"], time_unit="s")
    with pytest.raises(cl.SchemaError, match="not a whole number of s"):
        db.execute("INSERT INTO s (ts_ms, x) VALUES (5, 1)")


def test_a_value_column_with_a_name_of_the_time(db):
    db.create_table("t", ["ts_ms"])
    db.execute("INSERT INTO t (ts_ms, ts) VALUES (5, 1)")
    assert all_rows(db, "t") == ([1], [[5.0]])


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("(ts, nope) VALUES (1, 2)", 'column 20: no column "nope"; the table has x, y'),
        ("(ts, x, x) VALUES (1, 2, 3)", 'column 23: column "x" is named twice'),
        ("(ts, ts_ms) VALUES (1, 2)", 'column 20: column "ts_ms" is named twice'),
        ("(x) VALUES (1)", 'column 13: the time column "ts" is missing'),
        ("VALUES (1, 2)", "column 22: a row of 2 values for 3 columns (ts, x, y)"),
        ("VALUES (1, 2, 3), (1, 2, 3, 4)", "column 33: a row of 4 values for 3 columns"),
        ("(ts, x) VALUES (1, 2, 3)", "column 30: a row of 3 values for 2 columns (ts, x)"),
    ],
)
def test_columns_that_do_not_fit(db, sql, message):
    db.execute("CREATE TABLE t (x DOUBLE, y DOUBLE)")
    with pytest.raises(cl.SchemaError, match=re.escape(f"line 1, {message}")):
        db.execute(f"INSERT INTO t {sql}")
    assert len(db["t"]) == 0


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "at the end: expected CREATE TABLE or INSERT INTO, found the end"),
        (" ; ", "line 1, column 2: expected CREATE TABLE or INSERT INTO, found ;"),
        ("SELECT * FROM t", "line 1, column 1: expected CREATE TABLE or INSERT INTO, found SELECT"),
        ("DROP TABLE t", "line 1, column 1"),
        ("CREATE TABLE", "at the end: expected the name of a table"),
        ("CREATE TABLE t", "at the end: expected (, found the end"),
        ("CREATE TABLE t ()", "line 1, column 17: expected the name of a column, found )"),
        ("CREATE TABLE t (x)", "line 1, column 18"),
        ("CREATE TABLE t (x DOUBLE", "at the end: expected , or ), found the end"),
        ("CREATE TABLE t (x DOUBLE,)", "line 1, column 26: expected the name of a column"),
        ("CREATE TABLE t (x DOUBLE PRIMARY KEY)", "line 1, column 26: expected , or )"),
        ("CREATE TABLE t (x DOUBLE DEFAULT 1)", "line 1, column 26"),
        ("CREATE TABLE t (x DOUBLE) WITH (a=1)", "line 1, column 27: expected the end"),
        ("CREATE TABLE t (x DOUBLE) AS SELECT 1", "line 1, column 27"),
        ("CREATE TEMPORARY TABLE t (x DOUBLE)", "line 1, column 1"),
        ("CREATE TABLE a.b (x DOUBLE)", "line 1, column 15: expected (, found ."),
        ("CREATE TABLE 'a' (x DOUBLE)", "line 1, column 14: expected the name of a table"),
        ("CREATE TABLE [a] (x DOUBLE)", "line 1, column 14: expected the name of a table"),
        ("INSERT t VALUES (1, 2)", "line 1, column 1"),
        ("INSERT INTO t", "at the end: expected VALUES"),
        ("INSERT INTO t SELECT 1", "line 1, column 15: expected VALUES, found SELECT"),
        ("INSERT INTO t VALUES", "at the end: expected ("),
        ("INSERT INTO t VALUES ()", "line 1, column 23: expected a value"),
        ("INSERT INTO t VALUES (1, 2", "at the end: expected , or )"),
        ("INSERT INTO t VALUES (1, 2) (3, 4)", "line 1, column 29: expected the end"),
        ("INSERT INTO t VALUES (1, 2), ", "at the end: expected ("),
        ("INSERT INTO t VALUES (1, x)", "line 1, column 26: expected a value"),
        ("INSERT INTO t VALUES (1, \"a\")", "line 1, column 26: expected a value"),
        ("INSERT INTO t VALUES (1, 1+1)", "line 1, column 27: expected , or ), found +"),
        ("INSERT INTO t VALUES (1, (2))", "line 1, column 26: expected a value"),
        ("INSERT INTO t VALUES (1, - -2)", "line 1, column 28: expected a number, found -"),
        ("INSERT INTO t VALUES (1, -'2')", "line 1, column 27: expected a number"),
        ("INSERT INTO t VALUES (1, ?)", "line 1, column 26: expected a value"),
        ("INSERT INTO t VALUES (1, $1)", "line 1, column 26: expected a value"),
        ("INSERT INTO t VALUES (1, now())", "line 1, column 26: expected a value"),
        ("INSERT INTO t VALUES (1, 1e999)", "line 1, column 26: 1e999 is beyond the range"),
        ("INSERT INTO t VALUES (1, -18446744073709551616)", "column 26: -18446744073709551616 d"),
        ("INSERT INTO t VALUES (1, X'0')", "line 1, column 26: bytes are pairs"),
        ("INSERT INTO t VALUES (1, X'zz')", "line 1, column 26"),
        ("INSERT INTO t VALUES (1, 'open)", "line 1, column 26"),
        ("INSERT INTO \"t VALUES (1, 2)", "line 1, column 13"),
        ("INSERT INTO t VALUES (1, 2); DROP TABLE t", "line 1, column 30: expected the end"),
        ("INSERT INTO t VALUES (1, 2) ON CONFLICT DO NOTHING", "line 1, column 29"),
        ("INSERT INTO t VALUES (1, 2) RETURNING *", "line 1, column 29"),
        ("INSERT INTO t VALUES\n  (1, 2),\n  (3, @)", "line 3, column 7: expected a value"),
        ("\0", "line 1, column 1"),
    ],
)  # fmt: skip
def test_what_is_no_statement(db, sql, message):
    db.execute("CREATE TABLE t (x DOUBLE)")
    with pytest.raises(cl.InvalidInputError, match=re.escape(message)):
        db.execute(sql)
    assert (db.tables(), len(db["t"])) == (["t"], 0)


def test_a_long_word_is_not_shown_whole(db):
    with pytest.raises(cl.InvalidInputError) as caught:
        db.execute("x" * 100_000)
    assert str(caught.value).endswith("found " + "x" * 40 + "...")


def test_deep_nesting_is_refused(db):
    for open_, close in (("ARRAY<", ">"), ("STRUCT<a ", ">"), ("MAP(INT, ", ")")):
        depth = 100_000
        with pytest.raises(cl.ChronoliteError):
            db.execute(f"CREATE TABLE t (x {open_ * depth}INT{close * depth})")
    with pytest.raises(cl.InvalidInputError):
        db.execute("INSERT INTO t VALUES (1, " + "(" * 100_000)


def test_text_with_the_marks_of_sql_in_it(db):
    """What is quoted is a name or a value, and nothing else."""
    hostile = "x'); DROP TABLE t; --"
    quoted = hostile.replace("'", "''")
    db.execute(f'CREATE TABLE t (s TEXT, "{hostile}" TEXT)')
    assert db.execute(f"INSERT INTO t VALUES (1, '{quoted}', '\\'), (2, '/*', '\"`')") == 2
    assert all_rows(db, "t") == ([1, 2], [[hostile, "/*"], ["\\", '"`']])
    assert db["t"].columns == ["ts", "s", hostile]


TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(I64_MIN, I64_MAX),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.integers(I64_MIN, I64_MAX),
            st.none() | TEXT,
            st.none() | st.binary(max_size=8),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_what_is_written_is_read(tmp_path_factory, rows):
    def sql(value):
        match value:
            case None:
                return "NULL"
            case str():
                return "'" + value.replace("'", "''") + "'"
            case bytes():
                return f"X'{value.hex()}'"
            case _:
                return repr(value)

    with cl.Db(tmp_path_factory.mktemp("sql") / "a.chl") as db:
        db.execute("CREATE TABLE t (f DOUBLE, i BIGINT, s TEXT, b BLOB)")
        values = ", ".join(f"({', '.join(map(sql, row))})" for row in rows)
        assert db.execute(f"INSERT INTO t VALUES {values}") == len(rows)
        times, columns = all_rows(db, "t")
    ordered = sorted(rows, key=lambda row: row[0])
    assert list(zip(times, *columns, strict=True)) == ordered


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.sampled_from(string.printable + "éΩ\0`\"'"), max_size=60))
def test_odd_input_is_an_error(tmp_path_factory, text):
    with cl.Db(tmp_path_factory.mktemp("sql") / "a.chl") as db:
        db.execute("CREATE TABLE t (x DOUBLE)")
        for start in ("", "CREATE TABLE u (", "INSERT INTO t VALUES (1, "):
            try:
                rows = db.execute(start + text)
            except cl.ChronoliteError:
                rows = 0
            assert len(db["t"]) == rows
            if rows:
                break


def test_many_rows(db):
    """All of them or none, at any size."""
    db.execute("CREATE TABLE t (x DOUBLE, s TEXT)")
    text = "a" * 100
    values = ", ".join(f"({ts}, {ts * 0.5}, '{text}')" for ts in range(50_000))
    assert db.execute(f"INSERT INTO t VALUES {values}") == 50_000
    with pytest.raises(cl.SchemaError, match="line 1, column"):
        db.execute(f"INSERT INTO t VALUES {values}, (1, 'x', 'y')")
    assert len(db["t"]) == 50_000
    assert db.append("s", 1, 1.0) == 50_001


def test_arguments_and_states(tmp_path):
    path = tmp_path / "a.chl"
    with cl.Db(path) as db:
        db.execute(sql="CREATE TABLE t (x DOUBLE)")
        for sql in (None, 5, b"CREATE TABLE u (x DOUBLE)"):
            with pytest.raises(TypeError):
                db.execute(sql)
    for statement in ("CREATE TABLE u (x DOUBLE)", "INSERT INTO t VALUES (1, 2)"):
        with pytest.raises(cl.ClosedError):
            db.execute(statement)
        with cl.Db(path, mode="r") as reader, pytest.raises(cl.ReadOnlyError):
            reader.execute(statement)
    with cl.Db(path) as db:
        assert db.execute("INSERT INTO t VALUES (1, 2)") == 1
