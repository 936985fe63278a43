//! One sync for many writers.
//!
//! Who needs its record to be durable waits here. One of those who wait syncs, outside of every
//! other lock, for all whose records were in the file when it began; the others wait for it.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};

use crate::error::Result;
use crate::store::health::Health;

/// What is known to be durable, and whether somebody is at it.
#[derive(Debug, Default)]
pub struct GroupSync {
    durable: AtomicU64,
    syncing: Mutex<bool>,
    done: Condvar,
}

impl GroupSync {
    /// Highest log number known to be durable.
    #[inline]
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Notes that everything up to `lsn` is durable.
    pub fn note(&self, lsn: u64) {
        self.durable.fetch_max(lsn, Ordering::AcqRel);
    }

    /// Returns when the record `lsn` is durable. `written` tells the last record that is wholly in
    /// the log; `sync` makes what is there durable. A failed sync is never repeated: it poisons the
    /// writer (`sync` sees to that) and fails all who wait.
    pub fn wait(
        &self,
        lsn: u64,
        written: &AtomicU64,
        health: &Health,
        sync: impl Fn() -> Result<()>,
    ) -> Result<()> {
        let mut syncing = self.syncing.lock();
        loop {
            if self.durable() >= lsn {
                return Ok(());
            }
            health.check()?;
            if *syncing {
                self.done.wait(&mut syncing);
                continue;
            }
            *syncing = true;
            drop(syncing);
            let upto = written.load(Ordering::Acquire);
            let synced = sync();
            if synced.is_ok() {
                self.note(upto);
            }
            syncing = self.syncing.lock();
            *syncing = false;
            self.done.notify_all();
            synced?;
        }
    }
}
