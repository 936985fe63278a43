//! Merging sorted runs.
//!
//! Runs come as heads: the part of each run that is at hand. The merge names the next stretch of
//! one head that comes before everything in the others, so that data which is mostly in order is
//! copied by stretches and not by rows. Ties are for the runs to decide: they compare rows whole.
//! Where a rule lets one stay of rows that are the same, a stretch is without those that do not: no
//! run has two of them, so they can only be its first row and its last.

use std::cmp::Ordering;

use crate::base::schema::OnConflict;
use crate::index::conflict::stays;

/// The part of a sorted run that is at hand.
pub trait Head {
    /// Rows at hand.
    fn rows(&self) -> usize;
    /// What rows are compared by first: it never descends within a run.
    fn rank(&self, row: usize) -> i64;
    /// Compares row `row` of this head with row `other_row` of another, where their ranks are equal.
    fn compare(&self, row: usize, other: &Self, other_row: usize) -> Ordering;
    /// True if the two rows are the same but for when they arrived. Asked only where one of them
    /// may have to go.
    fn same(&self, row: usize, other: &Self, other_row: usize) -> bool;
}

/// A merge of heads, of which each has a position.
#[derive(Debug)]
pub struct Merge<H> {
    heads: Vec<(H, usize)>,
    /// Heads that are not used up, by their next row, the last one first; each with the rank of that
    /// row, so that most comparisons need not look into it.
    order: Vec<(i64, usize)>,
    rule: OnConflict,
    /// The next row is the same as the one before it.
    repeats: bool,
}

/// A stretch of one head that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Which head.
    pub head: usize,
    /// Its first row.
    pub start: usize,
    /// How many rows: none where a row came next that does not stay.
    pub len: usize,
}

impl<H: Head> Merge<H> {
    /// A merge of these heads, each with at least one row. Unless the rule keeps all rows, none of
    /// them has two that are the same, nor have the parts of a run that follow each other.
    pub fn new(heads: Vec<H>, rule: OnConflict) -> Self {
        let heads: Vec<_> = heads.into_iter().map(|head| (head, 0)).collect();
        let order = Vec::with_capacity(heads.len());
        let mut merge = Self { order, heads, rule, repeats: false };
        for index in 0..merge.heads.len() {
            merge.insert(index);
        }
        merge
    }

    /// Adds a head that comes after those there are, and says which it is.
    pub fn add(&mut self, head: H) -> usize {
        self.heads.push((head, 0));
        self.insert(self.heads.len() - 1);
        self.heads.len() - 1
    }

    /// The head whose row is next, and that row.
    pub fn peek(&self) -> Option<(&H, usize)> {
        self.order.last().map(|&(_, index)| (&self.heads[index].0, self.heads[index].1))
    }

    /// The next stretch, of at most `limit` rows; `None` when all heads are used up. If a head is
    /// used up afterwards (see [`Merge::is_used_up`]), its run's next part must be given by
    /// [`Merge::refill`] before the next call, or the run be ended by [`Merge::end`].
    pub fn next(&mut self, limit: usize) -> Option<Stretch> {
        let (_, index) = self.order.pop()?;
        let (head, start) = (&self.heads[index].0, self.heads[index].1);
        let most = (head.rows() - start).min(limit);
        let (len, repeated) = match self.order.last() {
            None => (most, false),
            Some(&(rank, second)) => {
                let (other, other_row) = (&self.heads[second].0, self.heads[second].1);
                // The first row of the popped head is known to come first.
                let len = 1 + gallop(most - 1, |i| {
                    let row = start + 1 + i;
                    let order = head.rank(row).cmp(&rank);
                    order.then_with(|| head.compare(row, other, other_row)) != Ordering::Greater
                });
                // Of all other rows that one comes next, so none of them can be the same if it is not.
                let last = start + len - 1;
                (len, self.rule.keeps_one() && head.same(last, other, other_row))
            }
        };
        let repeats = std::mem::replace(&mut self.repeats, repeated);
        self.heads[index].1 += len;
        if !self.is_used_up(index) {
            self.insert(index);
        }
        let front = usize::from(!stays(self.rule, repeats, false));
        let back = usize::from(!stays(self.rule, false, repeated));
        Some(Stretch { head: index, start: start + front, len: len - front - back })
    }

    /// True if all rows at hand of that head were given out.
    pub fn is_used_up(&self, index: usize) -> bool {
        let (head, at) = &self.heads[index];
        *at == head.rows()
    }

    /// The next part of the run of a head that is used up.
    pub fn refill(&mut self, index: usize, head: H) {
        self.heads[index] = (head, 0);
        self.insert(index);
    }

    /// The run of a head that is used up has ended: `nothing` takes the place of what was at hand.
    pub fn end(&mut self, index: usize, nothing: H) {
        self.heads[index] = (nothing, 0);
    }

    /// A head, to copy rows from.
    pub fn head(&self, index: usize) -> &H {
        &self.heads[index].0
    }

    fn insert(&mut self, index: usize) {
        let (head, row) = (&self.heads[index].0, self.heads[index].1);
        let rank = head.rank(row);
        let later = self.order.partition_point(|&(other_rank, other)| {
            let order = other_rank.cmp(&rank).then_with(|| {
                let (other_head, other_row) = &self.heads[other];
                // Equal rows come in the order of the runs.
                other_head.compare(*other_row, head, row).then(other.cmp(&index))
            });
            order == Ordering::Greater
        });
        self.order.insert(later, (rank, index));
    }
}

/// How many of `0..len` fulfil `before`, which holds for a prefix; cheap when the prefix is short.
pub fn gallop(len: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut step) = (0, 1);
    while low + step <= len && before(low + step - 1) {
        low += step;
        step *= 2;
    }
    let mut high = (low + step - 1).min(len);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug)]
    struct Rows(Vec<(i64, u64)>);

    impl Head for Rows {
        fn rows(&self) -> usize {
            self.0.len()
        }
        fn rank(&self, row: usize) -> i64 {
            self.0[row].0
        }
        fn compare(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
            self.0[row].1.cmp(&other.0[other_row].1)
        }
        fn same(&self, row: usize, other: &Self, other_row: usize) -> bool {
            self.0[row].0 == other.0[other_row].0
        }
    }

    #[test]
    fn gallop_counts_prefixes() {
        for len in 0..40 {
            for prefix in 0..=len {
                assert_eq!(gallop(len, |i| i < prefix), prefix, "{prefix} of {len}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_merge_sorts(
            rows in prop::collection::vec((0i64..30, 0usize..5), 0..300),
            part in 1usize..20,
            limit in 1usize..20,
            rule in prop::sample::select(OnConflict::ALL.to_vec()),
        ) {
            let mut runs: Vec<Vec<(i64, u64)>> = vec![vec![]; 5];
            for (seq, (ts, run)) in rows.iter().enumerate() {
                // No run has two rows that are the same, unless all are kept.
                if rule == OnConflict::All || runs[*run].iter().all(|row| row.0 != *ts) {
                    runs[*run].push((*ts, seq as u64));
                }
            }
            let mut expected: Vec<_> = runs.concat();
            expected.sort_unstable();
            match rule {
                OnConflict::All => {}
                OnConflict::First => expected.dedup_by_key(|row| row.0),
                OnConflict::Last | OnConflict::Error => {
                    expected.reverse();
                    expected.dedup_by_key(|row| row.0);
                    expected.reverse();
                }
            }
            let mut parts: Vec<Vec<Vec<(i64, u64)>>> = vec![];
            for run in &mut runs {
                run.sort_unstable();
                let mut cut: Vec<_> = run.chunks(part).map(<[_]>::to_vec).collect();
                cut.reverse();
                if !cut.is_empty() {
                    parts.push(cut);
                }
            }
            let heads = parts.iter_mut().map(|p| Rows(p.pop().unwrap())).collect();
            let mut merge = Merge::new(heads, rule);
            let mut merged = vec![];
            while let Some(stretch) = merge.next(limit) {
                let rows = &merge.head(stretch.head).0;
                merged.extend_from_slice(&rows[stretch.start..stretch.start + stretch.len]);
                if merge.is_used_up(stretch.head) {
                    match parts[stretch.head].pop() {
                        Some(next) => merge.refill(stretch.head, Rows(next)),
                        None => merge.end(stretch.head, Rows(vec![])),
                    }
                }
            }
            prop_assert_eq!(merged, expected);
        }
    }
}
