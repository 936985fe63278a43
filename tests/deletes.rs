//! Many deletes, of ranges and of keys, against a list of rows: in memtables, in segments of either
//! order, through flush, pack and reopening; and what is newest among what is left.

#![allow(clippy::unwrap_used)] // a test that fails says where

use chronolite::base::Column;
use chronolite::db::PACKED_ROWS;
use chronolite::{Batch, DataType, Db, DbOptions, ScanSpec, Table, TableSpec, Value};

/// Small numbers that every run draws alike.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as i64
    }
}

const SPAN: i64 = 50_000;
const SITES: i64 = 7;

/// Time, site and number of each row, in the order of arrival.
type Rows = Vec<(i64, i64, i64)>;

fn site(n: i64) -> String {
    format!("site {n}")
}

fn read(scan: &chronolite::Scan) -> Rows {
    let mut rows = Rows::new();
    for piece in scan.batches(10_000).unwrap() {
        let piece = piece.unwrap();
        let (ts, n) = (piece[0].values::<i64>(), piece[2].values::<i64>());
        let site = |row: usize| i64::from(piece[1].bytes_at(row)[5] - b'0');
        rows.extend((0..ts.len()).map(|row| (ts[row], site(row), n[row])));
    }
    rows
}

fn check(table: &Table, rows: &Rows, keyed: bool, random: &mut Random) {
    let mut sorted = rows.clone();
    sorted.sort_by_key(|&(ts, site, n)| (ts, if keyed { site } else { 0 }, n));
    assert_eq!(table.len().unwrap(), sorted.len() as u64);
    let ends = sorted.first().zip(sorted.last()).map(|(a, b)| (a.0, b.0));
    assert_eq!(table.time_range().unwrap(), ends);
    assert!(read(&table.scan(ScanSpec::default()).unwrap()) == sorted);
    for _ in 0..4 {
        let (start, len) = (random.below(SPAN), 1 + random.below(SPAN / 5));
        let (end, of) = (start + len, random.below(SITES));
        let key = keyed.then(|| table.key(&[Value::Str(&site(of))]).unwrap());
        let mut spec = ScanSpec::range(start, end);
        spec.key = key.clone();
        let inside = |row: &&(i64, i64, i64)| row.0 < end && (!keyed || row.1 == of);
        let expected: Rows =
            sorted.iter().filter(inside).filter(|row| row.0 >= start).copied().collect();
        let scan = table.scan(spec).unwrap();
        assert_eq!(scan.count().unwrap(), expected.len() as u64);
        assert!(read(&scan) == expected);
        for n in [1, 3, 700] {
            let last = |rows: &[(i64, i64, i64)]| rows[rows.len().saturating_sub(n)..].to_vec();
            assert!(read(&table.last(n, None).unwrap()) == last(&sorted));
            let of_key: Rows = sorted.iter().filter(|r| !keyed || r.1 == of).copied().collect();
            assert!(read(&table.last(n, key.clone()).unwrap()) == last(&of_key));
        }
        let before: Rows = sorted.iter().filter(inside).copied().collect();
        let newest = before.last().copied().into_iter().collect::<Rows>();
        assert!(read(&table.asof(end - 1, key).unwrap()) == newest);
    }
}

fn append(table: &Table, rows: &mut Rows, count: i64, next: &mut i64, random: &mut Random) {
    let new: Rows = (0..count)
        .map(|i| {
            // Mostly in order.
            let ts = if random.below(20) == 0 { random.below(SPAN) } else { i * SPAN / count };
            *next += 1;
            (ts, random.below(SITES), *next)
        })
        .collect();
    let column = |f: fn(&(i64, i64, i64)) -> i64| new.iter().map(f).collect::<Vec<i64>>();
    let columns = vec![
        Column::from_texts(new.iter().map(|row| site(row.1))),
        Column::from_vec(column(|row| row.2)),
    ];
    table.append(vec![Batch { ts: column(|row| row.0).into(), columns }]).unwrap();
    rows.extend(new);
}

fn delete(table: &Table, rows: &mut Rows, count: i64, keyed: bool, random: &mut Random) {
    for _ in 0..count {
        let (start, end) = (random.below(SPAN), 1 + random.below(30));
        let end = start + end;
        let of = (keyed && random.below(2) == 0).then(|| random.below(SITES));
        let key = of.map(|of| table.key(&[Value::Str(&site(of))]).unwrap());
        table.delete(Some(start), Some(end), key).unwrap();
        rows.retain(|row| !(start..end).contains(&row.0) || of.is_some_and(|of| of != row.1));
    }
}

#[test]
fn many_deletes_are_those_of_a_list() {
    for keyed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.chl");
        let mut random = Random(0x2013_0101);
        let columns = [("site", DataType::Utf8), ("n", DataType::I64)];
        let spec = TableSpec::new(columns);
        let spec = if keyed { spec.key(&["site"]).unwrap() } else { spec };
        let mut db = Db::open(&path, DbOptions::default()).unwrap();
        let mut table = db.create_table("t", spec).unwrap();
        let (mut rows, mut next) = (Rows::new(), 0);
        for round in 0..3 {
            append(&table, &mut rows, 20_000, &mut next, &mut random);
            delete(&table, &mut rows, 300, keyed, &mut random);
            append(&table, &mut rows, 5000, &mut next, &mut random);
            delete(&table, &mut rows, 30, keyed, &mut random);
            check(&table, &rows, keyed, &mut random);
            let (before, held) = (db.snapshot().unwrap(), rows.clone());
            db.flush().unwrap();
            check(&table, &rows, keyed, &mut random);
            // Now they are of segments: fewer than there are blocks, then more.
            delete(&table, &mut rows, 2, keyed, &mut random);
            check(&table, &rows, keyed, &mut random);
            delete(&table, &mut rows, 200, keyed, &mut random);
            check(&table, &rows, keyed, &mut random);
            table.pack(PACKED_ROWS).unwrap();
            check(&table, &rows, keyed, &mut random);
            check(&before.table("t").unwrap(), &held, keyed, &mut random);
            drop(before);
            if round == 1 {
                drop(table);
                db.close().unwrap();
                db = Db::open(&path, DbOptions::default()).unwrap();
                table = db.table("t").unwrap();
                check(&table, &rows, keyed, &mut random);
            }
        }
    }
}
