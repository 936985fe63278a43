"""What tables and days are called. Both become names of folders, so that nothing else passes."""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import TypeAlias

import numpy as np

from chronolite._errors import SchemaError

# A day as users write it, and a range of them, both ends included; None is an open end.
Day: TypeAlias = "str | dt.date | np.datetime64"
Days: TypeAlias = "Day | tuple[Day | None, Day | None] | list[Day | None]"

FIRST, LAST = "0001-01-01", "9999-12-31"
_LONGEST = 200
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH = dt.date(1970, 1, 1).toordinal()


def check_table(name: str) -> None:
    """Refuses what is no name of a table."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a table is text, not {type(name).__name__}")
    if wrong := _wrong(name):
        raise SchemaError(f"the table name {name[:_LONGEST]!r} {wrong}")


def is_table(name: str) -> bool:
    """Whether a table may have that name."""
    return _wrong(name) is None


@functools.lru_cache
def _wrong(name: str) -> str | None:
    if not name:
        return "is empty"
    if name.startswith("."):
        return "begins with a dot"
    if "/" in name or "\\" in name:
        return "has a slash or backslash: it would leave its folder"
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in name):
        return "has control characters"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "is no Unicode"
    return None if length <= _LONGEST else f"has {length} bytes; at most {_LONGEST} are allowed"


def day_of(day: Day) -> str:
    """A day as ``YYYY-MM-DD``."""
    if isinstance(day, dt.date):
        if day != day:  # noqa: PLR0124 (that is what NaT is)
            raise SchemaError("NaT is no day")
        return f"{day.year:04}-{day.month:02}-{day.day:02}"
    if isinstance(day, np.datetime64):
        if np.isnat(day):
            raise SchemaError("NaT is no day")
        return day_of(str(day.astype("M8[D]")))
    if not isinstance(day, str):
        raise TypeError(f"a day is text (YYYY-MM-DD), a date or a datetime64, not {day!r}")
    if not is_day(day):
        raise SchemaError(f"{day!r} is no day: it is written YYYY-MM-DD")
    return day


@functools.lru_cache
def is_day(text: str) -> bool:
    """Whether a text is a date, written ``YYYY-MM-DD``."""
    if DAY.fullmatch(text) is None:
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def range_of(days: Days) -> tuple[str, str]:
    """The first and the last day of a range, or of a day alone."""
    if not isinstance(days, tuple | list):
        day = day_of(days)
        return day, day
    if len(days) != 2:
        raise ValueError(f"a range is of two days, the first and the last, not of {len(days)}")
    first, last = days
    return FIRST if first is None else day_of(first), LAST if last is None else day_of(last)


def number_of(day: str) -> int:
    """The number of a day, counted from 1970-01-01."""
    return dt.date.fromisoformat(day).toordinal() - _EPOCH


def numbered(number: int) -> str:
    """The day of a number."""
    return dt.date.fromordinal(number + _EPOCH).isoformat()
