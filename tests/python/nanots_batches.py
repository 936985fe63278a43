"""Record batches in and out through NanoTS's pairs of capsules, for the tests."""

import pyarrow as pa
import pyarrow.lib


def batch_of(**columns):
    return pa.record_batch(columns)


def append_batch(db, table, batch):
    return db.append_rows_arrow_capsules(table, *batch.__arrow_c_array__())


def query_batch(db, *args):
    return pyarrow.lib.RecordBatch._import_from_c_capsule(
        *db.query_table_range_arrow_capsules(*args)
    )
