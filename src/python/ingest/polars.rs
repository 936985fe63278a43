//! What polars does not say by Arrow: a column of Python objects is handed over as the addresses of
//! the objects, as if those were bytes to keep.

use pyo3::intern;
use pyo3::prelude::*;

use super::is_of;
use crate::arrow::import::Place;

/// Refuses a frame with a column of objects.
pub(super) fn check_frame(data: &Bound<'_, PyAny>) -> PyResult<()> {
    if !is_of(data, "polars")? || !data.hasattr(intern!(data.py(), "schema"))? {
        return Ok(());
    }
    let schema = data.getattr(intern!(data.py(), "schema"))?;
    for item in schema.call_method0(intern!(data.py(), "items"))?.try_iter()? {
        let (name, dtype): (String, Bound<'_, PyAny>) = item?.extract()?;
        check(&dtype, &Place { column: &name, first_row: 0 })?;
    }
    Ok(())
}

/// Refuses a series of objects.
pub(super) fn check_series(values: &Bound<'_, PyAny>, place: &Place<'_>) -> PyResult<()> {
    if !is_of(values, "polars")? {
        return Ok(());
    }
    check(&values.getattr(intern!(values.py(), "dtype"))?, place)
}

fn check(dtype: &Bound<'_, PyAny>, place: &Place<'_>) -> PyResult<()> {
    if dtype.str()?.to_str()? == "Object" {
        return Err(place.error("polars' Object is not taken: convert it first").into());
    }
    Ok(())
}
