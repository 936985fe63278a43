//! How many rows a scan has, with as few as possible read.
//!
//! Segments know how many rows they have. Where a table keeps one row of each time and key, and runs
//! of it overlap, rows of one may have given way to those of another: there, and nowhere else, times
//! and keys are merged.

use std::sync::Arc;

use crate::base::schema::DataType;
use crate::db::batches::TableBatches;
use crate::db::plan::Plan;
use crate::db::sorted::Pieces;
use crate::error::Result;
use crate::format::edit::SegmentEntry;
use crate::index::conflict::contested;

/// Rows merged at a time.
const MERGED_ROWS: usize = 65_536;

/// A run as far as it concerns a scan: its least and greatest time, and the segment that it is of.
struct Run<'a> {
    span: (i64, i64),
    entry: Option<&'a SegmentEntry>,
}

impl Plan {
    /// How many rows the result has.
    pub(crate) fn result_rows(&self) -> Result<u64> {
        Ok(self.count(self.start())?.saturating_sub(self.skip).min(self.limit))
    }

    /// Rows from `start` to the end.
    pub(crate) fn count(&self, start: i64) -> Result<u64> {
        if !self.rule().keeps_one() {
            return self.count_runs(start);
        }
        let (mut count, mut rest) = (0, Some(start));
        for (first, last) in self.contested(start) {
            if let Some(from) = rest {
                count += self.between(from, Some(first)).count_runs(from)?;
            }
            rest = last.checked_add(1);
            count += self.between(first, rest).count_merged()?;
        }
        Ok(count + rest.map_or(Ok(0), |from| self.count_runs(from))?)
    }

    /// The stretches of time in which rows of one run may have given way to those of another.
    fn contested(&self, start: i64) -> Vec<(i64, i64)> {
        let segments = self.segments(start);
        let last = self.end().map_or(i64::MAX, |end| end.saturating_sub(1));
        let runs = segments.iter().map(|(segment, _)| {
            let entry = &segment.entry;
            Run { span: (entry.min_ts.max(start), entry.max_ts.min(last)), entry: Some(entry) }
        });
        let mut runs: Vec<Run<'_>> = runs.collect();
        if let Some(span) = span(&self.memtable_pieces(start)) {
            runs.push(Run { span, entry: None });
        }
        runs.sort_by_key(|run| run.span.0);
        contested(&runs, |run| run.span, |a, b| share_keys(a.entry, b.entry))
    }

    fn count_merged(&self) -> Result<u64> {
        let mut count = 0;
        for piece in TableBatches::new(Arc::new(self.times()), MERGED_ROWS)? {
            count += piece?[0].len(DataType::I64) as u64;
        }
        Ok(count)
    }
}

/// True unless two segments are known to have no key in common.
fn share_keys(a: Option<&SegmentEntry>, b: Option<&SegmentEntry>) -> bool {
    match (a.map(|a| &a.key_range), b.map(|b| &b.key_range)) {
        (Some(Some((a, b))), Some(Some((c, d)))) => a <= d && c <= b,
        _ => true,
    }
}

/// Least and greatest time of rows of a memtable.
fn span(pieces: &Pieces) -> Option<(i64, i64)> {
    let mut span: Option<(i64, i64)> = None;
    for (chunk, rows) in pieces {
        let ts = &chunk.ts(rows.end)[rows.clone()];
        let ends = match chunk.is_ascending() {
            true => ts.first().copied().zip(ts.last().copied()),
            false => ts.iter().copied().min().zip(ts.iter().copied().max()),
        };
        span = match (span, ends) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (known, ends) => known.or(ends),
        };
    }
    span
}
