//! The extension module `chronolite._core`: names, types and range conventions of Python over the
//! kernel, and no storage logic of its own.
//!
//! Placement: a class has a file of its name; what comes in as data is turned into arrays under
//! `ingest`, what comes in as a time in `timestamps`; capsules cross only in `capsule`; what the
//! methods of NanoTS's names take and give is told in `nanots`. Calls that may block detach from
//! the interpreter; an append of one row does not, as it never blocks.
//!
//! Two rules keep the interpreter's lock and the kernel's from waiting for each other: no kernel
//! lock is held while Python code runs, and whoever hands the kernel memory that belongs to Python
//! objects holds on to it until the call is over, so that it is never freed inside the kernel.

mod aggregate;
mod attached;
mod batch;
mod capsule;
mod chronomap;
mod create;
mod db;
mod describe;
mod detached;
mod durations;
mod errors;
mod ingest;
mod interrupt;
mod key;
mod lists;
mod memory;
mod nanots;
mod predicate;
mod report;
mod rows;
mod salvage;
mod scan;
mod schema;
mod series;
mod snapshot;
mod table;
mod tail;
mod timelog;
mod timestamps;

use pyo3::prelude::*;

/// The extension module.
#[pymodule(gil_used = true)]
mod _core {
    #[pymodule_export]
    use super::batch::{BatchIterator, RecordBatch};
    #[pymodule_export]
    use super::chronomap::{_chronomap_writer, ChronoMapBase};
    #[pymodule_export]
    use super::db::Db;
    #[pymodule_export]
    use super::predicate::{Column, Predicate, col};
    #[pymodule_export]
    use super::salvage::salvage;
    #[pymodule_export]
    use super::scan::Scan;
    #[pymodule_export]
    use super::schema::Schema;
    #[pymodule_export]
    use super::series::{DayFile, PackedDays, RowBatch, RowLayout, Rows};
    #[pymodule_export]
    use super::snapshot::Snapshot;
    #[pymodule_export]
    use super::table::Table;
    #[pymodule_export]
    use super::tail::Tail;
    #[pymodule_export]
    use super::timelog::{PageSpan, PageSpanIter, PageSpanObjectsView, TimelogBase, TimelogIter};

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
