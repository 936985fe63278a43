"""TimelogIter: a snapshot that counts what remains, gives batches, and outlives what changes."""

import gc

import pytest

from timelog_under_test import MAX, MIN, TINY, Timelog, manual, objects, settle, spans_of, times

CHANGES = {
    "append": lambda log: log.append(3, "new"),
    "late rows": lambda log: log.extend([(n, "new") for n in range(-2000, 6)]),
    "delete": lambda log: log.delete(4),
    "delete all": lambda log: log.delete_range(MIN, MAX),
    "cutoff": lambda log: log.cutoff(MAX),
    "flush": lambda log: log.flush(),
    "delete and settle": lambda log: (log.delete_range(MIN, MAX), settle(log)),
    "settle": settle,
    "much": lambda log: [(log.append(n % 7, n), log.delete(n % 5)) for n in range(3000)],
}


def test_its_length_is_what_remains():
    it = manual(1, 2, 3, 4, 5).all()
    assert len(it) == 5
    assert iter(it) is it
    assert next(it) == (1, 1)
    assert len(it) == 4
    assert it.next_batch(2) == [(2, 2), (3, 3)]
    assert len(it) == 2
    assert list(it) == [(4, 4), (5, 5)]
    assert len(it) == 0


def test_its_length_knows_of_deletes_and_of_its_range():
    log = manual(*range(100))
    log.flush()
    log.extend([(50, "more"), (200, "out")])
    log.delete_range(20, 40)
    assert len(log.range(10, 60)) == 31
    assert len(log[:10]) == len(log.until(10)) == 10
    assert len(log.point(50)) == 2
    assert len(log.since(99)) == 2
    assert len(log[30:10]) == 0


def test_rows_are_pairs_of_an_int_and_the_object_itself():
    value = object()
    log = manual()
    log.append(1, value)
    row = next(log.all())
    assert type(row) is tuple
    assert row == (1, value)
    assert row[1] is value


def test_a_row_that_is_kept_stays_what_it_was():
    """A tuple may be used again only if nobody holds it."""
    log = manual(*range(300))
    kept = [row for row in log]  # noqa: C416
    assert kept == [(n, n) for n in range(300)]
    assert len({id(row) for row in kept}) == 300
    held = None
    for n, row in enumerate(log):
        if n == 100:
            held = row
        elif n > 100:
            assert row is not held
    assert held == (100, 100)
    pairs = [(a, b) for a, b in zip(log, log, strict=True)]
    assert all(a == b and a is not b for a, b in pairs)
    assert dict(log) == {n: n for n in range(300)}


def test_a_row_that_was_hashed_or_tracked_is_fresh_again():
    seen = set()
    for row in manual(*range(50)):
        seen.add(hash(row))
        gc.collect(0)
    assert len(seen) == 50


def test_batches_are_lists_and_end_empty():
    it = manual(*range(10)).range(2, 9)
    assert it.next_batch(0) == []
    assert it.next_batch(3) == [(2, 2), (3, 3), (4, 4)]
    assert next(it) == (5, 5)
    assert it.next_batch(10**6) == [(6, 6), (7, 7), (8, 8)]
    assert it.next_batch(1) == []
    assert it.closed
    assert list(it) == []


@pytest.mark.parametrize(
    ("size", "error"),
    [
        (-1, ValueError),
        (1.5, TypeError),
        ("a", TypeError),
        (None, TypeError),
        (2**63, OverflowError),
    ],
)
def test_a_batch_has_a_size(size, error):
    it = manual(1).all()
    with pytest.raises(error):
        it.next_batch(size)
    with pytest.raises(TypeError):
        it.next_batch()
    with pytest.raises(TypeError):
        it.next_batch(n=1)
    assert list(it) == [(1, 1)]


@pytest.mark.better
def test_a_batch_larger_than_memory_is_what_there_is():
    assert manual(1).all().next_batch(2**62) == [(1, 1)]


def test_it_is_closed_when_it_ends_and_stays_ended():
    log = manual(1, 2)
    it = log.all()
    assert not it.closed
    assert list(it) == [(1, 1), (2, 2)]
    assert it.closed
    log.append(3, 3)
    with pytest.raises(StopIteration):
        next(it)
    assert it.next_batch(5) == []
    assert len(it) == 0
    it.close()


def test_close_ends_it_at_once_and_again():
    it = manual(1, 2).all()
    next(it)
    assert it.close() is None
    it.close()
    assert it.closed
    assert (len(it), list(it), it.next_batch(3)) == (0, [], [])
    with pytest.raises(ValueError, match="iterator is closed"):
        it.view()


def test_as_a_context_it_closes():
    log = manual(1, 2)
    with log.all() as it:
        assert next(it) == (1, 1)
        assert not it.closed
    assert it.closed
    with pytest.raises(KeyError), log.all() as it:
        raise KeyError
    assert it.closed


def test_it_shows_its_range_and_what_remains():
    log = manual(1, 5, 9)
    assert repr(log.range(1, 6)) == "<TimelogIter [1..6) remaining=2>"
    assert repr(log[5:]) == "<TimelogIter [5..) remaining=2>"
    assert repr(log.point(5)) == "<TimelogIter [5..6) remaining=1>"
    assert repr(log.until(5)) == f"<TimelogIter [{MIN}..5) remaining=1>"
    assert repr(log.all()) == f"<TimelogIter [{MIN}..) remaining=3>"
    it = log.all()
    list(it)
    assert repr(it) == "<TimelogIter closed>"


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("flushed", [True, False])
def test_what_it_saw_first_it_sees_to_the_end(change, flushed):
    log = manual(*range(1000), **TINY)
    if flushed:
        log.flush()
    whole, part, begun = log.all(), log.range(100, 200), log.since(500)
    assert [next(begun), next(begun)] == [(500, 500), (501, 501)]
    CHANGES[change](log)
    assert (len(whole), len(part), len(begun)) == (1000, 100, 498)
    assert objects(whole) == list(range(1000))
    assert objects(part) == list(range(100, 200))
    assert objects(begun) == list(range(502, 1000))


def test_many_of_them_each_see_their_own_moment():
    log, held = manual(**TINY), []
    for n in range(60):
        log.append(n % 13, n)
        if n % 9 == 5:
            log.delete_range(n % 13 - 3, n % 13)
        if n % 10 == 7:
            settle(log)
        held.append((log.all(), sorted(objects(log))))
    log.cutoff(MAX)
    settle(log)
    for it, expected in reversed(held):
        assert len(it) == len(expected)
        assert sorted(objects(it)) == expected


def test_appending_while_iterating_does_not_lengthen_it():
    log = manual(1, 2, 3)
    for ts, _ in log:
        log.append(ts + 10, "x")
    assert times(log) == [1, 2, 3, 11, 12, 13]


def test_deleting_while_iterating_does_not_shorten_it():
    log = manual(*range(10))
    seen = []
    for ts, _ in log:
        log.delete(9 - ts)
        log.flush()
        seen.append(ts)
    assert (seen, len(log)) == (list(range(10)), 0)


def test_it_outlives_the_name_of_its_log():
    log = manual(1, 2, 3)
    it = log.all()
    del log
    gc.collect()
    assert list(it) == [(1, 1), (2, 2), (3, 3)]


def test_its_view_is_of_its_whole_range_however_far_it_is():
    log = manual(*range(100))
    log.flush()
    it = log[10:20]
    next(it)
    assert spans_of(it.view()) == [list(range(10, 20))]
    assert len(it) == 9
    assert next(it) == (11, 11)
    assert spans_of(log.point(5).view()) == [[5]]
    assert spans_of(log.since(97).view()) == [[97, 98, 99]]


@pytest.mark.better
def test_its_view_is_of_its_own_moment():
    """On the peer it is of the moment at which it is asked for."""
    log = manual(*range(10))
    log.flush()
    it = log[2:5]
    log.append(3, "later")
    log.flush()
    assert spans_of(it.view()) == [[2, 3, 4]]


@pytest.mark.parametrize("maintenance", ["disabled", "background"])
def test_a_long_scan_goes_on_beside_much_maintenance(maintenance):
    options = TINY | {"max_delta_segments": 2}
    with Timelog(maintenance=maintenance, **options) as log:
        log.extend(range(5000), range(5000))
        seen = []
        with log.all() as it:
            while batch := it.next_batch(100):
                seen += objects(batch)
                log.extend([(n, "late") for n in range(200)])
                log.delete_range(0, 100)
                log.flush()
        assert seen == list(range(5000))
