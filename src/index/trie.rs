//! Entries by the hash of what they are about, of which copies share what is the same in both.
//!
//! A hash array mapped trie (Bagwell, "Ideal Hash Trees", 2001): each node takes six bits of the
//! hash, and has a place for each value of them that occurs. A copy is a pointer. A change copies
//! the nodes on the way to its entry that somebody else has too, and changes others in place.
//! Entries of one hash that differ stand in one node below all bits. Each node knows the sums of
//! what its entries weigh, so that those of a kind are found without the others. Entries stand
//! outside of the nodes: these stay small, and a copy of one copies no entry.

use std::ops::{Add, Sub};
use std::sync::Arc;

const BITS: u32 = 6;
const MASK: u64 = (1 << BITS) - 1;

/// What is said of entries together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// How many entries.
    pub entries: usize,
    /// Their rows.
    pub rows: usize,
    /// Their items that may be changed from outside.
    pub mutable: usize,
    /// How many of them have an end.
    pub mortal: usize,
}

impl Add for Sums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            rows: self.rows + other.rows,
            mutable: self.mutable + other.mutable,
            mortal: self.mortal + other.mortal,
        }
    }
}

impl Sub for Sums {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            entries: self.entries - other.entries,
            rows: self.rows - other.rows,
            mutable: self.mutable - other.mutable,
            mortal: self.mortal - other.mortal,
        }
    }
}

/// What a trie holds.
pub trait Entry: Clone {
    /// The hash, well mixed in all bits: the lowest are looked at first.
    fn hash(&self) -> u64;
    /// What it counts for.
    fn sums(&self) -> Sums;
}

/// What an entry counted for, and what it does now.
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    before: Sums,
    after: Sums,
}

/// See the module's description.
#[derive(Debug, Clone)]
pub struct Trie<E> {
    root: Arc<Node<E>>,
}

#[derive(Debug, Clone)]
struct Node<E> {
    /// A bit for each value of six bits of the hash that occurs; unused below all bits.
    map: u64,
    sums: Sums,
    places: Vec<Place<E>>,
}

#[derive(Debug, Clone)]
enum Place<E> {
    Node(Arc<Node<E>>),
    Entry(Arc<E>),
}

impl<E> Default for Trie<E> {
    fn default() -> Self {
        Self { root: Arc::new(Node { map: 0, sums: Sums::default(), places: vec![] }) }
    }
}

impl<E: Entry> Trie<E> {
    /// What all entries count for.
    pub fn sums(&self) -> Sums {
        self.root.sums
    }

    /// True if both are copies of one another in which nothing was changed.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }

    /// The entry of this hash that is the one.
    #[inline]
    pub fn find(&self, hash: u64, mut is: impl FnMut(&E) -> bool) -> Option<&E> {
        let mut node = &self.root;
        let mut shift = 0;
        loop {
            if shift >= u64::BITS {
                return node.places.iter().find_map(|place| match place {
                    Place::Entry(entry) if is(entry) => Some(&**entry),
                    _ => None,
                });
            }
            match &node.places[node.place(hash, shift).ok()?] {
                Place::Node(below) => node = below,
                Place::Entry(entry) => {
                    return (entry.hash() == hash && is(entry)).then_some(&**entry);
                }
            }
            shift += BITS;
        }
    }

    /// Changes the entry of this hash that is the one. None if there is none.
    #[inline]
    pub fn change<R>(
        &mut self,
        hash: u64,
        is: impl FnMut(&E) -> bool,
        change: impl FnOnce(&mut E) -> R,
    ) -> Option<R> {
        // Looked for first: what is not there shall copy nothing.
        let mut is = is;
        self.find(hash, &mut is)?;
        Node::change(&mut self.root, hash, 0, &mut is, change)
    }

    /// Changes the entry of this hash that is the one; if there is none, adds what `make` gives.
    #[inline]
    pub fn change_or_insert<R>(
        &mut self,
        hash: u64,
        is: impl FnMut(&E) -> bool,
        change: impl FnOnce(&mut E) -> R,
        make: impl FnOnce() -> E,
    ) -> Option<R> {
        let mut is = is;
        let mut change = Some(change);
        let mut change = |entry: &mut E| change.take().map(|change| change(entry));
        let mut make = Some(make);
        let mut make = || make.take().map(|make| make());
        Node::change_or_insert(&mut self.root, hash, 0, &mut is, &mut change, &mut make).1
    }

    /// Adds an entry, of which there is none yet.
    pub fn insert(&mut self, entry: E) {
        Node::insert(&mut self.root, entry.hash(), 0, Arc::new(entry));
    }

    /// Takes the entry of this hash out that is the one.
    pub fn remove(&mut self, hash: u64, mut is: impl FnMut(&E) -> bool) -> Option<E> {
        self.find(hash, &mut is)?;
        let removed = Node::remove(&mut self.root, hash, 0, &mut is)?;
        Some(Arc::unwrap_or_clone(removed))
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.pick(|_| true)
    }

    /// The entries below nodes whose sums are as asked for, in no order.
    pub fn pick<'a>(&'a self, wanted: impl Fn(&Sums) -> bool + 'a) -> impl Iterator<Item = &'a E> {
        let mut stack = vec![self.root.places.iter()];
        std::iter::from_fn(move || {
            loop {
                match stack.last_mut()?.next() {
                    Some(Place::Entry(entry)) => return Some(&**entry),
                    Some(Place::Node(node)) if wanted(&node.sums) => stack.push(node.places.iter()),
                    Some(Place::Node(_)) => {}
                    None => {
                        stack.pop();
                    }
                }
            }
        })
    }

    /// Changes the entries that have items that may be changed from outside.
    pub fn change_mutable(&mut self, mut change: impl FnMut(&mut E)) {
        if self.root.sums.mutable > 0 {
            Node::change_mutable(&mut self.root, &mut change);
        }
    }

    /// Calls `each` with the entries that no copy has.
    pub fn visit_own<X>(&self, each: &mut impl FnMut(&E) -> Result<(), X>) -> Result<(), X> {
        Node::visit_own(&self.root, each)
    }

    /// Calls `each` for entries of which one of both has one that the other has not, or not the same:
    /// once for each side. Entries below a node that both share are passed over.
    pub fn differ(&self, other: &Self, each: &mut impl FnMut(Side, &E)) {
        Node::differ(&self.root, &other.root, each);
    }
}

/// Whose entry it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Of the one that was asked.
    This,
    /// Of the other one.
    Other,
}

impl<E: Entry> Node<E> {
    fn empty() -> Self {
        Self { map: 0, sums: Sums::default(), places: vec![] }
    }

    /// The place of these six bits, or where it would be.
    #[inline]
    fn place(&self, hash: u64, shift: u32) -> Result<usize, usize> {
        let bit = 1u64 << (hash >> shift & MASK);
        let at = (self.map & (bit - 1)).count_ones() as usize;
        if self.map & bit == 0 { Err(at) } else { Ok(at) }
    }

    fn change<R>(
        node: &mut Arc<Self>,
        hash: u64,
        shift: u32,
        is: &mut impl FnMut(&E) -> bool,
        change: impl FnOnce(&mut E) -> R,
    ) -> Option<R> {
        let node = Arc::make_mut(node);
        let at = node.at(hash, shift, is)?;
        let (before, after, result) = match &mut node.places[at] {
            Place::Node(below) => {
                let before = below.sums;
                let result = Self::change(below, hash, shift + BITS, is, change);
                (before, below.sums, result?)
            }
            Place::Entry(entry) => {
                let entry = Arc::make_mut(entry);
                let before = entry.sums();
                let result = change(entry);
                (before, entry.sums(), result)
            }
        };
        node.sums = node.sums - before + after;
        Some(result)
    }

    /// The place of the entry, or of the node that it is below.
    fn at(&self, hash: u64, shift: u32, is: &mut impl FnMut(&E) -> bool) -> Option<usize> {
        if shift < u64::BITS {
            return self.place(hash, shift).ok();
        }
        self.places.iter().position(|place| matches!(place, Place::Entry(entry) if is(entry)))
    }

    /// What there is more by it, and what `change` gave if the entry was there.
    fn change_or_insert<R>(
        node: &mut Arc<Self>,
        hash: u64,
        shift: u32,
        is: &mut impl FnMut(&E) -> bool,
        change: &mut impl FnMut(&mut E) -> Option<R>,
        make: &mut impl FnMut() -> Option<E>,
    ) -> (Change, Option<R>) {
        let node = Arc::make_mut(node);
        let (what, result) = match node.at(hash, shift, is).map(|at| &mut node.places[at]) {
            Some(Place::Node(below)) => {
                Self::change_or_insert(below, hash, shift + BITS, is, change, make)
            }
            Some(Place::Entry(entry)) if entry.hash() == hash && is(entry) => {
                let entry = Arc::make_mut(entry);
                let before = entry.sums();
                let result = change(entry);
                (Change { before, after: entry.sums() }, result)
            }
            _ => {
                let Some(entry) = make() else { return (Change::default(), None) };
                let after = entry.sums();
                node.place_entry(hash, shift, Arc::new(entry));
                (Change { before: Sums::default(), after }, None)
            }
        };
        node.sums = node.sums + what.after - what.before;
        (what, result)
    }

    fn insert(node: &mut Arc<Self>, hash: u64, shift: u32, entry: Arc<E>) {
        let node = Arc::make_mut(node);
        node.sums = node.sums + entry.sums();
        node.place_entry(hash, shift, entry);
    }

    /// Puts an entry, which is not there, where it belongs. It is counted by the caller.
    fn place_entry(&mut self, hash: u64, shift: u32, entry: Arc<E>) {
        if shift >= u64::BITS {
            self.places.push(Place::Entry(entry));
            return;
        }
        match self.place(hash, shift) {
            Err(at) => {
                self.map |= 1u64 << (hash >> shift & MASK);
                self.places.insert(at, Place::Entry(entry));
            }
            Ok(at) => match &mut self.places[at] {
                Place::Node(below) => Self::insert(below, hash, shift + BITS, entry),
                Place::Entry(there) => {
                    let there = Arc::clone(there);
                    let mut below = Arc::new(Self::empty());
                    Self::insert(&mut below, there.hash(), shift + BITS, there);
                    Self::insert(&mut below, hash, shift + BITS, entry);
                    self.places[at] = Place::Node(below);
                }
            },
        }
    }

    fn remove(
        node: &mut Arc<Self>,
        hash: u64,
        shift: u32,
        is: &mut impl FnMut(&E) -> bool,
    ) -> Option<Arc<E>> {
        let node = Arc::make_mut(node);
        let at = node.at(hash, shift, is)?;
        let removed = match &mut node.places[at] {
            Place::Entry(_) => None,
            Place::Node(below) => {
                let removed = Self::remove(below, hash, shift + BITS, is)?;
                // One entry needs no node of its own.
                if let [Place::Entry(_)] = below.places.as_slice()
                    && let Some(entry) = Arc::make_mut(below).places.pop()
                {
                    node.places[at] = entry;
                }
                Some(removed)
            }
        };
        let removed = match removed {
            Some(removed) => removed,
            None => {
                if shift < u64::BITS {
                    node.map &= !(1u64 << (hash >> shift & MASK));
                }
                match node.places.remove(at) {
                    Place::Entry(entry) => entry,
                    Place::Node(_) => unreachable!("it was an entry above"),
                }
            }
        };
        node.sums = node.sums - removed.sums();
        Some(removed)
    }

    fn change_mutable(node: &mut Arc<Self>, change: &mut impl FnMut(&mut E)) {
        let node = Arc::make_mut(node);
        let mut sums = Sums::default();
        for place in &mut node.places {
            sums = sums
                + match place {
                    Place::Node(below) => {
                        if below.sums.mutable > 0 {
                            Self::change_mutable(below, change);
                        }
                        below.sums
                    }
                    Place::Entry(entry) => {
                        if entry.sums().mutable > 0 {
                            change(Arc::make_mut(entry));
                        }
                        entry.sums()
                    }
                };
        }
        node.sums = sums;
    }

    fn visit_own<X>(node: &Arc<Self>, each: &mut impl FnMut(&E) -> Result<(), X>) -> Result<(), X> {
        if Arc::strong_count(node) > 1 {
            return Ok(());
        }
        node.places.iter().try_for_each(|place| match place {
            Place::Node(below) => Self::visit_own(below, each),
            Place::Entry(entry) if Arc::strong_count(entry) == 1 => each(entry),
            Place::Entry(_) => Ok(()),
        })
    }

    fn differ(one: &Arc<Self>, other: &Arc<Self>, each: &mut impl FnMut(Side, &E)) {
        if Arc::ptr_eq(one, other) {
            return;
        }
        let bits = one.map | other.map;
        if bits == 0 {
            // Both are empty, or below all bits.
            one.all(Side::This, each);
            other.all(Side::Other, each);
        }
        for value in (0..=MASK).filter(|value| bits >> value & 1 == 1) {
            let this = one.place(value, 0).ok().map(|at| &one.places[at]);
            let that = other.place(value, 0).ok().map(|at| &other.places[at]);
            match (this, that) {
                (Some(Place::Node(this)), Some(Place::Node(that))) => {
                    Self::differ(this, that, each);
                }
                (Some(Place::Entry(this)), Some(Place::Entry(that))) if Arc::ptr_eq(this, that) => {
                }
                (this, that) => {
                    this.into_iter().for_each(|place| place.all(Side::This, each));
                    that.into_iter().for_each(|place| place.all(Side::Other, each));
                }
            }
        }
    }

    fn all(&self, side: Side, each: &mut impl FnMut(Side, &E)) {
        self.places.iter().for_each(|place| place.all(side, each));
    }
}

impl<E: Entry> Place<E> {
    fn all(&self, side: Side, each: &mut impl FnMut(Side, &E)) {
        match self {
            Self::Entry(entry) => each(side, entry),
            Self::Node(node) => node.all(side, each),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Pair {
        key: u64,
        value: usize,
    }

    impl Pair {
        /// Few bits: hashes are equal often, in all bits or in the first ones.
        fn hash_of(key: u64) -> u64 {
            match key % 3 {
                0 => (key / 8).wrapping_mul(0x9e37_79b9_7f4a_7c15),
                1 => (key % 4) << 60,
                _ => key,
            }
        }
    }

    impl Entry for Pair {
        fn hash(&self) -> u64 {
            Self::hash_of(self.key)
        }

        fn sums(&self) -> Sums {
            Sums { entries: 1, rows: self.value, mutable: self.value % 2, mortal: self.value / 5 }
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Put(u64, usize),
        Remove(u64),
        Copy,
        Mutable,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0u64..300, 0usize..9).prop_map(|(key, value)| Step::Put(key, value)),
            4 => (0u64..300).prop_map(Step::Remove),
            1 => Just(Step::Copy),
            1 => Just(Step::Mutable),
        ]
    }

    fn check(trie: &Trie<Pair>, model: &BTreeMap<u64, usize>) {
        let mut found: Vec<_> = trie.iter().map(|pair| (pair.key, pair.value)).collect();
        found.sort_unstable();
        assert!(found.iter().copied().eq(model.iter().map(|(key, value)| (*key, *value))));
        let of = |(key, value): (&u64, &usize)| Pair { key: *key, value: *value }.sums();
        assert_eq!(trie.sums(), model.iter().map(of).fold(Sums::default(), Add::add));
        for key in 0..300 {
            let found = trie.find(Pair::hash_of(key), |pair| pair.key == key);
            assert_eq!(found.map(|pair| &pair.value), model.get(&key));
        }
        let odd = trie.pick(|sums| sums.mutable > 0).filter(|pair| pair.value % 2 == 1).count();
        assert_eq!(odd, trie.sums().mutable);
        assert_same_shape(&trie.root, 0);
    }

    /// No node below the root has one entry alone, and sums add up.
    fn assert_same_shape(node: &Node<Pair>, depth: usize) {
        let mut sums = Sums::default();
        for place in &node.places {
            sums = sums
                + match place {
                    Place::Entry(entry) => entry.sums(),
                    Place::Node(below) => {
                        assert_same_shape(below, depth + 1);
                        below.sums
                    }
                };
        }
        assert_eq!(sums, node.sums);
        assert!(depth == 0 || !matches!(node.places.as_slice(), [] | [Place::Entry(_)]));
    }

    proptest! {
        #[test]
        fn it_is_a_map_whose_copies_stay_as_they_were(
            steps in proptest::collection::vec(step(), 1..400),
        ) {
            let (mut trie, mut model) = (Trie::<Pair>::default(), BTreeMap::new());
            let mut copies = vec![(trie.clone(), model.clone())];
            for step in steps {
                match step {
                    Step::Put(key, value) => {
                        let hash = Pair::hash_of(key);
                        let there = if value % 2 == 0 {
                            let is = |pair: &Pair| pair.key == key;
                            let there = trie.change(hash, is, |pair| {
                                std::mem::replace(&mut pair.value, value)
                            });
                            if there.is_none() {
                                trie.insert(Pair { key, value });
                            }
                            there
                        } else {
                            trie.change_or_insert(
                                hash,
                                |pair| pair.key == key,
                                |pair| std::mem::replace(&mut pair.value, value),
                                || Pair { key, value },
                            )
                        };
                        assert_eq!(there, model.insert(key, value));
                    }
                    Step::Remove(key) => {
                        let removed = trie.remove(Pair::hash_of(key), |pair| pair.key == key);
                        assert_eq!(removed.map(|pair| pair.value), model.remove(&key));
                    }
                    Step::Copy => copies.push((trie.clone(), model.clone())),
                    Step::Mutable => {
                        trie.change_mutable(|pair| pair.value += 1);
                        model.values_mut().for_each(|value| *value += *value % 2);
                    }
                }
            }
            check(&trie, &model);
            for (copy, held) in &copies {
                check(copy, held);
                let (mut this, mut that) = (BTreeMap::new(), BTreeMap::new());
                trie.differ(copy, &mut |side, pair| {
                    let of = if side == Side::This { &mut this } else { &mut that };
                    assert!(of.insert(pair.key, pair.value).is_none());
                });
                for key in 0..300 {
                    if model.get(&key) != held.get(&key) {
                        assert_eq!(this.get(&key), model.get(&key));
                        assert_eq!(that.get(&key), held.get(&key));
                    }
                }
            }
        }
    }

    #[test]
    fn a_copy_shares_all_but_what_was_changed() {
        let mut trie = Trie::default();
        for key in (0..300_000).step_by(3) {
            trie.insert(Pair { key, value: 1 });
        }
        let copy = trie.clone();
        assert!(trie.same(&copy));
        let visited = |trie: &Trie<Pair>| {
            let mut count = 0;
            let done: Result<(), ()> = trie.visit_own(&mut |_| {
                count += 1;
                Ok(())
            });
            done.unwrap();
            count
        };
        assert_eq!(visited(&trie), 0);
        trie.remove(Pair::hash_of(3000), |pair| pair.key == 3000).unwrap();
        assert!(visited(&trie) < 100);
        let mut seen = 0;
        trie.differ(&copy, &mut |_, _| seen += 1);
        assert!((1..200).contains(&seen), "{seen}");
        drop(copy);
        assert_eq!(visited(&trie), 99_999);
    }
}
