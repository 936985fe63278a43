//! Tombstones in the order they were written, in a list whose versions share their parts: a reader
//! keeps the list it found while the writer adds to a new one.
//!
//! What a tombstone hides is told by sequence: rows that were written before it, in its range, and
//! nothing that came after. The list knows of ranges only; the sequence is for its user to compare.

use std::cmp::Ordering;
use std::sync::Arc;

/// A range of time that something hides.
pub trait Span {
    /// The first time.
    fn start(&self) -> i64;
    /// The time before which it ends; `None` where it does not.
    fn end(&self) -> Option<i64>;

    /// True if it hides something in `least..=greatest`.
    fn touches(&self, least: i64, greatest: i64) -> bool {
        self.start() <= greatest && self.end().is_none_or(|end| end > least)
    }

    /// True if it covers all of `least..=greatest`.
    fn covers(&self, least: i64, greatest: i64) -> bool {
        self.start() <= least && self.end().is_none_or(|end| end > greatest)
    }
}

/// Tombstones of a part, so that a new version copies as few as it must.
const PART: usize = 128;

/// A list of tombstones, cheap to clone and to add to.
#[derive(Debug, Clone)]
pub struct Tombstones<T> {
    parts: Vec<Arc<Part<T>>>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Part<T> {
    items: Vec<T>,
    /// The least start and the greatest end, so that a part is passed over as a whole.
    start: i64,
    end: Option<i64>,
}

impl<T> Default for Tombstones<T> {
    fn default() -> Self {
        Self { parts: Vec::new(), len: 0 }
    }
}

impl<T: Span + Clone> Tombstones<T> {
    /// How many.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds the newest one.
    pub fn push(&mut self, item: T) {
        self.len += 1;
        let (start, end) = (item.start(), item.end());
        match self.parts.last_mut().filter(|part| part.items.len() < PART) {
            Some(part) => {
                let part = Arc::make_mut(part);
                part.items.push(item);
                part.start = part.start.min(start);
                part.end = part.end.zip(end).map(|(a, b)| a.max(b));
            }
            None => self.parts.push(Arc::new(Part { items: vec![item], start, end })),
        }
    }

    /// Removes the newest ones as long as `gone` says so.
    pub fn pop_while(&mut self, gone: impl Fn(&T) -> bool) {
        while let Some(part) = self.parts.last_mut() {
            let kept = part.items.iter().rposition(|item| !gone(item)).map_or(0, |last| last + 1);
            self.len -= part.items.len() - kept;
            if kept == part.items.len() {
                return;
            }
            // The part's range stays as it is, as in `remove`.
            Arc::make_mut(part).items.truncate(kept);
            if kept > 0 {
                return;
            }
            self.parts.pop();
        }
    }

    /// All of them, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.parts.iter().flat_map(|part| &part.items)
    }

    /// Those that hide something in `least..=greatest`, the oldest first.
    pub fn touching(&self, least: i64, greatest: i64) -> impl Iterator<Item = &T> {
        let parts = self
            .parts
            .iter()
            .filter(move |part| part.start <= greatest && part.end.is_none_or(|end| end > least));
        let items = parts.flat_map(|part| &part.items);
        items.filter(move |item| item.touches(least, greatest))
    }

    /// Removes the one that `order` finds: how an item stands to it, in the order of the list.
    pub fn remove(&mut self, order: impl Fn(&T) -> Ordering) -> bool {
        let begins_before =
            |part: &Arc<Part<T>>| part.items.first().is_some_and(|i| order(i).is_le());
        let Some(at) = self.parts.partition_point(begins_before).checked_sub(1) else {
            return false;
        };
        let Ok(found) = self.parts[at].items.binary_search_by(&order) else { return false };
        // The part's range stays as it is: too wide costs a look, too narrow would miss something.
        Arc::make_mut(&mut self.parts[at]).items.remove(found);
        if self.parts[at].items.is_empty() {
            self.parts.remove(at);
        }
        self.len -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Range(i64, Option<i64>);

    impl Span for Range {
        fn start(&self) -> i64 {
            self.0
        }
        fn end(&self) -> Option<i64> {
            self.1
        }
    }

    proptest! {
        #[test]
        fn a_list_finds_what_touches(
            spans in prop::collection::vec((0i64..1000, prop::option::of(1i64..50)), 0..400),
            least in -10i64..1000,
            len in 0i64..100,
        ) {
            let all: Vec<_> = spans.iter().map(|&(s, len)| Range(s, len.map(|l| s + l))).collect();
            let mut list = Tombstones::default();
            let mut versions = vec![];
            for range in &all {
                versions.push(list.clone());
                list.push(range.clone());
            }
            let greatest = least + len;
            let hides = |r: &&Range| (least..=greatest).any(|t| r.0 <= t && r.1.is_none_or(|e| t < e));
            let expected: Vec<_> = all.iter().filter(hides).collect();
            prop_assert_eq!(list.touching(least, greatest).collect::<Vec<_>>(), expected);
            for (len, version) in versions.iter().enumerate() {
                prop_assert_eq!(version.len(), len);
                prop_assert!(version.iter().eq(&all[..len]));
            }
        }

        #[test]
        fn the_newest_are_popped(count in 0i64..400, kept in 0i64..400) {
            let mut list = Tombstones::default();
            (0..count).for_each(|at| list.push(Range(at, Some(at + 1))));
            list.pop_while(|range| range.0 >= kept);
            prop_assert!(list.iter().map(|range| range.0).eq(0..count.min(kept)));
            prop_assert_eq!(list.len(), count.min(kept) as usize);
        }

        #[test]
        fn what_is_removed_is_gone(count in 0i64..400, removed in prop::collection::vec(0i64..400, 0..300)) {
            let (mut list, mut kept) = (Tombstones::default(), std::collections::BTreeSet::new());
            for at in 0..count {
                list.push(Range(at, Some(at + 1)));
                kept.insert(at);
            }
            for at in removed {
                prop_assert_eq!(list.remove(|r| r.0.cmp(&at)), kept.remove(&at));
            }
            prop_assert!(list.iter().map(|r| r.0).eq(kept.iter().copied()));
            prop_assert_eq!(list.len(), kept.len());
            prop_assert_eq!(list.touching(10, 12).count(), kept.range(10..=12).count());
        }
    }
}
