//! A list of dicts, one a row.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping};

use super::{Rows, Target, elements};
use crate::base::TableSpec;
use crate::python::errors::{schema, type_name};

/// The rows of a list of mappings, each with a value for every column of the table.
pub(super) fn read(data: &Bound<'_, PyAny>, spec: &TableSpec) -> PyResult<Rows> {
    let rows = data.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    let names: Vec<String> = std::iter::once(&spec.time_column)
        .chain(spec.columns.iter().map(|def| &def.name))
        .cloned()
        .collect();
    for (row, item) in rows.iter().enumerate() {
        check(row, item, &names)?;
    }
    let mut arrays = Vec::with_capacity(names.len());
    for name in &names {
        let items = rows.iter().enumerate().map(|(row, item)| value(row, item, name));
        arrays.push(elements::read(items, rows.len(), None, Target::of(spec, name)?, name)?);
    }
    Ok(Rows { names, chunks: vec![arrays] })
}

fn check(row: usize, item: &Bound<'_, PyAny>, names: &[String]) -> PyResult<()> {
    let Ok(mapping) = item.cast::<PyMapping>() else {
        let found = type_name(item);
        return Err(schema(format!(
            "row {row}: a dict of values by name was expected, not {found}"
        )));
    };
    if mapping.len()? == names.len() {
        return Ok(());
    }
    for name in mapping.keys()?.iter() {
        if !name.extract::<&str>().is_ok_and(|name| names.iter().any(|known| known == name)) {
            return Err(schema(format!("row {row}: column {} is not in the table", name.repr()?)));
        }
    }
    // A name is missing then, which the column it belongs to will tell.
    Ok(())
}

fn value<'py>(row: usize, item: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let found = match item.cast::<PyDict>() {
        Ok(dict) => dict.get_item(name)?,
        Err(_) => item.get_item(name).ok(),
    };
    found.ok_or_else(|| schema(format!("column {name:?}, row {row}: the value is missing")))
}
