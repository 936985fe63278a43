"""The comparison that ``benches/compare.py`` runs in its environment.

Each measurement is a process of its own: ``worker`` runs one piece of work of one peer so many
times and says how long each round took and what came out. ``__main__`` goes through ``workloads``
(what is done, on which data) and ``peers`` (one file a peer: how each does it), one process after
the other; ``verdict`` checks that all did the same and holds the times against ``targets``;
``report`` and ``plot`` write them down.
"""
