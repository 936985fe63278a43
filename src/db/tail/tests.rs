//! The feed against a list, and how a wait ends.

use std::thread;

use proptest::prelude::*;

use super::*;
use crate::base::Value;
use crate::base::batch::Batch;
use crate::base::schema::{DataType, TableSpec};
use crate::db::{Db, DbOptions, Key};
use crate::error::ErrorKind;
use arrow_buffer::ScalarBuffer;

const NOW: Option<Duration> = Some(Duration::ZERO);
const LATER: Option<Duration> = Some(Duration::from_secs(20));
const KEYS: [&str; 3] = ["a", "b", "c"];

fn options() -> DbOptions {
    DbOptions { auto_maintenance: None, direct_bytes: 1500, ..DbOptions::default() }
}

fn spec(keyed: bool) -> TableSpec {
    let spec = TableSpec::new([("id", DataType::I64), ("tag", DataType::Utf8)]);
    if keyed { spec.key(&["tag"]).unwrap() } else { spec }
}

#[derive(Debug, Clone)]
enum Step {
    Row(i64),
    /// Rows from that time on, each so much later (or earlier) than the one before.
    Batch(usize, i64, i64),
    /// A row of another table.
    Other,
    Delete(i64, i64, Option<usize>),
    AddColumn,
    Flush,
    Pack(usize),
    Compact,
    Reopen,
    /// Batches to read, of so many rows at most.
    Read(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let ts = || 0i64..300;
    prop_oneof![
        6 => ts().prop_map(Step::Row),
        6 => (1usize..90, ts(), -3i64..4).prop_map(|(n, ts, step)| Step::Batch(n, ts, step)),
        2 => Just(Step::Other),
        3 => (ts(), 1i64..120, prop::option::of(0usize..3))
            .prop_map(|(start, len, key)| Step::Delete(start, start + len, key)),
        1 => Just(Step::AddColumn),
        3 => Just(Step::Flush),
        2 => prop::sample::select(vec![1, 40, 100_000]).prop_map(Step::Pack),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
        6 => (1usize..4, 1usize..70).prop_map(|(batches, rows)| Step::Read(batches, rows)),
    ]
}

/// A row as the list has it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    seq: u64,
    ts: i64,
    id: i64,
    tag: usize,
}

struct Model {
    folder: tempfile::TempDir,
    keyed: bool,
    db: Option<Db>,
    tail: Option<Tail>,
    live: Vec<Row>,
    next_id: i64,
    cursor: u64,
    added: usize,
}

impl Model {
    fn new(keyed: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (live, next_id, cursor, added) = (vec![], 0, 0, 0);
        Self { folder, keyed, db: None, tail: None, live, next_id, cursor, added }
    }

    fn db(&mut self) -> Db {
        if self.db.is_none() {
            let db = Db::open(self.folder.path().join("t.chl"), options()).unwrap();
            if self.added == 0 {
                db.create_table("t", spec(self.keyed)).unwrap();
                db.create_table("other", spec(false)).unwrap();
            }
            self.tail = Some(db.table("t").unwrap().tail(Some(self.cursor)).unwrap());
            self.db = Some(db);
        }
        self.db.clone().unwrap()
    }

    fn table(&mut self) -> Table {
        self.db().table("t").unwrap()
    }

    fn append(&mut self, times: Vec<i64>) {
        let table = self.table();
        let ids: Vec<i64> = (self.next_id..).take(times.len()).collect();
        self.next_id += times.len() as i64;
        let tags: Vec<usize> = ids.iter().map(|id| (id * 7 % 11 % 3) as usize).collect();
        let last = match (&times[..], self.added) {
            ([ts], 0) => table.append_row(*ts, &[ids[0].into(), KEYS[tags[0]].into()]).unwrap(),
            _ => {
                let columns = vec![
                    Column::from_vec(ids.clone()),
                    Column::from_texts(tags.iter().map(|&tag| KEYS[tag])),
                ];
                let ts = ScalarBuffer::from(times.clone());
                let added = (0..self.added).map(|_| Column::nulls(DataType::F64, times.len()));
                let columns = columns.into_iter().chain(added).collect();
                table.write(vec![Batch { ts, columns }]).unwrap().last_seq
            }
        };
        let first = last + 1 - times.len() as u64;
        for (at, (&id, &ts)) in ids.iter().zip(&times).enumerate() {
            self.live.push(Row { seq: first + at as u64, ts, id, tag: tags[at] });
        }
    }

    fn delete(&mut self, start: i64, end: i64, tag: Option<usize>) {
        let tag = tag.filter(|_| self.keyed);
        let table = self.table();
        let key: Option<Key> = tag.map(|tag| table.key(&[KEYS[tag].into()]).unwrap());
        table.delete(Some(start), Some(end), key).unwrap();
        self.live
            .retain(|row| !(start..end).contains(&row.ts) || tag.is_some_and(|tag| row.tag != tag));
    }

    /// Reads that many batches, or all there are.
    fn read(&mut self, batches: usize, rows: usize) -> Result<(), TestCaseError> {
        self.db();
        let tail = self.tail.as_mut().unwrap();
        tail.rows = rows;
        for _ in 0..batches {
            let mut left = self.live.iter().filter(|row| row.seq > self.cursor);
            let Some(batch) = tail.next_batch(NOW).unwrap() else {
                prop_assert_eq!(left.next(), None, "rows that are not handed out");
                return Ok(());
            };
            let len = batch.data[0].len(DataType::I64);
            prop_assert!((1..=rows).contains(&len));
            prop_assert_eq!(batch.columns.len(), 3 + self.added);
            let expected: Vec<Row> = left.take(len).copied().collect();
            let got: Vec<(i64, i64, &[u8])> = (0..len)
                .map(|row| {
                    let (ts, id) = (batch.data[0].values()[row], batch.data[1].values()[row]);
                    (ts, id, batch.data[2].bytes_at(row))
                })
                .collect();
            let expected_rows: Vec<_> =
                expected.iter().map(|row| (row.ts, row.id, KEYS[row.tag].as_bytes())).collect();
            prop_assert_eq!(got, expected_rows);
            prop_assert_eq!(batch.cursor, expected.last().unwrap().seq);
            prop_assert_eq!(tail.cursor(), batch.cursor);
            self.cursor = batch.cursor;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Row(ts) => self.append(vec![ts]),
            Step::Batch(n, ts, step) => {
                self.append((0..n as i64).map(|row| ts + row * step).collect());
            }
            Step::Other => {
                let row = [Value::Null, Value::Null];
                self.db().table("other").unwrap().append_row(1, &row).map(drop).unwrap();
            }
            Step::Delete(start, end, tag) => self.delete(start, end, tag),
            Step::AddColumn if self.added < 3 => {
                let name = format!("added{}", self.added);
                self.table().add_column(&name, DataType::F64).unwrap();
                self.added += 1;
            }
            Step::AddColumn => {}
            Step::Flush => self.db().flush().unwrap(),
            Step::Pack(least) => self.table().pack(least).map(drop).unwrap(),
            Step::Compact => self.db().compact().unwrap(),
            Step::Reopen => {
                self.tail = None;
                if let Some(db) = self.db.take() {
                    db.close().unwrap();
                }
            }
            Step::Read(batches, rows) => self.read(batches, rows)?,
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn it_hands_out_what_a_list_has(
        keyed in any::<bool>(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut model = Model::new(keyed);
        for step in &steps {
            model.step(step)?;
        }
        model.read(usize::MAX, 50)?;
        // And all of it once more, from the first row.
        model.cursor = 0;
        model.tail = Some(model.table().tail(Some(0)).unwrap());
        model.read(usize::MAX, 64)?;
    }
}

fn open(folder: &tempfile::TempDir) -> (Db, Table) {
    let db = Db::open(folder.path().join("t.chl"), options()).unwrap();
    let table = db.create_table("t", TableSpec::new([("id", DataType::I64)])).unwrap();
    (db, table)
}

#[test]
fn rows_of_many_threads_come_once_in_the_order_of_their_numbers() {
    const THREADS: i64 = 4;
    const EACH: i64 = 3000;
    let folder = tempfile::tempdir().unwrap();
    let (db, table) = open(&folder);
    let mut tail = table.tail(None).unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (db, table) = (&db, &table);
            scope.spawn(move || {
                for row in 0..EACH {
                    table.append_row(row * 31 % 997, &[(thread * EACH + row).into()]).unwrap();
                    if row % 1000 == 999 {
                        db.flush().unwrap();
                        table.pack(100_000).unwrap();
                    }
                }
            });
        }
        let (mut ids, mut last) = (vec![], 0);
        while ids.len() < (THREADS * EACH) as usize {
            let batch = tail.next_batch(LATER).unwrap().expect("there are more to come");
            let new = batch.data[1].values::<i64>();
            // Nothing else takes numbers, so none is left out.
            assert_eq!(batch.cursor, last + new.len() as u64);
            last = batch.cursor;
            ids.extend_from_slice(new);
        }
        ids.sort_unstable();
        assert!(ids.into_iter().eq(0..THREADS * EACH));
    });
    assert!(tail.next_batch(NOW).unwrap().is_none());
}

/// What a wait on another thread ends with when `then` was done a moment after it began.
fn ended(
    then: impl FnOnce(&Db, &Table, &Interrupt),
) -> (Result<Option<TailBatch>>, Duration, TailBatch) {
    let folder = tempfile::tempdir().unwrap();
    let (db, table) = open(&folder);
    table.append_row(5, &[1.into()]).unwrap();
    let mut tail = table.tail(Some(0)).unwrap();
    let first = tail.next_batch(NOW).unwrap().unwrap();
    let interrupt = tail.interrupt();
    let waiting = thread::spawn(move || tail.next_batch(LATER));
    thread::sleep(Duration::from_millis(50));
    let begun = Instant::now();
    then(&db, &table, &interrupt);
    let end = waiting.join().unwrap();
    (end, begun.elapsed(), first)
}

#[test]
fn a_wait_ends_at_once_with_what_happens() {
    let soon = Duration::from_secs(5);
    let (row, took, first) = ended(|_, table, _| {
        table.append_row(3, &[2.into()]).unwrap();
    });
    let row = row.unwrap().unwrap();
    assert_eq!((row.data[1].values::<i64>(), row.cursor), (&[2][..], first.cursor + 1));
    assert!(took < soon);
    // Rows that are written as a segment at once.
    let (rows, took, first) = ended(|_, table, _| {
        let ts: ScalarBuffer<i64> = (0..1000).rev().collect();
        let columns = vec![Column::from_vec((0..1000i64).collect::<Vec<_>>())];
        table.append(vec![Batch { ts, columns }]).unwrap();
    });
    let rows = rows.unwrap().unwrap();
    assert!(rows.data[1].values::<i64>().iter().copied().eq(0..1000));
    assert_eq!(rows.data[0].values::<i64>()[..2], [999, 998]);
    assert_eq!(rows.cursor, first.cursor + 1000);
    assert!(took < soon);
    let (dropped, took, _) = ended(|db, _, _| db.drop_table("t").unwrap());
    assert_eq!(dropped.unwrap_err().kind(), ErrorKind::TableNotFound);
    assert!(took < soon);
    let (closed, took, _) = ended(|db, _, _| db.close().unwrap());
    assert_eq!(closed.unwrap_err().kind(), ErrorKind::Closed);
    assert!(took < soon);
    let (interrupted, took, _) = ended(|_, _, interrupt| interrupt.interrupt());
    assert!(interrupted.unwrap().is_none() && took < soon);
}

#[test]
fn a_wait_lasts_as_long_as_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (db, table) = open(&folder);
    let mut tail = table.tail(None).unwrap();
    let wait = Duration::from_millis(30);
    let begun = Instant::now();
    assert!(tail.next_batch(Some(wait)).unwrap().is_none());
    assert!((wait..wait + Duration::from_secs(5)).contains(&begun.elapsed()));
    // In a database that is read only nobody wakes it.
    table.append_row(1, &[7.into()]).unwrap();
    drop((tail, table));
    db.close().unwrap();
    let read = DbOptions { mode: crate::db::Mode::Read, ..options() };
    let db = Db::open(folder.path().join("t.chl"), read).unwrap();
    let mut tail = db.table("t").unwrap().tail(Some(0)).unwrap();
    assert_eq!(tail.next_batch(LATER).unwrap().unwrap().cursor, 1);
    let begun = Instant::now();
    assert!(tail.next_batch(Some(wait)).unwrap().is_none());
    assert!((wait..wait + Duration::from_secs(5)).contains(&begun.elapsed()));
    let waiting = thread::spawn(move || tail.next_batch(LATER));
    db.close().unwrap();
    assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn of_a_snapshot_there_is_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let (db, table) = open(&folder);
    table.append_row(1, &[1.into()]).unwrap();
    let snapshot = db.snapshot().unwrap();
    table.append_row(2, &[2.into()]).unwrap();
    let mut tail = snapshot.table("t").unwrap().tail(Some(0)).unwrap();
    assert_eq!(tail.next_batch(None).unwrap().unwrap().cursor, 1);
    assert!(tail.next_batch(None).unwrap().is_none(), "it does not wait for what cannot come");
    assert_eq!(
        table.tail(Some(u64::MAX)).unwrap().next_batch(NOW).unwrap().map(|b| b.cursor),
        None
    );
}

#[test]
fn a_feed_that_has_no_rows_holds_none() {
    let folder = tempfile::tempdir().unwrap();
    let (db, table) = open(&folder);
    let mut tail = table.tail(None).unwrap();
    for ts in 0..100 {
        table.append_row(ts, &[ts.into()]).unwrap();
    }
    assert_eq!(tail.next_batch(NOW).unwrap().unwrap().cursor, 100);
    assert!(tail.next_batch(NOW).unwrap().is_none());
    assert!(tail.reading.is_none());
    // Rows that a delete hides are not looked at again and again.
    table.append_row(1000, &[1.into()]).unwrap();
    table.delete(Some(1000), None, None).unwrap();
    assert!(tail.next_batch(NOW).unwrap().is_none());
    assert_eq!((tail.seen, tail.cursor()), (101, 100));
    assert!(tail.reading.is_none());
    drop(db);
}
