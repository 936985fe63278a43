//! A large batch for a table where a second row of the same time is an error is looked at before its
//! segments are written, without a lock: what comes in between must be seen all the same.

#![allow(clippy::unwrap_used)] // a failed step of a test is a failed test

mod common;

use std::sync::Arc;

use chronolite::base::schema::OnConflict;
use chronolite::store::sim::SimStorage;
use chronolite::{Batch, Column, DataType, Db, Durability, ErrorKind, Table, TableSpec};
use common::hooks::Hooked;
use common::{PATH, options};

/// Enough rows to be written as segments at once, at times from `first` on.
const DIRECT: i64 = 400;

fn batch(first: i64) -> Batch {
    let ts: Vec<i64> = (first..first + DIRECT).collect();
    let values: Vec<f64> = ts.iter().map(|ts| *ts as f64).collect();
    Batch { ts: ts.into(), columns: vec![Column::from_vec(values)] }
}

fn open(hooked: &Hooked) -> (Db, Table) {
    let db = Db::open_with(Arc::new(hooked.clone()), PATH, options(Durability::None)).unwrap();
    let spec = TableSpec::new([("v", DataType::F64)]).on_conflict(OnConflict::Error);
    let table = db.create_table("t", spec).unwrap();
    (db, table)
}

/// What happens, by another thread, between the first look at a batch and its being named.
fn meanwhile(
    happens: impl FnOnce(&Db, &Table) + Send + 'static,
) -> (Db, Table, Result<u64, ErrorKind>) {
    let hooked = Hooked::new(SimStorage::default());
    let (db, table) = open(&hooked);
    // Something below and above, so that nothing is told by the times alone.
    table.append(vec![batch(-1000)]).unwrap();
    table.append_row(5000, &[0.0.into()]).unwrap();
    db.flush().unwrap();
    let (other_db, other) = (db.clone(), table.clone());
    hooked.before_extent(move || {
        // As the other thread would, outside of any lock of this one.
        std::thread::scope(|scope| {
            scope.spawn(|| happens(&other_db, &other));
        });
    });
    let appended = table.append(vec![batch(0)]).map_err(|e| e.kind());
    assert!(db.verify().unwrap().ok());
    (db, table, appended)
}

#[test]
fn a_row_that_comes_while_a_large_batch_is_written_is_seen() {
    let (_db, table, appended) = meanwhile(|_, table| {
        table.append_row(7, &[1.0.into()]).unwrap();
    });
    assert_eq!(appended, Err(ErrorKind::Conflict));
    assert_eq!(table.len().unwrap(), DIRECT as u64 + 2);
}

#[test]
fn also_if_it_stands_in_a_segment_by_then() {
    let (_db, table, appended) = meanwhile(|db, table| {
        table.append_row(7, &[1.0.into()]).unwrap();
        db.flush().unwrap();
        table.append_row(6000, &[1.0.into()]).unwrap();
    });
    assert_eq!(appended, Err(ErrorKind::Conflict));
    assert_eq!(table.len().unwrap(), DIRECT as u64 + 3);
}

#[test]
fn a_row_that_came_and_went_is_not_in_the_way() {
    let (db, table, appended) = meanwhile(|db, table| {
        table.append_row(7, &[1.0.into()]).unwrap();
        db.flush().unwrap();
        table.append_row(-1, &[1.0.into()]).unwrap();
        table.delete(Some(7), Some(8), None).unwrap();
        db.pack(None, 1).unwrap();
    });
    assert_eq!(appended, Ok(DIRECT as u64));
    assert_eq!(table.len().unwrap(), 2 * DIRECT as u64 + 2);
    let again = table.append(vec![batch(0)]).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
    drop(table);
    db.close().unwrap();
}

/// A failed check leaves no space behind that nothing uses.
#[test]
fn what_was_written_for_a_refused_batch_is_free_again() {
    let hooked = Hooked::new(SimStorage::default());
    let (db, table) = open(&hooked);
    table.append(vec![batch(0)]).unwrap();
    let bytes = || db.stats().unwrap().file_bytes;
    let refuse = || {
        let other = table.clone();
        let ts = 100_000 + db.stats().unwrap().next_seq as i64 * DIRECT;
        hooked.before_extent(move || {
            other.append_row(ts, &[0.0.into()]).unwrap();
        });
        let refused = table.append(vec![batch(ts)]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused:?}");
    };
    refuse();
    let before = bytes();
    (0..20).for_each(|_| refuse());
    // Segments of the same rows at other times are not quite of one size.
    assert!(bytes() < before + 1000, "{before} bytes have become {}", bytes());
}
