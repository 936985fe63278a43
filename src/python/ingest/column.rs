//! One column, whatever object it is, as arrays.

use arrow_array::ArrayRef;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyFrozenSet, PyList, PySet, PyString, PyTuple};

use super::{Target, elements, numpy, pandas, polars};
use crate::arrow::import::Place;
use crate::python::capsule;
use crate::python::errors::type_name;

/// The values of a column, in one or more arrays. `place` is where the first of them stands.
pub(super) fn read(
    values: &Bound<'_, PyAny>,
    target: Target,
    place: &Place<'_>,
) -> PyResult<Vec<ArrayRef>> {
    let py = values.py();
    if values.is_instance_of::<PyList>() || values.is_instance_of::<PyTuple>() {
        let array = elements::read(values.try_iter()?, values.len()?, None, target, place)?;
        return Ok(vec![array]);
    }
    if numpy::is_array(values)? {
        return Ok(vec![numpy::read(values, None, false, target, place)?]);
    }
    if pandas::is_column(values)? {
        return pandas::read(values, target, place);
    }
    if let Some(arrays) = by_arrow(values, place)? {
        return Ok(arrays);
    }
    if values.hasattr(intern!(py, "__array__"))? {
        let array = py.import("numpy")?.call_method1(intern!(py, "asarray"), (values,))?;
        return Ok(vec![numpy::read(&array, None, false, target, place)?]);
    }
    // Not columns, though they can be iterated; a set has no order of rows.
    let single = values.is_instance_of::<PyString>()
        || values.is_instance_of::<PyBytes>()
        || values.is_instance_of::<PyByteArray>()
        || values.is_instance_of::<PyDict>()
        || values.is_instance_of::<PySet>()
        || values.is_instance_of::<PyFrozenSet>();
    match values.try_iter() {
        Ok(items) if !single => {
            let items = items.collect::<PyResult<Vec<_>>>()?;
            let len = items.len();
            Ok(vec![elements::read(items.into_iter().map(Ok), len, None, target, place)?])
        }
        _ => {
            let what = "an array or a list of values was expected (a dict that is one row comes in \
                        a list)";
            Err(place.error(format!("{what}, not {}", type_name(values))).into())
        }
    }
}

/// The arrays of what hands itself over as Arrow's; `None` if it does not.
pub(super) fn by_arrow(
    values: &Bound<'_, PyAny>,
    place: &Place<'_>,
) -> PyResult<Option<Vec<ArrayRef>>> {
    let py = values.py();
    if values.hasattr(intern!(py, "__arrow_c_stream__"))? {
        polars::check_series(values, place)?;
        return Ok(Some(capsule::import_stream(values)?.1));
    }
    if values.hasattr(intern!(py, "__arrow_c_array__"))? {
        return Ok(Some(vec![capsule::import_array(values)?]));
    }
    Ok(None)
}
