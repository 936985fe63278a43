//! What is worth packing without being asked: only where it pays, so that each row is rewritten few
//! times however long the database lives.
//!
//! Segments are joined when they are many and the largest is no larger than the others together:
//! then each of their rows comes to stand in a segment at least twice as large, and no row can come
//! to do so more often than the logarithm of its table's rows. (Where rows are late by more than the
//! table's large segments cover, those are rewritten once for as many late rows as lie eight deep.)

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::db::catalog::TableView;
use crate::db::deletes::is_hidden;
use crate::db::new_segments::most_rows;
use crate::db::segment::Segment;
use crate::format::edit::{Order, SegmentEntry};
use crate::index::Span;

/// Fewer segments are not joined.
const FEWEST: usize = 8;
/// More are not joined at once.
const MOST: usize = 256;
/// A segment that so many deletes touch is rewritten without what they hide.
const MANY_DELETES: usize = 32;

type Group = Vec<Arc<Segment>>;

/// What a group may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Segments of fewer rows are joined with their neighbours.
    pub(crate) least_rows: u64,
    /// Segments of a group.
    pub(crate) most_segments: usize,
}

/// Segments of which at least half is hidden, each in a group of its own: those that are hidden as a
/// whole go without being read.
pub(crate) fn hidden_groups(table: &TableView) -> Vec<Group> {
    if table.deletes.is_empty() {
        return vec![];
    }
    let worth = table.segments.iter().filter(|segment| is_mostly_hidden(table, &segment.entry));
    worth.map(|segment| vec![Arc::clone(segment)]).collect()
}

/// A group of the table's segments that is worth packing now.
pub(crate) fn next_group(table: &TableView, limits: Limits) -> Option<Group> {
    let limits = Limits { most_segments: limits.most_segments.clamp(2, MOST), ..limits };
    let all: Group = table.segments.iter().cloned().collect();
    let hidden = || hidden_groups(table).pop();
    let unclustered = || {
        let keyed = !table.def.spec.key.is_empty();
        let large = |s: &&Arc<Segment>| u64::from(s.entry.rows) >= limits.least_rows;
        let by_time = |s: &&Arc<Segment>| s.entry.order == Order::Time;
        all.iter().find(|s| keyed && large(s) && by_time(s)).map(|s| vec![Arc::clone(s)])
    };
    hidden()
        .or_else(|| overlapping(&all, limits))
        .or_else(|| neighbours(&all, limits, most_rows(&table.def.spec)))
        .or_else(unclustered)
}

fn is_mostly_hidden(table: &TableView, segment: &SegmentEntry) -> bool {
    if is_hidden(table, segment) {
        return true;
    }
    let (least, greatest) = (segment.min_ts, segment.max_ts);
    let deletes = table.deletes_of(segment);
    let (mut hidden, mut count) = (0, 0);
    for delete in deletes {
        count += 1;
        if delete.key.is_none() {
            let start = i128::from(delete.start().max(least));
            let end = delete.end().map_or(i128::from(greatest) + 1, i128::from);
            hidden = hidden.max(end.min(i128::from(greatest) + 1) - start);
        }
    }
    // As if its rows were spread evenly.
    count >= MANY_DELETES || 2 * hidden > i128::from(greatest) - i128::from(least)
}

/// Of segments that overlap, the smallest ones that are worth joining, and no more of them.
fn overlapping(all: &[Arc<Segment>], limits: Limits) -> Option<Group> {
    let fewest = FEWEST.min(limits.most_segments);
    let (mut from, mut reach) = (0, i64::MIN);
    let mut clusters = Vec::new();
    for (at, segment) in all.iter().enumerate() {
        if segment.entry.min_ts >= reach {
            clusters.push(from..at);
            from = at;
        }
        reach = reach.max(segment.entry.max_ts);
    }
    clusters.push(from..all.len());
    clusters.into_iter().filter(|cluster| cluster.len() >= fewest).find_map(|cluster| {
        let mut segments: Group = all[cluster].to_vec();
        segments.sort_by_key(|s| (s.entry.rows.max(1).ilog2(), s.entry.min_ts));
        segments.truncate(limits.most_segments);
        let len = enough(&segments, fewest)?;
        segments.truncate(len);
        Some(segments)
    })
}

/// How many of the first segments are worth joining, by size: among those of about the last one's
/// size are enough that overlap. Those that are much smaller come along, but are no reason.
fn enough(segments: &[Arc<Segment>], fewest: usize) -> Option<usize> {
    let (mut like, mut sum) = (0, 0);
    (0..segments.len()).find_map(|last| {
        let rows = u64::from(segments[last].entry.rows);
        if rows > 2 * sum {
            like = last;
        }
        sum += rows;
        let group = &segments[like..=last];
        let worth = group.len() >= fewest && pays(group) && depth(group) >= fewest;
        worth.then_some(last + 1)
    })
}

/// Small segments that follow each other, the smallest first.
fn neighbours(all: &[Arc<Segment>], limits: Limits, fit: usize) -> Option<Group> {
    let fewest = FEWEST.min(limits.most_segments);
    let tiers = (0..=6).rev().map(|tier| limits.least_rows >> (3 * tier)).filter(|&rows| rows > 0);
    for most_rows in tiers {
        let small = |segment: &Arc<Segment>| u64::from(segment.entry.rows) < most_rows;
        for run in all.split(|segment| !small(segment)).filter(|run| run.len() >= fewest) {
            let starts = 0..=run.len() - fewest;
            let found = starts
                .map(|at| fitting(&run[at..], limits, fit))
                .find(|group| group.len() >= fewest && pays(group));
            if let Some(group) = found {
                return Some(group.to_vec());
            }
        }
    }
    None
}

/// As many of the first segments as fit one of `most` rows.
fn fitting(run: &[Arc<Segment>], limits: Limits, most: usize) -> &[Arc<Segment>] {
    let mut rows = 0;
    let fit = run.iter().take(limits.most_segments).take_while(|segment| {
        rows += segment.entry.rows as usize;
        rows <= most
    });
    &run[..fit.count()]
}

/// True if the largest is no larger than the others together.
fn pays(group: &[Arc<Segment>]) -> bool {
    let rows = || group.iter().map(|segment| u64::from(segment.entry.rows));
    2 * rows().max().unwrap_or(0) <= rows().sum()
}

/// How many of the segments overlap at one time, at most.
fn depth(segments: &[Arc<Segment>]) -> usize {
    let mut ranges: Vec<_> = segments.iter().map(|s| (s.entry.min_ts, s.entry.max_ts)).collect();
    ranges.sort_unstable();
    let (mut open, mut most) = (BinaryHeap::new(), 0);
    for (min_ts, max_ts) in ranges {
        while open.peek().is_some_and(|&Reverse(end)| end <= min_ts) {
            open.pop();
        }
        open.push(Reverse(max_ts));
        most = most.max(open.len());
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::footer::MAX_SEGMENT_ROWS;

    const LIMITS: Limits = Limits { least_rows: 1 << 18, most_segments: 64 };

    /// Segments as a table has them, with what was rewritten.
    #[derive(Default)]
    struct Model {
        all: Vec<Arc<Segment>>,
        next: u64,
        rewritten: u64,
    }

    impl Model {
        fn add(&mut self, rows: u32, min_ts: i64, max_ts: i64) {
            self.next += 1;
            self.all.push(Segment::of_nothing(self.next, rows, min_ts, max_ts));
            self.all.sort_by_key(|s| (s.entry.min_ts, s.entry.id));
        }

        /// Packs all that is worth it: groups become segments that follow each other.
        fn pack(&mut self) {
            while let Some(group) = overlapping(&self.all, LIMITS)
                .or_else(|| neighbours(&self.all, LIMITS, MAX_SEGMENT_ROWS))
            {
                assert!((FEWEST..=LIMITS.most_segments).contains(&group.len()));
                let ids: Vec<u64> = group.iter().map(|s| s.entry.id).collect();
                self.all.retain(|s| !ids.contains(&s.entry.id));
                let rows: u64 = group.iter().map(|s| u64::from(s.entry.rows)).sum();
                self.rewritten += rows;
                let start = group.iter().map(|s| s.entry.min_ts).min().unwrap();
                let end = group.iter().map(|s| s.entry.max_ts).max().unwrap();
                let pieces = rows.div_ceil(MAX_SEGMENT_ROWS as u64) as i64;
                for piece in 0..pieces {
                    let at = |n: i64| start + (end - start) * n / pieces;
                    self.add((rows / pieces as u64) as u32, at(piece), at(piece + 1));
                }
            }
        }
    }

    #[test]
    fn few_segments_are_left_alone() {
        let mut model = Model::default();
        (0..7).for_each(|i| model.add(10, i * 10, i * 10 + 5));
        model.add(1_000_000, 100, 200);
        (0..7).for_each(|i| model.add(10, 120 + i, 130 + i));
        model.pack();
        assert_eq!((model.all.len(), model.rewritten), (15, 0));
    }

    #[test]
    fn segments_in_order_are_rewritten_a_logarithm_of_times() {
        let mut model = Model::default();
        for i in 0..4096 {
            model.add(60, i * 10, i * 10 + 5);
            model.pack();
            assert!(model.all.len() < 8 * 5, "{}", model.all.len());
        }
        assert!(model.rewritten <= 6 * 4096 * 60, "{}", model.rewritten as f64 / (4096. * 60.));
    }

    #[test]
    fn late_rows_do_not_rewrite_a_large_table_each_time() {
        let mut model = Model::default();
        (0..50).for_each(|i| model.add(1_000_000, i * 1000, i * 1000 + 999));
        for _ in 0..800 {
            model.add(1000, 3, 49_000);
            model.pack();
        }
        // 0.8 million late rows among 50 million: they are joined with each other.
        assert!(model.rewritten < 5_000_000, "{}", model.rewritten);
        assert!(model.all.len() < 50 + 30, "{}", model.all.len());
    }

    #[test]
    fn large_segments_are_joined_where_reads_would_merge_many() {
        let mut model = Model::default();
        (0..10).for_each(|_| model.add(900_000, 0, 1000));
        model.pack();
        // The other two wait for more of their kind.
        assert_eq!((depth(&model.all), model.rewritten), (3, 7_200_000));
    }
}
