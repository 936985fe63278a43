//! A row's way through the whole kernel, on a real file.

#![allow(clippy::unwrap_used)] // a failed step of a test is a failed test

use chronolite::base::{Column, ColumnDef};
use chronolite::db::{Durability, ScanColumn};
use chronolite::{Batch, DataType, Db, DbOptions, ErrorKind, ScanSpec, Table, TableSpec, Value};

fn all(table: &Table) -> Vec<(i64, f64)> {
    rows(table, ScanSpec::default())
}

fn rows(table: &Table, spec: ScanSpec) -> Vec<(i64, f64)> {
    let mut out = vec![];
    for batch in table.scan(spec).unwrap().batches(1000).unwrap() {
        let batch = batch.unwrap();
        let (ts, values) = (batch[0].values::<i64>(), batch[1].values::<f64>());
        out.extend(ts.iter().copied().zip(values.iter().copied()));
    }
    out
}

fn batch(rows: &[(i64, f64)]) -> Batch {
    let (ts, values): (Vec<i64>, Vec<f64>) = rows.iter().copied().unzip();
    Batch { ts: ts.into(), columns: vec![Column::from_vec(values)] }
}

#[test]
fn rows_come_back_in_order_through_flush_and_reopen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.chl");
    let spec = TableSpec::new([("v", DataType::F64)]);
    let db = Db::open(&path, DbOptions::default()).unwrap();
    let table = db.create_table("t", spec.clone()).unwrap();
    let mut expected = vec![];
    for i in 0..3000i64 {
        let ts = (i * 7919) % 1000;
        assert_eq!(table.append_row(ts, &[Value::Float(i as f64)]).unwrap(), i as u64 + 1);
        expected.push((ts, i as f64));
        if i % 700 == 699 {
            db.flush().unwrap();
        }
    }
    expected.sort_by_key(|row| row.0);
    assert_eq!(all(&table), expected);
    assert_eq!(table.len().unwrap(), 3000);
    let tail: Vec<_> = expected[2990..].to_vec();
    let last = table.last(10, None).unwrap();
    assert_eq!(last.count().unwrap(), 10);
    let got: Vec<f64> =
        last.batches(100).unwrap().flat_map(|b| b.unwrap()[1].values::<f64>().to_vec()).collect();
    assert_eq!(got, tail.iter().map(|r| r.1).collect::<Vec<_>>());
    let range = ScanSpec::range(100, 200);
    let within: Vec<_> = expected.iter().copied().filter(|r| (100..200).contains(&r.0)).collect();
    assert_eq!(rows(&table, range.clone()), within);
    assert_eq!(table.scan(range).unwrap().count().unwrap(), within.len() as u64);
    drop((last, table, db));
    assert!(path.exists() && !folder.path().join("a.chl-wal").exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let db = Db::open(&path, DbOptions::default()).unwrap();
    let table = db.create_table("t", spec).unwrap();
    assert_eq!(all(&table), expected);
    assert_eq!((table.min_ts().unwrap(), table.max_ts().unwrap()), (Some(0), Some(999)));
    assert_eq!(table.append_row(5, &[Value::Float(0.0)]).unwrap(), 3001);
    assert!(db.verify().unwrap().ok());
}

#[test]
fn a_large_batch_is_written_once_and_merges_with_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.chl");
    for durability in Durability::ALL {
        let db = Db::open(&path, DbOptions::default().durability(durability)).unwrap();
        let name = durability.name();
        let table = db.create_table(name, TableSpec::new([("v", DataType::F64)])).unwrap();
        table.append_row(500_000, &[Value::Float(-1.0)]).unwrap();
        let large: Vec<_> = (0..1_200_000).map(|i| (i, i as f64)).collect();
        assert_eq!(table.append(vec![batch(&large)]).unwrap(), 1_200_000);
        table.append(vec![batch(&[(500_000, -2.0), (1, -3.0)])]).unwrap();
        let mut expected = vec![(500_000, -1.0)];
        expected.extend(&large);
        expected.extend([(500_000, -2.0), (1, -3.0)]);
        expected.sort_by_key(|row| row.0);
        assert_eq!(all(&table), expected);
        let stats = table.stats().unwrap();
        assert_eq!((stats.memtable_rows, stats.rows), (3, 1_200_003));
        db.flush().unwrap();
        assert_eq!(all(&table), expected);
        drop((db, table));
        let db = Db::open(&path, DbOptions::default()).unwrap();
        assert_eq!(all(&db.table(name).unwrap()), expected);
    }
}

#[test]
fn every_type_survives_with_nulls_in_log_memtable_and_segments() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.chl");
    let spec = TableSpec::new(DataType::ALL.map(|ty| (ty.name(), ty)));
    let row = |i: i64| -> Vec<Value<'static>> {
        let cell = |c: &ColumnDef| match c.ty {
            _ if (i + i64::from(c.id)) % 3 == 0 => Value::Null,
            DataType::Bool => Value::Bool(i % 2 == 0),
            DataType::Utf8 => Value::Str(["", "å", "long enough"][(i % 3) as usize]),
            DataType::Binary => Value::Bytes(&[0, 255, 7][..(i % 4).min(3) as usize]),
            ty if ty.is_float() => Value::Float(i as f64 * 0.5),
            ty if ty.is_signed_int() => Value::Int(-(i % 100)),
            _ => Value::UInt((i % 100) as u64),
        };
        spec.columns.iter().map(cell).collect()
    };
    let db = Db::open(&path, DbOptions::default()).unwrap();
    let table = db.create_table("t", spec.clone()).unwrap();
    for i in 0..50 {
        table.append_row(i, &row(i)).unwrap();
    }
    let check = |table: &Table| {
        let scan = table.scan(ScanSpec::default()).unwrap();
        assert!(matches!(scan.columns()[0], ScanColumn::Time { .. }));
        let batch = scan.batches(100).unwrap().next().unwrap().unwrap();
        for i in 0..50 {
            for (value, (column, def)) in row(i).iter().zip(batch[1..].iter().zip(&spec.columns)) {
                let row = i as usize;
                assert_eq!(column.is_valid(row), *value != Value::Null, "{} {i}", def.name);
                match value {
                    Value::Str(s) => assert_eq!(column.bytes_at(row), s.as_bytes()),
                    Value::Bytes(b) => assert_eq!(column.bytes_at(row), *b),
                    Value::Float(v) if def.ty == DataType::F32 => {
                        assert_eq!(column.values::<f32>()[row], *v as f32);
                    }
                    Value::Float(v) => assert_eq!(column.values::<f64>()[row], *v),
                    Value::Int(v) if def.ty == DataType::I8 => {
                        assert_eq!(i64::from(column.values::<i8>()[row]), *v);
                    }
                    _ => {}
                }
            }
        }
    };
    check(&table);
    db.flush().unwrap();
    check(&table);
    drop((db, table));
    check(&Db::open(&path, DbOptions::default()).unwrap().table("t").unwrap());
}

#[test]
fn one_writer_at_a_time_and_closed_handles_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.chl");
    let db = Db::open(&path, DbOptions::default()).unwrap();
    let table = db.create_table("t", TableSpec::new([("v", DataType::F64)])).unwrap();
    let error = Db::open(&path, DbOptions::default()).unwrap_err();
    assert_eq!((error.kind(), error.pid()), (ErrorKind::Locked, Some(std::process::id())));
    db.close().unwrap();
    db.close().unwrap();
    assert_eq!(table.append_row(1, &[1.0.into()]).unwrap_err().kind(), ErrorKind::Closed);
    Db::open(&path, DbOptions::default()).unwrap();
    let error = db.create_table("t", TableSpec::new([("v", DataType::I64)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}
