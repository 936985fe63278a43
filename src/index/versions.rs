//! The rows of one thing, in order of time and of arrival where times are equal, of which copies
//! share what is the same in both.
//!
//! Rows stand in leaves of up to `LEAF`. A change copies one leaf if somebody else has it too,
//! and the list of leaves; where nobody has, it is made in place. As most things have one row or
//! few, one row stands where it is told of, and few need no list of leaves.

use std::ops::Range;
use std::sync::Arc;

/// Rows of a leaf at most: a page of memory.
const LEAF: usize = 256;

type Leaf<T> = Vec<(i64, T)>;

/// See the module's description. It is empty only when its last row was taken off.
#[derive(Debug, Clone)]
pub struct Versions<T>(Body<T>);

#[derive(Debug, Clone)]
enum Body<T> {
    One((i64, T)),
    Few(Arc<Leaf<T>>),
    Many(Arc<Many<T>>),
}

/// Leaves, none of them empty.
#[derive(Debug, Clone)]
struct Many<T> {
    leaves: Vec<Arc<Leaf<T>>>,
    /// The first time of each leaf: looking for a time in these touches little memory.
    firsts: Vec<i64>,
    len: usize,
}

impl<T: Clone> Versions<T> {
    /// With one row.
    pub fn new(time: i64, item: T) -> Self {
        Self(Body::One((time, item)))
    }

    /// Of rows that are sorted by time.
    pub fn of(mut rows: Vec<(i64, T)>) -> Self {
        debug_assert!(rows.is_sorted_by_key(|row| row.0));
        if rows.len() == 1 {
            return Self(Body::One(rows.swap_remove(0)));
        }
        if rows.len() <= LEAF {
            return Self(Body::Few(Arc::new(rows)));
        }
        let len = rows.len();
        let mut leaves = Vec::with_capacity(len.div_ceil(LEAF));
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            leaves.push(Arc::new(rows.by_ref().take(LEAF).collect()));
        }
        Self(Body::Many(Arc::new(Many::of(leaves, len))))
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        match &self.0 {
            Body::One(_) => 1,
            Body::Few(leaf) => leaf.len(),
            Body::Many(many) => many.len,
        }
    }

    /// True if the last row was taken off.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last row.
    #[inline]
    pub fn last(&self) -> Option<&(i64, T)> {
        match &self.0 {
            Body::One(row) => Some(row),
            Body::Few(leaf) => leaf.last(),
            Body::Many(many) => many.leaves.last()?.last(),
        }
    }

    /// The last row with a time up to `time`.
    #[inline]
    pub fn at(&self, time: i64) -> Option<&(i64, T)> {
        // It is the last row that is asked for most.
        let last = self.last()?;
        if last.0 <= time {
            return Some(last);
        }
        let leaf = match &self.0 {
            Body::One(_) => return None,
            Body::Few(leaf) => leaf,
            Body::Many(many) => {
                &many.leaves[many.firsts.partition_point(|&t| t <= time).checked_sub(1)?]
            }
        };
        leaf[..leaf.partition_point(|row| row.0 <= time)].last()
    }

    /// How many rows have a time before `time`.
    pub fn before(&self, time: i64) -> usize {
        self.leaves()
            .map(|leaf| match leaf.last() {
                Some(last) if last.0 < time => leaf.len(),
                _ => leaf.partition_point(|row| row.0 < time),
            })
            .sum()
    }

    fn leaves(&self) -> impl DoubleEndedIterator<Item = &[(i64, T)]> {
        let (one, many) = match &self.0 {
            Body::One(row) => (std::slice::from_ref(row), [].as_slice()),
            Body::Few(leaf) => (leaf.as_slice(), [].as_slice()),
            Body::Many(many) => ([].as_slice(), many.leaves.as_slice()),
        };
        std::iter::once(one).chain(many.iter().map(|leaf| leaf.as_slice()))
    }

    /// All rows.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &(i64, T)> {
        self.leaves().flatten()
    }

    /// The rows of which `range` has the places.
    pub fn slice(&self, range: Range<usize>) -> impl Iterator<Item = &(i64, T)> {
        let mut at = 0;
        self.leaves().flat_map(move |leaf| {
            let (from, to) = (range.start.saturating_sub(at), range.end.saturating_sub(at));
            at += leaf.len();
            &leaf[from.min(leaf.len())..to.clamp(from.min(leaf.len()), leaf.len())]
        })
    }

    /// Calls `each` with the rows that no copy has.
    pub fn visit_own<E>(&self, each: &mut impl FnMut(&T) -> Result<(), E>) -> Result<(), E> {
        match &self.0 {
            Body::One(row) => each(&row.1),
            Body::Few(leaf) => visit_leaf(leaf, each),
            Body::Many(many) if Arc::strong_count(many) == 1 => {
                many.leaves.iter().try_for_each(|leaf| visit_leaf(leaf, each))
            }
            Body::Many(_) => Ok(()),
        }
    }

    /// Adds a row, after those of its time.
    pub fn insert(&mut self, time: i64, item: T) {
        match &mut self.0 {
            Body::One(_) => {
                let mut leaf = Vec::with_capacity(4);
                let Body::One(row) = std::mem::replace(&mut self.0, Body::Few(Arc::default()))
                else {
                    unreachable!("it was one above")
                };
                leaf.push(row);
                insert_in(&mut leaf, time, item);
                self.0 = Body::Few(Arc::new(leaf));
            }
            Body::Few(leaf) if leaf.len() < LEAF => insert_in(Arc::make_mut(leaf), time, item),
            Body::Few(leaf) => {
                let leaves = vec![std::mem::take(leaf)];
                let mut many = Many::of(leaves, LEAF);
                many.insert(time, item);
                self.0 = Body::Many(Arc::new(many));
            }
            Body::Many(many) => Arc::make_mut(many).insert(time, item),
        }
    }

    /// Takes the first `count` rows off and gives them to whoever has to let go of them.
    pub fn take_first(&mut self, count: usize, gone: &mut Vec<T>) {
        if count == 0 {
            return;
        }
        if count >= self.len() {
            gone.extend(self.iter().map(|row| row.1.clone()));
            // What is left of it goes here: the copies above see to it that no item does.
            self.0 = Body::Few(Arc::default());
            return;
        }
        match &mut self.0 {
            Body::One(_) => {}
            Body::Few(leaf) => take_from(leaf, count, gone),
            Body::Many(many) => {
                let many = Arc::make_mut(many);
                let mut left = count;
                let whole = many.leaves.iter().take_while(|leaf| {
                    let fits = leaf.len() <= left;
                    left -= if fits { leaf.len() } else { 0 };
                    fits
                });
                let whole = whole.count();
                for leaf in many.leaves.drain(..whole) {
                    gone.extend(leaf.iter().map(|row| row.1.clone()));
                }
                many.firsts.drain(..whole);
                take_from(&mut many.leaves[0], left, gone);
                many.firsts[0] = many.leaves[0][0].0;
                many.len -= count;
            }
        }
    }

    /// Puts other items in the places of those for which there are some. Those that were there are
    /// given to whoever has to let go of them.
    pub fn replace(&mut self, mut with: impl FnMut(&T) -> Option<T>, gone: &mut Vec<T>) {
        let mut of_leaf = |leaf: &mut Arc<Leaf<T>>| {
            for row in 0..leaf.len() {
                if let Some(item) = with(&leaf[row].1) {
                    gone.push(std::mem::replace(&mut Arc::make_mut(leaf)[row].1, item));
                }
            }
        };
        match &mut self.0 {
            Body::One(row) => {
                if let Some(item) = with(&row.1) {
                    gone.push(std::mem::replace(&mut row.1, item));
                }
            }
            Body::Few(leaf) => of_leaf(leaf),
            Body::Many(many) => Arc::make_mut(many).leaves.iter_mut().for_each(of_leaf),
        }
    }
}

impl<T: Clone> Many<T> {
    fn of(leaves: Vec<Arc<Leaf<T>>>, len: usize) -> Self {
        let firsts = leaves.iter().map(|leaf| leaf[0].0).collect();
        Self { leaves, firsts, len }
    }

    fn insert(&mut self, time: i64, item: T) {
        // Most rows are the newest so far.
        let last = self.firsts.len() - 1;
        let mut at = match self.firsts[last] <= time {
            true => last,
            false => self.firsts.partition_point(|&first| first <= time).saturating_sub(1),
        };
        if self.leaves[at].len() == LEAF {
            let full = Arc::make_mut(&mut self.leaves[at]);
            // Rows that come in order leave full leaves behind.
            let ordered = full[LEAF - 1].0 <= time;
            let mut rest = Vec::with_capacity(LEAF);
            if ordered {
                rest.push((time, item));
            } else {
                rest.extend(full.drain(LEAF / 2..));
                insert_in(if rest[0].0 <= time { &mut rest } else { full }, time, item);
                self.firsts[at] = full[0].0;
            }
            at += 1;
            self.firsts.insert(at, rest[0].0);
            self.leaves.insert(at, Arc::new(rest));
        } else {
            let leaf = Arc::make_mut(&mut self.leaves[at]);
            insert_in(leaf, time, item);
            self.firsts[at] = leaf[0].0;
        }
        self.len += 1;
    }
}

fn insert_in<T>(leaf: &mut Leaf<T>, time: i64, item: T) {
    match leaf.last() {
        Some(last) if last.0 > time => {
            leaf.insert(leaf.partition_point(|row| row.0 <= time), (time, item));
        }
        _ => leaf.push((time, item)),
    }
}

fn take_from<T: Clone>(leaf: &mut Arc<Leaf<T>>, count: usize, gone: &mut Vec<T>) {
    if count > 0 {
        gone.extend(Arc::make_mut(leaf).drain(..count).map(|row| row.1));
    }
}

fn visit_leaf<T, E>(
    leaf: &Arc<Leaf<T>>,
    each: &mut impl FnMut(&T) -> Result<(), E>,
) -> Result<(), E> {
    match Arc::strong_count(leaf) {
        1 => leaf.iter().try_for_each(|row| each(&row.1)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Insert(i64),
        Many(i64, usize),
        TakeFirst(usize),
        Copy,
        Replace(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (-50i64..50).prop_map(Step::Insert),
            2 => (-50i64..50, 1usize..600).prop_map(|(time, rows)| Step::Many(time, rows)),
            1 => (0usize..700).prop_map(Step::TakeFirst),
            2 => Just(Step::Copy),
            1 => (0u32..9).prop_map(Step::Replace),
        ]
    }

    fn check(versions: &Versions<u32>, model: &[(i64, u32)]) {
        assert!(versions.iter().eq(model));
        assert!(versions.iter().rev().eq(model.iter().rev()));
        assert_eq!((versions.len(), versions.is_empty()), (model.len(), model.is_empty()));
        assert_eq!(versions.last(), model.last());
        for time in (-52..52).step_by(3).chain([i64::MIN, i64::MAX]) {
            let before = model.partition_point(|row| row.0 <= time);
            assert_eq!(versions.at(time), model[..before].last());
            assert_eq!(versions.before(time), model.partition_point(|row| row.0 < time));
        }
        let (third, most) = (model.len() / 3, model.len() * 9 / 10);
        assert!(versions.slice(third..most).eq(&model[third..most]));
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_list_whose_copies_stay_as_they_were(
            steps in proptest::collection::vec(step(), 1..40),
        ) {
            let (mut versions, mut model) = (Versions::of(vec![]), vec![]);
            let mut copies = vec![];
            let mut number = 0;
            let mut insert = |versions: &mut Versions<u32>, model: &mut Vec<_>, time| {
                number += 1;
                versions.insert(time, number);
                model.insert(model.partition_point(|row: &(i64, u32)| row.0 <= time), (time, number));
            };
            for step in steps {
                match step {
                    Step::Insert(time) => insert(&mut versions, &mut model, time),
                    Step::Many(time, rows) => {
                        for row in 0..rows {
                            insert(&mut versions, &mut model, time + row as i64 / 100);
                        }
                    }
                    Step::TakeFirst(count) => {
                        let mut gone = vec![];
                        versions.take_first(count, &mut gone);
                        let taken: Vec<_> = model.drain(..count.min(model.len())).collect();
                        assert!(gone.iter().eq(taken.iter().map(|row| &row.1)));
                    }
                    Step::Copy => copies.push((versions.clone(), model.clone())),
                    Step::Replace(digit) => {
                        let mut gone = vec![];
                        let other = |item: &u32| (item % 9 == digit).then_some(item + 1_000_000);
                        versions.replace(other, &mut gone);
                        for row in &mut model {
                            if let Some(item) = other(&row.1) {
                                row.1 = item;
                            }
                        }
                        assert_eq!(gone.len(), gone.iter().filter(|i| **i % 9 == digit).count());
                    }
                }
                check(&versions, &model);
                check(&Versions::of(model.clone()), &model);
            }
            for (versions, model) in copies {
                check(&versions, &model);
            }
        }
    }

    #[test]
    fn only_rows_without_copies_are_visited() {
        let mut versions = Versions::of((0..1000).map(|n| (n, n)).collect());
        let count = |versions: &Versions<i64>| {
            let mut count = 0;
            let done: Result<(), ()> = versions.visit_own(&mut |_| {
                count += 1;
                Ok(())
            });
            done.unwrap();
            count
        };
        assert_eq!(count(&versions), 1000);
        let copy = versions.clone();
        assert_eq!(count(&versions), 0);
        versions.insert(10, 10);
        assert_eq!(count(&versions), 257, "both halves of the leaf that was full");
        drop(copy);
        assert_eq!(count(&versions), 1001);
    }
}
