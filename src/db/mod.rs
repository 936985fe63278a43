//! The database: tables over segments, memtables and a log.
//!
//! A row's way in: `table` (what callers hold) -> `write` (validated, logged, into the memtable) ->
//! `flush` (sorted, encoded, committed). A row's way out: `scan` over `source`s. Placement:
//!
//! - `options`, `table`, `stats`, `diagnosis`, `scan`: what callers see; `load`: how much was written
//!   lately
//! - `core`: the shared state and the order of its locks (held to by `ranked`); `open` and `close`
//!   begin and end it
//! - `follower`: what a database open for reading shows while somebody else writes
//! - `catalog`, `segment_list`, `segment`: what readers see, replaced as a whole; `cells`: the
//!   columns of a memtable
//! - `deletes`: what they hide; `clustered`: segments in key order
//! - `validate`, `write`, `write_table`, `sorted`, `new_segments`, `flush`: the way in
//! - `unique`, `recent`: tables where a second row of the same time and key is an error
//! - `alter`: columns that are added, tables that are dropped
//! - `pack`: segments in place of others; `compact`: space given back; `commit`: how both are made to
//!   last; `counters`: what was written
//! - `scan`, `plan`, `source` of `run_part`s, `batches`, `counting`, `extent`: the way out; `pick`:
//!   the rows that a filter keeps; `decode`: of segments to columns; `digest`: what statistics answer
//!   for; `parts`: stretches of time that are read side by side, and the `whole` they make; `tally`:
//!   what it cost; `aggregate` and `downsample`: what rows come to
//! - `tail`: rows as they arrive, from `arrivals`; `feed`: waking those who wait for them
//! - `syncer`: when what is durable; `parallel`: work on several cores
//! - `retention`: old rows go; `maintenance`: the thread that does all this in the background, in
//!   `rounds` that pack what is `worth` it
//! - `handle`: who keeps the database open
//! - `verify`, `salvage`: whether all is as it was written, and what is left if not

pub mod aggregate;
mod alter;
mod arrivals;
mod batches;
pub(crate) mod catalog;
pub(crate) mod cells;
mod close;
mod clustered;
mod commit;
mod compact;
pub(crate) mod core;
mod counters;
mod counting;
mod decode;
mod deletes;
mod diagnosis;
mod digest;
pub mod downsample;
mod extent;
mod feed;
mod flush;
mod follower;
mod gathered;
mod groups;
mod handle;
mod load;
mod maintenance;
mod new_segments;
mod open;
pub mod options;
mod pack;
pub(crate) mod parallel;
mod parts;
mod pick;
pub mod plan;
mod ranked;
mod read_back;
mod recent;
mod retention;
mod rounds;
mod run_part;
mod salvage;
pub mod scan;
mod segment;
mod segment_list;
mod sorted;
mod source;
pub mod stats;
mod syncer;
pub mod table;
mod tail;
mod tally;
mod unique;
pub(crate) mod validate;
pub mod verify;
mod whole;
mod worth;
mod write;
mod write_table;

pub use self::core::Recovery;
pub use aggregate::{Aggregate, AggregateSpec, Summary};
pub use diagnosis::Diagnosis;
pub use downsample::{DownsampleSpec, Fill, Origin};
pub use maintenance::MaintenanceStats;
pub use options::{AutoMaintenance, DbOptions, Durability, Mode};
pub use pack::{PackReport, Stop};
pub use plan::{Key, ScanColumn, ScanSpec};
pub use salvage::{SalvageReport, SalvagedTable, salvage, salvage_with};
pub use scan::{Batches, STREAM_ROWS, Scan};
pub use stats::{ColumnStats, DbStats, Problem, TableStats};
pub use table::{Db, PACKED_ROWS, Snapshot, Table};
pub use tail::{Interrupt, Tail, TailBatch};
pub use tally::Explanation;
pub use verify::{Progress, VerifyReport};
pub use whole::join;
pub use write::Receipt;
