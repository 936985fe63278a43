//! pandas objects. What their many dtypes mean is told in Python, by `chronolite._pandas`; the
//! values go through NumPy, so that nothing depends on pyarrow being there.

use arrow_array::ArrayRef;
use pyo3::intern;
use pyo3::prelude::*;

use super::{Columns, Target, column, column_name, numpy};
use crate::base::TableSpec;

/// True for a `DataFrame`.
pub(super) fn is_frame(data: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(is_of_pandas(data)? && data.hasattr(intern!(data.py(), "columns"))?)
}

/// True for a `Series`, an `Index` or one of pandas' own arrays.
pub(super) fn is_column(values: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(is_of_pandas(values)? && values.hasattr(intern!(values.py(), "isna"))?)
}

fn is_of_pandas(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    // Subclasses (a GeoDataFrame, say) count too.
    for class in object.get_type().mro().iter() {
        let module = class.getattr(intern!(py, "__module__"))?;
        if module.extract::<&str>().is_ok_and(|name| name.split('.').next() == Some("pandas")) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The columns of a `DataFrame`; its index is one if it is named as the time column.
pub(super) fn columns<'py>(frame: &Bound<'py, PyAny>, spec: &TableSpec) -> PyResult<Columns<'py>> {
    let glue = frame.py().import("chronolite._pandas")?;
    let columns = glue.call_method1("columns", (frame, &spec.time_column))?;
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
    name: &str,
) -> PyResult<Vec<ArrayRef>> {
    let glue = values.py().import("chronolite._pandas")?;
    let parts = glue.call_method1("column", (values, name))?;
    let (values, mask, nan_is_null): (Bound<'_, PyAny>, Option<Bound<'_, PyAny>>, bool) =
        parts.extract()?;
    if numpy::is_array(&values)? {
        return Ok(vec![numpy::read(&values, mask.as_ref(), nan_is_null, target, name)?]);
    }
    column::read(&values, target, name)
}
