//! The segments of a table by least time.
//!
//! They stand in leaves that versions of the list share, so that a commit costs the same however
//! many segments there are.

use std::sync::Arc;

use crate::db::segment::Segment;

/// Most segments of a leaf.
const LEAF: usize = 128;

/// The segments of a table by least time, in leaves that are shared between versions.
#[derive(Debug, Clone, Default)]
pub(crate) struct SegmentList {
    leaves: Vec<Arc<Leaf>>,
    rows: u64,
}

#[derive(Debug, Clone)]
struct Leaf {
    segments: Vec<Arc<Segment>>,
    max_ts: i64,
    max_seq: u64,
}

impl Leaf {
    fn new(segments: Vec<Arc<Segment>>) -> Self {
        let mut leaf = Self { segments, max_ts: 0, max_seq: 0 };
        leaf.measure();
        leaf
    }

    /// Looks for the greatest time and row number again.
    fn measure(&mut self) {
        let entries = || self.segments.iter().map(|segment| &segment.entry);
        let max_ts = entries().map(|entry| entry.max_ts).max().unwrap_or(i64::MIN);
        let max_seq = entries().map(|entry| entry.max_seq).max().unwrap_or(0);
        (self.max_ts, self.max_seq) = (max_ts, max_seq);
    }

    fn min_ts(&self) -> i64 {
        self.segments.first().map_or(i64::MAX, |s| s.entry.min_ts)
    }
}

fn place(segment: &Segment) -> (i64, u64) {
    (segment.entry.min_ts, segment.entry.id)
}

impl SegmentList {
    /// Adds a segment.
    pub(crate) fn insert(&mut self, segment: Arc<Segment>) {
        self.rows += u64::from(segment.entry.rows);
        let (ts, seq, at) = (segment.entry.max_ts, segment.entry.max_seq, place(&segment));
        // The last leaf that begins at or before the segment, else the first.
        let begins_before =
            |leaf: &Arc<Leaf>| leaf.segments.first().is_some_and(|first| place(first) <= at);
        let after = match self.leaves.last() {
            // As most are that come: the latest of all.
            Some(last) if begins_before(last) => self.leaves.len(),
            _ => self.leaves.partition_point(begins_before),
        };
        let index = after.saturating_sub(1);
        let Some(leaf) = self.leaves.get_mut(index) else {
            self.leaves.push(Arc::new(Leaf::new(vec![segment])));
            return;
        };
        let leaf = Arc::make_mut(leaf);
        let position = leaf.segments.partition_point(|s| place(s) <= at);
        leaf.segments.insert(position, segment);
        (leaf.max_ts, leaf.max_seq) = (leaf.max_ts.max(ts), leaf.max_seq.max(seq));
        if leaf.segments.len() > LEAF {
            // In-order data fills leaves to the end; halves serve the rest.
            let cut = if position == LEAF { LEAF } else { LEAF / 2 };
            let tail = leaf.segments.split_off(cut);
            leaf.measure();
            self.leaves.insert(index + 1, Arc::new(Leaf::new(tail)));
        }
    }

    /// True if the segment of that number and least time is there.
    pub(crate) fn has(&self, min_ts: i64, id: u64) -> bool {
        self.find(min_ts, id).is_some()
    }

    /// The segment of that number and least time, if it is there.
    pub(crate) fn get(&self, min_ts: i64, id: u64) -> Option<Arc<Segment>> {
        let (index, found) = self.find(min_ts, id)?;
        Some(Arc::clone(&self.leaves[index].segments[found]))
    }

    /// Removes the segment of that number and least time, and returns it if it is there.
    pub(crate) fn remove(&mut self, min_ts: i64, id: u64) -> Option<Arc<Segment>> {
        let (index, found) = self.find(min_ts, id)?;
        let leaf = Arc::make_mut(&mut self.leaves[index]);
        let removed = leaf.segments.remove(found);
        self.rows -= u64::from(removed.entry.rows);
        leaf.measure();
        if leaf.segments.is_empty() {
            self.leaves.remove(index);
        }
        Some(removed)
    }

    /// The leaf of that segment, and its place in it.
    fn find(&self, min_ts: i64, id: u64) -> Option<(usize, usize)> {
        let at = (min_ts, id);
        let first = |leaf: &Arc<Leaf>| leaf.segments.first().map(|first| place(first));
        let after = self.leaves.partition_point(|leaf| first(leaf).is_some_and(|f| f <= at));
        let index = after.checked_sub(1)?;
        let found = self.leaves[index].segments.binary_search_by_key(&at, |s| place(s)).ok()?;
        Some((index, found))
    }

    /// True if `which` holds for a segment with rows in `least..=greatest`.
    pub(crate) fn any(&self, least: i64, greatest: i64, which: impl Fn(&Segment) -> bool) -> bool {
        let leaves = self.leaves.iter().take_while(|leaf| leaf.min_ts() <= greatest);
        let mut leaves = leaves.filter(|leaf| leaf.max_ts >= least);
        leaves.any(|leaf| {
            let inside = |s: &&Arc<Segment>| s.entry.max_ts >= least && s.entry.min_ts <= greatest;
            leaf.segments.iter().filter(inside).any(|segment| which(segment))
        })
    }

    /// All segments, by least time.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.leaves.iter().flat_map(|leaf| &leaf.segments)
    }

    /// Segments with rows in `[start, end)`, by least time.
    pub(crate) fn overlapping(&self, start: i64, end: Option<i64>) -> Vec<Arc<Segment>> {
        let before_end = |ts: i64| end.is_none_or(|end| ts < end);
        let leaves = self.leaves.iter().take_while(|leaf| before_end(leaf.min_ts()));
        let inside = |s: &&Arc<Segment>| s.entry.max_ts >= start && before_end(s.entry.min_ts);
        let leaves = leaves.filter(|leaf| leaf.max_ts >= start);
        leaves.flat_map(|leaf| leaf.segments.iter().filter(inside)).cloned().collect()
    }

    /// Segments with rows of numbers above `seq`, by least time.
    pub(crate) fn numbered_after(&self, seq: u64) -> impl Iterator<Item = &Arc<Segment>> {
        let leaves = self.leaves.iter().filter(move |leaf| leaf.max_seq > seq);
        let segments = leaves.flat_map(|leaf| &leaf.segments);
        segments.filter(move |segment| segment.entry.max_seq > seq)
    }

    /// Segments whose greatest time is at or past what `least` says, which may rise as the caller
    /// learns more; the last ones first.
    pub(crate) fn latest(&self, mut visit: impl FnMut(&Arc<Segment>), least: impl Fn() -> i64) {
        for leaf in self.leaves.iter().rev().filter(|leaf| leaf.max_ts >= least()) {
            for segment in leaf.segments.iter().rev() {
                if segment.entry.max_ts >= least() {
                    visit(segment);
                }
            }
        }
    }

    /// How many segments.
    pub(crate) fn len(&self) -> usize {
        self.leaves.iter().map(|leaf| leaf.segments.len()).sum()
    }

    /// Rows of all segments.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Least time of all rows.
    pub(crate) fn min_ts(&self) -> Option<i64> {
        self.leaves.first().map(|leaf| leaf.min_ts())
    }

    /// Greatest time of all rows.
    pub(crate) fn max_ts(&self) -> Option<i64> {
        self.leaves.iter().map(|leaf| leaf.max_ts).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(id: u64, min_ts: i64, max_ts: i64) -> Arc<Segment> {
        Segment::of_nothing(id, 1, min_ts, max_ts)
    }

    proptest! {
        #[test]
        fn a_list_finds_what_overlaps(
            spans in prop::collection::vec((0i64..1000, 0i64..50), 1..600),
            removed in prop::collection::vec(0usize..600, 0..50),
            start in -10i64..1000,
            len in 0i64..200,
        ) {
            let mut list = SegmentList::default();
            for (id, (min, len)) in spans.iter().enumerate() {
                list.insert(segment(id as u64, *min, min + len));
            }
            let mut kept: Vec<usize> = (0..spans.len()).collect();
            for id in removed {
                let there = kept.contains(&id);
                let min_ts = spans.get(id).map_or(0, |span| span.0);
                prop_assert_eq!(list.remove(min_ts, id as u64).is_some(), there);
                kept.retain(|k| *k != id);
            }
            prop_assert_eq!((list.len(), list.rows()), (kept.len(), kept.len() as u64));
            let end = start + len;
            let mut expected: Vec<_> = kept
                .iter()
                .filter(|id| spans[**id].0 + spans[**id].1 >= start && spans[**id].0 < end)
                .map(|id| (spans[*id].0, *id as u64))
                .collect();
            expected.sort_unstable();
            let found: Vec<_> = list.overlapping(start, Some(end)).iter().map(|s| place(s)).collect();
            prop_assert_eq!(found, expected);
            let mut later: Vec<_> = list.numbered_after(len as u64).map(|s| s.entry.id).collect();
            later.sort_unstable();
            let expected: Vec<_> =
                kept.iter().map(|id| *id as u64).filter(|id| *id > len as u64).collect();
            prop_assert_eq!(later, expected, "by number, which is the id here");
            prop_assert_eq!(list.min_ts(), kept.iter().map(|id| spans[*id].0).min());
            prop_assert_eq!(list.max_ts(), kept.iter().map(|id| spans[*id].0 + spans[*id].1).max());
        }
    }
}
