//! Power loss at every operation, and again during recovery (PROOF.md: power loss, second crash).

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod common;

use std::time::Duration;

use chronolite::Durability;
use chronolite::store::sim::SimStorage;
use common::work::Work;
use common::{
    Ledger, Rng, TABLES, content, figures, full, inspect, log_path, mix, open, seed, size,
};

const STEPS: usize = 60;

/// The work of one seed, to its end.
fn worked(durability: Durability, seed: u64, syncs: bool) -> (SimStorage, Ledger) {
    let disk = SimStorage::new();
    disk.remove_syncs(!syncs);
    let mut work = Work::new(disk.clone(), durability, seed);
    for step in 0..STEPS {
        work.step().unwrap_or_else(|e| panic!("seed {seed}, step {step}: {e:?}"));
    }
    let ledger = work.ledger().clone();
    (disk, ledger)
}

/// A moment of the work, and what of it survived: the image, and what it says when it is opened.
struct Loss {
    at: usize,
    image_seed: u64,
    piece: usize,
}

impl Loss {
    /// Images spread over all operations, so that each is a moment of loss.
    fn spread(ops: usize, images: usize, seed: u64) -> impl Iterator<Item = Self> {
        let mut rng = Rng(seed);
        (0..images).map(move |image| {
            let at = if images >= ops { image % (ops + 1) } else { image * ops / images };
            let piece = if rng.below(2) == 0 { 512 } else { 4096 };
            Self { at, image_seed: rng.next(), piece }
        })
    }

    fn image(&self, disk: &SimStorage) -> SimStorage {
        disk.crash_image(self.at, self.image_seed, self.piece)
    }
}

/// Every image of `disk` that is not as it must be.
fn wrong_images(disk: &SimStorage, ledger: &Ledger, images: usize, seed: u64) -> Vec<String> {
    let look = |loss: Loss| {
        let (least, most) = (ledger.least(loss.at), ledger.most(loss.at));
        let found = inspect(&loss.image(disk), ledger, (least, most));
        let Loss { at, image_seed, piece } = loss;
        found.err().map(|e| format!("operation {at}, image {image_seed}, pieces of {piece}: {e}"))
    };
    Loss::spread(disk.op_count(), images, seed).filter_map(look).collect()
}

fn report(test: &str, images: usize, wrong: &[String]) {
    for text in wrong.iter().take(10) {
        println!("{text}");
    }
    assert!(
        wrong.is_empty(),
        "{test}: {} of {images} images are wrong, seed {}",
        wrong.len(),
        seed()
    );
    figures(test, &format!("{images} images, 0 wrong"));
}

#[test]
fn power_loss() {
    let (runs, images) = (size(12, 100), size(180, 1000));
    let mut wrong = vec![];
    for run in 0..runs {
        let run_seed = mix(seed().wrapping_add(run as u64 * 7919));
        let durability = Durability::ALL[run % 3];
        let (disk, ledger) = worked(durability, run_seed, true);
        let found = wrong_images(&disk, &ledger, images, run_seed);
        let context = format!("{} {run_seed}", durability.name());
        wrong.extend(found.into_iter().map(|text| format!("{context}: {text}")));
    }
    report("power loss", runs * images, &wrong);
}

/// Without syncs the oracle must see losses: at `sync` of single rows, at `none` of flushes.
#[test]
fn power_loss_control() {
    for durability in Durability::ALL {
        let (disk, ledger) = worked(durability, seed(), false);
        let wrong = wrong_images(&disk, &ledger, 200, seed());
        let lost = wrong.iter().filter(|text| !text.contains("wrong rows")).count();
        println!("power loss without syncs, {}: {lost} of 200 found", durability.name());
        assert!(lost > 0, "{}: no loss was found", durability.name());
    }
}

/// What a tick of the interval made durable survives. A tick may begin between a batch's extents
/// and the record that names them, so a row counts as durable only after the second one.
#[test]
fn power_loss_after_ticks() {
    let (runs, images) = (size(2, 20), size(150, 1000));
    let mut wrong = vec![];
    for run in 0..runs {
        let disk = SimStorage::new();
        let mut work = Work::new(disk.clone(), Durability::Interval, mix(seed() + run as u64));
        work.ticks(Duration::from_millis(1));
        for _ in 0..40 {
            work.step().unwrap();
            std::thread::sleep(Duration::from_micros(700));
        }
        let mut ledger = work.ledger().clone();
        let sync = format!("sync {}", log_path().display());
        let ticks: Vec<usize> =
            (1..).zip(disk.ops()).filter(|(_, op)| *op == sync).map(|(at, _)| at).collect();
        let mut by_tick = 0;
        for attempt in &mut ledger.attempts {
            let later = ticks.partition_point(|&at| at <= attempt.answered);
            if let Some(&tick) = ticks.get(later + 1).filter(|at| **at < attempt.durable_at) {
                attempt.durable_at = tick;
                by_tick += 1;
            }
        }
        assert!(by_tick > 0, "no tick came");
        wrong.extend(wrong_images(&disk, &ledger, images, seed()));
    }
    report("power loss after ticks", runs * images, &wrong);
}

/// The power goes again at every operation of recovery and of the first write after it.
#[test]
fn second_crash() {
    let wanted = size(1500, 20_000);
    let (mut images, mut wrong, mut run) = (0, vec![], 0);
    while images < wanted {
        let run_seed = mix(seed().wrapping_add(run as u64 * 104_729));
        let (disk, ledger) = worked(Durability::ALL[run % 3], run_seed, true);
        for loss in Loss::spread(disk.op_count(), if full() { 40 } else { 12 }, run_seed) {
            let (count, bad) = crash_again(&disk, &ledger, &loss);
            images += count;
            let Loss { at, image_seed, piece } = loss;
            let context = format!("{run_seed}, {at}, {image_seed}, {piece}");
            wrong.extend(bad.into_iter().map(|text| format!("{context}: {text}")));
        }
        run += 1;
    }
    report("second crash", images, &wrong);
}

/// Recovers from `loss`, writes on, and looks at what a loss at each operation of that leaves.
fn crash_again(disk: &SimStorage, ledger: &Ledger, loss: &Loss) -> (usize, Vec<String>) {
    let bounds = (ledger.least(loss.at), ledger.most(loss.at));
    // All of an image is durable, so what the first recovery shows, the second must show.
    let shown = match inspect(&loss.image(disk), ledger, bounds) {
        Ok(shown) => shown,
        Err(e) => return (1, vec![e]),
    };
    let image = loss.image(disk);
    let mut ledger = Ledger { attempts: ledger.attempts[..shown].to_vec(), ..ledger.clone() };
    for attempt in &mut ledger.attempts {
        (attempt.begun, attempt.answered, attempt.durable_at) = (0, 0, 0);
    }
    let mut wrong = vec![];
    let mut more = || -> Result<(), chronolite::Error> {
        let db = open(&image, Durability::Sync)?;
        for (table, name) in TABLES.iter().enumerate() {
            let known = db.tables()?.iter().any(|known| known == name);
            let ids = ledger.take(usize::from(known));
            let at = ledger.begin(table, ids.clone(), image.op_count());
            let done = common::write_one(&db, table, ids);
            ledger.answer(at, &done, image.op_count());
            done?;
            ledger.all_durable(image.op_count());
        }
        db.close()
    };
    if let Err(e) = more() {
        wrong.push(format!("writing on: {e:?}"));
    }
    let ops = image.op_count();
    for at in 0..=ops {
        let image_seed = mix(loss.image_seed ^ at as u64);
        let again = image.crash_image(at, image_seed, loss.piece);
        if let Err(e) = inspect(&again, &ledger, (ledger.least(at), ledger.most(at))) {
            wrong.push(format!("again at {at} of {ops}, image {image_seed}: {e}"));
        }
    }
    (ops + 1, wrong)
}

/// Closing while others append: what was acknowledged is there.
#[test]
fn appends_that_race_with_close_are_kept_or_refused() {
    for round in 0..size(40, 1000) {
        let disk = SimStorage::new();
        let db = open(&disk, Durability::None).unwrap();
        let table = db.create_table(TABLES[0], common::spec(0)).unwrap();
        let writer = std::thread::spawn(move || {
            let append = |id| {
                let row = common::row(0, id);
                let values: Vec<_> = row.cells.iter().map(common::value).collect();
                table.append_row(row.ts, &values).is_ok()
            };
            (1..200_000).take_while(|&id| append(id)).count()
        });
        std::thread::sleep(Duration::from_micros(100 + round as u64 * 37 % 1000));
        db.close().unwrap();
        let acknowledged = writer.join().unwrap();
        let db = open(&disk, Durability::None).unwrap();
        let rows = content(&db).unwrap().0[0].as_ref().map_or(0, Vec::len);
        assert_eq!(rows, acknowledged, "round {round}");
    }
}
