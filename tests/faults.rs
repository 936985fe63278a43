//! A disk that fails at operation N, for every N, and one that is full (PROOF.md: faults, disk
//! full).

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod common;

use chronolite::base::Column;
use chronolite::store::Storage;
use chronolite::store::sim::{Fault, SimStorage};
use chronolite::{Batch, DataType, Db, Durability, Error, ErrorKind, ScanSpec, TableSpec, Value};
use common::work::Work;
use common::{Ledger, Outcome, Rng, content, figures, inspect, mix, open, path, seed, size};

const FAULTS: [Fault; 5] =
    [Fault::Eio, Fault::Enospc, Fault::Eintr, Fault::ShortWrite(7), Fault::SyncFails];

/// What is there must be what was applied; of what nobody knows, each part may be there or not.
/// Settles in the ledger what is unknown.
fn settle(db: &Db, ledger: &mut Ledger) -> Result<(), String> {
    let found = content(db).map_err(|e| format!("cannot read: {e:?}"))?;
    let unknown: Vec<usize> = (0..ledger.attempts.len())
        .filter(|at| ledger.attempts[*at].outcome == Outcome::Unknown)
        .collect();
    for choice in 0..1_u32 << unknown.len() {
        for (bit, &at) in unknown.iter().enumerate() {
            let there = choice >> bit & 1 == 1;
            ledger.attempts[at].outcome = if there { Outcome::Applied } else { Outcome::Refused };
        }
        if ledger.model(ledger.attempts.len()) == found {
            return Ok(());
        }
    }
    Err(ledger.prefix(&found, ledger.attempts.len(), ledger.attempts.len()).unwrap_err())
}

fn typed(error: &Error) -> Result<(), String> {
    match error.kind() {
        ErrorKind::Io | ErrorKind::Durability | ErrorKind::Indeterminate => Ok(()),
        kind => Err(format!("an error of kind {kind:?}: {error}")),
    }
}

/// Twelve steps of one seed, and then a close.
fn steps(
    work: &mut Work,
    power_loss: bool,
    mut failed: impl FnMut(&mut Work, Error) -> Result<(), String>,
) -> Result<(), String> {
    for _ in 0..12 {
        if let Err(e) = work.step() {
            failed(work, e)?;
        }
    }
    let (ledger, ops) = (work.ledger().clone(), work.disk.op_count());
    // What nobody knows could be anywhere in the order: then only what comes later can be checked.
    if power_loss && ledger.attempts.iter().all(|a| a.outcome != Outcome::Unknown) {
        for image_seed in 0..4 {
            let image = work.disk.crash_image(ops, image_seed, 512);
            inspect(&image, &ledger, (ledger.least(ops), ledger.attempts.len()))
                .map_err(|e| format!("power loss before the close: {e}"))?;
        }
    }
    work.close().or_else(|e| failed(work, e))
}

/// One fault at one operation of the work; then the disk is well again, and later loses its power.
fn one(
    durability: Durability,
    seed: u64,
    at: usize,
    fault: Fault,
    sticky: bool,
) -> Result<(), String> {
    let disk = SimStorage::new();
    disk.fail_at(at, fault, sticky);
    let mut work = Work::new(disk.clone(), durability, seed);
    let mut first = true;
    // Slots and the log's header fit a sector and are taken to be written as one. A disk that takes
    // them in pieces and loses its power between two is more than is promised.
    let power_loss = !matches!(fault, Fault::ShortWrite(_));
    steps(&mut work, power_loss, |work, error| {
        typed(&error)?;
        let Some(db) = work.db.clone().filter(|_| std::mem::take(&mut first)) else {
            return Ok(());
        };
        // Reads go on, and show what was applied.
        let mut ledger = work.ledger().clone();
        settle(&db, &mut ledger).map_err(|e| format!("reading after the failure: {e}"))
    })?;
    work.drop_db();
    disk.clear_faults();
    if work.ledger().attempts.is_empty() && disk.exists(path()).expect("a path") {
        // Not even the creation went through. It takes its name back where it can; where that
        // failed too, whoever was told so does.
        disk.remove(path()).expect("the disk is well again");
    }
    let db = open(&disk, Durability::None).map_err(|e| format!("cannot open again: {e:?}"))?;
    settle(&db, &mut work.ledger()).map_err(|e| format!("after the failure: {e}"))?;
    if !db.verify().is_ok_and(|report| report.ok()) {
        return Err("verify finds damage".into());
    }
    drop(db);
    for _ in 0..4 {
        work.step().map_err(|e| format!("going on: {e:?}"))?;
    }
    work.reopen_at(Durability::Sync);
    for _ in 0..3 {
        work.append_row().map_err(|e| format!("going on with syncs: {e:?}"))?;
    }
    let (ledger, ops) = (work.ledger().clone(), disk.op_count());
    for back in 0..8 {
        let (at, piece) = (ops - back * 2, [512, 4096][back % 2]);
        let image = disk.crash_image(at, mix(seed ^ back as u64), piece);
        // What was refused is in no prefix, so an attempt in the middle cannot be missing.
        inspect(&image, &ledger, (ledger.least(at), ledger.most(at)))
            .map_err(|e| format!("power loss {} operations before the end: {e}", back * 2))?;
    }
    Ok(())
}

#[test]
fn every_operation_fails_once_and_for_good() {
    let (mut cases, mut wrong) = (0, vec![]);
    for run in 0..size(3, 60) {
        let durability = Durability::ALL[run % 3];
        let run_seed = mix(seed() + run as u64);
        let disk = SimStorage::new();
        let mut work = Work::new(disk.clone(), durability, run_seed);
        steps(&mut work, true, |_, e| Err(e.to_string())).unwrap();
        for at in 1..=disk.op_count() {
            for (fault, sticky) in FAULTS.iter().flat_map(|&f| [(f, false), (f, true)]) {
                cases += 1;
                if let Err(e) = one(durability, run_seed, at, fault, sticky) {
                    let name = durability.name();
                    wrong.push(format!("{name} {run_seed}, {fault:?} at {at} ({sticky}): {e}"));
                }
            }
        }
    }
    for text in wrong.iter().take(12) {
        println!("{text}");
    }
    assert!(wrong.is_empty(), "{} of {cases} cases are wrong, seed {}", wrong.len(), seed());
    figures("faults", &format!("{cases} cases, 0 wrong"));
}

/// If an error were taken for an answer of "applied", the oracle would say so.
#[test]
fn faults_control() {
    let disk = SimStorage::new();
    let mut work = Work::new(disk.clone(), Durability::None, seed());
    work.append_row().unwrap();
    disk.fail_at(disk.op_count() + 1, Fault::Eio, true);
    assert!(work.append_row().is_err());
    let mut ledger = work.ledger().clone();
    assert!(settle(work.db.as_ref().unwrap(), &mut ledger).is_ok());
    ledger.attempts.last_mut().unwrap().outcome = Outcome::Applied;
    assert!(settle(work.db.as_ref().unwrap(), &mut ledger).is_err());
}

/// Fills the disk, reads, opens again, makes room: what was acknowledged stays, what is written
/// then is kept.
#[test]
fn disk_full() {
    let (cycles, mut refused, mut wrong) = (size(30, 200), 0, vec![]);
    let mut rng = Rng(seed());
    for cycle in 0..cycles {
        let disk = SimStorage::new();
        let durability = Durability::ALL[cycle % 3];
        let mut work = Work::new(disk.clone(), durability, rng.next());
        // The log reserves a megabyte at once, for a moment; beyond that it is tight.
        let used = |disk: &SimStorage| -> u64 {
            disk.paths().iter().map(|p| disk.contents(p).map_or(0, |b| b.len() as u64 + 4096)).sum()
        };
        let mut check = |work: &mut Work, what: &str| {
            let result = work.open().map_err(|e| e.to_string()).and_then(|db| {
                let mut ledger = work.ledger();
                settle(&db, &mut ledger)
            });
            if let Err(e) = result {
                wrong.push(format!("cycle {cycle}, {}: {what}: {e}", durability.name()));
            }
        };
        let mut lost = vec![];
        work.append_row().unwrap();
        for round in 0..3 {
            disk.disk_limit(used(&disk) + rng.below(40_000) as u64);
            for _ in 0..60 {
                if let Err(e) = work.step() {
                    assert!(e.is_out_of_space() || e.kind() == ErrorKind::Durability, "{e:?}");
                    refused += 1;
                }
            }
            check(&mut work, "full");
            if rng.below(2) == 0 {
                let _ = work.close();
                check(&mut work, "opened while full");
            }
            disk.disk_limit(1 << 30);
            // A slot that met a full disk has poisoned the writer: it says so until reopened.
            if work.append_row().is_err_and(|e| e.kind() == ErrorKind::Durability) {
                work.drop_db();
            }
            work.append_row().unwrap_or_else(|e| panic!("cycle {cycle}.{round}: {e:?}"));
            work.flush().unwrap_or_else(|e| panic!("cycle {cycle}.{round}: {e:?}"));
            check(&mut work, "with room again");
            let (ledger, ops) = (work.ledger().clone(), disk.op_count());
            let image = disk.crash_image(ops, rng.next(), 512);
            let all = ledger.attempts.len();
            lost.extend(inspect(&image, &ledger, (ledger.least(ops), all)).err());
        }
        wrong.extend(lost.into_iter().map(|e| format!("cycle {cycle}: power loss: {e}")));
    }
    for text in wrong.iter().take(12) {
        println!("{text}");
    }
    assert!(wrong.is_empty() && refused > cycles, "{} wrong, seed {}", wrong.len(), seed());
    figures("disk full", &format!("{cycles} cycles, {refused} refusals, 0 wrong"));
}

/// A batch of several segments is written on several threads; whichever of the writes fails, none
/// of its rows are there, and the place is free for the next.
#[test]
fn a_batch_of_several_segments_is_all_or_nothing() {
    const ROWS: usize = 3 << 20;
    let spec = TableSpec::new([("v", DataType::I8)]);
    let batch = || Batch {
        ts: (0..ROWS as i64).collect::<Vec<_>>().into(),
        columns: vec![Column::from_vec(vec![7i8; ROWS])],
    };
    for failing in 1..=3 {
        let disk = SimStorage::new();
        let db = open(&disk, Durability::Interval).unwrap();
        let table = db.create_table("t", spec.clone()).unwrap();
        table.append_row(-1, &[Value::Int(1)]).unwrap();
        let before = disk.contents(path()).unwrap().len();
        disk.fail_at(disk.op_count() + failing, Fault::Enospc, false);
        assert!(table.append(vec![batch()]).unwrap_err().is_out_of_space());
        assert_eq!(table.len().unwrap(), 1);
        assert_eq!(table.append(vec![batch()]).unwrap(), ROWS as u64);
        assert_eq!(table.scan(ScanSpec::default()).unwrap().count().unwrap(), ROWS as u64 + 1);
        drop((table, db));
        let db = open(&disk, Durability::Interval).unwrap();
        assert_eq!(db.table("t").unwrap().len().unwrap(), ROWS as u64 + 1);
        assert!(db.verify().unwrap().ok());
        let grown = disk.contents(path()).unwrap().len() - before;
        assert!(grown < 1 << 20, "{grown} bytes: the places of the failed batch were not reused");
    }
}
