//! A scan: one range of one snapshot, read as often and in as many ways as wanted.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList};

use super::aggregate;
use super::batch::BatchIterator;
use super::detached::Detached;
use super::errors::invalid;
use super::schema::Schema;
use super::{capsule, describe, memory};
use crate::arrow::stream::Stream;
use crate::arrow::{OutColumn, export};
use crate::base::Column;
use crate::db::{self, AggregateSpec, STREAM_ROWS};

/// Rows of one table, or buckets of them, at one moment. Nothing is read until it is asked for,
/// and it may be read as often as wanted: what is written after the scan was made is not in it.
#[pyclass(frozen, module = "chronolite")]
pub(super) struct Scan {
    scan: Detached<db::Scan>,
    schema: Schema,
}

impl Scan {
    pub(super) fn new(scan: db::Scan) -> Self {
        let schema = Schema::of_scan(scan.columns());
        Self { scan: Detached::new(scan), schema }
    }

    /// The columns of the result.
    pub(super) fn columns(&self) -> &[OutColumn] {
        self.schema.columns()
    }

    /// The rest of the chunks, pulled one by one so that a signal can end it.
    pub(super) fn chunks(&self, py: Python<'_>) -> PyResult<Vec<Vec<Column>>> {
        let mut batches = py.detach(|| self.scan.all_batches())?;
        let mut chunks = vec![];
        loop {
            py.check_signals()?;
            let (rest, chunk) = py.detach(move || {
                let chunk = batches.next().transpose();
                (batches, chunk)
            });
            batches = rest;
            match chunk? {
                Some(chunk) => chunks.push(chunk),
                None => {
                    py.detach(move || drop(batches));
                    return Ok(chunks);
                }
            }
        }
    }

    fn convert<'py>(slf: &Bound<'py, Self>, function: &str) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import(intern!(slf.py(), "chronolite._convert"))?.call_method1(function, (slf,))
    }
}

fn explained<'py>(py: Python<'py>, found: &db::Explanation) -> PyResult<Bound<'py, PyDict>> {
    let dict = |items: &[(&str, u64)]| {
        let dict = PyDict::new(py);
        items.iter().try_for_each(|(name, count)| dict.set_item(name, count))?;
        PyResult::Ok(dict)
    };
    let all = dict(&[("rows", found.rows), ("memory_rows", found.memory_rows)])?;
    all.set_item(
        "segments",
        dict(&[
            ("looked_at", found.segments),
            ("skipped", found.segments_skipped),
            ("decoded", found.segments_decoded),
            ("from_statistics", found.segments_from_statistics),
        ])?,
    )?;
    all.set_item(
        "blocks",
        dict(&[
            ("looked_at", found.blocks),
            ("skipped", found.blocks_skipped),
            ("decoded", found.blocks_decoded),
            ("from_statistics", found.blocks_from_statistics),
        ])?,
    )?;
    all.set_item(
        "bytes",
        dict(&[
            ("decoded", found.bytes_decoded),
            ("viewed", found.bytes_viewed),
            ("copied", found.bytes_copied),
        ])?,
    )?;
    Ok(all)
}

#[pymethods]
impl Scan {
    /// Names and types of the columns of the result.
    #[getter]
    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    /// The number of rows.
    fn count(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(py.detach(|| self.scan.count())?)
    }

    /// The result batch by batch, each of at most `rows` rows, in bounded memory.
    #[pyo3(signature = (rows=65_536))]
    fn batches(&self, py: Python<'_>, rows: i64) -> PyResult<BatchIterator> {
        let Some(rows) = usize::try_from(rows).ok().filter(|rows| *rows > 0) else {
            return Err(invalid(format!("a batch has at least one row, not {rows}")));
        };
        let batches = py.detach(|| self.scan.batches(rows))?;
        Ok(BatchIterator::new(batches, self.schema.clone()))
    }

    /// What the scan costs: it is read once, and counted what was looked at, skipped, decoded,
    /// answered from statistics and copied.
    #[pyo3(signature = (*, aggregates=None, exact=false))]
    fn explain<'py>(
        &self,
        py: Python<'py>,
        aggregates: Option<&Bound<'py, PyAny>>,
        exact: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let aggregates = aggregates.filter(|given| !given.is_none()).map(aggregate::wanted);
        let wanted = aggregates.transpose()?.map(|aggregates| AggregateSpec { aggregates, exact });
        let found = py.detach(|| match &wanted {
            Some(wanted) => self.scan.explain_aggregate(wanted),
            None => self.scan.explain(),
        })?;
        explained(py, &found)
    }

    /// What the values of columns come to over all rows of the scan. It returns
    /// `{column: {name: value}}`.
    #[pyo3(signature = (aggregates, *, exact=false))]
    fn aggregate<'py>(
        &self,
        py: Python<'py>,
        aggregates: &Bound<'py, PyAny>,
        exact: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let wanted = AggregateSpec { aggregates: aggregate::wanted(aggregates)?, exact };
        let summary = py.detach(|| self.scan.aggregate(&wanted))?;
        aggregate::summary(py, &wanted.aggregates, &summary)
    }

    /// The result as a `pyarrow.Table`; needs pyarrow.
    fn to_arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::convert(slf, "to_arrow")
    }

    /// The result as a `pandas.DataFrame`; needs pandas, but not pyarrow.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::convert(slf, "to_pandas")
    }

    /// The result as a `polars.DataFrame`; needs polars.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::convert(slf, "to_polars")
    }

    /// The result as a dict of NumPy arrays, one a column, of one length.
    fn to_numpy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::convert(slf, "to_numpy")
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::schema(py, &export::schema(self.schema.columns()))
    }

    #[pyo3(signature = (requested_schema=None))]
    pub(super) fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let requested = capsule::requested_schema(requested_schema)?;
        let stream = py.detach(|| self.scan.stream(STREAM_ROWS, requested.as_ref()))?;
        capsule::stream(py, stream)
    }

    fn __repr__(&self) -> String {
        format!("<chronolite.Scan {}>", describe::columns(self.schema.columns()))
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("chronolite._html")?.call_method1("scan", (slf,))
    }

    /// The first rows as raw memory, as `_memory` has all of them.
    fn _preview<'py>(&self, py: Python<'py>, rows: usize) -> PyResult<Bound<'py, PyList>> {
        let first = py.detach(|| self.scan.batches(rows)?.next().transpose())?;
        memory::columns(py, first.into_iter().collect(), self.schema.columns())
    }

    /// The whole result as a stream that cannot fail any more: what reading it raises is raised
    /// here, as chronolite's own error.
    fn _collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let chunks = self.chunks(py)?;
        let columns = self.schema.columns().to_vec();
        let chunks = Box::new(chunks.into_iter().map(Ok));
        capsule::stream(py, Stream::new(columns, chunks, None))
    }

    /// The whole result as raw memory, as `memory::columns` has it.
    fn _memory<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        memory::columns(py, self.chunks(py)?, self.schema.columns())
    }
}
