//! What stands for a Rust object in C: a number, looked up at every call. One that is ended, or was
//! never given, is found out; nothing it could lead to is touched.
//!
//! A number is a slot, the process it was given in (of those that were forked from each other), and
//! how many times the slot was given away before. All handles of a database end with its own. A child
//! begins with no handles: the locks of those of its parent may have been held when it was forked.

use std::cell::Cell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use crate::db;
use crate::error::{Error, ErrorKind, Result};
use crate::store::fork;

/// Slots that the lower part of a number can name.
const MOST: usize = 1 << 24;

/// Handles of one kind.
pub(super) struct Handles<T> {
    kind: &'static str,
    /// Those of this process; in front of those of its parent, if it was forked.
    of_process: AtomicPtr<Registry<T>>,
}

struct Registry<T> {
    generation: u32,
    slots: RwLock<Slots<T>>,
    /// What it took the place of, which nobody looks at any more.
    _parents: AtomicPtr<Registry<T>>,
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
        Self { kind, of_process: AtomicPtr::new(null_mut()) }
    }

    #[inline]
    fn registry(&self) -> &Registry<T> {
        let there = self.of_process.load(Ordering::Acquire);
        // SAFETY: a registry that is not null stays for as long as the process does.
        match unsafe { there.as_ref() } {
            Some(registry) if registry.generation == fork::generation() => registry,
            _ => self.begin(there),
        }
    }

    #[cold]
    fn begin(&self, parents: *mut Registry<T>) -> &Registry<T> {
        let made = Box::into_raw(Box::new(Registry {
            generation: fork::generation(),
            slots: RwLock::new(Slots { all: Vec::new(), free: Vec::new() }),
            _parents: AtomicPtr::new(parents),
        }));
        let order = (Ordering::AcqRel, Ordering::Acquire);
        match self.of_process.compare_exchange(parents, made, order.0, order.1) {
            // SAFETY: it stays for as long as the process does.
            Ok(_) => unsafe { &*made },
            Err(others) => {
                // SAFETY: it was made above, and nobody else has seen it; another thread was
                // quicker, and its registry stays.
                unsafe {
                    drop(Box::from_raw(made));
                    &*others
                }
            }
        }
    }

    /// A number for it, among the handles of a database.
    fn add(&self, of: u64, item: T) -> Result<u64> {
        let registry = self.registry();
        let mut slots = registry.slots.write();
        let at = match slots.free.pop() {
            Some(at) => at,
            None if slots.all.len() < MOST => {
                slots.all.push(Slot { turn: 0, of: 0, item: None });
                (slots.all.len() - 1) as u32
            }
            None => {
                let message = format!("{MOST} handles are open; release those that are not needed");
                return Err(Error::invalid(message));
            }
        };
        let slot = &mut slots.all[at as usize];
        (slot.turn, slot.of, slot.item) = (slot.turn + 1, of, Some(Arc::new(item)));
        Ok(number(slot.turn, registry.generation, at))
    }

    /// What has that number.
    #[inline]
    pub(super) fn get(&self, id: u64) -> Result<Arc<T>> {
        let registry = self.registry();
        let slots = registry.slots.read();
        let found = slots.find(id, registry.generation).and_then(|slot| slot.item.clone());
        drop(slots);
        found.ok_or_else(|| self.gone(id))
    }

    /// The same, after which nothing has that number.
    pub(super) fn take(&self, id: u64) -> Result<Arc<T>> {
        let registry = self.registry();
        let mut slots = registry.slots.write();
        let found = slots.find(id, registry.generation);
        let there = found.is_some_and(|slot| slot.item.is_some());
        let taken = there.then(|| slots.clear(slot_of(id))).flatten();
        drop(slots);
        taken.ok_or_else(|| self.gone(id))
    }

    /// All handles of a database, which end.
    fn take_all_of(&self, of: u64) -> Vec<Arc<T>> {
        let mut slots = self.registry().slots.write();
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
        } else if generation_of(id) < fork::generation() % GENERATIONS {
            format!("the {kind} was opened by the parent process before a fork; open it again here")
        } else {
            format!("the {kind} was closed or released, or this never was one")
        };
        Error::new(ErrorKind::Closed, what)
    }
}

impl<T> Slots<T> {
    #[inline]
    fn find(&self, id: u64, generation: u32) -> Option<&Slot<T>> {
        let here = generation_of(id) == generation % GENERATIONS;
        let slot = self.all.get(slot_of(id) as usize).filter(|_| here);
        slot.filter(|slot| u64::from(slot.turn) == id >> 32)
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

/// How many processes a number tells apart.
const GENERATIONS: u32 = 1 << 8;

/// Never 0, as the first turn is 1.
fn number(turn: u32, generation: u32, at: u32) -> u64 {
    u64::from(turn) << 32 | u64::from(generation % GENERATIONS) << 24 | u64::from(at)
}

#[inline]
fn generation_of(id: u64) -> u32 {
    (id >> 24) as u32 % GENERATIONS
}

#[inline]
fn slot_of(id: u64) -> u32 {
    id as u32 % MOST as u32
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
    table: Weak<Table>,
}

thread_local! {
    static LAST: Cell<Option<Last>> = const { Cell::new(None) };
}

/// Does something with a table. A thread that writes row by row finds it where it was, if no handle has
/// ended since: to look it up takes a third of what a row takes. The thread does not keep the table:
/// what was released goes, whoever wrote to it last.
#[inline]
pub(super) fn with_table<R>(table: chl_table, work: impl FnOnce(&Table) -> Result<R>) -> Result<R> {
    let ended = ENDED.load(Ordering::Acquire);
    let last = LAST.try_with(Cell::take).ok().flatten();
    let last = last.filter(|last| last.id == table.id && last.ended == ended);
    let (last, found) = match last.and_then(|last| last.table.upgrade().map(|found| (last, found)))
    {
        Some(both) => both,
        None => {
            let found = TABLES.get(table.id)?;
            (Last { id: table.id, ended, table: Arc::downgrade(&found) }, found)
        }
    };
    let done = work(&found);
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
    let id = handles.add(of, item)?;
    // Whoever closed it before this did not see the new one.
    if let Err(closed) = DATABASES.get(of) {
        handles.take(id).ok();
        return Err(closed);
    }
    Ok(id)
}

/// A number for a database.
pub(super) fn add_database(db: db::Db) -> Result<u64> {
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
        let first = handles.add(7, "a").unwrap();
        assert_eq!((*handles.get(first).unwrap(), *handles.take(first).unwrap()), ("a", "a"));
        let second = handles.add(7, "b").unwrap();
        assert_eq!(slot_of(second), slot_of(first), "the slot is used again");
        for id in [first, 0, 1, second + 1, u64::MAX, second ^ (1 << 63), second ^ (1 << 24)] {
            assert_eq!(handles.get(id).unwrap_err().kind(), ErrorKind::Closed);
            assert_eq!(handles.take(id).unwrap_err().kind(), ErrorKind::Closed);
        }
        assert_eq!(*handles.get(second).unwrap(), "b");
    }

    #[test]
    fn what_belongs_to_a_database_ends_with_it() {
        let handles = Handles::new("thing");
        let [a, b, c] = [(1, 'a'), (2, 'b'), (1, 'c')].map(|(of, it)| handles.add(of, it).unwrap());
        let ended: Vec<_> = handles.take_all_of(1).iter().map(|item| **item).collect();
        assert_eq!(ended, ['a', 'c']);
        assert!(handles.get(a).is_err() && handles.get(c).is_err());
        assert_eq!(*handles.get(b).unwrap(), 'b');
        assert!(handles.take_all_of(1).is_empty());
    }

    #[test]
    fn a_slot_that_is_worn_out_is_left() {
        let handles = Handles::new("thing");
        let first = handles.add(1, ()).unwrap();
        handles.registry().slots.write().all[0].turn = u32::MAX;
        assert!(handles.get(first).is_err());
        assert!(handles.take(number(u32::MAX, handles.registry().generation, 0)).is_ok());
        assert_eq!(slot_of(handles.add(1, ()).unwrap()), 1);
    }
}
