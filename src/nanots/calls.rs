//! NanoTS's calls on a database: tables by name, closed ranges of time, values as `f64`.

use crate::base::{DataType, TableSpec, Value};
use crate::db::validate::fit_row;
use crate::db::{Db, PACKED_ROWS, PackReport, ScanSpec, Stop, Table};
use crate::error::{Error, Result};

/// The column of a table that [`Db::append`] makes.
const VALUE: &str = "value";
/// Rows decoded at a time.
const ROWS: usize = 65_536;

impl Db {
    /// Appends a value to the series of that name: a table with one column `value`, of `f64`, made
    /// at the first use with times in milliseconds. Returns the row's number.
    ///
    /// ```
    /// use chronolite::{DataType, Db, DbOptions, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let t0 = 1_704_067_200_000;
    /// assert_eq!(db.append("sensor_x", t0, 25.5)?, 1);
    /// assert_eq!(db.query_range("sensor_x", t0, t0)?, [(t0, 25.5)]);
    ///
    /// let columns = [("temp", DataType::F64), ("humidity", DataType::F64)];
    /// db.create_table("sensor", TableSpec::new(columns))?;
    /// assert_eq!(db.append_row("sensor", t0 + 1000, &[25.5, 60.0])?, 2);
    /// let (ts_ms, cols) = db.query_table_range_columns("sensor", t0, t0 + 1000)?;
    /// assert_eq!((ts_ms, cols), (vec![t0 + 1000], vec![vec![25.5], vec![60.0]]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `Schema` if there is a table of that name that is not one column of `f64`; otherwise as for
    /// [`Table::append_row`].
    pub fn append(&self, series: &str, ts_ms: i64, value: f64) -> Result<u64> {
        let value = value.into();
        self.series(series, value)?.append_row(ts_ms, &[value])
    }

    /// Appends a row to the table of that name and returns the row's number.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// db.append_row("sensor", 1_704_067_200_000, &[20.5])?;
    /// assert_eq!(sensor.len()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` if there is none; otherwise as for [`Table::append_row`].
    pub fn append_row(&self, table: &str, ts_ms: i64, values: &[f64]) -> Result<u64> {
        let values: Vec<Value<'_>> = values.iter().map(|&value| value.into()).collect();
        self.table(table)?.append_row(ts_ms, &values)
    }

    /// The times and the values, column by column, of the rows with `start_ms <= time <= end_ms`.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// let (times, columns) = db.query_table_range_columns("sensor", 1000, 2000)?;
    /// assert_eq!((times, columns), (vec![1000, 2000], vec![vec![20.5, 21.5]]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` if there is no such table; `Schema` if it has columns that are not `f64`, or
    /// nulls in the range: [`Table::scan`] reads those.
    pub fn query_table_range_columns(
        &self,
        table: &str,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<(Vec<i64>, Vec<Vec<f64>>)> {
        let table = self.table(table)?;
        let columns = &table.spec().columns;
        if let Some(def) = columns.iter().find(|def| def.ty != DataType::F64) {
            let what = format!("column {:?} is {}, not f64; scan the table", def.name, def.ty);
            return Err(Error::schema(what));
        }
        let (mut times, mut values) = (vec![], vec![vec![]; columns.len()]);
        for piece in table.scan(ScanSpec::closed(start_ms, end_ms))?.batches(ROWS)? {
            let piece = piece?;
            let Some((ts, piece)) = piece.split_first() else { continue };
            times.extend_from_slice(ts.values());
            for ((out, column), def) in values.iter_mut().zip(piece).zip(columns) {
                if column.null_count() > 0 {
                    let what = format!("column {:?} has nulls; scan the table", def.name);
                    return Err(Error::schema(what));
                }
                out.extend_from_slice(column.values());
            }
        }
        Ok((times, values))
    }

    /// The times and values of a series with `start_ms <= time <= end_ms`.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// db.append("outside", 1000, 4.5)?;
    /// db.append("outside", 2000, 4.0)?;
    /// assert_eq!(db.query_range("outside", 1000, 2000)?, [(1000, 4.5), (2000, 4.0)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Db::query_table_range_columns`], and `Schema` if the table is not a series.
    pub fn query_range(&self, series: &str, start_ms: i64, end_ms: i64) -> Result<Vec<(i64, f64)>> {
        check_series(&self.table(series)?)?;
        let (times, mut values) = self.query_table_range_columns(series, start_ms, end_ms)?;
        Ok(times.into_iter().zip(values.pop().unwrap_or_default()).collect())
    }

    /// Packs a table into segments of at least so many rows, where it has them; a target below
    /// [`PACKED_ROWS`] counts as that.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for ts in [1000, 2000] {
    ///     db.append_row("sensor", ts, &[20.5])?;
    ///     db.flush()?;
    /// }
    /// assert_eq!(db.pack_table("sensor", 8192)?.segments_after, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` if there is none; otherwise as for [`Table::pack`].
    pub fn pack_table(&self, table: &str, target_segment_points: usize) -> Result<PackReport> {
        self.pack_table_until(table, target_segment_points, &|| false)
    }

    /// The same, or until `stop`: what was packed by then stays so.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// // Told to stop at once, it packs nothing.
    /// assert_eq!(db.pack_table_until("sensor", 8192, &|| true)?.rows_after, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pack_table_until(
        &self,
        table: &str,
        target_segment_points: usize,
        stop: Stop<'_>,
    ) -> Result<PackReport> {
        self.pack_until(Some(table), target_segment_points.max(PACKED_ROWS), stop)
    }

    /// The table of that name, made as a series if there is none. `value`, which is to be appended,
    /// is looked at first: what no series can hold makes no table.
    pub(crate) fn series(&self, name: &str, value: Value<'_>) -> Result<Table> {
        if let Some(table) = self.find_table(name)? {
            return Ok(table);
        }
        let spec = TableSpec::new([(VALUE, DataType::F64)]);
        fit_row(&spec, &[value], 0)?;
        self.create_table(name, spec)
    }
}

/// Fails unless the table has one value column, of the name that a series' column has.
pub(crate) fn check_series(table: &Table) -> Result<()> {
    match table.spec().columns.as_slice() {
        [column] if column.name == VALUE => Ok(()),
        _ => Err(Error::schema(format!(
            "table {:?} is not a series, which has one column, {VALUE:?}; query the table instead",
            table.name()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::DbOptions;
    use crate::error::ErrorKind;

    fn db() -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path().join("a.chl"), DbOptions::default()).unwrap();
        (folder, db)
    }

    #[test]
    fn both_ends_of_a_range_are_in_it() {
        let (_folder, db) = db();
        for (i, ts) in [i64::MIN, -1, 0, i64::MAX - 1, i64::MAX].into_iter().enumerate() {
            assert_eq!(db.append("s", ts, i as f64).unwrap(), i as u64 + 1);
        }
        for (start, end, rows) in [
            (i64::MIN, i64::MAX, 5),
            (i64::MIN, i64::MIN, 1),
            (i64::MAX, i64::MAX, 1),
            (-1, i64::MAX - 1, 3),
            (-1, 0, 2),
            (0, -1, 0),
            (i64::MAX, i64::MIN, 0),
        ] {
            assert_eq!(db.query_range("s", start, end).unwrap().len(), rows, "{start} {end}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_makes_no_table() {
        let (_folder, db) = db();
        let kind = |error: Error| error.kind();
        assert_eq!(kind(db.append_row("t", 1, &[1.0]).unwrap_err()), ErrorKind::TableNotFound);
        assert_eq!(kind(db.query_range("t", 0, 1).unwrap_err()), ErrorKind::TableNotFound);
        assert_eq!(kind(db.series("t", Value::Str("1")).unwrap_err()), ErrorKind::Schema);
        assert_eq!(db.tables().unwrap(), Vec::<String>::new());

        let spec = TableSpec::new([("a", DataType::F64), ("b", DataType::I64)]);
        let table = db.create_table("t", spec).unwrap();
        assert_eq!(kind(db.append("t", 1, 1.0).unwrap_err()), ErrorKind::Schema);
        assert_eq!(kind(db.append_row("t", 1, &[1.0, 2.0]).unwrap_err()), ErrorKind::Schema);
        assert_eq!(table.len().unwrap(), 0);
        let columns = db.query_table_range_columns("t", 0, 1);
        assert_eq!(kind(columns.unwrap_err()), ErrorKind::Schema);
        assert_eq!(kind(db.query_range("t", 0, 1).unwrap_err()), ErrorKind::Schema);

        db.append("s", 1, 1.0).unwrap();
        db.table("s").unwrap().append_row(5, &[Value::Null]).unwrap();
        assert_eq!(db.query_range("s", 0, 4).unwrap(), [(1, 1.0)]);
        assert_eq!(kind(db.query_range("s", 0, 5).unwrap_err()), ErrorKind::Schema);
    }
}
