//! The days of a table, for whoever writes.

use pyo3::prelude::*;

use super::batch::RowBatch;
use super::layout::RowLayout;
use crate::base::{Batch, Column};
use crate::python::db::Db;
use crate::python::detached::Detached;
use crate::python::table::Table;
use crate::series::{self, ROWS_A_DAY, days};

/// Days of rows in a table of the kernel. What a signal's handler appends meanwhile comes after.
#[pyclass(frozen, name = "_PackedDays", module = "chronolite._core")]
pub(in crate::python) struct PackedDays {
    days: Detached<series::PackedDays>,
}

/// Columns as batches, with this time and those that follow.
fn with_times(chunks: Vec<(usize, Vec<Column>)>, first: i64) -> Vec<Batch> {
    let mut next = first;
    let batches = chunks.into_iter().map(|(rows, columns)| {
        let times: Vec<i64> = (next..).take(rows).collect();
        next += rows as i64;
        Batch { ts: times.into(), columns }
    });
    batches.collect()
}

#[pymethods]
impl PackedDays {
    /// The most rows of a day.
    #[classattr]
    const ROWS_A_DAY: i64 = ROWS_A_DAY;

    /// Those of the table of that name, which is made if it is not there.
    #[new]
    fn new(
        py: Python<'_>,
        layout: &RowLayout,
        db: &Db,
        name: &str,
        storage: &str,
    ) -> PyResult<Self> {
        let table = db.make_table(py, name, layout.spec(storage)?)?;
        Ok(Self { days: Detached::new(series::PackedDays::new(table.table().clone())) })
    }

    /// Appends rows to a day, counted from 1970-01-01: all or none.
    fn append(&self, py: Python<'_>, day: i64, batch: &RowBatch) -> PyResult<()> {
        let append = || {
            // Before others have to wait.
            let columns = batch.columns();
            self.days.append(day, batch.rows(), |first| with_times(columns, first))
        };
        Ok(py.detach(append)?)
    }

    /// Deletes the rows of a day. True if there were any.
    fn delete(&self, py: Python<'_>, day: i64) -> PyResult<bool> {
        Ok(py.detach(|| self.days.delete(day))?)
    }

    /// The days from `first` to `last` of a table that have rows, in order, and how many.
    #[staticmethod]
    fn counts(py: Python<'_>, table: &Table, first: i64, last: i64) -> PyResult<Vec<(i64, i64)>> {
        Ok(py.detach(|| days(table.table(), first, last))?)
    }
}
