"""Where the rows of a ``TimeSeriesEngine`` are kept: the days of tables, in one of three ways.

- ``FlatFileBackend``: a file a day of packed rows, as Chronostore writes them
- ``LmdbBackend``: the same rows as the values of an LMDB database; ``pip install chronolite[lmdb]``
- ``PackedBackend``: chronolite's own file, compressed and checked, with nulls and statistics

All of them are a ``Backend``. ``migrate`` copies what one of them has into another, and what a
``FileFolder`` of CSV or Parquet files has.

The rooms: ``_engine`` is the class that users have; ``_schema`` what a row looks like, ``_names``
what tables and days are called, ``_base`` what all backends share, ``_source`` rows that are about
to be read, ``_results`` what is made of them, ``_known`` the schema that a table was written with;
``_flat``, ``_lmdb`` (with ``_worker``, its thread) and ``_packed`` the three ways to keep rows;
``_folders`` what they ask of the system; ``_files`` and ``_migrate`` copy rows into them.
"""

from chronolite.backend._base import Backend
from chronolite.backend._files import FileFolder
from chronolite.backend._flat import FlatFileBackend
from chronolite.backend._lmdb import LmdbBackend
from chronolite.backend._migrate import migrate
from chronolite.backend._packed import PackedBackend
from chronolite.backend._schema import ColumnSchema, TableSchema

__all__ = [
    "Backend",
    "ColumnSchema",
    "FileFolder",
    "FlatFileBackend",
    "LmdbBackend",
    "PackedBackend",
    "TableSchema",
    "migrate",
]
