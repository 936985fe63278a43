//! A schema: what a row of it looks like, rows made from data, and columns of a scan as its own.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::batch::RowBatch;
use crate::arrow::import::places;
use crate::base::predicate::Predicate as Base;
use crate::base::schema::StoragePolicy;
use crate::base::{self, DataType, TableSpec};
use crate::db::join;
use crate::error::Result;
use crate::python::create;
use crate::python::errors::{schema, wrong_type};
use crate::python::ingest::{self, Target, Wants};
use crate::python::memory::{Memory, nulls_of};
use crate::python::predicate::{self, Predicate};
use crate::python::scan::Scan;
use crate::python::table::Table;
use crate::series::{ColumnFormat, Field, Kind, Layout, Span, Values, gather};

/// The rows of a schema.
#[pyclass(frozen, name = "_RowLayout", module = "chronolite._core")]
pub(in crate::python) struct RowLayout {
    layout: Arc<Layout>,
}

/// Who takes rows of a schema.
struct Taker<'a>(&'a Layout);

impl Wants for Taker<'_> {
    fn names(&self) -> Vec<String> {
        self.0.fields().iter().map(|field| field.name.clone()).collect()
    }

    fn target(&self, name: &str) -> PyResult<(Target, Option<usize>)> {
        let field = self.0.field(name)?;
        let target = match field.kind {
            // Rounded by whoever fits them.
            Kind::Float => Target::Value(DataType::F64),
            Kind::Int => Target::Value(DataType::I64),
            Kind::UInt => Target::Value(DataType::U64),
            Kind::Bool => Target::Value(DataType::Bool),
            Kind::Time(unit) => Target::Moment(unit.of_kernel()),
            Kind::Bytes | Kind::Pascal => Target::Ascii,
        };
        Ok((target, field.count))
    }

    fn places(&self, names: &[String]) -> Result<Vec<usize>> {
        let columns: Vec<_> = self.0.fields().iter().map(|field| field.name.as_str()).collect();
        places(&columns, names)
    }

    fn of_index(&self) -> Vec<String> {
        self.names()
    }
}

/// A column as Python knows it: its name, its type as NumPy writes it, how many a row has if not just
/// one, and where the first stands in the row.
type Column = (String, String, Option<usize>, usize);

/// The values of a column, one after the other, and a byte for each row, 1 for a null.
pub(super) type Read = (Py<Memory>, Option<Py<Memory>>);

#[pymethods]
impl RowLayout {
    #[new]
    fn new(columns: Vec<(String, String, bool)>) -> PyResult<Self> {
        let columns: Vec<_> = columns
            .into_iter()
            .map(|(name, format, nullable)| ColumnFormat { name, format, nullable })
            .collect();
        Ok(Self { layout: Arc::new(Layout::new(&columns)?) })
    }

    /// The bytes of a row.
    #[getter]
    fn record_size(&self) -> usize {
        self.layout.record_size()
    }

    /// A row as `struct` has it.
    #[getter]
    fn struct_format(&self) -> PyResult<String> {
        Ok(self.layout.struct_format()?)
    }

    /// The columns: name, type, values a row, place in the row.
    #[getter]
    fn columns(&self) -> Vec<Column> {
        let columns = self.layout.fields().iter();
        let column =
            |field: &Field| (field.name.clone(), field.dtype(), field.count, field.data().0);
        columns.map(column).collect()
    }

    /// The columns whose nulls have no place in a row.
    #[getter]
    fn nullable(&self) -> Vec<String> {
        let columns = self.layout.fields().iter();
        let columns = columns.filter(|field| field.nullable && !field.has_blank());
        columns.map(|field| field.name.clone()).collect()
    }

    /// All that matters to the bytes of a row, as text.
    fn describe(&self) -> String {
        self.layout.describe()
    }

    /// The rows in data of any kind.
    fn batch(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<RowBatch> {
        let taker = Taker(&self.layout);
        let rows = match self.wrapped(data)? {
            Some(wrapped) => ingest::read(&wrapped, &taker)?,
            None => ingest::read(data, &taker)?,
        };
        let places = taker.places(&rows.names)?;
        let layout = &self.layout;
        Ok(py.detach(|| RowBatch::new(layout, &rows.chunks, &places))?)
    }

    /// What a `where` says, in terms of the table that holds such rows.
    #[pyo3(name = "predicate")]
    fn in_kernels_terms(&self, given: &Bound<'_, PyAny>) -> PyResult<Predicate> {
        let given = predicate::filter(Some(given))?.unwrap_or(Base::Known(Some(true)));
        Ok(Predicate::new(self.layout.in_kernels_terms(&given)?))
    }

    /// Refuses a table that holds other rows.
    fn check_table(&self, table: &Table) -> PyResult<()> {
        Ok(self.layout.check_table(table.table().name(), &table.table().spec())?)
    }

    /// The columns of those names of a scan of such a table, as they stand in rows.
    fn of_scan(&self, py: Python<'_>, scan: &Scan, names: Vec<String>) -> PyResult<Vec<Read>> {
        let chunks = scan.chunks(py)?;
        let columns = names.iter().map(|name| {
            let field = self.layout.field(name)?;
            // The time of the table is there as well.
            let position = scan.columns().iter().position(|column| column.name == *name);
            let position = position.ok_or_else(|| schema(format!("{name:?} was not scanned")))?;
            let pieces = chunks.iter().map(|chunk| chunk[position].clone()).collect();
            let values = py.detach(|| as_numpy(field, values(field, pieces)));
            read(py, values)
        });
        columns.collect()
    }
}

/// Pieces of a column of the kernel as one.
fn values(field: &Field, pieces: Vec<base::Column>) -> Values {
    let pieces = join(pieces, field.data_type());
    let pieces: Vec<_> = pieces.iter().map(|piece| field.to_values(piece)).collect();
    match <[_; 1]>::try_from(pieces) {
        Ok([values]) => values,
        Err(pieces) => Values::concat(&pieces, field.size()),
    }
}

/// The values as NumPy has them: those of a Pascal string without their length.
fn as_numpy(field: &Field, values: Values) -> Values {
    let (offset, size) = (field.data().0 - field.offset, field.data().1);
    if offset == 0 {
        return values;
    }
    let gathered = gather(&[&values.bytes], field.width, &[Span { offset, size }], None);
    Values { bytes: gathered.into_iter().next().unwrap_or_default(), ..values }
}

/// Values as they are handed out.
pub(super) fn read(py: Python<'_>, values: Values) -> PyResult<Read> {
    let nulls = values.validity.as_ref().map(|validity| nulls_of(py, validity)).transpose()?;
    Ok((Py::new(py, Memory::new(values.bytes))?, nulls))
}

impl RowLayout {
    pub(super) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The table of the kernel that holds such rows.
    pub(super) fn spec(&self, storage: &str) -> PyResult<TableSpec> {
        let all = &StoragePolicy::ALL;
        let storage = create::one_of("storage", storage, all, StoragePolicy::name)?;
        Ok(self.layout.table().storage(storage))
    }

    /// Data that is not rows by itself: a dict that is one row, and values of the only column.
    fn wrapped<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = data.py();
        if let Ok(dict) = data.cast::<PyDict>() {
            let one_row = self.is_row(dict)?;
            return Ok(one_row.then(|| PyList::new(py, [dict])).transpose()?.map(Bound::into_any));
        }
        if !ingest::is_values(data)? {
            return Ok(None);
        }
        let [field] = self.layout.fields() else {
            return Err(wrong_type(format!(
                "values without a name are rows of a schema of one column, this one has {}",
                self.layout.fields().len()
            )));
        };
        let dict = PyDict::new(py);
        dict.set_item(&field.name, data)?;
        Ok(Some(dict.into_any()))
    }

    /// True for a dict each of whose values is one, and not a column of them.
    fn is_row(&self, dict: &Bound<'_, PyDict>) -> PyResult<bool> {
        let mut found = false;
        let mut vectors = vec![];
        for (name, value) in dict.iter() {
            let name = name.cast::<PyString>().ok().and_then(|name| name.to_str().ok());
            match name.and_then(|name| self.layout.field(name).ok()) {
                Some(Field { count: Some(_), .. }) => vectors.push(value),
                _ if is_column(&value)? => return Ok(false),
                _ => found = true,
            }
        }
        if found || vectors.is_empty() {
            return Ok(found);
        }
        // Of rows of a column of several values each, the first is several.
        for value in vectors {
            // What can only be iterated over is left as it is: of that there is no second time.
            let first = value.get_item(0);
            if first.map_or(Ok(true), |first| is_column(&first))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// True for what may be iterated over and is no text.
fn is_column(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = value.py();
    if value.is_instance_of::<PyString>() || value.is_instance_of::<pyo3::types::PyBytes>() {
        return Ok(false);
    }
    if value.hasattr(intern!(py, "ndim"))? {
        return Ok(value.getattr(intern!(py, "ndim"))?.extract::<usize>().unwrap_or(1) > 0);
    }
    Ok(value.hasattr(intern!(py, "__iter__"))?
        || value.hasattr(intern!(py, "__arrow_c_array__"))?)
}
