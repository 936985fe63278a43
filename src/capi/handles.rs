//! What stands for a Rust object in C: a number, looked up at every call. One that is ended, or was
//! never given, is found out; nothing it could lead to is touched.
//!
//! A number is a slot and how many times the slot was given away before. All handles of a database
//! end with its own.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::db;
use crate::error::{Error, ErrorKind, Result};

/// Handles of one kind.
pub(super) struct Handles<T> {
    kind: &'static str,
    slots: RwLock<Slots<T>>,
}

struct Slots<T> {
    all: Vec<Slot<T>>,
    free: Vec<u32>,
}

struct Slot<T> {
    /// How many times it was given away.
    turn: u32,
    /// The number of the database that it belongs to: 0 for a database itself.
    of: u64,
    item: Option<Arc<T>>,
}

impl<T> Handles<T> {
    const fn new(kind: &'static str) -> Self {
        let slots = Slots { all: Vec::new(), free: Vec::new() };
        Self { kind, slots: RwLock::new(slots) }
    }

    /// A number for it, among the handles of a database.
    fn add(&self, of: u64, item: T) -> u64 {
        let mut slots = self.slots.write();
        let at = slots.free.pop().unwrap_or_else(|| {
            slots.all.push(Slot { turn: 0, of: 0, item: None });
            (slots.all.len() - 1) as u32
        });
        let slot = &mut slots.all[at as usize];
        (slot.turn, slot.of, slot.item) = (slot.turn + 1, of, Some(Arc::new(item)));
        number(slot.turn, at)
    }

    /// What has that number.
    #[inline]
    pub(super) fn get(&self, id: u64) -> Result<Arc<T>> {
        let slots = self.slots.read();
        let found = slots.find(id).and_then(|slot| slot.item.clone());
        drop(slots);
        found.ok_or_else(|| self.gone(id))
    }

    /// The same, after which nothing has that number.
    pub(super) fn take(&self, id: u64) -> Result<Arc<T>> {
        let mut slots = self.slots.write();
        let there = slots.find(id).is_some_and(|slot| slot.item.is_some());
        let taken = there.then(|| slots.clear(id as u32)).flatten();
        drop(slots);
        taken.ok_or_else(|| self.gone(id))
    }

    /// All handles of a database, which end.
    fn take_all_of(&self, of: u64) -> Vec<Arc<T>> {
        let mut slots = self.slots.write();
        let theirs = |(at, slot): (usize, &Slot<T>)| (slot.of == of).then_some(at as u32);
        let places: Vec<_> = slots.all.iter().enumerate().filter_map(theirs).collect();
        places.into_iter().filter_map(|at| slots.clear(at)).collect()
    }

    #[cold]
    fn gone(&self, id: u64) -> Error {
        let kind = self.kind;
        let what = if id == 0 {
            format!(
                "this is no {kind}: the handle was never set, or the call that was to set it failed"
            )
        } else {
            format!("the {kind} was closed or released, or this never was one")
        };
        Error::new(ErrorKind::Closed, what)
    }
}

impl<T> Slots<T> {
    #[inline]
    fn find(&self, id: u64) -> Option<&Slot<T>> {
        // The lower half is the slot.
        self.all.get(id as u32 as usize).filter(|slot| u64::from(slot.turn) == id >> 32)
    }

    fn clear(&mut self, at: u32) -> Option<Arc<T>> {
        let slot = &mut self.all[at as usize];
        slot.of = 0;
        let item = slot.item.take();
        ENDED.fetch_add(1, Ordering::Release);
        // A slot that was given away four billion times is not given away again.
        if item.is_some() && slot.turn < u32::MAX {
            self.free.push(at);
        }
        item
    }
}

/// Never 0, as the first turn is 1.
fn number(turn: u32, at: u32) -> u64 {
    u64::from(turn) << 32 | u64::from(at)
}

/// An open database. `{0}` is none.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct chl_db {
    /// What the library knows it by.
    pub id: u64,
}

/// A table of an open database, or of a snapshot of it. `{0}` is none.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct chl_table {
    /// What the library knows it by.
    pub id: u64,
}

/// One moment of a database. `{0}` is none.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct chl_snapshot {
    /// What the library knows it by.
    pub id: u64,
}

/// The rows of a table as they arrive. `{0}` is none.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct chl_tail {
    /// What the library knows it by.
    pub id: u64,
}

/// A table and the number of its database.
pub(super) struct Table {
    pub(super) of: u64,
    pub(super) table: db::Table,
}

/// A snapshot and the number of its database.
pub(super) struct Snapshot {
    pub(super) of: u64,
    pub(super) snapshot: db::Snapshot,
}

/// A feed, for one thread at a time, and what another may do meanwhile.
pub(super) struct Tail {
    pub(super) tail: Mutex<db::Tail>,
    pub(super) interrupt: db::Interrupt,
    pub(super) ended: AtomicBool,
}

/// How many handles have ended, of all kinds.
static ENDED: AtomicU64 = AtomicU64::new(0);

/// A table that a thread wrote to last, and how many handles had ended when it was looked up.
struct Last {
    id: u64,
    ended: u64,
    table: Arc<Table>,
}

thread_local! {
    static LAST: Cell<Option<Last>> = const { Cell::new(None) };
}

/// Does something with a table. A thread that writes row by row finds it where it was, if no handle has
/// ended since: to look it up takes locked instructions that cost as much as a third of the row. A thread
/// that ends none of its own keeps one table that way until its next write, though not its database open.
#[inline]
pub(super) fn with_table<R>(table: chl_table, work: impl FnOnce(&Table) -> Result<R>) -> Result<R> {
    let ended = ENDED.load(Ordering::Acquire);
    let kept = LAST.try_with(Cell::take).ok().flatten();
    let last = match kept.filter(|last| last.id == table.id && last.ended == ended) {
        Some(last) => last,
        None => Last { id: table.id, ended, table: TABLES.get(table.id)? },
    };
    let done = work(&last.table);
    // In a thread that is just ending there is no next time.
    _ = LAST.try_with(|kept| kept.set(Some(last)));
    done
}

pub(super) static DATABASES: Handles<db::Db> = Handles::new("database");
pub(super) static TABLES: Handles<Table> = Handles::new("table");
pub(super) static SNAPSHOTS: Handles<Snapshot> = Handles::new("snapshot");
pub(super) static TAILS: Handles<Tail> = Handles::new("tail");

/// A number for what belongs to an open database.
///
/// # Errors
/// `Closed` if another thread has closed it.
pub(super) fn add_of<T>(handles: &Handles<T>, of: u64, item: T) -> Result<u64> {
    let id = handles.add(of, item);
    // Whoever closed it before this did not see the new one.
    if let Err(closed) = DATABASES.get(of) {
        handles.take(id).ok();
        return Err(closed);
    }
    Ok(id)
}

/// A number for a database.
pub(super) fn add_database(db: db::Db) -> u64 {
    DATABASES.add(0, db)
}

/// Ends a database's handle and all that belong to it.
pub(super) fn take_database(id: u64) -> Result<Arc<db::Db>> {
    let db = DATABASES.take(id)?;
    for tail in TAILS.take_all_of(id) {
        tail.end();
    }
    drop((TABLES.take_all_of(id), SNAPSHOTS.take_all_of(id)));
    Ok(db)
}

impl Tail {
    /// Ends the wait of a thread that is in it.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.interrupt.interrupt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_good_until_it_is_taken() {
        let handles = Handles::new("thing");
        let first = handles.add(7, "a");
        assert_eq!((*handles.get(first).unwrap(), *handles.take(first).unwrap()), ("a", "a"));
        let second = handles.add(7, "b");
        assert_eq!(second as u32, first as u32, "the slot is used again");
        for id in [first, 0, 1, second + 1, u64::MAX, second ^ (1 << 63)] {
            assert_eq!(handles.get(id).unwrap_err().kind(), ErrorKind::Closed);
            assert_eq!(handles.take(id).unwrap_err().kind(), ErrorKind::Closed);
        }
        assert_eq!(*handles.get(second).unwrap(), "b");
    }

    #[test]
    fn what_belongs_to_a_database_ends_with_it() {
        let handles = Handles::new("thing");
        let (a, b, c) = (handles.add(1, 'a'), handles.add(2, 'b'), handles.add(1, 'c'));
        let ended: Vec<_> = handles.take_all_of(1).iter().map(|item| **item).collect();
        assert_eq!(ended, ['a', 'c']);
        assert!(handles.get(a).is_err() && handles.get(c).is_err());
        assert_eq!(*handles.get(b).unwrap(), 'b');
        assert!(handles.take_all_of(1).is_empty());
    }

    #[test]
    fn a_slot_that_is_worn_out_is_left() {
        let handles = Handles::new("thing");
        let first = handles.add(1, ());
        handles.slots.write().all[0].turn = u32::MAX;
        assert!(handles.get(first).is_err());
        assert!(handles.take(number(u32::MAX, 0)).is_ok());
        assert_eq!(handles.add(1, ()) as u32, 1);
    }
}
