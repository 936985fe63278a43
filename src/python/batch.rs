//! One batch of a result, and the iterator that yields them.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList, PyTuple};

use super::detached::Detached;
use super::memory::{Memory, Texts};
use super::schema::Schema;
use super::{capsule, describe, memory};
use crate::arrow::export;
use crate::arrow::stream::Stream;
use crate::base::Column;
use crate::db::Batches;
use crate::error::Result;

/// A batch of rows, to be handed on as an Arrow array.
#[pyclass(frozen, module = "chronolite")]
pub(super) struct RecordBatch {
    batch: arrow_array::RecordBatch,
    schema: Schema,
    cursor: Option<u64>,
}

impl RecordBatch {
    /// A batch, of which the last row has the number `cursor` if it is one of a change feed.
    pub(super) fn new(
        batch: arrow_array::RecordBatch,
        schema: Schema,
        cursor: Option<u64>,
    ) -> Self {
        Self { batch, schema, cursor }
    }

    /// The first rows as columns.
    fn data(&self, rows: usize) -> Result<Vec<Column>> {
        let first = self.batch.slice(0, rows.min(self.batch.num_rows()));
        let arrays = first.columns().iter().zip(self.schema.columns());
        arrays.map(|(array, def)| export::column(array, def)).collect()
    }

    fn convert<'py>(slf: &Bound<'py, Self>, function: &str) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import(intern!(slf.py(), "chronolite._convert"))?.call_method1(function, (slf,))
    }
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

    /// The number of its last row, behind which `Table.tail` goes on; None of a scan's batch.
    #[getter]
    fn cursor(&self) -> Option<u64> {
        self.cursor
    }

    /// The batch as a `pyarrow.Table`; needs pyarrow.
    fn to_arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::convert(slf, "to_arrow")
    }

    /// The batch as a `pandas.DataFrame`; needs pandas, but not pyarrow.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::convert(slf, "to_pandas")
    }

    /// The batch as a `polars.DataFrame`; needs polars.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::convert(slf, "to_polars")
    }

    /// The batch as a dict of NumPy arrays, one a column, of one length.
    fn to_numpy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::convert(slf, "to_numpy")
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
        memory::columns(py, vec![self.data(rows)?], self.schema.columns())
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

    /// The batch as a stream of one.
    fn _collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let columns = self.schema.columns().to_vec();
        let batches = Box::new(std::iter::once(self.data(usize::MAX)));
        capsule::stream(py, Stream::new(columns, batches, None))
    }

    /// The batch as raw memory: columns of one piece, in the form of `Scan._memory`.
    fn _memory<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let columns = PyList::empty(py);
        for array in self.batch.columns() {
            columns.append(PyList::new(py, [raw(py, array)?])?)?;
        }
        Ok(columns)
    }
}

type Raw<'py> = (Bound<'py, PyAny>, Option<Py<Memory>>, usize);

fn raw<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Raw<'py>> {
    let nulls = array.nulls().map(|nulls| memory::nulls_of(py, nulls)).transpose()?;
    let rows = array.len();
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
        Ok(batch.map(|batch| RecordBatch::new(batch, self.schema.clone(), None)))
    }
}
