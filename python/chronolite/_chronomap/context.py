"""The context of ``ChronoMap.snapshot_context``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chronolite._chronomap.map import ChronoMap


class SnapshotContext:
    """What ``ChronoMap.snapshot_context`` gives: ``with`` it, an exception undoes what was done.

    What its own thread did to the map within is undone, and what other threads wrote meanwhile
    stays, to the same keys too; hooks are not called again. The exception goes on. It may be nested
    and entered again. ``chronomap`` is the map, and ``snapshot`` the one that was taken last.

    >>> cm = cl.ChronoMap()
    >>> cm["balance"] = 100
    >>> try:
    ...     with cm.snapshot_context() as same:
    ...         cm["balance"] = -20
    ...         raise ValueError("overdrawn")
    ... except ValueError:
    ...     print(cm["balance"], same is cm)
    100 True
    """

    def __init__(self, chronomap: ChronoMap) -> None:
        self.chronomap = chronomap
        self.snapshot: ChronoMap | None = None
        self._entered: list[tuple[ChronoMap, int]] = []

    def __enter__(self) -> ChronoMap:
        snapshot = self.chronomap._like()
        place = self.chronomap._begin_into(snapshot)
        snapshot._snapshot_time = self.chronomap._now()
        self.snapshot = snapshot
        self._entered.append((snapshot, place))
        return self.chronomap

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        snapshot, place = self._entered.pop()
        try:
            if kind is not None:
                self.chronomap._undo(place, snapshot)
        finally:
            self.chronomap._end()
