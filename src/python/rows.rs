//! The values of one row. This is the path of `append_row`, so it allocates nothing for rows of up
//! to sixteen values and formats no text unless something is wrong.

use pyo3::exceptions::PyOverflowError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple};

use super::errors::{schema, type_name, wrong_type};
use crate::base::{TableSpec, Value};

/// Rows of up to this many values are read without an allocation.
const INLINE: usize = 16;

/// Calls `then` with the values of a row: a sequence in the table's order, or a mapping by name.
pub(super) fn with_values<R>(
    row: &Bound<'_, PyAny>,
    spec: &TableSpec,
    then: impl FnOnce(&[Value<'_>]) -> PyResult<R>,
) -> PyResult<R> {
    if let Ok(list) = row.cast::<PyList>() {
        let len = list.len();
        if len <= INLINE {
            return inline(len, |i| list.get_item(i), then);
        }
        return many(list.iter().collect(), then);
    }
    if let Ok(tuple) = row.cast::<PyTuple>() {
        let len = tuple.len();
        if len <= INLINE {
            return inline(len, |i| tuple.get_item(i), then);
        }
        return many(tuple.iter().collect(), then);
    }
    if let Ok(mapping) = row.cast::<PyMapping>() {
        return many(by_name(mapping, spec)?, then);
    }
    many(sequence(row)?, then)
}

fn inline<'py, R>(
    len: usize,
    get: impl Fn(usize) -> PyResult<Bound<'py, PyAny>>,
    then: impl FnOnce(&[Value<'_>]) -> PyResult<R>,
) -> PyResult<R> {
    // Owned first, all of them: reading one value may run Python code that changes the list.
    let mut held: [Option<Bound<'py, PyAny>>; INLINE] = [const { None }; INLINE];
    for (i, slot) in held[..len].iter_mut().enumerate() {
        *slot = Some(get(i)?);
    }
    for slot in &mut held[..len] {
        *slot = slot.take().map(plain).transpose()?;
    }
    let mut values = [Value::Null; INLINE];
    for (slot, item) in values.iter_mut().zip(held[..len].iter().flatten()) {
        *slot = value(item)?;
    }
    then(&values[..len])
}

fn many<R>(
    items: Vec<Bound<'_, PyAny>>,
    then: impl FnOnce(&[Value<'_>]) -> PyResult<R>,
) -> PyResult<R> {
    let items = items.into_iter().map(plain).collect::<PyResult<Vec<_>>>()?;
    let values = items.iter().map(value).collect::<PyResult<Vec<_>>>()?;
    then(&values)
}

fn by_name<'py>(row: &Bound<'py, PyMapping>, spec: &TableSpec) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut items = Vec::with_capacity(spec.columns.len());
    for column in &spec.columns {
        if !row.contains(&column.name)? {
            return Err(schema(format!("column {:?} is missing from the row", column.name)));
        }
        items.push(row.get_item(&column.name)?);
    }
    if row.len()? != items.len() {
        for name in row.keys()?.iter() {
            let known = name.extract::<&str>().is_ok_and(|name| spec.position(name).is_ok());
            if !known {
                return Err(schema(format!("column {} is not a value column", name.repr()?)));
            }
        }
    }
    Ok(items)
}

fn sequence<'py>(row: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = row.py();
    if row.is_instance_of::<PyString>() || row.is_instance_of::<PyBytes>() {
        return Err(not_a_row(row));
    }
    if let Some(to_list) = row.getattr_opt(intern!(py, "tolist"))? {
        let list = to_list.call0()?;
        return list.cast::<PyList>().map(|list| list.iter().collect()).map_err(|_| not_a_row(row));
    }
    row.try_iter().map_err(|_| not_a_row(row))?.collect()
}

#[cold]
fn not_a_row(row: &Bound<'_, PyAny>) -> PyErr {
    let name = type_name(row);
    wrong_type(format!("a row is a sequence of values or a mapping by name, not {name}"))
}

/// The value of an object that [`plain`] returned.
#[inline]
pub(super) fn value<'a>(item: &'a Bound<'_, PyAny>) -> PyResult<Value<'a>> {
    if let Ok(float) = item.cast::<PyFloat>() {
        return Ok(Value::Float(float.value()));
    }
    if item.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(bool) = item.cast::<PyBool>() {
        return Ok(Value::Bool(bool.is_true()));
    }
    if let Ok(int) = item.cast::<PyInt>() {
        return integer(int);
    }
    if let Ok(text) = item.cast::<PyString>() {
        return Ok(Value::Str(text.to_str()?));
    }
    if let Ok(bytes) = item.cast::<PyBytes>() {
        return Ok(Value::Bytes(bytes.as_bytes()));
    }
    Err(not_a_value(item))
}

/// An integer of up to 64 bits, with a sign or without.
pub(super) fn integer<'a>(int: &Bound<'_, PyInt>) -> PyResult<Value<'a>> {
    if let Ok(value) = int.extract::<i64>() {
        return Ok(Value::Int(value));
    }
    match int.extract::<u64>() {
        Ok(value) => Ok(Value::UInt(value)),
        Err(_) => Err(PyOverflowError::new_err("the integer does not fit 64 bits")),
    }
}

/// `item` itself if its type is one of Python's own, or the value of Python's own that it stands
/// for: NumPy's scalars, pandas' NA and NaT, anything with `__index__`, and bytes-like objects.
#[inline]
pub(super) fn plain(item: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let own = item.is_instance_of::<PyFloat>()
        || item.is_none()
        || item.is_instance_of::<PyInt>()
        || item.is_instance_of::<PyString>()
        || item.is_instance_of::<PyBytes>();
    if own { Ok(item) } else { foreign(&item) }
}

#[cold]
fn foreign<'py>(item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = item.py();
    let ty = item.get_type();
    let (module, name) = (ty.module()?, ty.name()?);
    match (module.to_str()?, name.to_str()?) {
        (module, "NAType" | "NaTType") if module.starts_with("pandas") => {
            return Ok(py.None().into_bound(py));
        }
        ("numpy.ma" | "numpy.ma.core", "MaskedConstant") => return Ok(py.None().into_bound(py)),
        // NaT is the only one that is not equal to itself.
        ("numpy", "datetime64" | "timedelta64") if item.ne(item)? => {
            return Ok(py.None().into_bound(py));
        }
        ("numpy", "datetime64" | "timedelta64") => {}
        ("numpy", _) => {
            let plain = item.call_method0(intern!(py, "item"))?;
            if value(&plain).is_ok() {
                return Ok(plain);
            }
        }
        (_, "bytearray" | "memoryview") => {
            return py.get_type::<PyBytes>().call1((item,));
        }
        _ if item.hasattr(intern!(py, "__index__"))? => {
            return py.import("operator")?.call_method1(intern!(py, "index"), (item,));
        }
        _ => {}
    }
    Err(not_a_value(item))
}

#[cold]
fn not_a_value(item: &Bound<'_, PyAny>) -> PyErr {
    let name = type_name(item);
    wrong_type(format!(
        "a value is None, a bool, an int, a float, text or bytes, not {name}; convert it first"
    ))
}
