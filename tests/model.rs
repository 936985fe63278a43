//! The database against a list of rows (PROOF.md: model): appends in every way, ranges, the newest
//! rows, closing and opening, and opening what a power loss left.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod common;

use chronolite::{Db, Durability, Predicate, ScanSpec, Table};
use common::work::Work;
use common::{
    Cell, Row, TABLES, content, figures, full, inspect, is_keyed, open, rows_of, seed, size, value,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

#[derive(Debug, Clone)]
enum Step {
    Row,
    Batch(usize),
    /// Enough rows to be written as segments at once.
    Direct(usize),
    Delete,
    AddColumn,
    Drop,
    /// A table is dropped or given a column in the middle of a flush or a pack.
    Beside,
    Flush,
    Pack,
    /// Takes a snapshot, or looks at the one that was taken and lets it go.
    Snapshot,
    Range(i64, i64, usize),
    Last(usize),
    Reopen,
    /// Power loss now; the image's seed and piece.
    Crash(u64, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => Just(Step::Row),
        6 => (1usize..12).prop_map(Step::Batch),
        1 => (200usize..260).prop_map(Step::Direct),
        2 => Just(Step::Delete),
        1 => Just(Step::AddColumn),
        1 => Just(Step::Drop),
        1 => Just(Step::Beside),
        2 => Just(Step::Flush),
        2 => Just(Step::Pack),
        2 => Just(Step::Snapshot),
        4 => (-5i64..600, -5i64..600, 1usize..400).prop_map(|(a, b, n)| Step::Range(a, b, n)),
        3 => (0usize..40).prop_map(Step::Last),
        1 => Just(Step::Reopen),
        1 => (any::<u64>(), any::<bool>()).prop_map(|(seed, small)| Step::Crash(seed, small)),
    ]
}

fn run(durability: Durability, seed: u64, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut work = Work::new(Default::default(), durability, seed);
    let mut held = None;
    for step in steps {
        if matches!(step, Step::Reopen | Step::Crash(..)) {
            // A snapshot keeps its database open.
            held = None;
        }
        let done = match *step {
            Step::Row => work.append_row(),
            Step::Batch(rows) | Step::Direct(rows) => work.append_batch(rows),
            Step::Delete => work.delete(),
            Step::AddColumn => work.add_column(),
            Step::Drop => work.drop_table(),
            Step::Beside => work.beside_a_change(),
            Step::Flush => work.flush(),
            Step::Pack => work.pack(),
            Step::Snapshot => {
                snapshot(&mut work, &mut held)?;
                Ok(())
            }
            Step::Reopen => work.close(),
            Step::Range(a, b, n) => {
                range(&mut work, (a, b), n)?;
                Ok(())
            }
            Step::Last(n) => {
                last(&mut work, n)?;
                Ok(())
            }
            Step::Crash(image_seed, small) => {
                work = crash(&work, image_seed, if small { 512 } else { 4096 })?;
                Ok(())
            }
        };
        done.map_err(|e| TestCaseError::fail(format!("{step:?}: {e:?}")))?;
    }
    let db = work.open().unwrap();
    let ledger = work.ledger();
    prop_assert_eq!(content(&db).unwrap(), ledger.model(ledger.attempts.len()));
    prop_assert!(db.verify().unwrap().ok());
    Ok(())
}

fn range(work: &mut Work, (a, b): (i64, i64), limit: usize) -> Result<(), TestCaseError> {
    let (db, model) = look(work);
    for (at, (name, rows)) in TABLES.iter().zip(model.0).enumerate() {
        let Some(rows) = rows else { continue };
        let table = db.table(name).unwrap();
        // As it comes, ends before starts among them.
        let spec = ScanSpec::range(a, b);
        let within: Vec<_> = rows.into_iter().filter(|row| (a..b).contains(&row.ts)).collect();
        let scan = table.scan(spec.clone()).unwrap();
        prop_assert_eq!(scan.count().unwrap(), within.len() as u64);
        prop_assert_eq!(&rows_of(&table, &scan).unwrap(), &within);
        if let Some((tag, key)) = within
            .first()
            .filter(|_| is_keyed(at))
            .map(|row| (row.cells[1].clone(), table.key(&[value(&row.cells[1])]).unwrap()))
        {
            let of_tag: Vec<_> = within.iter().filter(|row| row.cells[1] == tag).cloned().collect();
            let scan = table.scan(spec.clone().key(key.clone())).unwrap();
            prop_assert_eq!(scan.count().unwrap(), of_tag.len() as u64);
            prop_assert_eq!(&rows_of(&table, &scan).unwrap(), &of_tag);
        }
        let scan = table.scan(spec.clone().limit(limit as u64)).unwrap();
        let least = within.len().min(limit);
        prop_assert_eq!(&rows_of(&table, &scan).unwrap()[..], &within[..least]);
        filtered(&table, &spec, &within, limit)?;
    }
    Ok(())
}

/// What filters keep of a range, both ways and not more than `limit` rows of it. The tables differ in
/// the columns they have.
fn filtered(
    table: &Table,
    spec: &ScanSpec,
    rows: &[Row],
    limit: usize,
) -> Result<(), TestCaseError> {
    let float =
        |cell: &Cell| if let Cell::F64(bits) = cell { Some(f64::from_bits(*bits)) } else { None };
    let least = rows.get(rows.len() / 2).map_or(0, |row| row.ts);
    let texts = [
        format!("id > {} and id <= {}", limit, limit * 2),
        format!("ts >= {least} or id == 3"),
        format!("not id in (1, 2, {limit})"),
        match table.name() {
            "plain" | "first" => "v >= 2.5 or v is null".into(),
            "texts" => "s == 'on' and not \"on\"".into(),
            _ => "tag != 'south' and (n < 2000000000 or v is nan)".into(),
        },
    ];
    for (place, text) in texts.iter().enumerate() {
        let keeps = |row: &&Row| {
            let Cell::I64(id) = row.cells[0] else { return false };
            let n = limit as i64;
            match (place, table.name()) {
                (0, _) => id > n && id <= n * 2,
                (1, _) => row.ts >= least || id == 3,
                (2, _) => ![1, 2, n].contains(&id),
                (_, "plain" | "first") => {
                    row.cells[1] == Cell::Null || float(&row.cells[1]).is_some_and(|v| v >= 2.5)
                }
                (_, "texts") => {
                    row.cells[1] == Cell::Text("on".into()) && row.cells[3] == Cell::Bool(false)
                }
                _ => {
                    let few = matches!(row.cells[2], Cell::U32(n) if n < 2_000_000_000);
                    row.cells[1] != Cell::Text("south".into())
                        && (few || float(&row.cells[3]).is_some_and(f64::is_nan))
                }
            }
        };
        let mut kept: Vec<Row> = rows.iter().filter(keeps).cloned().collect();
        let filter = Some(Predicate::parse(text).unwrap());
        for reverse in [false, true] {
            if reverse {
                kept.reverse();
            }
            let mut all = spec.clone();
            (all.filter, all.reverse) = (filter.clone(), reverse);
            let scan = table.scan(all.clone()).unwrap();
            prop_assert_eq!(scan.count().unwrap(), kept.len() as u64, "{}", text);
            prop_assert_eq!(&rows_of(table, &scan).unwrap(), &kept, "{} {}", text, reverse);
            prop_assert_eq!(scan.explain().unwrap().rows, kept.len() as u64);
            let few = table.scan(all.limit(limit as u64)).unwrap();
            let first = &kept[..kept.len().min(limit)];
            prop_assert_eq!(&rows_of(table, &few).unwrap()[..], first);
        }
    }
    let mut backwards = rows_of(table, &table.scan(spec.clone().reverse()).unwrap()).unwrap();
    backwards.reverse();
    prop_assert_eq!(&backwards[..], rows);
    Ok(())
}

fn last(work: &mut Work, n: usize) -> Result<(), TestCaseError> {
    let (db, model) = look(work);
    for (at, (name, rows)) in TABLES.iter().zip(model.0).enumerate() {
        let Some(rows) = rows else { continue };
        let table = db.table(name).unwrap();
        let newest = &rows[rows.len().saturating_sub(n)..];
        let scan = table.last(n, None).unwrap();
        prop_assert_eq!(&rows_of(&table, &scan).unwrap()[..], newest);
        if let Some(tag) = newest.first().filter(|_| is_keyed(at)).map(|row| &row.cells[1]) {
            let of_tag: Vec<_> = rows.iter().filter(|row| row.cells[1] == *tag).cloned().collect();
            let key = table.key(&[value(tag)]).unwrap();
            let scan = table.last(n, Some(key)).unwrap();
            let newest = &of_tag[of_tag.len().saturating_sub(n)..];
            prop_assert_eq!(&rows_of(&table, &scan).unwrap()[..], newest);
        }
        let ends = rows.first().zip(rows.last()).map(|(first, last)| (first.ts, last.ts));
        let found = table.min_ts().unwrap().zip(table.max_ts().unwrap());
        prop_assert_eq!(found, ends);
    }
    Ok(())
}

/// Takes a snapshot, with what there is; or looks whether that is what the one taken shows.
fn snapshot(
    work: &mut Work,
    held: &mut Option<(chronolite::db::Snapshot, common::Content)>,
) -> Result<(), TestCaseError> {
    let Some((snapshot, model)) = held.take() else {
        let (db, model) = look(work);
        *held = Some((db.snapshot().unwrap(), model));
        return Ok(());
    };
    for (name, rows) in TABLES.iter().zip(model.0) {
        let Some(rows) = rows else {
            prop_assert!(snapshot.table(name).is_err());
            continue;
        };
        let table = snapshot.table(name).unwrap();
        prop_assert_eq!(table.len().unwrap(), rows.len() as u64);
        let scan = table.scan(ScanSpec::default()).unwrap();
        prop_assert_eq!(&rows_of(&table, &scan).unwrap(), &rows);
    }
    Ok(())
}

fn look(work: &mut Work) -> (Db, common::Content) {
    let db = work.open().unwrap();
    let ledger = work.ledger();
    let model = ledger.model(ledger.attempts.len());
    (db, model)
}

/// Goes on with what a power loss left, which is a prefix.
fn crash(work: &Work, image_seed: u64, piece: usize) -> Result<Work, TestCaseError> {
    let (ops, mut ledger) = (work.disk.op_count(), work.ledger().clone());
    let image = || work.disk.crash_image(ops, image_seed, piece);
    let found = inspect(&image(), &ledger, (ledger.least(ops), ledger.most(ops)));
    let kept = found.map_err(TestCaseError::fail)?;
    ledger.attempts.truncate(kept);
    for attempt in &mut ledger.attempts {
        (attempt.begun, attempt.answered, attempt.durable_at) = (0, 0, 0);
    }
    Ok(work.moved_to(image(), ledger, image_seed))
}

fn check(
    run: impl Fn(Durability, u64, &[Step]) -> Result<(), TestCaseError>,
) -> Result<(), String> {
    let (cases, steps) = (size(60, 10_000) as u32, if full() { 200 } else { 60 });
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed().to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let durability = prop::sample::select(Durability::ALL.to_vec());
    let input = (durability, any::<u64>(), prop::collection::vec(step(), steps));
    let test =
        |(durability, seed, steps): (Durability, u64, Vec<Step>)| run(durability, seed, &steps);
    TestRunner::new_with_rng(config, rng).run(&input, test).map_err(|e| e.to_string())?;
    figures("model", &format!("{cases} cases of {steps} steps, 0 wrong"));
    Ok(())
}

#[test]
fn the_database_is_the_model() {
    check(run).unwrap_or_else(|e| panic!("{e}"));
}

/// A database that lost its log is not the model, and that shows.
#[test]
fn model_control() {
    let mut work = Work::new(Default::default(), Durability::None, seed());
    for _ in 0..20 {
        work.append_row().unwrap();
    }
    let lost = (0..50).any(|image_seed| {
        let image = work.disk.crash_image(work.disk.op_count(), image_seed, 512);
        let db = open(&image, Durability::None).unwrap();
        let ledger = work.ledger();
        content(&db).unwrap() != ledger.model(ledger.attempts.len())
    });
    assert!(lost);
}
