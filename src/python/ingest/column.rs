//! One column, whatever object it is, as arrays.

use arrow_array::ArrayRef;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyString, PyTuple};

use super::{Target, elements, numpy, pandas};
use crate::python::capsule;
use crate::python::errors::{schema, type_name};

/// The values of a column named `name`, in one or more arrays.
pub(super) fn read(
    values: &Bound<'_, PyAny>,
    target: Target,
    name: &str,
) -> PyResult<Vec<ArrayRef>> {
    let py = values.py();
    if values.is_instance_of::<PyList>() || values.is_instance_of::<PyTuple>() {
        let array = elements::read(values.try_iter()?, values.len()?, None, target, name)?;
        return Ok(vec![array]);
    }
    if numpy::is_array(values)? {
        return Ok(vec![numpy::read(values, None, false, target, name)?]);
    }
    if pandas::is_column(values)? {
        return pandas::read(values, target, name);
    }
    if values.hasattr(intern!(py, "__arrow_c_stream__"))? {
        return Ok(capsule::import_stream(values)?.1);
    }
    if values.hasattr(intern!(py, "__arrow_c_array__"))? {
        return Ok(vec![capsule::import_array(values)?]);
    }
    if values.hasattr(intern!(py, "__array__"))? {
        let array = py.import("numpy")?.call_method1(intern!(py, "asarray"), (values,))?;
        return Ok(vec![numpy::read(&array, None, false, target, name)?]);
    }
    let single = values.is_instance_of::<PyString>()
        || values.is_instance_of::<PyBytes>()
        || values.is_instance_of::<PyByteArray>()
        || values.is_instance_of::<PyDict>();
    match values.try_iter() {
        Ok(items) if !single => {
            let items = items.collect::<PyResult<Vec<_>>>()?;
            let len = items.len();
            Ok(vec![elements::read(items.into_iter().map(Ok), len, None, target, name)?])
        }
        _ => Err(schema(format!(
            "column {name:?}: an array or a list of values was expected, not {}",
            type_name(values)
        ))),
    }
}
