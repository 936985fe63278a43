//! A living store: late rows, deletes, commits and opening with many segments, last rows, packing.
//! One figure a line, against the target that the project has set itself.
//!
//! `cargo bench --bench living` for all, `cargo bench --bench living -- delete open` for some.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chronolite::base::Column;
use chronolite::db::PACKED_ROWS;
use chronolite::{Batch, DataType, Db, DbOptions, ScanSpec, Table, TableSpec, Value};
use tempfile::TempDir;

const MILLION: i64 = 1_000_000;
/// So many that the log is synced some times meanwhile, whatever they take.
const LATE_ROWS: i64 = 5 * MILLION;

fn main() {
    let parts: [(&str, fn()); 9] = [
        ("late", late),
        ("delete", delete),
        ("hidden", hidden),
        ("commit", commit),
        ("open", open),
        ("last", last),
        ("pack", pack),
        ("extent", extent),
        ("stall", stall),
    ];
    // Cargo passes `--bench` on.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for (name, run) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            run();
        }
    }
}

fn report(what: &str, figure: f64, unit: &str, target: &str) {
    println!("{what:<64} {figure:>12.2} {unit:<6} {target}");
}

/// The median time of `count` calls, in microseconds.
fn micros(count: usize, mut call: impl FnMut()) -> f64 {
    let mut times: Vec<Duration> = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        call();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times[count / 2].as_secs_f64() * 1e6
}

fn options() -> DbOptions {
    DbOptions::default()
}

struct Store {
    folder: TempDir,
    db: Db,
    table: Table,
}

fn store(spec: TableSpec, options: DbOptions) -> Store {
    let folder = tempfile::tempdir().expect("a folder");
    let db = Db::open(folder.path().join("bench.chl"), options).expect("a database");
    let table = db.create_table("t", spec).expect("a table");
    Store { folder, db, table }
}

fn floats() -> TableSpec {
    TableSpec::new([("a", DataType::F64), ("b", DataType::F64)])
}

fn keyed() -> TableSpec {
    let columns = [("site", DataType::Utf8), ("a", DataType::F64)];
    TableSpec::new(columns).key(&["site"]).expect("a key")
}

/// A small generator of numbers, so that every run does the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as i64
    }
}

fn sensor(rows: std::ops::Range<i64>, times: impl Fn(i64) -> i64) -> Batch {
    let ts: Vec<i64> = rows.clone().map(times).collect();
    let a: Vec<f64> = rows.clone().map(|i| (i % 1000) as f64 / 100.0).collect();
    let b: Vec<f64> = rows.map(|i| 25.0 + ((i / 7) % 50) as f64 / 10.0).collect();
    Batch { ts: ts.into(), columns: vec![Column::from_vec(a), Column::from_vec(b)] }
}

fn sites(rows: std::ops::Range<i64>, count: i64) -> Batch {
    let ts: Vec<i64> = rows.clone().collect();
    let site = Column::from_texts(rows.clone().map(|i| format!("site-{:04}", i % count)));
    let a: Vec<f64> = rows.map(|i| (i % 1000) as f64 / 100.0).collect();
    Batch { ts: ts.into(), columns: vec![site, Column::from_vec(a)] }
}

/// A store with so many segments of one row, flushed.
fn segmented(segments: i64) -> Store {
    let mut small = options();
    small.direct_bytes = 0;
    let store = store(floats(), small);
    for i in 0..segments {
        let _ = store.table.append(vec![sensor(i..i + 1, |i| i * 1000)]).expect("appended");
    }
    store.db.flush().expect("flushed");
    store
}

/// Ingest with one row in twenty late, beside all in order; the flush is in it.
fn late() {
    let late = |i: i64| if i % 20 == 7 { (i * 7919) % (i + 1) } else { i };
    let ingest = |batch: i64, times: &dyn Fn(i64) -> i64| {
        let store = store(floats(), options());
        let batches: Vec<Batch> = match batch {
            1 => vec![],
            _ => {
                (0..LATE_ROWS / batch).map(|n| sensor(n * batch..(n + 1) * batch, times)).collect()
            }
        };
        let start = Instant::now();
        if batch == 1 {
            for i in 0..LATE_ROWS {
                let row: [Value<'_>; 2] = [Value::Float(i as f64), Value::Float(i as f64 + 0.5)];
                store.table.append_row(times(i), &row).expect("appended");
            }
        }
        for part in batches {
            store.table.append(vec![part]).expect("appended");
        }
        store.db.flush().expect("flushed");
        LATE_ROWS as f64 / start.elapsed().as_secs_f64() / 1e6
    };
    // In turns, as the machine may be slower a second later; the best of each.
    let both = |batch: i64| {
        let (mut in_order, mut with_late) = (0f64, 0f64);
        for _ in 0..4 {
            in_order = in_order.max(ingest(batch, &|i| i));
            with_late = with_late.max(ingest(batch, &late));
        }
        (in_order, with_late)
    };
    for batch in [1, 1000, 100_000, 500_000] {
        let (in_order, with_late) = both(batch);
        report(&format!("late: batches of {batch}, in order"), in_order, "M/s", "");
        report(&format!("late: batches of {batch}, 5 % late"), with_late, "M/s", "");
        let target = ">= 0.7";
        report(&format!("late: batches of {batch}, ratio"), with_late / in_order, "x", target);
    }
}

/// A delete of a range, with so much there.
fn delete() {
    for segments in [0, 1000, 100_000] {
        let store = segmented(segments);
        let mut at = 0;
        let mut call = || {
            at += 10;
            store.table.delete(Some(at), Some(at + 5), None).expect("deleted");
        };
        for before in [0, 1000, 20_000] {
            for _ in 0..before {
                call();
            }
            let what = format!("delete: {segments} segments, {before} more deletes");
            report(&what, micros(1000, &mut call), "us", "<= 20");
        }
    }
    let store = store(floats(), options());
    for n in 0..1000 {
        let rows = n * 1000..(n + 1) * 1000;
        store.table.append(vec![sensor(rows, |i| i * 1000)]).expect("appended");
    }
    let mut at = 0;
    let time = micros(1000, || {
        at += 10_000;
        store.table.delete(Some(at), Some(at + 5000), None).expect("deleted");
    });
    report("delete: a memtable of a million rows", time, "us", "<= 20");
}

/// Reading, flushing and packing a million rows of which many deletes hide some.
fn hidden() {
    let count = |table: &Table| {
        let scan = table.scan(ScanSpec::default()).expect("a scan");
        let pieces = scan.batches(65_536).expect("batches");
        pieces.map(|piece| piece.expect("a piece")[0].values::<i64>().len()).sum::<usize>()
    };
    let seconds = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e3
    };
    for (name, by_key) in [("ranges", false), ("ranges of keys", true)] {
        for deletes in [0, 100, 10_000] {
            let store = store(if by_key { keyed() } else { floats() }, options());
            let mut random = Random(88_172_645_463_325_252);
            for n in 0..1000 {
                let rows = n * 1000..(n + 1) * 1000;
                let batch = if by_key { sites(rows, 100) } else { sensor(rows, |i| i) };
                store.table.append(vec![batch]).expect("appended");
            }
            for n in 0..deletes {
                let at = random.below(MILLION - 1000);
                let key = by_key.then(|| {
                    let site = format!("site-{:04}", n % 100);
                    store.table.key(&[Value::Str(&site)]).expect("a key")
                });
                store.table.delete(Some(at), Some(at + 50), key).expect("deleted");
            }
            let mut first = 0;
            let what = |doing: &str| format!("hidden: {doing}, a million rows, {deletes} {name}");
            let time = seconds(&mut || first = count(&store.table));
            report(&what("scan of a memtable"), time, "ms", "");
            report(&what("flush"), seconds(&mut || store.db.flush().expect("flushed")), "ms", "");
            assert_eq!(count(&store.table), first);
            for n in 0..deletes {
                let at = random.below(MILLION - 1000);
                let key = by_key.then(|| {
                    let site = format!("site-{:04}", n % 100);
                    store.table.key(&[Value::Str(&site)]).expect("a key")
                });
                store.table.delete(Some(at), Some(at + 50), key).expect("deleted");
            }
            let time = seconds(&mut || first = count(&store.table));
            report(&what("scan of segments"), time, "ms", "");
            let time = seconds(&mut || {
                let _ = store.table.pack(PACKED_ROWS).expect("packed");
            });
            report(&what("pack"), time, "ms", "");
            assert_eq!(count(&store.table), first);
        }
    }
}

/// A flush of one row, with so many segments in the file.
fn commit() {
    for segments in [1, 100, 10_000, 100_000] {
        let store = segmented(segments);
        let mut ts = segments * 1000;
        let mut worst: f64 = 0.0;
        let time = micros(300, || {
            ts += 1000;
            store.table.append_row(ts, &[Value::Float(1.0), Value::Null]).expect("appended");
            let start = Instant::now();
            store.db.flush().expect("flushed");
            worst = worst.max(start.elapsed().as_secs_f64() * 1e6);
        });
        report(&format!("commit: {segments} segments, median"), time, "us", "flat");
        report(&format!("commit: {segments} segments, worst of 300"), worst, "us", "");
    }
}

/// Opening a file of so many segments, and closing it.
fn open() {
    for segments in [1, 1000, 100_000] {
        let Store { folder, db, table } = segmented(segments);
        drop(table);
        db.close().expect("closed");
        drop(db);
        let path = folder.path().join("bench.chl");
        let time = micros(15, || drop(Db::open(&path, options()).expect("opened")));
        report(&format!("open: {segments} segments"), time / 1e3, "ms", "<= 50");
    }
}

/// The last row, of all keys and of one.
fn last() {
    let row = |table: &Table, key: Option<&str>| {
        let key = key.map(|key| table.key(&[Value::Str(key)]).expect("a key"));
        let scan = table.last(1, key).expect("a scan");
        let piece = scan.batches(16).expect("batches").next().expect("a row").expect("read");
        assert_eq!(black_box(piece)[0].values::<i64>().len(), 1);
    };
    let flushed = store(floats(), options());
    for n in 0..10 {
        let rows = n * MILLION..(n + 1) * MILLION;
        flushed.table.append(vec![sensor(rows, |i| i * 1000)]).expect("appended");
    }
    flushed.db.flush().expect("flushed");
    report("last: 10M rows, flushed", micros(200, || row(&flushed.table, None)), "us", "<= 50");
    flushed.table.pack(PACKED_ROWS).expect("packed");
    report("last: 10M rows, packed", micros(200, || row(&flushed.table, None)), "us", "<= 50");
    flushed.table.delete(Some(0), Some(5000), None).expect("deleted");
    let time = micros(200, || row(&flushed.table, None));
    report("last: the same, with a delete", time, "us", "<= 50");
    drop(flushed);

    let by_key = store(keyed(), options());
    for n in 0..4 {
        by_key.table.append(vec![sites(n * MILLION..(n + 1) * MILLION, 1000)]).expect("appended");
    }
    by_key.db.flush().expect("flushed");
    let both = |state: &str| {
        let time = micros(50, || row(&by_key.table, None));
        report(&format!("last: 4M rows of 1,000 keys, {state}"), time, "us", "<= 50");
        let time = micros(50, || row(&by_key.table, Some("site-0500")));
        report(&format!("last: one key of them, {state}"), time, "us", "<= 50");
    };
    both("flushed");
    by_key.table.pack(PACKED_ROWS).expect("packed");
    both("packed");
    let at = 4 * MILLION;
    for n in 0..100 {
        let rows = at + n * 1000..at + (n + 1) * 1000;
        by_key.table.append(vec![sites(rows, 1000)]).expect("appended");
    }
    both("packed, 100,000 rows in the memtable");

    for (name, late) in [("in order", false), ("5 % late", true)] {
        let memtable = store(floats(), options());
        let times = |i: i64| if late && i % 20 == 7 { i / 2 } else { i };
        for n in 0..1000 {
            let rows = n * 1000..(n + 1) * 1000;
            memtable.table.append(vec![sensor(rows, times)]).expect("appended");
        }
        let time = micros(200, || row(&memtable.table, None));
        report(&format!("last: a memtable of a million rows, {name}"), time, "us", "<= 50");
    }
}

/// Packing, by the bytes of the rows as they are in memory.
fn pack() {
    let run = |what: &str, spec: TableSpec, width: i64, batches: Vec<Batch>| {
        let store = store(spec, options());
        let rows: usize = batches.iter().map(Batch::rows).sum();
        for batch in batches {
            store.table.append(vec![batch]).expect("appended");
        }
        store.db.flush().expect("flushed");
        let start = Instant::now();
        let report_ = store.table.pack(PACKED_ROWS).expect("packed");
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(report_.rows_before, rows as u64);
        let speed = rows as f64 * width as f64 / seconds / 1e6;
        report(&format!("pack: {what}"), speed, "MB/s", ">= 100 a core");
    };
    let part = |n: i64| n * 200_000..(n + 1) * 200_000;
    let in_order = (0..20).map(|n| sensor(part(n), |i| i * 1000)).collect();
    run("4M rows of 2 floats, small segments", floats(), 24, in_order);
    let overlapping = (0..20).map(|n| sensor(part(n), move |i| (i - n * 200_000) * 20 + n));
    run("4M rows of 2 floats, 20 segments overlap", floats(), 24, overlapping.collect());
    let by_key = (0..20).map(|n| sites(part(n), 100)).collect();
    run("4M rows of 100 keys and a float", keyed(), 25, by_key);
}

/// How far a table reaches, and a range of it, in small and large files.
fn extent() {
    for millions in [1, 8, 32] {
        let store = store(floats(), options());
        for n in 0..millions {
            let rows = n * MILLION..(n + 1) * MILLION;
            store.table.append(vec![sensor(rows, |i| i * 1000)]).expect("appended");
        }
        store.db.flush().expect("flushed");
        let table = &store.table;
        let mut random = Random(88_172_645_463_325_252);
        let mut range = |rows: i64| {
            let start = random.below(millions * MILLION - rows) * 1000;
            let scan = ScanSpec::range(start, start + rows * 1000);
            let scan = table.scan(scan).expect("a scan");
            let pieces = scan.batches(65_536).expect("batches");
            let read: usize =
                pieces.map(|piece| piece.expect("read")[0].values::<i64>().len()).sum();
            assert_eq!(black_box(read), rows as usize);
        };
        for _ in 0..200 {
            range(1000);
        }
        let time = micros(500, || range(1000));
        report(&format!("extent: {millions}M rows, a range of 1,000"), time, "us", "flat");
        let extent = |state: &str| {
            let time = micros(100, || {
                black_box(table.len().expect("a length"));
            });
            report(&format!("extent: {millions}M rows{state}, len"), time, "us", "<= 20");
            let time = micros(100, || {
                black_box(table.time_range().expect("times"));
            });
            report(&format!("extent: {millions}M rows{state}, min and max"), time, "us", "<= 50");
        };
        extent("");
        for n in 0..100 {
            let at = n * 9000 * 1000;
            table.delete(Some(at), Some(at + 1000), None).expect("deleted");
        }
        extent(", 100 deletes");
    }
}

/// How long rows wait for flushes that go on meanwhile.
fn stall() {
    let store = store(floats(), options());
    let done = AtomicBool::new(false);
    let mut times: Vec<Duration> = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..100 {
                std::thread::sleep(Duration::from_millis(10));
                store.db.flush().expect("flushed");
            }
            done.store(true, Ordering::Relaxed);
        });
        let mut ts = 0;
        while !done.load(Ordering::Relaxed) {
            ts += 1;
            let start = Instant::now();
            store.table.append_row(ts, &[Value::Float(1.0), Value::Null]).expect("appended");
            times.push(start.elapsed());
            if ts % 100 == 0 {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    });
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e6;
    report("stall: append_row beside 100 flushes, median", at(0.5), "us", "");
    report("stall: append_row beside 100 flushes, 99.9 %", at(0.999), "us", "");
    let worst = times[times.len() - 1].as_secs_f64() * 1e6;
    report("stall: append_row beside 100 flushes, worst", worst, "us", "");
    let waits = times.iter().filter(|time| **time > Duration::from_micros(100)).count();
    report("stall: rows that waited for more than 100 us", waits as f64, "", "");
}
