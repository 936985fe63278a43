//! The rows of closed ranges, as lists.

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::super::scan::Scan;
use super::super::schema::Schema;
use super::super::timestamps;
use crate::arrow::OutColumn;
use crate::base::{Column, concat};
use crate::db::{Db, ScanSpec, Table};
use crate::error::Error;
use crate::nanots;
use crate::python::lists::list;

/// The times of a closed range and its columns, as lists.
pub(in crate::python) fn range_columns<'py>(
    py: Python<'py>,
    db: &Db,
    name: &str,
    start: &Bound<'py, PyAny>,
    end: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyList>)> {
    let range = Range::read(py, &db.table(name)?, start, end)?;
    let columns = range.columns.iter().zip(&range.data);
    let mut lists = columns.map(|(def, column)| list(py, column, def.ty.stored()));
    let times = lists.next().unwrap_or_else(|| Ok(PyList::empty(py)))?;
    Ok((times, PyList::new(py, lists.collect::<PyResult<Vec<_>>>()?)?))
}

/// The rows of a closed range of a series, as pairs of time and value.
pub(in crate::python) fn range_pairs<'py>(
    py: Python<'py>,
    db: &Db,
    series: &str,
    start: &Bound<'py, PyAny>,
    end: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyList>> {
    nanots::check_series(&db.table(series)?)?;
    let (times, values) = range_columns(py, db, series, start, end)?;
    let values = values.get_item(0)?.cast_into::<PyList>()?;
    PyList::new(py, times.iter().zip(values.iter()))
}

/// The rows of a closed range, each column as a whole.
pub(super) struct Range {
    pub(super) columns: Vec<OutColumn>,
    pub(super) data: Vec<Column>,
}

impl Range {
    pub(super) fn read(
        py: Python<'_>,
        table: &Table,
        start: &Bound<'_, PyAny>,
        end: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let spec = &table.spec();
        let (start, end) = (timestamps::time(start, spec.unit)?, timestamps::time(end, spec.unit)?);
        let scan = Scan::new(py.detach(|| table.scan(ScanSpec::closed(start, end)))?);
        let chunks = scan.chunks(py)?;
        let columns = Schema::of_table(spec).columns().to_vec();
        let data = py.detach(|| whole(&columns, chunks))?;
        Ok(Self { columns, data })
    }
}

/// The chunks of a result as one.
fn whole(columns: &[OutColumn], chunks: Vec<Vec<Column>>) -> Result<Vec<Column>, Error> {
    let mut pieces: Vec<Vec<Column>> = columns.iter().map(|_| vec![]).collect();
    for chunk in chunks {
        for (pieces, column) in pieces.iter_mut().zip(chunk) {
            pieces.push(column);
        }
    }
    // One column at a time gives its pieces back, so that little is there twice.
    let pieces = columns.iter().zip(pieces);
    pieces.map(|(def, pieces)| concat(def.ty.stored(), &pieces)).collect()
}
