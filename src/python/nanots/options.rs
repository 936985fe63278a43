//! What `Db` is opened with.

use std::ffi::CString;
use std::time::Duration;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyUserWarning};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyString};

use super::super::errors::{invalid, type_name, wrong_type};
use crate::db::AutoMaintenance;

/// The `retention_ms` of `Db`.
pub(in crate::python) fn retention(ms: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    let Some(ms) = ms else { return Ok(None) };
    if ms.is_instance_of::<PyBool>() || ms.is_instance_of::<PyFloat>() {
        let name = type_name(ms);
        return Err(wrong_type(format!("retention_ms is an int or None, not {name}")));
    }
    Ok(Some(Duration::from_millis(count("retention_ms", ms)?)))
}

/// The `auto_maintenance` of `Db`: a dict of options, or whether there is any; `None` is yes.
pub(in crate::python) fn maintenance(
    given: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<AutoMaintenance>> {
    let mut options = AutoMaintenance::default();
    let Some(given) = given else { return Ok(Some(options)) };
    if let Ok(wanted) = given.cast::<PyBool>() {
        return Ok(wanted.is_true().then_some(options));
    }
    let Ok(dict) = given.cast::<PyDict>() else {
        let name = type_name(given);
        return Err(wrong_type(format!("auto_maintenance is a dict, a bool or None, not {name}")));
    };
    for (name, value) in dict {
        let Ok(name) = name.cast::<PyString>() else {
            let what = "the options of auto_maintenance are named by text";
            return Err(wrong_type(format!("{what}, not {}", type_name(&name))));
        };
        let option = match options.option_mut(name.to_str()?) {
            Ok(option) => option,
            // As there; but whoever mistyped one is told.
            Err(unknown) => {
                let text = CString::new(unknown.to_string()).unwrap_or_default();
                PyErr::warn(given.py(), &given.py().get_type::<PyUserWarning>(), &text, 2)?;
                continue;
            }
        };
        if value.is_instance_of::<PyBool>() || value.is_instance_of::<PyFloat>() {
            let kind = type_name(&value);
            return Err(wrong_type(format!("auto_maintenance: {name} is an int, not {kind}")));
        }
        *option = count(&format!("auto_maintenance: {name}"), &value)?;
    }
    Ok(Some(options))
}

/// An integer of at least 0.
fn count(what: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    let py = value.py();
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyTypeError>(py) {
            wrong_type(format!("{what} is an int, not {}", type_name(value)))
        } else if value.lt(0).unwrap_or(false) {
            invalid(format!("{what} is at least 0, not {value}"))
        } else {
            PyOverflowError::new_err(format!("{what} does not fit 64 bits"))
        }
    })
}
