//! A writer's work over a simulated disk: random steps, each entered in the ledger.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chronolite::store::sim::SimStorage;
use chronolite::{Db, DbOptions, Durability, Error, ErrorKind};

use super::hooks::Hooked;
use super::{
    ADDED, Cell, Change, Deleted, Ledger, Rng, TABLES, batch, options, row, row_for, value,
};

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
    /// Nothing is deleted: every row that was acknowledged stays.
    pub keeps_all: bool,
}

impl Work {
    pub fn new(disk: SimStorage, durability: Durability, seed: u64) -> Self {
        let ledger = Arc::new(Mutex::new(Ledger::new()));
        let hooked = Hooked::new(disk.clone());
        let (options, rng) = (options(durability), Rng(seed));
        Self { disk, durability, ledger, hooked, db: None, options, rng, keeps_all: false }
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
        let conflicts = self.ledger().conflicts(table, ids.clone());
        let at = self.ledger().begin(table, ids.clone(), self.disk.op_count());
        let result = make(&db, ids);
        let ops = self.disk.op_count();
        let mut ledger = self.ledger();
        ledger.answer(at, &result, ops);
        if refused(&result, conflicts) {
            return Ok(());
        }
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
            let handle = db.table(TABLES[table])?;
            let rows: Vec<_> = ids.map(|id| row_for(&handle, table, id)).collect();
            let pieces = [&rows[..cut], &rows[cut..]].map(|part| batch(table, part));
            let pieces = pieces.into_iter().filter(|piece| piece.rows() > 0);
            let appended = handle.append(pieces.collect())?;
            assert_eq!(appended, rows.len() as u64);
            Ok(())
        })
    }

    /// Deletes a range of a table; of the keyed one, the rows of one tag now and then.
    pub fn delete(&mut self) -> Result<(), Error> {
        let table = self.table()?;
        let (start, next) = (self.rng.below(600) as i64, self.ledger().next_id);
        let len = [5, 60, 1000][self.rng.below(3)];
        let tag = match row(table, self.rng.below(next as usize) as i64).cells.swap_remove(1) {
            tag @ Cell::Text(_) if super::is_keyed(table) && self.rng.below(2) == 0 => Some(tag),
            _ => None,
        };
        self.change(table, Change::Delete(Deleted { start, end: start + len, tag }))
    }

    /// Gives a table a column, unless it has all that there are.
    pub fn add_column(&mut self) -> Result<(), Error> {
        let table = self.table()?;
        match can_add(&self.open()?, table) {
            true => self.change(table, Change::AddColumn),
            false => Ok(()),
        }
    }

    /// Drops a table.
    pub fn drop_table(&mut self) -> Result<(), Error> {
        let table = self.table()?;
        self.change(table, Change::Drop)
    }

    /// A change of a table: noted, made, and its answer noted.
    fn change(&mut self, table: usize, change: Change) -> Result<(), Error> {
        let db = self.open()?;
        let at = self.ledger().begin_change(table, change.clone(), self.disk.op_count());
        let result = make(&db, table, &change);
        let ops = self.disk.op_count();
        let mut ledger = self.ledger();
        ledger.answer(at, &result, ops);
        if result.is_ok() && self.durability == Durability::Sync {
            ledger.all_durable(ops);
        }
        result
    }

    /// Packs a table, and gives space back now and then.
    pub fn pack(&mut self) -> Result<(), Error> {
        let table = self.table()?;
        let least = [1, 50, 100_000][self.rng.below(3)];
        let db = self.open()?;
        let before = self.ledger().attempts.len();
        let done = db.table(TABLES[table])?.pack(least).map(drop);
        let done = if self.rng.below(3) == 0 { done.and_then(|()| db.compact()) } else { done };
        self.durable_upto(before, &done);
        done
    }

    /// The first `count` attempts are durable, if that is what `done` says.
    fn durable_upto(&mut self, count: usize, done: &Result<(), Error>) {
        let ops = self.disk.op_count();
        let mut ledger = self.ledger();
        for attempt in ledger.attempts[..count].iter_mut().filter(|_| done.is_ok()) {
            if attempt.outcome == super::Outcome::Applied {
                attempt.durable_at = attempt.durable_at.min(ops);
            }
        }
    }

    pub fn flush(&mut self) -> Result<(), Error> {
        let db = self.open()?;
        let done = db.flush();
        if done.is_ok() {
            self.ledger().all_durable(self.disk.op_count());
        }
        done
    }

    /// A flush or pack during which a row is appended, as another thread may do.
    fn beside_an_append(&mut self) -> Result<(), Error> {
        let table = self.table()?;
        let (db, disk, ledger) = (self.open()?, self.disk.clone(), Arc::clone(&self.ledger));
        self.hooked.before_extent(move || {
            let Ok(table_handle) = db.table(TABLES[table]) else { return };
            let mut ledger = ledger.lock().expect("no test panics with the ledger");
            let ids = ledger.take(1);
            let conflicts = ledger.conflicts(table, ids.clone());
            let at = ledger.begin(table, ids.clone(), disk.op_count());
            let row = row_for(&table_handle, table, ids.start);
            let values: Vec<_> = row.cells.iter().map(value).collect();
            // Not settled: its sync or flush is the next attempt's.
            let written = table_handle.write_row(row.ts, &values);
            refused(&written, conflicts);
            ledger.answer(at, &written, disk.op_count());
        });
        self.flush_or_pack()
    }

    /// A flush or pack during which a table is dropped or given a column.
    pub fn beside_a_change(&mut self) -> Result<(), Error> {
        let table = self.table()?;
        let change = if self.rng.below(2) == 0 { Change::Drop } else { Change::AddColumn };
        let (db, disk, ledger) = (self.open()?, self.disk.clone(), Arc::clone(&self.ledger));
        if self.durability == Durability::Sync {
            // The change would wait for a sync, and settle what is not its own.
            return self.flush();
        }
        // Where a full disk has left much in the log, the change would flush, and wait here for the
        // flush that it is in the middle of: what is there goes first, or the change does not come.
        if db.stats()?.log_bytes > 3000 {
            self.flush()?;
            self.attempt(table, 1, |db, ids| super::write_one(db, table, ids))?;
        }
        self.hooked.before_extent(move || {
            if change == Change::AddColumn && !can_add(&db, table) {
                return;
            }
            let mut ledger = ledger.lock().expect("no test panics with the ledger");
            let at = ledger.begin_change(table, change.clone(), disk.op_count());
            let made = make(&db, table, &change);
            ledger.answer(at, &made, disk.op_count());
        });
        self.flush_or_pack()
    }

    /// A flush, or a pack behind one, with what was hooked in.
    fn flush_or_pack(&mut self) -> Result<(), Error> {
        // What was there before is durable after it; what came in between is not.
        let before = self.ledger().attempts.len();
        let db = self.open()?;
        let done = match self.rng.below(2) {
            0 => db.flush(),
            _ => db.pack(None, 100_000).map(drop),
        };
        self.hooked.clear();
        self.durable_upto(before, &done);
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
            0..43 => self.append_row(),
            43..48 if !self.keeps_all => self.delete(),
            48 if !self.keeps_all => self.add_column(),
            49 if !self.keeps_all => match self.rng.below(3) {
                0 => self.drop_table(),
                _ => self.beside_a_change(),
            },
            43..50 => self.append_row(),
            50..72 => {
                let rows = 1 + self.rng.below(SMALL);
                self.append_batch(rows)
            }
            72..80 => {
                let rows = DIRECT + self.rng.below(100);
                self.append_batch(rows)
            }
            80..86 => self.flush(),
            86..90 => self.pack(),
            90..96 => self.beside_an_append(),
            _ => {
                self.close()?;
                self.open().map(drop)
            }
        }
    }
}

/// True if an append was refused because a time and tag was there already, which it must be if it
/// `conflicts` and must not be otherwise.
fn refused<T>(result: &Result<T, Error>, conflicts: bool) -> bool {
    match result {
        Ok(_) => assert!(!conflicts, "a conflict was not seen"),
        Err(e) if e.kind() == ErrorKind::Conflict => {
            assert!(conflicts, "there was no conflict: {e:?}");
            return true;
        }
        Err(_) => {}
    }
    false
}

fn make(db: &Db, table: usize, change: &Change) -> Result<(), Error> {
    let name = TABLES[table];
    match change {
        Change::Delete(deleted) => {
            let table = db.table(name)?;
            let key = deleted.tag.as_ref().map(|tag| table.key(&[value(tag)])).transpose()?;
            table.delete(Some(deleted.start), Some(deleted.end), key)
        }
        Change::AddColumn => {
            let handle = db.table(name)?;
            let (column, ty, codec) = ADDED[super::added(table, handle.spec().columns.len())];
            handle.add_column_with(column, ty, codec)
        }
        Change::Drop => db.drop_table(name),
    }
}

fn can_add(db: &Db, table: usize) -> bool {
    let handle = db.table(TABLES[table]);
    handle.is_ok_and(|handle| super::added(table, handle.spec().columns.len()) < ADDED.len())
}
