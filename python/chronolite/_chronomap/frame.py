"""The history of a ``ChronoMap`` as a pandas DataFrame."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def to_dataframe(
    keys: list[Any], counts: bytes, kind: str, values: Any, times: bytes
) -> pd.DataFrame:
    """A row a version, of keys with so many each (int64). Values are a list, or bytes of numbers if
    ``kind`` names their type; times are float64 seconds. Bytes are in the machine's order."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "pandas is required for to_dataframe(). Install with: pip install pandas"
        ) from error
    import numpy as np

    seconds = np.frombuffer(times, "float64").copy()
    of_each = np.frombuffer(counts, "int64")
    firsts = np.cumsum(of_each) - of_each
    return pd.DataFrame(
        {
            "key": pd.Series(_objects(keys)).infer_objects().repeat(of_each).to_numpy(),
            "value": _values(kind, values),
            "timestamp": seconds,
            "datetime": _local(seconds),
            "version": np.arange(len(seconds)) - np.repeat(firsts, of_each),
        }
    )


def _objects(items: list[Any]) -> np.ndarray[Any, Any]:
    """An array of these objects, whatever they are: NumPy would look into lists."""
    import numpy as np

    array = np.empty(len(items), dtype=object)
    for place, item in enumerate(items):
        array[place] = item
    return array


def _values(kind: str, values: Any) -> Any:
    import numpy as np

    if kind == "scalars":
        return values
    if kind == "objects":
        return _objects(values)
    return np.frombuffer(values, kind).copy()


def _local(seconds: np.ndarray[Any, Any]) -> Any:
    """Naive datetimes in the machine's zone, to the microsecond as Python has them."""
    import numpy as np
    import pandas as pd

    # Zones change at whole quarters of an hour: each of these is asked about once.
    which, quarters = pd.factorize(seconds // 900)
    offsets = np.array(
        [_offset(quarter * 900) for quarter in quarters.tolist()], dtype="timedelta64[us]"
    )
    micros = np.round(seconds * 1e6)
    inside = np.abs(micros) < 2.0**62
    whole = np.where(inside, micros, 0).astype("int64").astype("datetime64[us]")
    return np.where(inside, whole + offsets[which], np.datetime64("NaT", "us"))


def _offset(seconds: float) -> int:
    try:
        offset = datetime.fromtimestamp(seconds).astimezone().utcoffset()
    except (OverflowError, OSError, ValueError):
        return 0
    return round(offset.total_seconds() * 1e6) if offset else 0
