//! How a database is opened.

use std::time::Duration;

use super::arguments::{Numbered, Sized, numbered, one_of, sized};
use crate::db::{AutoMaintenance, DbOptions, Durability, Mode};
use crate::error::{Error, Result};

/// What a database is opened for.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum chl_mode {
    /// Reading and writing; it is made if it is not there. One handle of one process at a time.
    CHL_MODE_READ_WRITE = 0,
    /// Reading, beside a process that writes, by as many as like.
    CHL_MODE_READ = 1,
}

/// When what was written survives what. All of them survive the end of the process.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum chl_durability {
    /// Power loss after `sync_interval_ms`, or after `chl_flush`.
    CHL_DURABILITY_INTERVAL = 0,
    /// Power loss once the call has returned.
    CHL_DURABILITY_SYNC = 1,
    /// Power loss after `chl_flush` only.
    CHL_DURABILITY_NONE = 2,
}

/// How a database is opened. Zeros are the defaults: `chl_options o = {.size = sizeof o};`
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct chl_options {
    /// `sizeof(chl_options)`.
    pub size: usize,
    /// A `chl_mode`.
    pub mode: i32,
    /// A `chl_durability`.
    pub durability: i32,
    /// Milliseconds between two syncs at `CHL_DURABILITY_INTERVAL`; 0 is 100.
    pub sync_interval_ms: u64,
    /// Most bytes of a row; 0 is what the environment's `NANOTS_MAX_RECORD_SIZE` says, or 64 MiB.
    pub max_record_size: u64,
    /// Milliseconds that a row may be old before `chl_apply_retention` or maintenance removes it; 0 is
    /// for ever.
    pub retention_ms: u64,
    /// How background maintenance runs; NULL is not at all.
    pub maintenance: *const chl_maintenance,
}

/// How background maintenance runs. Zeros are the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct chl_maintenance {
    /// `sizeof(chl_maintenance)`.
    pub size: usize,
    /// It flushes once the log has `wal_min_bytes`, and this many times the bytes of the last flush.
    pub wal_target_ratio: u64,
    /// Bytes of log below which it does not flush.
    pub wal_min_bytes: u64,
    /// Rows that a segment is packed to.
    pub target_segment_points: u64,
    /// Milliseconds from one look to the next.
    pub check_interval_ms: u64,
    /// Milliseconds from one look for old rows to the next.
    pub retention_check_interval_ms: u64,
    /// Rows a second above which it waits for calmer times.
    pub max_writes_per_sec: u64,
    /// Milliseconds over which rows a second are counted.
    pub write_load_window_ms: u64,
    /// Milliseconds without a write after which it may run at any load.
    pub min_idle_ms: u64,
    /// Most segments that are packed in one go.
    pub max_segments_per_pack: u64,
}

// SAFETY: both are `repr(C)`, begin with their size, and have numbers and pointers only.
unsafe impl Sized for chl_options {}
// SAFETY: as above.
unsafe impl Sized for chl_maintenance {}

const MODES: [Numbered<Mode>; 2] = numbered!(chl_mode {
    CHL_MODE_READ_WRITE => Mode::ReadWrite,
    CHL_MODE_READ => Mode::Read,
});
const DURABILITIES: [Numbered<Durability>; 3] = numbered!(chl_durability {
    CHL_DURABILITY_INTERVAL => Durability::Interval,
    CHL_DURABILITY_SYNC => Durability::Sync,
    CHL_DURABILITY_NONE => Durability::None,
});

/// The options that were given, or the defaults.
///
/// # Safety
/// `given` is NULL or leads to options of the size that stands there, and so does what they lead to.
pub(super) unsafe fn options(given: *const chl_options) -> Result<DbOptions> {
    let mut options = DbOptions::from_env()?;
    // SAFETY: as the caller says.
    let Some(given) = (unsafe { sized("options", given)? }) else { return Ok(options) };
    options.mode = one_of("options.mode", given.mode, &MODES)?;
    options.durability = one_of("options.durability", given.durability, &DURABILITIES)?;
    if given.sync_interval_ms > 0 {
        options.sync_interval = Duration::from_millis(given.sync_interval_ms);
    }
    if given.max_record_size > 0 {
        let size = usize::try_from(given.max_record_size);
        options.max_record_size =
            size.map_err(|_| Error::invalid("options.max_record_size is more than memory has"))?;
    }
    options.retention = (given.retention_ms > 0).then(|| Duration::from_millis(given.retention_ms));
    // SAFETY: as the caller says.
    let maintenance = unsafe { sized("options.maintenance", given.maintenance)? };
    options.auto_maintenance = maintenance.map(|given| given.meant());
    Ok(options)
}

impl chl_maintenance {
    fn meant(&self) -> AutoMaintenance {
        let usual = AutoMaintenance::default();
        let or = |given: u64, usual: u64| if given > 0 { given } else { usual };
        AutoMaintenance {
            wal_target_ratio: or(self.wal_target_ratio, usual.wal_target_ratio),
            wal_min_bytes: or(self.wal_min_bytes, usual.wal_min_bytes),
            target_segment_points: or(self.target_segment_points, usual.target_segment_points),
            check_interval_ms: or(self.check_interval_ms, usual.check_interval_ms),
            retention_check_interval_ms: or(
                self.retention_check_interval_ms,
                usual.retention_check_interval_ms,
            ),
            max_writes_per_sec: or(self.max_writes_per_sec, usual.max_writes_per_sec),
            write_load_window_ms: or(self.write_load_window_ms, usual.write_load_window_ms),
            min_idle_ms: or(self.min_idle_ms, usual.min_idle_ms),
            max_segments_per_pack: or(self.max_segments_per_pack, usual.max_segments_per_pack),
        }
    }
}
