"""A database does what plain lists do: a state machine that runs both side by side.

What a table has to be is said in `model`. Among the steps the file is closed and opened again, and
crashes: it goes on from a copy of the file and its log as they were while it was open.
"""

import shutil
import tempfile
from pathlib import Path

import pyarrow.lib
import pytest
from hypothesis import Phase, assume
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

import chronolite as cl
from tests.proof import sizes
from tests.proof.machines import in_parts, run
from tests.proof.model import (
    SERIES,
    TABLES,
    TIMES,
    VALUES,
    Model,
    arrow_rows,
    as_arrow,
    as_capsules,
    as_dict,
    as_frame,
    assert_same,
    bit_rows,
    found,
    predicates,
    schemas,
    wanted,
    without_nan,
)

LEVELS = st.sampled_from(["sync", "interval", "none"])


class Machine(RuleBasedStateMachine):
    """The database under test, the models of its tables, and scans made earlier."""

    steps = 0
    rows_compared = 0
    crashes = 0
    refused = 0

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="model")
        self.path = Path(self.folder) / "0" / "model.chl"
        self.path.parent.mkdir()
        self.models = {}
        self.held = []
        self.large = False
        self.sequence = 0
        # Rows of each table after every change that a crash may take back: one survives.
        self.states = [{}]
        self.open("interval")

    def open(self, durability):
        self.durability = durability
        self.db = cl.Db(self.path, durability=durability)
        assert self.db.tables() == sorted(self.models)
        self.states = self.states[-1:]

    def made(self, name, options):
        if name not in self.models:
            self.models[name] = Model(options)
            self.changed()

    def took(self, name, rows):
        self.models[name].rows += rows
        self.sequence += len(rows)
        self.changed()

    def give(self, name, rows, append, taken=None):
        """Appends rows, unless one of them is an error there: then nothing is taken."""
        if self.models[name].refuses(rows):
            with pytest.raises(cl.ConflictError):
                append()
            Machine.refused += 1
            return
        assert append() == len(rows)
        self.took(name, rows if taken is None else taken)

    def changed(self):
        state = {name: len(model.rows) for name, model in self.models.items()}
        self.states = [*(self.states if self.durability == "none" else []), state]

    def draw_table(self, data):
        return data.draw(st.sampled_from(sorted(self.models)), label="table")

    def teardown(self):
        try:
            for name in self.models:
                self.compare(name)
            assert self.db.verify().ok
            self.db.close()
            with cl.Db(self.path, mode="r") as self.db:
                for name in self.models:
                    self.compare(name)
        finally:
            self.db.close()
            shutil.rmtree(self.folder)

    def compare(self, name, start=None, end=None, columns=None, limit=None):
        model = self.models[name]
        columns = list(model.columns) if columns is None else columns
        rows = model.scan(start, end)[:limit]
        scan = self.db[name].scan(start, end, columns=columns, limit=limit)
        assert_same(found(scan, columns), wanted(model, rows, columns))
        assert scan.count() == len(rows) == sum(batch.num_rows for batch in scan.batches(997))
        Machine.rows_compared += len(rows)

    @initialize(name=TABLES, options=schemas(), large=st.integers(0, 7).map(lambda n: n == 7))
    def first_table(self, name, options, large):
        self.large = large
        self.create(name, options)

    @rule(name=TABLES, options=schemas())
    def create(self, name, options):
        model = self.models.get(name)
        if model is not None and model.options != options:
            with pytest.raises(cl.SchemaError):
                self.db.create_table(name, **options)
            return
        table = self.db.create_table(name, **options)
        self.made(name, options)
        assert table.columns == ["ts", *options["columns"]]

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def create_again(self, data):
        name = self.draw_table(data)
        self.create(name, self.models[name].options)

    def drawn_rows(self, data, name, **sizes_of_list):
        kinds = self.models[name].columns.values()
        nullable = [st.none() | VALUES[kind] for kind in kinds]
        row = st.tuples(TIMES, st.tuples(*nullable).map(list))
        return data.draw(st.lists(row, **sizes_of_list), label="rows")

    @precondition(lambda self: self.models)
    @rule(
        data=st.data(),
        form=st.sampled_from(["lists", "arrays", "dicts", "pandas", "arrow"]),
        most=st.sampled_from([3, 12, 40]),
    )
    def append(self, data, form, most):
        name = self.draw_table(data)
        model = self.models[name]
        rows = self.drawn_rows(data, name, max_size=most)
        given_as = {
            "lists": lambda: as_dict(model, rows, arrays=False),
            "arrays": lambda: as_dict(model, rows, arrays=True),
            "dicts": lambda: [
                {"ts": ts, **dict(zip(model.columns, values, strict=True))} for ts, values in rows
            ],
            "pandas": lambda: as_frame(model, rows),
            "arrow": lambda: as_arrow(model, rows),
        }[form]()
        taken = without_nan(rows) if form == "pandas" else rows
        self.give(name, rows, lambda: self.db[name].append(given_as), taken)

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by_name=st.booleans(), nanots=st.booleans())
    def append_row(self, data, by_name, nanots):
        name = self.draw_table(data)
        model = self.models[name]
        for ts, values in self.drawn_rows(data, name, min_size=1, max_size=3):
            row = dict(zip(model.columns, values, strict=True)) if by_name else values
            number = self.sequence + 1

            def append(ts=ts, row=row, number=number):
                if nanots:
                    assert self.db.append_row(name, ts, row) == number
                else:
                    assert self.db[name].append_row(ts, row) == number
                return 1

            self.give(name, [(ts, values)], append)

    @rule(series=st.sampled_from(["s", "t"]), ts=TIMES, value=VALUES["f64"])
    def append_to_series(self, series, ts, value):
        number = self.db.append(series, ts, value)
        self.made(series, SERIES)
        self.took(series, [(ts, [value])])
        assert number == self.sequence

    @precondition(lambda self: self.models)
    @rule(data=st.data(), most=st.sampled_from([3, 40]))
    def append_capsules(self, data, most):
        name = self.draw_table(data)
        rows = self.drawn_rows(data, name, max_size=most)
        capsules = as_capsules(self.models[name], rows)
        self.give(name, rows, lambda: self.db.append_rows_arrow_capsules(name, *capsules))

    @precondition(lambda self: self.models and self.large)
    @rule(data=st.data(), count=st.sampled_from([1023, 1025, 2048, 3000]), step=st.integers(0, 3))
    def append_many(self, data, count, step):
        """The same few rows over and over, so that vectors and blocks are filled: in one run of
        eight, as a thousand rows take the model a hundred times as long as most steps."""
        name = self.draw_table(data)
        model = self.models[name]
        assume(len(model.rows) < 4000)
        few = self.drawn_rows(data, name, min_size=1, max_size=5)
        rows = [(place * step % 700, few[place * place % len(few)][1]) for place in range(count)]
        self.give(name, rows, lambda: self.db[name].append(as_arrow(model, rows)))

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def refuse(self, data):
        """A batch with one row that has no time: nothing of it is there."""
        name = self.draw_table(data)
        rows = [*self.drawn_rows(data, name, min_size=1, max_size=4), (None, [])]
        model = self.models[name]
        rows[-1] = (None, rows[0][1])
        with pytest.raises(cl.SchemaError, match=f'"ts", row {len(rows) - 1}'):
            self.db[name].append(as_dict(model, rows, arrays=False))

    @rule()
    def flush(self):
        self.db.flush()
        self.states = self.states[-1:]

    def close(self):
        self.db.close()
        for _, scan, *_ in self.held:
            with pytest.raises(cl.ClosedError):
                scan.count()
        self.held.clear()
        assert [file.name for file in self.path.parent.iterdir()] == [self.path.name]

    @rule(durability=LEVELS)
    def reopen(self, durability):
        self.close()
        self.open(durability)

    @rule(durability=LEVELS, looked_at=st.booleans())
    def crash(self, durability, looked_at):
        """What a kill at this moment leaves is opened in place of the file."""
        copy = Path(self.folder) / str(int(self.path.parent.name) + 1) / self.path.name
        copy.parent.mkdir()
        self.copy_files(copy)
        if looked_at:
            self.survivors(copy, "r")
        survived = self.survivors(copy, "rw")
        self.close()
        self.path = copy
        self.settle(survived)
        self.open(durability)
        self.read_all()
        Machine.crashes += 1

    def copy_files(self, copy):
        for file in self.path.parent.iterdir():
            shutil.copy(file, copy.parent)

    def survivors(self, copy, mode):
        """How many rows of each table had arrived in the copy: a state that may be left."""
        with cl.Db(copy, mode=mode) as db:
            found = {name: len(db[name]) for name in db.tables()}
            arrived = db.stats()["next_seq"] - 1

        def shows(state):
            return {name: len(self.models[name].there(count)) for name, count in state.items()}

        states = [state for state in self.states if sum(state.values()) == arrived]
        left = [state for state in states if shows(state) == found]
        assert left, f"{found} and {arrived} rows in all are none of {self.states}"
        return left[-1]

    def settle(self, survived):
        """Forgets what the crash took: of every table the last rows to arrive."""
        self.states = [survived]
        self.models = {name: self.models[name] for name in survived}
        for name, count in survived.items():
            del self.models[name].rows[count:]
        self.sequence = sum(survived.values())

    @precondition(lambda self: self.models)
    @rule(
        data=st.data(), start=st.none() | TIMES, end=st.none() | TIMES,
        limit=st.none() | st.integers(0, 10) | st.integers(1000, 3000),
    )  # fmt: skip
    def scan(self, data, start, end, limit):
        name = self.draw_table(data)
        known = sorted({ts for ts, _ in self.models[name].rows})
        if known and data.draw(st.booleans(), label="from a time that is there"):
            start = data.draw(st.sampled_from(known), label="start")
        if known and data.draw(st.booleans(), label="to a time that is there"):
            end = data.draw(st.sampled_from(known), label="end")
        names = list(self.models[name].columns)
        columns = data.draw(st.none() | st.lists(st.sampled_from(names), unique=True), "columns")
        self.compare(name, start, end, columns, limit)

    @precondition(lambda self: self.models)
    @rule(
        data=st.data(), start=st.none() | TIMES, limit=st.none() | st.integers(0, 10),
        reverse=st.booleans(), as_text=st.booleans(),
    )  # fmt: skip
    def scan_where(self, data, start, limit, reverse, as_text):
        """Filters and the other direction, of some columns, and what they count and come to."""
        name = self.draw_table(data)
        model = self.models[name]
        predicate, keeps = data.draw(predicates(model), "where")
        names = list(model.columns)
        columns = data.draw(st.lists(st.sampled_from(names), unique=True), "columns")
        rows = [row for row in model.scan(start) if keeps(row)]
        rows = (rows[::-1] if reverse else rows)[:limit]
        scan = self.db[name].scan(
            start, columns=columns, where=str(predicate) if as_text else predicate,
            limit=limit, reverse=reverse,
        )  # fmt: skip
        assert_same(found(scan, columns), wanted(model, rows, columns))
        assert scan.count() == len(rows) == scan.explain()["rows"]
        assert scan.aggregate({"ts": "count"})["ts"]["count"] == len(rows)
        Machine.rows_compared += len(rows)

    @precondition(lambda self: self.models)
    @rule(data=st.data(), start=TIMES, end=TIMES)
    def nanots_ranges(self, data, start, end):
        """Closed ranges, as lists and as a pair of capsules, and those of series as pairs."""
        name = self.draw_table(data)
        model = self.models[name]
        known = [ts for ts, _ in model.rows[:50]]
        start, end = sorted((start, data.draw(st.sampled_from(known), "end") if known else end))
        rows = wanted(model, model.closed(start, end), list(model.columns))
        assert_same(bit_rows(*self.db.query_table_range_columns(name, start, end)), rows)
        capsules = self.db.query_table_range_arrow_capsules(name, start, end)
        batch = pyarrow.lib.RecordBatch._import_from_c_capsule(*capsules)
        assert_same(arrow_rows(batch), rows)
        if model.options == SERIES:
            pairs = self.db.query_range(name, start, end)
            times, values = [ts for ts, _ in pairs], [value for _, value in pairs]
            assert_same(bit_rows(times, [values]), rows)

    @precondition(lambda self: self.models)
    @rule(data=st.data(), n=st.sampled_from([0, 1, 2, 5, 1000, 5000]))
    def last(self, data, n):
        name = self.draw_table(data)
        model = self.models[name]
        columns = list(model.columns)
        rows = model.scan()
        newest = rows[max(0, len(rows) - n) :]
        assert_same(found(self.db[name].last(n), columns), wanted(model, newest, columns))

    @precondition(lambda self: self.models and len(self.held) < 4)
    @rule(data=st.data(), start=st.none() | TIMES)
    def hold_a_scan(self, data, start):
        name = self.draw_table(data)
        model = self.models[name]
        columns = list(model.columns)
        rows = wanted(model, model.scan(start), columns)
        self.held.append((name, self.db[name].scan(start), columns, rows))

    @precondition(lambda self: self.held)
    @rule()
    def read_held_scans(self):
        for _, scan, columns, rows in self.held:
            assert_same(found(scan, columns), rows)

    @rule()
    def read_all(self):
        for name in self.models:
            self.compare(name)

    @invariant()
    def counts_and_ends(self):
        Machine.steps += 1
        assert self.db.tables() == sorted(self.models)
        for name, model in self.models.items():
            table = self.db[name]
            times = [ts for ts, _ in model.there()]
            assert len(table) == len(times) == self.db.stats(name)["rows"]
            assert (table.min_ts, table.max_ts) == (
                min(times, default=None),
                max(times, default=None),
            )


def play(part, examples, steps):
    """What the runs of a part counted."""
    Machine.steps = Machine.rows_compared = Machine.crashes = Machine.refused = 0
    run(Machine, examples, steps, part)
    return Machine.steps, Machine.crashes, Machine.refused, Machine.rows_compared


def test_a_database_does_what_lists_do():
    steps = sizes.size(30, 200)
    examples, counted = in_parts(play, sizes.size(40, 10_000), steps)
    made, crashes, refused, compared = counted
    sizes.figures(
        "model",
        f"{examples:,} runs of up to {steps} steps ({made:,} in all, {crashes:,} crashes, "
        f"{refused:,} appends refused), {compared:,} rows compared, 0 different",
    )


def test_control_a_model_that_forgets_the_arrival_order_differs():
    class Forgetful(Machine):
        @initialize(name=TABLES, options=schemas())
        def first_table(self, name, options):
            self.create(name, options)
            model = self.models[name]
            straight = model.scan
            model.scan = lambda *bounds: sorted(reversed(straight(*bounds)), key=lambda row: row[0])  # noqa: C414

    with pytest.raises(AssertionError):
        run(Forgetful, 200, 10, phases=[Phase.generate])


def test_control_a_model_that_keeps_the_other_row_differs():
    class Other(Machine):
        @initialize(name=TABLES, options=schemas())
        def first_table(self, name, options):
            self.create(name, {**options, "on_conflict": "last"})
            model = self.models[name]

            def first(count=None):
                kept = {}
                for row in model.rows[:count]:
                    kept.setdefault(model._order(row), row)
                return list(kept.values())

            model.there = first

    with pytest.raises(AssertionError):
        # It ends with the first difference.
        run(Other, 2000, 10, phases=[Phase.generate])


def test_control_a_crash_that_takes_the_end_of_the_log_is_seen():
    class TornLog(Machine):
        def copy_files(self, copy):
            super().copy_files(copy)
            for log in copy.parent.glob("*-wal"):
                # Its room is set aside in advance: what follows its records is zeros.
                used = log.read_bytes().rstrip(b"\0")
                log.write_bytes(used[:-1])

    with pytest.raises(AssertionError):
        run(TornLog, 200, 10, phases=[Phase.generate])
