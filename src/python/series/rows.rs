//! Rows that were read: views of them, columns gathered from them, and which of them are wanted.

use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::Buffer;
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;

use super::layout::{Read, RowLayout, read};
use crate::python::detached::Detached;
use crate::python::errors::invalid;
use crate::python::memory::Memory;
use crate::python::predicate;
use crate::series::{Layout, Span, Values, gather, select};
use crate::store::pages::Pages;

/// Rows one after the other, in pieces of memory.
#[pyclass(frozen, name = "_Rows", module = "chronolite._core")]
pub(in crate::python) struct Rows {
    layout: Arc<Layout>,
    /// Each of whole rows, and not empty. The last to hold a mapping ends it.
    pieces: Detached<Vec<Buffer>>,
}

impl Rows {
    pub(super) fn new(layout: &Arc<Layout>, pieces: Vec<Buffer>) -> Self {
        Self { layout: Arc::clone(layout), pieces: Detached::new(pieces) }
    }

    fn count(&self) -> usize {
        self.pieces.iter().map(Buffer::len).sum::<usize>() / self.layout.record_size()
    }

    /// The pieces of some rows.
    fn part(&self, rows: Range<usize>) -> Vec<Buffer> {
        let record = self.layout.record_size();
        let (mut skip, mut left) = (rows.start * record, rows.len() * record);
        let mut parts = vec![];
        for piece in self.pieces.iter() {
            let start = skip.min(piece.len());
            let len = left.min(piece.len() - start);
            if len > 0 {
                parts.push(piece.slice_with_length(start, len));
            }
            (skip, left) = (skip - start, left - len);
        }
        parts
    }
}

#[pymethods]
impl Rows {
    /// Rows of these bytes, which are copied.
    #[staticmethod]
    fn copied(py: Python<'_>, layout: &RowLayout, pieces: Vec<Bound<'_, PyAny>>) -> PyResult<Self> {
        let record = layout.layout().record_size();
        let views = pieces.iter().map(PyBuffer::<u8>::get).collect::<PyResult<Vec<_>>>()?;
        if views.iter().any(|view| !view.len_bytes().is_multiple_of(record)) {
            return Err(invalid(format!("a piece of whole rows has a multiple of {record} bytes")));
        }
        let mut copied = Pages::new(views.iter().map(|view| view.len_bytes()).sum());
        let mut rest = copied.bytes();
        for view in &views {
            let (to, others) = rest.split_at_mut(view.len_bytes());
            view.copy_to_slice(py, to)?;
            rest = others;
        }
        let copied = copied.into_buffer();
        Ok(Self::new(layout.layout(), (!copied.is_empty()).then_some(copied).into_iter().collect()))
    }

    /// The rows of several, one after the other.
    #[staticmethod]
    fn joined(layout: &RowLayout, parts: Vec<Py<Self>>) -> Self {
        let pieces = parts.iter().flat_map(|part| part.get().pieces.iter().cloned());
        Self::new(layout.layout(), pieces.collect())
    }

    fn __len__(&self) -> usize {
        self.count()
    }

    /// The rows from `start` to before `end`.
    fn slice(&self, start: usize, end: usize) -> Self {
        let end = end.min(self.count());
        Self::new(&self.layout, self.part(start.min(end)..end))
    }

    /// The memory of all rows if they stand in one piece, for views of them.
    fn view(&self, py: Python<'_>) -> PyResult<Option<Py<Memory>>> {
        let one = match self.pieces.as_slice() {
            [one] => one.clone(),
            _ => return Ok(None),
        };
        // Shared with these rows, so that nobody writes to it.
        Py::new(py, Memory::new(one)).map(Some)
    }

    /// The values of columns, gathered; `keep` has a byte for each row, 0 for one that is left out.
    #[pyo3(signature = (names, keep=None))]
    fn columns(
        &self,
        py: Python<'_>,
        names: Vec<String>,
        keep: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<Read>> {
        let keep = keep.map(|keep| -> PyResult<Vec<u8>> {
            let bytes = PyBuffer::<u8>::get(keep)?.to_vec(py)?;
            match bytes.len() == self.count() {
                true => Ok(bytes),
                false => Err(invalid(format!("{} bytes for {} rows", bytes.len(), self.count()))),
            }
        });
        let keep = keep.transpose()?;
        let mut spans = Vec::with_capacity(names.len());
        for name in &names {
            let field = self.layout.field(name)?;
            let (offset, before) = (field.data().0, field.data().0 - field.offset);
            spans.push(Span { offset, size: field.size() - before });
        }
        let record = self.layout.record_size();
        let gathered = py.detach(|| {
            let pieces: Vec<&[u8]> = self.pieces.iter().map(Buffer::as_slice).collect();
            gather(&pieces, record, &spans, keep.as_deref())
        });
        gathered.into_iter().map(|bytes| read(py, Values { bytes, validity: None })).collect()
    }

    /// A byte for each row, 1 if it is one that a `where` is true of.
    fn select(&self, py: Python<'_>, r#where: &Bound<'_, PyAny>) -> PyResult<Memory> {
        let Some(predicate) = predicate::filter(Some(r#where))? else {
            return Err(invalid("a where is text or an expression"));
        };
        let kept = py.detach(|| {
            let pieces: Vec<&[u8]> = self.pieces.iter().map(Buffer::as_slice).collect();
            select(&self.layout, &pieces, &predicate)
        });
        Ok(Memory::new(kept?.into()))
    }
}
