//! Databases that are open for reading only, while another handle writes (PROOF.md: snapshots). The
//! handles are of one process here; `tests/proof/test_snapshots.py` has them in several.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_buffer::ScalarBuffer;
use chronolite::base::schema::StoragePolicy as Policy;
use chronolite::db::Snapshot;
use chronolite::store::sim::{Fault, SimStorage};
use chronolite::store::storage::{OpenMode, Storage};
use chronolite::store::{RealStorage, readers::Readers};
use chronolite::{
    Batch, Column, DataType, Db, DbOptions, ErrorKind, Mode, ScanSpec, Table, TableSpec,
};
use common::{Rng, figures, seed, size};

fn spec(policy: Policy) -> TableSpec {
    TableSpec::new([("v", DataType::I64)]).storage(policy)
}

fn write(storage: &Arc<dyn Storage>, path: &Path) -> Db {
    Db::open_with(Arc::clone(storage), path, DbOptions::default()).unwrap()
}

fn read(storage: &Arc<dyn Storage>, path: &Path) -> Db {
    let options = DbOptions::default().mode(Mode::Read);
    Db::open_with(Arc::clone(storage), path, options).unwrap()
}

fn append(table: &Table, ts: impl IntoIterator<Item = i64>) {
    let ts: Vec<i64> = ts.into_iter().collect();
    let columns = vec![Column::from_vec(ts.clone())];
    table.append(vec![Batch { ts: ScalarBuffer::from(ts), columns }]).unwrap();
}

fn values(table: &Table) -> Vec<i64> {
    let scan = table.scan(ScanSpec::default()).unwrap();
    let pieces = scan.batches(1000).unwrap();
    pieces.flat_map(|piece| piece.unwrap()[1].values::<i64>().to_vec()).collect()
}

/// The same on the real disk and on the simulated one.
fn both(test: impl Fn(Arc<dyn Storage>, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    test(Arc::new(RealStorage), &folder.path().join("a.chl"));
    test(Arc::new(SimStorage::new()), Path::new("/data/a.chl"));
}

fn files(storage: &Arc<dyn Storage>, path: &Path) -> usize {
    storage.siblings(&storage.resolve(path).unwrap()).unwrap().len()
}

#[test]
fn a_reader_follows_each_step_of_the_writer() {
    both(|storage, path| {
        let db = write(&storage, path);
        let reader = read(&storage, path);
        assert_eq!(reader.tables().unwrap(), Vec::<String>::new());
        let table = db.create_table("t", spec(Policy::Balanced)).unwrap();
        let seen = reader.table("t").unwrap();
        let same = |what: &str| {
            assert_eq!(values(&seen), values(&table), "{what}");
            assert_eq!(seen.len().unwrap(), table.len().unwrap(), "{what}");
            assert_eq!(seen.time_range().unwrap(), table.time_range().unwrap(), "{what}");
        };
        for round in 0..3 {
            table.append_row(round, &[round.into()]).unwrap();
            same("row");
            append(&table, 100..600);
            same("rows");
            append(&table, 0..600_000);
            same("segments");
            table.delete(Some(200), Some(300), None).unwrap();
            same("delete");
            db.flush().unwrap();
            same("flush");
            append(&table, 50..60);
            same("rows behind a flush");
            db.pack(None, 1000).unwrap();
            same("pack");
            append(&table, 70..80);
            same("rows behind a pack");
            db.compact().unwrap();
            same("compact");
            table.retain_from(150).unwrap();
            same("retain");
        }
        table.add_column("w", DataType::F64).unwrap();
        table.append_row(9, &[9.into(), 0.5.into()]).unwrap();
        assert_eq!(reader.table("t").unwrap().spec().columns.len(), 2);
        same("column");
        db.drop_table("t").unwrap();
        assert_eq!(seen.len().unwrap_err().kind(), ErrorKind::TableNotFound);
        let again = db.create_table("t", spec(Policy::Balanced)).unwrap();
        append(&again, 0..5);
        assert_eq!(values(&reader.table("t").unwrap()), [0, 1, 2, 3, 4]);
        db.close().unwrap();
        assert_eq!(reader.table("t").unwrap().len().unwrap(), 5);
        drop(seen);
        reader.close().unwrap();
        assert_eq!(files(&storage, path), 1);
    });
}

#[test]
fn what_reads_does_not_write() {
    both(|storage, path| {
        let db = write(&storage, path);
        let table = db.create_table("t", spec(Policy::Balanced)).unwrap();
        append(&table, 0..5);
        let reader = read(&storage, path);
        let seen = reader.table("t").unwrap();
        let refused = |result: chronolite::Result<()>| {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::ReadOnly);
        };
        refused(seen.append_row(1, &[1.into()]).map(drop));
        refused(seen.delete(None, None, None));
        refused(seen.add_column("w", DataType::F64));
        refused(reader.create_table("u", spec(Policy::Balanced)).map(drop));
        refused(reader.drop_table("t"));
        refused(reader.flush());
        refused(reader.compact());
        refused(reader.pack(None, 1).map(drop));
        refused(reader.compact_retention_now().map(drop));
        reader.refresh().unwrap();
        db.refresh().unwrap();
        assert!(reader.verify().unwrap().ok());
        reader.close().unwrap();
        assert_eq!(reader.refresh().unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(seen.len().unwrap_err().kind(), ErrorKind::Closed);
    });
}

/// A database whose one table is written anew by each round.
fn churn(db: &Db, table: &Table, round: i64) {
    append(table, (0..2000).map(|i| i * 7 + round));
    db.flush().unwrap();
    db.pack(None, 100_000).unwrap();
    table.retain_from(round * 20).unwrap();
    db.compact().unwrap();
}

#[test]
fn a_moment_is_kept_whatever_the_writer_does_and_its_space_comes_back() {
    both(|storage, path| {
        let db = write(&storage, path);
        let table = db.create_table("t", spec(Policy::Raw)).unwrap();
        append(&table, 0..3000);
        db.flush().unwrap();
        let reader = read(&storage, path);
        let mut held: Vec<(Snapshot, Vec<i64>)> = vec![];
        let mut largest = 0;
        for round in 0..12 {
            if round % 3 == 0 {
                let moment = reader.snapshot().unwrap();
                let shown = values(&moment.table("t").unwrap());
                held.push((moment, shown));
            }
            churn(&db, &table, round);
            for (moment, shown) in &held {
                assert_eq!(&values(&moment.table("t").unwrap()), shown, "round {round}");
            }
            assert_eq!(values(&reader.table("t").unwrap()), values(&table));
            largest = largest.max(db.stats().unwrap().kept_for_readers);
        }
        assert!(largest > 0);
        assert_eq!(db.stats().unwrap().readers, 1);
        drop(held);
        reader.close().unwrap();
        db.compact().unwrap();
        let stats = db.stats().unwrap();
        assert_eq!((stats.kept_for_readers, stats.readers), (0, 0));
        assert!(stats.file_bytes < 3 * stats.tables[0].disk_bytes + 32_768, "{stats:?}");
    });
}

#[test]
fn a_long_moment_keeps_what_it_shows_and_nothing_of_what_came_later() {
    both(|storage, path| {
        let db = write(&storage, path);
        let table = db.create_table("t", spec(Policy::Raw)).unwrap();
        append(&table, 0..3000);
        db.flush().unwrap();
        let reader = read(&storage, path);
        let moment = reader.snapshot().unwrap();
        let mut sizes = vec![];
        for round in 0..20 {
            append(&table, [round]);
            db.flush().unwrap();
            db.pack(None, 100_000).unwrap();
            sizes.push(db.stats().unwrap().file_bytes);
        }
        assert_eq!(moment.table("t").unwrap().len().unwrap(), 3000);
        assert!(sizes[19] <= sizes[6] + 8192, "{sizes:?}");
    });
}

#[test]
fn buffers_outlive_their_database_and_the_next_writer_knows() {
    both(|storage, path| {
        for from_reader in [false, true] {
            let db = write(&storage, path);
            let table = db.create_table("t", spec(Policy::Raw)).unwrap();
            table.delete(None, None, None).unwrap();
            append(&table, 0..3000);
            db.flush().unwrap();
            let source = if from_reader { read(&storage, path) } else { db.clone() };
            let of = |db: &Db| {
                let scan = db.table("t").unwrap().scan(ScanSpec::default()).unwrap();
                scan.batches(3000).unwrap().next().unwrap().unwrap()
            };
            let first = of(&source);
            append(&table, 3000..4000);
            db.flush().unwrap();
            db.pack(None, 100_000).unwrap();
            let second = of(&source);
            source.close().unwrap();
            drop((source, table));
            db.close().unwrap();
            drop(db);
            assert_eq!(files(&storage, path), 1);
            for _ in 0..3 {
                let db = write(&storage, path);
                assert_eq!(db.stats().unwrap().readers, 1);
                let table = db.table("t").unwrap();
                table.delete(None, None, None).unwrap();
                append(&table, (0..4000).map(|i| -i));
                db.compact().unwrap();
                assert!(db.verify().unwrap().ok());
                db.close().unwrap();
            }
            let expected: Vec<i64> = (0..3000).collect();
            assert_eq!(first[1].values::<i64>(), &expected[..]);
            assert_eq!(second[1].values::<i64>()[..3000], expected[..]);
            drop(first);
            let db = write(&storage, path);
            assert_eq!(db.stats().unwrap().readers, 1);
            drop(second);
            assert_eq!(db.stats().unwrap().readers, 0);
            db.compact().unwrap();
            assert_eq!(db.stats().unwrap().kept_for_readers, 0);
        }
    });
}

#[test]
fn a_scan_of_a_database_that_was_closed_says_so_and_keeps_no_place() {
    both(|storage, path| {
        let db = write(&storage, path);
        let table = db.create_table("t", spec(Policy::Raw)).unwrap();
        append(&table, 0..3000);
        db.flush().unwrap();
        let reader = read(&storage, path);
        let (moment, scan) =
            (reader.snapshot().unwrap(), reader.table("t").unwrap().scan(ScanSpec::default()));
        let scan = scan.unwrap();
        let mut begun = scan.batches(10).unwrap();
        assert_eq!(db.stats().unwrap().readers, 1);
        reader.close().unwrap();
        assert_eq!(db.stats().unwrap().readers, 0);
        assert_eq!(scan.count().unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(moment.table("t").unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(begun.next().unwrap().unwrap_err().kind(), ErrorKind::Closed);
    });
}

#[test]
fn readers_without_a_writer_and_a_log_that_was_left() {
    let disk = SimStorage::new();
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let path = Path::new("/data/a.chl");
    let db = write(&storage, path);
    let table = db.create_table("t", spec(Policy::Balanced)).unwrap();
    append(&table, 0..100);
    // The machine stops here: everything written so far is there.
    let left: Arc<dyn Storage> = Arc::new({
        db.flush().unwrap();
        append(&table, 100..150);
        let copy = SimStorage::new();
        for name in disk.paths() {
            copy.put(&name, &disk.contents(&name).unwrap());
        }
        copy
    });
    let reader = read(&left, path);
    let seen = reader.table("t").unwrap();
    assert_eq!(seen.len().unwrap(), 150);
    assert_eq!(reader.recovery().rows, 50);
    assert_eq!(files(&left, path), 2);
    // A writer takes over while the reader is there.
    let db = write(&left, path);
    append(&db.table("t").unwrap(), 150..160);
    assert_eq!(seen.len().unwrap(), 160);
    db.close().unwrap();
    assert_eq!(seen.len().unwrap(), 160);
    let second = write(&left, path);
    append(&second.table("t").unwrap(), 160..161);
    assert_eq!(seen.len().unwrap(), 161);
}

#[test]
fn a_record_that_is_being_written_is_the_end_of_the_log() {
    let disk = SimStorage::new();
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let (path, log) = (Path::new("/data/a.chl"), Path::new("/data/a.chl-wal"));
    let db = write(&storage, path);
    let table = db.create_table("t", spec(Policy::Balanced)).unwrap();
    append(&table, 0..10);
    let before = disk.contents(log).unwrap();
    append(&table, 10..20);
    let after = disk.contents(log).unwrap();
    let changed = (0..after.len()).filter(|&at| before.get(at) != Some(&after[at]));
    let changed: Vec<usize> = changed.collect();
    for &cut in &changed {
        let live = SimStorage::new();
        live.put(path, &disk.contents(path).unwrap());
        let mut part = after[..cut].to_vec();
        part.resize(after.len(), 0);
        live.put(log, &part);
        let live: Arc<dyn Storage> = Arc::new(live);
        let holder = live.open(path, OpenMode::Write).unwrap();
        assert!(holder.try_lock().unwrap());
        let reader = read(&live, path);
        let seen = reader.table("t").unwrap();
        // What is missing may be zeros.
        let is_whole = part == after;
        assert_eq!(seen.len().unwrap(), if is_whole { 20 } else { 10 }, "{cut}");
        let file = live.open(log, OpenMode::Write).unwrap();
        chronolite::store::write_all_at(&*file, &after, 0).unwrap();
        assert_eq!(seen.len().unwrap(), 20, "{cut}");
    }
    println!("{} ends of a log", changed.len());
}

#[test]
fn faults_reach_the_places_of_readers() {
    let path = Path::new("/data/a.chl");
    for (number, of_locks) in (1..40).flat_map(|number| [(number, false), (number, true)]) {
        let disk = SimStorage::new();
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        let db = write(&storage, path);
        let table = db.create_table("t", spec(Policy::Raw)).unwrap();
        append(&table, 0..3000);
        db.flush().unwrap();
        match of_locks {
            true => disk.fail_lock_at(disk.lock_count() + number, Fault::Eio, false),
            false => disk.fail_read_at(disk.read_count() + number, Fault::Eio, false),
        }
        let options = DbOptions::default().mode(Mode::Read);
        let opened = Db::open_with(Arc::clone(&storage), path, options.clone());
        let opened = opened.or_else(|e| {
            assert!(matches!(e.kind(), ErrorKind::Io), "{e:?}");
            Db::open_with(Arc::clone(&storage), path, options)
        });
        let reader = opened.unwrap();
        let moment = reader.snapshot().or_else(|_| reader.snapshot()).unwrap();
        let seen = moment.table("t").unwrap();
        churn_despite_faults(&db, &table);
        disk.clear_faults();
        assert_eq!(values(&seen), (0..3000).collect::<Vec<i64>>(), "{number} {of_locks}");
    }
}

fn churn_despite_faults(db: &Db, table: &Table) {
    for round in 0..3 {
        append(table, (0..2000).map(|i| i * 7 + round));
        let _ = db.flush();
        let _ = db.pack(None, 100_000);
        let _ = db.compact();
    }
}

#[test]
fn readers_are_listed_whatever_their_number() {
    both(|storage, path| {
        let db = write(&storage, path);
        let table = db.create_table("t", spec(Policy::Raw)).unwrap();
        let readers: Vec<Db> = (0..20)
            .map(|i| {
                append(&table, [i]);
                db.flush().unwrap();
                read(&storage, path)
            })
            .collect();
        let file = storage.open(path, OpenMode::Read).unwrap();
        let seen = Readers::look(&*file);
        assert!(!seen.is_empty());
        assert_eq!(seen.processes(), 1, "one process, many places");
        let generations: Vec<u64> =
            readers.iter().map(|reader| reader.stats().unwrap().generation).collect();
        // Their statistics are of now: all have moved on.
        assert!(generations.iter().all(|g| *g == generations[0]));
        let seen = Readers::look(&*file);
        assert!(seen.need(generations[0], generations[0] + 1));
        assert!(!seen.need(0, generations[0]));
        drop(readers);
        assert!(Readers::look(&*file).is_empty());
    });
}

/// PROOF.md: snapshots, in threads; the file's other half is in Python.
#[test]
fn snapshots() {
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("a.chl");
    let storage: &Arc<dyn Storage> = &(Arc::new(RealStorage) as Arc<dyn Storage>);
    let db = write(storage, path);
    let table = db.create_table("t", spec(Policy::Raw)).unwrap();
    append(&table, 0..3000);
    db.flush().unwrap();
    let rounds = size(25, 1000) as i64;
    let stop = AtomicBool::new(false);
    let compared: u64 = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..8)
            .map(|number| {
                let (path, stop) = (&path, &stop);
                scope.spawn(move || hold_moments(storage, path, number, stop))
            })
            .collect();
        for round in 0..rounds {
            churn(&db, &table, round);
        }
        stop.store(true, Ordering::Relaxed);
        readers.into_iter().map(|reader| reader.join().unwrap()).sum()
    });
    db.compact().unwrap();
    let stats = db.stats().unwrap();
    assert_eq!((stats.readers, stats.kept_for_readers), (0, 0));
    assert!(stats.file_bytes < 3 * stats.tables[0].disk_bytes + 32_768, "{stats:?}");
    figures(
        "snapshots in threads",
        &format!(
            "8 readers, {rounds} packs and retentions, {compared} comparisons of held moments, \
             0 differences; {} bytes of file for {} of segments at the end",
            stats.file_bytes, stats.tables[0].disk_bytes
        ),
    );
}

/// Takes moments and compares what they show, then and later; returns how often.
fn hold_moments(storage: &Arc<dyn Storage>, path: &Path, number: u64, stop: &AtomicBool) -> u64 {
    let (reader, mut rng) = (read(storage, path), Rng(seed() + number));
    let (mut held, mut compared) = (Vec::<(Snapshot, Vec<i64>)>::new(), 0);
    while !stop.load(Ordering::Relaxed) || held.is_empty() {
        let moment = reader.snapshot().unwrap();
        let shown = values(&moment.table("t").unwrap());
        held.push((moment, shown));
        if held.len() > 4 {
            held.swap_remove(rng.below(held.len()));
        }
        for (moment, shown) in &held {
            assert_eq!(&values(&moment.table("t").unwrap()), shown, "reader {number}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn without_a_look_at_the_readers_a_moment_is_lost() {
    const NAME: &str = "without_a_look_at_the_readers_a_moment_is_lost";
    const IGNORE: &str = "CHRONOLITE_TEST_IGNORE_READERS";
    if std::env::var_os(IGNORE).is_none() {
        let test = std::env::current_exe().unwrap();
        let run =
            std::process::Command::new(test).args(["--exact", NAME]).env(IGNORE, "1").output();
        let output = run.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!output.status.success() && text.contains("reader's moment"), "{text}");
        return;
    }
    both(|storage, path| {
        let db = write(&storage, path);
        let table = db.create_table("t", spec(Policy::Raw)).unwrap();
        append(&table, 0..3000);
        db.flush().unwrap();
        let reader = read(&storage, path);
        let moment = reader.snapshot().unwrap();
        for round in 0..5 {
            churn(&db, &table, round);
            let scan = moment.table("t").unwrap().scan(ScanSpec::default()).unwrap();
            let mut pieces = scan.batches(5000).unwrap();
            let shown = pieces.next().unwrap();
            let expected: Vec<i64> = (0..3000).collect();
            let same = shown.is_ok_and(|piece| piece[1].values::<i64>() == &expected[..]);
            assert!(same, "a reader's moment has changed");
        }
    });
}
