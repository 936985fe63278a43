//! Data in: whatever Python people keep tables in, as Arrow arrays by name.
//!
//! Placement: which kind of object the data is, is decided here; data in pieces (a generator of
//! batches, say) is put together in `pieces`; a single column (a NumPy array, a
//! list, a Series) is turned into arrays in `column` and below. What the types mean to the table
//! is checked afterwards, in one place for all kinds, by `arrow::import`.

mod column;
mod elements;
mod numpy;
mod pandas;
mod pieces;
mod polars;
mod records;
mod vectors;

use std::iter::once;

use arrow_array::{Array, ArrayRef};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping};

use super::capsule;
use super::errors::schema;
pub(super) use crate::arrow::foreign::Rows;
use crate::arrow::import::{Matching, Place};
use crate::base::{DataType, TableSpec, TimeUnit};
use crate::error::Result;

/// The columns of some data, by name.
type Columns<'py> = Vec<(String, Bound<'py, PyAny>)>;

/// What a column of the data will become.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// The times of a table's rows.
    Time(TimeUnit),
    Value(DataType),
    /// Times, of which some may be missing; days without a unit.
    Moment(Option<TimeUnit>),
    /// Bytes, or text of ASCII alone.
    Ascii,
}

/// Who wants data: the columns that it must have, all of them and no others.
pub(super) trait Wants {
    /// Their names in order.
    fn names(&self) -> Vec<String>;

    /// What the column of that name becomes, and how many of it a row has if not just one.
    fn target(&self, name: &str) -> PyResult<(Target, Option<usize>)>;

    /// For every column, in order, which of these names is its: none is missing, unknown or there
    /// twice.
    fn places(&self, names: &[String]) -> Result<Vec<usize>>;

    /// The columns that the index of a DataFrame may be.
    fn of_index(&self) -> Vec<String>;
}

impl Wants for TableSpec {
    fn names(&self) -> Vec<String> {
        once(&self.time_column).chain(self.columns.iter().map(|def| &def.name)).cloned().collect()
    }

    fn target(&self, name: &str) -> PyResult<(Target, Option<usize>)> {
        if name == self.time_column {
            return Ok((Target::Time(self.unit), None));
        }
        Ok((Target::Value(self.columns[self.position(name)?].ty), None))
    }

    fn places(&self, names: &[String]) -> Result<Vec<usize>> {
        let matching = Matching::new(self, names)?;
        Ok(once(matching.time).chain(matching.values).collect())
    }

    fn of_index(&self) -> Vec<String> {
        vec![self.time_column.clone()]
    }
}

/// True for values without names: an array or a Series that is no table.
pub(super) fn is_values(data: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = data.py();
    if numpy::is_array(data)? {
        return data
            .getattr(intern!(py, "dtype"))?
            .getattr(intern!(py, "names"))
            .map(|names| names.is_none());
    }
    if pandas::is_column(data)? {
        return Ok(!pandas::is_frame(data)?);
    }
    let is_series = data.hasattr(intern!(py, "dtype"))? && is_of(data, "polars")?;
    Ok(is_series || data.hasattr(intern!(py, "null_count"))? && is_of(data, "pyarrow")?)
}

/// The rows in `data`. Nothing is written yet.
pub(super) fn read(data: &Bound<'_, PyAny>, wants: &dyn Wants) -> PyResult<Rows> {
    match whole(data, wants, 0)? {
        Some(rows) => Ok(rows),
        None => pieces::read(data, wants),
    }
}

/// The rows in `data`, the first of which is row `first_row` of all; `None` if it is of no kind
/// that holds rows itself.
fn whole(data: &Bound<'_, PyAny>, wants: &dyn Wants, first_row: usize) -> PyResult<Option<Rows>> {
    let py = data.py();
    let rows = if let Ok(dict) = data.cast::<PyDict>() {
        by_column(named(dict.items())?, wants, first_row)?
    } else if records::is_records(data)? {
        records::read(data, wants, first_row)?
    } else if pandas::is_frame(data)? {
        by_column(pandas::columns(data, wants)?, wants, first_row)?
    } else if let Some(fields) = numpy::fields(data)? {
        by_column(fields, wants, first_row)?
    } else if data.hasattr(intern!(py, "__arrow_c_stream__"))? {
        polars::check_frame(data)?;
        let (ty, arrays) = capsule::import_stream(data)?;
        Rows::of(&ty, &arrays)?
    } else if data.hasattr(intern!(py, "__arrow_c_array__"))? {
        let array = capsule::import_array(data)?;
        Rows::of(&array.data_type().clone(), &[array])?
    } else if let Ok(mapping) = data.cast::<PyMapping>() {
        by_column(named(mapping.items()?)?, wants, first_row)?
    } else {
        return Ok(None);
    };
    Ok(Some(rows))
}

/// Pairs of a name and the values under it.
fn named<'py>(items: Bound<'py, PyList>) -> PyResult<Columns<'py>> {
    let columns = items.iter().map(|item| {
        let (name, values): (Bound<'py, PyAny>, Bound<'py, PyAny>) = item.extract()?;
        Ok((column_name(&name)?, values))
    });
    columns.collect()
}

/// True for an object of a class of `library`, or of a subclass (a GeoDataFrame, say).
fn is_of(object: &Bound<'_, PyAny>, library: &str) -> PyResult<bool> {
    for class in object.get_type().mro().iter() {
        let module = class.getattr(intern!(object.py(), "__module__"))?;
        if module.extract::<&str>().is_ok_and(|name| name.split('.').next() == Some(library)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn column_name(name: &Bound<'_, PyAny>) -> PyResult<String> {
    match name.extract() {
        Ok(name) => Ok(name),
        Err(_) => Err(schema(format!("a column's name is text, not {}", name.repr()?))),
    }
}

/// Rows from columns that are each an object of their own.
fn by_column(columns: Columns<'_>, wants: &dyn Wants, first_row: usize) -> PyResult<Rows> {
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    // Before the values: a wrong name is worth more to know than a wrong value.
    let places = wants.places(&names)?;
    let mut arrays = Vec::with_capacity(columns.len());
    for (name, values) in &columns {
        let place = Place { column: name, first_row };
        arrays.push(match wants.target(name)? {
            (target, None) => column::read(values, target, &place)?,
            (target, Some(count)) => vectors::read(values, count, target, &place)?,
        });
    }
    let lens: Vec<usize> =
        arrays.iter().map(|chunks| chunks.iter().map(|array| array.len()).sum()).collect();
    let Some(&first) = places.first() else { return Ok(Rows { names, chunks: vec![] }) };
    let rows = lens[first];
    if let Some(position) = lens.iter().position(|&len| len != rows) {
        let (name, len, first) = (&names[position], lens[position], &names[first]);
        return Err(schema(format!("column {name:?} has {len} rows, {first:?} has {rows}")));
    }
    Ok(Rows { names, chunks: align(&arrays) })
}

/// Columns of one length in chunks of their own, as chunks that they share.
fn align(columns: &[Vec<ArrayRef>]) -> Vec<Vec<ArrayRef>> {
    let mut at: Vec<(usize, usize)> = vec![(0, 0); columns.len()];
    let mut out = vec![];
    loop {
        for (chunks, (chunk, row)) in columns.iter().zip(&mut at) {
            while chunks.get(*chunk).is_some_and(|array| array.len() == *row) {
                (*chunk, *row) = (*chunk + 1, 0);
            }
        }
        let left = columns
            .iter()
            .zip(&at)
            .map(|(chunks, &(chunk, row))| chunks.get(chunk).map_or(0, |array| array.len() - row));
        let len = left.min().unwrap_or(0);
        if len == 0 {
            return out;
        }
        let slices = columns.iter().zip(&mut at).map(|(chunks, (chunk, row))| {
            let slice = chunks[*chunk].slice(*row, len);
            *row += len;
            slice
        });
        out.push(slices.collect());
    }
}
