//! The kernel's errors as exceptions. The classes are pure Python (`chronolite._errors`), where
//! one class can be both a `ChronoliteError` and an `OSError`; this only says what happened.

use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::arrow::import::Place;
use crate::error::{Error, ErrorKind};

static BUILD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

impl From<Error> for PyErr {
    #[cold]
    fn from(error: Error) -> Self {
        let message = match error.kind() {
            // The exception of a system error adds the file and the system's words itself.
            ErrorKind::Io if error.io().is_some_and(|io| io.raw_os_error().is_some()) => {
                error.message().to_owned()
            }
            _ => error.to_string(),
        };
        build(name(error.kind()), &message, Some(&error))
    }
}

fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Schema => "schema",
        ErrorKind::Conflict => "conflict",
        ErrorKind::TableNotFound => "table_not_found",
        ErrorKind::InvalidInput => "invalid_input",
        ErrorKind::Overflow => "overflow",
        ErrorKind::Locked => "locked",
        ErrorKind::Corruption => "corruption",
        ErrorKind::Format => "format",
        ErrorKind::ReadOnly => "read_only",
        ErrorKind::Closed => "closed",
        ErrorKind::Durability => "durability",
        ErrorKind::Indeterminate => "indeterminate",
        ErrorKind::Io => "io",
    }
}

#[cold]
fn build(kind: &str, message: &str, error: Option<&Error>) -> PyErr {
    Python::attach(|py| match try_build(py, kind, message, error) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    })
}

fn try_build<'py>(
    py: Python<'py>,
    kind: &str,
    message: &str,
    error: Option<&Error>,
) -> PyResult<Bound<'py, PyAny>> {
    let build = BUILD.get_or_try_init(py, || {
        py.import("chronolite._errors")?.getattr("_build").map(Bound::unbind)
    })?;
    let file = error.and_then(Error::file).map(|file| file.as_os_str());
    let io = error.and_then(Error::io);
    let errno = io.and_then(std::io::Error::raw_os_error);
    let strerror = match errno {
        Some(errno) => Some(py.import("os")?.call_method1(intern!(py, "strerror"), (errno,))?),
        None => None,
    };
    let message = match (errno, io) {
        (None, Some(io)) => format!("{message}: {io}"),
        _ => message.to_owned(),
    };
    let offset = error.and_then(Error::offset);
    let pid = error.and_then(Error::pid);
    build.bind(py).call1((kind, message, file, offset, pid, errno, strerror))
}

/// A `SchemaError` about the data.
#[cold]
pub(super) fn schema(message: impl Into<String>) -> PyErr {
    Error::schema(message).into()
}

/// An `InvalidInputError` about an argument.
#[cold]
pub(super) fn invalid(message: impl Into<String>) -> PyErr {
    Error::invalid(message).into()
}

/// A `TypeError` about an argument.
#[cold]
pub(super) fn wrong_type(message: impl Into<String>) -> PyErr {
    PyTypeError::new_err(message.into())
}

/// `error`, which a value of the data raised, as a `SchemaError` that says where the value stands.
/// It stays the `TypeError` or `OverflowError` that it was as well.
#[cold]
pub(super) fn in_data(py: Python<'_>, place: &Place<'_>, row: usize, error: &PyErr) -> PyErr {
    let kind = if error.is_instance_of::<PyTypeError>(py) {
        "schema_type"
    } else if error.is_instance_of::<PyOverflowError>(py) {
        "schema_overflow"
    } else {
        "schema"
    };
    let message = place.at(row, error.value(py)).to_string();
    let placed = build(kind, &message, None);
    placed.set_cause(py, error.cause(py));
    placed
}

/// The name of an object's type, for messages.
pub(super) fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "object".into(), |name| name.to_string())
}
