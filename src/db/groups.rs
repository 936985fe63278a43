//! What a pack takes together: segments that overlap or are small, as far as one commit should go.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::base::schema::StoragePolicy;
use crate::db::catalog::TableView;
use crate::db::new_segments::most_rows;
use crate::db::segment::Segment;
use crate::format::edit::Order;
use crate::format::footer::MAX_SEGMENT_ROWS;

/// Fewer rows than this are not worth another codec.
const COLD_ROWS: usize = 4096;
/// Rows after which a group is cut, if it can be.
pub(crate) const LINK_ROWS: u64 = 8 * MAX_SEGMENT_ROWS as u64;

/// The groups of a table's segments that are worth packing, by time: what overlaps is in one group,
/// and so are neighbours of which one is small.
pub(crate) fn choose(table: &TableView, least_rows: usize) -> Vec<Vec<Arc<Segment>>> {
    let concerned = |segment: &Segment| table.deletes_of(&segment.entry).next().is_some();
    let most_rows = most_rows(&table.def.spec);
    let keyed = !table.def.spec.key.is_empty();
    let rows = |group: &[Arc<Segment>]| group.iter().map(|s| s.entry.rows as usize).sum::<usize>();
    let mut groups: Vec<Vec<Arc<Segment>>> = Vec::new();
    let mut reach = i64::MIN;
    for segment in table.segments.iter() {
        let (first, level) = (segment.entry.min_ts, segment.entry.level);
        let small = |rows| rows < least_rows;
        let joins = groups.last().is_some_and(|group: &Vec<Arc<Segment>>| {
            // Packed segments that share one time were cut there, as its rows fill more than one.
            let packed = level > 0 && group.iter().all(|other| other.entry.level > 0);
            let overlaps = first < reach || (first == reach && !packed);
            let together = rows(group) + segment.entry.rows as usize <= most_rows;
            overlaps || (together && (small(rows(group)) || small(segment.entry.rows as usize)))
        });
        match groups.last_mut().filter(|_| joins) {
            Some(group) => group.push(Arc::clone(segment)),
            None => groups.push(vec![Arc::clone(segment)]),
        }
        reach = reach.max(segment.entry.max_ts);
    }
    // The cold codecs come with the first pack.
    let cold = matches!(table.def.spec.storage, StoragePolicy::Balanced | StoragePolicy::Size);
    let warm = |s: &Arc<Segment>| cold && s.entry.level == 0 && s.entry.rows as usize >= COLD_ROWS;
    groups.retain(|group| {
        let unordered = |s: &Arc<Segment>| keyed && s.entry.order == Order::Time;
        group.len() > 1 || group.iter().any(|s| concerned(s) || unordered(s) || warm(s))
    });
    groups
}

/// How many segments of a group are packed by the first commit. Segments that each reach into the
/// next are a chain with no end in sight: after `enough` rows, where few of them reach into those that
/// come, it is cut, and what reaches is packed once more with the rest.
pub(crate) fn first_link(group: &[Arc<Segment>], enough: u64) -> usize {
    let (mut rows, mut reaching) = (0, 0);
    // Those that may reach into the next, the one that ends first on top.
    let mut open: BinaryHeap<Reverse<(i64, u64)>> = BinaryHeap::new();
    for (index, segment) in group.iter().enumerate() {
        let (entry, len) = (&segment.entry, u64::from(segment.entry.rows));
        while let Some(&Reverse((end, ended))) = open.peek()
            && end < entry.min_ts
        {
            open.pop();
            reaching -= ended;
        }
        if rows >= enough && reaching <= rows / 4 {
            return index;
        }
        open.push(Reverse((entry.max_ts, len)));
        rows += len;
        reaching += len;
    }
    group.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments of a million rows: first and last time of each.
    fn group(times: impl IntoIterator<Item = (i64, i64)>) -> Vec<Arc<Segment>> {
        let segments = times.into_iter().map(|(a, b)| Segment::of_nothing(1, 1_000_000, a, b));
        segments.collect()
    }

    #[test]
    fn a_chain_is_cut_where_few_rows_reach_on() {
        let chain = group((0..100).map(|i| (i * 10, i * 10 + 11)));
        assert_eq!(first_link(&chain, 8_000_000), 8);
        assert_eq!(first_link(&chain[..5], 8_000_000), 5);
        // All overlap, so that every cut would have all packed once more.
        let heap = group((0..100).map(|i| (i, 1000)));
        assert_eq!(first_link(&heap, 8_000_000), 100);
        // Three reach far on, and with eight more they are a quarter.
        let far = group((0..100).map(|i| (i * 10, if i < 3 { 1000 } else { i * 10 + 9 })));
        assert_eq!(first_link(&far, 8_000_000), 12);
        assert_eq!(first_link(&[], 8_000_000), 0);
    }
}
