"""What ``Db.verify`` returns."""

from __future__ import annotations

from typing import Any


class VerifyReport(dict[str, Any]):
    """What a check of the whole file found.

    Keys: ``ok`` (bool), ``segments``, ``blocks``, ``rows`` and ``bytes`` (how much was looked at)
    and ``problems``, a list of dicts with ``file``, ``offset`` and ``message``.

    >>> with cl.Db(path) as db:
    ...     db.verify().ok
    True
    """

    @property
    def ok(self) -> bool:
        """True if nothing is wrong.

        >>> db.verify().ok
        True
        """
        return bool(self["ok"])

    def __repr__(self) -> str:
        return f"<chronolite.VerifyReport {super().__repr__()}>"
