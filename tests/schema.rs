//! Dropped tables and added columns beside what is under way: flushes, packs, power loss.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod common;

use std::sync::Arc;

use chronolite::db::salvage_with;
use chronolite::store::sim::SimStorage;
use chronolite::{Batch, Column, DataType, Db, Durability, ErrorKind, ScanSpec, TableSpec};
use common::hooks::Hooked;
use common::{PATH, open, options};

fn spec() -> TableSpec {
    TableSpec::new([("v", DataType::F64)])
}

fn batch(first: i64, rows: usize) -> Batch {
    let ts: Vec<i64> = (first..).take(rows).collect();
    let values: Vec<f64> = ts.iter().map(|ts| *ts as f64).collect();
    Batch { ts: ts.into(), columns: vec![Column::from_vec(values)] }
}

fn hooked() -> (SimStorage, Hooked, Db) {
    let disk = SimStorage::new();
    let hooked = Hooked::new(disk.clone());
    let db = Db::open_with(Arc::new(hooked.clone()), PATH, options(Durability::None)).unwrap();
    (disk, hooked, db)
}

/// The files as they are if the process is killed now.
fn killed(disk: &SimStorage) -> SimStorage {
    let image = SimStorage::new();
    for path in disk.paths() {
        image.put(&path, &disk.contents(&path).unwrap());
    }
    image
}

/// What the next process finds then.
fn reopened(disk: &SimStorage) -> Db {
    open(&killed(disk), Durability::None).unwrap()
}

#[test]
fn a_table_dropped_during_a_flush_or_a_pack_stays_gone_and_gives_its_space_back() {
    for pack in [false, true] {
        let (disk, hooked, db) = hooked();
        db.create_table("kept", spec()).unwrap().append(vec![batch(0, 50)]).unwrap();
        let table = db.create_table("t", spec()).unwrap();
        for first in [0, 10] {
            table.append(vec![batch(first, 60)]).unwrap();
            db.flush().unwrap();
        }
        if !pack {
            table.append(vec![batch(5, 60)]).unwrap();
        }
        let (other, called) = (db.clone(), Arc::new(std::sync::atomic::AtomicBool::new(false)));
        let done = Arc::clone(&called);
        hooked.before_extent(move || {
            other.drop_table("t").unwrap();
            other.create_table("t", TableSpec::new([("w", DataType::Bool)])).unwrap();
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        if pack {
            table.pack(1000).map(drop).unwrap();
        } else {
            db.flush().unwrap()
        }
        assert!(
            called.load(std::sync::atomic::Ordering::Relaxed),
            "dropped in the middle, pack: {pack}"
        );
        let gone = |db: &Db| {
            assert_eq!(db.tables().unwrap(), ["kept", "t"]);
            assert_eq!(db.table("t").unwrap().spec().columns[0].name, "w");
            assert_eq!(db.table("t").unwrap().len().unwrap(), 0);
            assert_eq!(db.table("kept").unwrap().len().unwrap(), 50);
            assert!(db.verify().unwrap().ok());
        };
        gone(&db);
        assert_eq!(table.len().unwrap_err().kind(), ErrorKind::TableNotFound);
        db.flush().unwrap();
        gone(&reopened(&disk));
        db.compact().unwrap();
        let segments: u64 = db.stats().unwrap().tables.iter().map(|table| table.disk_bytes).sum();
        let file = db.stats().unwrap().file_bytes;
        assert!(file < segments + 3 * 16_384, "{file} bytes for {segments} of segments");
        db.close().unwrap();
        gone(&reopened(&disk));
    }
}

/// A drop that the log lost must leave the table as it was, whatever was committed meanwhile.
#[test]
fn a_drop_that_power_loss_takes_back_takes_no_row() {
    let (disk, hooked, db) = hooked();
    let table = db.create_table("t", spec()).unwrap();
    table.append(vec![batch(0, 60)]).unwrap();
    db.flush().unwrap();
    table.append(vec![batch(100, 60)]).unwrap();
    let other = db.clone();
    hooked.before_extent(move || other.drop_table("t").unwrap());
    db.flush().unwrap();
    assert_eq!(db.tables().unwrap(), Vec::<String>::new(), "dropped in the middle");
    // Commits that fold the manifest, of which none names the drop.
    let kept = db.create_table("kept", spec()).unwrap();
    for first in 0..40 {
        kept.append(vec![batch(first, 400)]).unwrap();
    }
    let found: Vec<Option<u64>> = (0..400)
        .map(|seed| {
            let db = open(&disk.crash_image(disk.op_count(), seed, 512), Durability::None).unwrap();
            assert!(db.verify().unwrap().ok());
            db.table("t").ok().map(|table| table.len().unwrap())
        })
        .collect();
    assert!(found.iter().all(|rows| matches!(rows, None | Some(120))), "{found:?}");
}

#[test]
fn numbers_of_dropped_tables_are_not_given_again() {
    let disk = SimStorage::new();
    for round in 0..4 {
        let db = open(&disk, Durability::None).unwrap();
        assert_eq!(db.tables().unwrap(), Vec::<String>::new());
        for _ in 0..30 {
            let table = db.create_table("t", spec()).unwrap();
            table.append(vec![batch(0, 5)]).unwrap();
            if round % 2 == 0 {
                db.flush().unwrap();
            }
            db.drop_table("t").unwrap();
        }
        // Rows of the log name their table by number: those of the dropped ones are not its rows.
        let table = db.create_table("t", spec()).unwrap();
        table.append_row(7, &[1.0.into()]).unwrap();
        assert_eq!(reopened(&disk).table("t").unwrap().len().unwrap(), 1);
        db.drop_table("t").unwrap();
        db.close().unwrap();
    }
}

#[test]
fn a_column_added_during_a_flush_or_a_pack_is_null_in_what_was_there() {
    for pack in [false, true] {
        let (disk, hooked, db) = hooked();
        let table = db.create_table("t", spec()).unwrap();
        for first in [0, 10] {
            table.append(vec![batch(first, 60)]).unwrap();
            if pack || first == 0 {
                db.flush().unwrap();
            }
        }
        let other = table.clone();
        hooked.before_extent(move || {
            other.add_column("w", DataType::Utf8).unwrap();
            other.append_row(5, &[5.0.into(), "new".into()]).unwrap();
        });
        if pack {
            table.pack(1000).map(drop).unwrap();
        } else {
            db.flush().unwrap()
        }
        let check = |db: &Db| {
            let table = db.table("t").unwrap();
            assert_eq!(table.spec().columns[1].name, "w");
            let pieces: Vec<_> =
                table.scan(ScanSpec::default()).unwrap().batches(1000).unwrap().collect();
            let columns = pieces.into_iter().map(Result::unwrap);
            let (rows, texts) = columns.fold((0, 0), |(rows, texts), piece| {
                let len = piece[0].len(DataType::I64);
                (rows + len, texts + len - piece[2].null_count())
            });
            assert_eq!((rows, texts), (121, 1));
            assert!(db.verify().unwrap().ok());
        };
        check(&db);
        check(&reopened(&disk));
        db.pack(None, 1000).unwrap();
        db.close().unwrap();
        check(&reopened(&disk));
    }
}

/// An append that was checked before a column came, and is written after.
#[test]
fn appends_that_race_with_new_columns_are_kept_whole_or_refused() {
    let disk = SimStorage::new();
    let db = open(&disk, Durability::None).unwrap();
    let table = db.create_table("t", spec()).unwrap();
    let appended = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut appended = 0;
            for first in 0..3000 {
                match table.append(vec![batch(first, 3)]) {
                    Ok(rows) => appended += rows,
                    Err(e) => assert_eq!(e.kind(), ErrorKind::Schema),
                }
            }
            appended
        });
        for column in 0..20 {
            std::thread::sleep(std::time::Duration::from_micros(300));
            table.add_column(&format!("c{column}"), DataType::I64).unwrap();
        }
        writer.join().unwrap()
    });
    for db in [db.clone(), reopened(&disk)] {
        let table = db.table("t").unwrap();
        assert_eq!((table.len().unwrap(), table.spec().columns.len()), (appended, 21));
        assert!(db.verify().unwrap().ok());
    }
}

/// What salvage makes of a killed database: of dropped tables nothing, of columns all.
#[test]
fn salvage_knows_what_was_dropped_and_added() {
    for flushed in [false, true] {
        let disk = SimStorage::new();
        let db = open(&disk, Durability::None).unwrap();
        let table = db.create_table("t", spec()).unwrap();
        table.append(vec![batch(0, 60)]).unwrap();
        db.create_table("gone", spec()).unwrap().append(vec![batch(0, 60)]).unwrap();
        db.flush().unwrap();
        table.add_column("w", DataType::Utf8).unwrap();
        table.append_row(100, &[1.0.into(), "new".into()]).unwrap();
        db.drop_table("gone").unwrap();
        let again = db.create_table("gone", TableSpec::new([("w", DataType::Bool)])).unwrap();
        again.append_row(1, &[true.into()]).unwrap();
        if flushed {
            db.flush().unwrap();
        }
        let image = killed(&disk);
        let new = std::path::Path::new("/data/new.chl");
        let storage: Arc<dyn chronolite::store::Storage> = Arc::new(image.clone());
        let report = salvage_with(storage, common::path(), new, &mut |_, _| Ok(())).unwrap();
        assert_eq!(report.problems, vec![]);
        let saved = Db::open_with(Arc::new(image), new, options(Durability::None)).unwrap();
        assert_eq!(saved.tables().unwrap(), ["gone", "t"]);
        assert_eq!(saved.table("gone").unwrap().len().unwrap(), 1);
        let table = saved.table("t").unwrap();
        assert_eq!((table.len().unwrap(), table.spec().columns.len()), (61, 2));
        assert!(saved.verify().unwrap().ok());
    }
}
