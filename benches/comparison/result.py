"""What a measurement gave."""

from dataclasses import asdict, dataclass, field
from typing import Any

# Units of which more is better; of all others less is.
MORE = ("M rows/s", "commits/s", "MB/s", "x")


@dataclass
class Result:
    """One piece of work of one peer: a line of the table."""

    workload: str
    work: str
    peer: str
    unit: str
    rounds: list[float] = field(default_factory=list)
    # Of a peer that does it in steps, or at levels: "append", "interval", "8 threads".
    part: str = ""
    rows: int = 0
    # Sums and counts of what came out, to be compared with what was put in.
    check: dict[str, float] = field(default_factory=dict)
    note: str = ""
    # Why there is no figure; empty if there is one.
    failure: str = ""
    peak_mib: float = 0.0

    @property
    def best(self) -> float | None:
        """Of the rounds; None if there is no figure."""
        if self.failure or not self.rounds:
            return None
        return max(self.rounds) if self.unit in MORE else min(self.rounds)

    @property
    def who(self) -> str:
        """Peer and part, as the table names them."""
        return f"{self.peer}, {self.part}" if self.part else self.peer

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return {**asdict(self), "best": self.best}
