//! Columns of a result as NumPy and pandas want them: numbers as memory to look at without a copy,
//! text as an Arrow array or as a list.

use std::ffi::c_int;
use std::sync::atomic::{AtomicPtr, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{Buffer, MutableBuffer, NullBuffer};
use arrow_schema::DataType as ArrowType;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::capsule;
use crate::arrow::OutColumn;
use crate::arrow::export::{self, fixed_buffer};
use crate::base::{Column, Data};
use crate::db::join;
use crate::store::pages::Pages;

/// The columns of a result that came in these chunks, each a list of pieces: (values, nulls, rows).
/// Values are bytes of the column's type (a byte each for bool), or an object for text and bytes;
/// nulls are a byte each, 1 for a null, or None. Numbers and times are in one piece.
pub(super) fn columns<'py>(
    py: Python<'py>,
    chunks: Vec<Vec<Column>>,
    defs: &[OutColumn],
) -> PyResult<Bound<'py, PyList>> {
    let mut of_column: Vec<Vec<Column>> = vec![vec![]; defs.len()];
    for chunk in chunks {
        of_column.iter_mut().zip(chunk).for_each(|(pieces, piece)| pieces.push(piece));
    }
    let columns = of_column.into_iter().zip(defs).map(|(pieces, def)| {
        let pieces = match pieces.len() {
            0 | 1 => pieces,
            _ => py.detach(|| join(pieces, def.ty.stored())),
        };
        let pieces = pieces.into_iter().map(|piece| raw(py, piece, def));
        PyList::new(py, pieces.collect::<PyResult<Vec<_>>>()?)
    });
    PyList::new(py, columns.collect::<PyResult<Vec<_>>>()?)
}

type Raw<'py> = (Bound<'py, PyAny>, Option<Py<Memory>>, usize);

/// A byte for each value, 1 for a null.
pub(super) fn nulls_of(py: Python<'_>, validity: &NullBuffer) -> PyResult<Py<Memory>> {
    let bytes: Vec<u8> = validity.iter().map(|valid| u8::from(!valid)).collect();
    Py::new(py, Memory::new(bytes.into()))
}

fn raw<'py>(py: Python<'py>, column: Column, def: &OutColumn) -> PyResult<Raw<'py>> {
    let rows = column.len(def.ty.stored());
    let nulls = column.validity.as_ref().map(|validity| nulls_of(py, validity)).transpose()?;
    let values = match &column.data {
        Data::Bool(bits) => {
            let bytes: Vec<u8> = bits.iter().map(u8::from).collect();
            Bound::new(py, Memory::new(bytes.into()))?.into_any()
        }
        Data::Bytes { .. } => {
            let texts = Texts::new(export::array(column, def)?);
            return Ok((Bound::new(py, texts)?.into_any(), nulls, rows));
        }
        Data::Fixed(_) => {
            let buffer = fixed_buffer(column).unwrap_or_default();
            Bound::new(py, Memory::new(buffer))?.into_any()
        }
    };
    Ok((values, nulls, rows))
}

/// A run of bytes with the buffer protocol. It may be written to if it is ours alone; a view of a
/// mapped file, or of a buffer that others see too, may not.
#[pyclass(frozen, name = "_Memory", module = "chronolite._core")]
pub(super) struct Memory {
    start: AtomicPtr<u8>,
    len: usize,
    owner: Owner,
}

#[allow(dead_code, reason = "they keep the bytes alive")]
enum Owner {
    Alone(MutableBuffer),
    /// Huge pages that nobody else has.
    Pages(Buffer),
    Shared(Buffer),
}

impl Memory {
    pub(super) fn new(buffer: Buffer) -> Self {
        let len = buffer.len();
        match buffer.into_mutable() {
            Ok(mut bytes) => {
                let start = AtomicPtr::new(bytes.as_mut_ptr());
                Self { start, len, owner: Owner::Alone(bytes) }
            }
            Err(bytes) => {
                let start = AtomicPtr::new(bytes.as_ptr().cast_mut());
                let alone = Pages::are_alone(&bytes);
                let owner = if alone { Owner::Pages(bytes) } else { Owner::Shared(bytes) };
                Self { start, len, owner }
            }
        }
    }
}

#[pymethods]
impl Memory {
    // SAFETY: called by the interpreter alone, which hands over a `Py_buffer` to fill.
    #[allow(unsafe_code)]
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        let memory = slf.get();
        let read_only = matches!(memory.owner, Owner::Shared(_));
        let start = memory.start.load(Ordering::Relaxed);
        let len = memory.len as ffi::Py_ssize_t;
        // SAFETY: `view` is the caller's to fill; the bytes live as long as `slf`, of which the
        // view holds a reference, and are written to by nobody else if the view may write.
        let filled = unsafe {
            ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start.cast(), len, read_only.into(), flags)
        };
        if filled == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }
}

/// A column of text or bytes.
#[pyclass(frozen, name = "_Texts", module = "chronolite._core")]
pub(super) struct Texts {
    array: ArrayRef,
}

impl Texts {
    pub(super) fn new(array: ArrayRef) -> Self {
        Self { array }
    }
}

#[pymethods]
impl Texts {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let _ = requested_schema;
        capsule::array(py, &self.array)
    }

    fn __len__(&self) -> usize {
        self.array.len()
    }

    /// The values as `str` or `bytes`, and `None`.
    fn tolist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        match self.array.data_type() {
            ArrowType::Utf8 => PyList::new(py, self.array.as_string::<i32>().iter()),
            _ => PyList::new(py, self.array.as_binary::<i32>().iter()),
        }
    }
}
