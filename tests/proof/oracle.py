"""What may be in a file after its writer was killed, from what the writer said.

The oracle of PROOF.md: acknowledged rows are within recovered rows, recovered within attempted;
batches whole; no duplicates; never a wrong row. A writer has lanes, each a thread with tables of
its own, so what is recovered of a lane has to be a prefix of what the lane did.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pyarrow as pa

import chronolite as cl
from tests.proof import rows as made


class OracleError(AssertionError):
    """What was recovered is not what may be there."""


@dataclass
class Lane:
    """What one thread did since the file was last known."""

    # Tables made (0 rows) and rows appended to them, in order.
    tried: list[tuple[str, int]] = field(default_factory=list)
    # How many of those have returned, and how many were acknowledged for good.
    done: int = 0
    durable: int = 0


@dataclass
class History:
    """What is known of a file: rows of each table at some time, and what was done from then on."""

    durability: str
    known: dict[str, int] = field(default_factory=dict)
    lanes: dict[str, Lane] = field(default_factory=dict)
    acknowledged: int = 0
    _at_flush: dict[str, dict[str, int]] = field(default_factory=dict)

    def heard(self, line: str) -> str:
        """Take one line of the writer; its first word."""
        word, _, rest = line.partition(" ")
        if word == "found":
            self.settle(json.loads(rest))
        elif word == "try":
            lane, table, count = rest.split()
            self._lane(lane).tried.append((table, int(count)))
        elif word == "done":
            returned = self._lane(rest)
            returned.done = len(returned.tried)
            if self.durability != "none":
                self._keep(returned, returned.done)
        elif word == "flushing":
            self._at_flush[rest] = {name: lane.done for name, lane in self.lanes.items()}
        elif word == "flushed":
            for name, done in self._at_flush.pop(rest).items():
                self._keep(self.lanes[name], done)
        return word

    def settle(self, found: dict[str, int]) -> None:
        """Raise unless these rows in these tables may be there; from now on they have to be."""
        owners = {table: name for name, lane in self.lanes.items() for table, _ in lane.tried}
        strangers = set(found) - set(owners) - set(self.known)
        if strangers:
            raise OracleError(f"tables that nobody made: {sorted(strangers)}")
        for table, count in self.known.items():
            if table not in owners and found.get(table) != count:
                raise OracleError(f"{table}: {found.get(table)} rows, but {count} were there")
        for name, lane in self.lanes.items():
            tables = {table for table, owner in owners.items() if owner == name}
            self._settle_lane(name, lane, {t: found[t] for t in tables & set(found)}, tables)
        self.known = dict(found)
        self.lanes.clear()
        self._at_flush.clear()

    def _settle_lane(self, name: str, lane: Lane, found: dict[str, int], tables: set[str]) -> None:
        state = {table: count for table, count in self.known.items() if table in tables}
        acknowledged: dict[str, int] = {}
        for place in range(len(lane.tried) + 1):
            if place == lane.durable:
                acknowledged = dict(state)
            if place >= lane.durable and state == found:
                return
            if place < len(lane.tried):
                table, count = lane.tried[place]
                state[table] = state.get(table, 0) + count
        raise OracleError(
            f"lane {name}: found {found}, acknowledged {acknowledged}, attempted {state}; "
            f"the last steps were {lane.tried[-5:]}"
        )

    def _lane(self, name: str) -> Lane:
        return self.lanes.setdefault(name, Lane())

    def _keep(self, lane: Lane, done: int) -> None:
        self.acknowledged += sum(count for _, count in lane.tried[lane.durable : done])
        lane.durable = max(lane.durable, done)


def read(db: cl.Db) -> dict[str, pa.Table]:
    """All rows of all tables."""
    return {name: db[name].scan().to_arrow() for name in db.tables()}


def check(history: History, tables: dict[str, pa.Table]) -> None:
    """Raise unless these tables may be there: how many rows they have, and every value of them."""
    history.settle({name: table.num_rows for name, table in tables.items()})
    for name, table in tables.items():
        difference = made.first_difference(table, made.expected(name, table.num_rows))
        if difference:
            raise OracleError(f"{name}: {difference}")
