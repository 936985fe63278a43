//! What left the index but may still be seen by a snapshot, and when it may go.
//!
//! Each time that rows leave the layers an epoch ends. Snapshots hold the pin of the epoch in which
//! they were taken, a pin holds the one after it: so the rows that left at the end of an epoch go
//! when no snapshot of it or of an earlier one is left. They go to a heap from which the owner of
//! the index takes them, in a thread and at a moment of its choice: to let go of one may run code.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

/// Items that nobody sees any more.
#[derive(Debug)]
pub struct Retired<T> {
    heap: Mutex<Vec<T>>,
    /// How many there are, for those who only ask.
    len: AtomicUsize,
}

impl<T> Default for Retired<T> {
    fn default() -> Self {
        Self { heap: Mutex::default(), len: AtomicUsize::new(0) }
    }
}

impl<T: Copy> Retired<T> {
    /// Adds items to the heap.
    pub fn add(&self, mut items: Vec<T>) {
        let mut heap = self.heap.lock();
        heap.append(&mut items);
        self.len.store(heap.len(), Ordering::Release);
    }

    /// Takes up to `limit` off it.
    pub fn take(&self, limit: usize) -> Vec<T> {
        let mut heap = self.heap.lock();
        let count = heap.len().min(limit);
        let taken = heap.drain(..count).collect();
        self.len.store(heap.len(), Ordering::Release);
        taken
    }

    /// How many wait there.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// True if none does.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An epoch that snapshots hold.
#[derive(Debug)]
pub struct Pin<T: Copy> {
    retired: Arc<Retired<T>>,
    ended: OnceLock<(Vec<T>, Arc<Pin<T>>)>,
}

impl<T: Copy> Pin<T> {
    fn new(retired: &Arc<Retired<T>>) -> Arc<Self> {
        Arc::new(Self { retired: Arc::clone(retired), ended: OnceLock::new() })
    }
}

impl<T: Copy> Drop for Pin<T> {
    fn drop(&mut self) {
        // One after the other: a chain of many would overflow the stack.
        let mut ended = self.ended.take();
        while let Some((items, next)) = ended {
            self.retired.add(items);
            ended = Arc::into_inner(next).and_then(|mut next| next.ended.take());
        }
    }
}

/// The epochs of an index: the present one, and those that snapshots hold.
#[derive(Debug)]
pub struct Pins<T: Copy> {
    retired: Arc<Retired<T>>,
    present: Arc<Pin<T>>,
    /// Those that ended, and at how many of them the ones that nobody holds are looked for.
    held: Vec<Weak<Pin<T>>>,
    sweep_at: usize,
}

/// So many pins that nobody holds do not matter.
const FEW: usize = 16;

impl<T: Copy> Default for Pins<T> {
    fn default() -> Self {
        let retired = Arc::default();
        Self { present: Pin::new(&retired), retired, held: vec![], sweep_at: FEW }
    }
}

impl<T: Copy> Pins<T> {
    /// The present epoch, to be held by a snapshot.
    pub fn present(&self) -> Arc<Pin<T>> {
        Arc::clone(&self.present)
    }

    /// The heap where items end.
    pub fn retired(&self) -> &Arc<Retired<T>> {
        &self.retired
    }

    /// Ends the epoch, with the items that left the layers.
    pub fn end(&mut self, items: Vec<T>) {
        if items.is_empty() {
            return;
        }
        let next = Pin::new(&self.retired);
        let last = std::mem::replace(&mut self.present, Arc::clone(&next));
        // It was new until now, and only this sets it.
        let _ = last.ended.set((items, next));
        if self.held.len() >= self.sweep_at {
            self.held.retain(|pin| pin.strong_count() > 0);
            self.sweep_at = self.held.len() * 2 + FEW;
        }
        self.held.push(Arc::downgrade(&last));
    }

    /// Calls `each` for every item that waits, for a snapshot's end or on the heap. Nothing moves
    /// from the one to the other meanwhile.
    pub fn waiting<E>(&self, each: impl FnMut(&T) -> Result<(), E>) -> Result<(), E> {
        let heap = self.retired.heap.lock();
        let pins: Vec<_> = self.held.iter().filter_map(Weak::upgrade).collect();
        let ended = pins.iter().filter_map(|pin| pin.ended.get());
        let result = heap.iter().chain(ended.flat_map(|(items, _)| items)).try_for_each(each);
        // Each of the pins may be the last of its epoch by now, which then goes to the heap.
        drop(heap);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_go_when_the_last_snapshot_of_their_epoch_or_an_earlier_one_ends() {
        let mut pins = Pins::<u32>::default();
        let first = pins.present();
        pins.end(vec![1, 2]);
        let second = pins.present();
        pins.end(vec![3]);
        let third = pins.present();
        let waiting = |pins: &Pins<u32>| {
            let mut found = vec![];
            pins.waiting(|&item| {
                found.push(item);
                Ok::<(), ()>(())
            })
            .unwrap();
            found.sort_unstable();
            found
        };
        assert_eq!(waiting(&pins), [1, 2, 3]);
        drop(second);
        assert!(pins.retired().is_empty(), "the first holds those after it");
        drop(first);
        assert_eq!(pins.retired().len(), 3);
        assert_eq!(waiting(&pins), [1, 2, 3], "each is seen once wherever it is");
        pins.end(vec![4]);
        assert_eq!(pins.retired().len(), 3, "the third holds it");
        drop(third);
        assert_eq!(pins.retired().take(3).len() + pins.retired().take(9).len(), 4);
        assert!(waiting(&pins).is_empty());
    }

    #[test]
    fn a_long_chain_of_epochs_ends_without_recursion() {
        let mut pins = Pins::<u32>::default();
        let first = pins.present();
        for item in 0..200_000 {
            pins.end(vec![item]);
        }
        drop(first);
        assert_eq!(pins.retired().len(), 200_000);
    }
}
