//! How a database is opened.

use std::time::Duration;

use crate::error::{Error, Result};

/// The variable of the environment that [`DbOptions::from_env`] takes `max_record_size` from.
pub const MAX_RECORD_SIZE_VARIABLE: &str = "NANOTS_MAX_RECORD_SIZE";

/// When a write survives what. No level corrupts.
///
/// ```
/// use chronolite::{DataType, Db, DbOptions, Durability, TableSpec};
///
/// let folder = tempfile::tempdir()?;
/// let options = DbOptions::default().durability(Durability::Sync);
/// let db = Db::open(folder.path().join("plant.chl"), options)?;
/// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// // Once this returns, the row survives power loss.
/// assert_eq!(sensor.append_row(1000, &[20.5.into()])?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Durability {
    /// A write returns when its rows survive power loss. Writers in several threads share a sync.
    Sync,
    /// A write survives the process being killed at once, and power loss after at most the
    /// interval.
    #[default]
    Interval,
    /// A write survives neither until `flush`.
    None,
}

impl Durability {
    /// All levels.
    ///
    /// ```
    /// use chronolite::Durability;
    ///
    /// assert_eq!(Durability::ALL.map(Durability::name), ["sync", "interval", "none"]);
    /// ```
    pub const ALL: [Self; 3] = [Self::Sync, Self::Interval, Self::None];

    /// The name in the API: `sync`, `interval`, `none`.
    ///
    /// ```
    /// assert_eq!(chronolite::Durability::default().name(), "interval");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Interval => "interval",
            Self::None => "none",
        }
    }

    /// The level of that name.
    ///
    /// ```
    /// use chronolite::Durability;
    ///
    /// assert_eq!(Durability::from_name("sync"), Some(Durability::Sync));
    /// assert_eq!(Durability::from_name("always"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// What a database is opened for.
///
/// ```
/// use chronolite::{Db, DbOptions, ErrorKind, Mode};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("plant.chl");
/// let writer = Db::open(&path, DbOptions::default())?;
/// let second = Db::open(&path, DbOptions::default()).map_err(|error| error.kind());
/// assert_eq!(second.err(), Some(ErrorKind::Locked));
/// let reader = Db::open(&path, DbOptions::default().mode(Mode::Read))?;
/// assert_eq!(reader.flush().map_err(|error| error.kind()), Err(ErrorKind::ReadOnly));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Mode {
    /// To read and write, created if it is missing. One handle at a time, over all processes.
    #[default]
    ReadWrite,
    /// To read what is committed, in any number of processes while one writes.
    Read,
}

/// When background maintenance flushes, packs and applies the retention, in the words of NanoTS's
/// options. Besides, rows are flushed once they have waited for five minutes. A thread does so, from
/// the first write until the close; what it fails with is told by the next call that writes, which
/// does nothing then.
///
/// ```
/// use chronolite::{AutoMaintenance, DbOptions};
///
/// let mut often = AutoMaintenance::default();
/// often.check_interval_ms = 1000;
/// let options = DbOptions::default().auto_maintenance(Some(often));
/// assert_eq!(options.auto_maintenance, Some(often));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AutoMaintenance {
    /// The log is flushed once it is so many times the size of all segments.
    pub wal_target_ratio: u64,
    /// Bytes of log below which it is not.
    pub wal_min_bytes: u64,
    /// Segments of fewer rows are joined, where there are many; less than
    /// [`PACKED_ROWS`](crate::db::PACKED_ROWS) counts as that.
    pub target_segment_points: u64,
    /// Milliseconds between looks at whether there is something to do.
    pub check_interval_ms: u64,
    /// Milliseconds between two applications of the retention; the first is a minute after the
    /// first write, at least.
    pub retention_check_interval_ms: u64,
    /// Rows a second above which maintenance waits for calmer times.
    pub max_writes_per_sec: u64,
    /// Milliseconds over which rows a second are counted.
    pub write_load_window_ms: u64,
    /// Milliseconds without a write after which maintenance may run at any load.
    pub min_idle_ms: u64,
    /// Most segments that are packed in one go.
    pub max_segments_per_pack: u64,
}

impl Default for AutoMaintenance {
    fn default() -> Self {
        Self {
            wal_target_ratio: 2,
            wal_min_bytes: 32 << 20,
            target_segment_points: 8192,
            check_interval_ms: 5000,
            retention_check_interval_ms: 60_000,
            max_writes_per_sec: 100_000,
            write_load_window_ms: 5000,
            min_idle_ms: 1000,
            max_segments_per_pack: 64,
        }
    }
}

impl AutoMaintenance {
    /// The options' names, in the order of [`AutoMaintenance::option_mut`]'s.
    #[doc(hidden)]
    pub const NAMES: [&str; 9] = [
        "wal_target_ratio",
        "wal_min_bytes",
        "target_segment_points",
        "check_interval_ms",
        "retention_check_interval_ms",
        "max_writes_per_sec",
        "write_load_window_ms",
        "min_idle_ms",
        "max_segments_per_pack",
    ];

    /// The option of that name, to change.
    ///
    /// # Errors
    /// `InvalidInput` if there is none.
    #[doc(hidden)]
    pub fn option_mut(&mut self, name: &str) -> Result<&mut u64> {
        Ok(match name {
            "wal_target_ratio" => &mut self.wal_target_ratio,
            "wal_min_bytes" => &mut self.wal_min_bytes,
            "target_segment_points" => &mut self.target_segment_points,
            "check_interval_ms" => &mut self.check_interval_ms,
            "retention_check_interval_ms" => &mut self.retention_check_interval_ms,
            "max_writes_per_sec" => &mut self.max_writes_per_sec,
            "write_load_window_ms" => &mut self.write_load_window_ms,
            "min_idle_ms" => &mut self.min_idle_ms,
            "max_segments_per_pack" => &mut self.max_segments_per_pack,
            _ => {
                let names = Self::NAMES.join(", ");
                return Err(Error::invalid(format!(
                    "auto_maintenance has no option {name:?}; its options are {names}"
                )));
            }
        })
    }
}

/// How a database is opened; `DbOptions::default()` suits most.
///
/// ```
/// use std::time::Duration;
/// use chronolite::{Db, DbOptions, Durability};
///
/// let folder = tempfile::tempdir()?;
/// let mut options = DbOptions::default()
///     .durability(Durability::Interval)
///     .sync_interval(Duration::from_millis(20))
///     .retention(Some(Duration::from_secs(30 * 86_400)));
/// options.flush_bytes = 16 << 20;
/// let db = Db::open(folder.path().join("plant.chl"), options)?;
/// assert!(db.tables()?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DbOptions {
    /// What it is opened for.
    pub mode: Mode,
    /// When a write survives what.
    pub durability: Durability,
    /// At [`Durability::Interval`], the time after which a write survives power loss.
    pub sync_interval: Duration,
    /// Most bytes of one row: 8 for each value, and for text and bytes their length. A larger one is
    /// refused before anything is written.
    pub max_record_size: usize,
    /// Bytes of log after which the rows of the memtables are flushed to segments.
    pub flush_bytes: u64,
    /// Batches of at least this many bytes are written as segments at once, not to the log.
    pub direct_bytes: usize,
    /// How old a row may get before maintenance removes it; `None` is for ever. It hides nothing by
    /// itself: rows stay until [`Db::compact_retention_now`](crate::Db::compact_retention_now) or
    /// background maintenance removes them.
    pub retention: Option<Duration>,
    /// How background maintenance runs; `None` is not at all.
    pub auto_maintenance: Option<AutoMaintenance>,
}

impl Default for DbOptions {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            durability: Durability::default(),
            sync_interval: Duration::from_millis(100),
            max_record_size: 64 << 20,
            flush_bytes: 64 << 20,
            direct_bytes: 4 << 20,
            retention: None,
            auto_maintenance: None,
        }
    }
}

impl DbOptions {
    /// The defaults, but for `max_record_size` if the environment has `NANOTS_MAX_RECORD_SIZE`, a
    /// number of bytes. Python's `Db` and [`crate::nanots::NanoTsDb`] are opened so.
    ///
    /// ```
    /// use chronolite::DbOptions;
    ///
    /// # // SAFETY: nothing else runs in this process.
    /// # unsafe { std::env::set_var("NANOTS_MAX_RECORD_SIZE", "4096") };
    /// // With NANOTS_MAX_RECORD_SIZE=4096 in the environment.
    /// assert_eq!(DbOptions::from_env()?.max_record_size, 4096);
    /// # Ok::<(), chronolite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` if the variable is not a number of bytes of at least 1.
    pub fn from_env() -> Result<Self> {
        let mut options = Self::default();
        let Some(given) = std::env::var_os(MAX_RECORD_SIZE_VARIABLE) else { return Ok(options) };
        let text = given.to_string_lossy();
        if !text.is_empty() {
            options.max_record_size = match text.trim().parse() {
                Ok(bytes) if bytes > 0 => bytes,
                _ => {
                    return Err(Error::invalid(format!(
                        "{MAX_RECORD_SIZE_VARIABLE} is a number of bytes of at least 1, not {text:?}"
                    )));
                }
            };
        }
        Ok(options)
    }

    /// The same options with another limit to the bytes of a row.
    ///
    /// ```
    /// use chronolite::{DataType, Db, DbOptions, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let options = DbOptions::default().max_record_size(16);
    /// let db = Db::open(folder.path().join("plant.chl"), options)?;
    /// let notes = db.create_table("notes", TableSpec::new([("text", DataType::Utf8)]))?;
    /// assert!(notes.append_row(1000, &["short".into()]).is_ok());
    /// assert!(notes.append_row(2000, &["longer than sixteen bytes".into()]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn max_record_size(mut self, bytes: usize) -> Self {
        self.max_record_size = bytes;
        self
    }

    /// The same options with another mode.
    ///
    /// ```
    /// use chronolite::{DbOptions, Mode};
    ///
    /// assert_eq!(DbOptions::default().mode(Mode::Read).mode, Mode::Read);
    /// ```
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The same options with another durability.
    ///
    /// ```
    /// use chronolite::{DbOptions, Durability};
    ///
    /// assert_eq!(DbOptions::default().durability(Durability::None).durability, Durability::None);
    /// ```
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The same options with another interval between syncs.
    ///
    /// ```
    /// use std::time::Duration;
    /// use chronolite::DbOptions;
    ///
    /// let second = Duration::from_secs(1);
    /// assert_eq!(DbOptions::default().sync_interval(second).sync_interval, second);
    /// ```
    #[must_use]
    pub fn sync_interval(mut self, interval: Duration) -> Self {
        self.sync_interval = interval;
        self
    }

    /// The same options with another retention.
    ///
    /// ```
    /// use std::time::Duration;
    /// use chronolite::DbOptions;
    ///
    /// let week = Some(Duration::from_secs(7 * 86_400));
    /// assert_eq!(DbOptions::default().retention(week).retention, week);
    /// ```
    #[must_use]
    pub fn retention(mut self, retention: Option<Duration>) -> Self {
        self.retention = retention;
        self
    }

    /// The same options with other background maintenance.
    ///
    /// ```
    /// use chronolite::{AutoMaintenance, DbOptions};
    ///
    /// let tended = DbOptions::default().auto_maintenance(Some(AutoMaintenance::default()));
    /// assert!(tended.auto_maintenance.is_some());
    /// ```
    #[must_use]
    pub fn auto_maintenance(mut self, options: Option<AutoMaintenance>) -> Self {
        self.auto_maintenance = options;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_maintenance_has_its_name() {
        let mut options = AutoMaintenance::default();
        for (value, name) in (1000..).zip(AutoMaintenance::NAMES) {
            *options.option_mut(name).unwrap() = value;
        }
        let text = format!("{options:?}");
        for (value, name) in (1000..).zip(AutoMaintenance::NAMES) {
            assert!(text.contains(&format!("{name}: {value}")), "{text}");
        }
        assert!(options.option_mut("check_interval").is_err());
    }
}
