//! Times and times to live as users give them.

use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString};

use super::access::raise;
use crate::chronomap::{NEVER, moment};

/// The seconds of a time: a number, a text in ISO 8601, or a datetime.
#[inline]
pub(super) fn seconds(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    match value.cast_exact::<PyFloat>() {
        Ok(float) => Ok(float.value()),
        Err(_) => other_seconds(value),
    }
}

fn other_seconds(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    let py = value.py();
    if let Ok(text) = value.cast::<PyString>() {
        return of_text(text);
    }
    let is_bool = value.is_instance_of::<PyBool>();
    if !is_bool && (value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>()) {
        return value.extract();
    }
    let datetime = py.import(intern!(py, "datetime"))?;
    if value.is_instance(&datetime.getattr(intern!(py, "datetime"))?)? {
        return value.call_method0(intern!(py, "timestamp"))?.extract();
    }
    let kind = value.get_type();
    if kind.module()?.to_cow()? == "numpy" && value.hasattr(intern!(py, "dtype"))? {
        let letter: String = value.getattr(intern!(py, "dtype"))?.getattr("kind")?.extract()?;
        match letter.as_str() {
            "i" | "u" | "f" => return value.call_method0(intern!(py, "item"))?.extract(),
            "M" => {
                if value.ne(value)? {
                    return Err(not_finite(f64::NAN));
                }
                // In whole seconds no time of NumPy's is too large that a float can tell.
                let whole = value.call_method1("astype", ("datetime64[s]",))?;
                let rest = value.sub(&whole)?.call_method1("astype", ("timedelta64[ns]",))?;
                let number = |of: &Bound<'_, PyAny>| -> PyResult<i64> {
                    of.call_method1("astype", ("int64",))?.extract()
                };
                return Ok(number(&whole)? as f64 + number(&rest)? as f64 / 1e9);
            }
            _ => {}
        }
    }
    let message = format!("Invalid timestamp type: {}", kind.str()?);
    Err(raise("ChronoMapTypeError", (message,)))
}

fn of_text(text: &Bound<'_, PyString>) -> PyResult<f64> {
    let py = text.py();
    let datetime = py.import(intern!(py, "datetime"))?.getattr(intern!(py, "datetime"))?;
    match datetime.call_method1(intern!(py, "fromisoformat"), (text,)) {
        Ok(time) => time.call_method0(intern!(py, "timestamp"))?.extract(),
        Err(error) if error.is_instance_of::<PyValueError>(py) => {
            let message = format!("Invalid datetime string: {text}");
            Err(raise("ChronoMapValueError", (message,)))
        }
        Err(error) => Err(error),
    }
}

/// A time that is neither before nor after all others.
#[inline]
pub(super) fn finite(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    let seconds = seconds(value)?;
    check_finite(seconds)?;
    Ok(moment(seconds))
}

/// An error if it is neither before nor after all others.
#[inline]
pub(super) fn check_finite(seconds: f64) -> PyResult<()> {
    if seconds.is_finite() { Ok(()) } else { Err(not_finite(seconds)) }
}

#[cold]
fn not_finite(seconds: f64) -> PyErr {
    let told = if seconds.is_nan() { "nan".into() } else { seconds.to_string() };
    raise("ChronoMapValueError", (format!("Timestamp must be finite, got {told}"),))
}

/// The end of a range, which may be infinite.
pub(super) fn bound(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    let seconds = seconds(value)?;
    if seconds.is_nan() { Err(not_finite(seconds)) } else { Ok(moment(seconds)) }
}

/// When a key ends that is to live so many seconds from now on. An endless one never does.
pub(super) fn end(ttl: &Bound<'_, PyAny>, now: f64) -> PyResult<i64> {
    let number = !ttl.is_instance_of::<PyBool>()
        && (ttl.is_instance_of::<PyFloat>() || ttl.is_instance_of::<PyInt>());
    if !number {
        let told = ttl.get_type().str()?;
        let message = format!("Invalid ttl type: {told}; a ttl is a number of seconds");
        return Err(raise("ChronoMapTypeError", (message,)));
    }
    let seconds: f64 = ttl.extract()?;
    if seconds.is_nan() || seconds <= 0.0 {
        let message = format!("TTL must be positive, got {}", ttl.str()?);
        return Err(raise("ChronoMapValueError", (message,)));
    }
    Ok(end_of(seconds, now))
}

/// When a key ends that lives so many seconds from now on.
pub(super) fn end_of(seconds: f64, now: f64) -> i64 {
    let end = now + seconds;
    if end.is_finite() { moment(end) } else { NEVER }
}

/// The seconds of the system's clock.
#[inline]
pub(super) fn clock() -> f64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs() as f64 + f64::from(since.subsec_nanos()) * 1e-9,
        Err(before) => -before.duration().as_secs_f64(),
    }
}
