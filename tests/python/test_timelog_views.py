"""Views: spans of timestamps without a copy, and the objects beside them.

Views are of what is stored: they show rows that were flushed, deleted ones among them until they
are compacted away.
"""

import gc
import sys

import numpy as np
import pytest

from timelog_under_test import MAX, MIN, TINY, manual, settle, spans_of, timelog, times


@pytest.fixture
def log():
    made = manual(1, 2, 2, 3)
    made.flush()
    return made


def first(log):
    return next(log.views())


def test_a_span_has_times_ends_and_objects(log):
    (span,) = log.views()
    assert type(span) is timelog.PageSpan
    assert (len(span), span.start_ts, span.end_ts, span.last_ts) == (4, 1, 3, 3)
    assert span.copy_timestamps() == list(span.timestamps) == [1, 2, 2, 3]
    assert list(span.objects()) == span.objects().copy() == [1, 2, 2, 3]
    assert not span.closed


def test_its_times_are_a_read_only_memoryview_of_int64(log):
    span = first(log)
    view = span.timestamps
    assert type(view) is memoryview
    assert (view.format, view.itemsize, view.ndim, view.shape) == ("q", 8, 1, (4,))
    assert view.readonly
    assert view.c_contiguous
    assert view.obj is span
    with pytest.raises(TypeError):
        view[0] = 5


def test_numpy_looks_at_the_same_memory(log):
    span = first(log)
    one, other = np.frombuffer(span.timestamps, np.int64), np.asarray(span.timestamps)
    assert one.tolist() == [1, 2, 2, 3]
    address = one.__array_interface__["data"][0]
    assert other.__array_interface__["data"][0] == address
    assert np.frombuffer(first(log).timestamps, np.int64).__array_interface__["data"][0] == address
    assert not one.flags.writeable
    assert not one.flags.owndata


def test_a_span_is_a_buffer_itself(log):
    span = first(log)
    assert memoryview(span).tolist() == np.frombuffer(span, np.int64).tolist() == [1, 2, 2, 3]
    assert memoryview(span).readonly
    assert bytes(span) == bytes(span.timestamps)


def test_only_what_was_flushed_is_shown():
    log = manual(1, 2)
    assert list(log.views()) == []
    log.flush()
    log.append(3, 3)
    assert spans_of(log.views()) == [[1, 2]]
    log.flush()
    assert sorted(spans_of(log.views())) == [[1, 2], [3]]


def test_deleted_rows_are_shown_until_they_are_compacted(log):
    log.delete(2)
    assert spans_of(log.views()) == [[1, 2, 2, 3]]
    assert first(log).objects().copy() == [1, 2, 2, 3]
    settle(log)
    assert spans_of(log.views()) == [[1, 3]]


def test_a_range_cuts_the_spans(log):
    assert spans_of(log.views(2, 3)) == [[2, 2]]
    assert spans_of(log.views(2, MAX)) == [[2, 2, 3]]
    assert spans_of(log.views(2, 2)) == spans_of(log.views(10, 20)) == []
    assert spans_of(log.page_spans(1, 3)) == [[1, 2, 2]]
    assert spans_of(log.views(t1=1, t2=2, kind="segment")) == [[1]]
    assert spans_of(log.page_spans(t1=1, t2=2, kind="segment")) == [[1]]
    span = next(log.views(2, 4))
    assert (span.start_ts, span.end_ts, span.objects().copy()) == (2, 3, [2, 2, 3])


def test_a_range_has_two_ends_or_none(log):
    for ends in [(1,), (None, 2), (1, None)]:
        with pytest.raises(ValueError, match="requires both t1 and t2, or neither"):
            log.views(*ends)
    with pytest.raises(ValueError, match=r"t1 \(3\) must be <= t2 \(2\)"):
        log.views(3, 2)
    with pytest.raises(ValueError, match="must be <="):
        log.page_spans(3, 2)
    with pytest.raises(ValueError, match="kind must be 'segment', got 'page'"):
        log.views(kind="page")
    with pytest.raises(TypeError, match="t2"):
        log.page_spans(1)


def test_the_last_moment_is_not_below_the_end_of_int64():
    log = manual(MIN, 0, MAX)
    log.flush()
    assert spans_of(log.views(MIN, MAX)) == [[MIN, 0]]


@pytest.mark.better
def test_everything_has_the_last_moment_in_it():
    log = manual(MIN, 0, MAX)
    log.flush()
    assert spans_of(log.views()) == spans_of(log.all().view()) == [[MIN, 0, MAX]]
    assert spans_of(log.since(1).view()) == spans_of(log.point(MAX).view()) == [[MAX]]


def test_closing_a_span_ends_it(log):
    span = first(log)
    assert span.close() is None
    span.close()
    assert span.closed
    assert len(span) == 0
    for use in [
        lambda: span.start_ts,
        lambda: span.end_ts,
        lambda: span.last_ts,
        lambda: span.timestamps,
        lambda: span.objects(),
        lambda: span.copy_timestamps(),
        lambda: memoryview(span),
    ]:
        with pytest.raises(ValueError, match="PageSpan is closed"):
            use()


@pytest.mark.parametrize(
    "export", [lambda span: span.timestamps, memoryview, lambda span: np.frombuffer(span, "i8")]
)
def test_a_span_cannot_be_closed_while_it_is_exported(log, export):
    span = first(log)
    out = export(span)
    with pytest.raises(BufferError, match="cannot close PageSpan: buffer is exported"):
        span.close()
    assert not span.closed
    assert list(span.timestamps) == [1, 2, 2, 3]
    del out
    span.close()
    assert span.closed


def test_as_a_context_a_span_closes_unless_it_is_exported(log):
    with first(log) as span:
        assert len(span) == 4
    assert span.closed
    with first(log) as span:
        out = np.frombuffer(span.timestamps, np.int64)
    assert not span.closed
    assert out.tolist() == [1, 2, 2, 3]
    with pytest.raises(KeyError), first(log) as span:
        raise KeyError
    assert span.closed


def test_an_array_outlives_span_iterator_and_log():
    log = manual(*range(1000), **TINY)
    log.flush()
    arrays = [np.frombuffer(span.timestamps, np.int64) for span in log.views()]
    log.delete_range(MIN, MAX)
    settle(log)
    log.extend([(n, None) for n in range(5000)])
    settle(log)
    del log
    gc.collect()
    assert np.concatenate(arrays).tolist() == list(range(1000))


def test_objects_are_a_lazy_sequence(log):
    view = first(log).objects()
    assert type(view) is timelog.PageSpanObjectsView
    assert (len(view), view[0], view[3], view[-1], view[-4]) == (4, 1, 3, 3, 1)
    assert (2 in view, 9 in view) == (True, False)
    assert list(reversed(view)) == [3, 2, 2, 1]
    for index in [4, -9, 10**6]:
        with pytest.raises(IndexError, match="index out of range"):
            view[index]
    for index in ["a", 1.0, None]:
        with pytest.raises(TypeError):
            view[index]
    once = iter(view)
    assert iter(once) is once
    assert [next(once), *once] == [1, 2, 2, 3]


@pytest.mark.better
def test_an_index_is_counted_from_the_end_once(log):
    """On the peer -5 of four is the last: the length is added twice."""
    for index in [-5, -8]:
        with pytest.raises(IndexError):
            first(log).objects()[index]


def test_objects_are_the_very_ones_and_cost_no_reference_until_taken():
    value = object()
    before = sys.getrefcount(value)
    log = manual()
    log.append(1, value)
    log.flush()
    view = first(log).objects()
    assert sys.getrefcount(value) == before + 1
    assert view[0] is value
    copied = view.copy()
    assert sys.getrefcount(value) == before + 2
    del copied
    assert sys.getrefcount(value) == before + 1


def test_objects_end_with_their_span(log):
    span = first(log)
    view = span.objects()
    once = iter(view)
    next(once)
    span.close()
    for use in [lambda: view[0], lambda: list(view), view.copy, lambda: len(view)]:
        with pytest.raises(ValueError, match="PageSpan is closed"):
            use()
    with pytest.raises(ValueError, match="PageSpan is closed"):
        next(once)


@pytest.mark.better
def test_objects_say_whether_they_are_closed(log):
    """The peer's stub has this property, its extension has not."""
    span = first(log)
    view = span.objects()
    assert view.closed is False
    span.close()
    assert view.closed is True


def test_an_iterator_of_spans_ends_closes_and_is_a_context(log):
    views = log.views()
    assert type(views) is timelog.PageSpanIter
    assert iter(views) is views
    assert not views.closed
    assert len(list(views)) == 1
    assert views.closed
    with pytest.raises(StopIteration):
        next(views)
    views.close()
    with log.views() as views:
        assert not views.closed
    assert views.closed
    assert list(views) == []


def test_a_span_outlives_its_iterator(log):
    views = log.views()
    span = next(views)
    views.close()
    assert list(span.timestamps) == [1, 2, 2, 3]


def test_many_pages_hold_every_row_once_and_objects_stand_beside_their_times():
    log = manual(**TINY)
    expected = [(n * 7919 % 5000, n) for n in range(5000)]
    log.extend(expected)
    log.flush()
    for then in [lambda log: None, settle]:
        then(log)
        rows = []
        for span in log.views():
            ts = span.copy_timestamps()
            assert ts == sorted(ts)
            assert (span.start_ts, span.end_ts) == (ts[0], ts[-1])
            rows += zip(ts, span.objects(), strict=True)
        assert sorted(rows) == sorted(expected)
    assert sorted(row for row in rows if 100 <= row[0] < 900) == sorted(
        row
        for span in log.views(100, 900)
        for row in zip(span.timestamps, span.objects(), strict=True)
    )


def test_what_a_view_showed_first_it_shows_to_the_end(log):
    views, span = log.views(), first(log)
    log.delete_range(0, 100)
    log.append(9, 9)
    settle(log)
    assert times(log) == [9]
    assert spans_of(views) == [[1, 2, 2, 3]]
    assert span.copy_timestamps() == span.objects().copy() == [1, 2, 2, 3]
