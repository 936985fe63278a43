//! Lengths of time as people write them, in a table's unit: an int, a `timedelta` (pandas' and
//! NumPy's too), or text such as "5m". What the unit cannot express is refused.

use pyo3::exceptions::PyOverflowError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDelta, PyDeltaAccess, PyInt, PyString};

use super::errors::{invalid, type_name, wrong_type};
use super::timestamps::{Step, Unfit};
use crate::base::TimeUnit;

/// `value`, the argument of that name, as a length in `unit`; it may be negative.
pub(super) fn duration(argument: &str, value: &Bound<'_, PyAny>, unit: TimeUnit) -> PyResult<i64> {
    let py = value.py();
    if value.is_instance_of::<PyBool>() {
        return Err(unfit(argument, value));
    }
    if value.is_instance_of::<PyInt>() {
        return value.extract();
    }
    let scaled = if let Ok(text) = value.cast::<PyString>() {
        let (count, step) = parse(argument, text.to_str()?)?;
        step.scale(count, unit)
    } else if let Some(length) = numpy(value)? {
        let dtype = length.getattr(intern!(py, "dtype"))?.getattr(intern!(py, "str"))?;
        let step = Step::parse(dtype.cast::<PyString>()?.to_str()?)?;
        let count: i64 = length.call_method1(intern!(py, "astype"), ("int64",))?.extract()?;
        if count == i64::MIN {
            return Err(invalid(format!("{argument}: NaT is not a length")));
        }
        step.scale(count, unit)
    } else if let Ok(delta) = value.cast::<PyDelta>() {
        let seconds = i64::from(delta.get_days()) * 86_400 + i64::from(delta.get_seconds());
        // At most 86 million million seconds.
        let micros = seconds * 1_000_000 + i64::from(delta.get_microseconds());
        Step::Nanos(1000).scale(micros, unit)
    } else if value.hasattr(intern!(py, "__index__"))? {
        return value.extract();
    } else {
        return Err(unfit(argument, value));
    };
    scaled.map_err(|why| match why {
        Unfit::Inexact => invalid(format!("{argument}: {value} is not a whole number of {unit}")),
        Unfit::Overflow => {
            PyOverflowError::new_err(format!("{argument}: {value} does not fit int64 in {unit}"))
        }
    })
}

/// True for what is a length of time and no time: a `timedelta` of any kind, text such as "5m".
pub(super) fn is_duration(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let Ok(text) = value.cast::<PyString>() {
        let letters = text.to_str()?.trim_start_matches(|c: char| c.is_ascii_digit());
        return Ok(!letters.is_empty() && letters.chars().all(char::is_alphabetic));
    }
    Ok(value.is_instance_of::<PyDelta>() || value.get_type().name()?.to_str()? == "timedelta64")
}

/// `value`, the argument of that name, as a length that is not negative; exact in `unit`.
pub(super) fn age(
    argument: &str,
    value: &Bound<'_, PyAny>,
    unit: TimeUnit,
) -> PyResult<std::time::Duration> {
    let count = u64::try_from(duration(argument, value, unit)?);
    let count = count.map_err(|_| invalid(format!("{argument}: {value} is negative")))?;
    let per_second = unit.per_second().unsigned_abs();
    let nanos = (count % per_second) * (1_000_000_000 / per_second);
    Ok(std::time::Duration::new(count / per_second, nanos as u32))
}

/// A `numpy.timedelta64`, or what a `pandas.Timedelta`, which is a `timedelta`, is as one.
fn numpy<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = value.py();
    if let Some(precise) = value.getattr_opt(intern!(py, "asm8"))? {
        return Ok(Some(precise));
    }
    let is_one = value.get_type().name()?.to_str()? == "timedelta64";
    Ok(is_one.then(|| value.clone()))
}

/// A count and a unit, such as "250ms".
fn parse(argument: &str, text: &str) -> PyResult<(i64, Step)> {
    let letters = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let count = &text[..text.len() - letters.len()];
    let nanos = match letters {
        "ns" => Some(1),
        "us" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        "d" => Some(86_400_000_000_000),
        "w" => Some(604_800_000_000_000i128),
        "mo" | "M" | "q" | "y" | "Y" => {
            return Err(invalid(format!(
                "{argument}: {text:?}: months and years differ in length and are not counted in; \
                 use days or weeks"
            )));
        }
        _ => None,
    };
    let Some(nanos) = nanos.filter(|_| !count.is_empty()) else {
        return Err(invalid(format!(
            "{argument}: {text:?} is not a length of time; write a whole number and one of ns, us, \
             ms, s, m, h, d, w, such as \"5m\""
        )));
    };
    let count = count.parse();
    let count =
        count.map_err(|_| PyOverflowError::new_err(format!("{argument}: {text} is too long")))?;
    Ok((count, Step::Nanos(nanos)))
}

#[cold]
fn unfit(argument: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let name = type_name(value);
    wrong_type(format!("{argument} is an int, a timedelta or text such as \"5m\", not {name}"))
}
