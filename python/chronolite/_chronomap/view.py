"""A ``ChronoMap`` as it was at a time."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from chronolite._chronomap.errors import ChronoMapKeyError

if TYPE_CHECKING:
    from chronolite._chronomap.map import ChronoMap, Time


class AsOf(Mapping[Any, Any]):
    """The whole map at a time, read-only: what ``ChronoMap.as_of`` gives.

    A ``Mapping`` of each key that had a value then to that value. It shares what it shows with the
    map, and stays as it was made: later puts, also those of earlier times, do not reach it, but
    what is changed within a value does. A key that is not there is a ``ChronoMapKeyError``.

    >>> cm = cl.ChronoMap()
    >>> cm.put_many({"a": 1, "b": 2}, timestamp=10)
    >>> cm.put("a", 3, timestamp=20)
    >>> then = cm.as_of(15)
    >>> then["a"], "c" in then, len(then), then == {"a": 1, "b": 2}
    (1, False, 2, True)
    """

    def __init__(self, of: ChronoMap, timestamp: Time) -> None:
        self._timestamp = timestamp
        self._values = dict(of._items_at(timestamp))

    def __getitem__(self, key: Hashable) -> Any:
        try:
            return self._values[key]
        except KeyError:
            raise ChronoMapKeyError(key) from None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"AsOf({self._timestamp!r}, {self._values!r})"
