//! A writer's work over a simulated disk: random steps, each entered in the ledger.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chronolite::store::sim::SimStorage;
use chronolite::{Db, DbOptions, Durability, Error};

use super::hooks::Hooked;
use super::{Ledger, Rng, TABLES, batch, options, row, value};

/// Rows of a batch that goes through the log, and of one that is written as segments.
const SMALL: usize = 9;
const DIRECT: usize = 200;

pub struct Work {
    pub disk: SimStorage,
    pub durability: Durability,
    /// Rows that the hook appends are noted from within the disk.
    ledger: Arc<Mutex<Ledger>>,
    hooked: Hooked,
    pub db: Option<Db>,
    options: DbOptions,
    rng: Rng,
}

impl Work {
    pub fn new(disk: SimStorage, durability: Durability, seed: u64) -> Self {
        let ledger = Arc::new(Mutex::new(Ledger::new()));
        let hooked = Hooked::new(disk.clone());
        let (options, rng) = (options(durability), Rng(seed));
        Self { disk, durability, ledger, hooked, db: None, options, rng }
    }

    /// The same work on another disk, as that ledger has it.
    pub fn moved_to(&self, disk: SimStorage, ledger: Ledger, seed: u64) -> Self {
        let new = Self::new(disk, self.durability, seed);
        *new.ledger() = ledger;
        new
    }

    /// Another durability, from the next opening on.
    pub fn reopen_at(&mut self, durability: Durability) {
        self.db = None;
        (self.durability, self.options) = (durability, options(durability));
    }

    /// Syncs every `interval`, at [`Durability::Interval`].
    pub fn ticks(&mut self, interval: Duration) {
        self.options.sync_interval = interval;
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no test panics with the ledger")
    }

    /// Opens the database, unless it is open.
    pub fn open(&mut self) -> Result<Db, Error> {
        if let Some(db) = &self.db {
            return Ok(db.clone());
        }
        let disk = Arc::new(self.hooked.clone());
        let db = Db::open_with(disk, super::PATH, self.options.clone())?;
        self.db = Some(db.clone());
        Ok(db)
    }

    /// Drops the handle as a process does that has nothing more to say.
    pub fn drop_db(&mut self) {
        self.db = None;
    }

    /// One attempt: noted, made, and its answer noted.
    pub fn attempt(
        &mut self,
        table: usize,
        rows: usize,
        make: impl FnOnce(&Db, std::ops::Range<i64>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let db = self.open()?;
        let ids = self.ledger().take(rows);
        let at = self.ledger().begin(table, ids.clone(), self.disk.op_count());
        let result = make(&db, ids);
        let ops = self.disk.op_count();
        let mut ledger = self.ledger();
        ledger.answer(at, &result, ops);
        if result.is_ok() && self.durability == Durability::Sync {
            ledger.all_durable(ops);
        }
        result
    }

    /// A table that exists; it is created before if there is none yet.
    fn table(&mut self) -> Result<usize, Error> {
        let table = self.rng.below(TABLES.len());
        if !self.open()?.tables()?.iter().any(|name| name == TABLES[table]) {
            self.attempt(table, 0, |db, ids| super::write_one(db, table, ids))?;
        }
        Ok(table)
    }

    pub fn append_row(&mut self) -> Result<(), Error> {
        let table = self.table()?;
        self.attempt(table, 1, |db, ids| super::write_one(db, table, ids))
    }

    /// A batch; in two pieces now and then.
    pub fn append_batch(&mut self, rows: usize) -> Result<(), Error> {
        let table = self.table()?;
        let cut = if self.rng.below(3) == 0 { rows / 2 } else { rows };
        self.attempt(table, rows, |db, ids| {
            let rows: Vec<_> = ids.map(|id| row(table, id)).collect();
            let pieces = [&rows[..cut], &rows[cut..]].map(|part| batch(table, part));
            let appended = db.table(TABLES[table])?.append(pieces.into())?;
            assert_eq!(appended, rows.len() as u64);
            Ok(())
        })
    }

    pub fn flush(&mut self) -> Result<(), Error> {
        let db = self.open()?;
        let done = db.flush();
        if done.is_ok() {
            self.ledger().all_durable(self.disk.op_count());
        }
        done
    }

    /// A flush during which a row is appended, as another thread may do.
    fn flush_beside_an_append(&mut self) -> Result<(), Error> {
        let table = self.table()?;
        let (db, disk, ledger) = (self.open()?, self.disk.clone(), Arc::clone(&self.ledger));
        self.hooked.before_extent(move || {
            let Ok(table_handle) = db.table(TABLES[table]) else { return };
            let mut ledger = ledger.lock().expect("no test panics with the ledger");
            let ids = ledger.take(1);
            let at = ledger.begin(table, ids.clone(), disk.op_count());
            let row = row(table, ids.start);
            let values: Vec<_> = row.cells.iter().map(value).collect();
            // Not settled: its sync or flush is the next attempt's.
            let written = table_handle.write_row(row.ts, &values);
            ledger.answer(at, &written, disk.op_count());
        });
        // What was there before the flush is durable after it; the row that came in between is not.
        let before = self.ledger().attempts.len();
        let done = self.open()?.flush();
        self.hooked.clear();
        let ops = self.disk.op_count();
        if done.is_ok() {
            let mut ledger = self.ledger();
            for attempt in &mut ledger.attempts[..before] {
                if attempt.outcome == super::Outcome::Applied {
                    attempt.durable_at = attempt.durable_at.min(ops);
                }
            }
        }
        done
    }

    pub fn close(&mut self) -> Result<(), Error> {
        let Some(db) = self.db.take() else { return Ok(()) };
        let closed = db.close();
        if closed.is_ok() {
            self.ledger().all_durable(self.disk.op_count());
        }
        closed
    }

    /// A random step.
    pub fn step(&mut self) -> Result<(), Error> {
        match self.rng.below(100) {
            0..50 => self.append_row(),
            50..72 => {
                let rows = 1 + self.rng.below(SMALL);
                self.append_batch(rows)
            }
            72..80 => {
                let rows = DIRECT + self.rng.below(100);
                self.append_batch(rows)
            }
            80..90 => self.flush(),
            90..96 => self.flush_beside_an_append(),
            _ => {
                self.close()?;
                self.open().map(drop)
            }
        }
    }
}
