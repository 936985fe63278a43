//! One batch of a result, and the iterator that yields them.

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use super::capsule;
use super::detached::Detached;
use super::schema::Schema;
use crate::arrow::export;
use crate::db::Batches;

/// A batch of rows, to be handed on as an Arrow array.
#[pyclass(frozen, module = "chronolite")]
pub(super) struct RecordBatch {
    batch: arrow_array::RecordBatch,
    schema: Schema,
}

#[pymethods]
impl RecordBatch {
    /// The number of rows.
    #[getter]
    fn num_rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// Names and types of the columns.
    #[getter]
    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    fn __len__(&self) -> usize {
        self.batch.num_rows()
    }

    fn __repr__(&self) -> String {
        let (rows, columns) = (self.batch.num_rows(), self.schema.describe());
        format!("<chronolite.RecordBatch {rows} rows: {columns}>")
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::schema(py, self.batch.schema_ref())
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        capsule::batch(py, &self.batch, requested_schema)
    }
}

/// The batches of a scan, each read when it is asked for.
#[pyclass(frozen, module = "chronolite")]
pub(super) struct BatchIterator {
    // The lock is only ever taken by a thread that is detached.
    batches: Detached<Mutex<Batches>>,
    schema: Schema,
}

impl BatchIterator {
    pub(super) fn new(batches: Batches, schema: Schema) -> Self {
        Self { batches: Detached::new(Mutex::new(batches)), schema }
    }
}

#[pymethods]
impl BatchIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<RecordBatch>> {
        let columns = self.schema.columns();
        let batch = py.detach(|| {
            let chunk = self.batches.lock().next().transpose()?;
            chunk
                .map(|data| export::record_batch(&export::schema(columns), columns, data))
                .transpose()
        })?;
        Ok(batch.map(|batch| RecordBatch { batch, schema: self.schema.clone() }))
    }
}
