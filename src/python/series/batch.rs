//! Rows that are to be written.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arrow::import::Place;
use crate::base::Column;
use crate::error::Result;
use crate::series::{Layout, Source, Values, fit, pack};

/// Rows of a schema that fit it, column by column.
#[pyclass(frozen, name = "_RowBatch", module = "chronolite._core")]
pub(in crate::python) struct RowBatch {
    layout: Arc<Layout>,
    chunks: Vec<Chunk>,
}

struct Chunk {
    rows: usize,
    /// Of each field.
    values: Vec<Values>,
}

/// A chunk that is taken apart has so many bytes at most, so that 32-bit offsets reach all of it.
const MOST: usize = 1 << 30;

impl RowBatch {
    /// Arrays as rows; `places` says where that of each field is.
    pub(super) fn new(
        layout: &Arc<Layout>,
        chunks: &[Vec<ArrayRef>],
        places: &[usize],
    ) -> Result<Self> {
        let (mut fitted, mut first_row) = (vec![], 0);
        let most = (MOST / layout.record_size()).max(1);
        for chunk in chunks {
            let all = chunk.first().map_or(0, |array| array.len());
            let mut start = 0;
            while start < all {
                let rows = most.min(all - start);
                let of_field = layout.fields().iter().zip(places).map(|(field, at)| {
                    let place = Place { column: &field.name, first_row: first_row + start };
                    fit(&chunk[*at].slice(start, rows), field, &place)
                });
                fitted.push(Chunk { rows, values: of_field.collect::<Result<_>>()? });
                start += rows;
            }
            first_row += all;
        }
        Ok(Self { layout: Arc::clone(layout), chunks: fitted })
    }

    pub(super) fn rows(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.rows).sum()
    }

    /// The rows, packed.
    pub(super) fn packed(&self) -> Vec<u8> {
        let mut packed = vec![0; self.rows() * self.layout.record_size()];
        self.pack_into(&mut packed);
        packed
    }

    /// Packs the rows into zeros.
    fn pack_into(&self, packed: &mut [u8]) {
        let record = self.layout.record_size();
        let mut rest = packed;
        for chunk in &self.chunks {
            let (rows, others) = rest.split_at_mut(chunk.rows * record);
            let fields = self.layout.fields().iter().zip(&chunk.values);
            let sources: Vec<_> = fields
                .map(|(field, values)| Source { span: field.span(), bytes: &values.bytes })
                .collect();
            pack(&sources, record, rows);
            rest = others;
        }
    }

    /// Rows and columns of the kernel, of each chunk.
    pub(super) fn columns(&self) -> Vec<(usize, Vec<Column>)> {
        let chunks = self.chunks.iter().map(|chunk| {
            let fields = self.layout.fields().iter().zip(&chunk.values);
            let columns = fields.map(|(field, values)| field.to_column(values));
            (chunk.rows, columns.collect())
        });
        chunks.collect()
    }
}

#[pymethods]
impl RowBatch {
    fn __len__(&self) -> usize {
        self.rows()
    }

    /// The rows, packed as they stand in a file.
    fn pack<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        PyBytes::new_with(py, self.rows() * self.layout.record_size(), |bytes| {
            py.detach(|| self.pack_into(bytes));
            Ok(())
        })
    }
}
