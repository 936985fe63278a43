//! Tables with columns of other types than `f64`.

use crate::base::{Column, DataType, TableSpec, Value, concat};
use crate::db::{Db, ScanSpec, Table};
use crate::error::{Error, Result};

/// Rows decoded at a time.
const ROWS: usize = 65_536;

/// The type of that name: of ours, or of NanoTS's (`float`, `double`, `int`, `integer`, `boolean`,
/// `string`, `str`), in letters of either case. Its floats and integers have 64 bits.
///
/// ```
/// use chronolite::DataType;
/// use chronolite::nanots::column_type;
///
/// assert_eq!(column_type("Integer"), Some(DataType::I64));
/// assert_eq!(column_type("u8"), Some(DataType::U8));
/// assert_eq!(column_type("decimal"), None);
/// ```
pub fn column_type(name: &str) -> Option<DataType> {
    let name = name.trim().to_ascii_lowercase();
    match name.as_str() {
        "float" | "double" => Some(DataType::F64),
        "int" | "integer" => Some(DataType::I64),
        "boolean" => Some(DataType::Bool),
        "string" | "str" => Some(DataType::Utf8),
        _ => DataType::from_name(&name),
    }
}

impl Db {
    /// Creates a table with columns of these types and times in milliseconds. If there is one of
    /// that name with the same columns, this is it.
    ///
    /// ```
    /// use chronolite::{DataType, Db, DbOptions, Value};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// db.create_table_typed("pump", &[("rpm", DataType::I64), ("site", DataType::Utf8)])?;
    /// assert_eq!(db.append_row_typed("pump", 1000, &[1450.into(), "north".into()])?, 1);
    /// assert_eq!(db.append_row_typed("pump", 2000, &[1460.into(), Value::Null])?, 2);
    /// let (ts_ms, cols) = db.query_table_range_typed("pump", 0, 2000)?;
    /// assert_eq!((ts_ms.as_slice(), cols[0].values::<i64>()), (&[1000, 2000][..], &[1450, 1460][..]));
    /// assert_eq!((cols[1].bytes_at(0), cols[1].is_valid(1)), (&b"north"[..], false));
    /// assert_eq!(db.table_time_range("pump")?, Some((1000, 2000)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `Schema` if there are no columns; otherwise as for [`Db::create_table`].
    pub fn create_table_typed(&self, table: &str, columns: &[(&str, DataType)]) -> Result<Table> {
        if columns.is_empty() {
            return Err(Error::schema(format!("table {table:?} needs at least one column")));
        }
        self.create_table(table, TableSpec::new(columns.iter().copied()))
    }

    /// Appends a row of values of any type to the table of that name and returns the row's number.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// assert_eq!(db.append_row_typed("sensor", 1000, &[20.5.into()])?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` if there is none; otherwise as for [`Table::append_row`].
    pub fn append_row_typed(&self, table: &str, ts: i64, values: &[Value<'_>]) -> Result<u64> {
        self.table(table)?.append_row(ts, values)
    }

    /// The times and the columns of the rows with `start <= time <= end`.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// let (times, columns) = db.query_table_range_typed("sensor", 2000, 3000)?;
    /// assert_eq!((times, columns[0].values::<f64>()), (vec![2000, 3000], &[21.5, 22.5][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` if there is no such table; `InvalidInput` if a column holds 2 GiB of text,
    /// too much for one: [`Table::scan`] reads it in pieces.
    pub fn query_table_range_typed(
        &self,
        table: &str,
        start: i64,
        end: i64,
    ) -> Result<(Vec<i64>, Vec<Column>)> {
        let table = self.table(table)?;
        let spec = table.spec();
        let values = spec.columns.iter().map(|column| column.ty);
        let types: Vec<DataType> = std::iter::once(DataType::I64).chain(values).collect();
        let mut pieces: Vec<Vec<Column>> = types.iter().map(|_| vec![]).collect();
        for piece in table.scan(ScanSpec::closed(start, end))?.batches(ROWS)? {
            for (pieces, column) in pieces.iter_mut().zip(piece?) {
                pieces.push(column);
            }
        }
        let mut columns = types.iter().zip(&pieces).map(|(ty, pieces)| concat(*ty, pieces));
        let times = columns.next().transpose()?;
        let times = times.map_or_else(Vec::new, |times| times.values().to_vec());
        Ok((times, columns.collect::<Result<_>>()?))
    }

    /// The least and the greatest time of the table's rows; `None` if it has none.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// assert_eq!(db.table_time_range("sensor")?, Some((1000, 3000)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` if there is no such table.
    pub fn table_time_range(&self, table: &str) -> Result<Option<(i64, i64)>> {
        self.table(table)?.time_range()
    }
}
