//! Integers and floats. They widen; an integer becomes a float only where it stays exact.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType as ArrowType;

use super::Place;
use crate::base::{Column, Data, DataType};
use crate::error::Result;

/// One row a source type: what it is as it stands, and what it always widens to.
macro_rules! widening {
    ($array:expr, $to:expr; $($from:ident $ours:ident $source:ident: $($wide:ident $native:ty),*;)*) => {
        match ($array.data_type(), $to) {
            $(
                (ArrowType::$from, DataType::$ours) => Some(share::<$source>($array)),
                $((ArrowType::$from, DataType::$wide) => Some(widen::<$source, $native>($array)),)*
            )*
            _ => None,
        }
    };
}

/// The array as a column of a number type; `None` if its type has no way there.
pub(super) fn column(array: &ArrayRef, to: DataType, place: &Place<'_>) -> Result<Option<Column>> {
    let always = widening!(array, to;
        Int8 I8 Int8Type: I16 i16, I32 i32, I64 i64, F32 f32, F64 f64;
        Int16 I16 Int16Type: I32 i32, I64 i64, F32 f32, F64 f64;
        Int32 I32 Int32Type: I64 i64, F64 f64;
        Int64 I64 Int64Type:;
        UInt8 U8 UInt8Type: U16 u16, U32 u32, U64 u64, I16 i16, I32 i32, I64 i64, F32 f32, F64 f64;
        UInt16 U16 UInt16Type: U32 u32, U64 u64, I32 i32, I64 i64, F32 f32, F64 f64;
        UInt32 U32 UInt32Type: U64 u64, I64 i64, F64 f64;
        UInt64 U64 UInt64Type:;
        Float32 F32 Float32Type: F64 f64;
        Float64 F64 Float64Type:;
        // A date is a number where an integer is wanted: days, or milliseconds, since 1970.
        Date32 I32 Date32Type: I64 i64;
        Date64 I64 Date64Type:;
    );
    if always.is_some() {
        return Ok(always);
    }
    Ok(Some(match (array.data_type(), to) {
        (ArrowType::Float16, DataType::F32) => widen::<Float16Type, f32>(array),
        (ArrowType::Float16, DataType::F64) => widen::<Float16Type, f64>(array),
        (ArrowType::Int64, DataType::F64) => exact::<Int64Type, _>(array, place, f64_of_i64)?,
        (ArrowType::UInt64, DataType::F64) => exact::<UInt64Type, _>(array, place, f64_of_u64)?,
        (ArrowType::Int32, DataType::F32) => {
            exact::<Int32Type, _>(array, place, |v| f32_of_i64(v.into()))?
        }
        (ArrowType::UInt32, DataType::F32) => {
            exact::<UInt32Type, _>(array, place, |v| f32_of_i64(v.into()))?
        }
        (ArrowType::Int64, DataType::F32) => exact::<Int64Type, _>(array, place, f32_of_i64)?,
        (ArrowType::UInt64, DataType::F32) => {
            exact::<UInt64Type, _>(array, place, |v| i64::try_from(v).ok().and_then(f32_of_i64))?
        }
        _ => return Ok(None),
    }))
}

/// True if every value of type `from` is a value of the number type `to`.
pub fn always_widens(from: DataType, to: DataType) -> bool {
    use DataType::{Binary, Bool, F32, F64, Utf8};
    let (Some(from_width), Some(to_width)) = (from.width(), to.width()) else { return false };
    match (from, to) {
        (Bool | Utf8 | Binary, _) | (_, Bool | Utf8 | Binary) => false,
        _ if from == to => true,
        (F32, F64) => true,
        (F32 | F64, _) => false,
        (_, F32 | F64) => from_width < to_width,
        _ if from.is_signed_int() == to.is_signed_int() => from_width < to_width,
        _ => to.is_signed_int() && from_width < to_width,
    }
}

fn share<S: ArrowPrimitiveType>(array: &ArrayRef) -> Column {
    let values = array.as_primitive::<S>().values().inner().clone();
    Column { data: Data::Fixed(values), validity: None }
}

fn widen<S: ArrowPrimitiveType, T: ArrowNativeType + From<S::Native>>(array: &ArrayRef) -> Column {
    let values = array.as_primitive::<S>().values();
    Column::from_vec(values.iter().map(|&value| T::from(value)).collect::<Vec<T>>())
}

fn exact<S: ArrowPrimitiveType, T: ArrowNativeType>(
    array: &ArrayRef,
    place: &Place<'_>,
    convert: impl Fn(S::Native) -> Option<T>,
) -> Result<Column> {
    let array = array.as_primitive::<S>();
    let mut out = Vec::with_capacity(array.len());
    for (row, &value) in array.values().iter().enumerate() {
        match convert(value) {
            Some(value) => out.push(value),
            None if array.is_null(row) => out.push(T::default()),
            None => return Err(place.at(row, format!("the integer {value:?} has no exact float"))),
        }
    }
    Ok(Column::from_vec(out))
}

fn f64_of_i64(value: i64) -> Option<f64> {
    let float = value as f64;
    (value.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS || float as i128 == i128::from(value))
        .then_some(float)
}

fn f64_of_u64(value: u64) -> Option<f64> {
    let float = value as f64;
    (value <= 1 << f64::MANTISSA_DIGITS || float as u128 == u128::from(value)).then_some(float)
}

fn f32_of_i64(value: i64) -> Option<f32> {
    let float = value as f32;
    (value.unsigned_abs() <= 1 << f32::MANTISSA_DIGITS || float as i128 == i128::from(value))
        .then_some(float)
}
