"""What the readers of the formats have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from chronolite.cli.exits import Code, Failure
from chronolite.cli.loading.stream import Source

FORMATS = ("csv", "parquet", "arrow", "ndjson")
_ENDINGS = {
    "csv": "csv",
    "tsv": "csv",
    "txt": "csv",
    "parquet": "parquet",
    "pq": "parquet",
    "arrow": "arrow",
    "arrows": "arrow",
    "feather": "arrow",
    "ipc": "arrow",
    "ndjson": "ndjson",
    "jsonl": "ndjson",
    "json": "ndjson",
}
_COMPRESSED = {"gz", "zst", "zstd", "bz2", "lz4", "xz", "zip"}


@dataclass(frozen=True)
class Format:
    """How a file is to be read, as far as the options say."""

    name: str | None = None
    """One of `FORMATS`; None is by the file's ending."""
    nulls: tuple[str, ...] = ()
    delimiter: str | None = None
    """None is a comma, or what the file's ending says."""
    names: tuple[str, ...] = ()
    encoding: str = "utf8"
    decimal: str = "."
    time_format: str | None = None
    columns: tuple[str, ...] = ()
    multiline: bool = False
    whole: bool = False
    """Whether the types are taken from the whole file instead of from a sample."""


@dataclass
class Sampled:
    """The columns of a file."""

    kinds: dict[str, Any]
    """Arrow's type by name, in the file's order."""
    complete: bool = True
    """Whether the types are those of the whole file, not only of a sample."""
    null_words: dict[str, str] = field(default_factory=dict)
    """Columns of numbers, but for a word that often means null."""


class Misfit(Exception):  # noqa: N818  (as Failure)
    """A value does not fit its column. `row` counts from 1 and is None if it is not known."""

    def __init__(
        self,
        reason: str,
        column: str | None = None,
        value: str | None = None,
        row: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.column, self.value, self.row = reason, column, value, row


class Reader(Protocol):
    """One format's way to read a source."""

    text: bool
    """Whether it is a text, in which only the time column is read as times."""

    def sample(self) -> Sampled:
        """The columns, before anything is read in order."""

    def batches(self, kinds: dict[str, Any], skip: int) -> Iterator[Any]:
        """The rows from the one after the first `skip`, of these columns and types.

        Raises `Misfit` after the batches before the value that does not fit.
        """

    def done(self) -> float | None:
        """Which share was read, from 0 to 1; None if it cannot be known."""


def format_of(source: Source, given: str | None) -> str:
    """The format by option, else by the name's ending, else csv for standard input."""
    if given in FORMATS:
        return given
    if given is not None:
        raise Failure(f"--format is one of {', '.join(FORMATS)}, not {given!r}", Code.USAGE)
    if source.path is None:
        return "csv"
    ending = ending_of(source.path)
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    raise Failure(
        f"{source.name}: its ending tells no format; say --format {'|'.join(FORMATS)}", Code.USAGE
    )


def ending_of(path: Path) -> str:
    """The ending of a name without what it is compressed with: `csv` of `a.csv.gz`."""
    endings = [part.lower() for part in path.name.split(".")[1:]]
    if len(endings) > 1 and endings[-1] in _COMPRESSED:
        endings.pop()
    return endings[-1] if endings else ""


def after(batches: Iterator[Any], skip: int) -> Iterator[Any]:
    """The rows of batches without the first `skip`."""
    for batch in batches:
        if skip >= batch.num_rows:
            skip -= batch.num_rows
            continue
        yield batch.slice(skip) if skip else batch
        skip = 0
