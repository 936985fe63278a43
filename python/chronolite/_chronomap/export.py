"""The history of a map as a file for other programs: a row a version, in the columns of its Arrow
stream."""

from __future__ import annotations

from typing import Any, Literal

from chronolite._chronomap.file import FilePath, replacing


def export(cm: Any, path: FilePath, form: Literal["csv", "parquet"]) -> None:
    """Writes key, value, timestamp (seconds) and version; needs pyarrow."""
    try:
        import pyarrow as pa
        from pyarrow import csv, parquet
    except ImportError as error:
        raise ImportError(
            f"pyarrow is required for to_{form}(). Install with: pip install pyarrow"
        ) from error
    batches = pa.RecordBatchReader.from_stream(cm)
    with replacing(path) as file:
        writer = parquet.ParquetWriter if form == "parquet" else csv.CSVWriter
        with writer(file, batches.schema) as writing:
            for batch in batches:
                writing.write(batch)
