"""What the tests of TimeSeriesEngine share, to go into tests/python/conftest.py."""

import pytest
import series_under_test


def pytest_collection_modifyitems(items):
    """On the peer, what is marked `ours` may fail."""
    for item in items:
        if series_under_test.PEER and item.get_closest_marker("ours"):
            item.add_marker(pytest.mark.xfail(strict=False, reason="beyond the peer"))


@pytest.fixture(params=series_under_test.KINDS)
def kind(request):
    """Each backend: flat, lmdb, packed-one, packed-day."""
    series_under_test.need(request.param)
    return request.param


@pytest.fixture
def folder(tmp_path):
    """Where a backend keeps its files; it is not made yet."""
    return tmp_path / "data"


@pytest.fixture
def make(kind, folder):
    """Opens an engine over a backend of that kind, of a schema as text; closed after the test."""
    made = []

    def open_one(columns=series_under_test.PLAIN, **options):
        made.append(series_under_test.engine(kind, columns, folder, **options))
        return made[-1]

    yield open_one
    for engine in made:
        engine.close()


@pytest.fixture
def engine(make):
    """An engine over tables of a timestamp and a value."""
    return make()


@pytest.fixture
def flat(folder):
    """The same over flat files only."""
    made = series_under_test.engine("flat", series_under_test.PLAIN, folder)
    yield made
    made.close()


@pytest.fixture
def start():
    """Starts processes of their own; none outlives the test."""
    started = []

    def one(*arguments):
        started.append(series_under_test.Other(*arguments))
        return started[-1]

    yield one
    for process in started:
        process.kill()
