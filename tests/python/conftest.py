"""What the tests share: a path for a database, an open one, and the weather."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import chronolite as cl

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def root() -> Path:
    """The source checkout."""
    return ROOT


@pytest.fixture(scope="session")
def weather_csv(root: Path) -> Path:
    """The hourly weather of 2013 (26,115 rows), compressed."""
    return root / "examples" / "data" / "nyc_weather_2013.csv.gz"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database may be made."""
    return tmp_path / "test.chl"


@pytest.fixture
def db(path: Path) -> Iterator[cl.Db]:
    """A new database, closed after the test."""
    with cl.Db(path) as opened:
        yield opened


@pytest.fixture
def run_python(tmp_path: Path) -> Run:
    """Run Python with these arguments in a scratch folder; its output is plain and 100 wide."""

    def run(*args: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        plain = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
        return subprocess.run(
            [sys.executable, *args],
            cwd=tmp_path,
            env=os.environ | plain,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where a face is tested on the peer itself, what is marked as better has to fail."""
    on_peer = os.environ.get("TIMELOG_MODULE", "chronolite") != "chronolite"
    for item in items:
        if on_peer and item.get_closest_marker("better"):
            item.add_marker(pytest.mark.xfail(strict=True, reason="beyond the peer"))
