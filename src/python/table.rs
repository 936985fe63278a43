//! A table: appends, ranges, the whole as a stream.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PySlice};

use super::detached::Detached;
use super::errors::{invalid, wrong_type};
use super::ingest::{self, Rows};
use super::scan::Scan;
use super::schema::Schema;
use super::tail::{self, Tail};
use super::{aggregate, create, describe, durations, key, predicate, rows, timestamps};
use crate::base::{Codec, TimeUnit, Value};
use crate::db::{self, DownsampleSpec, Origin, Receipt, ScanSpec};

/// A table of a database: a time column, and typed value columns that can hold nulls.
#[pyclass(frozen, module = "chronolite")]
pub(super) struct Table {
    handles: Detached<Handles>,
    unit: TimeUnit,
}

struct Handles {
    db: db::Db,
    table: db::Table,
}

impl Table {
    pub(super) fn new(db: db::Db, table: db::Table) -> Self {
        let unit = table.spec().unit;
        Self { handles: Detached::new(Handles { db, table }), unit }
    }

    pub(super) fn table(&self) -> &db::Table {
        &self.handles.table
    }

    fn key(&self, given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<db::Key>> {
        given.map(|given| key::key(self.table(), given)).transpose()
    }

    fn range(&self, py: Python<'_>, spec: ScanSpec) -> PyResult<Scan> {
        Ok(Scan::new(py.detach(|| self.table().scan(spec))?))
    }
}

#[pymethods]
impl Table {
    /// The table's name.
    #[getter]
    fn name(&self) -> &str {
        self.table().name()
    }

    /// Names and types of all columns, the time column first.
    #[getter]
    fn schema(&self) -> Schema {
        Schema::of_table(&self.table().spec())
    }

    /// The names of all columns, the time column first.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.schema().names().into_iter().map(str::to_owned).collect()
    }

    /// The codecs that were asked for, by column: see `Db.create_table`.
    #[getter]
    fn codecs(&self) -> BTreeMap<String, &'static str> {
        let spec = self.table().spec();
        spec.codecs().map(|(column, codec)| (column.to_owned(), codec.name())).collect()
    }

    /// The earliest time, in the table's unit; None if there are no rows.
    #[getter]
    fn min_ts(&self, py: Python<'_>) -> PyResult<Option<i64>> {
        Ok(py.detach(|| self.table().min_ts())?)
    }

    /// The latest time, in the table's unit; None if there are no rows.
    #[getter]
    fn max_ts(&self, py: Python<'_>) -> PyResult<Option<i64>> {
        Ok(py.detach(|| self.table().max_ts())?)
    }

    /// Appends rows, all of them or none, and returns how many.
    fn append(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<u64> {
        let spec = self.table().spec();
        // Holds on to the caller's memory until the kernel is done with it.
        let rows = ingest::read(data, &*spec)?;
        append(py, self.table(), &rows)
    }

    /// Appends one row and returns its sequence number.
    fn append_row(
        &self,
        py: Python<'_>,
        ts: &Bound<'_, PyAny>,
        values: &Bound<'_, PyAny>,
    ) -> PyResult<u64> {
        let ts = timestamps::time(ts, self.unit)?;
        let table = self.table();
        let write = |row: &[Value<'_>]| write_row(py, table, ts, row);
        let receipt = rows::with_values(values, &table.spec(), write)?;
        settled(py, &self.handles.db, receipt)
    }

    /// Gives the table a column, in which the rows there are now are null.
    #[pyo3(signature = (name, r#type, *, codec=None))]
    fn add_column(
        &self,
        py: Python<'_>,
        name: &str,
        r#type: &Bound<'_, PyAny>,
        codec: Option<&str>,
    ) -> PyResult<()> {
        let ty = create::data_type(r#type)?;
        let codec = codec.map(|codec| Codec::asked(name, ty, codec)).transpose()?.flatten();
        Ok(py.detach(|| self.table().add_column_with(name, ty, codec))?)
    }

    /// Deletes the rows there are now with `start <= time < end`.
    #[pyo3(signature = (start, end, *, key=None))]
    fn delete(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let start = timestamps::bound(start, self.unit)?;
        let end = timestamps::bound(end, self.unit)?;
        let key = self.key(key)?;
        Ok(py.detach(|| self.table().delete(start, end, key))?)
    }

    /// Deletes the rows older than a length of time, or before a time.
    fn retain(&self, py: Python<'_>, duration_or_cutoff: &Bound<'_, PyAny>) -> PyResult<()> {
        if durations::is_duration(duration_or_cutoff)? {
            let age = durations::age("duration_or_cutoff", duration_or_cutoff, self.unit)?;
            return Ok(py.detach(|| self.table().retain(age))?);
        }
        let cutoff = timestamps::time(duration_or_cutoff, self.unit)?;
        Ok(py.detach(|| self.table().retain_from(cutoff))?)
    }

    /// The rows with `start <= time < end`, in the order of time, as of now.
    #[pyo3(signature = (
        start=None, end=None, *, columns=None, r#where=None, key=None, limit=None, reverse=false
    ))]
    #[allow(clippy::too_many_arguments)]
    fn scan(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        columns: Option<&Bound<'_, PyAny>>,
        r#where: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
        limit: Option<i64>,
        reverse: bool,
    ) -> PyResult<Scan> {
        let start = timestamps::bound(start, self.unit)?;
        let end = timestamps::bound(end, self.unit)?;
        let columns = columns.map(names).transpose()?;
        let limit = limit.map(|limit| count("limit", limit)).transpose()?;
        let key = self.key(key)?;
        let filter = predicate::filter(r#where)?;
        self.range(py, ScanSpec { start, end, columns, limit, key, filter, reverse })
    }

    /// The newest `n` rows, in the order of time.
    #[pyo3(signature = (n=1, *, key=None))]
    fn last(&self, py: Python<'_>, n: i64, key: Option<&Bound<'_, PyAny>>) -> PyResult<Scan> {
        let key = self.key(key)?;
        let n = usize::try_from(count("n", n)?).unwrap_or(usize::MAX);
        Ok(Scan::new(py.detach(|| self.table().last(n, key))?))
    }

    /// The newest row at or before a time: of rows at the same time, the last in the order of a
    /// scan. No row if there is none.
    #[pyo3(signature = (ts, *, key=None))]
    fn asof(
        &self,
        py: Python<'_>,
        ts: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Scan> {
        let key = self.key(key)?;
        let ts = timestamps::time(ts, self.unit)?;
        Ok(Scan::new(py.detach(|| self.table().asof(ts, key))?))
    }

    /// The rows with `start <= time < end` in buckets of time, and what each bucket comes to, as of
    /// now.
    #[pyo3(signature = (
        every, aggregates, start=None, end=None, *, by=None, r#where=None, origin=None, tz=None,
        fill=None, exact=false
    ), text_signature = "($self, every, aggregates, start=None, end=None, *, by=(), where=None, \
        origin='epoch', tz=None, fill=None, exact=False)")]
    #[allow(clippy::too_many_arguments)]
    fn downsample(
        &self,
        py: Python<'_>,
        every: &Bound<'_, PyAny>,
        aggregates: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        by: Option<&Bound<'_, PyAny>>,
        r#where: Option<&Bound<'_, PyAny>>,
        origin: Option<&Bound<'_, PyAny>>,
        tz: Option<&Bound<'_, PyAny>>,
        fill: Option<&Bound<'_, PyAny>>,
        exact: bool,
    ) -> PyResult<Scan> {
        let origin = origin.map(|origin| aggregate::origin(origin, self.unit)).transpose()?;
        let spec = DownsampleSpec {
            every: durations::duration("every", every, self.unit)?,
            aggregates: aggregate::wanted(aggregates)?,
            start: timestamps::bound(start, self.unit)?,
            end: timestamps::bound(end, self.unit)?,
            by: by.map(aggregate::names_of).transpose()?.unwrap_or_default(),
            origin: origin.unwrap_or(Origin::Epoch),
            tz: aggregate::tz(tz)?,
            fill: aggregate::fill(fill)?,
            filter: predicate::filter(r#where)?,
            exact,
        };
        Ok(Scan::new(py.detach(|| self.table().downsample(spec))?))
    }

    /// The change feed: an iterator of the rows that arrive, in the order of arrival, which waits for
    /// them.
    #[pyo3(signature = (cursor=None, timeout=None))]
    fn tail(
        &self,
        py: Python<'_>,
        cursor: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Tail> {
        let (cursor, timeout) = (tail::cursor(cursor)?, tail::timeout(timeout)?);
        Ok(Tail::new(py.detach(|| self.table().tail(cursor))?, timeout))
    }

    fn __getitem__(&self, py: Python<'_>, range: &Bound<'_, PyAny>) -> PyResult<Scan> {
        let Ok(slice) = range.cast::<PySlice>() else {
            return Err(wrong_type("a table is read by a range of time, such as t[start:end]"));
        };
        if !slice.getattr("step")?.is_none() {
            return Err(invalid("a range of time has no step"));
        }
        let (start, end) = (slice.getattr("start")?, slice.getattr("stop")?);
        let start = timestamps::bound(Some(&start), self.unit)?;
        let end = timestamps::bound(Some(&end), self.unit)?;
        self.range(py, ScanSpec { start, end, ..ScanSpec::default() })
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        let rows = py.detach(|| self.table().len())?;
        Ok(usize::try_from(rows).unwrap_or(usize::MAX))
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        self.range(py, ScanSpec::default())?.__arrow_c_stream__(py, requested_schema)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        self.schema().__arrow_c_schema__(py)
    }

    /// How many rows, and their first and last time as text, for the notebook.
    fn _extent(&self, py: Python<'_>) -> PyResult<(u64, Option<[String; 2]>)> {
        Ok(py.detach(|| describe::extent(self.table()))?)
    }

    /// The names of the key's columns, for the notebook.
    fn _key(&self) -> Vec<String> {
        let spec = &self.table().spec();
        spec.key.iter().map(|&at| spec.columns[at].name.clone()).collect()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let schema = self.schema();
        py.detach(|| describe::table(self.table(), schema.columns()))
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("chronolite._html")?.call_method1("table", (slf,))
    }
}

/// Appends rows, all of them or none, and returns how many. The caller holds on to `rows` until
/// then: they may be views of memory that Python objects own.
pub(super) fn append(py: Python<'_>, table: &db::Table, rows: &Rows) -> PyResult<u64> {
    Ok(py.detach(|| table.append_chunks(rows))?)
}

/// Writes a row, detached where that may take long.
#[inline]
pub(super) fn write_row(
    py: Python<'_>,
    table: &db::Table,
    ts: i64,
    row: &[Value<'_>],
) -> PyResult<Receipt> {
    match table.try_write_row(ts, row)? {
        Some(receipt) => Ok(receipt),
        None => Ok(py.detach(|| table.write_row(ts, row))?),
    }
}

/// The sequence number of a row that was written, once what it left to be done is done.
#[inline]
pub(super) fn settled(py: Python<'_>, db: &db::Db, receipt: Receipt) -> PyResult<u64> {
    let seq = receipt.last_seq;
    if receipt.pending() {
        py.detach(|| db.settle(receipt))?;
    }
    Ok(seq)
}

fn count(argument: &str, value: i64) -> PyResult<u64> {
    u64::try_from(value).map_err(|_| invalid(format!("{argument} is at least 0, not {value}")))
}

/// A list of names; a single text would be read as a list of its letters.
fn names(columns: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if columns.is_instance_of::<pyo3::types::PyString>() {
        return Err(wrong_type("columns is a list of names, not one name"));
    }
    let names: Vec<String> =
        columns.try_iter()?.map(|name| name?.extract()).collect::<PyResult<_>>()?;
    if let Some(twice) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
        return Err(invalid(format!("column {:?} is named twice", names[twice])));
    }
    Ok(names)
}
