"""One file a peer. ``base`` says what a peer is asked; what it has no call for it leaves out."""

from importlib import import_module
from typing import TYPE_CHECKING

# The options are read where no library is: before there is an environment.
if TYPE_CHECKING:
    from comparison.peers.base import Peer

# Name, as in the options and the table: module and class. Modules are imported in the worker only,
# so that no peer's library is loaded where another one is measured.
PEERS = {
    "chronolite": "chronolite:Chronolite",
    "chronolite-raw": "chronolite:ChronoliteRaw",
    "chronolite-packed": "chronolite:ChronolitePacked",
    "chronolite-flat": "chronolite_days:Flat",
    "chronolite-lmdb": "chronolite_days:Lmdb",
    "chronolite-days": "chronolite_days:Packed",
    "chronostore": "chronostore:Chronostore",
    "chronostore-lmdb": "chronostore:ChronostoreLmdb",
    "ipc": "ipc:Ipc",
    "parquet": "parquet:Parquet",
    "duckdb": "duck:DuckDb",
    "polars": "polars_parquet:Polars",
    "arcticdb": "arctic:Arctic",
    "lance": "lance_dataset:Lance",
    "nanots": "nanots:NanoTs",
    "sqlite": "sqlite:Sqlite",
}


def load(name: str) -> "type[Peer]":
    """The peer's class. Imports its library: an ImportError is the reason why it is not there."""
    module, _, kind = PEERS[name].partition(":")
    found: type[Peer] = getattr(import_module(f"comparison.peers.{module}"), kind)
    return found
