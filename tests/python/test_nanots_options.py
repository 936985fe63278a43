"""What a database is opened with in NanoTS's words. What nanots-db 0.1.0 does was tried out with
the package from PyPI.
"""

import numpy as np
import pytest

import chronolite as cl

I64_MAX = 2**63 - 1
T0 = 1704067200000


@pytest.mark.parametrize("ms", [None, 0, 1, 3600 * 1000, 2**64 - 1, np.int64(5)])
def test_retention(tmp_path, ms):
    """Nothing is hidden: nanots-db too shows old rows until it is asked to remove them."""
    with cl.Db(tmp_path / "a.ntt", ms) as db:
        db.append("s", 1000, 1.0)
        db.append("s", T0, 2.0)
        db.flush()
        assert len(db.query_range("s", 0, I64_MAX)) == 2
    with cl.Db(tmp_path / "a.ntt", retention_ms=ms) as db:
        assert len(db["s"]) == 2


@pytest.mark.parametrize(
    ("ms", "error"),
    [
        (True, TypeError),
        (1.5, TypeError),
        (1e3, TypeError),
        ("1", TypeError),
        (-1, cl.InvalidInputError),
        (-(2**70), cl.InvalidInputError),
        (2**64, OverflowError),
    ],
)
def test_what_is_no_retention(tmp_path, ms, error):
    """nanots-db takes True for 1, and calls -1 an OverflowError; at 2**64 it raises one as here."""
    with pytest.raises(error):
        cl.Db(tmp_path / "a.ntt", ms)
    assert not (tmp_path / "a.ntt").exists()


OPTIONS = {
    "wal_target_ratio": 2,
    "wal_min_bytes": 32 * 1024 * 1024,
    "target_segment_points": 8192,
    "check_interval_ms": 5000,
    "retention_check_interval_ms": 60000,
    "max_writes_per_sec": 100000,
    "write_load_window_ms": 5000,
    "min_idle_ms": 1000,
    "max_segments_per_pack": 64,
}


@pytest.mark.parametrize("given", [None, True, False, {}, {"target_segment_points": 8192}, OPTIONS])
def test_auto_maintenance(tmp_path, given):
    """nanots-db takes dicts, bools and None; these are the options that its package names."""
    with cl.Db(tmp_path / "a.ntt", None, given):
        pass
    with cl.Db(tmp_path / "a.ntt", auto_maintenance=given):
        pass


@pytest.mark.parametrize("given", [5, 0, "x", []])
def test_what_is_no_auto_maintenance(tmp_path, given):
    """nanots-db raises RuntimeError with this message."""
    with pytest.raises(TypeError, match="a dict, a bool or None"):
        cl.Db(tmp_path / "a.ntt", None, given)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, None),
        (2**64 - 1, None),
        (np.int64(5), None),
        (-1, cl.InvalidInputError),
        (2**64, OverflowError),
        (True, TypeError),
        (1.5, TypeError),
        (None, TypeError),
        ("5", TypeError),
    ],
)
def test_options_of_auto_maintenance(tmp_path, name, value, error):
    """nanots-db takes True for 1, and raises OverflowError for -1; else it does as here."""
    path = tmp_path / "a.ntt"
    if error is None:
        cl.Db(path, auto_maintenance={name: value}).close()
        return
    with pytest.raises(error, match=name):
        cl.Db(path, auto_maintenance={name: value})
    assert not path.exists()


def test_options_that_auto_maintenance_does_not_have(tmp_path):
    """nanots-db passes over them too, so that a slip in a name goes unseen there."""
    with pytest.warns(UserWarning, match='no option "check_interval"; its options are wal_t'):
        cl.Db(tmp_path / "a.ntt", auto_maintenance={"check_interval": 5}).close()
    with pytest.raises(TypeError, match="named by text"):
        cl.Db(tmp_path / "a.ntt", auto_maintenance={1: 5})


def test_the_largest_record(tmp_path, monkeypatch):
    """64 MB by default, says the document; nanots-db takes rows of any size all the same."""
    monkeypatch.setenv("NANOTS_MAX_RECORD_SIZE", " 1000 ")
    with cl.Db(tmp_path / "a.ntt") as db:
        db.create_table_typed("s", [("s", "str"), ("x", "f64")])
        db.create_table("wide", [f"c{i}" for i in range(126)])
        db.create_table("fits", [f"c{i}" for i in range(125)])
        message = "at most 1000 are allowed .NANOTS_MAX_RECORD_SIZE"
        large = "x" * 993
        too_large = [
            lambda: db.append_row_typed("s", 1, [large, 1.0]),
            lambda: db.append_row("wide", 1, [1.0] * 126),
            lambda: db["s"].append({"ts": [1, 2], "s": ["", large], "x": [1.0, 2.0]}),
            lambda: db["wide"].append({"ts": [1]} | {f"c{i}": [1.0] for i in range(126)}),
            lambda: db.execute(f"INSERT INTO s VALUES (1, 'a', 2), (1, '{large}', 2)"),
        ]
        for write in too_large:
            with pytest.raises(cl.SchemaError, match=message):
                write()
        assert (len(db["s"]), len(db["wide"])) == (0, 0)
        assert db.append_row_typed("s", 1, ["x" * 992, 1.0]) == 1
        assert db.append_row("fits", 1, [1.0] * 125) == 2
        # A batch may be larger than any of its rows.
        assert db["s"].append({"ts": [1, 2], "s": ["y" * 992] * 2, "x": [1.0, 2.0]}) == 2
    monkeypatch.setenv("NANOTS_MAX_RECORD_SIZE", "100")
    with cl.Db(tmp_path / "a.ntt") as db:
        assert len(db["s"]) == 3
        with pytest.raises(cl.SchemaError, match="at most 100 are"):
            db["s"].append_row(1, ["x" * 100, 1.0])


def test_the_largest_record_by_default(tmp_path, monkeypatch):
    monkeypatch.delenv("NANOTS_MAX_RECORD_SIZE", raising=False)
    with cl.Db(tmp_path / "a.ntt") as db:
        db.create_table_typed("s", [("s", "str")])
        with pytest.raises(cl.SchemaError, match="at most 67108864 are"):
            db.append_row_typed("s", 1, ["x" * (64 * 2**20 + 1)])
    monkeypatch.setenv("NANOTS_MAX_RECORD_SIZE", "")
    cl.Db(tmp_path / "a.ntt").close()


@pytest.mark.parametrize("given", ["0", "-5", "abc", "1e6", "64MB", str(2**64)])
def test_what_is_no_record_size(tmp_path, monkeypatch, given):
    """nanots-db opens with any of them."""
    monkeypatch.setenv("NANOTS_MAX_RECORD_SIZE", given)
    with pytest.raises(cl.InvalidInputError, match="NANOTS_MAX_RECORD_SIZE is a number of bytes"):
        cl.Db(tmp_path / "a.ntt")
    assert not (tmp_path / "a.ntt").exists()
