//! A column of Python objects, element by element, as the type that the table's column has.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BooleanBuilder, LargeBinaryBuilder, LargeStringBuilder, PrimitiveBuilder,
};
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::PyFloat;

use super::Target;
use crate::arrow::import::Place;
use crate::base::{DataType, Value};
use crate::python::errors::{in_data, wrong_type};
use crate::python::{rows, timestamps};

/// `len` items; those whose byte in `nulls` is not 0 are null, as is `None`.
pub(super) fn read<'py>(
    items: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
    len: usize,
    nulls: Option<&[u8]>,
    target: Target,
    place: &Place<'_>,
) -> PyResult<ArrayRef> {
    let column = Column { items, len, nulls, place };
    match target {
        Target::Time(unit) => column.times(|item| timestamps::time(item, unit).map(Some)),
        Target::Moment(Some(unit)) => column.times(|item| timestamps::moment(item, unit)),
        Target::Moment(None) => column.times(timestamps::day),
        Target::Ascii => column.bytes(true),
        Target::Value(ty) => match ty {
            DataType::I8 => column.ints::<Int8Type>(ty),
            DataType::I16 => column.ints::<Int16Type>(ty),
            DataType::I32 => column.ints::<Int32Type>(ty),
            DataType::I64 => column.ints::<Int64Type>(ty),
            DataType::U8 => column.ints::<UInt8Type>(ty),
            DataType::U16 => column.ints::<UInt16Type>(ty),
            DataType::U32 => column.ints::<UInt32Type>(ty),
            DataType::U64 => column.ints::<UInt64Type>(ty),
            DataType::F32 => column.floats::<Float32Type>(f32_of),
            DataType::F64 => column.floats::<Float64Type>(f64_of),
            DataType::Bool => column.bools(),
            DataType::Utf8 => column.texts(),
            DataType::Binary => column.bytes(false),
        },
    }
}

struct Column<'a, I> {
    items: I,
    len: usize,
    nulls: Option<&'a [u8]>,
    place: &'a Place<'a>,
}

impl<'py, I: Iterator<Item = PyResult<Bound<'py, PyAny>>>> Column<'_, I> {
    /// Calls `put` with every item, `None` for a null; an error is placed in its row.
    fn each(self, mut put: impl FnMut(Option<&Bound<'py, PyAny>>) -> PyResult<()>) -> PyResult<()> {
        for (row, item) in self.items.enumerate() {
            let item = item?;
            let masked = self.nulls.is_some_and(|nulls| nulls.get(row).is_some_and(|&n| n != 0));
            let item_or_null = (!masked && !item.is_none()).then_some(&item);
            put(item_or_null).map_err(|error| in_data(item.py(), self.place, row, &error))?;
        }
        Ok(())
    }

    /// The same for items as values: the null-like objects of pandas and NumPy are nulls too.
    fn values(self, mut put: impl FnMut(Option<Value<'_>>) -> PyResult<()>) -> PyResult<()> {
        self.each(|item| {
            let Some(item) = item else { return put(None) };
            let item = rows::plain(item.clone())?;
            match rows::value(&item)? {
                Value::Null => put(None),
                value => put(Some(value)),
            }
        })
    }

    fn times(
        self,
        time: impl Fn(&Bound<'py, PyAny>) -> PyResult<Option<i64>>,
    ) -> PyResult<ArrayRef> {
        let mut out = PrimitiveBuilder::<Int64Type>::with_capacity(self.len);
        self.each(|item| {
            out.append_option(item.map(&time).transpose()?.flatten());
            Ok(())
        })?;
        Ok(Arc::new(out.finish()))
    }

    fn ints<T: ArrowPrimitiveType>(self, ty: DataType) -> PyResult<ArrayRef>
    where
        T::Native: TryFrom<i64> + TryFrom<u64>,
    {
        let mut out = PrimitiveBuilder::<T>::with_capacity(self.len);
        self.values(|value| {
            let int = match value {
                None => None,
                Some(Value::Int(int)) => Some(T::Native::try_from(int).ok()),
                Some(Value::UInt(int)) => Some(T::Native::try_from(int).ok()),
                Some(other) => return Err(unfit(&other, ty)),
            };
            match int {
                Some(None) => {
                    Err(PyOverflowError::new_err(format!("the integer does not fit {ty}")))
                }
                int => {
                    out.append_option(int.flatten());
                    Ok(())
                }
            }
        })?;
        Ok(Arc::new(out.finish()))
    }

    fn floats<T: ArrowPrimitiveType>(
        self,
        convert: impl Fn(Value<'_>) -> PyResult<T::Native>,
    ) -> PyResult<ArrayRef> {
        let mut out = PrimitiveBuilder::<T>::with_capacity(self.len);
        self.each(|item| {
            // Almost all items are floats, and those need no second look.
            let value = match item {
                None => None,
                Some(item) => match item.cast_exact::<PyFloat>() {
                    Ok(float) => Some(convert(Value::Float(float.value()))?),
                    Err(_) => match rows::value(&rows::plain(item.clone())?)? {
                        Value::Null => None,
                        value => Some(convert(value)?),
                    },
                },
            };
            out.append_option(value);
            Ok(())
        })?;
        Ok(Arc::new(out.finish()))
    }

    fn bools(self) -> PyResult<ArrayRef> {
        let mut out = BooleanBuilder::with_capacity(self.len);
        self.values(|value| {
            match value {
                None => out.append_null(),
                Some(Value::Bool(bool)) => out.append_value(bool),
                Some(other) => return Err(unfit(&other, DataType::Bool)),
            }
            Ok(())
        })?;
        Ok(Arc::new(out.finish()))
    }

    fn texts(self) -> PyResult<ArrayRef> {
        let mut out = LargeStringBuilder::with_capacity(self.len, self.len * 8);
        self.values(|value| {
            match value {
                None => out.append_null(),
                Some(Value::Str(text)) => out.append_value(text),
                Some(other) => return Err(unfit(&other, DataType::Utf8)),
            }
            Ok(())
        })?;
        Ok(Arc::new(out.finish()))
    }

    fn bytes(self, of_text: bool) -> PyResult<ArrayRef> {
        let mut out = LargeBinaryBuilder::with_capacity(self.len, self.len * 8);
        self.values(|value| {
            match value {
                None => out.append_null(),
                Some(Value::Bytes(bytes)) => out.append_value(bytes),
                Some(Value::Str(text)) if of_text => match text.is_ascii() {
                    true => out.append_value(text),
                    false => return Err(wrong_type("the text is not ASCII: encode it to bytes")),
                },
                Some(other) => return Err(unfit(&other, DataType::Binary)),
            }
            Ok(())
        })?;
        Ok(Arc::new(out.finish()))
    }
}

fn f64_of(value: Value<'_>) -> PyResult<f64> {
    let (float, exact) = match value {
        Value::Float(float) => (float, true),
        Value::Int(int) => (int as f64, int as f64 as i128 == i128::from(int)),
        Value::UInt(int) => (int as f64, int as f64 as i128 == i128::from(int)),
        other => return Err(unfit(&other, DataType::F64)),
    };
    if exact { Ok(float) } else { Err(inexact()) }
}

/// A Python float says nothing of its width, so it is rounded to 32 bits, as `struct` and NumPy
/// do; but a finite one must stay finite.
fn f32_of(value: Value<'_>) -> PyResult<f32> {
    let (float, exact) = match value {
        Value::Float(float) => (float as f32, true),
        Value::Int(int) => (int as f32, int as f32 as i128 == i128::from(int)),
        Value::UInt(int) => (int as f32, int as f32 as i128 == i128::from(int)),
        other => return Err(unfit(&other, DataType::F32)),
    };
    match value {
        Value::Float(wide) if wide.is_finite() && float.is_infinite() => {
            Err(PyOverflowError::new_err(format!("{wide} does not fit f32")))
        }
        _ if exact => Ok(float),
        _ => Err(inexact()),
    }
}

#[cold]
fn inexact() -> PyErr {
    PyOverflowError::new_err("the integer has no exact float")
}

#[cold]
fn unfit(value: &Value<'_>, ty: DataType) -> PyErr {
    wrong_type(format!("the table has {ty}, the value is {}", value.kind()))
}
