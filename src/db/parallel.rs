//! Work on several cores: threads for the length of one call. A pool would outlive a fork of the
//! process in the parent alone, and its child would wait for it for ever.

use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Each thread of a call has buffers of its own, of up to some hundred megabytes.
const MOST: usize = 8;

/// How many threads are worth having.
fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get).min(MOST))
}

/// Calls `run` with each number below `count`, on as many threads as are worth it, each with a
/// `state` of its own. The results are in the order of the numbers.
pub(crate) fn map<S, R: Send>(
    count: usize,
    state: impl Fn() -> S + Sync,
    run: impl Fn(&mut S, usize) -> R + Sync,
) -> Vec<R> {
    let threads = cores().min(count);
    if threads <= 1 {
        let mut state = state();
        return (0..count).map(|index| run(&mut state, index)).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
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
    #[should_panic(expected = "of number 7")]
    fn a_panic_is_passed_on() {
        map(100, || (), |(), index| assert!(index != 7, "of number {index}"));
    }
}
