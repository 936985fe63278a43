"""The face ``ChronoMap``, over the map of the kernel.

- ``map``: the class itself; ``aio`` and ``calls``: the same for asyncio
- ``file``: a map as plain data, JSON and pickles; ``marks``: what JSON has not; ``pickles``: the
  only module that reads them; ``packing``: compressions
- ``cells``: keys and values in the file of a durable map
- ``frame``, ``view``: a map as a DataFrame, and as it was at a time
- ``memory``: what a value takes; ``parts``: locks and caches for whoever wants them
- ``errors``: what is raised
"""
