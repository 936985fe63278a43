"""The schema that a table was written with, as text: what is said where it is another one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest

from chronolite._errors import SchemaError
from chronolite.backend._schema import TableSchema


class KnownSchemas:
    """Which tables are known to have the schema of a backend."""

    def __init__(self, schema: TableSchema) -> None:
        self._text = schema._layout.describe()
        self._same: set[str] = set()

    def __contains__(self, table: str) -> bool:
        return table in self._same

    def kept(self) -> frozenset[str]:
        """What is known by now."""
        return frozenset(self._same)

    def restore(self, kept: frozenset[str]) -> None:
        """Forgets what is known since: the change that wrote it did not come to be."""
        self._same &= kept

    def check(self, table: str, found: str | None, write: Callable[[str], str] | None) -> None:
        """Refuses a table that was written with another schema.

        Args:
            table: Its name.
            found: What is kept of its schema; None if nothing is.
            write: Keeps it, and gives what is kept then; None to read only.
        """
        if found is None:
            if write is None:
                return
            found = write(self._text)
        if found != self._text:
            raise SchemaError(f'table "{table}" {_difference(found, self._text)}')
        self._same.add(table)


def not_ours(table: str) -> SchemaError:
    """What is raised of a table of the kernel that no backend made."""
    return SchemaError(f'table "{table}" was not written by a PackedBackend')


def _difference(found: str, asked: str) -> str:
    if not found:
        return "has a schema that was not written as a whole"
    for there, wanted in zip_longest(found.splitlines(), asked.splitlines()):
        if there != wanted:
            has, wants = there or "no more", wanted or "no more"
            return f"was written with another schema: it has [{has}], asked for: [{wants}]"
    return "has a schema that was not written as a whole"


def check_nulls(schema: TableSchema, backend: str) -> None:
    """Refuses a schema with nulls for which packed rows have no place."""
    if nullable := schema._nullable:
        raise SchemaError(
            f'column "{nullable[0]}" is nullable, and {backend} have no place for its nulls: '
            "PackedBackend keeps them"
        )
