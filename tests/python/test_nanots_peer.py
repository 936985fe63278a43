"""The same calls on nanots-db 0.1.0 and here give the same. It runs where that package is
installed, which wants Python 3.12 or newer; elsewhere the other tests say what was seen of it.
"""

import pyarrow as pa
import pyarrow.lib
import pytest

import chronolite as cl

peer = pytest.importorskip("nanots_db", reason="nanots-db is not installed (Python 3.12 or newer)")

I64_MIN, I64_MAX = -(2**63), 2**63 - 1


@pytest.fixture
def both(tmp_path):
    """Runs a call on a new database of each and returns what both gave."""
    pair = [
        peer.Db(str(tmp_path / "peer.ntt"), None, False),
        cl.Db(str(tmp_path / "ours.ntt"), None, False),
    ]

    def run(call):
        theirs, ours = (call(db) for db in pair)
        if not isinstance(ours, cl.Table):  # where nanots-db returns None
            assert ours == theirs
        return ours

    yield run
    pair[1].close()


def failed(call):
    """True if it raised anything."""
    try:
        call()
    except Exception:  # noqa: BLE001
        return True
    return False


def imported(capsules):
    batch = pyarrow.lib.RecordBatch._import_from_c_capsule(*capsules)
    return batch.schema, batch.to_pydict()


def test_rows_and_ranges(both):
    both(lambda db: db.create_table("t", ["a", "b"]))
    assert both(lambda db: db.append_row("t", 5, [1.5, 2])) == 1
    assert both(lambda db: db.append("s", -3, 2.5)) == 2
    assert both(lambda db: db.append_row(table="t", ts_ms=I64_MAX, values=(0, -0.0))) == 3
    for _ in range(2):
        for start, end in ((I64_MIN, I64_MAX), (5, 5), (6, I64_MAX), (6, 7), (7, 6)):
            both(lambda db, at=(start, end): db.query_table_range_columns("t", *at))
            both(lambda db, at=(start, end): db.query_table_range_typed("t", *at))
            both(lambda db, at=(start, end): db.query_range("s", *at))
            both(
                lambda db, at=(start, end): imported(db.query_table_range_arrow_capsules("t", *at))
            )
        both(lambda db: db.flush())
    assert both(lambda db: db.table_time_range("t")) == (5, I64_MAX)


def test_typed_rows(both):
    columns = [("f", "Double"), ("i", "INT"), ("b", "boolean"), ("s", "str")]
    both(lambda db: db.create_table_typed("t", columns))
    for row in ([1.5, 2, True, "x"], [None] * 4, [-0.0, I64_MIN, False, "a\0é"]):
        both(lambda db, row=row: db.append_row_typed("t", 1, row))
    both(lambda db: db.query_table_range_typed("t", 0, 1))
    both(lambda db: imported(db.query_table_range_arrow_capsules("t", 0, 1)))
    assert both(lambda db: db.table_time_range(table="t") if db.flush() else None) is None
    assert both(lambda db: db.table_time_range(table="t")) == (1, 1)


def test_arrow_in(both):
    both(lambda db: db.create_table_typed("t", [("i", "i64"), ("s", "utf8")]))
    batch = pa.record_batch(
        {"s": ["a", None], "ts_ms": [1, 2], "i": [None, 2], "extra": [1.0, 2.0]}
    )
    both(lambda db: db.append_rows_arrow_capsules("t", *batch.__arrow_c_array__()))
    both(lambda db: db.query_table_range_typed("t", 0, 9))


@pytest.mark.parametrize(
    "call",
    [
        lambda db: db.append_row("nope", 1, [1.0]),
        lambda db: db.append_row_typed("nope", 1, [1.0]),
        lambda db: db.query_range("nope", 0, 1),
        lambda db: db.query_table_range_typed("nope", 0, 1),
        lambda db: db.table_time_range("nope"),
        lambda db: db.stats("nope"),
        lambda db: db.append_row("t", 1, [1.0, 2.0]),
        lambda db: db.append_row_typed("t", 1, ["1.0"]),
        lambda db: db.append_row_typed("t", 1, [True]),
        lambda db: db.append_row("t", 2**63, [1.0]),
        lambda db: db.append("t", 1.5, 1.0),
        lambda db: db.create_table_typed("t", [("x", "i64")]),
        lambda db: db.create_table_typed("u", [("x", "decimal")]),
        lambda db: db.create_table_typed("u", []),
        lambda db: db.query_range("t", 0, 1),
    ],
)
def test_what_both_refuse(both, call):
    both(lambda db: db.create_table("t", ["x"]))
    assert both(lambda db: failed(lambda: call(db)))
    assert both(lambda db: db.append_row("t", 1, [1.0])) == 1


def test_keys(both):
    def keys(db):
        db.create_table("t", ["a", "b"])
        before = set(db.stats("t"))
        for ts in range(100):
            db.append_row("t", ts, [ts * 0.1, 1.0])
        db.flush()
        return before, set(db.stats("t")), list(db.diagnose())

    kept = []

    def of_both(db):
        kept.append(keys(db))

    both(of_both)
    (before, after, diagnosis), (our_before, our_after, our_diagnosis) = kept
    assert before <= our_before
    assert after <= our_after
    assert after - before == our_after - our_before
    assert diagnosis == our_diagnosis


def test_raw_sizes(both):
    def sizes(db):
        db.create_table_typed("t", [("i", "i64"), ("b", "bool"), ("s", "utf8"), ("f", "f64")])
        for ts in range(10):
            db.append_row_typed("t", ts, [None, True, "abc", 1.5])
        db.flush()
        stats = db.stats("t")
        names = (
            "rows",
            "segments",
            "columns",
            "raw_ts_bytes",
            "raw_value_bytes",
            "raw_total_bytes",
        )
        return {name: stats[name] for name in names}

    assert both(sizes)["raw_value_bytes"] == 170


def test_options(both, tmp_path):
    del both
    for number, given in enumerate(
        [None, True, {}, {"min_idle_ms": 5}, {"min_idle_ms": 1.5}, 5, []]
    ):
        paths = [str(tmp_path / f"{name}{number}.ntt") for name in ("a", "b")]
        assert failed(lambda: peer.Db(paths[0], None, given)) == failed(  # noqa: B023
            lambda: cl.Db(paths[1], None, given).close()  # noqa: B023
        )
