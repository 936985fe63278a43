//! The database: tables over segments, memtables and a log.
//!
//! A row's way in: `table` (what callers hold) -> `write` (validated, logged, into the memtable) ->
//! `flush` (sorted, encoded, committed). A row's way out: `scan` over `source`s. Placement:
//!
//! - `options`, `table`, `stats`, `diagnosis`, `scan`: what callers see; `load`: how much was written
//!   lately
//! - `core`: the shared state and the order of its locks (held to by `ranked`); `open` and `close`
//!   begin and end it
//! - `catalog`, `segment_list`, `segment`: what readers see, replaced as a whole; `cells`: the
//!   columns of a memtable
//! - `validate`, `write`, `write_table`, `sorted`, `flush`: the way in
//! - `scan`, `plan`, `source`, `batches`, `newest`: the way out; `aggregate` and `downsample`: what
//!   rows come to
//! - `syncer`: when what is durable; `parallel`: work on several cores
//! - `verify`, `salvage`: whether all is as it was written, and what is left if not

pub mod aggregate;
mod batches;
pub(crate) mod catalog;
pub(crate) mod cells;
mod close;
pub(crate) mod core;
mod diagnosis;
pub mod downsample;
mod flush;
mod load;
mod newest;
mod open;
pub mod options;
mod parallel;
pub mod plan;
mod ranked;
pub mod salvage;
pub mod scan;
mod segment;
mod segment_list;
mod sorted;
mod source;
pub mod stats;
mod syncer;
pub mod table;
pub(crate) mod validate;
pub mod verify;
mod write;
mod write_table;

pub use self::core::Recovery;
pub use aggregate::{Aggregate, Summary};
pub use diagnosis::Diagnosis;
pub use downsample::{DownsampleSpec, Fill, Origin};
pub use options::{AutoMaintenance, DbOptions, Durability, Mode};
pub use plan::{ScanColumn, ScanSpec};
pub use salvage::{SalvageReport, SalvagedTable, salvage, salvage_with};
pub use scan::{Batches, Scan};
pub use stats::{ColumnStats, DbStats, Problem, TableStats};
pub use table::{Db, Table};
pub use verify::{Progress, VerifyReport};
pub use write::Receipt;
