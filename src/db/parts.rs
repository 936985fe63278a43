//! A scan cut into stretches of time, each of which is read by one thread: all of a row's way out,
//! from the block to the result, and not only the decoding, is done on all cores.
//!
//! Where to cut depends on the segments alone, never on the machine, so that sums of floats come to
//! the same everywhere.

use std::collections::VecDeque;
use std::fmt;

use crate::db::parallel;
use crate::db::plan::Plan;
use crate::error::Result;
use crate::format::edit::SegmentEntry;

/// Rows of a stretch, and more: those of its last segment. Tests have small tables.
const PART_ROWS: u64 = if cfg!(any(test, feature = "sim")) { 100 } else { 1 << 19 };
/// Stretches that are read before anything of them is handed on.
const AT_ONCE: usize = 8;

impl Plan {
    /// The times at which to cut it, ascending: none if it gives only some of its rows, or counts
    /// what it does.
    pub(crate) fn cuts(&self) -> Vec<i64> {
        let mut cuts = vec![];
        if self.skip > 0 || self.limit < u64::MAX || self.is_counted() {
            return cuts;
        }
        let (mut rows, mut last) = (0, self.start());
        for segment in self.segments_between() {
            let entry = &segment.entry;
            if rows >= PART_ROWS && entry.min_ts > last {
                cuts.push(entry.min_ts);
                (rows, last) = (0, entry.min_ts);
            }
            rows += self.rows_of(entry);
        }
        cuts
    }

    /// About how many rows of a segment are in the range, as if their times lay evenly.
    fn rows_of(&self, entry: &SegmentEntry) -> u64 {
        let (first, last) = (i128::from(entry.min_ts), i128::from(entry.max_ts));
        let start = first.max(self.start().into());
        let end = self.end().map_or(last, |end| last.min(i128::from(end) - 1));
        let share = (end - start + 1).max(0) as f64 / (last - first + 1) as f64;
        (f64::from(entry.rows) * share) as u64
    }

    /// The plan cut at these times, in the order of reading.
    pub(crate) fn cut(&self, cuts: &[i64]) -> VecDeque<Self> {
        let starts = std::iter::once(self.start()).chain(cuts.iter().copied());
        let ends = cuts.iter().copied().map(Some).chain([self.end()]);
        let parts = starts.zip(ends).map(|(start, end)| self.between(start, end));
        let mut parts: VecDeque<Self> = parts.collect();
        if self.is_reverse() {
            parts.make_contiguous().reverse();
        }
        parts
    }
}

type Make<P, T> = dyn Fn(&P) -> Result<Vec<T>> + Send + Sync;

/// What is made of parts, several of them at a time, in their order.
pub(crate) struct Parts<P, T> {
    rest: VecDeque<P>,
    ready: VecDeque<T>,
    make: Box<Make<P, T>>,
}

impl<P: Sync, T: Send> Parts<P, T> {
    pub(crate) fn new(
        parts: VecDeque<P>,
        make: impl Fn(&P) -> Result<Vec<T>> + Send + Sync + 'static,
    ) -> Self {
        Self { rest: parts, ready: VecDeque::new(), make: Box::new(make) }
    }

    /// The next of what is made; `None` at the end, and after an error.
    pub(crate) fn next(&mut self) -> Result<Option<T>> {
        while self.ready.is_empty() && !self.rest.is_empty() {
            let now: Vec<P> = self.rest.drain(..AT_ONCE.min(self.rest.len())).collect();
            let made = parallel::map(now.len(), || (), |(), at| (self.make)(&now[at]));
            let made = made.into_iter().collect::<Result<Vec<_>>>();
            let made = made.inspect_err(|_| self.rest.clear())?;
            self.ready.extend(made.into_iter().flatten());
        }
        Ok(self.ready.pop_front())
    }
}

impl<P, T> fmt::Debug for Parts<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("rest", &self.rest.len()).finish_non_exhaustive()
    }
}
