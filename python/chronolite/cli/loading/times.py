"""The time column of what is imported: which one it is, and how it becomes the table's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from chronolite.cli.exits import Code, Failure
from chronolite.cli.loading import kinds as kinds_of
from chronolite.cli.loading.reader import Sampled

_USUAL_NAMES = ("ts", "time", "timestamp")
# A table's unit unless its times are finer, as in the library.
_DEFAULT_UNIT = "ms"


@dataclass(frozen=True)
class TimeColumn:
    """How a column of a file becomes the table's time."""

    name: str
    """In the file."""
    kind: Any
    """Arrow's type, to be read as."""
    unit: str
    """The table's unit."""
    counts: str
    """The unit of integers."""
    zone: str | None = None
    """The zone of times that name none; None is UTC."""

    def converted(self, values: Any) -> Any:
        """An array as timestamps of the table's unit; pyarrow's error if that loses some."""
        kind = values.type
        if pa.types.is_dictionary(kind):
            values, kind = values.dictionary_decode(), kind.value_type
        whole = pa.types.is_integer(kind)
        if whole:
            values = pc.cast(pc.cast(values, pa.int64()), pa.timestamp(self.counts))
        elif not kinds_of.is_time(kind):
            values = self._parsed(values)
        # Integers count from 1970 in UTC, whatever the clocks of a zone show.
        if self.zone is not None and not whole and getattr(values.type, "tz", None) is None:
            values = pc.assume_timezone(pc.cast(values, pa.timestamp(self.unit)), self.zone)
        return pc.cast(values, pa.timestamp(self.unit, getattr(values.type, "tz", None)))

    def _parsed(self, texts: Any) -> Any:
        zoned = pa.types.is_timestamp(self.kind) and self.kind.tz is not None
        return pc.cast(texts, pa.timestamp(self.unit, "UTC" if zoned else None))


@dataclass(frozen=True)
class TimeOptions:
    """What the options say about the time."""

    name: str | None = None
    unit: str | None = None
    zone: str | None = None


def choose(found: Sampled, options: TimeOptions, schema: Any, *, text: bool) -> TimeColumn:
    """The time column of the columns found; `schema` is the table's if there is one."""
    _check_zone(options.zone)
    name = options.name or _name(found, schema)
    if name not in found.kinds:
        raise Failure(
            f"there is no column {name!r} for the time: there are {', '.join(found.kinds)}",
            Code.NOT_FOUND,
        )
    kind = found.kinds[name]
    if pa.types.is_null(kind):
        if schema is None:
            raise Failure(f"there are no rows with a time in column {name!r}", Code.MISFIT)
        kind = pa.timestamp(schema.time_unit)
    whole = pa.types.is_integer(kind)
    if not (whole or kinds_of.is_time(kind)):
        raise Failure(_no_time(name, kind), Code.MISFIT)
    unit = options.unit if schema is None else schema.time_unit
    if unit is None:
        unit = _unit(name, kind, text=text)
    if not whole and options.unit not in (None, unit):
        raise Failure(f"the table's unit is {unit!r}, not {options.unit!r}", Code.MISFIT)
    if text and not whole:
        kind = pa.timestamp(unit, None if getattr(kind, "tz", None) is None else "UTC")
    return TimeColumn(name, kind, unit, options.unit or unit, options.zone)


def _check_zone(zone: str | None) -> None:
    if zone is None:
        return
    try:
        pc.assume_timezone(pa.scalar(0, pa.timestamp("s")), zone, nonexistent="latest")
    except pa.ArrowInvalid:
        message = f"--tz: there is no time zone {zone!r}; give a name such as Europe/Berlin"
        raise Failure(message, Code.USAGE) from None


def _name(found: Sampled, schema: Any) -> str:
    if schema is not None and schema.time_column in found.kinds:
        return str(schema.time_column)
    times = [name for name, kind in found.kinds.items() if kinds_of.is_time(kind)]
    if len(times) == 1:
        return times[0]
    usual = [name for name in times or found.kinds if name.lower() in _USUAL_NAMES]
    if len(usual) == 1:
        return usual[0]
    raise Failure(
        f"which column is the time? Say --time COL: {', '.join(times or found.kinds)}", Code.USAGE
    )


def _unit(name: str, kind: Any, *, text: bool) -> str:
    if pa.types.is_integer(kind):
        raise Failure(
            f"the times in {name!r} are integers: say what they count with --unit "
            f"{'|'.join(kinds_of.UNITS)}",
            Code.USAGE,
        )
    if pa.types.is_date(kind):
        return _DEFAULT_UNIT
    if not text:
        return str(kind.unit)
    return str(max(_DEFAULT_UNIT, kind.unit, key=kinds_of.UNITS.index))


def _no_time(name: str, kind: Any) -> str:
    if kind == pa.string():
        return (
            f"the times in {name!r} are not all ISO 8601, or some have a zone and some have none: "
            "say --time-format, as in '%d.%m.%Y %H:%M', or name another column with --time"
        )
    return f"column {name!r} holds {kind}, no times: name another with --time"
