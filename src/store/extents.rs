//! Where in the main file something new may stand.
//!
//! What is free is nowhere written down: it is what the manifest does not name. An extent that a
//! commit no longer names is still named by the slot before it, so it waits until that slot is
//! overwritten by the next commit (DESIGN: no extent is reused while a slot on disk refers to it).
//! It also waits for the readers that may look at it: those of a commit between the one after which
//! its place was taken and the one that let it go. (A reader of the earlier one may know it from
//! the log.)

use std::collections::BTreeMap;

use crate::format::{EXTENT_ALIGN, HEADER_LEN};
use crate::store::readers::Readers;

/// The free and used space of a main file.
#[derive(Debug)]
pub struct Extents {
    /// Free extents before `end`, by offset; neighbours are joined.
    free: BTreeMap<u64, u64>,
    /// Freed, but still named by a slot or read by somebody.
    waiting: Vec<Waiting>,
    /// Everything from here on is free.
    end: u64,
    /// The commit in force.
    generation: u64,
    /// The commit in force when a place was taken, where that is known, by offset.
    taken: BTreeMap<u64, u64>,
}

/// An extent that will be free.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// Its place was taken when this commit was in force.
    born: u64,
    /// This commit does not name it any more.
    freed: u64,
    offset: u64,
    len: u64,
}

impl Extents {
    /// The space of a file whose state of `generation` names the `used` extents (offset, length).
    /// The gaps between them may be named by the slot before, so they wait. `None` if two of them
    /// overlap or one is not where an extent can be.
    pub fn new(mut used: Vec<(u64, u64)>, file_len: u64, generation: u64) -> Option<Self> {
        used.sort_unstable();
        let mut space = Self { end: file_len.max(HEADER_LEN), generation, ..Self::empty() };
        let mut at = HEADER_LEN;
        for (offset, len) in used {
            let end = offset.checked_add(len)?.checked_next_multiple_of(EXTENT_ALIGN)?;
            if offset < at || !offset.is_multiple_of(EXTENT_ALIGN) {
                return None;
            }
            if offset > at {
                space.wait(0, generation, at, offset - at);
            }
            at = end;
        }
        space.end = space.end.next_multiple_of(EXTENT_ALIGN);
        if space.end > at {
            space.wait(0, generation, at, space.end - at);
        }
        space.end = space.end.max(at);
        Some(space)
    }

    fn empty() -> Self {
        let (free, taken) = (BTreeMap::new(), BTreeMap::new());
        Self { free, waiting: Vec::new(), end: 0, generation: 0, taken }
    }

    fn wait(&mut self, born: u64, freed: u64, offset: u64, len: u64) {
        self.waiting.push(Waiting { born, freed, offset, len });
    }

    /// A place for `len` bytes: the first free extent that holds them, or the end of the file.
    pub fn place(&mut self, len: u64) -> u64 {
        let len = len.max(1).next_multiple_of(EXTENT_ALIGN);
        let hole = self.free.iter().find(|(_, room)| **room >= len);
        match hole {
            Some((&offset, _)) => self.place_at(offset, len),
            None => {
                self.end += len;
                self.take(self.end - len)
            }
        }
    }

    fn take(&mut self, offset: u64) -> u64 {
        self.taken.insert(offset, self.generation);
        offset
    }

    /// A place for `len` bytes before `offset`, in a free extent; `None` if there is no such.
    pub fn place_before(&mut self, offset: u64, len: u64) -> Option<u64> {
        let len = len.max(1).next_multiple_of(EXTENT_ALIGN);
        let (&at, _) = self.free.range(..offset).find(|(_, room)| **room >= len)?;
        Some(self.place_at(at, len))
    }

    fn place_at(&mut self, offset: u64, len: u64) -> u64 {
        let room = self.free.remove(&offset).unwrap_or(len);
        if room > len {
            self.free.insert(offset + len, room - len);
        }
        self.take(offset)
    }

    /// The free extents before the end: offset and length.
    pub fn free(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.free.iter().map(|(&offset, &len)| (offset, len))
    }

    /// Gives back a place that neither a commit nor the log named.
    pub fn discard(&mut self, offset: u64, len: u64) {
        self.taken.remove(&offset);
        self.put_free(offset, len.max(1).next_multiple_of(EXTENT_ALIGN));
    }

    /// Gives back a place that commits from `generation` on do not name, the one in force or the
    /// next among them. `seen` is who read when the commit in force was made.
    pub fn release(&mut self, generation: u64, offset: u64, len: u64, seen: &Readers) {
        let len = len.max(1).next_multiple_of(EXTENT_ALIGN);
        let born = self.taken.remove(&offset).unwrap_or(0);
        if generation < self.generation && !seen.need(born, generation) {
            self.put_free(offset, len);
        } else {
            self.wait(born, generation, offset, len);
        }
    }

    /// The commit of `generation` is on disk, and then `seen` were there: what an earlier one freed
    /// is named by no slot now, and free unless one of them needs it.
    pub fn settle(&mut self, generation: u64, seen: &Readers) {
        self.generation = generation;
        let is_free = |w: &mut Waiting| w.freed < generation && !seen.need(w.born, w.freed);
        let ready: Vec<Waiting> = self.waiting.extract_if(.., is_free).collect();
        for waiting in ready {
            self.put_free(waiting.offset, waiting.len);
        }
    }

    /// Bytes that only readers keep from being free.
    pub fn kept(&self) -> u64 {
        let old = self.waiting.iter().filter(|w| w.freed < self.generation);
        old.map(|w| w.len).sum()
    }

    /// Where one of the `used` extents (offset, length) begins that is down as free as well.
    pub fn double_booked(&self, used: &[(u64, u64)]) -> Option<u64> {
        let waiting = self.waiting.iter().map(|w| (w.offset, w.len));
        let mut free: BTreeMap<u64, u64> = waiting.collect();
        free.extend(&self.free);
        let begins = |(offset, len): &&(u64, u64)| {
            let before = free.range(..offset.saturating_add(*len)).next_back();
            *offset >= self.end || before.is_some_and(|(at, room)| at + room > *offset)
        };
        used.iter().find(begins).map(|(offset, _)| *offset)
    }

    /// Where the file's used part ends.
    pub fn end(&self) -> u64 {
        self.end
    }

    fn put_free(&mut self, mut offset: u64, mut len: u64) {
        if let Some((&before, &room)) = self.free.range(..offset).next_back()
            && before + room == offset
        {
            self.free.remove(&before);
            (offset, len) = (before, room + len);
        }
        if let Some(room) = self.free.remove(&(offset + len)) {
            len += room;
        }
        if offset + len == self.end {
            self.end = offset;
        } else {
            self.free.insert(offset, len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_freed_extent_waits_for_the_slot_before() {
        let mut space = Extents::new(vec![], 0, 1).unwrap();
        let a = space.place(100);
        let b = space.place(100);
        assert_eq!((a, b), (HEADER_LEN, HEADER_LEN + 128));
        let nobody = Readers::default();
        space.release(2, a, 100, &nobody);
        assert_eq!(space.place(64), b + 128, "slot 1 still names it");
        space.settle(2, &nobody);
        assert_eq!(space.place(64), b + 192, "and so it does after commit 2");
        space.settle(3, &nobody);
        assert_eq!(space.place(64), a);
    }

    #[test]
    fn a_freed_extent_waits_for_those_who_read_it_and_no_others() {
        let mut space = Extents::new(vec![], 0, 5).unwrap();
        space.settle(6, &Readers::default());
        let a = space.place(64);
        let reader_of = |generation| Readers::of(&[generation]);
        space.settle(7, &Readers::default());
        space.release(9, a, 64, &Readers::default());
        space.settle(9, &Readers::default());
        for generation in [0, 6, 8] {
            space.settle(20, &reader_of(generation));
            assert_eq!(space.kept(), 64, "commit {generation}");
        }
        space.settle(21, &Readers::unknown());
        assert_eq!(space.kept(), 64);
        let mut later = space.place(64);
        assert_ne!(later, a);
        // Its place was taken after commit 5 was read, and commit 9 does not name it.
        space.settle(22, &Readers::of(&[5, 9]));
        assert_eq!(space.kept(), 0);
        assert_eq!(space.place(64), a);
        // What is given back late is free at once, unless somebody was seen.
        space.release(22, a, 64, &Readers::default());
        space.settle(23, &Readers::default());
        space.release(23, later, 64, &Readers::default());
        assert_eq!(space.kept(), 0);
        space.settle(24, &Readers::default());
        later = space.place(64);
        space.settle(25, &Readers::default());
        space.settle(26, &Readers::default());
        space.release(25, later, 64, &reader_of(24));
        assert_eq!(space.kept(), 64);
    }

    #[test]
    fn what_is_free_at_the_opening_may_be_read_by_those_before() {
        let mut space = Extents::new(vec![(HEADER_LEN + 640, 64)], 0, 9).unwrap();
        space.settle(10, &Readers::of(&[8]));
        assert_eq!(space.place(64), HEADER_LEN + 704);
        space.settle(11, &Readers::of(&[9]));
        assert_eq!(space.place(64), HEADER_LEN);
    }

    #[test]
    fn overlapping_extents_are_refused() {
        let at = HEADER_LEN;
        assert!(Extents::new(vec![(at, 100), (at + 64, 10)], 0, 1).is_none());
        assert!(Extents::new(vec![(at + 1, 100)], 0, 1).is_none());
        assert!(Extents::new(vec![(at - 64, 100)], 0, 1).is_none());
        assert!(Extents::new(vec![(at, u64::MAX)], 0, 1).is_none());
    }

    proptest! {
        #[test]
        fn places_never_overlap(steps in prop::collection::vec((0u8..4, 1u64..500), 1..200)) {
            let mut space = Extents::new(vec![], 0, 1).unwrap();
            let (mut held, mut generation) = (Vec::<(u64, u64)>::new(), 1);
            for (what, len) in steps {
                match what {
                    0 => {
                        let at = space.place(len);
                        for &(other, size) in &held {
                            prop_assert!(at + len <= other || other + size <= at);
                        }
                        held.push((at, len));
                    }
                    1 if !held.is_empty() => {
                        let (at, size) = held.swap_remove(len as usize % held.len());
                        space.discard(at, size);
                    }
                    2 => {
                        prop_assert_eq!(space.double_booked(&held), None);
                        if let Some((at, size)) = held.pop() {
                            space.discard(at, size);
                            prop_assert_eq!(space.double_booked(&[(at, size)]), Some(at));
                        }
                    }
                    _ => {
                        generation += 1;
                        if let Some((at, size)) = held.pop() {
                            space.release(generation, at, size, &Readers::default());
                        }
                        space.settle(generation, &Readers::default());
                    }
                }
            }
        }
    }
}
