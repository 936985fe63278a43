//! How much waits to be flushed, and how much was written lately: cheap, as it reads no footer.

use crate::db::table::Db;
use crate::error::Result;
use crate::format::log::LOG_START;

/// What maintenance would decide on; see [`Db::diagnose`].
///
/// ```
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// let diagnosis = db.diagnose()?;
/// assert_eq!((diagnosis.pending_rows, diagnosis.pending_tables), (3, 1));
/// assert!(diagnosis.wal_bytes > 0 && diagnosis.wal_ratio.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// Bytes of records in the log.
    pub wal_bytes: u64,
    /// Bytes of the segments of all tables.
    pub total_table_segment_bytes: u64,
    /// `wal_bytes` by `total_table_segment_bytes`; `None` if there is no segment.
    pub wal_ratio: Option<f64>,
    /// Rows that are in memtables and the log alone.
    pub pending_rows: u64,
    /// Tables with such rows.
    pub pending_tables: u64,
    /// Rows written a second: over the last five seconds, unless the options say otherwise.
    pub writes_per_sec: u64,
    /// Milliseconds since the last write; since it was opened if there was none.
    pub last_write_age_ms: u64,
    /// What background maintenance failed with last; `None` once a round went well.
    pub maintenance_error: Option<String>,
}

impl Db {
    /// How much waits to be flushed, and how much was written lately.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// sensor.append_row(1000, &[20.5.into()])?;
    /// assert_eq!(db.diagnose()?.pending_rows, 1);
    /// db.flush()?;
    /// assert_eq!(db.diagnose()?.pending_rows, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `Closed` if it was closed.
    pub fn diagnose(&self) -> Result<Diagnosis> {
        let (view, visible) = self.core.now()?;
        let pending = || view.tables().map(|table| table.memtable_rows(visible));
        let segments = view.tables().flat_map(|table| table.segments.iter());
        let segment_bytes: u64 = segments.map(|segment| segment.entry.len).sum();
        let guard = self.core.writer();
        let writer = guard.as_ref();
        let log = writer.and_then(|writer| writer.log.as_ref());
        let wal_bytes = log.map_or(0, |log| log.end().saturating_sub(LOG_START));
        Ok(Diagnosis {
            wal_bytes,
            total_table_segment_bytes: segment_bytes,
            wal_ratio: (segment_bytes > 0).then(|| wal_bytes as f64 / segment_bytes as f64),
            pending_rows: pending().sum(),
            pending_tables: pending().filter(|&rows| rows > 0).count() as u64,
            writes_per_sec: writer.map_or(0, |writer| writer.load.rows_per_second()),
            last_write_age_ms: writer.map_or(0, |writer| writer.load.idle_ms()),
            maintenance_error: self.core.maintenance.failing(),
        })
    }
}
