//! How a database is opened.

use std::time::Duration;

/// When a write survives what. No level corrupts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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
    pub const ALL: [Self; 3] = [Self::Sync, Self::Interval, Self::None];

    /// The name in the API: `sync`, `interval`, `none`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Interval => "interval",
            Self::None => "none",
        }
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// What a database is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// To read and write, created if it is missing. One handle at a time, over all processes.
    #[default]
    ReadWrite,
    /// To read what is there now. It is refused while the file is open for writing.
    Read,
}

/// How a database is opened; `DbOptions::default()` suits most.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DbOptions {
    /// What it is opened for.
    pub mode: Mode,
    /// When a write survives what.
    pub durability: Durability,
    /// At [`Durability::Interval`], the time after which a write survives power loss.
    pub sync_interval: Duration,
    /// Most bytes of one row in the log; a larger one is refused before anything is written.
    pub max_record_size: usize,
    /// Bytes of log after which the rows of the memtables are flushed to segments.
    pub flush_bytes: u64,
    /// Batches of at least this many bytes are written as segments at once, not to the log.
    pub direct_bytes: usize,
    /// How old a row may get before maintenance removes it; `None` is for ever. It hides nothing by
    /// itself: rows stay until `compact_retention_now` or background maintenance removes them, which
    /// come with a later version.
    pub retention: Option<Duration>,
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
        }
    }
}

impl DbOptions {
    /// The same options with another mode.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The same options with another durability.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The same options with another interval between syncs.
    #[must_use]
    pub fn sync_interval(mut self, interval: Duration) -> Self {
        self.sync_interval = interval;
        self
    }

    /// The same options with another retention.
    #[must_use]
    pub fn retention(mut self, retention: Option<Duration>) -> Self {
        self.retention = retention;
        self
    }
}
