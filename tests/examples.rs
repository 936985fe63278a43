//! The examples of `examples/rust` run and print what they are meant to. `cargo test` builds them.

use std::path::Path;
use std::process::Command;

/// What an example prints.
fn printed(name: &str) -> String {
    let here = std::env::current_exe().expect("a program");
    let folder = here.parent().and_then(Path::parent).expect("the folder of the build");
    let program = folder.join("examples").join(name);
    assert!(program.exists(), "{name} is not built: run `cargo test` without `--test`");
    let done = Command::new(program).output().expect("run");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text")
}

#[test]
fn basic() {
    assert_eq!(
        printed("basic"),
        "count: Some(Int(3601))\nmean: Some(Float(22.337111219105804))\n\
         max: Some(Float(24.6796875))\nrows of the cellar: 1\n\
         3601 rows, first and last at Some((1704067100000, 1704070799000))\n"
    );
}

#[test]
fn ingest() {
    assert_eq!(
        printed("ingest"),
        "1000000 rows as vectors\n1000000 rows as Arrow\n\
         refused: column \"temp\" is not of type f64\n2000000 rows\n"
    );
}

#[test]
fn ranges() {
    assert_eq!(
        printed("ranges"),
        "4 warm hours of the first day, as Arrow\nday 0: 11.5\nday 1: 11.5\nday 2: 11.5\n\
         24 rows now, 48 before\nbefore, as of noon of the second day: 1 row\n"
    );
}
