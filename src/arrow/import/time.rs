//! The time column: timestamps of any unit and zone, dates, or integers in the table's unit.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType as ArrowType, TimeUnit as ArrowUnit};

use super::{Place, number};
use crate::arrow::types::time_unit;
use crate::base::{Data, DataType, TimeUnit};
use crate::error::{Error, Result};

const SECONDS_A_DAY: i64 = 86_400;

/// The times of an array in the table's unit. A zone needs no conversion: Arrow's timestamps with
/// a zone count from the epoch in UTC. A null, and a time that the unit cannot express, is refused.
pub fn time(array: &ArrayRef, unit: TimeUnit, place: &Place<'_>) -> Result<ScalarBuffer<i64>> {
    if let Some(row) = first_null(array) {
        return Err(place.at(row, "a time cannot be null"));
    }
    match array.data_type() {
        ArrowType::Timestamp(from, _) => {
            let values = match from {
                ArrowUnit::Second => array.as_primitive::<TimestampSecondType>().values(),
                ArrowUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values(),
                ArrowUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values(),
                ArrowUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values(),
            };
            let from = time_unit(*from);
            rescale(values, from.per_second(), unit, place, from.name())
        }
        ArrowType::Int64 => Ok(array.as_primitive::<Int64Type>().values().clone()),
        ArrowType::Date64 => {
            let values = array.as_primitive::<Date64Type>().values();
            rescale(values, 1000, unit, place, "ms")
        }
        ArrowType::Date32 => {
            let days = array.as_primitive::<Date32Type>().values().iter();
            let seconds: Vec<_> = days.map(|&days| i64::from(days) * SECONDS_A_DAY).collect();
            rescale(&ScalarBuffer::from(seconds), 1, unit, place, "s")
        }
        ArrowType::Int8
        | ArrowType::Int16
        | ArrowType::Int32
        | ArrowType::UInt8
        | ArrowType::UInt16
        | ArrowType::UInt32 => match number::column(array, DataType::I64, place)? {
            Some(column) => match column.data {
                Data::Fixed(buffer) => Ok(buffer.into()),
                Data::Bool(_) | Data::Bytes { .. } => Err(unfit(array, place)),
            },
            None => Err(unfit(array, place)),
        },
        _ if array.is_empty() => Ok(ScalarBuffer::from(Vec::new())),
        _ => Err(unfit(array, place)),
    }
}

fn first_null(array: &ArrayRef) -> Option<usize> {
    match (array.data_type(), array.nulls()) {
        (ArrowType::Null, _) => (!array.is_empty()).then_some(0),
        (_, Some(nulls)) if nulls.null_count() > 0 => {
            (0..nulls.len()).find(|&row| nulls.is_null(row))
        }
        _ => None,
    }
}

/// `values`, of which `per_second` make a second, in `unit`.
fn rescale(
    values: &ScalarBuffer<i64>,
    per_second: i64,
    unit: TimeUnit,
    place: &Place<'_>,
    from: &str,
) -> Result<ScalarBuffer<i64>> {
    let target = unit.per_second();
    if target == per_second {
        return Ok(values.clone());
    }
    let mut out = Vec::with_capacity(values.len());
    if target > per_second {
        let factor = target / per_second;
        for (row, &value) in values.iter().enumerate() {
            let scaled = value.checked_mul(factor);
            out.push(scaled.ok_or_else(|| {
                place.at(row, format!("the time {value} {from} does not fit int64 in {unit}"))
            })?);
        }
    } else {
        let factor = per_second / target;
        for (row, &value) in values.iter().enumerate() {
            let scaled = value / factor;
            if scaled * factor != value {
                let what = format!("the time {value} {from} is not a whole number of {unit}");
                return Err(place.at(row, what));
            }
            out.push(scaled);
        }
    }
    Ok(out.into())
}

#[cold]
fn unfit(array: &ArrayRef, place: &Place<'_>) -> Error {
    let from = array.data_type();
    place.error(format!("times are timestamps or 64-bit integers, not {from}"))
}
