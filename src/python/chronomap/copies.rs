//! Values that may change from outside, copied: what a snapshot shows is what it was when it was
//! taken.

use std::collections::HashMap;
use std::collections::hash_map::Entry::Vacant;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::handle::{Key, Value};
use crate::chronomap::{Gone, Item, Map};

/// The map with copies of those values. One object that it has twice is one object in the result.
pub(super) fn copied(py: Python<'_>, map: Map<Key, Value>) -> PyResult<Map<Key, Value>> {
    copied_with(py, map, &PyDict::new(py))
}

/// The same within a copy of something larger, which has this memo.
pub(super) fn copied_with(
    py: Python<'_>,
    mut map: Map<Key, Value>,
    memo: &Bound<'_, PyDict>,
) -> PyResult<Map<Key, Value>> {
    let mutable = map.mutable();
    if mutable.is_empty() {
        return Ok(map);
    }
    let rows = mutable.into_iter().flat_map(|entry| entry.versions().iter());
    let values: Vec<Value> = rows.filter(|row| row.1.mutable()).map(|row| row.1.clone()).collect();
    let deepcopy = py.import("copy")?.getattr("deepcopy")?;
    let mut copies = HashMap::with_capacity(values.len());
    for value in &values {
        if let Vacant(place) = copies.entry(value.place()) {
            let copy = deepcopy.call1((value.get(py), memo))?;
            place.insert(Value::new(&copy)?);
        }
    }
    // The map is this function's own, so that what is let go of here may run any code.
    map.replace_mutable(|value| copies.get(&value.place()).cloned(), &mut Gone::default());
    Ok(map)
}
