//! Columns of which a row has several values: an array of two dimensions, lists of one length, or
//! Arrow's lists.

use std::iter::once;
use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer};
use arrow_schema::Field;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::{Target, column, elements, numpy, pandas};
use crate::arrow::import::Place;
use crate::python::errors::type_name;

/// The values of a column, `count` a row, as lists.
pub(super) fn read(
    values: &Bound<'_, PyAny>,
    count: usize,
    target: Target,
    place: &Place<'_>,
) -> PyResult<Vec<ArrayRef>> {
    let py = values.py();
    let is_array = numpy::is_array(values)?;
    if is_array && values.getattr(intern!(py, "ndim"))?.extract::<usize>()? == 2 {
        let shape: (usize, usize) = values.getattr(intern!(py, "shape"))?.extract()?;
        if shape.1 != count {
            return Err(place.error(wrong_count(count, shape.1)).into());
        }
        let flat = values.call_method1(intern!(py, "reshape"), (-1,))?;
        let nulls = numpy::masked_rows(values)?;
        return lists(column::read(&flat, target, place)?, count, nulls.as_ref(), place);
    }
    // A Series of pandas may hand itself over as well, but its lists are objects.
    if !is_array
        && !pandas::is_column(values)?
        && let Some(arrays) = column::by_arrow(values, place)?
    {
        return Ok(arrays);
    }
    let rows = values.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    let len = rows.len();
    Ok(vec![of_rows(rows.into_iter().map(Ok), len, count, target, place)?])
}

/// The values of `len` rows, `count` from each of these.
pub(super) fn of_rows<'py>(
    rows: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
    len: usize,
    count: usize,
    target: Target,
    place: &Place<'_>,
) -> PyResult<ArrayRef> {
    // With the number of its row, which an error says.
    let mut items = Vec::with_capacity(len * count);
    let mut present = BooleanBufferBuilder::new(len);
    for (row, values) in rows.enumerate() {
        let values = values?;
        present.append(!values.is_none());
        if values.is_none() {
            items.extend(std::iter::repeat_n((row, values), count));
            continue;
        }
        let single = values.is_instance_of::<PyString>() || values.is_instance_of::<PyBytes>();
        let Some(several) = values.try_iter().ok().filter(|_| !single) else {
            let what = format!("{count} values were expected, not {}", type_name(&values));
            return Err(place.at(row, what).into());
        };
        let before = items.len();
        for item in several {
            items.push((row, item?));
        }
        if items.len() - before != count {
            return Err(place.at(row, wrong_count(count, items.len() - before)).into());
        }
    }
    let all = items.iter().map(|(_, item)| Ok(item.clone()));
    let flat = elements::read(all, items.len(), None, target, place).map_err(|error| {
        let of_row = |(row, item): &(usize, Bound<'py, PyAny>)| {
            let place = Place { first_row: place.first_row + row, ..*place };
            elements::read(once(Ok(item.clone())), 1, None, target, &place).err()
        };
        items.iter().find_map(of_row).unwrap_or(error)
    })?;
    let nulls = NullBuffer::new(present.finish());
    let mut arrays = lists(vec![flat], count, Some(&nulls), place)?;
    arrays.pop().ok_or_else(|| place.error("it has no values").into())
}

/// Arrays of values as arrays of lists, of which some rows may have none.
fn lists(
    arrays: Vec<ArrayRef>,
    count: usize,
    nulls: Option<&NullBuffer>,
    place: &Place<'_>,
) -> PyResult<Vec<ArrayRef>> {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    let mut first = 0;
    let lists = arrays.into_iter().map(|values| {
        let rows = values.len() / count;
        let nulls = nulls.map(|nulls| nulls.slice(first, rows));
        first += rows;
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        let lists = FixedSizeListArray::try_new(field, count as i32, values, nulls);
        match lists {
            Ok(lists) => Ok(Arc::new(lists) as ArrayRef),
            Err(error) => Err(place.error(error).into()),
        }
    });
    lists.collect()
}

fn wrong_count(wanted: usize, found: usize) -> String {
    format!("a row has {wanted} values, not {found}")
}
