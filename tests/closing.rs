//! Closing beside what others are in the middle of, and deletes that fit no table.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod common;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use chronolite::store::sim::SimStorage;
use chronolite::{Batch, Column, DataType, Db, Durability, ErrorKind, TableSpec, Value};
use common::hooks::Hooked;
use common::{PATH, open, options};

/// An append that writes its rows as segments.
const MANY: usize = 20_000;

fn spec() -> TableSpec {
    TableSpec::new([("v", DataType::F64)])
}

fn batch(first: i64, rows: usize) -> Batch {
    let ts: Vec<i64> = (first..).take(rows).collect();
    let values: Vec<f64> = ts.iter().map(|ts| *ts as f64 * 0.37).collect();
    Batch { ts: ts.into(), columns: vec![Column::from_vec(values)] }
}

/// The lock is not given up while bytes of an extent are under way: the next writer would take the
/// place for free, write to it, and have it written over.
#[test]
fn a_close_waits_for_extents_that_are_being_written() {
    let disk = SimStorage::new();
    let hooked = Hooked::new(disk.clone());
    let db = Db::open_with(Arc::new(hooked.clone()), PATH, options(Durability::None)).unwrap();
    let table = db.create_table("t", spec()).unwrap();
    table.append(vec![batch(0, 50)]).unwrap();
    db.flush().unwrap();
    let (reached, at_extent) = channel();
    let (go, going) = channel::<()>();
    hooked.before_extent(move || {
        reached.send(()).unwrap();
        going.recv().unwrap();
    });
    let appending = thread::spawn(move || table.append(vec![batch(100, MANY)]));
    at_extent.recv().unwrap();
    let closing = thread::spawn(move || db.close());
    thread::sleep(Duration::from_millis(100));
    assert!(!closing.is_finished(), "closed while an extent was being written");
    let second = open(&disk, Durability::None);
    assert_eq!(second.unwrap_err().kind(), ErrorKind::Locked);
    go.send(()).unwrap();
    closing.join().unwrap().unwrap();
    // Whether it came in before the end or not: all of it is there, or it said no.
    let appended = appending.join().unwrap();
    let db = open(&disk, Durability::None).unwrap();
    let rows = if appended.is_ok() { 50 + MANY as u64 } else { 50 };
    assert_eq!(db.table("t").unwrap().len().unwrap(), rows);
    assert!(db.verify().unwrap().ok());
}

#[test]
fn a_delete_with_the_key_of_another_table_is_refused_and_leaves_no_trace() {
    let disk = SimStorage::new();
    let db = open(&disk, Durability::None).unwrap();
    let of_key = |ty| TableSpec::new([("k", ty)]).key(&["k"]).unwrap();
    let texts = db.create_table("texts", of_key(DataType::Utf8)).unwrap();
    let numbers = db.create_table("numbers", of_key(DataType::I64)).unwrap();
    numbers.append_row(1, &[7i64.into()]).unwrap();
    let key = texts.key(&[Value::Str("seven")]).unwrap();
    let refused = numbers.delete(None, None, Some(key)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    db.close().unwrap();
    let db = open(&disk, Durability::None).unwrap();
    assert_eq!(db.table("numbers").unwrap().len().unwrap(), 1);
}
