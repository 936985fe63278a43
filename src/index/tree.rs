//! The index of a log-structured store in memory, generic over what its rows hold: who writes and
//! who maintains it change it here, by turns; who reads takes a view.
//!
//! Rows go to a memtable, those that come late apart from the others. A memtable that is sealed is
//! flushed to a run of L0, and those are compacted into L1. Both take two steps: a plan, which is
//! carried out without the tree, and its result, which is put in. One maintainer at a time, and
//! whoever writes meanwhile is in no one's way.

#![allow(unsafe_code)] // passes on the one-writer promise of `Chunk`

use std::sync::Arc;

use crate::index::compact::{Compacted, Compaction};
use crate::index::layers::{Deleted, Layers, Memory, Swept, View, cover, sweep};
use crate::index::pin::{Pins, Retired};
use crate::index::run::{Item, Late, Part, Rows, Run};
use crate::index::tombstone::Span;
use crate::index::{AppendVec, Chunk, Memtable, Tombstones};

/// See the module's description.
#[derive(Debug)]
pub struct Tree<T: Item> {
    layers: Arc<Layers<T>>,
    pins: Pins<T>,
    ordered: Memtable<AppendVec<T>>,
    late: Memtable<AppendVec<T>>,
    /// The greatest time of the memtable that takes rows; none if a new one is to begin.
    last: Option<i64>,
    /// Rows that the memtable took, those in order and those that came late.
    taken: (usize, usize),
    /// The number that the next row or tombstone gets.
    next: u64,
    /// How many rows are shown, if that is known.
    shown: Option<usize>,
    /// How often it was emptied: what was planned before is worth nothing.
    emptied: u64,
}

impl<T: Item> Default for Tree<T> {
    fn default() -> Self {
        Self {
            layers: Arc::default(),
            pins: Pins::default(),
            ordered: Memtable::new(()),
            late: Memtable::new(()),
            last: None,
            taken: (0, 0),
            next: 1,
            shown: Some(0),
            emptied: 0,
        }
    }
}

impl<T: Item> Tree<T> {
    /// Adds a row.
    #[inline]
    pub fn push(&mut self, ts: i64, item: T) {
        self.push_sorted(&[ts], &[item]);
    }

    /// Adds rows whose times do not descend.
    #[inline]
    pub fn push_sorted(&mut self, ts: &[i64], items: &[T]) {
        debug_assert!(ts.is_sorted() && ts.len() == items.len());
        let Some(&greatest) = ts.last() else { return };
        let late = self.last.map_or(0, |last| ts.partition_point(|&t| t < last));
        self.take(true, &ts[..late], &items[..late]);
        self.take(false, &ts[late..], &items[late..]);
        self.last = Some(self.last.map_or(greatest, |last| last.max(greatest)));
        self.shown = self.shown.map(|shown| shown + ts.len());
    }

    #[inline]
    fn take(&mut self, late: bool, mut ts: &[i64], mut items: &[T]) {
        while !ts.is_empty() {
            let table = if late { &self.late } else { &self.ordered };
            let chunk = match table.current().filter(|chunk| chunk.room() > 0) {
                Some(chunk) => chunk,
                None => &self.start_chunk(late),
            };
            let rows = ts.len().min(chunk.room());
            // SAFETY: `self` is borrowed for writing, and no chunk is written to but through it.
            unsafe {
                chunk.payload().extend(&items[..rows]);
                chunk.publish(&ts[..rows], self.next);
            }
            self.next += rows as u64;
            let taken = if late { &mut self.taken.1 } else { &mut self.taken.0 };
            *taken += rows;
            (ts, items) = (&ts[rows..], &items[rows..]);
        }
    }

    #[cold]
    fn start_chunk(&mut self, late: bool) -> Arc<Chunk<AppendVec<T>>> {
        let layers = Arc::make_mut(&mut self.layers);
        if self.taken == (0, 0) {
            let memory = Memory { first: self.next, ordered: vec![], late: vec![] };
            layers.memory.push(Arc::new(memory));
        }
        let table = if late { &mut self.late } else { &mut self.ordered };
        let chunk = table.start_chunk(1);
        if let Some(memory) = layers.memory.last_mut().map(Arc::make_mut) {
            let chunks = if late { &mut memory.late } else { &mut memory.ordered };
            chunks.push(Arc::clone(&chunk));
        }
        chunk
    }

    /// Adds sorted rows as a run of L0, and seals the memtable, whose rows came before them.
    pub fn push_run(&mut self, ts: Vec<i64>, items: Vec<T>) {
        if ts.is_empty() {
            return;
        }
        self.seal();
        let rows = ts.len();
        // No tombstone of a higher number was there when they came.
        let run = Run::new(ts, items, self.next, self.next + rows as u64 - 1);
        Arc::make_mut(&mut self.layers).l0.push(Arc::new(run));
        self.next += rows as u64;
        self.shown = self.shown.map(|shown| shown + rows);
    }

    /// Hides the rows with times in `[start, end)` that are there.
    pub fn delete(&mut self, start: i64, end: Option<i64>) {
        let layers = &self.layers;
        if layers.memory.is_empty() && layers.l0.is_empty() && layers.l1.is_empty() {
            return;
        }
        let deleted = Deleted { start, end, seq: self.next };
        self.next += 1;
        self.shown = None;
        // The newest hides whatever those hide that it covers.
        let covered = |old: &Deleted| {
            start <= old.start && end.is_none_or(|end| old.end.is_some_and(|old| old <= end))
        };
        let tombstones = &mut Arc::make_mut(&mut self.layers).tombstones;
        tombstones.pop_while(covered);
        tombstones.push(deleted);
    }

    /// Rows of the memtable that takes rows: those in order and those that came late.
    #[inline]
    pub fn taken(&self) -> (usize, usize) {
        self.taken
    }

    /// How many memtables wait for being flushed.
    #[inline]
    pub fn sealed(&self) -> usize {
        self.layers.memory.len() - usize::from(self.taken != (0, 0))
    }

    /// Seals the memtable; false if it is empty.
    pub fn seal(&mut self) -> bool {
        let sealed = self.taken != (0, 0);
        self.ordered.seal();
        self.late.seal();
        (self.last, self.taken) = (None, (0, 0));
        sealed
    }

    /// What is there now.
    pub fn view(&self) -> View<T> {
        View { layers: Arc::clone(&self.layers), visible: self.next - 1, pin: self.pins.present() }
    }

    /// Calls `each` for the items at a time, in the order of arrival.
    pub fn at(&self, ts: i64, each: impl FnMut(T)) {
        self.layers.at(u64::MAX, ts, each);
    }

    /// How many rows are shown, if that is known: else it takes a count of a view.
    pub fn known_count(&self) -> Option<usize> {
        self.shown
    }

    /// Keeps the count of a view, if nothing was written since.
    pub fn counted(&mut self, view: &View<T>, count: usize) {
        let same = Arc::ptr_eq(&self.layers, &view.layers) && self.next - 1 == view.visible;
        if same {
            self.shown = Some(count);
        }
    }

    /// The layers as they are.
    pub fn layers(&self) -> &Layers<T> {
        &self.layers
    }

    /// Where items end that nobody sees any more.
    pub fn retired(&self) -> &Arc<Retired<T>> {
        self.pins.retired()
    }

    /// Calls `each` for every item that the tree owns.
    pub fn items<E>(&self, mut each: impl FnMut(&T) -> Result<(), E>) -> Result<(), E> {
        self.layers.items().try_for_each(&mut each)?;
        self.pins.waiting(each)
    }

    /// Empties it; views go on showing what they show.
    pub fn clear(&mut self) {
        let gone = self.layers.items().copied().collect();
        self.seal();
        self.layers = Arc::default();
        self.shown = Some(0);
        self.emptied += 1;
        self.pins.end(gone);
    }

    /// What it takes to flush the oldest memtable that is sealed.
    pub fn plan_flush(&self) -> Option<Flush<T>> {
        let memory = self.layers.memory.first().filter(|_| self.sealed() > 0)?;
        let tombstones = self.layers.tombstones.clone();
        Some(Flush { tombstones, memory: Arc::clone(memory), swept: self.next - 1 })
    }

    /// Puts the run of a flush in the place of its memtable.
    pub fn flushed(&mut self, flush: &Flush<T>, rows: Swept<T>) {
        let oldest = self.layers.memory.first();
        if !oldest.is_some_and(|oldest| Arc::ptr_eq(oldest, &flush.memory)) {
            return;
        }
        let layers = Arc::make_mut(&mut self.layers);
        layers.memory.remove(0);
        let first = flush.memory.first;
        if !rows.ts.is_empty() {
            // Runs that were added whole may have come later.
            let at = layers.l0.partition_point(|run| run.first() < first);
            let run = Run::new(rows.ts, rows.items, first, flush.swept);
            layers.l0.insert(at, Arc::new(run));
        }
        self.forget_tombstones();
        self.pins.end(rows.gone);
    }

    /// What it takes to compact up to `most` of the oldest runs of L0, if none of a memtable that
    /// is older is yet to come.
    pub fn plan_compaction(&self, most: usize) -> Compaction<T> {
        let oldest = self.layers.memory.first().map_or(u64::MAX, |memory| memory.first);
        let ready = self.layers.l0.partition_point(|run| run.first() < oldest);
        Compaction {
            layers: Arc::clone(&self.layers),
            runs: ready.min(most),
            swept: self.next - 1,
            emptied: self.emptied,
        }
    }

    /// Puts in what a compaction made.
    pub fn compacted(&mut self, plan: &Compaction<T>, made: Compacted<T>) {
        if plan.emptied != self.emptied {
            return;
        }
        let layers = Arc::make_mut(&mut self.layers);
        layers.l0.drain(..plan.runs);
        layers.l1 = Arc::new(made.l1);
        self.forget_tombstones();
        self.pins.end(made.gone);
    }

    /// Lets go of tombstones that hide nothing any more.
    fn forget_tombstones(&mut self) {
        if self.layers.tombstones.is_empty() {
            return;
        }
        let kept: Vec<Deleted> =
            self.layers.tombstones.iter().filter(|d| self.layers.may_hide(d)).copied().collect();
        if kept.len() < self.layers.tombstones.len() {
            let mut tombstones = Tombstones::default();
            kept.into_iter().for_each(|deleted| tombstones.push(deleted));
            Arc::make_mut(&mut self.layers).tombstones = tombstones;
        }
    }
}

impl<T: Item> Layers<T> {
    /// True if the tombstone may hide something.
    fn may_hide(&self, deleted: &Deleted) -> bool {
        let of_run = |run: &Arc<Run<T>>| {
            let touches = run.ends().is_some_and(|(first, last)| deleted.touches(first, last));
            touches && run.swept() < deleted.seq
        };
        self.memory.iter().any(|memory| memory.first < deleted.seq)
            || self.l0.iter().any(of_run)
            || self.l1_between(deleted.start, deleted.end).iter().any(of_run)
    }
}

/// A memtable to be flushed, and what is deleted of it.
#[derive(Debug)]
pub struct Flush<T> {
    memory: Arc<Memory<T>>,
    tombstones: Tombstones<Deleted>,
    swept: u64,
}

impl<T: Item> Flush<T> {
    /// Its rows, sorted.
    pub fn rows(&self) -> Swept<T> {
        let ordered = self.memory.ordered.iter().map(|chunk| Part {
            rows: Rows::Chunk(Arc::clone(chunk)),
            range: 0..chunk.len(),
            age: (0, false),
        });
        let late = Late::of(&self.memory.late, u64::MAX, i64::MIN, None);
        let rows = Rows::Late(Arc::new(late));
        let late = Part { range: 0..rows.ts().len(), rows, age: (0, true) };
        let after = self.tombstones.iter().filter(|deleted| deleted.seq > self.memory.first);
        sweep(vec![ordered.collect(), vec![late]], cover(after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Cut;
    use proptest::prelude::*;

    impl Item for u32 {}

    #[derive(Debug, Clone)]
    enum Step {
        Push(i64),
        Batch(Vec<i64>),
        Run(Vec<i64>),
        Delete(i64, Option<i64>),
        Seal,
        Flush,
        Compact(usize),
        /// A flush or a compaction with another step between its plan and its result.
        Between(bool, Box<Step>),
        Hold,
        Clear,
    }

    fn step() -> impl Strategy<Value = Step> {
        let time = || prop_oneof![8 => -5i64..20, 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
        let sorted = move || {
            prop::collection::vec(time(), 0..40).prop_map(|mut times| {
                times.sort_unstable();
                times
            })
        };
        let leaf = prop_oneof![
            6 => time().prop_map(Step::Push),
            3 => sorted().prop_map(Step::Batch),
            1 => sorted().prop_map(Step::Run),
            3 => (time(), prop::option::weighted(0.8, time())).prop_map(|(a, b)| match b {
                Some(b) => Step::Delete(a.min(b), Some(a.max(b))),
                None => Step::Delete(a, None),
            }),
            1 => Just(Step::Seal),
            3 => Just(Step::Flush),
            2 => (0usize..4).prop_map(Step::Compact),
            2 => Just(Step::Hold),
        ];
        let leaf = leaf.boxed();
        prop_oneof![
            30 => leaf.clone(),
            3 => (any::<bool>(), leaf).prop_map(|(flush, step)| Step::Between(flush, step.into())),
            1 => Just(Step::Clear),
        ]
    }

    /// A view, and what it showed at first.
    type Held = (View<u32>, Vec<(i64, u32)>);

    /// The tree, the rows that it is to show, and views with what they showed at first.
    struct Pair {
        tree: Tree<u32>,
        model: Vec<(i64, u32)>,
        held: Vec<Held>,
        next: u32,
        cut: Cut,
        released: Vec<u32>,
    }

    impl Pair {
        fn rows(&mut self, times: &[i64]) -> Vec<u32> {
            let items = times.iter().map(|&ts| {
                self.next += 1;
                self.model.push((ts, self.next));
                self.next
            });
            items.collect()
        }

        fn play(&mut self, step: &Step) {
            match step {
                Step::Push(ts) => {
                    let items = self.rows(&[*ts]);
                    self.tree.push(*ts, items[0]);
                }
                Step::Batch(ts) => {
                    let items = self.rows(ts);
                    self.tree.push_sorted(ts, &items);
                }
                Step::Run(ts) => {
                    let items = self.rows(ts);
                    self.tree.push_run(ts.clone(), items);
                }
                Step::Delete(start, end) => {
                    self.tree.delete(*start, *end);
                    self.model.retain(|row| row.0 < *start || end.is_some_and(|end| row.0 >= end));
                }
                Step::Seal => {
                    self.tree.seal();
                }
                Step::Flush => {
                    self.tree.seal();
                    while let Some(flush) = self.tree.plan_flush() {
                        self.tree.flushed(&flush, flush.rows());
                    }
                }
                Step::Compact(most) => {
                    let plan = self.tree.plan_compaction(*most);
                    self.tree.compacted(&plan, plan.make(self.cut));
                }
                Step::Between(true, other) => {
                    self.tree.seal();
                    let Some(flush) = self.tree.plan_flush() else { return };
                    if !matches!(**other, Step::Flush | Step::Compact(_)) {
                        self.play(other);
                    }
                    self.tree.flushed(&flush, flush.rows());
                }
                Step::Between(false, other) => {
                    let plan = self.tree.plan_compaction(usize::MAX);
                    if !matches!(**other, Step::Flush | Step::Compact(_)) {
                        self.play(other);
                    }
                    self.tree.compacted(&plan, plan.make(self.cut));
                }
                Step::Hold => self.held.push((self.tree.view(), self.sorted())),
                Step::Clear => {
                    self.tree.clear();
                    self.model.clear();
                }
            }
        }

        fn sorted(&self) -> Vec<(i64, u32)> {
            let mut rows = self.model.clone();
            rows.sort_by_key(|row| row.0);
            rows
        }

        /// What the tree gave up is seen by nobody, and was not given up before.
        fn check_released(&mut self) {
            for item in self.tree.retired().take(usize::MAX) {
                let seen = |rows: &[(i64, u32)]| rows.iter().any(|row| row.1 == item);
                assert!(!seen(&self.model), "{item} is shown");
                assert!(!self.held.iter().any(|(_, rows)| seen(rows)), "{item} is held");
                assert!(!self.released.contains(&item), "{item} was released before");
                self.released.push(item);
            }
        }
    }

    fn all(view: &View<u32>, start: i64, end: Option<i64>) -> Vec<(i64, u32)> {
        let mut rows = vec![];
        let mut cursor = view.cursor(start, end);
        let count = cursor.count();
        // In pieces of different sizes.
        let mut most = 1;
        loop {
            let before = rows.len();
            cursor.fill(most, &mut rows);
            if rows.len() == before {
                assert!(count.is_none_or(|count| count == rows.len()));
                return rows;
            }
            assert!(rows.len() - before <= most);
            most = most * 2 % 37 + 1;
        }
    }

    fn check(view: &View<u32>, expected: &[(i64, u32)], (a, b): (i64, i64)) {
        assert_eq!(all(view, i64::MIN, None), expected);
        assert_eq!(view.count(i64::MIN, None), expected.len());
        let inside = |row: &&(i64, u32)| a <= row.0 && row.0 < b;
        let part: Vec<_> = expected.iter().filter(inside).copied().collect();
        assert_eq!(all(view, a, Some(b)), part);
        assert_eq!(view.count(a, Some(b)), part.len());
        assert_eq!(view.first_from(a), expected.iter().map(|row| row.0).find(|&ts| ts >= a));
        let last = expected.iter().rev().map(|row| row.0).find(|&ts| ts < b);
        assert_eq!(view.last_before(Some(b)), last);
        assert_eq!(view.last_before(None), expected.last().map(|row| row.0));
        let mut at = vec![];
        view.at(a, |item| at.push(item));
        let here = expected.iter().filter(|row| row.0 == a).map(|row| row.1);
        assert_eq!(at, here.collect::<Vec<_>>());
        assert_eq!(view.wrong(), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn a_tree_is_a_sorted_list_with_tombstones(
            steps in prop::collection::vec((step(), -6i64..22, -6i64..22), 1..50),
            cut in prop_oneof![
                (1usize..20).prop_map(Cut::Rows),
                (1i64..9, -3i64..3, 1usize..9)
                    .prop_map(|(size, origin, most)| Cut::Windows { size, origin, most }),
                Just(Cut::Windows { size: i64::MAX, origin: i64::MIN, most: 5 }),
            ],
        ) {
            let mut pair = Pair {
                tree: Tree::default(),
                model: vec![],
                held: vec![],
                next: 0,
                cut,
                released: vec![],
            };
            for (step, a, b) in &steps {
                pair.play(step);
                let expected = pair.sorted();
                check(&pair.tree.view(), &expected, (*a.min(b), *a.max(b)));
                if let Some(count) = pair.tree.known_count() {
                    prop_assert_eq!(count, expected.len());
                }
                let view = pair.tree.view();
                pair.tree.counted(&view, view.count(i64::MIN, None));
                prop_assert_eq!(pair.tree.known_count(), Some(expected.len()));
                pair.check_released();
                for (view, rows) in &pair.held {
                    prop_assert_eq!(&all(view, i64::MIN, None), rows);
                }
                if pair.held.len() > 3 {
                    pair.held.remove(*a as usize % 3);
                }
            }
            // All that ever came is let go once, when nobody holds it any more.
            let mut owned = 0;
            pair.tree.items(|_| { owned += 1; Ok::<(), ()>(()) }).unwrap();
            prop_assert_eq!(owned + pair.released.len(), pair.next as usize);
            pair.tree.clear();
            pair.model.clear();
            pair.held.clear();
            pair.check_released();
            prop_assert_eq!(pair.released.len(), pair.next as usize);
        }
    }

    #[test]
    fn what_is_in_order_is_compacted_without_rewriting_what_is_there() {
        let mut tree = Tree::<u32>::default();
        let mut rewritten = 0;
        for part in 0..20 {
            let ts: Vec<i64> = (part * 100..part * 100 + 100).collect();
            tree.push_run(ts, vec![0; 100]);
            let plan = tree.plan_compaction(usize::MAX);
            let made = plan.make(Cut::Rows(50));
            rewritten += made.rewritten;
            tree.compacted(&plan, made);
        }
        assert_eq!(rewritten, 0);
        assert_eq!((tree.layers().l0.len(), tree.layers().l1.len()), (0, 40));
        // A late row makes one run new.
        tree.push_run(vec![777], vec![1]);
        let plan = tree.plan_compaction(usize::MAX);
        assert_eq!(plan.make(Cut::Rows(50)).rewritten, 1);
    }
}
