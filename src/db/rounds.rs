//! A round of background maintenance: what is due, and how much of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::db::core::Core;
use crate::db::load::now_ms;
use crate::db::options::AutoMaintenance;
use crate::db::pack::PackReport;
use crate::db::table::PACKED_ROWS;
use crate::db::worth::{Limits, next_group};
use crate::error::{Error, Result};
use crate::format::spec::TableId;

/// Rows are flushed once the oldest of them has waited for so long, in milliseconds.
pub(crate) const FLUSH_AGE_MS: u64 = 300_000;
/// The first application of the retention is so long after the start, at least.
const FIRST_RETENTION_MS: u64 = 60_000;
/// Free space is given back to the file system this often, at most.
const TRIM_INTERVAL_MS: u64 = 60_000;
/// It is left to be used again while it is less than this and an eighth of the file.
const TRIM_BYTES: u64 = 1 << 20;

/// The time, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// Milliseconds of a clock that never goes back.
    pub(crate) ms: u64,
    /// Nanoseconds since 1970, by the clock on the wall.
    pub(crate) wall: i128,
}

impl Now {
    /// The time now.
    pub(crate) fn read() -> Self {
        Self { ms: now_ms(), wall: wall_clock() }
    }
}

/// Nanoseconds since 1970, by the clock on the wall.
pub(crate) fn wall_clock() -> i128 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}

/// What rounds remember from one to the next.
#[derive(Debug)]
pub(crate) struct Rounds {
    options: AutoMaintenance,
    next_retention: u64,
    next_trim: u64,
    /// How many flushes there were when rows were first seen to wait for the next, and when.
    waiting: Option<(u64, u64)>,
    /// The commit after which there was nothing to pack.
    packed_at: Option<u64>,
}

impl Rounds {
    /// Nothing done yet.
    pub(crate) fn new(options: AutoMaintenance, now: Now) -> Self {
        let first = options.retention_check_interval_ms.max(FIRST_RETENTION_MS);
        Self {
            options,
            next_retention: now.ms.saturating_add(first),
            next_trim: now.ms,
            waiting: None,
            packed_at: None,
        }
    }

    /// Does what is due. Each part is tried, though one before it failed; the first error is told.
    pub(crate) fn round(&mut self, core: &Arc<Core>, stop: &AtomicBool, now: Now) -> Result<()> {
        // The writer's next call says so, and there is nothing that could be done.
        if core.health.check().is_err() {
            return Ok(());
        }
        let retained = self.retain(core, stop, now);
        let flushed = self.flush(core, now);
        let packed = self.pack(core, stop);
        retained.and(flushed).and(packed).and(self.trim(core, now))
    }

    fn retain(&mut self, core: &Arc<Core>, stop: &AtomicBool, now: Now) -> Result<()> {
        if core.options.retention.is_none() || now.ms < self.next_retention {
            return Ok(());
        }
        self.next_retention = now.ms.saturating_add(self.options.retention_check_interval_ms);
        core.maintenance.note(|stats| stats.retention_runs += 1);
        let Some(_alone) = core.packing.try_lock() else { return Ok(()) };
        core.delete_old(now.wall)?;
        let report = core.drop_hidden(&|| stop.load(Ordering::Relaxed))?;
        Self::note_pack(core, &report);
        Ok(())
    }

    /// True while so much is written that the rest had better wait.
    fn is_busy(&self, core: &Core) -> bool {
        core.writer().as_ref().is_some_and(|writer| {
            writer.load.rows_per_second() > self.options.max_writes_per_sec
                && writer.load.idle_ms() < self.options.min_idle_ms
        })
    }

    fn flush(&mut self, core: &Core, now: Now) -> Result<()> {
        let bytes = core.writer().as_ref().map_or(0, |writer| {
            let end = writer.log.as_ref().map_or(0, |log| log.end());
            end.saturating_sub(writer.unflushed_from)
        });
        let flushes = core.counters.flushes();
        self.waiting = match self.waiting {
            _ if bytes == 0 => None,
            Some((before, since)) if before == flushes => Some((before, since)),
            _ => Some((flushes, now.ms)),
        };
        let Some((_, since)) = self.waiting else { return Ok(()) };
        let is_old = now.ms.saturating_sub(since) >= FLUSH_AGE_MS;
        if self.is_busy(core) || !(is_old || self.is_much(core, bytes)) {
            return Ok(());
        }
        core.flush()?;
        core.maintenance.note(|stats| stats.flushes += 1);
        Ok(())
    }

    fn is_much(&self, core: &Core, log_bytes: u64) -> bool {
        let segment_bytes = || {
            let (view, _) = core.snapshot();
            let segments = view.tables().flat_map(|table| table.segments.iter());
            segments.map(|segment| segment.entry.len).sum::<u64>()
        };
        let AutoMaintenance { wal_min_bytes, wal_target_ratio, .. } = self.options;
        log_bytes >= wal_min_bytes && log_bytes >= wal_target_ratio.saturating_mul(segment_bytes())
    }

    /// Packs group after group until there is none that is worth it.
    fn pack(&mut self, core: &Arc<Core>, stop: &AtomicBool) -> Result<()> {
        let Some(_alone) = core.packing.try_lock() else { return Ok(()) };
        let generation = || core.main().as_ref().map(|main| main.file.slot().generation);
        if generation() == self.packed_at {
            return Ok(());
        }
        let (view, _) = core.snapshot();
        let tables: Vec<TableId> = view.tables().map(|table| table.def.id).collect();
        drop(view);
        for table in tables {
            while self.pack_one(core, table, stop)? {}
        }
        let all = !stop.load(Ordering::Relaxed) && !self.is_busy(core);
        self.packed_at = generation().filter(|_| all);
        Ok(())
    }

    /// Packs one group of the table; `false` if none is worth it, or not now.
    fn pack_one(&mut self, core: &Arc<Core>, table: TableId, stop: &AtomicBool) -> Result<bool> {
        if stop.load(Ordering::Relaxed) || self.is_busy(core) {
            return Ok(false);
        }
        let limits = Limits {
            least_rows: self.options.target_segment_points.max(PACKED_ROWS as u64),
            most_segments: usize::try_from(self.options.max_segments_per_pack)
                .unwrap_or(usize::MAX),
        };
        let group = core.snapshot().0.table(table).and_then(|table| next_group(table, limits));
        let Some(group) = group else { return Ok(false) };
        let report = core.pack_groups(table, vec![group], &|| stop.load(Ordering::Relaxed))?;
        Self::note_pack(core, &report);
        Ok(report.segments_before > 0)
    }

    fn note_pack(core: &Core, report: &PackReport) {
        core.maintenance.note(|stats| {
            stats.packs += u64::from(report.segments_before > 0);
            stats.segments_before += report.segments_before;
            stats.segments_after += report.segments_after;
            stats.rows_packed += report.rows_after;
            stats.bytes_packed += report.bytes_after;
        });
    }

    /// Gives back free space where it has become much: a little is soon used again.
    fn trim(&mut self, core: &Core, now: Now) -> Result<()> {
        let freed = core.main().as_ref().map_or(0, |main| main.freed);
        if now.ms < self.next_trim || freed < TRIM_BYTES {
            return Ok(());
        }
        let len =
            core.file.len().map_err(|e| Error::from_io("read the length of", core.path(), e))?;
        if freed < len / 8 {
            return Ok(());
        }
        self.next_trim = now.ms.saturating_add(TRIM_INTERVAL_MS);
        core.give_back()?;
        core.maintenance.note(|stats| stats.trims += 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
