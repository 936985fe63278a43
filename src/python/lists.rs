//! Columns as lists of Python's own values.

use arrow_array::cast::AsArray;
use arrow_buffer::ArrowNativeType;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arrow::{OutColumn, OutType, export};
use crate::base::{Column, DataType};

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
