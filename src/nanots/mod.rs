//! NanoTS's names: its calls on [`Db`], and the types of its Rust examples.
//!
//! Placement: `calls` what `Db` does by table name and in closed ranges, `typed` the same for
//! columns of any type, `sql` the two statements of `execute`, `space` its statistics, `options` and
//! `open` the names that its Rust examples begin with. What NanoTS promises is written down in its
//! README; what these calls do rests on [`crate::Table`].
//!
//! ```
//! use chronolite::nanots::{NanoTsDb, NanoTsOptions};
//!
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//! let mut db = NanoTsDb::open("data/nanots.ntt", NanoTsOptions::default())?;
//! db.create_table("sensor", &["temp", "humidity"])?;
//! db.append_row("sensor", 1704067200000, &[25.5, 60.0])?;
//! db.flush()?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Its second example:
//!
//! ```
//! use chronolite::nanots::{NanoTsDb, NanoTsOptions};
//! use std::time::Duration;
//!
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//! let opts = NanoTsOptions {
//!     retention: Some(Duration::from_secs(3600)), // 1 hour
//!     ..Default::default()
//! };
//! let mut db = NanoTsDb::open("data/nanots.ntt", opts)?;
//!
//! db.create_table("sensor", &["temp", "humidity"])?;
//!
//! let t0 = 1704067200000i64;
//! for i in 0..10_000i64 {
//!     let ts = t0 + i * 1000;
//!     db.append_row("sensor", ts, &[25.0 + (i as f64) * 0.001, 60.0])?;
//! }
//!
//! db.flush()?;
//!
//! let (ts_ms, cols) = db.query_table_range_columns("sensor", t0, t0 + 60_000)?;
//! assert_eq!(cols.len(), 2);
//! println!("rows={}", ts_ms.len());
//!
//! db.compact_retention_now()?;
//! db.pack_table("sensor", 8192)?;
//! # assert!(db.table("sensor")?.is_empty()?);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! And its third:
//!
//! ```
//! use chronolite::nanots::{AutoMaintenanceOptions, NanoTsDbShared, NanoTsOptions};
//! use std::time::Duration;
//!
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//! let opts = NanoTsOptions {
//!     retention: Some(Duration::from_secs(3600)),
//!     auto_maintenance: Some(AutoMaintenanceOptions::default()),
//!     ..Default::default()
//! };
//! let db = NanoTsDbShared::open("data/nanots.ntt", opts)?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod calls;
mod open;
mod space;
mod sql;
mod typed;

#[cfg(doc)]
use crate::db::Db;

pub use crate::db::AutoMaintenance as AutoMaintenanceOptions;
#[cfg(feature = "python")]
pub(crate) use calls::check_series;
pub use open::{NanoTsDb, NanoTsDbShared, NanoTsOptions};
pub use space::Space;
pub use typed::column_type;
