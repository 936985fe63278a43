//! Times as people write them, in a table's unit: an int, a `datetime` (naive means UTC), ISO 8601
//! text, `numpy.datetime64`, `pandas.Timestamp`. What the unit cannot express is refused.

use pyo3::exceptions::PyOverflowError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyDate, PyDateTime, PyDelta, PyDeltaAccess, PyFloat, PyInt, PyString, PyTimeAccess,
};

use super::errors::{invalid, type_name, wrong_type};
use crate::base::{TimeUnit, iso8601};

const NANOS: i128 = 1_000_000_000;
const NANOS_A_DAY: i128 = 86_400 * NANOS;
/// `date.toordinal()` of 1970-01-01.
const EPOCH_ORDINAL: i64 = 719_163;

/// `value` as a time in `unit`.
#[inline]
pub(super) fn time(value: &Bound<'_, PyAny>, unit: TimeUnit) -> PyResult<i64> {
    match value.cast_exact::<PyInt>() {
        Ok(int) => int.extract(),
        Err(_) => other(value, unit),
    }
}

/// The same; `None` for NumPy's and pandas' NaT.
pub(super) fn moment(value: &Bound<'_, PyAny>, unit: TimeUnit) -> PyResult<Option<i64>> {
    if is_nat(value)? {
        return Ok(None);
    }
    match value.cast::<PyDate>() {
        Ok(date) if !value.is_instance_of::<PyDateTime>() => {
            let nanos = days_of(date)? * NANOS_A_DAY;
            rescale(nanos, 1, unit).map(Some).map_err(|why| why.error(value, unit))
        }
        _ => time(value, unit).map(Some),
    }
}

/// The same in days since 1970.
pub(super) fn day(value: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    if is_nat(value)? {
        return Ok(None);
    }
    let nanos = match value.cast::<PyString>() {
        Ok(text) => nanos_of_text(text)?,
        Err(_) => match nanos(value)? {
            Some(nanos) => nanos,
            None => return time(value, TimeUnit::Second).map(Some),
        },
    };
    if nanos % NANOS_A_DAY != 0 {
        return Err(invalid(format!("{value} is not a whole day")));
    }
    let days = i64::try_from(nanos / NANOS_A_DAY);
    days.map(Some)
        .map_err(|_| PyOverflowError::new_err(format!("{value} does not fit int64 in days")))
}

fn is_nat(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is_instance_of::<PyInt>() {
        return Ok(false);
    }
    let name = value.get_type().name()?;
    Ok(match name.to_str()? {
        "NaTType" | "NAType" => true,
        // It is the only one that is not equal to itself.
        "datetime64" => value.ne(value)?,
        _ => false,
    })
}

/// A bound of a range: `None` is open.
pub(super) fn bound(value: Option<&Bound<'_, PyAny>>, unit: TimeUnit) -> PyResult<Option<i64>> {
    value.filter(|value| !value.is_none()).map(|value| time(value, unit)).transpose()
}

fn other(value: &Bound<'_, PyAny>, unit: TimeUnit) -> PyResult<i64> {
    if value.is_instance_of::<PyBool>() || value.is_instance_of::<PyFloat>() {
        return Err(unfit(value));
    }
    if value.is_instance_of::<PyInt>() {
        return value.extract();
    }
    if let Ok(text) = value.cast::<PyString>() {
        return rescale(nanos_of_text(text)?, 1, unit).map_err(|why| why.error(value, unit));
    }
    // A pandas.Timestamp is a datetime, but counts nanoseconds; its NaT is one too.
    let py = value.py();
    if let Some(precise) = value.getattr_opt(intern!(py, "asm8"))? {
        return datetime64(&precise, unit);
    }
    if let Ok(datetime) = value.cast::<PyDateTime>() {
        return rescale(nanos_of(datetime)?, 1, unit).map_err(|why| why.error(value, unit));
    }
    if value.get_type().name()?.to_str()? == "datetime64" {
        return datetime64(value, unit);
    }
    if value.hasattr(intern!(py, "__index__"))? {
        return value.extract();
    }
    Err(unfit(value))
}

/// A datetime, a date (its midnight), `datetime64` or `pandas.Timestamp` in nanoseconds since 1970;
/// `None` for anything else, integers and text among it.
pub(super) fn nanos(value: &Bound<'_, PyAny>) -> PyResult<Option<i128>> {
    let py = value.py();
    if let Some(precise) = value.getattr_opt(intern!(py, "asm8"))? {
        return nanos_of_datetime64(&precise).map(Some);
    }
    if let Ok(datetime) = value.cast::<PyDateTime>() {
        return nanos_of(datetime).map(Some);
    }
    if let Ok(date) = value.cast::<PyDate>() {
        return Ok(Some(days_of(date)? * NANOS_A_DAY));
    }
    if value.get_type().name()?.to_str()? == "datetime64" {
        return nanos_of_datetime64(value).map(Some);
    }
    Ok(None)
}

fn nanos_of_text(text: &Bound<'_, PyString>) -> PyResult<i128> {
    let text = text.to_str()?;
    let nanos = iso8601::parse(text);
    nanos.map_err(|why| invalid(format!("{text:?} is not an ISO 8601 time: {why}")))
}

/// Days from 1970-01-01 to that of a date or datetime.
fn days_of(date: &Bound<'_, PyAny>) -> PyResult<i128> {
    let ordinal: i64 = date.call_method0(intern!(date.py(), "toordinal"))?.extract()?;
    Ok(i128::from(ordinal - EPOCH_ORDINAL))
}

fn nanos_of(datetime: &Bound<'_, PyDateTime>) -> PyResult<i128> {
    let py = datetime.py();
    let clock = i64::from(datetime.get_hour()) * 3600
        + i64::from(datetime.get_minute()) * 60
        + i64::from(datetime.get_second());
    let seconds = days_of(datetime)? * 86_400 + i128::from(clock);
    let mut micros = seconds * 1_000_000 + i128::from(datetime.get_microsecond());
    let offset = datetime.call_method0(intern!(py, "utcoffset"))?;
    if !offset.is_none() {
        let offset = offset.cast_into::<PyDelta>()?;
        let seconds = i128::from(offset.get_days()) * 86_400 + i128::from(offset.get_seconds());
        micros -= seconds * 1_000_000 + i128::from(offset.get_microseconds());
    }
    Ok(micros * 1000)
}

fn datetime64(value: &Bound<'_, PyAny>, unit: TimeUnit) -> PyResult<i64> {
    let (count, step) = steps_of(value)?;
    step.scale(count, unit).map_err(|why| why.error(value, unit))
}

fn nanos_of_datetime64(value: &Bound<'_, PyAny>) -> PyResult<i128> {
    let (count, step) = steps_of(value)?;
    step.nanos(count).map_err(|why| why.error(value, TimeUnit::Nanosecond))
}

/// How many steps since 1970, and how long one is.
fn steps_of(value: &Bound<'_, PyAny>) -> PyResult<(i64, Step)> {
    let py = value.py();
    let mut value = value.clone();
    let dtype = value.getattr(intern!(py, "dtype"))?.getattr(intern!(py, "str"))?;
    let mut step = Step::parse(dtype.cast::<PyString>()?.to_str()?)?;
    if step == Step::Calendar {
        value = value.call_method1(intern!(py, "astype"), ("datetime64[D]",))?;
        step = Step::DAY;
    }
    let count: i64 = value.call_method1(intern!(py, "astype"), ("int64",))?.extract()?;
    if count == i64::MIN {
        return Err(invalid("NaT is not a time"));
    }
    Ok((count, step))
}

/// What one count of a `datetime64` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Years or months, which have no fixed length.
    Calendar,
    /// So many nanoseconds.
    Nanos(i128),
    /// A nanosecond is `per_nano` of a unit of which one count is `count`.
    Finer { count: i128, per_nano: i128 },
}

impl Step {
    pub(super) const DAY: Self = Self::Nanos(NANOS_A_DAY);

    /// From a dtype's text, such as `<M8[ms]` or `<M8[25s]`.
    pub(super) fn parse(dtype: &str) -> PyResult<Self> {
        let unit = dtype.split_once('[').and_then(|(_, rest)| rest.strip_suffix(']'));
        // Without a unit it can only be NaT.
        let unit = unit.ok_or_else(|| invalid("a datetime64 without a unit is not a time"))?;
        let letters = unit.trim_start_matches(|c: char| c.is_ascii_digit());
        let count = &unit[..unit.len() - letters.len()];
        let count: i128 = if count.is_empty() { 1 } else { count.parse().unwrap_or(1) };
        Ok(match letters {
            "Y" | "M" => Self::Calendar,
            "W" => Self::Nanos(7 * NANOS_A_DAY * count),
            "D" => Self::Nanos(NANOS_A_DAY * count),
            "h" => Self::Nanos(3600 * NANOS * count),
            "m" => Self::Nanos(60 * NANOS * count),
            "s" => Self::Nanos(NANOS * count),
            "ms" => Self::Nanos(1_000_000 * count),
            "us" => Self::Nanos(1000 * count),
            "ns" => Self::Nanos(count),
            "ps" => Self::Finer { count, per_nano: 1000 },
            "fs" => Self::Finer { count, per_nano: 1_000_000 },
            "as" => Self::Finer { count, per_nano: NANOS },
            _ => return Err(invalid(format!("datetime64 unit {unit:?} is not known"))),
        })
    }

    /// `count` steps in `unit`.
    pub(super) fn scale(self, count: i64, unit: TimeUnit) -> Result<i64, Unfit> {
        let (number, per_nano) = self.product(count)?;
        rescale(number, per_nano, unit)
    }

    /// `count` steps in nanoseconds, of which there may be more than an i64 has.
    fn nanos(self, count: i64) -> Result<i128, Unfit> {
        let (number, per_nano) = self.product(count)?;
        if number % per_nano == 0 { Ok(number / per_nano) } else { Err(Unfit::Inexact) }
    }

    /// `count` steps, and of what: how many are a nanosecond.
    fn product(self, count: i64) -> Result<(i128, i128), Unfit> {
        let (step, per_nano) = match self {
            Self::Calendar => return Err(Unfit::Inexact),
            Self::Nanos(step) => (step, 1),
            Self::Finer { count, per_nano } => (count, per_nano),
        };
        let number = i128::from(count).checked_mul(step).ok_or(Unfit::Overflow)?;
        Ok((number, per_nano))
    }
}

/// Why a time is not one in the table's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    Inexact,
    Overflow,
}

impl Unfit {
    #[cold]
    fn error(self, value: &Bound<'_, PyAny>, unit: TimeUnit) -> PyErr {
        match self {
            Self::Inexact => invalid(format!("{value} is not a whole number of {unit}")),
            Self::Overflow => {
                PyOverflowError::new_err(format!("{value} does not fit int64 in {unit}"))
            }
        }
    }
}

fn rescale(number: i128, per_nano: i128, unit: TimeUnit) -> Result<i64, Unfit> {
    let divisor = NANOS / i128::from(unit.per_second()) * per_nano;
    if number % divisor != 0 {
        return Err(Unfit::Inexact);
    }
    i64::try_from(number / divisor).map_err(|_| Unfit::Overflow)
}

#[cold]
fn unfit(value: &Bound<'_, PyAny>) -> PyErr {
    let name = type_name(value);
    wrong_type(format!(
        "a time is an int, a datetime, ISO 8601 text, a numpy.datetime64 or a pandas.Timestamp, \
         not {name}"
    ))
}
