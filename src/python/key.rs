//! A key, as Python names one: the value of the key's only column, a tuple of one for each, or a
//! dict by name.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::errors::{schema, wrong_type};
use super::rows::{plain, value};
use crate::base::TableSpec;
use crate::db::{self, Key};

/// The key of a table that `given` names.
pub(super) fn key(table: &db::Table, given: &Bound<'_, PyAny>) -> PyResult<Key> {
    let spec = &table.spec();
    let items: Vec<Bound<'_, PyAny>> = if let Ok(dict) = given.cast::<PyDict>() {
        by_name(dict, spec)?
    } else if let Ok(tuple) = given.cast::<PyTuple>() {
        tuple.iter().collect()
    } else if spec.key.len() > 1 {
        return Err(wrong_type(format!(
            "the key has {} columns: give a tuple or a dict of {}",
            spec.key.len(),
            names(spec).join(", ")
        )));
    } else {
        vec![given.clone()]
    };
    let items = items.into_iter().map(plain).collect::<PyResult<Vec<_>>>()?;
    let values = items.iter().map(value).collect::<PyResult<Vec<_>>>()?;
    Ok(table.key(&values)?)
}

fn names(spec: &TableSpec) -> Vec<&str> {
    spec.key.iter().map(|&position| spec.columns[position].name.as_str()).collect()
}

fn by_name<'py>(dict: &Bound<'py, PyDict>, spec: &TableSpec) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let names = names(spec);
    if let Some(other) = dict
        .keys()
        .iter()
        .find(|name| !name.extract::<&str>().is_ok_and(|name| names.contains(&name)))
    {
        let has = names.join(", ");
        return Err(schema(format!("{} is not of the key, which is {has}", other.repr()?)));
    }
    let item = |name: &&str| {
        let item = dict.get_item(name)?;
        item.ok_or_else(|| schema(format!("column {name:?} of the key is missing")))
    };
    names.iter().map(item).collect()
}
