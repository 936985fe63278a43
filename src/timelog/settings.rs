//! How a log is kept.

use std::time::Duration;

use crate::index::Cut;
use crate::timelog::adaptive::Adaptive;

/// Bytes of a row in a memtable: its time, its number, its item.
pub const MEMORY_ROW: usize = 24;
/// Bytes of a row in a run: its time and its item.
pub const RUN_ROW: usize = 16;

/// What a write does that finds no room for another sealed memtable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusyPolicy {
    /// It says so, after what it wrote is in.
    Raise,
    /// It goes on: the memtable grows.
    Silent,
    /// It flushes.
    Flush,
}

/// The settings of a log; [`Settings::default`] are those of one without any given.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A worker flushes and compacts.
    pub background: bool,
    /// What is done under pressure.
    pub busy: BusyPolicy,
    /// A memtable of so many rows is sealed.
    pub memtable_rows: usize,
    /// So is one with so many late rows.
    pub late_rows: usize,
    /// Sealed memtables that wait for being flushed, at most.
    pub sealed_runs: usize,
    /// How long a write waits for the worker to make room.
    pub wait: Duration,
    /// The worker looks for work so often, unasked.
    pub wakeup: Duration,
    /// Objects that are let go in one call; no limit if 0.
    pub drain: usize,
    /// Runs of L0 that are compacted unasked.
    pub delta_runs: usize,
    /// Runs of L0 that one step of compaction takes, at most.
    pub inputs: usize,
    /// Rows of a page that is handed out.
    pub page_rows: usize,
    /// Where runs of L1 are cut.
    pub cut: Cut,
    /// Where a window begins, of those that follow the density of the rows too.
    pub window_origin: i64,
    /// Windows made of the rows between two runs, at most.
    pub most_windows: usize,
    /// The share of the time of a run of L1 that may be deleted before it is rewritten; any if 0.
    pub delete_debt: f64,
    /// Windows that follow the density of the rows.
    pub adaptive: Option<Adaptive>,
}

impl Default for Settings {
    fn default() -> Self {
        let memtable_rows = (1 << 20) / MEMORY_ROW;
        Self {
            background: true,
            busy: BusyPolicy::Raise,
            memtable_rows,
            late_rows: memtable_rows / 8,
            sealed_runs: 4,
            wait: Duration::from_millis(100),
            wakeup: Duration::from_millis(100),
            drain: 0,
            delta_runs: 8,
            inputs: usize::MAX,
            page_rows: usize::MAX,
            cut: Cut::Rows(1 << 16),
            window_origin: 0,
            most_windows: 1 << 16,
            delete_debt: 0.0,
            adaptive: None,
        }
    }
}
