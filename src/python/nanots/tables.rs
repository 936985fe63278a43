//! Tables by lists of names and types.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::super::errors::{schema, type_name, wrong_type};
use crate::base::DataType;
use crate::db::{Db, Table};
use crate::nanots::column_type;

/// Creates a table of `columns`, a list of pairs of name and name of type.
pub(in crate::python) fn create_typed(
    py: Python<'_>,
    db: &Db,
    table: &str,
    columns: &Bound<'_, PyAny>,
) -> PyResult<Table> {
    if !(columns.is_instance_of::<PyList>() || columns.is_instance_of::<PyTuple>()) {
        let name = type_name(columns);
        return Err(wrong_type(format!("columns are a list of (name, type), not {name}")));
    }
    let pairs = columns.try_iter()?.map(|pair| pair_of(&pair?));
    let pairs: Vec<(String, DataType)> = pairs.collect::<PyResult<_>>()?;
    let columns: Vec<_> = pairs.iter().map(|(name, ty)| (name.as_str(), *ty)).collect();
    Ok(py.detach(|| db.create_table_typed(table, &columns))?)
}

fn pair_of(pair: &Bound<'_, PyAny>) -> PyResult<(String, DataType)> {
    let (name, ty): (String, String) = pair
        .extract()
        .map_err(|_| wrong_type("each column is a pair of its name and the name of its type"))?;
    match column_type(&ty) {
        Some(ty) => Ok((name, ty)),
        None => Err(schema(format!(
            "column {name:?}: {ty:?} is not a column type; the types are {}, and float, double, \
             int, integer, boolean, string and str",
            DataType::ALL.map(DataType::name).join(", ")
        ))),
    }
}
