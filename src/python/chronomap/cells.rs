//! Keys and values as they stand in a file, and back. Numbers, texts and bytes are told here; what
//! is in JSON or an array is told by `chronolite._chronomap.cells`.

use std::fmt::Write;

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString};

use super::access::raise;
use crate::chronomap::{Cells, Row};
use crate::python::errors::type_name;

const NONE: u8 = 0;
const BOOL: u8 = 1;
const INT: u8 = 2;
const FLOAT: u8 = 4;
const STR: u8 = 5;
const BYTES: u8 = 6;
const ENCODED: u8 = 9;

/// The user's functions for values that are of none of these kinds.
#[derive(Debug, Default)]
pub(super) struct Coder {
    pub(super) encoder: Option<Py<PyAny>>,
    pub(super) decoder: Option<Py<PyAny>>,
}

/// A value in its cells.
///
/// # Errors
/// `ChronoMapTypeError` of a value that cannot be kept, and that the encoder, if there is one, does
/// not make bytes of.
pub(super) fn encode(value: &Bound<'_, PyAny>, coder: &Coder) -> PyResult<Cells> {
    let empty = Cells::default();
    if value.is_none() {
        return Ok(Cells { kind: NONE, ..empty });
    }
    if let Ok(float) = value.cast_exact::<PyFloat>() {
        return Ok(Cells { kind: FLOAT, real: float.value(), ..empty });
    }
    if let Ok(int) = value.cast_exact::<PyInt>()
        && let Ok(whole) = int.extract::<i64>()
    {
        return Ok(Cells { kind: INT, whole, ..empty });
    }
    if let Ok(text) = value.cast_exact::<PyString>()
        && let Ok(text) = text.to_cow()
    {
        return Ok(Cells { kind: STR, text: text.into_owned(), ..empty });
    }
    if let Ok(truth) = value.cast_exact::<PyBool>() {
        return Ok(Cells { kind: BOOL, whole: truth.is_true().into(), ..empty });
    }
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        return Ok(Cells { kind: BYTES, bytes: bytes.as_bytes().to_vec(), ..empty });
    }
    let py = value.py();
    let told = python_cells(py)?.call_method1(intern!(py, "encode"), (value,));
    if let (Err(error), Some(encoder)) = (&told, &coder.encoder)
        && error.is_instance_of::<PyTypeError>(py)
    {
        let bytes = encoder.bind(py).call1((value,))?;
        let Ok(bytes) = bytes.cast::<PyBytes>() else {
            let message = format!("the encoder gives bytes, not {}", type_name(&bytes));
            return Err(raise("ChronoMapTypeError", (message,)));
        };
        return Ok(Cells { kind: ENCODED, bytes: bytes.as_bytes().to_vec(), ..empty });
    }
    let (kind, whole, real, text, bytes) =
        told.map_err(|error| kept_as(py, &error))?.extract::<(u8, i64, f64, String, Vec<u8>)>()?;
    Ok(Cells { kind, whole, real, text, bytes })
}

/// The value of a row.
pub(super) fn decode<'py>(
    py: Python<'py>,
    row: &Row<'_>,
    coder: &Coder,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(match row.kind {
        ENCODED => match &coder.decoder {
            Some(decoder) => decoder.bind(py).call1((PyBytes::new(py, row.bytes),))?,
            None => {
                let message = format!(
                    "a value of the key {} was written by an encoder: open the map with its decoder",
                    row.key
                );
                return Err(raise("ChronoMapTypeError", (message,)));
            }
        },
        NONE => py.None().into_bound(py),
        BOOL => PyBool::new(py, row.whole != 0).to_owned().into_any(),
        INT => row.whole.into_pyobject(py)?.into_any(),
        FLOAT => PyFloat::new(py, row.real).into_any(),
        STR => PyString::new(py, row.text).into_any(),
        BYTES => PyBytes::new(py, row.bytes).into_any(),
        kind => {
            let cells = (kind, row.whole, row.real, row.text, PyBytes::new(py, row.bytes));
            python_cells(py)?.call_method1(intern!(py, "decode"), cells)?
        }
    })
}

/// A key as a text: in JSON, and the same of keys that are equal.
///
/// # Errors
/// `ChronoMapTypeError` of a key that cannot be kept.
pub(super) fn key_text(key: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(text) = key.cast_exact::<PyString>()
        && let Ok(text) = text.to_cow()
        && !text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\')
    {
        let mut told = String::with_capacity(text.len() + 2);
        let _ = write!(told, "\"{text}\"");
        return Ok(told);
    }
    if let Ok(int) = key.cast_exact::<PyInt>()
        && let Ok(whole) = int.extract::<i64>()
    {
        return Ok(whole.to_string());
    }
    let py = key.py();
    let told = python_cells(py)?.call_method1(intern!(py, "key_text"), (key,));
    told.map_err(|error| kept_as(py, &error))?.extract()
}

/// The key of a text.
pub(super) fn key_of<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    if let Some(plain) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'))
        && !plain.contains('\\')
    {
        return Ok(PyString::new(py, plain).into_any());
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Ok(whole.into_pyobject(py)?.into_any());
    }
    python_cells(py)?.call_method1(intern!(py, "key_of"), (text,))
}

fn python_cells(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import(intern!(py, "chronolite._chronomap.cells"))
}

/// True for an error about a key or value that cannot be kept, or not without a function of the user's.
pub(super) fn is_own(py: Python<'_>, error: &PyErr) -> bool {
    let kind = py
        .import("chronolite._chronomap.errors")
        .and_then(|errors| errors.getattr("ChronoMapTypeError"));
    kind.is_ok_and(|kind| error.is_instance(py, &kind))
}

/// A `TypeError` about an object as the map's own.
fn kept_as(py: Python<'_>, error: &PyErr) -> PyErr {
    match error.is_instance_of::<PyTypeError>(py) {
        true => raise("ChronoMapTypeError", (error.value(py).to_string(),)),
        false => error.clone_ref(py),
    }
}
