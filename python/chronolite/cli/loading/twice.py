"""Whether a file was imported before, which would double its rows.

An import that is over leaves no trace but its rows, so these are asked. The first row of a file and
the last one of its first batch, with all their values, are in the table of such a file, and hardly
in that of another.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import chronolite as cl
from chronolite.cli.exits import Failure


def refuse(table: cl.Table, first: Any, name: str) -> None:
    """Fail if the table has the first and the last row of the first batch of a source."""
    if _holds(table, first.slice(0, 1)) and _holds(table, first.slice(first.num_rows - 1, 1)):
        raise Failure(
            f"{name} seems to be in table {table.name!r} already, as rows of it are there with all "
            "their values; nothing was written. --again appends it once more"
        )


def _holds(table: cl.Table, row: Any) -> bool:
    times, names = table.schema.time_column, table.schema.names[1:]
    time = int(pc.cast(row.column(times), pa.int64())[0].as_py())
    wanted = _texts(row, names)
    # The last time there is has no time after it.
    found = table.scan(time, None if time == 2**63 - 1 else time + 1, columns=names)
    return any(
        not wanted.isdisjoint(_texts(pa.table(batch), names)) for batch in found.batches(1 << 14)
    )


def _texts(rows: Any, names: list[str]) -> set[str]:
    # As text, in which NaN is equal to NaN.
    return {repr(tuple(row[name] for name in names)) for row in rows.select(names).to_pylist()}
