//! The time column: timestamps of any unit and zone, dates, or integers in the table's unit.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::{DataType as ArrowType, TimeUnit as ArrowUnit};

use super::{Place, first_null, indexed};
use crate::arrow::types::time_unit;
use crate::base::{Column, Data, DataType, TimeUnit};
use crate::error::{Error, Result};

const SECONDS_A_DAY: i64 = 86_400;

/// The times of an array in the table's unit. A zone needs no conversion: Arrow's timestamps with
/// a zone count from the epoch in UTC. A null, and a time that the unit cannot express, is refused.
pub fn time(array: &ArrayRef, unit: TimeUnit, place: &Place<'_>) -> Result<ScalarBuffer<i64>> {
    let column = times(array, unit, place)?;
    if let Some(nulls) = column.validity.filter(|nulls| nulls.null_count() > 0) {
        return Err(place.at(first_null(&nulls), "a time cannot be null"));
    }
    match column.data {
        Data::Fixed(buffer) => Ok(buffer.into()),
        Data::Bool(_) | Data::Bytes { .. } => Err(unfit(array, place)),
    }
}

/// The same; times may be null.
pub fn times(array: &ArrayRef, unit: TimeUnit, place: &Place<'_>) -> Result<Column> {
    let nulls = array.nulls();
    let values = match array.data_type() {
        ArrowType::Null => return Ok(Column::nulls(DataType::I64, array.len())),
        _ if indexed::is_indexed(array) => {
            let convert = |array: &ArrayRef, place: &Place<'_>| times(array, unit, place);
            return indexed::column(array, DataType::I64, place, convert);
        }
        ArrowType::Timestamp(from, _) => {
            let values = match from {
                ArrowUnit::Second => array.as_primitive::<TimestampSecondType>().values(),
                ArrowUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values(),
                ArrowUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values(),
                ArrowUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values(),
            };
            let from = time_unit(*from);
            rescale(values, nulls, from, unit, place)?
        }
        ArrowType::Date64 => {
            let values = array.as_primitive::<Date64Type>().values();
            rescale(values, nulls, TimeUnit::Millisecond, unit, place)?
        }
        ArrowType::Date32 => {
            let days = array.as_primitive::<Date32Type>().values().iter();
            let seconds: Vec<_> = days.map(|&days| i64::from(days) * SECONDS_A_DAY).collect();
            rescale(&ScalarBuffer::from(seconds), nulls, TimeUnit::Second, unit, place)?
        }
        ty if ty.is_integer() && *ty != ArrowType::UInt64 || ty.is_decimal() => {
            return super::column(array, DataType::I64, place);
        }
        _ if array.is_empty() => ScalarBuffer::from(Vec::new()),
        _ => return Err(unfit(array, place)),
    };
    let column = Column { data: Data::Fixed(values.into_inner()), validity: None };
    Ok(column.with_validity(nulls.cloned()))
}

/// `values`, which count `from`, in `unit`. What stands under a null does not matter.
fn rescale(
    values: &ScalarBuffer<i64>,
    nulls: Option<&NullBuffer>,
    from: TimeUnit,
    unit: TimeUnit,
    place: &Place<'_>,
) -> Result<ScalarBuffer<i64>> {
    let (target, source) = (unit.per_second(), from.per_second());
    if target == source {
        return Ok(values.clone());
    }
    let finer = target > source;
    let factor = if finer { target / source } else { source / target };
    let mut out = Vec::with_capacity(values.len());
    for (row, &value) in values.iter().enumerate() {
        let scaled = match finer {
            true => value.checked_mul(factor),
            false => (value % factor == 0).then_some(value / factor),
        };
        match scaled {
            Some(scaled) => out.push(scaled),
            None if nulls.is_some_and(|nulls| nulls.is_null(row)) => out.push(0),
            None if finer => {
                let what = format!("the time {value} {from} does not fit int64 in {unit}");
                return Err(place.at(row, what));
            }
            None => {
                let what = format!("the time {value} {from} is not a whole number of {unit}");
                return Err(place.at(row, what));
            }
        }
    }
    Ok(out.into())
}

#[cold]
fn unfit(array: &ArrayRef, place: &Place<'_>) -> Error {
    let from = array.data_type();
    place.error(format!("times are timestamps or 64-bit integers, not {from}"))
}
