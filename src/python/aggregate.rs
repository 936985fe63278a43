//! The arguments of `aggregate` and `downsample`, and the result of the first.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyMapping, PyString};

use super::errors::{invalid, type_name, wrong_type};
use super::lists::list;
use super::timestamps;
use crate::base::TimeUnit;
use crate::db::{Aggregate, Fill, Origin, Summary};

/// Aggregates by column, as the kernel takes them.
pub(super) type Wanted = Vec<(String, Vec<Aggregate>)>;

/// A mapping of a column to a name or names of aggregates.
pub(super) fn wanted(aggregates: &Bound<'_, PyAny>) -> PyResult<Wanted> {
    let Ok(mapping) = aggregates.cast::<PyMapping>() else {
        let name = type_name(aggregates);
        return Err(wrong_type(format!(
            "aggregates is a dict such as {{\"temp\": [\"mean\", \"max\"]}}, not {name}"
        )));
    };
    let mut wanted = Wanted::new();
    for item in mapping.items()?.iter() {
        let (column, names): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let Ok(column) = column.extract::<String>() else {
            let name = type_name(&column);
            return Err(wrong_type(format!("aggregates: a column is named by text, not {name}")));
        };
        let mut found = vec![];
        for name in names_of(&names)? {
            let aggregate = one(&column, &name)?;
            if found.contains(&aggregate) {
                return Err(invalid(format!("column {column:?}: {name} is asked for twice")));
            }
            found.push(aggregate);
        }
        wanted.push((column, found));
    }
    Ok(wanted)
}

/// One name, or several.
pub(super) fn names_of(names: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if let Ok(name) = names.cast::<PyString>() {
        return Ok(vec![name.to_str()?.to_owned()]);
    }
    let Ok(names) = names.try_iter() else {
        let name = type_name(names);
        return Err(wrong_type(format!("a name or a list of names is needed, not {name}")));
    };
    names.map(|name| name?.extract()).collect()
}

fn one(column: &str, name: &str) -> PyResult<Aggregate> {
    Aggregate::from_name(name).ok_or_else(|| {
        let all: Vec<_> = Aggregate::ALL.iter().map(|aggregate| aggregate.name()).collect();
        let all = all.join(", ");
        invalid(format!("column {column:?}: there is no aggregate {name:?}; there are {all}"))
    })
}

/// "epoch", "start", or a time.
pub(super) fn origin(origin: &Bound<'_, PyAny>, unit: TimeUnit) -> PyResult<Origin> {
    match origin.extract::<&str>() {
        Ok("epoch") => Ok(Origin::Epoch),
        Ok("start") => Ok(Origin::Start),
        _ => Ok(Origin::At(timestamps::time(origin, unit)?)),
    }
}

/// The name of a time zone, or a `zoneinfo.ZoneInfo`.
pub(super) fn tz(tz: Option<&Bound<'_, PyAny>>) -> PyResult<Option<String>> {
    let Some(tz) = tz.filter(|tz| !tz.is_none()) else { return Ok(None) };
    if let Ok(name) = tz.extract::<String>() {
        return Ok(Some(name));
    }
    match tz.getattr_opt("key")?.map(|key| key.extract::<String>()) {
        Some(Ok(name)) => Ok(Some(name)),
        _ => {
            let name = type_name(tz);
            Err(wrong_type(format!("tz is the name of a time zone or a ZoneInfo, not {name}")))
        }
    }
}

/// "null", "previous", "linear", or a number.
pub(super) fn fill(fill: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Fill>> {
    let Some(fill) = fill.filter(|fill| !fill.is_none()) else { return Ok(None) };
    if let Ok(name) = fill.extract::<&str>() {
        return match name {
            "null" => Ok(Some(Fill::Null)),
            "previous" => Ok(Some(Fill::Previous)),
            "linear" => Ok(Some(Fill::Linear)),
            _ => Err(invalid(format!(
                "fill = {name:?}; it is None, \"null\", \"previous\", \"linear\" or a number"
            ))),
        };
    }
    let plain = super::rows::plain(fill.clone()).ok().filter(|it| !it.is_instance_of::<PyBool>());
    match plain {
        Some(int) if int.is_instance_of::<PyInt>() => Ok(Some(Fill::Int(int.extract()?))),
        Some(float) if float.is_instance_of::<PyFloat>() => Ok(Some(Fill::Float(float.extract()?))),
        _ => {
            let name = type_name(fill);
            Err(wrong_type(format!("fill is None, a name or a number, not {name}")))
        }
    }
}

/// The results by column and name.
pub(super) fn summary<'py>(
    py: Python<'py>,
    wanted: &Wanted,
    summary: &Summary,
) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    let mut results = summary.columns();
    for (column, aggregates) in wanted {
        let each = PyDict::new(py);
        for (aggregate, (def, value)) in aggregates.iter().zip(results.by_ref()) {
            each.set_item(aggregate.name(), list(py, value, def.stored())?.get_item(0)?)?;
        }
        all.set_item(column, each)?;
    }
    Ok(all)
}
