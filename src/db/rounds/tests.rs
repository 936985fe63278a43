//! Rounds under a clock that the test moves, over a disk that fails and loses its power.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::base::batch::{Batch, Column};
use crate::base::schema::{DataType, TableSpec};
use crate::db::options::{DbOptions, Durability};
use crate::db::plan::ScanSpec;
use crate::db::table::{Db, Table};
use crate::error::ErrorKind;
use crate::store::sim::{Fault, SimStorage};

const PATH: &str = "/data/plant.chl";
/// Rows live for so many milliseconds.
const AGE: i64 = 1000;
const MINUTE: u64 = 60_000;

/// Does what it can whenever it looks.
fn eager() -> AutoMaintenance {
    AutoMaintenance {
        wal_target_ratio: 0,
        wal_min_bytes: 1,
        retention_check_interval_ms: 0,
        max_writes_per_sec: u64::MAX,
        ..AutoMaintenance::default()
    }
}

struct Rig {
    disk: SimStorage,
    db: Db,
    rounds: Rounds,
    now: Now,
}

impl Rig {
    fn new(options: AutoMaintenance) -> Self {
        Self::on(SimStorage::new(), options)
    }

    /// Opens what is on that disk, at the wall's time 0.
    fn on(disk: SimStorage, options: AutoMaintenance) -> Self {
        let db = open(&disk).unwrap();
        let now = Now { ms: 5, wall: 0 };
        Self { disk, db, rounds: Rounds::new(options, now), now }
    }

    fn table(&self) -> Table {
        self.db.create_table("t", TableSpec::new([("id", DataType::I64)])).unwrap()
    }

    fn append(&self, rows: &[(i64, i64)]) -> Result<()> {
        let table = self.db.create_table("t", TableSpec::new([("id", DataType::I64)]))?;
        rows.iter().try_for_each(|&(ts, id)| table.append_row(ts, &[id.into()]).map(drop))
    }

    /// Lets time pass on both clocks.
    fn pass(&mut self, ms: u64) {
        self.now.ms += ms;
        self.now.wall += i128::from(ms) * 1_000_000;
    }

    fn round(&mut self) -> bool {
        self.db.core.maintain(&mut self.rounds, self.now)
    }

    fn segments(&self) -> u64 {
        self.table().stats().unwrap().segments
    }

    fn done(&self) -> crate::db::MaintenanceStats {
        self.db.stats().unwrap().maintenance
    }
}

fn open(disk: &SimStorage) -> Result<Db> {
    let options = DbOptions::default().durability(Durability::Sync);
    let options = options.retention(Some(Duration::from_millis(AGE as u64)));
    Db::open_with(Arc::new(disk.clone()), Path::new(PATH), options)
}

fn rows(db: &Db) -> Result<Vec<(i64, i64)>> {
    let Ok(table) = db.table("t") else { return Ok(vec![]) };
    let mut rows = vec![];
    for piece in table.scan(ScanSpec::default())?.batches(1000)? {
        let piece = piece?;
        rows.extend(
            piece[0].values::<i64>().iter().zip(piece[1].values::<i64>()).map(|(&t, &i)| (t, i)),
        );
    }
    Ok(rows)
}

#[test]
fn retention_waits_a_minute_and_then_goes_by_the_clock_on_the_wall() {
    let mut rig = Rig::new(eager());
    rig.append(&[(-1001, 1), (-1000, 2), (58_999, 3), (59_000, 4), (1 << 40, 5)]).unwrap();
    rig.pass(MINUTE - 1);
    assert!(rig.round());
    assert_eq!((rows(&rig.db).unwrap().len(), rig.done().retention_runs), (5, 0));
    rig.pass(1);
    assert!(rig.round());
    // Of 60,000 less 1000 on; a row of the future changes nothing.
    assert_eq!(rows(&rig.db).unwrap(), [(59_000, 4), (1 << 40, 5)]);
    assert_eq!(rig.done().retention_runs, 1);
    // A row that comes late is old at the next application.
    rig.append(&[(5, 6)]).unwrap();
    assert_eq!(rows(&rig.db).unwrap().len(), 3);
    rig.pass(1);
    assert!(rig.round());
    assert_eq!(rows(&rig.db).unwrap(), [(1 << 40, 5)]);
}

#[test]
fn segments_that_are_old_as_a_whole_go_without_being_read() {
    let mut rig = Rig::new(AutoMaintenance { wal_min_bytes: u64::MAX, ..eager() });
    for start in [0, 100, 58_000] {
        rig.append(&[(start, 1), (start + 50, 2)]).unwrap();
        rig.db.flush().unwrap();
    }
    let before = rig.disk.read_count();
    rig.pass(MINUTE - 1500);
    rig.rounds.next_retention = 0;
    assert!(rig.round());
    let reads = rig.disk.read_count() - before;
    assert_eq!((rig.segments(), rig.done().rows_packed), (1, 0));
    assert_eq!(reads, 0);
    assert!(rig.db.verify().unwrap().ok());
}

#[test]
fn one_delete_is_kept_of_many_that_retention_made() {
    let mut rig = Rig::new(eager());
    // One segment of which little gets old at a time.
    let all: Vec<_> = (0..200).map(|i| (60_000 + i * 100, i)).collect();
    rig.append(&all).unwrap();
    rig.pass(MINUTE);
    for _ in 0..60 {
        rig.pass(100);
        assert!(rig.round());
        rig.db.flush().unwrap();
        let (view, _) = rig.db.core.snapshot();
        assert!(view.tables().next().unwrap().deletes.len() <= 9);
    }
    let cutoff = (rig.now.wall / 1_000_000) as i64 - AGE;
    let left: Vec<_> = all.into_iter().filter(|(ts, _)| *ts >= cutoff).collect();
    assert_eq!(rows(&rig.db).unwrap(), left);
    drop(rig.table());
    let again = Rig::on(rig.disk.crash_image(rig.disk.op_count(), 1, 512), eager());
    assert_eq!(rows(&again.db).unwrap(), left);
}

#[test]
fn rows_are_flushed_by_age() {
    let mut rig = Rig::new(AutoMaintenance::default());
    rig.append(&[(1 << 40, 1)]).unwrap();
    assert!(rig.round());
    rig.pass(FLUSH_AGE_MS - 1);
    // A row that comes now does not make the first one any younger.
    rig.append(&[(1 << 40, 2)]).unwrap();
    assert!(rig.round());
    assert_eq!(rig.segments(), 0);
    rig.pass(1);
    assert!(rig.round());
    assert_eq!((rig.segments(), rig.done().flushes), (1, 1));
    rig.pass(FLUSH_AGE_MS);
    assert!(rig.round());
    assert_eq!(rig.done().flushes, 1, "there was nothing to flush");
}

#[test]
fn rows_are_flushed_by_size_unless_it_is_busy() {
    let options = AutoMaintenance { wal_min_bytes: 500, wal_target_ratio: 0, ..eager() };
    let mut rig = Rig::new(options);
    rig.append(&[(1 << 40, 1)]).unwrap();
    assert!(rig.round());
    assert_eq!(rig.segments(), 0);
    rig.append(&[(1 << 40, 2); 20]).unwrap();
    rig.rounds.options.max_writes_per_sec = 0;
    assert!(rig.round());
    assert_eq!(rig.segments(), 0, "so many rows were written just now");
    rig.rounds.options.min_idle_ms = 0;
    assert!(rig.round());
    assert_eq!(rig.segments(), 1);
}

#[test]
fn each_row_is_rewritten_few_times() {
    let mut rig = Rig::new(eager());
    let flushes = 300;
    for flush in 0..flushes {
        let ts = (1 << 40) + flush * 10;
        rig.append(&[(ts, flush), (ts + 1, flush), (ts - flush % 7 * 9, flush)]).unwrap();
        assert!(rig.round());
        assert!(rig.segments() < 40, "{} segments", rig.segments());
    }
    let done = rig.done();
    assert_eq!(done.flushes, flushes as u64);
    // Three rows each, and at most the logarithm of their number.
    assert!(done.rows_packed < 3 * 5 * flushes as u64, "{done:?}");
    assert!(rig.db.stats().unwrap().write_amplification.unwrap() < 6.0);
    assert_eq!(rows(&rig.db).unwrap().len(), 3 * flushes as usize);
}

#[test]
fn the_space_of_a_dropped_table_is_given_back() {
    let mut rig = Rig::new(eager());
    // Values that no codec makes small.
    let mut state = 1i64;
    let mut next = || {
        state ^= state << 13;
        state ^= (state as u64 >> 7) as i64;
        state ^= state << 17;
        state
    };
    let rows: Vec<i64> = (0..200_000).map(|_| next()).collect();
    let batch = Batch { ts: (0..200_000).collect(), columns: vec![Column::from_vec(rows)] };
    rig.table().append(vec![batch]).unwrap();
    assert!(rig.round());
    assert_eq!(rig.done().trims, 0);
    rig.db.drop_table("t").unwrap();
    for _ in 0..5 {
        rig.append(&[(1, 1)]).unwrap();
        rig.pass(TRIM_INTERVAL_MS);
        assert!(rig.round());
    }
    assert!(rig.done().trims > 0);
}

#[test]
fn a_round_that_is_to_stop_leaves_all_as_it_is() {
    let mut rig = Rig::new(eager());
    for i in 0..20 {
        rig.append(&[(1 << 40, i)]).unwrap();
        rig.db.flush().unwrap();
    }
    let stop = AtomicBool::new(true);
    rig.rounds.round(&rig.db.core, &stop, rig.now).unwrap();
    assert_eq!(rig.segments(), 20);
    rig.rounds.round(&rig.db.core, &AtomicBool::new(false), rig.now).unwrap();
    assert_eq!(rig.segments(), 1);
}

#[test]
fn a_failure_is_told_once() {
    let mut rig = Rig::new(eager());
    rig.append(&[(1 << 40, 1)]).unwrap();
    rig.disk.fail_at(rig.disk.op_count() + 1, Fault::Enospc, true);
    assert!(!rig.round());
    assert!(!rig.round());
    let told = rig.db.diagnose().unwrap().maintenance_error.unwrap();
    assert!(told.contains("No space left"), "{told}");
    let error = rig.append(&[(1 << 40, 2)]).unwrap_err();
    assert!(error.is_out_of_space(), "{error}");
    assert!(error.to_string().contains("background maintenance failed"), "{error}");
    assert_eq!(rows(&rig.db).unwrap().len(), 1);
    assert!(!rig.round(), "the disk is still full");
    rig.disk.clear_faults();
    rig.append(&[(1 << 40, 3)]).unwrap();
    assert!(rig.round());
    assert_eq!(rig.db.diagnose().unwrap().maintenance_error, None);
    let done = rig.done();
    assert_eq!((done.errors, done.last_error.as_ref()), (3, Some(&told)));
    assert_eq!(rows(&rig.db).unwrap().len(), 2);
}

/// A work in steps: rows, then a round, a minute later. Each step tells whether it went through.
fn work(rig: &mut Rig, mut seen: impl FnMut(&Rig, Result<()>)) {
    for step in 0..6 {
        let ts = step * MINUTE as i64;
        let appended = rig.append(&[(ts - 500, step)]);
        seen(rig, appended);
        let appended = rig.append(&[(ts + 60_000, 10 + step)]);
        seen(rig, appended);
        rig.pass(MINUTE);
        rig.round();
        seen(rig, Ok(()));
    }
}

#[test]
fn a_power_loss_at_any_operation_leaves_a_state_that_there_was() {
    let mut rig = Rig::new(eager());
    rig.table();
    let mut states = vec![(rig.disk.op_count(), vec![])];
    work(&mut rig, |rig, done| {
        done.unwrap();
        states.push((rig.disk.op_count(), rows(&rig.db).unwrap()));
    });
    assert!(rig.done().retention_runs >= 5 && rig.done().segments_before > 0);
    for window in states.windows(2) {
        for at in window[0].0..=window[1].0 {
            let image = rig.disk.crash_image(at, at as u64, if at % 2 == 0 { 512 } else { 4096 });
            let db = open(&image).unwrap();
            let found = rows(&db).unwrap();
            assert!(found == window[0].1 || found == window[1].1, "{found:?} at {at}: {window:?}");
            assert!(db.verify().unwrap().ok());
        }
    }
}

#[test]
fn a_fault_at_any_operation_loses_nothing_and_is_told() {
    let ops = {
        let mut rig = Rig::new(eager());
        work(&mut rig, |_, done| done.unwrap());
        rig.disk.op_count()
    };
    let mut told = 0;
    for at in 20..ops {
        let fault = [Fault::Eio, Fault::Enospc, Fault::SyncFails][at % 3];
        let disk = SimStorage::new();
        disk.fail_at(at, fault, false);
        let mut rig = Rig::on(disk.clone(), eager());
        let mut wrote = 0;
        work(&mut rig, |rig, done| {
            if let Err(error) = done {
                let kinds = [ErrorKind::Io, ErrorKind::Durability, ErrorKind::Indeterminate];
                assert!(kinds.contains(&error.kind()), "{error}");
                told += usize::from(error.to_string().contains("background maintenance failed"));
            } else {
                wrote += 1;
            }
            rows(&rig.db).unwrap();
        });
        let before = rows(&rig.db).unwrap();
        assert!(wrote > 0);
        drop(rig);
        disk.clear_faults();
        let db = open(&disk).unwrap();
        let after = rows(&db).unwrap();
        // What was shown is there; what nobody knows of may be too.
        assert!(before.iter().all(|row| after.contains(row)), "{fault:?} at {at}");
        assert!(db.verify().unwrap().ok());
    }
    assert!(told > 0);
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<i64>),
    Flush,
    Pack,
    Pass(u64),
    Round,
    Crash(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec(-3000..3000_i64, 1..6).prop_map(Step::Append),
        2 => Just(Step::Flush),
        1 => Just(Step::Pack),
        2 => (1..1500_u64).prop_map(Step::Pass),
        4 => Just(Step::Round),
        1 => any::<u64>().prop_map(Step::Crash),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn what_is_old_goes_and_all_else_stays(steps in steps()) {
        let mut rig = Rig::new(eager());
        rig.rounds.next_retention = 0;
        let mut model: Vec<(i64, i64)> = vec![];
        let mut id = 0;
        rig.table();
        for step in steps {
            let now = (rig.now.wall / 1_000_000) as i64;
            match step {
                Step::Append(times) => {
                    for late in times {
                        id += 1;
                        rig.append(&[(now + late, id)]).unwrap();
                        model.push((now + late, id));
                    }
                }
                Step::Flush => rig.db.flush().unwrap(),
                Step::Pack => rig.db.compact().unwrap(),
                Step::Pass(ms) => rig.pass(ms),
                Step::Round => {
                    prop_assert!(rig.round());
                    model.retain(|(ts, _)| *ts >= now - AGE);
                }
                Step::Crash(seed) => {
                    let now = rig.now;
                    let image = rig.disk.crash_image(rig.disk.op_count(), seed, 512);
                    rig = Rig::on(image, eager());
                    rig.now = now;
                    rig.rounds.next_retention = 0;
                }
            }
            let mut expected = model.clone();
            expected.sort_by_key(|(ts, _)| *ts);
            prop_assert_eq!(rows(&rig.db).unwrap(), expected);
        }
        prop_assert!(rig.db.verify().unwrap().ok());
    }
}
