//! The schema of a table or of a scan's result.

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList, PyTuple};

use super::{capsule, describe};
use crate::arrow::{OutColumn, OutType, export};
use crate::base::TableSpec;
use crate::db::ScanColumn;

/// Names and types of columns.
#[pyclass(frozen, eq, module = "chronolite")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schema {
    columns: Vec<OutColumn>,
}

impl Schema {
    /// The schema of a table: the time column, then the value columns.
    pub(super) fn of_table(spec: &TableSpec) -> Self {
        Self { columns: OutColumn::of_table(spec) }
    }

    /// The schema of a scan's result.
    pub(super) fn of_scan(columns: &[ScanColumn]) -> Self {
        Self { columns: columns.iter().map(OutColumn::from).collect() }
    }

    pub(super) fn columns(&self) -> &[OutColumn] {
        &self.columns
    }
}

#[pymethods]
impl Schema {
    /// The names, in order.
    #[getter]
    pub(super) fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }

    /// The types, in order: that of the time column is `timestamp[unit]`.
    #[getter]
    fn types(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.ty.to_string()).collect()
    }

    /// The name of the time column; None if a scan leaves it out.
    #[getter]
    fn time_column(&self) -> Option<&str> {
        let time = |column: &&OutColumn| matches!(column.ty, OutType::Time(_));
        self.columns.iter().find(time).map(|column| column.name.as_str())
    }

    /// The unit of the time column; None if a scan leaves it out.
    #[getter]
    fn time_unit(&self) -> Option<&'static str> {
        self.columns.iter().find_map(|column| match column.ty {
            OutType::Time(unit) => Some(unit.name()),
            OutType::Value(_) => None,
        })
    }

    fn __getitem__(&self, name: &str) -> PyResult<String> {
        let found = self.columns.iter().find(|column| column.name == name);
        found
            .map(|column| column.ty.to_string())
            .ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> bool {
        let name = name.extract::<&str>();
        name.is_ok_and(|name| self.columns.iter().any(|column| column.name == name))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyList::new(py, self.names())?.try_iter()?.into_any())
    }

    fn __len__(&self) -> usize {
        self.columns.len()
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        PyTuple::new(py, self.names())?.add(PyTuple::new(py, self.types())?)?.hash()
    }

    fn __repr__(&self) -> String {
        format!("<chronolite.Schema {}>", describe::columns(&self.columns))
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("chronolite._html")?.call_method1("schema", (slf,))
    }

    pub(super) fn __arrow_c_schema__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        capsule::schema(py, &export::schema(&self.columns))
    }
}
