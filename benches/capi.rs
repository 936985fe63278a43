//! What a call from C costs beside one from Rust: a row appended, 100,000 points scanned. The C side,
//! `capi/capi.c`, is compiled when this runs and linked with the library that `make install-c`
//! installs, which `make bench-kernel ARGS=capi` makes before.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use chronolite::arrow_array::Float64Array;
use chronolite::{
    Batch, Column, DataType, Db, DbOptions, Durability, STREAM_ROWS, ScanSpec, TableSpec, Value,
};

const ROUNDS: usize = 7;
const ROWS: i64 = 500_000;
/// Parts of the rows of a round, of which the median counts.
const TURNS: i64 = 100;
const POINTS: i64 = 100_000;
const SCANS: usize = 200;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = compiled(folder.path());
    let (mut rust, mut c) = ([f64::MAX; 2], [f64::MAX; 3]);
    for round in 0..ROUNDS {
        let path = |of: &str| folder.path().join(format!("{of}-{round}.chl"));
        least(&mut rust, &from_rust(&path("rust")));
        least(&mut c, &from_c(&program, &path("c")));
    }
    println!(
        "Best of {ROUNDS} rounds, the two by turns. A row has two floats, durability is \"none\"; of \
         the rows of a round,\nappended 5,000 at a time, the median.\n"
    );
    println!("{:40} {:>12} {:>12} {:>8}  target", "", "Rust", "C", "C / Rust");
    let line = |what: &str, rust: f64, c: f64, unit: &str, per: f64, target: &str| {
        let (rust_told, c_told) = (rust / per, c / per);
        println!("{what:40} {rust_told:9.1} {unit} {c_told:9.1} {unit} {:8.2}  {target}", c / rust);
    };
    let met = |good: bool| if good { "met" } else { "NOT MET" };
    line("append_row", rust[0], c[0], "ns", 1.0, &format!("<= 150 ns: {}", met(c[0] <= 150.0)));
    line("append_row, by chl_append_row_f64", rust[0], c[1], "ns", 1.0, "");
    let near = format!("<= 1.1 x Rust: {}", met(c[2] <= 1.1 * rust[1]));
    line("scan of 100,000 points", rust[1], c[2], "us", 1000.0, &near);
}

fn least(best: &mut [f64], found: &[f64]) {
    assert_eq!(best.len(), found.len());
    best.iter_mut().zip(found).for_each(|(best, found)| *best = best.min(*found));
}

/// The C side, linked with the library that this was built with.
fn compiled(folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let here = std::env::current_exe().expect("a program");
    let libraries = here.parent().and_then(Path::parent).expect("the folder of the build");
    // It has the name that programs look for when they run.
    let named = folder.join("libchronolite.so.0.1");
    std::fs::copy(libraries.join("libchronolite.so"), &named).expect("the shared library");
    let target = folder.join("capi");
    let done = Command::new("cc")
        .args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(root.join("include"))
        .arg(root.join("benches/capi/capi.c"))
        .arg(&named)
        .arg(format!("-Wl,-rpath,{}", folder.display()))
        .arg("-o")
        .arg(&target)
        .status();
    assert!(done.expect("a C compiler").success());
    target
}

fn from_c(program: &Path, path: &Path) -> Vec<f64> {
    let done = Command::new(program).arg(path).output().expect("run");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).expect("text");
    text.lines().map(|line| line.parse().expect("a number")).collect()
}

fn from_rust(path: &Path) -> [f64; 2] {
    let options = DbOptions::default().durability(Durability::None);
    let db = Db::open(path, options).expect("a database");
    let spec = |names: &[&str]| TableSpec::new(names.iter().map(|name| (*name, DataType::F64)));
    let rows = db.create_table("rows", spec(&["a", "b"])).expect("a table");
    let mut each = Vec::new();
    for turn in 0..TURNS {
        let began = Instant::now();
        for row in turn * ROWS / TURNS..(turn + 1) * ROWS / TURNS {
            let values = [Value::Float(row as f64), Value::Float(0.5)];
            rows.append_row(row * 1000, &values).expect("appended");
        }
        each.push(began.elapsed().as_nanos() as f64 / (ROWS / TURNS) as f64);
    }
    each.sort_by(f64::total_cmp);
    let append = each[each.len() / 2];

    let points = db.create_table("points", spec(&["a"])).expect("a table");
    let ts: Vec<i64> = (0..POINTS).map(|i| i * 1000).collect();
    let values: Vec<f64> = (0..POINTS).map(|i| (i % 1000) as f64 / 10.0).collect();
    let batch = Batch { ts: ts.into(), columns: vec![Column::from_vec(values)] };
    points.append(vec![batch]).expect("appended");
    db.flush().expect("flushed");
    let (mut best, mut sum) = (f64::MAX, 0.0);
    for _ in 0..SCANS {
        let began = Instant::now();
        let scan = points.scan(ScanSpec::default()).expect("a scan");
        for batch in scan.stream(STREAM_ROWS, None).expect("a stream") {
            let batch = batch.expect("a batch");
            let column = batch.column(1).as_any().downcast_ref::<Float64Array>().expect("floats");
            sum += column.values().iter().step_by(1000).sum::<f64>();
        }
        best = best.min(began.elapsed().as_nanos() as f64);
    }
    assert!(sum >= 0.0);
    db.close().expect("closed");
    [append, best]
}
