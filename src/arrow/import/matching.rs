//! Which array of the data belongs to which column of the table.

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
        let mut time = None;
        let mut values = vec![None; spec.columns.len()];
        // The data mostly comes in the table's order: look there first.
        let mut next = 0;
        for (position, name) in names.iter().enumerate() {
            let name = name.as_ref();
            let slot = if name == spec.time_column {
                &mut time
            } else {
                let at_next = spec.columns.get(next).is_some_and(|def| def.name == name);
                let index = if at_next { next } else { position_of(spec, name)? };
                next = index + 1;
                &mut values[index]
            };
            if slot.replace(position).is_some() {
                return Err(Error::schema(format!("column {name:?} is in the data twice")));
            }
        }
        let time = time.ok_or_else(|| missing("the time column", &spec.time_column))?;
        let values = values.into_iter().zip(&spec.columns);
        let values = values.map(|(found, def)| found.ok_or_else(|| missing("column", &def.name)));
        Ok(Self { time, values: values.collect::<Result<_>>()? })
    }
}

fn position_of(spec: &TableSpec, name: &str) -> Result<usize> {
    spec.columns.iter().position(|def| def.name == name).ok_or_else(|| {
        let has: Vec<_> = spec.columns.iter().map(|def| def.name.as_str()).collect();
        let (time, has) = (&spec.time_column, has.join(", "));
        Error::schema(format!(
            "column {name:?} is not in the table, which has {time} (time) and {has}"
        ))
    })
}

#[cold]
fn missing(what: &str, name: &str) -> Error {
    Error::schema(format!("{what} {name:?} is missing from the data"))
}
