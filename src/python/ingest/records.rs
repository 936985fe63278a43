//! A list of dicts, one a row.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping, PyTuple};

use super::{Rows, Wants, elements, vectors};
use crate::arrow::import::Place;
use crate::python::errors::{schema, type_name};

/// True for a list or tuple of them: its first item tells.
pub(super) fn is_records(data: &Bound<'_, PyAny>) -> PyResult<bool> {
    if !data.is_instance_of::<PyList>() && !data.is_instance_of::<PyTuple>() {
        return Ok(false);
    }
    Ok(data.len()? == 0 || data.get_item(0)?.cast::<PyMapping>().is_ok())
}

/// The rows of a list of mappings, each with a value for every column of the table.
pub(super) fn read(data: &Bound<'_, PyAny>, wants: &dyn Wants, first_row: usize) -> PyResult<Rows> {
    let rows = data.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    let names = wants.names();
    for (row, item) in rows.iter().enumerate() {
        check(first_row + row, item, &names)?;
    }
    let mut arrays = Vec::with_capacity(names.len());
    for name in &names {
        let place = Place { column: name, first_row };
        let items = rows.iter().enumerate().map(|(row, item)| value(row, item, &place));
        arrays.push(match wants.target(name)? {
            (target, None) => elements::read(items, rows.len(), None, target, &place)?,
            (target, Some(count)) => vectors::of_rows(items, rows.len(), count, target, &place)?,
        });
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

fn value<'py>(
    row: usize,
    item: &Bound<'py, PyAny>,
    place: &Place<'_>,
) -> PyResult<Bound<'py, PyAny>> {
    let found = match item.cast::<PyDict>() {
        Ok(dict) => dict.get_item(place.column)?,
        Err(_) if item.contains(place.column)? => Some(item.get_item(place.column)?),
        Err(_) => None,
    };
    found.ok_or_else(|| place.at(row, "the value is missing").into())
}
