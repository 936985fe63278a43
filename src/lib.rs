//! An embedded time-series storage kernel: time-stamped rows in one durable, compressed file,
//! written a row or a million at a time, read straight into Arrow.
//!
//! ```
//! use chronolite::{DataType, Db, DbOptions, ScanSpec, TableSpec};
//!
//! let folder = tempfile::tempdir()?;
//! let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
//! let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
//! for second in 0..60 {
//!     sensor.append_row(1_704_067_200_000 + second * 1000, &[20.5.into()])?;
//! }
//! let first_ten = ScanSpec::default().end(1_704_067_210_000);
//! assert_eq!(sensor.scan(first_ten)?.count()?, 10);
//! # drop(sensor);
//! db.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The rooms, and what belongs in which
//!
//! Imports point strictly down this list; `tests/layers.rs` holds them to it.
//!
//! | room | what it is | what does not belong there |
//! | --- | --- | --- |
//! | `python` | PyO3: names, types and conventions of Python | storage logic |
//! | `capi` | the C ABI: numbers for handles, checks of what comes in | storage logic |
//! | [`chronomap`] | a map that keeps what its keys were: ends, pruning, merging | keys, tries |
//! | [`timelog`] | a multimap of items in memory: when it flushes and compacts | layers, merges |
//! | [`nanots`] | NanoTS's names on [`Db`], and the SQL of its `execute` | files, memtables |
//! | [`db`] | tables over segments, memtables and a log; snapshots, flush, scan | bytes, system calls |
//! | [`index`] | memtable, runs, tombstones, merge, generic over what they carry | I/O, columns |
//! | [`store`] | the only I/O: files, mappings, locks, commit, recovery | what rows mean |
//! | [`format`] | structs to bytes: slots, frames, log, manifest, segments | I/O |
//! | [`codec`] | slices of values to bytes | structs, nulls |
//! | [`base`] | time, types, schemas, columns, batches | files |
//!
//! [`arrow`] sits on [`base`] alone: columns to Arrow arrays and back. Everyone may use [`error`].
//! What a program may build on is what is re-exported here by name, and `nanots`. The rooms are public
//! for the tests and tools of this repository; they are hidden from the documentation and change
//! without notice.
//!
//! A row's way in and out is told at the head of [`db`]; the file's bytes are in SPEC.md.

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[doc(hidden)]
pub mod arrow;
#[doc(hidden)]
pub mod base;
#[cfg(feature = "capi")]
#[doc(hidden)]
pub mod capi;
#[doc(hidden)]
pub mod chronomap;
#[doc(hidden)]
pub mod codec;
#[doc(hidden)]
pub mod db;
#[doc(hidden)]
pub mod error;
#[doc(hidden)]
pub mod format;
#[doc(hidden)]
pub mod index;
pub mod nanots;
#[cfg(feature = "python")]
mod python;
#[doc(hidden)]
pub mod series;
#[doc(hidden)]
pub mod store;
#[doc(hidden)]
pub mod timelog;

pub use arrow::stream::Stream;
pub use base::{Batch, Codec, Column, ColumnDef, Compare, Data, DataType, Literal, OnConflict};
pub use base::{Predicate, StoragePolicy, TableSpec, TimeUnit, Value};
pub use db::{Aggregate, AggregateSpec, DownsampleSpec, Explanation, Fill, Origin, Summary};
pub use db::{AutoMaintenance, Db, DbOptions, Durability, Mode, Recovery, Snapshot, Table};
pub use db::{Batches, Key, PACKED_ROWS, STREAM_ROWS, Scan, ScanColumn, ScanSpec};
pub use db::{ColumnStats, DbStats, Diagnosis, MaintenanceStats, PackReport, TableStats};
pub use db::{Interrupt, Tail, TailBatch};
pub use db::{Problem, Progress, SalvageReport, SalvagedTable, Stop, VerifyReport, salvage};
pub use error::{Error, ErrorKind, Result};

/// The versions of Arrow's crates whose types are in the signatures here.
pub use {arrow_array, arrow_buffer, arrow_schema};
