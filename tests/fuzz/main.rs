//! The short form of PROOF.md's fuzz tests: every body of a fuzz target over its seeds, and over
//! damaged forms of them that are the same each time. `make fuzz` is the long form.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod bodies;
mod damage;
mod make_seeds;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bodies::TARGETS;
use bodies::blocks::{Rows, compare, types};
use bodies::memory::limited;
use chronolite::DataType;
use chronolite::codec::{Codec, MAX_EXPANDED};
use damage::{Rng, damaged};

/// Memory is counted of the whole process: one test at a time.
static TURN: Mutex<()> = Mutex::new(());

fn seeds_folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target)
}

/// The seeds of a target, in the order of their names.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = fs::read_dir(seeds_folder(target)).expect("a folder of seeds");
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// How many damaged inputs a target is given.
fn count(target: &str) -> usize {
    match target {
        "open" | "log" | "salvage" => 400,
        "round_trip" => 150,
        // Each opens files.
        "c_calls" => 3000,
        "sql" => 1000,
        _ => 10_000,
    }
}

#[test]
fn every_target_over_its_seeds() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for (target, body) in TARGETS {
        let (seeds, begun) = (seeds(target), std::time::Instant::now());
        assert!(!seeds.is_empty(), "{target} has no seeds");
        seeds.iter().for_each(|seed| body(seed));
        let mut rng = Rng(1);
        for run in 0..count(target) {
            let data = damaged(&seeds, &mut rng);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(&data))) {
                let file = std::env::temp_dir().join(format!("{target}-{run}"));
                fs::write(&file, &data).unwrap();
                println!("{target}: input {run} is kept as {}", file.display());
                std::panic::resume_unwind(panic);
            }
        }
        println!(
            "{target}: {} seeds, {} inputs, {:?}",
            seeds.len(),
            count(target),
            begun.elapsed()
        );
    }
}

/// As a decoder that took the rows one too early would be.
#[test]
fn control_of_rows() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let ty = types(Codec::Raw).iter().position(|ty| *ty == DataType::U8).unwrap();
    // Rows 1 to 3 of 4.
    let input = [ty as u8, 0, 3, 0, 1, 0, 2, 0, 10, 11, 12, 13];
    compare(Codec::Raw, &input, |block, range| block.decode(range));
    let wrong = catch_unwind(|| {
        compare(Codec::Raw, &input, |block, range| match range.start {
            0 => block.decode(range),
            start => block.decode(start - 1..range.end - 1),
        });
    });
    assert!(wrong.is_err(), "other rows were taken for the same");
    let whole = |rows: &Rows| rows.len() == 4;
    compare(Codec::Raw, &input, |block, range| {
        let rows = block.decode(range.clone())?;
        assert!(range.len() != 4 || whole(&rows));
        Ok(rows)
    });
}

#[test]
fn control_of_memory() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    limited(0, || vec![1u8; 63_000_000].len());
    limited(1_000_000, || vec![1u8; 67_000_000].len());
    assert!(catch_unwind(|| limited(0, || vec![1u8; 65_000_000].len())).is_err());
    // Two that are small enough each, at once.
    let two = || (vec![1u8; 40_000_000], vec![1u8; 40_000_000]).0.len();
    assert!(catch_unwind(|| limited(0, two)).is_err());
    const { assert!(MAX_EXPANDED < 64_000_000) };
}
