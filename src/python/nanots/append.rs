//! Rows in, one at a time.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::super::errors::{type_name, wrong_type};
use super::super::{rows, table, timestamps};
use crate::base::{TimeUnit, Value};
use crate::db::{Db, Receipt, Table};

/// Appends a value to a series, which is made if there is none.
pub(in crate::python) fn append(
    py: Python<'_>,
    db: &Db,
    series: &str,
    ts: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
) -> PyResult<u64> {
    let value = number(value)?;
    let found = db.find_table(series)?;
    let unit = found.as_ref().map_or(TimeUnit::Millisecond, |table| table.spec().unit);
    let ts = timestamps::time(ts, unit)?;
    let table = match found {
        Some(table) => table,
        None => py.detach(|| db.series(series, as_float(value)))?,
    };
    let receipt = write_row(py, &table, ts, &[value])?;
    table::settled(py, db, receipt)
}

/// A number: all that `float` takes except text.
fn number(object: &Bound<'_, PyAny>) -> PyResult<Value<'static>> {
    if let Ok(plain) = rows::plain(object.clone()) {
        return match rows::value(&plain)? {
            Value::Float(value) => Ok(Value::Float(value)),
            Value::Int(value) => Ok(Value::Int(value)),
            Value::UInt(value) => Ok(Value::UInt(value)),
            Value::Bool(value) => Ok(Value::Bool(value)),
            Value::Null | Value::Str(_) | Value::Bytes(_) => {
                Err(wrong_type(format!("a value is a number, not {}", type_name(object))))
            }
        };
    }
    // Decimals and other foreign numbers.
    Ok(Value::Float(object.extract()?))
}

/// Appends a row to the table of that name.
pub(in crate::python) fn append_row(
    py: Python<'_>,
    db: &Db,
    name: &str,
    ts: &Bound<'_, PyAny>,
    values: &Bound<'_, PyAny>,
) -> PyResult<u64> {
    let table = db.table(name)?;
    let spec = table.spec();
    let ts = timestamps::time(ts, spec.unit)?;
    let written = rows::with_values(values, &spec, |row| write_row(py, &table, ts, row));
    let receipt = match written {
        Err(error) if error.is_instance_of::<PyTypeError>(py) => {
            // Foreign numbers, as in `number`.
            let Ok(floats) = values.extract::<Vec<f64>>() else { return Err(error) };
            let row: Vec<_> = floats.into_iter().map(Value::Float).collect();
            write_row(py, &table, ts, &row)?
        }
        written => written?,
    };
    table::settled(py, db, receipt)
}

/// Appends a row to the table of that name; every value is of its column's type or widens to it.
pub(in crate::python) fn append_row_typed(
    py: Python<'_>,
    db: &Db,
    name: &str,
    ts: &Bound<'_, PyAny>,
    values: &Bound<'_, PyAny>,
) -> PyResult<u64> {
    let table = db.table(name)?;
    let spec = table.spec();
    let ts = timestamps::time(ts, spec.unit)?;
    let write = |row: &[Value<'_>]| table::write_row(py, &table, ts, row);
    let receipt = rows::with_values(values, &spec, write)?;
    table::settled(py, db, receipt)
}

/// Writes a row in which bools may stand for floats.
fn write_row(py: Python<'_>, table: &Table, ts: i64, row: &[Value<'_>]) -> PyResult<Receipt> {
    if !row.iter().any(|value| matches!(value, Value::Bool(_))) {
        return table::write_row(py, table, ts, row);
    }
    let mut row = row.to_vec();
    for (value, column) in row.iter_mut().zip(&table.spec().columns) {
        if column.ty.is_float() {
            *value = as_float(*value);
        }
    }
    table::write_row(py, table, ts, &row)
}

fn as_float(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Bool(value) => Value::Float(f64::from(u8::from(value))),
        other => other,
    }
}
