//! Data in pieces: a generator, a list, or anything else to iterate over, whose items are data
//! themselves (record batches, DataFrames, dicts of arrays). All of it is one append, so all of it
//! is read before anything is written.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString};

use super::{Rows, Wants, whole};
use crate::python::errors::{type_name, wrong_type};

/// The rows of all pieces. What the iterator itself raises is raised as it is.
pub(super) fn read(data: &Bound<'_, PyAny>, wants: &dyn Wants) -> PyResult<Rows> {
    let text = data.is_instance_of::<PyString>()
        || data.is_instance_of::<PyBytes>()
        || data.is_instance_of::<PyByteArray>();
    // Python iterates over whatever has `__getitem__` too, which says nothing of what it is.
    if text || !data.hasattr(intern!(data.py(), "__iter__"))? {
        return Err(no_data(data, "rows come"));
    }
    let pieces = data.try_iter()?;
    let mut all = Rows { names: wants.names(), chunks: vec![] };
    let mut rows = 0;
    for (index, piece) in pieces.enumerate() {
        let read = one(&piece?, wants, rows);
        let chunks = read.map_err(|error| noted(data.py(), error, index))?.chunks;
        rows +=
            chunks.iter().map(|chunk| chunk.first().map_or(0, |array| array.len())).sum::<usize>();
        all.chunks.extend(chunks);
    }
    Ok(all)
}

/// The rows of one piece, with the columns in the wanted order.
fn one(piece: &Bound<'_, PyAny>, wants: &dyn Wants, first_row: usize) -> PyResult<Rows> {
    let Some(rows) = whole(piece, wants, first_row)? else {
        return Err(no_data(piece, "a piece of the data comes"));
    };
    let order = wants.places(&rows.names)?;
    let chunks =
        rows.chunks.iter().map(|chunk| order.iter().map(|&at| chunk[at].clone()).collect());
    Ok(Rows { names: vec![], chunks: chunks.collect() })
}

/// The same error with a note of which piece it is about.
#[cold]
fn noted(py: Python<'_>, error: PyErr, index: usize) -> PyErr {
    let note = format!("in piece {index} of the data that was appended");
    match error.value(py).call_method1(intern!(py, "add_note"), (note,)) {
        Ok(_) => error,
        Err(other) => other,
    }
}

#[cold]
fn no_data(object: &Bound<'_, PyAny>, what: &str) -> PyErr {
    wrong_type(format!(
        "{what} as an Arrow table or batch, a DataFrame, a dict of columns, a list of dicts or a \
         NumPy structured array, not {}",
        type_name(object)
    ))
}
