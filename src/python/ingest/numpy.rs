//! NumPy arrays: those of a plain type are copied as a whole, all others taken element by element.

#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, BooleanArray, FixedSizeBinaryArray, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::{Columns, Target, elements};
use crate::arrow::import::Place;
use crate::base::{DataType, TimeUnit};
use crate::python::errors::{in_data, schema};
use crate::python::timestamps::{Step, Unfit};
use crate::store::pages::Pages;

/// True for a NumPy array. NumPy is not imported to find out: without it there are none.
pub(super) fn is_array(values: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = values.py();
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
    match modules.cast::<PyDict>()?.get_item(intern!(py, "numpy"))? {
        Some(numpy) => values.is_instance(&numpy.getattr(intern!(py, "ndarray"))?),
        None => Ok(false),
    }
}

/// The fields of a structured array, with their names; `None` if it is something else.
pub(super) fn fields<'py>(data: &Bound<'py, PyAny>) -> PyResult<Option<Columns<'py>>> {
    if !is_array(data)? {
        return Ok(None);
    }
    let names = data.getattr("dtype")?.getattr("names")?;
    let Ok(names) = names.cast::<PyTuple>() else {
        return Err(schema("a NumPy array needs named fields (a structured dtype) to be rows"));
    };
    let field = |name: Bound<'py, PyAny>| {
        let name: String = name.extract()?;
        let values = data.get_item(&name)?;
        Ok((name, values))
    };
    names.iter().map(field).collect::<PyResult<Vec<_>>>().map(Some)
}

/// The values of an array. `mask` is an array of bool, true for a null; a masked array brings its
/// own. `nan_is_null` holds for the float columns of pandas.
pub(super) fn read(
    array: &Bound<'_, PyAny>,
    mask: Option<&Bound<'_, PyAny>>,
    nan_is_null: bool,
    target: Target,
    place: &Place<'_>,
) -> PyResult<ArrayRef> {
    let py = array.py();
    let dimensions: usize = array.getattr(intern!(py, "ndim"))?.extract()?;
    if dimensions != 1 {
        let what = format!("the array has {dimensions} dimensions, a column has one dimension");
        return Err(place.error(what).into());
    }
    if mask.is_none() && is_masked(array)? {
        let numpy = py.import("numpy.ma")?;
        let mask = numpy.call_method1("getmaskarray", (array,))?;
        let data = numpy.call_method1("getdata", (array,))?;
        return read(&data, Some(&mask), nan_is_null, target, place);
    }
    let mask = mask.map(|mask| contiguous(mask, "bool")).transpose()?;
    let nulls = mask.as_ref().map(|mask| validity(mask.as_slice()));
    let dtype = array.getattr(intern!(py, "dtype"))?;
    let kind: char = dtype.getattr(intern!(py, "kind"))?.extract()?;
    let size: usize = dtype.getattr(intern!(py, "itemsize"))?.extract()?;
    let native = match kind {
        'i' | 'u' | 'f' => dtype.call_method1(intern!(py, "newbyteorder"), ("=",))?,
        _ => dtype.clone(),
    };
    let values: ArrayRef = match (kind, size) {
        ('b', _) => {
            let bytes = contiguous(array, "bool")?;
            let bytes = bytes.as_slice();
            let bits = BooleanBuffer::collect_bool(bytes.len(), |row| bytes[row] != 0);
            Arc::new(BooleanArray::new(bits, nulls))
        }
        ('i', 1) => fixed::<Int8Type>(array, &native, nulls)?,
        ('i', 2) => fixed::<Int16Type>(array, &native, nulls)?,
        ('i', 4) => fixed::<Int32Type>(array, &native, nulls)?,
        ('i', 8) => fixed::<Int64Type>(array, &native, nulls)?,
        ('u', 1) => fixed::<UInt8Type>(array, &native, nulls)?,
        ('u', 2) => fixed::<UInt16Type>(array, &native, nulls)?,
        ('u', 4) => fixed::<UInt32Type>(array, &native, nulls)?,
        ('u', 8) => fixed::<UInt64Type>(array, &native, nulls)?,
        ('f', 2) => floats::<Float16Type>(array, &native, nulls, nan_is_null, |v| v.is_nan())?,
        ('f', 4) => floats::<Float32Type>(array, &native, nulls, nan_is_null, f32::is_nan)?,
        ('f', 8) => floats::<Float64Type>(array, &native, nulls, nan_is_null, f64::is_nan)?,
        ('M', _) => datetimes(array, nulls, target, place)?,
        ('S', 1..) if mask.is_none() && matches!(target, Target::Ascii) => {
            let bytes = contiguous(array, &dtype)?;
            Arc::new(FixedSizeBinaryArray::new(size as i32, bytes, None))
        }
        ('O' | 'U' | 'S' | 'T', _) => {
            let nulls = mask.as_ref().map(|mask| mask.as_slice());
            return objects(array, nulls, kind, target, place);
        }
        _ => {
            let what = format!("NumPy's {dtype} is not taken: convert it first");
            return Err(place.error(what).into());
        }
    };
    Ok(values)
}

/// The rows of an array of two dimensions that are masked as a whole.
pub(super) fn masked_rows(array: &Bound<'_, PyAny>) -> PyResult<Option<NullBuffer>> {
    if !is_masked(array)? {
        return Ok(None);
    }
    let numpy = array.py().import("numpy.ma")?;
    let mask = numpy.call_method1("getmaskarray", (array,))?.call_method1("all", (1,))?;
    Ok(Some(validity(contiguous(&mask, "bool")?.as_slice())))
}

/// Most arrays are of NumPy's own class, and those have no mask.
fn is_masked(array: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = array.py();
    let own = py.import(intern!(py, "numpy"))?.getattr(intern!(py, "ndarray"))?;
    if array.get_type().is(&own) {
        return Ok(false);
    }
    py.import("numpy.ma")?.call_method1("isMaskedArray", (array,))?.is_truthy()
}

fn objects(
    array: &Bound<'_, PyAny>,
    nulls: Option<&[u8]>,
    kind: char,
    target: Target,
    place: &Place<'_>,
) -> PyResult<ArrayRef> {
    let py = array.py();
    let list = match kind {
        'T' => array.call_method1("astype", ("object",))?.call_method0("tolist")?,
        _ => array.call_method0("tolist")?,
    };
    let list = list.cast_into::<PyList>()?;
    // A dtype of bytes is how text is often kept: it is text where the table wants text.
    let decode = kind == 'S' && matches!(target, Target::Value(DataType::Utf8));
    let items = list.iter().enumerate().map(|(row, item)| {
        if !decode {
            return Ok(item);
        }
        let text = item.call_method1(intern!(py, "decode"), ("utf-8",));
        text.map_err(|error| in_data(py, place, row, &error))
    });
    elements::read(items, list.len(), nulls, target, place)
}

fn fixed<T: ArrowPrimitiveType>(
    array: &Bound<'_, PyAny>,
    native: &Bound<'_, PyAny>,
    nulls: Option<NullBuffer>,
) -> PyResult<ArrayRef> {
    let values = ScalarBuffer::<T::Native>::from(contiguous(array, native)?);
    Ok(Arc::new(PrimitiveArray::<T>::new(values, nulls)))
}

fn floats<T: ArrowPrimitiveType>(
    array: &Bound<'_, PyAny>,
    native: &Bound<'_, PyAny>,
    nulls: Option<NullBuffer>,
    nan_is_null: bool,
    is_nan: impl Fn(T::Native) -> bool,
) -> PyResult<ArrayRef> {
    let values = ScalarBuffer::<T::Native>::from(contiguous(array, native)?);
    let mut nulls = nulls;
    if nan_is_null {
        let present = BooleanBuffer::collect_bool(values.len(), |row| !is_nan(values[row]));
        nulls = NullBuffer::union(nulls.as_ref(), Some(&NullBuffer::new(present)));
    }
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    Ok(Arc::new(PrimitiveArray::<T>::new(values, nulls)))
}

/// The values of an array as one run of memory in the machine's byte order.
fn contiguous<'py>(array: &Bound<'py, PyAny>, dtype: impl IntoPyObject<'py>) -> PyResult<Buffer> {
    let py = array.py();
    let kwargs = PyDict::new(py);
    kwargs.set_item(intern!(py, "dtype"), dtype)?;
    let numpy = py.import(intern!(py, "numpy"))?;
    let array = numpy.call_method(intern!(py, "ascontiguousarray"), (array,), Some(&kwargs))?;
    let view = PyUntypedBuffer::get(&array)?;
    let (len, start) = (view.len_bytes(), view.buf_ptr().cast::<u8>());
    let Some(start) = NonNull::new(start).filter(|_| len > 0) else {
        return Ok(Buffer::from_vec(Vec::<u64>::new()));
    };
    // Copied, however large: while the rows are written other threads run, and one that writes to
    // the array would make its order and its statistics lie.
    // SAFETY: the view is contiguous and `len` bytes long, and nobody else runs Python code while
    // this copies.
    let bytes = unsafe { std::slice::from_raw_parts(start.as_ptr(), len) };
    Ok(Pages::copy(bytes))
}

fn validity(mask: &[u8]) -> NullBuffer {
    NullBuffer::new(BooleanBuffer::collect_bool(mask.len(), |row| mask[row] == 0))
}

/// `datetime64` of any unit; NaT is null.
fn datetimes(
    array: &Bound<'_, PyAny>,
    nulls: Option<NullBuffer>,
    target: Target,
    place: &Place<'_>,
) -> PyResult<ArrayRef> {
    let py = array.py();
    let unit = match target {
        Target::Time(unit) | Target::Moment(Some(unit)) => unit,
        Target::Moment(None) => TimeUnit::Second,
        Target::Value(_) | Target::Ascii => {
            let what = "only a column of times takes datetime64; convert it first";
            return Err(place.error(what).into());
        }
    };
    let dtype: String =
        array.getattr(intern!(py, "dtype"))?.getattr(intern!(py, "str"))?.extract()?;
    let step = Step::parse(&dtype)?;
    if step == Step::Calendar {
        let days = array.call_method1("astype", ("datetime64[D]",))?;
        return datetimes(&days, nulls, target, place);
    }
    let native =
        array.call_method1("astype", (PyString::new(py, &format!("={}", &dtype[1..])),))?;
    let counts = contiguous(&native.call_method1("view", ("int64",))?, "int64")?;
    let counts = ScalarBuffer::<i64>::from(counts);
    let present =
        NullBuffer::new(BooleanBuffer::collect_bool(counts.len(), |row| counts[row] != i64::MIN));
    let nulls = NullBuffer::union(nulls.as_ref(), Some(&present));
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    Ok(match step {
        Step::Nanos(1) => Arc::new(PrimitiveArray::<TimestampNanosecondType>::new(counts, nulls)),
        Step::Nanos(1_000) => {
            Arc::new(PrimitiveArray::<TimestampMicrosecondType>::new(counts, nulls))
        }
        Step::Nanos(1_000_000) => {
            Arc::new(PrimitiveArray::<TimestampMillisecondType>::new(counts, nulls))
        }
        Step::Nanos(1_000_000_000) => {
            Arc::new(PrimitiveArray::<TimestampSecondType>::new(counts, nulls))
        }
        _ => {
            let counts = scaled(&counts, step, unit, place)?;
            match target {
                Target::Moment(None) => {
                    Arc::new(PrimitiveArray::<TimestampSecondType>::new(counts, nulls))
                }
                _ => Arc::new(PrimitiveArray::<Int64Type>::new(counts, nulls)),
            }
        }
    })
}

/// Counts of a unit that Arrow does not have, in the table's.
fn scaled(
    counts: &[i64],
    step: Step,
    unit: TimeUnit,
    place: &Place<'_>,
) -> PyResult<ScalarBuffer<i64>> {
    let scale = |(row, &count): (usize, &i64)| {
        if count == i64::MIN {
            return Ok(0);
        }
        step.scale(count, unit).map_err(|why| {
            let what = match why {
                Unfit::Inexact => format!("the time is not a whole number of {unit}"),
                Unfit::Overflow => format!("the time does not fit int64 in {unit}"),
            };
            place.at(row, what).into()
        })
    };
    counts.iter().enumerate().map(scale).collect::<PyResult<Vec<_>>>().map(ScalarBuffer::from)
}
