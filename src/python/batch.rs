//! One batch of a result, and the iterator that yields them.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList, PyTuple};

use super::detached::Detached;
use super::memory::{Memory, Texts};
use super::schema::Schema;
use super::{capsule, describe, memory};
use crate::arrow::export;
use crate::db::Batches;
use crate::error::Result;

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
        let rows = self.batch.num_rows();
        let plural = if rows == 1 { "" } else { "s" };
        let columns = describe::columns(self.schema.columns());
        format!("<chronolite.RecordBatch: {rows} row{plural}; {columns}>")
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("chronolite._html")?.call_method1("batch", (slf,))
    }

    /// The first rows as raw memory, as `Scan._memory` has all of them.
    fn _preview<'py>(&self, py: Python<'py>, rows: usize) -> PyResult<Bound<'py, PyList>> {
        let first = self.batch.slice(0, rows.min(self.batch.num_rows()));
        let columns = self.schema.columns();
        let arrays = first.columns().iter().zip(columns);
        let data = arrays.map(|(array, def)| export::column(array, def)).collect::<Result<_>>()?;
        PyList::new(py, [memory::chunk(py, data, columns)?])
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

    /// The batch as raw memory: one chunk, in the form of `Scan._memory`.
    fn _memory<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let columns = PyList::empty(py);
        for array in self.batch.columns() {
            columns.append(raw(py, array)?)?;
        }
        PyList::new(py, [columns])
    }
}

type Raw<'py> = (Bound<'py, PyAny>, Option<Py<Memory>>, usize);

fn raw<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Raw<'py>> {
    let nulls = array.nulls().map(|nulls| {
        let bytes: Vec<u8> = nulls.iter().map(|valid| u8::from(!valid)).collect();
        Py::new(py, Memory::new(bytes.into()))
    });
    let (nulls, rows) = (nulls.transpose()?, array.len());
    let bytes = if let Some(bools) = array.as_boolean_opt() {
        bools.values().iter().map(u8::from).collect::<Vec<_>>().into()
    } else if let Some(width) = array.data_type().primitive_width() {
        let data = array.to_data();
        let values = data.buffers().first().cloned().unwrap_or_default();
        values.slice_with_length(data.offset() * width, rows * width)
    } else {
        let texts = Texts::new(array.clone());
        return Ok((Bound::new(py, texts)?.into_any(), nulls, rows));
    };
    Ok((Bound::new(py, Memory::new(bytes))?.into_any(), nulls, rows))
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
