"""What a worker is told, as JSON on its command line, and what it answers on standard output."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Task:
    """One piece of work of one peer."""

    workload: str
    work: str
    peer: str
    # A folder for everything of this workload: data/, and a folder a peer.
    scratch: str
    rounds: int
    scale: float

    @property
    def data(self) -> Path:
        """Where the workload's arrays are."""
        return Path(self.scratch) / "data"

    @property
    def folder(self) -> Path:
        """Where the peer's files are."""
        return Path(self.scratch) / self.peer

    def scaled(self, count: int) -> int:
        """So many, at this scale."""
        return max(1, round(count * self.scale))

    def dumps(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> "Task":
        """From the command line."""
        return cls(**json.loads(text))


@dataclass
class Measure:
    """Rounds of one thing, in one unit."""

    rounds: list[float]
    unit: str
    part: str = ""


@dataclass
class Answer:
    """What a worker found."""

    measures: list[Measure]
    rows: int = 0
    check: dict[str, float] = field(default_factory=dict)
    note: str = ""
    failure: str = ""
    peak_mib: float = 0.0

    def dumps(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> "Answer":
        """From that line."""
        fields: dict[str, Any] = json.loads(text)
        fields["measures"] = [Measure(**measure) for measure in fields["measures"]]
        return cls(**fields)
