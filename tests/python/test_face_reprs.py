"""What objects say of themselves: at a prompt in a line, in a notebook as a small table."""

from html.parser import HTMLParser

import pytest

import chronolite as cl


class Cells(HTMLParser):
    """The tags, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        self.tags.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def texts(thing) -> list[str]:
    return Cells(thing._repr_html_()).texts


@pytest.fixture
def table(db):
    table = db.create_table("sensor", {"site": "utf8", "temp": "f64"}, key="site")
    table.append({"ts": [0, 1500], "site": ["a", None], "temp": [1.5, None]})
    return table


def test_table(db, table):
    assert repr(table) == (
        '<chronolite.Table "sensor": 2 rows, 1970-01-01T00:00:00 to 1970-01-01T00:00:01.500; '
        "ts timestamp[ms], site utf8, temp f64; key site>"
    )
    assert repr(db.create_table("new", ["x"])) == (
        '<chronolite.Table "new": 0 rows; ts timestamp[ms], x f64>'
    )
    db["new"].append_row(5, [1.0])
    assert '"new": 1 row, 1970-01-01T00:00:00.005 to 1970-01-01T00:00:00.005;' in repr(db["new"])


def test_table_in_a_notebook(table):
    assert texts(table) == [
        "chronolite.Table sensor: 2 rows, 1970-01-01T00:00:00 to 1970-01-01T00:00:01.500",
        "column", "type", "ts", "timestamp[ms]", "time", "site", "utf8", "key", "temp", "f64",
    ]  # fmt: skip


def test_db(db, path, table):
    assert repr(db) == f'<chronolite.Db "{path}": sensor>'
    assert texts(db) == [
        f"chronolite.Db {path}", "table", "rows", "from", "to",
        "sensor", "2", "1970-01-01T00:00:00", "1970-01-01T00:00:01.500",
    ]  # fmt: skip
    for n in range(30):
        db.create_table(f"t{n:02}", ["x"])
    assert repr(db).endswith("t13, t14 and 15 more>")


def test_nothing_in_it(tmp_path):
    with cl.Db(tmp_path / "empty.chl") as db:
        assert repr(db).endswith('empty.chl": no tables>')
        assert "empty.chl" in db._repr_html_()


def test_scan_and_batch(table):
    scan = table.scan()
    assert repr(scan) == "<chronolite.Scan ts timestamp[ms], site utf8, temp f64>"
    batch = next(scan.batches())
    assert repr(batch) == "<chronolite.RecordBatch: 2 rows; ts timestamp[ms], site utf8, temp f64>"
    shown = ["1970-01-01T00:00:00.000", "a", "1.5", "1970-01-01T00:00:01.500", "null", "null"]
    for thing in (scan, batch):
        assert [text for text in texts(thing) if text in shown] == shown


def test_a_preview_is_bounded(db):
    table = db.create_table("big", {f"c{n}": "i64" for n in range(50)} | {"s": "utf8"})
    columns = {f"c{n}": range(1000) for n in range(50)}
    table.append({"ts": range(1000), "s": ["x" * 10_000] * 1000} | columns)
    for thing in (table.scan(), next(table.scan().batches()), table, table.schema, db):
        assert len(thing._repr_html_()) < 20_000
        assert len(repr(thing)) < 600
    assert Cells(table.scan()._repr_html_()).tags.count("tr") == 11
    narrow = table.scan(columns=["s"])
    assert "x" * 61 not in narrow._repr_html_()
    assert "x" * 60 in narrow._repr_html_()


def test_names_and_values_are_escaped(db):
    evil = "<script>alert('x')</script>&"
    table = db.create_table(evil, {evil: "utf8"})
    table.append({"ts": [1], evil: [evil]})
    for thing in (db, table, table.schema, table.scan(), next(table.scan().batches())):
        html = thing._repr_html_()
        assert "script" not in Cells(html).tags
        assert evil in Cells(html).texts or any(evil in text for text in Cells(html).texts)


def test_every_type_is_shown(db):
    types = {"i": "i8", "u": "u64", "f": "f32", "g": "f64", "b": "bool", "s": "utf8", "y": "binary"}
    table = db.create_table("t", types, time_unit="ns")
    table.append({
        "ts": [1, 2], "i": [-1, None], "u": [2**64 - 1, None], "f": [0.1, None],
        "g": [float("nan"), None], "b": [True, None], "s": ["日本", None], "y": [b"\xff", None],
    })  # fmt: skip
    for thing in (table.scan(), next(table.scan().batches())):
        found = texts(thing)
        for text in ("1970-01-01T00:00:00.000000001", "-1", str(2**64 - 1), "0.1", "nan", "True",
                     "日本", "b'\\xff'"):  # fmt: skip
            assert text in found, text
        assert found.count("null") == 7


def test_times_without_a_date(db):
    table = db.create_table("t", ["x"], time_unit="s")
    table.append({"ts": [-(2**63) + 1, 2**63 - 1], "x": [1.0, 2.0]})
    assert f"{-(2**63) + 1} s to {2**63 - 1} s" in repr(table)
    for thing in (db, table):
        assert f"{2**63 - 1} s" in thing._repr_html_()
    assert "<table>" in table.scan()._repr_html_()


def test_what_is_closed_says_so(path):
    db = cl.Db(path)
    table = db.create_table("t", ["x"])
    table.append({"ts": [1], "x": [1.0]})
    scan = table.scan()
    db.close()
    assert repr(db) == f'<chronolite.Db "{path}" (closed)>'
    assert repr(table) == '<chronolite.Table "t" (closed); ts timestamp[ms], x f64>'
    assert repr(scan) == "<chronolite.Scan ts timestamp[ms], x f64>"
    assert texts(db) == [f"chronolite.Db {path} (closed)"]
    assert "closed" in texts(table)[0]
    assert "ClosedError" in texts(scan)[0]


def test_no_rows(table):
    scan = table.scan(100, 100)
    assert Cells(scan._repr_html_()).tags.count("tr") == 1
