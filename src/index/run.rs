//! Rows in memory that are sorted and never change, each a time and an item.

use std::ops::Range;
use std::sync::Arc;

use crate::index::merge::gallop;
use crate::index::{AppendVec, Chunk, memtable};

/// What a row holds besides its time: something small that stands for the rest, as a reference does.
/// Copies are not counted: whoever takes a row out of the index owns what it stands for.
pub trait Item: Copy + Send + Sync + 'static {}

impl<T: Item> memtable::Payload for AppendVec<T> {
    type Layout = ();

    fn with_capacity((): &(), rows: usize) -> Self {
        Self::with_capacity(rows)
    }
}

/// Rows in order of time, of arrival where times are equal.
#[derive(Debug)]
pub struct Run<T> {
    ts: Vec<i64>,
    items: Vec<T>,
    /// The first time of each [`STRETCH`] rows: looking for a time in these first touches little
    /// memory.
    stretches: Vec<i64>,
    /// The number of the row that arrived first: runs that are flushed do not mix in time of arrival.
    first: u64,
    /// Tombstones of a number up to this hide nothing here: what they hid is gone.
    swept: u64,
}

impl<T: Item> Run<T> {
    /// Of sorted columns of one length.
    pub fn new(ts: Vec<i64>, items: Vec<T>, first: u64, swept: u64) -> Self {
        debug_assert!(ts.is_sorted() && ts.len() == items.len());
        let stretches = ts.iter().step_by(STRETCH).copied().collect();
        Self { ts, items, stretches, first, swept }
    }

    /// The times, sorted.
    pub fn ts(&self) -> &[i64] {
        &self.ts
    }

    /// The items, each at the place of its time.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// The number of the row that arrived first.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Up to which number tombstones hide nothing here.
    pub fn swept(&self) -> u64 {
        self.swept
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.ts.len()
    }

    /// True if it has none.
    pub fn is_empty(&self) -> bool {
        self.ts.is_empty()
    }

    /// The first time and the last; none if it is empty.
    pub fn ends(&self) -> Option<(i64, i64)> {
        Some((*self.ts.first()?, *self.ts.last()?))
    }

    /// The rows with times in `[start, end)`.
    pub fn between(&self, start: i64, end: Option<i64>) -> Range<usize> {
        // The last stretch that begins before the start is where it is, if not at its end.
        let stretch = self.stretches.partition_point(|&t| t < start).saturating_sub(1) * STRETCH;
        let near = &self.ts[stretch..self.ts.len().min(stretch + STRETCH)];
        let from = stretch + near.partition_point(|&t| t < start);
        from..end_from(&self.ts, from, end)
    }
}

/// Rows of a stretch: four lines of cache.
const STRETCH: usize = 32;

/// The places of times in `[start, end)`.
pub fn between(ts: &[i64], start: i64, end: Option<i64>) -> Range<usize> {
    let from = ts.partition_point(|&t| t < start);
    from..end_from(ts, from, end)
}

/// The place of the first time at or after `end`, not before `from`. Most ranges are short: it is
/// looked for from there on.
fn end_from(ts: &[i64], from: usize, end: Option<i64>) -> usize {
    end.map_or(ts.len(), |end| from + gallop(ts.len() - from, |row| ts[from + row] < end))
}

/// Sorted rows of one origin.
#[derive(Debug, Clone)]
pub enum Rows<T> {
    /// Of a run.
    Run(Arc<Run<T>>),
    /// Of a chunk whose times never descend.
    Chunk(Arc<Chunk<AppendVec<T>>>),
    /// Rows that came late, sorted for whoever asked.
    Late(Arc<Late<T>>),
}

/// Rows that came late, sorted, each with its number.
#[derive(Debug, Default)]
pub struct Late<T> {
    ts: Vec<i64>,
    items: Vec<T>,
    seq: Vec<u64>,
}

impl<T: Item> Late<T> {
    /// Those of the rows of chunks up to `visible` with times in `[start, end)`.
    pub fn of(
        chunks: &[Arc<Chunk<AppendVec<T>>>],
        visible: u64,
        start: i64,
        end: Option<i64>,
    ) -> Self {
        let mut rows: Vec<(i64, u64, T)> = vec![];
        for chunk in chunks {
            let count = chunk.visible(visible);
            let (ts, seq, items) = (chunk.ts(count), chunk.seq(count), chunk.payload().as_slice());
            for range in chunk.in_range(count, start, end) {
                rows.extend(range.map(|row| (ts[row], seq[row], items[row])));
            }
        }
        // Of equal times they stand in the order of arrival already.
        rows.sort_by_key(|row| row.0);
        let mut late = Self { ts: vec![], items: vec![], seq: vec![] };
        late.ts.extend(rows.iter().map(|row| row.0));
        late.seq.extend(rows.iter().map(|row| row.1));
        late.items.extend(rows.iter().map(|row| row.2));
        late
    }
}

impl<T: Item> Rows<T> {
    /// The times, sorted.
    pub fn ts(&self) -> &[i64] {
        match self {
            Self::Run(run) => &run.ts,
            Self::Chunk(chunk) => chunk.ts(chunk.len()),
            Self::Late(late) => &late.ts,
        }
    }

    /// The items.
    pub fn items(&self) -> &[T] {
        match self {
            Self::Run(run) => &run.items,
            Self::Chunk(chunk) => chunk.payload().as_slice(),
            Self::Late(late) => &late.items,
        }
    }

    /// A tombstone hides the row if its number is above this.
    #[inline]
    pub fn stamp(&self, row: usize) -> u64 {
        match self {
            Self::Run(run) => run.swept,
            Self::Chunk(chunk) => chunk.seq(row + 1)[row],
            Self::Late(late) => late.seq[row],
        }
    }

    /// True if tombstones hide all of it or nothing of it at a time: one number stands for all rows.
    pub fn is_run(&self) -> bool {
        matches!(self, Self::Run(_))
    }
}

/// A stretch of sorted rows.
#[derive(Debug, Clone)]
pub struct Part<T> {
    /// The rows it is of.
    pub rows: Rows<T>,
    /// Which of them.
    pub range: Range<usize>,
    /// Of equal times those of the lower age come first: when the first row arrived, and whether
    /// they came late.
    pub age: (u64, bool),
}

impl<T: Item> Part<T> {
    /// The rows of a run with times in `[start, end)`, if there are any. Runs of L1 begin with row 0.
    pub(super) fn of_run(run: &Arc<Run<T>>, start: i64, end: Option<i64>) -> Option<Self> {
        let range = run.between(start, end);
        let rows = || Rows::Run(Arc::clone(run));
        (!range.is_empty()).then(|| Self { rows: rows(), range, age: (run.first, false) })
    }

    /// Its times.
    pub fn ts(&self) -> &[i64] {
        &self.rows.ts()[self.range.clone()]
    }
}
