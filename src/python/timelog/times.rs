//! Times of a log: integers, and nothing that only looks like one.

#![allow(unsafe_code)] // reads integers by the fastest call there is

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PySlice};

/// An integer as a time.
#[inline]
pub(super) fn time(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    // SAFETY: the object is alive, and an exact integer where it is read as one.
    unsafe {
        if ffi::PyLong_CheckExact(value.as_ptr()) != 0 {
            let mut overflow = 0;
            let time = ffi::PyLong_AsLongLongAndOverflow(value.as_ptr(), &raw mut overflow);
            return if overflow == 0 { Ok(time) } else { Err(too_large(value)) };
        }
    }
    convert(value)
}

#[cold]
fn convert(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    if value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err("timestamp must be int (bool not allowed)"));
    }
    if value.is_instance_of::<PyFloat>() {
        return Err(PyTypeError::new_err(format!(
            "timestamps are integers in the log's time_unit, not float ({}); use int(x), or a \
             finer time_unit if fractions count",
            value.repr()?
        )));
    }
    if value.is_instance(&value.py().import("datetime")?.getattr("date")?)? {
        return Err(PyTypeError::new_err(
            "timestamps are integers in the log's time_unit; for a datetime use, for example, \
             int(dt.timestamp() * 1000) with time_unit='ms'",
        ));
    }
    // SAFETY: the object is alive; the result is a new reference or null with an error set.
    let index =
        unsafe { Bound::from_owned_ptr_or_err(value.py(), ffi::PyNumber_Index(value.as_ptr())) }?;
    let mut overflow = 0;
    // SAFETY: `__index__` gives an integer.
    let time = unsafe { ffi::PyLong_AsLongLongAndOverflow(index.as_ptr(), &raw mut overflow) };
    if overflow == 0 { Ok(time) } else { Err(too_large(&index)) }
}

#[cold]
fn too_large(value: &Bound<'_, PyAny>) -> PyErr {
    // Of thousands of digits Python refuses to make a text.
    let number = value.str().map_or_else(|_| "(a very long one)".into(), |text| text.to_string());
    PyOverflowError::new_err(format!(
        "timestamp {number} is outside int64 range [{}, {}]",
        i64::MIN,
        i64::MAX
    ))
}

/// The ends of a slice without a step.
pub(super) fn slice(slice: &Bound<'_, PySlice>) -> PyResult<(Option<i64>, Option<i64>)> {
    let step = slice.getattr("step")?;
    // SAFETY: the object is alive.
    let exact = unsafe { ffi::PyLong_CheckExact(step.as_ptr()) } != 0;
    let none = step.is_none() || (exact && step.eq(1)?);
    if !none {
        return Err(PyValueError::new_err(format!(
            "Timelog slice step must be None or 1, not {}",
            step.repr()?
        )));
    }
    Ok((optional(&slice.getattr("start")?)?, optional(&slice.getattr("stop")?)?))
}

/// A time, or none.
pub(super) fn optional(value: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    if value.is_none() { Ok(None) } else { time(value).map(Some) }
}

/// Two times of which the first is not after the second.
pub(super) fn ends(t1: &Bound<'_, PyAny>, t2: &Bound<'_, PyAny>) -> PyResult<(i64, i64)> {
    let (start, end) = (time(t1)?, time(t2)?);
    if start > end {
        return Err(PyValueError::new_err(format!("t1 ({start}) must be <= t2 ({end})")));
    }
    Ok((start, end))
}

/// The end of a range that holds one time: none after the last.
pub(super) fn after(time: i64) -> Option<i64> {
    time.checked_add(1)
}
