//! Rows as they arrive, in chunks of fixed capacity.
//!
//! A chunk is filled by one writer while readers read it: a reader holds the chunk and knows up to
//! which row number it may look. As row numbers ascend in arrival order, that is a prefix. A full
//! chunk is followed by a larger one, up to [`MAX_CHUNK_ROWS`], so that a table with few rows
//! costs little.

#![allow(unsafe_code)] // passes on the one-writer promise of `AppendVec`

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::index::append_vec::AppendVec;

/// Rows of the first chunk of a memtable.
const MIN_CHUNK_ROWS: usize = 256;
/// Rows of the largest chunk, unless a single batch is larger.
pub const MAX_CHUNK_ROWS: usize = 1 << 16;

/// What a chunk stores besides time and row number.
pub trait Payload: Send + Sync + Sized {
    /// What it takes to make one.
    type Layout;
    /// An empty payload for `rows` rows.
    fn with_capacity(layout: &Self::Layout, rows: usize) -> Self;
}

/// A run of rows in arrival order.
#[derive(Debug)]
pub struct Chunk<P> {
    ts: AppendVec<i64>,
    seq: AppendVec<u64>,
    payload: P,
    /// Times never descend.
    ascending: AtomicBool,
    /// Times never repeat either: each is above the one before it.
    distinct: AtomicBool,
}

impl<P: Payload> Chunk<P> {
    fn new(layout: &P::Layout, rows: usize) -> Self {
        Self {
            ts: AppendVec::with_capacity(rows),
            seq: AppendVec::with_capacity(rows),
            payload: P::with_capacity(layout, rows),
            ascending: AtomicBool::new(true),
            distinct: AtomicBool::new(true),
        }
    }

    /// What is stored besides times and row numbers.
    pub fn payload(&self) -> &P {
        &self.payload
    }

    /// How many more rows it can take.
    pub fn room(&self) -> usize {
        self.seq.room()
    }

    /// Publishes rows whose payload was pushed before. The row numbers begin with `first_seq`.
    ///
    /// # Safety
    /// No other thread may be in this call on the same chunk.
    #[inline]
    pub unsafe fn publish(&self, ts: &[i64], first_seq: u64) {
        let before = self.ts.as_slice().last();
        let follows = before.zip(ts.first()).is_none_or(|(before, first)| before < first);
        if !follows || !ts.is_sorted_by(|a, b| a < b) {
            self.distinct.store(false, Ordering::Relaxed);
            let descends = before.zip(ts.first()).is_some_and(|(before, first)| before > first);
            if descends || !ts.is_sorted() {
                self.ascending.store(false, Ordering::Relaxed);
            }
        }
        // SAFETY: passed on to the caller. The row numbers go last: readers count by them.
        unsafe {
            self.ts.extend(ts);
            for i in 0..ts.len() as u64 {
                self.seq.push(first_seq + i);
            }
        }
    }

    /// The rows with numbers up to `visible`: how many, a prefix.
    pub fn visible(&self, visible: u64) -> usize {
        let seq = self.seq.as_slice();
        match seq.last() {
            Some(last) if *last <= visible => seq.len(),
            _ => seq.partition_point(|s| *s <= visible),
        }
    }

    /// The times of the first `rows` rows.
    pub fn ts(&self, rows: usize) -> &[i64] {
        &self.ts.as_slice()[..rows]
    }

    /// The row numbers of the first `rows` rows.
    pub fn seq(&self, rows: usize) -> &[u64] {
        &self.seq.as_slice()[..rows]
    }

    /// True if the times of these rows never descend. (A row that arrives late after the rows a
    /// reader looks at may make this false for them too: it costs a sort, never a wrong answer.)
    pub fn is_ascending(&self) -> bool {
        self.ascending.load(Ordering::Relaxed)
    }

    /// True if each of these times is above the one before it.
    pub fn is_distinct(&self) -> bool {
        self.distinct.load(Ordering::Relaxed)
    }

    /// Positions among the first `rows` rows with times in `[start, end)`, in arrival order.
    pub fn in_range(&self, rows: usize, start: i64, end: Option<i64>) -> Vec<Range<usize>> {
        let ts = self.ts(rows);
        if self.is_ascending() || ts.is_sorted() {
            let from = ts.partition_point(|t| *t < start);
            let to = end.map_or(rows, |end| ts.partition_point(|t| *t < end));
            return Some(from..to).filter(|rows| !rows.is_empty()).into_iter().collect();
        }
        let inside = |t: &i64| *t >= start && end.is_none_or(|end| *t < end);
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for (i, t) in ts.iter().enumerate() {
            if inside(t) {
                match ranges.last_mut() {
                    Some(last) if last.end == i => last.end = i + 1,
                    _ => ranges.push(i..i + 1),
                }
            }
        }
        ranges
    }
}

/// The chunk that rows go to now, and how large the next one is to be. Sealed chunks are kept by
/// whoever shows them to readers.
#[derive(Debug)]
pub struct Memtable<P: Payload> {
    layout: P::Layout,
    current: Option<Arc<Chunk<P>>>,
    next_rows: usize,
}

impl<P: Payload> Memtable<P> {
    /// An empty memtable.
    pub fn new(layout: P::Layout) -> Self {
        Self { layout, current: None, next_rows: MIN_CHUNK_ROWS }
    }

    /// What chunks are made by.
    pub fn layout(&self) -> &P::Layout {
        &self.layout
    }

    /// The chunk that rows go to.
    #[inline]
    pub fn current(&self) -> Option<&Arc<Chunk<P>>> {
        self.current.as_ref()
    }

    /// Begins a new chunk with room for at least `rows`, and returns it.
    pub fn start_chunk(&mut self, rows: usize) -> Arc<Chunk<P>> {
        let chunk = Arc::new(Chunk::new(&self.layout, self.next_rows.max(rows)));
        self.next_rows = (self.next_rows * 4).min(MAX_CHUNK_ROWS);
        self.current = Some(Arc::clone(&chunk));
        chunk
    }

    /// Seals the current chunk: the next row begins a new one.
    pub fn seal(&mut self) {
        self.current = None;
        self.next_rows = MIN_CHUNK_ROWS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Payload for () {
        type Layout = ();
        fn with_capacity((): &(), _rows: usize) -> Self {}
    }

    #[test]
    fn ranges_and_visibility_follow_arrival() {
        let mut memtable = Memtable::<()>::new(());
        let chunk = memtable.start_chunk(10);
        // SAFETY: only this thread writes.
        unsafe {
            chunk.publish(&[10, 20, 20], 5);
            assert!(chunk.is_ascending() && !chunk.is_distinct());
            assert_eq!(chunk.in_range(3, 20, None).first(), Some(&(1..3)));
            assert_eq!(chunk.in_range(3, 11, Some(20)), vec![]);
            chunk.publish(&[15], 9);
        }
        assert!(!chunk.is_ascending());
        assert_eq!(chunk.in_range(4, 10, Some(16)), vec![0..1, 3..4]);
        assert_eq!(chunk.in_range(3, 10, Some(16)).len(), 1, "before the late row came");
        assert_eq!([4, 5, 7, 8, 9].map(|s| chunk.visible(s)), [0, 1, 3, 3, 4]);
        memtable.seal();
        assert!(memtable.current().is_none());
    }
}
