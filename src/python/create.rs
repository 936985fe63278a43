//! What `create_table` takes: columns in four ways, and rules by name.

use arrow_schema::{DataType as ArrowType, Fields};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping, PyString, PyTuple};

use super::capsule;
use super::errors::{invalid, schema, type_name, wrong_type};
use crate::arrow::types::{column_type, time_unit};
use crate::base::{DataType, OnConflict, StoragePolicy, TableSpec, TimeUnit};

/// The keyword arguments of `create_table`.
pub(super) struct Rules<'a> {
    pub(super) time_unit: Option<&'a str>,
    pub(super) time_column: &'a str,
    pub(super) key: Vec<String>,
    pub(super) on_conflict: &'a str,
    pub(super) storage: &'a str,
    pub(super) codecs: Vec<(String, String)>,
}

/// The spec of a table: `columns` is a list of names (all `f64`), a dict of types by name, a list
/// of pairs, or anything with an Arrow schema.
pub(super) fn spec(columns: &Bound<'_, PyAny>, rules: &Rules<'_>) -> PyResult<TableSpec> {
    let (columns, arrow_unit) = columns_of(columns, rules.time_column)?;
    let mut spec = TableSpec::new(columns).time_column(rules.time_column);
    spec.unit = match rules.time_unit {
        Some(name) => one_of("time_unit", name, &TimeUnit::ALL, TimeUnit::name)?,
        None => arrow_unit.unwrap_or(TimeUnit::Millisecond),
    };
    let conflict = one_of("on_conflict", rules.on_conflict, &OnConflict::ALL, OnConflict::name)?;
    spec.on_conflict = conflict;
    spec.storage = one_of("storage", rules.storage, &StoragePolicy::ALL, StoragePolicy::name)?;
    let key: Vec<&str> = rules.key.iter().map(String::as_str).collect();
    let with = |spec: TableSpec, (column, name): &(String, String)| spec.codec_named(column, name);
    Ok(rules.codecs.iter().try_fold(spec.key(&key)?, with)?)
}

/// The names of codecs by columns: a dict, or another mapping.
pub(super) fn codecs(given: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let mapping = given.cast::<PyMapping>().map_err(|_| {
        wrong_type(format!("codecs are a dict of names by column, not {}", type_name(given)))
    })?;
    mapping.items()?.iter().map(|item| item.extract()).collect()
}

/// The item whose name is `name`; the error lists all names.
pub(super) fn one_of<T: Copy>(
    argument: &str,
    name: &str,
    all: &[T],
    name_of: impl Fn(T) -> &'static str,
) -> PyResult<T> {
    all.iter().copied().find(|&item| name_of(item) == name).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|&item| format!("{:?}", name_of(item))).collect();
        invalid(format!("{argument} is one of {}, not {name:?}", names.join(", ")))
    })
}

type Columns = (Vec<(String, DataType)>, Option<TimeUnit>);

fn columns_of(columns: &Bound<'_, PyAny>, time_column: &str) -> PyResult<Columns> {
    if columns.hasattr(intern!(columns.py(), "__arrow_c_schema__"))? {
        return match capsule::import_type(columns)? {
            ArrowType::Struct(fields) => from_arrow(&fields, time_column),
            other => Err(schema(format!("an Arrow schema was expected, not the type {other}"))),
        };
    }
    if let Ok(dict) = columns.cast::<PyDict>() {
        let columns = dict.iter().map(|(name, ty)| Ok((name.extract()?, data_type(&ty)?)));
        return Ok((columns.collect::<PyResult<_>>()?, None));
    }
    if columns.is_instance_of::<PyList>() || columns.is_instance_of::<PyTuple>() {
        let columns = columns.try_iter()?.map(|item| name_and_type(&item?));
        return Ok((columns.collect::<PyResult<_>>()?, None));
    }
    Err(wrong_type(format!(
        "columns are a list of names, a dict of types by name, a list of (name, type) or an Arrow \
         schema, not {}",
        type_name(columns)
    )))
}

fn name_and_type(item: &Bound<'_, PyAny>) -> PyResult<(String, DataType)> {
    if let Ok(name) = item.cast::<PyString>() {
        return Ok((name.to_str()?.to_owned(), DataType::F64));
    }
    match item.extract::<(String, Bound<'_, PyAny>)>() {
        Ok((name, ty)) => Ok((name, data_type(&ty)?)),
        Err(_) => Err(wrong_type("each column is a name or a pair of name and type")),
    }
}

/// A column's type: its name, or a type of Arrow.
pub(super) fn data_type(ty: &Bound<'_, PyAny>) -> PyResult<DataType> {
    if let Ok(name) = ty.cast::<PyString>() {
        let name = name.to_str()?;
        return DataType::from_name(name).ok_or_else(|| unknown_type(name));
    }
    if ty.hasattr(intern!(ty.py(), "__arrow_c_schema__"))? {
        let arrow = capsule::import_type(ty)?;
        return column_type(&arrow).ok_or_else(|| unknown_type(&arrow.to_string()));
    }
    Err(wrong_type(format!("a type is a name such as \"f64\", not {}", type_name(ty))))
}

#[cold]
fn unknown_type(name: &str) -> PyErr {
    let names = DataType::ALL.map(DataType::name).join(", ");
    schema(format!("{name:?} is not a column type; the types are {names}"))
}

/// The value columns of an Arrow schema, and the unit of the time column if it has that too.
fn from_arrow(fields: &Fields, time_column: &str) -> PyResult<Columns> {
    let (mut columns, mut unit) = (vec![], None);
    for field in fields {
        let (name, ty) = (field.name(), field.data_type());
        if name == time_column {
            match ty {
                ArrowType::Timestamp(of, _) => unit = Some(time_unit(*of)),
                ArrowType::Int64 | ArrowType::Date32 | ArrowType::Date64 => {}
                _ => {
                    let what = "times are timestamps or 64-bit integers";
                    return Err(schema(format!("time column {name:?}: {what}, not {ty}")));
                }
            }
            continue;
        }
        let column = column_type(ty);
        let column = column.ok_or_else(|| {
            schema(format!("column {name:?}: a table has no columns of Arrow's type {ty}"))
        })?;
        columns.push((name.clone(), column));
    }
    Ok((columns, unit))
}
