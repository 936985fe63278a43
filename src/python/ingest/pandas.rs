//! pandas objects. What their many dtypes mean is told in Python, by `chronolite._pandas`; the
//! values go through NumPy, so that nothing depends on pyarrow being there.

use arrow_array::ArrayRef;
use pyo3::intern;
use pyo3::prelude::*;

use super::{Columns, Target, Wants, column, column_name, is_of, numpy};
use crate::arrow::import::Place;

/// True for a `DataFrame`.
pub(super) fn is_frame(data: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(is_of(data, "pandas")? && data.hasattr(intern!(data.py(), "columns"))?)
}

/// True for a `Series`, an `Index` or one of pandas' own arrays.
pub(super) fn is_column(values: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(is_of(values, "pandas")? && values.hasattr(intern!(values.py(), "isna"))?)
}

/// The columns of a `DataFrame`; its index is one if it is named as one that it may be.
pub(super) fn columns<'py>(frame: &Bound<'py, PyAny>, wants: &dyn Wants) -> PyResult<Columns<'py>> {
    let glue = frame.py().import("chronolite._pandas")?;
    let columns = glue.call_method1("columns", (frame, wants.of_index()))?;
    let columns = columns.try_iter()?.map(|item| {
        let (name, values): (Bound<'py, PyAny>, Bound<'py, PyAny>) = item?.extract()?;
        Ok((column_name(&name)?, values))
    });
    columns.collect()
}

/// The values of a `Series`, an `Index` or an array of pandas.
pub(super) fn read(
    values: &Bound<'_, PyAny>,
    target: Target,
    place: &Place<'_>,
) -> PyResult<Vec<ArrayRef>> {
    let glue = values.py().import("chronolite._pandas")?;
    let parts = glue.call_method1("column", (values, place.column))?;
    let (values, mask, nan_is_null): (Bound<'_, PyAny>, Option<Bound<'_, PyAny>>, bool) =
        parts.extract()?;
    if numpy::is_array(&values)? {
        return Ok(vec![numpy::read(&values, mask.as_ref(), nan_is_null, target, place)?]);
    }
    column::read(&values, target, place)
}
