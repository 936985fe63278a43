//! Waking those who wait for rows.
//!
//! Whoever publishes rows holds the writer's lock, and so does whoever begins to wait, for a moment:
//! either the rows were published before, and are seen, or the publisher sees that somebody waits.
//! So publishing costs a look at a counter while nobody does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::db::core::Core;
use crate::error::{Error, ErrorKind, Result};
use crate::store::fork;

/// How long to leave the writer's lock to others before it is tried for again.
const RETRY: Duration = Duration::from_micros(100);

/// What a handle says in a fork child.
pub(crate) const INHERITED: &str = "this handle was opened by the parent process before a fork; \
     open the database again in this process";

/// Those who wait for something new.
#[derive(Debug)]
pub(crate) struct Feed {
    waiting: AtomicUsize,
    /// Held between the last look and the wait; guards nothing else.
    looking: Mutex<()>,
    news: Condvar,
    fork_generation: u32,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            waiting: AtomicUsize::new(0),
            looking: Mutex::new(()),
            news: Condvar::new(),
            fork_generation: fork::generation(),
        }
    }
}

impl Feed {
    /// Rows were published. The writer's lock is held.
    #[inline]
    pub(crate) fn published(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.wake();
        }
    }

    /// Fails in a fork child of the process that opened the database.
    pub(crate) fn check_process(&self) -> Result<()> {
        match self.fork_generation == fork::generation() {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Closed, INHERITED)),
        }
    }

    /// Something else changed that whoever waits has to look at.
    #[cold]
    pub(crate) fn wake(&self) {
        // In a fork child nobody waits, and a thread that is not there may have held the lock.
        if self.check_process().is_ok() {
            drop(self.looking.lock());
            self.news.notify_all();
        }
    }
}

/// Somebody who waits, as long as this lives.
struct Waiting<'a>(&'a Feed);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Core {
    /// Returns when `done`, which is looked at whenever something changed, or at `until`. Of the
    /// core's locks `done` takes that of the view at most.
    pub(crate) fn wait(&self, done: &dyn Fn() -> bool, until: Instant) {
        let Some(_waiting) = self.begin_to_wait(done, until) else { return };
        let mut looking = self.feed.looking.lock();
        while !done() && !self.feed.news.wait_until(&mut looking, until).timed_out() {}
    }

    /// `None` if there is nothing to wait for any more.
    fn begin_to_wait(&self, done: &dyn Fn() -> bool, until: Instant) -> Option<Waiting<'_>> {
        while !done() && Instant::now() < until {
            // Never waited for: a commit may hold it for long, and `until` is to be kept.
            if let Some(_writer) = self.try_writer() {
                self.feed.waiting.fetch_add(1, Ordering::Relaxed);
                return Some(Waiting(&self.feed));
            }
            std::thread::sleep(RETRY);
        }
        None
    }
}
