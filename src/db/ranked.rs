//! Mutexes with a rank, taken in the order of their ranks: what would be a deadlock now and then is
//! a failed assertion at once, in debug builds. In release builds a rank costs nothing.

use std::ops::{Deref, DerefMut};

use parking_lot::{Mutex, MutexGuard};

/// The order of the database's locks, outermost first. See `core` for what each guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// The main file.
    Main,
    /// The log and the memtables.
    Writer,
}

/// A mutex that knows its place in the order.
#[derive(Debug)]
pub(crate) struct Ranked<T> {
    rank: Rank,
    inner: Mutex<T>,
}

/// The right to what a [`Ranked`] guards.
#[derive(Debug)]
pub(crate) struct RankedGuard<'a, T> {
    rank: Rank,
    inner: MutexGuard<'a, T>,
}

impl<T> Ranked<T> {
    pub(crate) const fn new(rank: Rank, value: T) -> Self {
        Self { rank, inner: Mutex::new(value) }
    }

    /// Takes the lock. This thread holds none of this rank or a later one.
    #[inline]
    pub(crate) fn lock(&self) -> RankedGuard<'_, T> {
        held::enter(self.rank);
        RankedGuard { rank: self.rank, inner: self.inner.lock() }
    }

    /// Takes the lock if nobody has it.
    #[inline]
    pub(crate) fn try_lock(&self) -> Option<RankedGuard<'_, T>> {
        let inner = self.inner.try_lock()?;
        held::enter(self.rank);
        Some(RankedGuard { rank: self.rank, inner })
    }

    /// What it guards, for whoever has it for himself.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<T> RankedGuard<'_, T> {
    /// Lets others in while `run` runs.
    pub(crate) fn unlocked<R>(&mut self, run: impl FnOnce() -> R) -> R {
        held::leave(self.rank);
        let result = MutexGuard::unlocked(&mut self.inner, run);
        held::enter(self.rank);
        result
    }
}

impl<T> Deref for RankedGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for RankedGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T> Drop for RankedGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        held::leave(self.rank);
    }
}

#[cfg(debug_assertions)]
mod held {
    use super::Rank;
    use std::cell::RefCell;

    thread_local! {
        static HELD: RefCell<Vec<Rank>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn enter(rank: Rank) {
        HELD.with_borrow_mut(|held| {
            let last = held.last().copied();
            assert!(last.is_none_or(|last| last < rank), "{rank:?} taken while holding {held:?}");
            held.push(rank);
        });
    }

    pub(super) fn leave(rank: Rank) {
        HELD.with_borrow_mut(|held| held.retain(|other| *other != rank));
    }
}

#[cfg(not(debug_assertions))]
mod held {
    use super::Rank;

    #[inline(always)]
    pub(super) fn enter(_rank: Rank) {}

    #[inline(always)]
    pub(super) fn leave(_rank: Rank) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_taken_in_order() {
        let (main, writer) = (Ranked::new(Rank::Main, 1), Ranked::new(Rank::Writer, 2));
        let outer = main.lock();
        let mut inner = writer.lock();
        assert_eq!(inner.unlocked(|| *outer), 1);
        drop((inner, outer));
        assert_eq!(*writer.lock(), 2);
        let _outer = main.lock();
    }

    #[test]
    fn a_lock_that_is_held_is_not_tried_for() {
        let writer = Ranked::new(Rank::Writer, 2);
        let held = writer.try_lock().unwrap();
        assert!(std::thread::scope(|s| s.spawn(|| writer.try_lock().is_none()).join().unwrap()));
        drop(held);
        assert_eq!(*writer.try_lock().unwrap(), 2);
    }

    #[test]
    #[should_panic(expected = "Main taken while holding [Writer]")]
    fn the_other_way_round_is_noticed() {
        let (main, writer) = (Ranked::new(Rank::Main, ()), Ranked::new(Rank::Writer, ()));
        let _inner = writer.lock();
        let _outer = main.lock();
    }
}
