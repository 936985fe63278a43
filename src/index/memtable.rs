//! Rows as they arrive, in chunks of fixed capacity.
//!
//! A chunk is filled by one writer while readers read it: a reader holds the chunk and knows up to
//! which row number it may look. As row numbers ascend in arrival order, that is a prefix. A full
//! chunk is followed by a larger one, up to [`MAX_CHUNK_ROWS`], so that a table with few rows
//! costs little.

#![allow(unsafe_code)] // passes on the one-writer promise of `AppendVec`

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

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
    /// Of each [`ZONE_ROWS`] rows, so that what is looked for in times that do descend is looked for
    /// where it can be.
    zones: Box<[Zone]>,
}

/// Rows of a zone.
const ZONE_ROWS: usize = 1024;

/// Times of the rows of a zone lie between these: also of rows that a reader may not look at yet.
#[derive(Debug)]
struct Zone {
    min: AtomicI64,
    max: AtomicI64,
}

impl Zone {
    fn new() -> Self {
        Self { min: AtomicI64::new(i64::MAX), max: AtomicI64::new(i64::MIN) }
    }

    /// Widens it, by the one thread that writes. Whoever sees a row published later sees this.
    fn widen(&self, min: i64, max: i64) {
        self.min.store(min.min(self.min.load(Ordering::Relaxed)), Ordering::Relaxed);
        self.max.store(max.max(self.max.load(Ordering::Relaxed)), Ordering::Relaxed);
    }

    fn bounds(&self) -> (i64, i64) {
        (self.min.load(Ordering::Relaxed), self.max.load(Ordering::Relaxed))
    }
}

impl<P: Payload> Chunk<P> {
    fn new(layout: &P::Layout, rows: usize) -> Self {
        Self {
            ts: AppendVec::with_capacity(rows),
            seq: AppendVec::with_capacity(rows),
            payload: P::with_capacity(layout, rows),
            ascending: AtomicBool::new(true),
            zones: (0..rows.div_ceil(ZONE_ROWS)).map(|_| Zone::new()).collect(),
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

    /// How many rows were published.
    pub fn len(&self) -> usize {
        self.seq.as_slice().len()
    }

    /// True if none was.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Publishes rows whose payload was pushed before. The row numbers begin with `first_seq`.
    ///
    /// # Safety
    /// No other thread may be in this call on the same chunk.
    #[inline]
    pub unsafe fn publish(&self, ts: &[i64], first_seq: u64) {
        self.note_zones(self.ts.as_slice().len(), ts);
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

    #[inline]
    fn note_zones(&self, mut at: usize, mut ts: &[i64]) {
        while let Some(zone) = self.zones.get(at / ZONE_ROWS).filter(|_| !ts.is_empty()) {
            let (here, rest) = ts.split_at(ts.len().min(ZONE_ROWS - at % ZONE_ROWS));
            let (min, max) =
                here.iter().fold((i64::MAX, i64::MIN), |(a, b), &t| (a.min(t), b.max(t)));
            zone.widen(min, max);
            (at, ts) = (at + here.len(), rest);
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

    /// The latest stretches of the first `rows` rows, each with a time that none in it is past, the
    /// greatest of those first.
    pub fn latest(&self, rows: usize) -> Vec<(i64, Range<usize>)> {
        let zone =
            |(zone, from): (&Zone, usize)| (zone.bounds().1, from..rows.min(from + ZONE_ROWS));
        let mut zones: Vec<_> =
            self.zones.iter().zip((0..rows).step_by(ZONE_ROWS)).map(zone).collect();
        zones.sort_unstable_by_key(|zone| std::cmp::Reverse(zone.0));
        zones
    }

    /// The least and the greatest time of the rows that were published; none if there are none.
    pub fn ends(&self) -> Option<(i64, i64)> {
        let used = self.zones.iter().take(self.len().div_ceil(ZONE_ROWS));
        used.map(Zone::bounds).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
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
        let inside = |t: i64| t >= start && end.is_none_or(|end| t < end);
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let mut add = |rows: Range<usize>| match ranges.last_mut() {
            Some(last) if last.end == rows.start => last.end = rows.end,
            _ => ranges.push(rows),
        };
        for (zone, from) in self.zones.iter().zip((0..rows).step_by(ZONE_ROWS)) {
            let to = rows.min(from + ZONE_ROWS);
            let (min, max) = zone.bounds();
            if inside(min) && inside(max) {
                add(from..to);
            } else if max >= start && end.is_none_or(|end| min < end) {
                (from..to).filter(|&row| inside(ts[row])).for_each(|row| add(row..row + 1));
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
    fn ranges_of_late_rows_are_what_each_row_says() {
        let mut memtable = Memtable::<()>::new(());
        let chunk = memtable.start_chunk(5000);
        let times: Vec<i64> = (0..5000).map(|i| if i % 50 == 7 { i / 3 } else { i }).collect();
        for (at, part) in (0..).step_by(700).zip(times.chunks(700)) {
            // SAFETY: only this thread writes.
            unsafe { chunk.publish(part, at + 1) };
        }
        for (rows, start, end) in
            [(5000, 0, None), (5000, 1000, Some(2100)), (3000, -5, Some(1)), (4999, 4000, None)]
        {
            let inside = |t: i64| t >= start && end.is_none_or(|end| t < end);
            let expected: Vec<_> = (0..rows).filter(|&row| inside(times[row])).collect();
            let found = chunk.in_range(rows, start, end);
            assert!(found.windows(2).all(|two| two[0].end < two[1].start));
            assert_eq!(found.into_iter().flatten().collect::<Vec<_>>(), expected);
        }
        let latest = chunk.latest(3000);
        assert!(latest.windows(2).all(|two| two[0].0 >= two[1].0));
        assert_eq!(latest.iter().map(|zone| zone.1.len()).sum::<usize>(), 3000);
        let greatest = times.iter().max().copied();
        assert_eq!(chunk.ends(), times.iter().min().copied().zip(greatest));
        assert!(latest.iter().all(|(most, rows)| times[rows.clone()].iter().all(|t| t <= most)));
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
