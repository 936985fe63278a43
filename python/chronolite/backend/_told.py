"""The schema that a table was written with, as text: what is said where it is another one."""

from __future__ import annotations

from itertools import zip_longest

from chronolite._errors import SchemaError
from chronolite.backend._schema import TableSchema


def check_same(table: str, found: str, told: str) -> None:
    """Refuses a table whose rows look otherwise than those of a schema."""
    if found == told:
        return
    for there, asked in zip_longest(found.splitlines(), told.splitlines()):
        if there != asked:
            raise SchemaError(
                f'table "{table}" was written with another schema: it has [{there or "no more"}], '
                f"asked for: [{asked or 'no more'}]"
            )
    raise SchemaError(f'table "{table}": its schema was not written as a whole')


def check_nulls(schema: TableSchema, backend: str) -> None:
    """Refuses a schema with nulls for which packed rows have no place."""
    if nullable := schema._layout.nullable:
        raise SchemaError(
            f'column "{nullable[0]}" is nullable, and {backend} have no place for its nulls: '
            "PackedBackend keeps them"
        )
