"""The targets of DESIGN 8 and of the living store, held against the results of one run."""

from dataclasses import dataclass

from comparison.result import MORE, Result

# The figure of chronolite that the others are set beside, where it has several.
MAIN_PARTS = {"write": "append + flush", "append rows": "interval"}


@dataclass(frozen=True)
class Target:
    """``who`` does ``work`` within ``bound`` times what ``peer`` does; without a peer, of a unit.

    Names are those of the table: peer, or peer and part.
    """

    workload: str
    work: str
    who: str
    bound: float
    peer: str = ""
    unit: str = ""


READ = "read all to a DataFrame"
FILTER = "filter value1 > 90 to a DataFrame"
PACKED_SIZE = "chronolite, packed, raw bytes / bytes"
TARGETS = (
    Target("uniform", "write", "chronolite, append", 1.0, "arcticdb"),
    Target("uniform", "read all to a DataFrame", "chronolite", 0.8, "arcticdb"),
    Target("uniform", "read all to a DataFrame", "chronolite-raw", 1.0, "ipc"),
    Target("uniform", "filter value1 > 90 to a DataFrame", "chronolite", 0.7, "duckdb"),
    # DuckDB's write is synced when it returns: so is chronolite's after the flush.
    Target("sensor", "write", "chronolite, append + flush", 0.5, "duckdb"),
    Target("sensor", "full scan to Arrow", "chronolite", 0.5, "duckdb"),
    Target("sensor", "1 % range to Arrow", "chronolite", 0.3, "duckdb"),
    Target("sensor", "1 h buckets, 4 aggregates", "chronolite", 0.2, "duckdb"),
    Target("sensor", "filter temp > 40 to Arrow", "chronolite", 0.7, "duckdb"),
    Target("sensor", "sum, min, max of temp", "chronolite", 0.02, "duckdb"),
    Target("sensor", "last row", "chronolite", 0.05, unit="ms"),
    Target("sensor", "bits a value on disk", "chronolite", 7.5, unit="bits"),
    Target("sensor", "bits a value on disk", "chronolite-packed", 4.5, unit="bits"),
    Target("days", "write", "chronolite-flat, append", 1.0, "chronostore"),
    Target("days", "write", "chronolite-lmdb, append + flush", 0.8, "chronostore-lmdb"),
    # Both synced when they return.
    Target(
        "days", "write", "chronolite-days, append + flush", 1.5, "chronolite-flat, append + flush"
    ),
    Target("days", READ, "chronolite-flat", 0.2, "chronostore"),
    Target("days", READ, "chronolite-flat", 1.0, "arcticdb"),
    Target("days", READ, "chronolite-lmdb", 0.8, "chronostore-lmdb"),
    Target("days", READ, "chronolite-days", 1.0, "arcticdb"),
    Target("days", FILTER, "chronolite-flat", 0.3, "chronostore"),
    Target("days", FILTER, "chronolite-days", 1.0, "duckdb"),
    Target("days", "columns of one day", "chronolite-flat", 1.0, unit="ms"),
    Target("days", "size on disk", "chronolite-days", 0.7, "chronolite-flat"),
    Target("ticks", "size on disk", "chronolite-days", 0.25, "chronolite-flat"),
    Target("rows", "append rows", "chronolite, interval", 1.5, unit="M rows/s"),
    Target("commits", "durable commits", "chronolite, 1 thread", 1.0, "sqlite, 1 thread"),
    Target("commits", "durable commits", "chronolite, 8 threads", 4.0, "sqlite, 1 thread"),
    Target("points", "i % 100", PACKED_SIZE, 150.0, unit="x"),
    Target("points", "i % 100", "chronolite, flushed", 150.0, unit="M rows/s"),
    Target("points", "i % 100", "chronolite, packed", 60.0, unit="M rows/s"),
    Target("points", "25 + sin(i / 100)", PACKED_SIZE, 12.0, unit="x"),
    Target("points", "25 + sin(i / 100)", "chronolite, flushed", 150.0, unit="M rows/s"),
    Target("points", "25 + sin(i / 100)", "chronolite, packed", 60.0, unit="M rows/s"),
    Target("living", "ingest", "chronolite, 5 % late / in order", 0.7, unit="x"),
    Target("living", "delete a range", "chronolite", 20.0, unit="us"),
    Target("living", "last row", "chronolite", 50.0, unit="us"),
    Target("living", "pack", "chronolite", 100.0, unit="MB/s"),
)


@dataclass(frozen=True)
class Verdict:
    """A target, and what came of it."""

    target: Target
    # The ratio, or the figure itself where the target has no peer; None if one is missing.
    found: float | None

    @property
    def more(self) -> bool:
        """Whether more is better."""
        return self.target.unit in MORE or self.target.workload == "commits"

    @property
    def met(self) -> bool | None:
        """None if there is no figure."""
        if self.found is None:
            return None
        bound = self.target.bound
        return self.found >= bound if self.more else self.found <= bound

    @property
    def wanted(self) -> str:
        """As in DESIGN."""
        sign = ">=" if self.more else "<="
        of = f"x {self.target.peer}" if self.target.peer else self.target.unit
        return f"{sign} {self.target.bound:g} {of}"

    @property
    def outcome(self) -> str:
        """In a word or two."""
        return {True: "met", False: "NOT MET", None: "no figure"}[self.met]

    @property
    def text(self) -> str:
        """For the table's line."""
        if self.found is None:
            return f"{self.wanted}: {self.outcome}"
        return f"{self.wanted}: {self.found:.3g}, {self.outcome}"


def judge(results: list[Result]) -> list[Verdict]:
    """Every target whose work was part of the run."""
    by_name = {(r.workload, r.work, r.who): r for r in results}
    ran = {(r.workload, r.work) for r in results}
    verdicts = []
    for target in TARGETS:
        if (target.workload, target.work) not in ran:
            continue
        ours = by_name.get((target.workload, target.work, target.who))
        theirs = by_name.get((target.workload, target.work, target.peer)) if target.peer else None
        found = ours.best if ours else None
        if target.peer:
            found = ratio(ours, theirs)
        verdicts.append(Verdict(target, found))
    return verdicts


def ratio(ours: Result | None, theirs: Result | None) -> float | None:
    """Ours in theirs; None if one is missing or they are not of as many rows."""
    if not ours or not theirs or ours.rows != theirs.rows or ours.unit != theirs.unit:
        return None
    if ours.best is None or not theirs.best:
        return None
    return ours.best / theirs.best


def beside(result: Result, results: list[Result]) -> float | None:
    """chronolite's figure for the same work in a peer's."""
    if result.peer.startswith("chronolite"):
        return None
    same = [r for r in results if (r.workload, r.work) == (result.workload, result.work)]
    for part in (result.part, MAIN_PARTS.get(result.work, "")):
        for ours in same:
            if ours.peer == "chronolite" and ours.part == part:
                return ratio(ours, result)
    return None
