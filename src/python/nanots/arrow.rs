//! Rows in and out as a pair of Arrow capsules.

use std::sync::Arc;

use arrow_array::{ArrayRef, TimestampMillisecondArray};
use arrow_schema::DataType as ArrowType;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::super::errors::schema;
use super::super::ingest::{self, Rows};
use super::super::{capsule, table};
use super::range::Range;
use crate::arrow::import::{self, Place};
use crate::arrow::{OutType, export};
use crate::base::{DataType, TableSpec, TimeUnit};
use crate::db::Db;

/// NanoTS's names of the time column in Arrow data. The first of them is what it hands out, and is
/// in milliseconds whatever the table's unit.
const MILLISECONDS: &str = "ts_ms";
const TIME: &str = "ts";

/// A closed range as the capsules of a schema and an array.
pub(in crate::python) fn range_capsules<'py>(
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
        if is_ours(&table.spec(), MILLISECONDS) && table.spec().unit == TimeUnit::Millisecond {
            MILLISECONDS.clone_into(&mut time.name);
        }
    }
    let schema = export::exact_schema(&columns, &data);
    capsule::batch(py, &export::record_batch(&schema, &columns, data)?, None)
}

/// Appends the rows in a pair of capsules and returns how many.
pub(in crate::python) fn append_capsules(
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
    let rows = ingest::Rows::of(&array.data_type().clone(), &[array])?;
    let renamed = by_our_names(&table.spec(), &rows)?;
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
