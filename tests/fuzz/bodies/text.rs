//! What people type: predicates, SQL, times.

use std::sync::Arc;

use arrow_buffer::{BooleanBuffer, NullBuffer};
use chronolite::base::TimeUnit;
use chronolite::base::iso8601 as time;
use chronolite::base::predicate::{Facts, Filter, Input};
use chronolite::store::sim::SimStorage;
use chronolite::{Column, Data, DataType, Db, DbOptions, Durability, Error, Predicate, TableSpec};

use super::memory::limited;

const ROWS: usize = 70;

/// A predicate is read, printed, bound to a table and evaluated.
pub fn predicate(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    limited(data.len(), || {
        let Ok(predicate) = Predicate::parse(text) else { return };
        let printed = predicate.to_string();
        let again = Predicate::parse(&printed);
        let again = again.unwrap_or_else(|e| panic!("{printed:?} of {text:?} is refused: {e}"));
        assert_eq!(again.to_string(), printed, "of {text:?}");
        let (kept, kept_again) = (kept(&predicate), kept(&again));
        assert_eq!(kept.as_ref().ok(), kept_again.as_ref().ok(), "{printed:?} is not {text:?}");
    });
}

fn spec() -> TableSpec {
    TableSpec::new([
        ("f", DataType::F64),
        ("g", DataType::F32),
        ("i", DataType::I8),
        ("u", DataType::U64),
        ("b", DataType::Bool),
        ("s", DataType::Utf8),
        ("x", DataType::Binary),
    ])
    .unit(TimeUnit::Second)
}

fn kept(predicate: &Predicate) -> Result<Vec<u32>, Error> {
    let filter = Filter::new(predicate, &spec())?;
    let inputs = filter.inputs().to_vec();
    let rows = filter.select(ROWS, &mut |input| Ok::<_, Error>(column(inputs[input])))?;
    let rows = rows.unwrap_or_else(|| (0..ROWS as u32).collect());
    // What is said of rows of which nothing is known is true of these.
    let outcomes = filter.outcomes(&vec![Facts::NONE; inputs.len()]);
    assert!(!outcomes.none() || rows.is_empty(), "{predicate} keeps {rows:?}");
    assert!(!outcomes.all() || rows.len() == ROWS, "{predicate} keeps only {rows:?}");
    let (first, last) = filter.times();
    assert!(rows.iter().all(|&row| (first..=last).contains(&(i64::from(row) - 4))));
    Ok(rows)
}

fn column(input: Input) -> Column {
    let rows = 0..ROWS;
    let column = match input {
        Input::Time => return Column::from_vec(rows.map(|row| row as i64 - 4).collect()),
        Input::Value(0, _) => {
            let some = [f64::NAN, -0.0, 0.0, 2.5, f64::INFINITY, f64::NEG_INFINITY, 9e15];
            Column::from_vec(rows.map(|row| some[row % some.len()]).collect())
        }
        Input::Value(1, _) => {
            let some = [0.1f32, -0.0, 0.0, 2.5, f32::NAN, -7.0, 9e15];
            Column::from_vec(rows.map(|row| some[row % some.len()]).collect())
        }
        Input::Value(2, _) => Column::from_vec(rows.map(|row| (row * 4) as i8).collect()),
        Input::Value(3, _) => {
            Column::from_vec(rows.map(|row| u64::MAX >> (row % 64)).collect::<Vec<_>>())
        }
        Input::Value(4, _) => {
            let bits = BooleanBuffer::collect_bool(ROWS, |row| row % 3 == 0);
            Column { data: Data::Bool(bits), validity: None }
        }
        Input::Value(..) => {
            let some = ["", "a", "b", "ab", "ä", "it's", "\u{0}"];
            Column::from_texts(rows.map(|row| some[row % some.len()]))
        }
    };
    column.with_validity(Some(NullBuffer::from_iter((0..ROWS).map(|row| row % 9 != 4))))
}

/// A statement is carried out, or refused and nothing is done.
pub fn sql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    limited(data.len(), || {
        let options = DbOptions::default().durability(Durability::None);
        let db = Db::open_with(Arc::new(SimStorage::new()), "/data/plant.chl", options);
        let db = db.expect("a new database");
        db.execute("CREATE TABLE t (x DOUBLE, s TEXT, u BIGINT UNSIGNED)").expect("a table");
        let table = db.table("t").expect("the table");
        let before = db.tables().expect("names").len();
        let done = db.execute(text);
        let (rows, tables) =
            (table.len().expect("a count"), db.tables().expect("names").len() - before);
        match done {
            Ok(inserted) => assert!(rows == inserted && (rows == 0 || tables == 0), "{text:?}"),
            Err(error) => assert!(rows == 0 && tables == 0 && !error.to_string().is_empty()),
        }
    });
}

/// A time is read, and written as it was meant.
pub fn iso8601(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    limited(data.len(), || {
        let Ok(nanos) = time::parse(text) else { return };
        if let Some(written) = time::text(nanos) {
            assert_eq!(time::parse(&written), Ok(nanos), "{text:?} was written as {written:?}");
        }
    });
    if let Ok(bytes) = data.try_into() {
        let nanos = i128::from(i64::from_le_bytes(bytes));
        let written = time::text(nanos).expect("a year of four digits");
        assert_eq!(time::parse(&written), Ok(nanos), "written as {written:?}");
    }
}
