//! What a scan did: counted for `Scan::explain`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a scan looked at, and what it had to do for its result. A block is up to 16,384 rows of a
/// segment (65,536 in tables with `StoragePolicy::Size`), all columns of them.
///
/// ```
/// use chronolite::{Predicate, ScanSpec};
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// db.flush()?;
/// // The greatest temperature of the segment says that none of its rows is warmer.
/// let hot = ScanSpec::default().filter(Predicate::parse("temp > 100")?);
/// let explanation = sensor.scan(hot)?.explain()?;
/// assert_eq!((explanation.rows, explanation.segments_skipped), (0, 1));
/// assert_eq!(explanation.bytes_decoded, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// Rows of the result.
    pub rows: u64,
    /// Segments of the table.
    pub segments: u64,
    /// Segments that were passed over: by their times, key range, deletes or statistics.
    pub segments_skipped: u64,
    /// Segments of which a block was decoded.
    pub segments_decoded: u64,
    /// Segments that statistics answered for, without a block decoded.
    pub segments_from_statistics: u64,
    /// Blocks of those segments that are in the range of time or around it.
    pub blocks: u64,
    /// Blocks that statistics or the range said have no row of the result.
    pub blocks_skipped: u64,
    /// Blocks of which something was decoded.
    pub blocks_decoded: u64,
    /// Blocks that statistics answered for, without anything decoded.
    pub blocks_from_statistics: u64,
    /// Rows in memory that were looked at: not flushed yet.
    pub memory_rows: u64,
    /// Bytes of values that came out of codecs.
    pub bytes_decoded: u64,
    /// Bytes of values that were handed on as they lie in the file.
    pub bytes_viewed: u64,
    /// Bytes of values that were moved once more: merged, picked out by a filter, put together.
    pub bytes_copied: u64,
}

/// The same, being counted by several threads.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) rows: Count,
    pub(crate) segments: Count,
    /// Segments that were looked into, those that statistics answered for among them.
    pub(crate) segments_opened: Count,
    pub(crate) segments_answered: Count,
    pub(crate) blocks: Count,
    pub(crate) blocks_decoded: Count,
    pub(crate) blocks_answered: Count,
    pub(crate) memory_rows: Count,
    pub(crate) bytes_decoded: Count,
    pub(crate) bytes_viewed: Count,
    pub(crate) bytes_copied: Count,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Tally {
    /// What was counted so far.
    pub(crate) fn explanation(&self) -> Explanation {
        let (segments, blocks) = (self.segments.get(), self.blocks.get());
        let (opened, blocks_decoded) = (self.segments_opened.get(), self.blocks_decoded.get());
        let segments_from_statistics = self.segments_answered.get();
        let blocks_from_statistics = self.blocks_answered.get();
        Explanation {
            rows: self.rows.get(),
            segments,
            segments_skipped: segments.saturating_sub(opened),
            segments_decoded: opened.saturating_sub(segments_from_statistics),
            segments_from_statistics,
            blocks,
            blocks_skipped: blocks.saturating_sub(blocks_decoded + blocks_from_statistics),
            blocks_decoded,
            blocks_from_statistics,
            memory_rows: self.memory_rows.get(),
            bytes_decoded: self.bytes_decoded.get(),
            bytes_viewed: self.bytes_viewed.get(),
            bytes_copied: self.bytes_copied.get(),
        }
    }
}

/// Who counts, if somebody asked.
pub(crate) type Counting = Option<Arc<Tally>>;

/// Counts where somebody asked.
pub(crate) fn count(tally: &Counting, add: impl FnOnce(&Tally)) {
    if let Some(tally) = tally {
        add(tally);
    }
}
