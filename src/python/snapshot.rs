//! One moment of a database, held.

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::detached::Detached;
use super::table::Table;
use crate::db;
use crate::error::{Error, ErrorKind};

/// One moment of the whole database, for as long as it is held.
#[pyclass(frozen, module = "chronolite")]
pub(super) struct Snapshot {
    db: Detached<db::Db>,
    // Given up by `close`: what it holds can then be reclaimed.
    moment: Detached<Mutex<Option<db::Snapshot>>>,
}

impl Snapshot {
    pub(super) fn new(db: db::Db, moment: db::Snapshot) -> Self {
        Self { db: Detached::new(db), moment: Detached::new(Mutex::new(Some(moment))) }
    }

    fn moment(&self, py: Python<'_>) -> PyResult<db::Snapshot> {
        let moment = py.detach(|| self.moment.lock().clone());
        let closed = || Error::new(ErrorKind::Closed, "the snapshot was closed; take another one");
        Ok(moment.ok_or_else(closed)?)
    }
}

#[pymethods]
impl Snapshot {
    /// The names of the tables there were, sorted.
    fn tables(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.moment(py)?.tables())
    }

    /// The table of that name as it was; `snapshot[name]` is the same.
    fn table(&self, py: Python<'_>, name: &str) -> PyResult<Table> {
        let moment = self.moment(py)?;
        let table = py.detach(|| moment.table(name))?;
        Ok(Table::new((*self.db).clone(), table))
    }

    /// Lets go of the moment. Tables and scans that were taken of it go on showing it.
    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(self.moment.lock().take()));
    }

    fn __getitem__(&self, py: Python<'_>, name: &str) -> PyResult<Table> {
        self.table(py, name)
    }

    fn __contains__(&self, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(name) = name.extract::<String>() else { return Ok(false) };
        Ok(self.tables(py)?.contains(&name))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) {
        self.close(py);
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let names = self.tables(py);
        names.map_or_else(
            |_| "<chronolite.Snapshot, closed>".into(),
            |names| format!("<chronolite.Snapshot of {} tables>", names.len()),
        )
    }
}
