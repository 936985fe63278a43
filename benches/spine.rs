//! The kernel's paths from end to end: a row in, points out, a commit.
//!
//! `cargo bench --bench spine`

use std::hint::black_box;

use chronolite::base::Column;
use chronolite::{Batch, DataType, Db, DbOptions, ScanSpec, Table, TableSpec, Value};
use divan::Bencher;
use divan::counter::ItemsCount;
use tempfile::TempDir;

fn main() {
    divan::main();
}

fn database(columns: &[&str]) -> (TempDir, Db, Table) {
    let folder = tempfile::tempdir().expect("a folder");
    let db = Db::open(folder.path().join("bench.chl"), DbOptions::default()).expect("a database");
    let spec = TableSpec::new(columns.iter().map(|name| (*name, DataType::F64)));
    let table = db.create_table("t", spec).expect("a table");
    (folder, db, table)
}

fn points(n: i64) -> Batch {
    let ts: Vec<i64> = (0..n).map(|i| 1_700_000_000_000 + i * 1000).collect();
    let values: Vec<f64> = (0..n).map(|i| 25.0 + (i as f64 / 100.0).sin()).collect();
    Batch { ts: ts.into(), columns: vec![Column::from_vec(values)] }
}

/// One row with two floats, at `interval`; a thousand a turn.
#[divan::bench(sample_count = 200)]
fn append_row(bencher: Bencher) {
    let (_folder, _db, table) = database(&["a", "b"]);
    let mut ts = 0;
    bencher.counter(ItemsCount::new(1000u32)).bench_local(|| {
        for _ in 0..1000 {
            ts += 1000;
            let row = [Value::Float(ts as f64), Value::Float(0.5)];
            black_box(table.append_row(ts, &row)).expect("appended");
        }
    });
}

/// 100,000 points of time and value to columns, from segments.
#[divan::bench(sample_count = 200)]
fn scan_100k(bencher: Bencher) {
    let (_folder, db, table) = database(&["v"]);
    table.append(vec![points(100_000)]).expect("appended");
    db.flush().expect("flushed");
    bencher.counter(ItemsCount::new(100_000u32)).bench_local(|| {
        let scan = table.scan(ScanSpec::default()).expect("a scan");
        let rows: usize = scan
            .batches(100_000)
            .expect("batches")
            .map(|batch| batch.expect("a batch")[1].values::<f64>().len())
            .sum();
        assert_eq!(black_box(rows), 100_000);
    });
}

/// A flush of one row, with so many segments in the file.
#[divan::bench(args = [1, 100, 1_000, 10_000], sample_count = 50, sample_size = 1)]
fn flush_with_segments(bencher: Bencher, segments: i64) {
    let (_folder, db, table) = database(&["v"]);
    for i in 0..segments {
        table.append_row(i * 1000, &[Value::Float(1.0)]).expect("appended");
        db.flush().expect("flushed");
    }
    let mut ts = segments * 1000;
    bencher
        .with_inputs(|| {
            ts += 1000;
            table.append_row(ts, &[Value::Float(1.0)]).expect("appended");
        })
        .bench_local_values(|()| db.flush().expect("flushed"));
}
