//! The file of a day.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;

use super::batch::RowBatch;
use super::layout::RowLayout;
use super::rows::Rows;
use crate::python::detached::Detached;
use crate::series;
use crate::series::Layout;
use crate::store::RealStorage;

/// Rows in a file, appended a batch at once.
#[pyclass(frozen, name = "_DayFile", module = "chronolite._core")]
pub(in crate::python) struct DayFile {
    layout: Arc<Layout>,
    file: Detached<series::DayFile>,
}

#[pymethods]
impl DayFile {
    #[new]
    fn new(path: PathBuf, layout: &RowLayout) -> Self {
        let layout = Arc::clone(layout.layout());
        let file = series::DayFile::new(Arc::new(RealStorage), path, layout.record_size());
        Self { layout, file: Detached::new(file) }
    }

    /// The rows of all batches that are whole, or None; and how many bytes behind them are no rows.
    fn read(&self, py: Python<'_>) -> PyResult<(Option<Rows>, u64)> {
        let found = py.detach(|| self.file.read())?;
        let rows = found.bytes.map(|bytes| Rows::new(&self.layout, vec![bytes]));
        Ok((rows, found.unfinished))
    }

    /// Appends rows, all or none. How many bytes were cut before, which were no rows.
    fn append(&self, py: Python<'_>, batch: &RowBatch) -> PyResult<u64> {
        Ok(py.detach(|| self.file.append(&batch.packed()))?)
    }

    /// Makes what was appended survive power loss.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.file.sync())?)
    }

    /// Takes the file away. True if it had rows.
    fn delete(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(py.detach(|| self.file.delete())?)
    }
}
