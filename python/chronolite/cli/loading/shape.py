"""From the columns of a file to those of the table: types first, then each batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from chronolite.cli.exits import Code, Failure, warn
from chronolite.cli.loading import kinds as kinds_of
from chronolite.cli.loading.reader import Misfit, Sampled
from chronolite.cli.loading.times import TimeColumn


@dataclass(frozen=True)
class Shape:
    """The columns of a table, and where in the file they are from."""

    time: TimeColumn
    time_name: str
    """The time column's name in the table."""
    types: dict[str, str]
    """The value columns, by name."""

    def kinds(self) -> dict[str, Any]:
        """What is to be read, as Arrow's types."""
        return {self.time.name: self.time.kind} | {
            name: kinds_of.ARROW[kind] for name, kind in self.types.items()
        }

    def fitted(self, batch: Any, before: int) -> Any:
        """A batch of the file as the table takes it; `before` rows of the file came before it."""
        times = batch.column(self.time.name)
        if times.null_count:
            row = before + pc.index(pc.is_null(times), True).as_py() + 1
            raise Misfit("there is no time", self.time.name, row=row)
        arrays = [_converted(self.time.name, times, self.time.converted, before)]
        for name, kind in self.types.items():
            arrays.append(_cast(name, batch.column(name), kinds_of.ARROW[kind], before))
        return pa.record_batch(arrays, names=[self.time_name, *self.types])


def for_table(found: Sampled, time: TimeColumn, schema: Any) -> Shape:
    """The shape of a table that is there; all its columns have to be in the file, and no other."""
    types = dict(zip(schema.names, schema.types, strict=True))
    del types[schema.time_column]
    given = [name for name in found.kinds if name != time.name]
    missing = [name for name in types if name not in given]
    others = [name for name in given if name not in types]
    if missing:
        raise Failure(f"the table has columns that the file has not: {_list(missing)}", Code.MISFIT)
    if others:
        raise Failure(
            f"the file has columns that the table has not: {_list(others)}; leave them out with "
            f"--columns {','.join([time.name, *types])}",
            Code.MISFIT,
        )
    return Shape(time, schema.time_column, types)


def for_new_table(
    found: Sampled, time: TimeColumn, given: Mapping[str, str], *, text: bool, quiet: bool
) -> Shape:
    """The shape of a table to be made, with the types that were found or `given`."""
    types = {}
    for name, kind in found.kinds.items():
        if name == time.name:
            continue
        types[name] = given.get(name) or _type(name, kind, text=text)
        if name not in given and not quiet:
            _note(name, kind, found, text=text)
    if not types:
        raise Failure("there is no column but the time", Code.MISFIT)
    return Shape(time, time.name, types)


def _type(name: str, kind: Any, *, text: bool) -> str:
    if pa.types.is_null(kind) or (text and kinds_of.is_time(kind)):
        return "utf8"
    stored = kinds_of.stored_as(kind)
    if stored is None:
        raise Failure(
            f"column {name!r}: a table has no columns of the type {kind}; leave it out with "
            "--columns",
            Code.MISFIT,
        )
    return stored


def _note(name: str, kind: Any, found: Sampled, *, text: bool) -> None:
    if word := found.null_words.get(name):
        warn(f"column {name!r} is kept as text because of {word!r}: --null {word!r} makes it null")
    elif pa.types.is_null(kind):
        warn(f"column {name!r} looks empty: it is kept as text unless --type {name}=TYPE")
    elif not text and pa.types.is_timestamp(kind):
        warn(f"column {name!r} is kept as i64: {kind.unit} since 1970")
    elif pa.types.is_decimal(kind):
        warn(f"column {name!r} is kept as f64: it is {kind}")


def _cast(name: str, values: Any, kind: Any, before: int) -> Any:
    # The same type but for its form, such as a dictionary: the table takes all of them.
    same = kinds_of.stored_as(values.type) == kinds_of.stored_as(kind)
    if same and not (pa.types.is_temporal(values.type) or pa.types.is_decimal(values.type)):
        return values
    return _converted(name, values, lambda part: pc.cast(part, kind), before)


def _converted(name: str, values: Any, convert: Callable[[Any], Any], before: int) -> Any:
    try:
        return convert(values)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        at = _first_bad(values, convert)
        raise Misfit(_plain(error), name, str(values[at].as_py()), before + at + 1) from None


def _first_bad(values: Any, convert: Callable[[Any], Any]) -> int:
    """The place of the first value that does not convert, in which the whole does not."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            convert(values.slice(low, middle - low))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            high = middle
        else:
            low = middle
    return low


def _plain(error: Exception) -> str:
    text = str(error).split("\n")[0]
    return text[:1].lower() + text[1:]


def _list(names: list[str]) -> str:
    return ", ".join(names)
