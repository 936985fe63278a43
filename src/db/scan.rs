//! A scan: rows of a table as of one moment, to be read as often as wanted.

use std::sync::Arc;

use crate::db::batches::Batches;
use crate::db::catalog::TableView;
use crate::db::core::Core;
use crate::db::plan::{Plan, ScanColumn, ScanSpec};
use crate::error::Result;

/// Rows of a table as of the moment the scan was made. It can be read many times, until the
/// database is closed; it keeps the database open as its handles do.
#[derive(Debug, Clone)]
pub struct Scan(Arc<Plan>);

impl Scan {
    pub(crate) fn new(
        table: Arc<TableView>,
        visible: u64,
        core: Arc<Core>,
        spec: &ScanSpec,
    ) -> Result<Self> {
        Ok(Self(Arc::new(Plan::new(table, visible, core, spec)?)))
    }

    /// Rows at or past `ts`, however many the limit allows.
    pub(crate) fn count_from(&self, ts: i64) -> Result<u64> {
        self.0.count(ts)
    }

    /// The same scan from `start` on, without the first `skip` rows of it.
    pub(crate) fn starting(self, start: i64, skip: u64) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(plan) => Self(Arc::new(plan.starting(start, skip))),
            Err(shared) => Self(shared),
        }
    }

    /// The columns of the result.
    pub fn columns(&self) -> &[ScanColumn] {
        &self.0.columns
    }

    /// Reads the rows, in pieces of at most `rows`.
    pub fn batches(&self, rows: usize) -> Result<Batches> {
        self.0.core.check_open()?;
        Batches::new(Arc::clone(&self.0), rows.max(1))
    }

    /// How many rows there are, without decoding more than the times at the ends of the range.
    pub fn count(&self) -> Result<u64> {
        self.0.core.check_open()?;
        self.0.result_rows()
    }
}
