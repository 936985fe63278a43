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

use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as ArrowType;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping};

use super::capsule;
use super::errors::schema;
use crate::arrow::import::{Matching, Place};
use crate::base::{DataType, TableSpec, TimeUnit};

/// Rows by column. The arrays may be views of memory that Python objects own.
pub(super) struct Rows {
    pub(super) names: Vec<String>,
    /// In each chunk the arrays have one length and stand in the order of `names`.
    pub(super) chunks: Vec<Vec<ArrayRef>>,
}

/// The columns of some data, by name.
type Columns<'py> = Vec<(String, Bound<'py, PyAny>)>;

/// What a column of the data will become.
#[derive(Debug, Clone, Copy)]
enum Target {
    Time(TimeUnit),
    Value(DataType),
}

impl Target {
    fn of(spec: &TableSpec, name: &str) -> PyResult<Self> {
        if name == spec.time_column {
            return Ok(Self::Time(spec.unit));
        }
        Ok(Self::Value(spec.columns[spec.position(name)?].ty))
    }
}

/// The rows in `data`. Nothing is written yet.
pub(super) fn read(data: &Bound<'_, PyAny>, spec: &TableSpec) -> PyResult<Rows> {
    match whole(data, spec, 0)? {
        Some(rows) => Ok(rows),
        None => pieces::read(data, spec),
    }
}

/// The rows in `data`, the first of which is row `first_row` of all; `None` if it is of no kind
/// that holds rows itself.
fn whole(data: &Bound<'_, PyAny>, spec: &TableSpec, first_row: usize) -> PyResult<Option<Rows>> {
    let py = data.py();
    let rows = if let Ok(dict) = data.cast::<PyDict>() {
        by_column(named(dict.items())?, spec, first_row)?
    } else if records::is_records(data)? {
        records::read(data, spec, first_row)?
    } else if pandas::is_frame(data)? {
        by_column(pandas::columns(data, spec)?, spec, first_row)?
    } else if let Some(fields) = numpy::fields(data)? {
        by_column(fields, spec, first_row)?
    } else if data.hasattr(intern!(py, "__arrow_c_stream__"))? {
        polars::check_frame(data)?;
        let (ty, arrays) = capsule::import_stream(data)?;
        from_arrow(&ty, &arrays)?
    } else if data.hasattr(intern!(py, "__arrow_c_array__"))? {
        let array = capsule::import_array(data)?;
        from_arrow(&array.data_type().clone(), &[array])?
    } else if let Ok(mapping) = data.cast::<PyMapping>() {
        by_column(named(mapping.items()?)?, spec, first_row)?
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

/// Rows that are an array of structs each.
pub(super) fn from_arrow(ty: &ArrowType, arrays: &[ArrayRef]) -> PyResult<Rows> {
    let ArrowType::Struct(fields) = ty else {
        return Err(schema(format!("the data has no columns: it is an array of {ty}")));
    };
    let names = fields.iter().map(|field| field.name().clone()).collect();
    let chunks = arrays.iter().map(capsule::columns).collect::<Result<_, _>>()?;
    Ok(Rows { names, chunks })
}

/// Rows from columns that are each an object of their own.
fn by_column(columns: Columns<'_>, spec: &TableSpec, first_row: usize) -> PyResult<Rows> {
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    // Before the values: a wrong name is worth more to know than a wrong value.
    let matching = Matching::new(spec, &names)?;
    let mut arrays = Vec::with_capacity(columns.len());
    for (name, values) in &columns {
        let place = Place { column: name, first_row };
        arrays.push(column::read(values, Target::of(spec, name)?, &place)?);
    }
    let lens: Vec<usize> =
        arrays.iter().map(|chunks| chunks.iter().map(|array| array.len()).sum()).collect();
    let rows = lens[matching.time];
    if let Some(position) = lens.iter().position(|&len| len != rows) {
        let (name, len, time) = (&names[position], lens[position], &spec.time_column);
        return Err(schema(format!("column {name:?} has {len} rows, {time:?} has {rows}")));
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
