//! What methods are given besides keys, values and times.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::access::raise;
use super::{probe, times};
use crate::chronomap::Prune;

/// How many versions are to stay.
fn keep_last(count: Option<&Bound<'_, PyAny>>) -> PyResult<Option<usize>> {
    let Some(count) = count else { return Ok(None) };
    let number: i64 = count.extract()?;
    usize::try_from(number).map(Some).map_err(|_| {
        raise("ChronoMapValueError", (format!("keep_last must be 0 or more, got {number}"),))
    })
}

pub(super) fn prune_of(
    keep: Option<&Bound<'_, PyAny>>,
    older_than: Option<&Bound<'_, PyAny>>,
) -> PyResult<Prune> {
    let older_than = older_than.map(times::bound).transpose()?;
    Ok(Prune { keep_last: keep_last(keep)?, older_than })
}

/// Keys and values of a dict, or of what has its `items`.
pub(super) fn pairs_of<'py>(
    items: &Bound<'py, PyAny>,
) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    if let Ok(dict) = items.cast_exact::<PyDict>() {
        return Ok(dict.iter().collect());
    }
    let py = items.py();
    let Ok(call) = items.getattr(intern!(py, "items")) else {
        let message =
            format!("Expected a dict of keys and values, got {}", items.get_type().str()?);
        return Err(raise("ChronoMapTypeError", (message,)));
    };
    // A dict, so that of a key that comes twice the last value is put.
    let dict = PyDict::new(py);
    for pair in call.call0()?.try_iter()? {
        let (key, value): (Bound<'py, PyAny>, Bound<'py, PyAny>) = pair?.extract()?;
        probe::hash(&key)?;
        dict.set_item(key, value)?;
    }
    Ok(dict.iter().collect())
}
