"""Lance: a dataset in a folder."""

from typing import Any

import lance

from comparison.peers.base import Peer, arrow_buckets, arrow_totals, newest, shaped


class Lance(Peer):
    """With its defaults."""

    def write(self, prepared: Any) -> dict[str, float]:
        """A dataset."""
        lance.write_dataset(prepared, str(self.folder / "bench.lance"))
        return {}

    def open(self) -> None:
        """The dataset."""
        self.dataset = lance.dataset(str(self.folder / "bench.lance"))

    def read(self, form: str) -> Any:
        """All of it."""
        return shaped(self.dataset.to_table(), form)

    def filter(self, column: str, above: float, form: str) -> Any:
        """With the filter pushed down."""
        return shaped(self.dataset.to_table(filter=f"{column} > {above}"), form)

    def time_range(self, start: int, end: int) -> Any:
        """With the filter pushed down."""
        return self.dataset.to_table(filter=f"ts >= {start} AND ts < {end}")

    def buckets(self, column: str) -> Any:
        """By Arrow."""
        return arrow_buckets(self.dataset.to_table(columns=["ts", column]), column)

    def totals(self, column: str) -> tuple[float, float, float]:
        """By Arrow."""
        return arrow_totals(self.dataset.to_table(columns=[column])[column])

    def last(self) -> dict[str, Any]:
        """By its number."""
        return newest(self.dataset.take([self.dataset.count_rows() - 1]))
