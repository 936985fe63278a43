//! Entries by the hash of what they are about, of which copies share what is the same in both.
//!
//! A hash array mapped trie (Bagwell, "Ideal Hash Trees", 2001): each node takes six bits of the
//! hash. A copy is a pointer. A change copies the nodes on the way to its entry that somebody else
//! has too, and changes others in place. Entries of one hash that differ stand in one place
//! together. Each node knows the sums of what its entries weigh, so that those of a kind are found
//! without the others.
//!
//! What costs time in a large trie is to wait for memory. The places of a node stand in it, beside
//! the hashes of their entries, so that a step down is one wait, and an entry is looked at only if
//! its hash is the right one. A node of few places has a bitmap that tells which of them there are;
//! one of more than `DENSE` has all `WIDE`. Entries stand outside of the nodes: these stay small,
//! and a copy of one copies no entry.

use std::ops::{Add, Sub};
use std::sync::Arc;

const BITS: u32 = 6;
const MASK: u64 = (1 << BITS) - 1;
/// Places of the smallest nodes, of the largest ones that have a bitmap, and of those that need none.
const SMALL: usize = 2;
const DENSE: usize = 32;
const WIDE: usize = 64;

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
    root: Link<E>,
}

/// How a node is told of. Nobody has a weak reference to one.
type Link<E> = Arc<Node<[Place<E>]>>;

#[derive(Debug)]
struct Node<P: ?Sized> {
    /// A bit for each value of six bits of the hash that occurs.
    map: u64,
    sums: Sums,
    /// As many as a power of two. If there are [`WIDE`], a value's place has its number; if there are
    /// fewer, the values that occur have the first places, in order.
    places: P,
}

#[derive(Debug, Clone, Default)]
enum Place<E> {
    #[default]
    Free,
    Node(Link<E>),
    /// With its hash.
    Entry(u64, Arc<E>),
    /// Two or more of this hash.
    Same(u64, Arc<Vec<Arc<E>>>),
}

impl<E> Default for Trie<E> {
    fn default() -> Self {
        Self { root: link(SMALL) }
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
            match &node.places[node.at(hash, shift)?] {
                Place::Node(below) => node = below,
                Place::Entry(other, entry) => {
                    return (*other == hash && is(entry)).then_some(&**entry);
                }
                Place::Same(other, entries) => {
                    let entries = if *other == hash { entries.as_slice() } else { &[] };
                    return entries.iter().map(|entry| &**entry).find(|entry| is(entry));
                }
                Place::Free => return None,
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
        self.change_or_make(hash, is, change, || None)
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
        self.change_or_make(hash, is, change, || Some(make()))
    }

    #[inline]
    fn change_or_make<R>(
        &mut self,
        hash: u64,
        mut is: impl FnMut(&E) -> bool,
        change: impl FnOnce(&mut E) -> R,
        make: impl FnOnce() -> Option<E>,
    ) -> Option<R> {
        let mut change = Some(change);
        let mut change = |entry: &mut E| change.take().map(|change| change(entry));
        let mut make = Some(make);
        let mut make = || make.take().and_then(|make| make());
        change_or_make(&mut self.root, hash, 0, &mut is, &mut change, &mut make).1
    }

    /// Adds an entry, of which there is none yet.
    pub fn insert(&mut self, entry: E) {
        insert(&mut self.root, entry.hash(), 0, Arc::new(entry));
    }

    /// Takes the entry of this hash out that is the one.
    pub fn remove(&mut self, hash: u64, mut is: impl FnMut(&E) -> bool) -> Option<E> {
        self.find(hash, &mut is)?;
        let removed = remove(&mut self.root, hash, 0, &mut is)?;
        Some(Arc::unwrap_or_clone(removed))
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.pick(|_| true)
    }

    /// The entries below nodes whose sums are as asked for, in no order.
    pub fn pick<'a>(&'a self, wanted: impl Fn(&Sums) -> bool + 'a) -> impl Iterator<Item = &'a E> {
        let mut same: std::slice::Iter<'a, Arc<E>> = [].iter();
        let mut stack = vec![self.root.places.iter()];
        std::iter::from_fn(move || {
            loop {
                if let Some(entry) = same.next() {
                    return Some(&**entry);
                }
                match stack.last_mut()?.next() {
                    Some(Place::Entry(_, entry)) => return Some(&**entry),
                    Some(Place::Same(_, entries)) => same = entries.iter(),
                    Some(Place::Node(node)) if wanted(&node.sums) => stack.push(node.places.iter()),
                    Some(Place::Node(_) | Place::Free) => {}
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
            change_mutable(&mut self.root, &mut change);
        }
    }

    /// Calls `each` with the entries that no copy has.
    pub fn visit_own<X>(&self, each: &mut impl FnMut(&E) -> Result<(), X>) -> Result<(), X> {
        visit_own(&self.root, each)
    }

    /// Calls `each` for entries of which one of both has one that the other has not, or not the same:
    /// once for each side. Entries below a node that both share are passed over.
    pub fn differ(&self, other: &Self, each: &mut impl FnMut(Side, &E)) {
        differ(&self.root, &other.root, each);
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

/// A node of so many places, all of them free.
fn link<E>(places: usize) -> Link<E> {
    fn node<E, const PLACES: usize>() -> Arc<Node<[Place<E>; PLACES]>> {
        let places = [const { Place::Free }; PLACES];
        Arc::new(Node { map: 0, sums: Sums::default(), places })
    }
    match places {
        0..=2 => node::<E, SMALL>(),
        3..=4 => node::<E, 4>(),
        5..=8 => node::<E, 8>(),
        9..=16 => node::<E, 16>(),
        17..=DENSE => node::<E, DENSE>(),
        _ => node::<E, WIDE>(),
    }
}

/// The node, of which nobody else has a copy then.
#[inline]
fn own<E: Clone>(link: &mut Link<E>) -> &mut Node<[Place<E>]> {
    if Arc::strong_count(link) > 1 {
        *link = copied(link);
    }
    Arc::get_mut(link).expect("a node that nobody else has, nor ever a weak reference")
}

#[cold]
fn copied<E: Clone>(shared: &Node<[Place<E>]>) -> Link<E> {
    let mut copy = link(shared.places.len());
    let node = own(&mut copy);
    (node.map, node.sums) = (shared.map, shared.sums);
    node.places.clone_from_slice(&shared.places);
    copy
}

/// Gives a node, which nobody else has, other places: at least as many as are in use.
fn resize<E: Clone>(node: &mut Link<E>, places: usize) {
    let old = own(node);
    let mut new = link(places);
    let resized = own(&mut new);
    (resized.map, resized.sums) = (old.map, old.sums);
    let values = (0..=MASK).filter(|value| old.map >> value & 1 == 1);
    for value in values {
        let (from, to) = (old.at(value, 0), resized.at(value, 0));
        if let (Some(from), Some(to)) = (from, to) {
            resized.places[to] = std::mem::take(&mut old.places[from]);
        }
    }
    *node = new;
}

/// Puts something in the place of a value that does not occur in the node yet.
fn add<E: Clone>(node: &mut Link<E>, hash: u64, shift: u32, place: Place<E>) {
    let count = node.map.count_ones() as usize;
    if count == node.places.len() {
        resize(node, count + 1);
    }
    let node = own(node);
    node.map |= bit(hash, shift);
    if let Some(at) = node.at(hash, shift) {
        if node.places.len() < WIDE {
            node.places[at..=count].rotate_right(1);
        }
        node.places[at] = place;
    }
}

/// Takes what is in the place of a value that occurs in the node.
fn take<E: Clone>(node: &mut Link<E>, hash: u64, shift: u32) -> Option<Place<E>> {
    let this = own(node);
    let at = this.at(hash, shift)?;
    let taken = std::mem::take(&mut this.places[at]);
    let count = this.map.count_ones() as usize;
    if this.places.len() < WIDE {
        this.places[at..count].rotate_left(1);
    }
    this.map &= !bit(hash, shift);
    if this.places.len() > SMALL && (count - 1) * 4 <= this.places.len() {
        resize(node, (count - 1) * 2);
    }
    Some(taken)
}

/// What there is more by it, and what `change` gave if the entry was there.
fn change_or_make<E: Entry, R>(
    link: &mut Link<E>,
    hash: u64,
    shift: u32,
    is: &mut impl FnMut(&E) -> bool,
    change: &mut impl FnMut(&mut E) -> Option<R>,
    make: &mut impl FnMut() -> Option<E>,
) -> (Change, Option<R>) {
    let node = own(link);
    let mut changed = |entry: &mut Arc<E>| {
        let entry = Arc::make_mut(entry);
        let before = entry.sums();
        let result = change(entry);
        (Change { before, after: entry.sums() }, result)
    };
    let Some(at) = node.at(hash, shift) else {
        let Some(entry) = make() else { return (Change::default(), None) };
        let after = entry.sums();
        node.sums = node.sums + after;
        add(link, hash, shift, Place::Entry(hash, Arc::new(entry)));
        return (Change { before: Sums::default(), after }, None);
    };
    let place = &mut node.places[at];
    let there = match place {
        Place::Node(below) => Some(change_or_make(below, hash, shift + BITS, is, change, make)),
        Place::Entry(other, entry) if *other == hash && is(entry) => Some(changed(entry)),
        Place::Same(other, entries) if *other == hash => {
            let at = entries.iter().position(|entry| is(entry));
            at.map(|at| changed(&mut Arc::make_mut(entries)[at]))
        }
        _ => None,
    };
    let (what, result) = there.unwrap_or_else(|| {
        let Some(entry) = make() else { return (Change::default(), None) };
        let after = entry.sums();
        place.join(hash, shift, Arc::new(entry));
        (Change { before: Sums::default(), after }, None)
    });
    node.sums = node.sums + what.after - what.before;
    (what, result)
}

/// Puts an entry, which is not there, where it belongs.
fn insert<E: Entry>(link: &mut Link<E>, hash: u64, shift: u32, entry: Arc<E>) {
    let node = own(link);
    node.sums = node.sums + entry.sums();
    match node.at(hash, shift).map(|at| &mut node.places[at]) {
        None => add(link, hash, shift, Place::Entry(hash, entry)),
        Some(Place::Node(below)) => insert(below, hash, shift + BITS, entry),
        Some(place) => place.join(hash, shift, entry),
    }
}

fn remove<E: Entry>(
    link: &mut Link<E>,
    hash: u64,
    shift: u32,
    is: &mut impl FnMut(&E) -> bool,
) -> Option<Arc<E>> {
    let node = own(link);
    let at = node.at(hash, shift)?;
    let place = &mut node.places[at];
    let removed = match place {
        Place::Node(below) => {
            let removed = remove(below, hash, shift + BITS, is)?;
            // What is alone in a node needs none.
            if below.map.count_ones() == 1 && !matches!(below.places[0], Place::Node(_)) {
                *place = std::mem::take(&mut own(below).places[0]);
            }
            Some(removed)
        }
        Place::Same(_, entries) => {
            let entries = Arc::make_mut(entries);
            let at = entries.iter().position(|entry| is(entry))?;
            let removed = entries.remove(at);
            if let [alone] = entries.as_slice() {
                *place = Place::Entry(hash, Arc::clone(alone));
            }
            Some(removed)
        }
        _ => None,
    };
    let removed = match removed {
        Some(removed) => removed,
        None => match take(link, hash, shift)? {
            Place::Entry(_, entry) => entry,
            _ => unreachable!("it was no node above, nor many entries"),
        },
    };
    let node = own(link);
    node.sums = node.sums - removed.sums();
    Some(removed)
}

fn change_mutable<E: Entry>(link: &mut Link<E>, change: &mut impl FnMut(&mut E)) {
    let node = own(link);
    let mut sums = Sums::default();
    for place in &mut node.places {
        match place {
            Place::Node(below) if below.sums.mutable > 0 => change_mutable(below, change),
            Place::Entry(_, entry) if entry.sums().mutable > 0 => change(Arc::make_mut(entry)),
            Place::Same(_, entries) => {
                for entry in Arc::make_mut(entries) {
                    if entry.sums().mutable > 0 {
                        change(Arc::make_mut(entry));
                    }
                }
            }
            _ => {}
        }
        sums = sums + place.sums();
    }
    node.sums = sums;
}

fn visit_own<E, X>(link: &Link<E>, each: &mut impl FnMut(&E) -> Result<(), X>) -> Result<(), X> {
    if Arc::strong_count(link) > 1 {
        return Ok(());
    }
    link.places.iter().try_for_each(|place| match place {
        Place::Node(below) => visit_own(below, each),
        Place::Same(_, entries) if Arc::strong_count(entries) > 1 => Ok(()),
        _ => place.entries().iter().try_for_each(|entry| match Arc::strong_count(entry) {
            1 => each(entry),
            _ => Ok(()),
        }),
    })
}

fn differ<E>(one: &Link<E>, other: &Link<E>, each: &mut impl FnMut(Side, &E)) {
    if Arc::ptr_eq(one, other) {
        return;
    }
    let bits = one.map | other.map;
    for value in (0..=MASK).filter(|value| bits >> value & 1 == 1) {
        let this = one.at(value, 0).map(|at| &one.places[at]);
        let that = other.at(value, 0).map(|at| &other.places[at]);
        match (this, that) {
            (Some(Place::Node(this)), Some(Place::Node(that))) => differ(this, that, each),
            (Some(Place::Entry(_, this)), Some(Place::Entry(_, that)))
                if Arc::ptr_eq(this, that) => {}
            (this, that) => {
                this.into_iter().for_each(|place| place.all(Side::This, each));
                that.into_iter().for_each(|place| place.all(Side::Other, each));
            }
        }
    }
}

impl<E> Node<[Place<E>]> {
    /// Which place the value of these bits has; none if it does not occur.
    #[inline]
    fn at(&self, hash: u64, shift: u32) -> Option<usize> {
        let bit = bit(hash, shift);
        let at = match self.places.len() {
            WIDE => (hash >> shift & MASK) as usize,
            _ => (self.map & (bit - 1)).count_ones() as usize,
        };
        (self.map & bit != 0).then_some(at)
    }
}

/// The bit of a value in a node's map.
#[inline]
fn bit(hash: u64, shift: u32) -> u64 {
    1 << (hash >> shift & MASK)
}

impl<E> Place<E> {
    /// Its entries; none if it is free, or a node.
    fn entries(&self) -> &[Arc<E>] {
        match self {
            Self::Free | Self::Node(_) => &[],
            Self::Entry(_, entry) => std::slice::from_ref(entry),
            Self::Same(_, entries) => entries,
        }
    }

    fn all(&self, side: Side, each: &mut impl FnMut(Side, &E)) {
        match self {
            Self::Node(node) => node.places.iter().for_each(|place| place.all(side, each)),
            _ => self.entries().iter().for_each(|entry| each(side, entry)),
        }
    }
}

impl<E: Entry> Place<E> {
    fn sums(&self) -> Sums {
        match self {
            Self::Node(node) => node.sums,
            _ => self.entries().iter().map(|entry| entry.sums()).fold(Sums::default(), Add::add),
        }
    }

    /// Puts an entry, which is not there, beside those of a place that is not free, nor a node.
    fn join(&mut self, hash: u64, shift: u32, entry: Arc<E>) {
        let before = match self {
            Self::Entry(before, there) if *before == hash => {
                *self = Self::Same(hash, Arc::new(vec![Arc::clone(there), entry]));
                return;
            }
            Self::Same(before, entries) if *before == hash => {
                Arc::make_mut(entries).push(entry);
                return;
            }
            Self::Entry(before, _) | Self::Same(before, _) => *before,
            Self::Free | Self::Node(_) => unreachable!("what joins others stands beside them"),
        };
        let there = std::mem::take(self);
        let mut below = link(SMALL);
        own(&mut below).sums = there.sums();
        add(&mut below, before, shift + BITS, there);
        insert(&mut below, hash, shift + BITS, entry);
        *self = Self::Node(below);
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

    /// Places are where their hashes belong, none below the root is alone in its node, and sums add up.
    fn assert_same_shape(node: &Node<[Place<Pair>]>, depth: u32) {
        let used: Vec<_> =
            node.places.iter().filter(|place| !matches!(place, Place::Free)).collect();
        assert_eq!(used.len(), node.map.count_ones() as usize);
        for place in &used {
            let shift = depth * BITS;
            match place {
                Place::Node(below) => assert_same_shape(below, depth + 1),
                Place::Entry(hash, _) | Place::Same(hash, _) => {
                    let at = node.at(*hash, shift).unwrap();
                    assert!(std::ptr::eq(&raw const node.places[at], *place));
                    assert!(place.entries().iter().all(|pair| pair.hash() == *hash));
                }
                Place::Free => {}
            }
        }
        let sums = used.iter().map(|place| place.sums()).fold(Sums::default(), Add::add);
        assert_eq!(sums, node.sums);
        assert!(depth == 0 || used.len() > 1 || matches!(used.as_slice(), [Place::Node(_)]));
        assert!(node.places.len() == SMALL || used.len() * 4 > node.places.len());
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
