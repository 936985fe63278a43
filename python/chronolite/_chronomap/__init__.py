"""The face ``ChronoMap``, over the map of the kernel.

- ``map``: the class itself, with ``hooks``, ``sweeps`` and ``context``
- ``aio``, ``calls``: the same for asyncio
- ``file``: a map as plain data, JSON and pickles; ``marks``: what JSON has not; ``pickles``: the
  only module that reads them; ``packing``: compressions
- ``cells``: keys and values in the file of a durable map
- ``frame``, ``export``, ``view``: a map as a DataFrame, for other programs, and as it was at a time
- ``cells``: keys and values as they stand in the file of a durable map
- ``memory``: what a value takes; ``parts``: locks and caches for whoever wants them
- ``errors``: what is raised
"""
