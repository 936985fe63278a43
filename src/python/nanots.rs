//! What the methods of NanoTS's names on `Db` take and give: tables by name, closed ranges, lists,
//! and pairs of Arrow capsules in which the time is an integer called `ts_ms`.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, TimestampMillisecondArray};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType as ArrowType;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyList, PyTuple};

use super::errors::{invalid, schema, type_name, wrong_type};
use super::ingest::{self, Rows};
use super::scan::{Scan, WHOLE_ROWS};
use super::schema::Schema;
use super::{capsule, rows, table, timestamps};
use crate::arrow::import::{self, Place};
use crate::arrow::{OutColumn, OutType, export};
use crate::base::{Column, DataType, TableSpec, TimeUnit, Value, concat};
use crate::db::{Db, Receipt, ScanSpec, Table, series};
use crate::error::{Error, ErrorKind};

/// NanoTS's names of the time column in Arrow data. The first of them is what it hands out, and is
/// in milliseconds whatever the table's unit.
const MILLISECONDS: &str = "ts_ms";
const TIME: &str = "ts";

/// The `retention_ms` of `Db`.
pub(super) fn retention(ms: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    let Some(ms) = ms else { return Ok(None) };
    if ms.is_instance_of::<PyBool>() || ms.is_instance_of::<PyFloat>() {
        let name = type_name(ms);
        return Err(wrong_type(format!("retention_ms is an int or None, not {name}")));
    }
    match ms.extract::<u64>() {
        Ok(ms) => Ok(Some(Duration::from_millis(ms))),
        Err(error) if error.is_instance_of::<PyTypeError>(ms.py()) => Err(error),
        Err(_) if ms.lt(0)? => Err(invalid(format!("retention_ms is at least 0, not {ms}"))),
        Err(error) => Err(error),
    }
}

/// Refuses what is no `auto_maintenance` of `Db`. There is nothing yet that would read it.
pub(super) fn check_maintenance(given: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    match given {
        Some(given) if !(given.is_instance_of::<PyBool>() || given.is_instance_of::<PyDict>()) => {
            let name = type_name(given);
            Err(wrong_type(format!("auto_maintenance is a dict, a bool or None, not {name}")))
        }
        _ => Ok(()),
    }
}

/// Appends a value to a series, which is made if there is none.
pub(super) fn append(
    py: Python<'_>,
    db: &Db,
    series: &str,
    ts: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
) -> PyResult<u64> {
    let value = number(value)?;
    let found = match db.table(series) {
        Err(error) if error.kind() == ErrorKind::TableNotFound => None,
        found => Some(found?),
    };
    let unit = found.as_ref().map_or(TimeUnit::Millisecond, |table| table.spec().unit);
    let ts = timestamps::time(ts, unit)?;
    let table = match found {
        Some(table) => table,
        None => py.detach(|| db.series(series, as_float(value)))?,
    };
    let receipt = write_row(&table, ts, &[value])?;
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
pub(super) fn append_row(
    py: Python<'_>,
    db: &Db,
    name: &str,
    ts: &Bound<'_, PyAny>,
    values: &Bound<'_, PyAny>,
) -> PyResult<u64> {
    let table = db.table(name)?;
    let ts = timestamps::time(ts, table.spec().unit)?;
    let written = rows::with_values(values, table.spec(), |row| write_row(&table, ts, row));
    let receipt = match written {
        Err(error) if error.is_instance_of::<PyTypeError>(py) => {
            // Foreign numbers, as in `number`.
            let Ok(floats) = values.extract::<Vec<f64>>() else { return Err(error) };
            let row: Vec<_> = floats.into_iter().map(Value::Float).collect();
            write_row(&table, ts, &row)?
        }
        written => written?,
    };
    table::settled(py, db, receipt)
}

/// Writes a row in which bools may stand for floats.
fn write_row(table: &Table, ts: i64, row: &[Value<'_>]) -> PyResult<Receipt> {
    if !row.iter().any(|value| matches!(value, Value::Bool(_))) {
        return Ok(table.write_row(ts, row)?);
    }
    let mut row = row.to_vec();
    for (value, column) in row.iter_mut().zip(&table.spec().columns) {
        if column.ty.is_float() {
            *value = as_float(*value);
        }
    }
    Ok(table.write_row(ts, &row)?)
}

fn as_float(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Bool(value) => Value::Float(f64::from(u8::from(value))),
        other => other,
    }
}

/// The times of a closed range and its columns, as lists.
pub(super) fn range_columns<'py>(
    py: Python<'py>,
    db: &Db,
    name: &str,
    start: &Bound<'py, PyAny>,
    end: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyList>)> {
    let range = Range::read(py, &db.table(name)?, start, end)?;
    let columns = range.columns.iter().zip(&range.data);
    let mut lists = columns.map(|(def, column)| list(py, column, def.ty.stored()));
    let times = lists.next().unwrap_or_else(|| Ok(PyList::empty(py)))?;
    Ok((times, PyList::new(py, lists.collect::<PyResult<Vec<_>>>()?)?))
}

/// The rows of a closed range of a series, as pairs of time and value.
pub(super) fn range_pairs<'py>(
    py: Python<'py>,
    db: &Db,
    series: &str,
    start: &Bound<'py, PyAny>,
    end: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyList>> {
    series::check_series(&db.table(series)?)?;
    let (times, values) = range_columns(py, db, series, start, end)?;
    let values = values.get_item(0)?.cast_into::<PyList>()?;
    PyList::new(py, times.iter().zip(values.iter()))
}

/// A closed range as the capsules of a schema and an array.
pub(super) fn range_capsules<'py>(
    py: Python<'py>,
    db: &Db,
    name: &str,
    start: &Bound<'py, PyAny>,
    end: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyTuple>> {
    let table = db.table(name)?;
    let Range { mut columns, data } = Range::read(py, &table, start, end)?;
    if let Some(time) = columns.first_mut() {
        time.ty = OutType::Value(DataType::I64);
        if is_ours(table.spec(), MILLISECONDS) && table.spec().unit == TimeUnit::Millisecond {
            MILLISECONDS.clone_into(&mut time.name);
        }
    }
    let schema = export::exact_schema(&columns, &data);
    capsule::batch(py, &export::record_batch(&schema, &columns, data)?, None)
}

/// Appends the rows in a pair of capsules and returns how many.
pub(super) fn append_capsules(
    py: Python<'_>,
    db: &Db,
    name: &str,
    schema: &Bound<'_, PyAny>,
    array: &Bound<'_, PyAny>,
) -> PyResult<u64> {
    // First of all: where there is no table the capsules stay good.
    let table = db.table(name)?;
    let array = capsule::take_array(schema, array)?;
    // Holds on to the caller's memory until the kernel is done with it.
    let rows = ingest::from_arrow(&array.data_type().clone(), &[array])?;
    let renamed = by_our_names(table.spec(), &rows)?;
    table::append(py, &table, &renamed)
}

/// The columns that the table has, the time under the table's own name for it. NanoTS passes over
/// columns that the table does not have, and prefers `ts_ms` to `ts`.
fn by_our_names(spec: &TableSpec, rows: &Rows) -> PyResult<Rows> {
    let own = spec.time_column.as_str();
    let candidates = match own == TIME {
        true => vec![MILLISECONDS, TIME],
        false => vec![own, MILLISECONDS, TIME],
    };
    let mut candidates = candidates.into_iter().filter(|name| is_ours(spec, name));
    let time = candidates.find_map(|name| rows.names.iter().position(|given| given == name));
    let Some(time) = time else {
        let has = rows.names.join(", ");
        return Err(schema(format!(
            "the time column is missing: it is called \"ts_ms\", \"ts\" or {own:?}; the data has \
             {has}"
        )));
    };
    let in_ms = rows.names[time] == MILLISECONDS && own != MILLISECONDS;
    let taken = |&at: &usize| at == time || spec.position(&rows.names[at]).is_ok();
    let taken: Vec<usize> = (0..rows.names.len()).filter(taken).collect();
    let name = |&at: &usize| if at == time { own.to_owned() } else { rows.names[at].clone() };
    let chunk = |chunk: &Vec<ArrayRef>| {
        let array = |&at: &usize| match &chunk[at] {
            array if at == time && in_ms => milliseconds(array),
            array => Ok(Arc::clone(array)),
        };
        taken.iter().map(array).collect()
    };
    let names = taken.iter().map(name).collect();
    Ok(Rows { names, chunks: rows.chunks.iter().map(chunk).collect::<PyResult<_>>()? })
}

/// True if the table has no value column of that name, so that it may be another of its time's.
fn is_ours(spec: &TableSpec, name: &str) -> bool {
    spec.columns.iter().all(|column| column.name != name)
}

/// Integers as the milliseconds they are, for tables of another unit; timestamps as they are.
fn milliseconds(array: &ArrayRef) -> PyResult<ArrayRef> {
    if matches!(array.data_type(), ArrowType::Timestamp(..)) {
        return Ok(Arc::clone(array));
    }
    let place = Place { column: MILLISECONDS, first_row: 0 };
    let times = import::time(array, TimeUnit::Millisecond, &place)?;
    Ok(Arc::new(TimestampMillisecondArray::new(times, None)))
}

/// The rows of a closed range, each column as a whole.
struct Range {
    columns: Vec<OutColumn>,
    data: Vec<Column>,
}

impl Range {
    fn read(
        py: Python<'_>,
        table: &Table,
        start: &Bound<'_, PyAny>,
        end: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let spec = table.spec();
        let (start, end) = (timestamps::time(start, spec.unit)?, timestamps::time(end, spec.unit)?);
        let scan = Scan::new(py.detach(|| table.scan(ScanSpec::closed(start, end)))?);
        let chunks = scan.chunks(py, WHOLE_ROWS)?;
        let columns = Schema::of_table(spec).columns().to_vec();
        let data = py.detach(|| whole(&columns, chunks))?;
        Ok(Self { columns, data })
    }
}

/// The chunks of a result as one.
fn whole(columns: &[OutColumn], chunks: Vec<Vec<Column>>) -> Result<Vec<Column>, Error> {
    let mut pieces: Vec<Vec<Column>> = columns.iter().map(|_| vec![]).collect();
    for chunk in chunks {
        for (pieces, column) in pieces.iter_mut().zip(chunk) {
            pieces.push(column);
        }
    }
    // One column at a time gives its pieces back, so that little is there twice.
    let pieces = columns.iter().zip(pieces);
    pieces.map(|(def, pieces)| concat(def.ty.stored(), &pieces)).collect()
}

/// A column as Python's own values; a null is None.
pub(super) fn list<'py>(
    py: Python<'py>,
    column: &Column,
    ty: DataType,
) -> PyResult<Bound<'py, PyList>> {
    match ty {
        DataType::I8 => numbers::<i8>(py, column),
        DataType::I16 => numbers::<i16>(py, column),
        DataType::I32 => numbers::<i32>(py, column),
        DataType::I64 => numbers::<i64>(py, column),
        DataType::U8 => numbers::<u8>(py, column),
        DataType::U16 => numbers::<u16>(py, column),
        DataType::U32 => numbers::<u32>(py, column),
        DataType::U64 => numbers::<u64>(py, column),
        DataType::F32 => numbers::<f32>(py, column),
        DataType::F64 => numbers::<f64>(py, column),
        DataType::Bool | DataType::Utf8 | DataType::Binary => others(py, column, ty),
    }
}

fn numbers<'py, T>(py: Python<'py>, column: &Column) -> PyResult<Bound<'py, PyList>>
where
    T: ArrowNativeType + IntoPyObject<'py>,
{
    let values = column.values::<T>().iter().copied();
    match &column.validity {
        None => PyList::new(py, values),
        Some(valid) => PyList::new(
            py,
            values.enumerate().map(|(row, value)| valid.is_valid(row).then_some(value)),
        ),
    }
}

fn others<'py>(py: Python<'py>, column: &Column, ty: DataType) -> PyResult<Bound<'py, PyList>> {
    let out = OutColumn { name: String::new(), ty: OutType::Value(ty) };
    // Checks that text is UTF-8.
    let array = export::array(column.clone(), &out)?;
    match ty {
        DataType::Bool => PyList::new(py, array.as_boolean().iter()),
        DataType::Utf8 => PyList::new(py, array.as_string::<i32>().iter()),
        _ => PyList::new(py, array.as_binary::<i32>().iter()),
    }
}
