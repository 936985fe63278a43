//! Which array of the data belongs to which column of the table.

use std::iter::once;

use crate::base::TableSpec;
use crate::error::{Error, Result};

/// For the time column and every value column, the position of its array.
#[derive(Debug, Clone)]
pub struct Matching {
    /// The time column's array.
    pub time: usize,
    /// The arrays of the value columns, in the table's order.
    pub values: Vec<usize>,
}

impl Matching {
    /// Matches by name. A name that is missing, unknown or given twice is an error.
    pub fn new(spec: &TableSpec, names: &[impl AsRef<str>]) -> Result<Self> {
        let values = spec.columns.iter().map(|def| def.name.as_str());
        let columns: Vec<_> = once(spec.time_column.as_str()).chain(values).collect();
        let what = |column| if column == 0 { "the time column" } else { "column" };
        let mut values = matched(&columns, names, what)?;
        Ok(Self { time: values.remove(0), values })
    }
}

/// For each of the columns the position of its name among those of the data.
///
/// # Errors
/// `Schema` of a name that is missing, unknown or there twice.
pub fn places(columns: &[&str], names: &[impl AsRef<str>]) -> Result<Vec<usize>> {
    matched(columns, names, |_| "column")
}

/// The same; `what` each column is called where it is missing.
fn matched(
    columns: &[&str],
    names: &[impl AsRef<str>],
    what: impl Fn(usize) -> &'static str,
) -> Result<Vec<usize>> {
    let mut places = vec![None; columns.len()];
    // The data mostly comes in the table's order: look there first.
    let mut next = 0;
    for (position, name) in names.iter().enumerate() {
        let name = name.as_ref();
        let at_next = columns.get(next).is_some_and(|column| *column == name);
        let index = if at_next { next } else { position_of(columns, name)? };
        next = index + 1;
        if places[index].replace(position).is_some() {
            return Err(Error::schema(format!("column {name:?} is in the data twice")));
        }
    }
    let places = places.into_iter().zip(columns).enumerate().map(|(column, (found, name))| {
        found.ok_or_else(|| {
            Error::schema(format!("{} {name:?} is missing from the data", what(column)))
        })
    });
    places.collect()
}

fn position_of(columns: &[&str], name: &str) -> Result<usize> {
    columns.iter().position(|column| *column == name).ok_or_else(|| {
        let has = columns.join(", ");
        Error::schema(format!("column {name:?} is not in the table, which has {has}"))
    })
}
