//! Work on several cores: threads for the length of one call. A pool would outlive a fork of the
//! process in the parent alone, and its child would wait for it for ever.

use std::cell::Cell;
use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;

use parking_lot::Mutex;

/// Each thread of a call has buffers of its own, of up to some hundred megabytes.
const MOST: usize = 8;

/// Bytes that other threads have of what is handed over, at most.
const MOST_AWAY: usize = 1 << 30;

/// How many threads are worth having.
pub(crate) fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get).min(MOST))
}

thread_local! {
    /// All cores have work: what this thread does is a part of it.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Calls `run` with each number below `count`, on as many threads as are worth it, each with a
/// `state` of its own. The results are in the order of the numbers. What `run` itself maps, it does
/// alone.
pub(crate) fn map<S, R: Send>(
    count: usize,
    state: impl Fn() -> S + Sync,
    run: impl Fn(&mut S, usize) -> R + Sync,
) -> Vec<R> {
    let threads = cores().min(count);
    if threads <= 1 || is_inside() {
        // What is one of several is made as on any machine.
        let _inside = (count > 1 && !is_inside()).then(Inside::new);
        let mut state = state();
        return (0..count).map(|index| run(&mut state, index)).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let _inside = Inside::new();
        let mut state = state();
        let mut done = Vec::with_capacity(count / threads + 1);
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return done;
            }
            done.push((index, run(&mut state, index)));
        }
    };
    let mut done = thread::scope(|scope| {
        // Where the system gives no more threads, those that are there do all of it.
        let spawn =
            || thread::Builder::new().name("chronolite-work".into()).spawn_scoped(scope, work);
        let others: Vec<_> = (1..threads).map_while(|_| spawn().ok()).collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(theirs) => done.extend(theirs),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// True if all cores have work already, so that what this thread maps it does alone.
pub(crate) fn is_inside() -> bool {
    INSIDE.get()
}

/// While it lives, this thread is inside.
struct Inside;

impl Inside {
    fn new() -> Self {
        INSIDE.set(true);
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

/// Calls `run` with each item that `make` hands over, on this thread and on others: where one of
/// those is free it takes an item while the next is made, as long as what they have is no more than
/// [`MOST_AWAY`] by `size`. The last is for this thread, and so is a single one. Each thread has a
/// `state` of its own. The results are in no order.
pub(crate) fn feed<S, T: Send, R: Send, M>(
    size: impl Fn(&T) -> usize + Sync,
    state: impl Fn() -> S + Sync,
    run: impl Fn(&mut S, T) -> R + Sync,
    make: impl FnOnce(&mut dyn FnMut(T)) -> M,
) -> (M, Vec<R>) {
    let (sender, receiver) = sync_channel::<T>(0);
    let (receiver, away) = (Mutex::new(receiver), AtomicUsize::new(0));
    let work = || {
        let (mut state, mut done) = (state(), Vec::new());
        loop {
            let item = receiver.lock().recv();
            let Ok(item) = item else { return done };
            let size = size(&item);
            done.push(run(&mut state, item));
            away.fetch_sub(size, Ordering::Relaxed);
        }
    };
    // Gives the item back if it is to be done here.
    let offer = |sender: &SyncSender<T>, item: T| {
        let size = size(&item);
        if away.fetch_add(size, Ordering::Relaxed) + size > MOST_AWAY {
            away.fetch_sub(size, Ordering::Relaxed);
            return Err(item);
        }
        sender.try_send(item).map_err(|refused| match refused {
            TrySendError::Full(item) | TrySendError::Disconnected(item) => {
                away.fetch_sub(size, Ordering::Relaxed);
                item
            }
        })
    };
    thread::scope(|scope| {
        // It goes when the making ends, also by a panic: the others wait for that.
        let sender = sender;
        let spawn =
            || thread::Builder::new().name("chronolite-work".into()).spawn_scoped(scope, work);
        let others: Vec<_> = (1..cores()).map_while(|_| spawn().ok()).collect();
        let (mut state, mut done, mut last) = (state(), Vec::new(), None);
        let made = make(&mut |item| {
            let Some(before) = last.replace(item) else { return };
            if let Err(before) = offer(&sender, before) {
                done.push(run(&mut state, before));
            }
        });
        drop(sender);
        done.extend(last.map(|last| run(&mut state, last)));
        for other in others {
            match other.join() {
                Ok(theirs) => done.extend(theirs),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        (made, done)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order() {
        for count in [0, 1, 2, 1000] {
            let squares = map(count, || (), |(), index| index * index);
            assert_eq!(squares, (0..count).map(|i| i * i).collect::<Vec<_>>());
        }
    }

    #[test]
    fn within_work_on_all_cores_a_thread_works_alone() {
        let others = |_: &mut (), _: usize| {
            let here = thread::current().id();
            map(100, || (), |(), _| thread::current().id() != here).contains(&true)
        };
        assert!(!map(100, || (), others).contains(&true));
        assert!(!is_inside());
    }

    #[test]
    fn what_is_handed_over_is_done() {
        for count in [0, 1, 2, 1000] {
            let (made, mut squares) = feed(
                |_| 1,
                || (),
                |(), index: u64| index * index,
                |give| (0..count).for_each(&mut *give),
            );
            squares.sort_unstable();
            assert_eq!((made, squares), ((), (0..count).map(|i| i * i).collect::<Vec<_>>()));
        }
    }

    #[test]
    fn what_is_too_large_is_done_here() {
        let here = thread::current().id();
        let run = |(): &mut (), _: u64| thread::current().id();
        let (_, large) = feed(|_| MOST_AWAY + 1, || (), run, |give| (0..50).for_each(&mut *give));
        assert!(large.len() == 50 && large.iter().all(|thread| *thread == here));
    }

    #[test]
    #[should_panic(expected = "of number 7")]
    fn a_panic_in_what_is_handed_over_is_passed_on() {
        feed(
            |_| 1,
            || (),
            |(), index: u64| assert!(index != 7, "of number {index}"),
            |give| (0..100).for_each(&mut *give),
        );
    }

    #[test]
    #[should_panic(expected = "of making")]
    fn a_panic_of_who_hands_over_is_passed_on() {
        let make = |give: &mut dyn FnMut(u64)| {
            give(1);
            assert!(cores() == 0, "of making");
        };
        feed(|_| 1, || (), |(), index| index, make);
    }

    #[test]
    #[should_panic(expected = "of number 7")]
    fn a_panic_is_passed_on() {
        map(100, || (), |(), index| assert!(index != 7, "of number {index}"));
    }
}
