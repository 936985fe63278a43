"""What ``Db.verify`` and ``salvage`` return."""

from __future__ import annotations

from typing import Any


class VerifyReport(dict[str, Any]):
    """What a check of the whole file found.

    Keys: ``ok`` (bool), ``segments``, ``blocks``, ``rows`` and ``bytes`` (how much of segments was
    looked at), ``log_records`` and ``log_bytes``, ``manifest_bytes``, ``free_bytes`` (of the file,
    not in use now) and ``problems``, a list of dicts with ``file``, ``offset`` and ``message``.

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


class SalvageReport(dict[str, Any]):
    """What a salvage kept and what it lost.

    Keys: ``ok`` (bool: nothing is damaged), ``tables``, ``problems``, a list of dicts with
    ``file``, ``offset`` and ``message``, and ``bytes_scanned``. ``tables`` has for each name a dict
    with ``rows`` and ``segments`` that are in the new file (rows that give way to others by
    ``on_conflict`` are counted too), ``log_rows`` (of the rows, those that stood in the log alone),
    ``lost_segments``, ``lost_rows`` (as far as is known) and ``lost_values``: column to values that
    read null in the new file and did not before.

    >>> db.close()
    >>> report = cl.salvage(db.path, path)
    >>> report.ok, report["tables"]["sensor"]["rows"]
    (True, 3)
    """

    @property
    def ok(self) -> bool:
        """True if nothing is damaged: the new file holds all that the old one did.

        >>> db.close()
        >>> cl.salvage(db.path, path).ok
        True
        """
        return bool(self["ok"])

    def __repr__(self) -> str:
        return f"<chronolite.SalvageReport {super().__repr__()}>"
