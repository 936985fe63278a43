//! What was written since the database was opened, for its statistics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::format::edit::SegmentEntry;

/// Counts that only grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Bytes of segments made of rows that were never in one.
    flushed_bytes: AtomicU64,
    /// Bytes of segments made of others.
    packed_bytes: AtomicU64,
    flushes: AtomicU64,
}

impl Counters {
    pub(crate) fn flushed(&self, segments: &[SegmentEntry]) {
        self.flushed_bytes.fetch_add(bytes(segments), Ordering::Relaxed);
        self.flushes.fetch_add(1, Ordering::Relaxed);
    }

    /// Flushes so far.
    pub(crate) fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }

    /// How many times each byte of a segment was written, packs counted in; `None` before the first
    /// flush.
    pub(crate) fn write_amplification(&self) -> Option<f64> {
        let [flushed, packed] =
            [&self.flushed_bytes, &self.packed_bytes].map(|bytes| bytes.load(Ordering::Relaxed));
        (flushed > 0).then(|| (flushed + packed) as f64 / flushed as f64)
    }

    pub(crate) fn packed(&self, segments: &[SegmentEntry]) {
        self.packed_bytes.fetch_add(bytes(segments), Ordering::Relaxed);
    }
}

fn bytes(segments: &[SegmentEntry]) -> u64 {
    segments.iter().map(|entry| entry.len).sum()
}
