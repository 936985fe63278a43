//! What callers hold: a database and its tables.

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::arrow::foreign::Rows;
use crate::arrow::import;
use crate::base::batch::Batch;
use crate::base::codec::Codec;
use crate::base::schema::{DataType, TableSpec, check_name};
use crate::base::value::Value;
use crate::db::catalog::{TableView, View};
use crate::db::core::{Core, Recovery};
use crate::db::downsample::DownsampleSpec;
use crate::db::extent::{newest, rows, time_range};
use crate::db::handle::Handle;
use crate::db::options::DbOptions;
use crate::db::pack::{PackReport, Stop};
use crate::db::plan::{Key, Plan, ScanSpec};
use crate::db::scan::Scan;
use crate::db::segment::Place;
use crate::db::stats::{DbStats, TableStats, table_stats};
use crate::db::validate::fit_value;
use crate::db::verify::{Progress, VerifyReport};
use crate::db::write::Receipt;
use crate::db::{open, verify};
use crate::error::{Error, ErrorKind, Result};
use crate::format::key::KeyColumns;
use crate::format::slot::ON_CONFLICT;
use crate::format::spec::{TableDef, TableId};
use crate::store::RealStorage;
use crate::store::readers::Readers;
use crate::store::storage::Storage;

/// An example of few lines, where `db` has a table `sensor` with rows at 1000, 2000 and 3000: with
/// the setup of each written out, this file would be twice as long.
macro_rules! example {
    ($($line:literal),+) => {
        concat!(
            r#"
```
# use chronolite::*;
# let folder = tempfile::tempdir()?;
# let path = folder.path().join("plant.chl");
# let db = Db::open(&path, DbOptions::default())?;
# let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
# for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
#     sensor.append_row(ts, &[temp.into()])?;
# }
"#,
            $($line, "\n",)+
            "# Ok::<(), Box<dyn std::error::Error>>(())\n```\n"
        )
    };
}

/// Rows below which a segment is joined with its neighbours, unless somebody says otherwise.
#[doc = example!("assert_eq!(sensor.pack(PACKED_ROWS)?, PackReport::default());")]
pub const PACKED_ROWS: usize = 1 << 18;
/// Most names of tables that an error tells.
const NAMES_TOLD: usize = 16;

/// An open database. Clones are handles of the same one; dropping the last of them and of the
/// tables closes it.
///
/// ```
/// use chronolite::{DataType, Db, DbOptions, ScanSpec, TableSpec};
///
/// let folder = tempfile::tempdir()?;
/// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// sensor.append_row(1_704_067_200_000, &[25.5.into()])?;
/// assert_eq!(sensor.scan(ScanSpec::default())?.count()?, 1);
/// db.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Db {
    pub(in crate::db) core: Handle,
}

/// A table of an open database.
#[doc = example!("sensor.append_row(4000, &[23.5.into()])?;",
    "assert_eq!((sensor.len()?, sensor.max_ts()?), (4, Some(4000)));")]
#[derive(Debug, Clone)]
pub struct Table {
    pub(in crate::db) core: Handle,
    def: Arc<TableDef>,
    /// The moment that it shows; `None` for now.
    pub(in crate::db) moment: Option<Snapshot>,
}

/// One moment of the whole database, for as long as it is held: what is appended, deleted, packed or
/// dropped meanwhile does not show. Taking one costs the same however much there is.
///
/// ```
/// use chronolite::{DataType, Db, DbOptions, TableSpec};
///
/// let folder = tempfile::tempdir()?;
/// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// sensor.append_row(1, &[20.5.into()])?;
/// let snapshot = db.snapshot()?;
/// sensor.delete(None, None, None)?;
/// assert_eq!((sensor.len()?, snapshot.table("sensor")?.len()?), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    core: Handle,
    view: Arc<View>,
    visible: u64,
}

impl Snapshot {
    /// The table of that name as it was.
    ///
    #[doc = example!(r#"let before = db.snapshot()?.table("sensor")?;"#,
        "sensor.append_row(4000, &[Value::Null])?;", "assert_eq!(before.len()?, 3);")]
    /// # Errors
    /// `TableNotFound` if there was none.
    pub fn table(&self, name: &str) -> Result<Table> {
        self.core.check_open()?;
        let table = self.view.find(name).and_then(|id| self.view.table(id));
        let table = table.ok_or_else(|| unknown_table(name, &self.view))?;
        let (core, def) = (self.core.clone(), Arc::clone(&table.def));
        Ok(Table { core, def, moment: Some(self.clone()) })
    }

    /// Names of the tables there were, sorted.
    #[doc = example!(r#"assert_eq!(db.snapshot()?.tables(), ["sensor"]);"#)]
    pub fn tables(&self) -> Vec<String> {
        self.view.names()
    }
}

#[cold]
fn unknown_table(name: &str, view: &View) -> Error {
    let names = view.names();
    let has = match names.get(..NAMES_TOLD) {
        Some(first) if names.len() > NAMES_TOLD => {
            format!("{} and {} more", first.join(", "), names.len() - NAMES_TOLD)
        }
        _ if names.is_empty() => "no tables".into(),
        _ => names.join(", "),
    };
    Error::new(ErrorKind::TableNotFound, format!("no table {name:?}; the database has {has}"))
}

impl Db {
    /// Opens the database at `path`, and creates it if it is missing and opened for writing.
    ///
    #[doc = example!(r#"let new = Db::open(path.with_extension("new"), DbOptions::default())?;"#,
        "assert!(new.tables()?.is_empty());")]
    /// # Errors
    /// `Locked` if it is to be written and is open for writing elsewhere, `Corruption` if its bytes are not what was
    /// written, `Format` if they are of a newer version, `Io` with the system's error.
    pub fn open(path: impl AsRef<Path>, options: DbOptions) -> Result<Self> {
        Self::open_with(Arc::new(RealStorage), path, options)
    }

    /// The same over another storage than the operating system's files.
    #[doc(hidden)]
    pub fn open_with(
        storage: Arc<dyn Storage>,
        path: impl AsRef<Path>,
        options: DbOptions,
    ) -> Result<Self> {
        Ok(Self { core: Handle::new(open::open(storage, path.as_ref(), options)?) })
    }

    /// Where it is, with symlinks followed.
    #[doc = example!(r#"assert!(db.path().ends_with("plant.chl"));"#)]
    pub fn path(&self) -> &Path {
        self.core.path()
    }

    /// True once it was closed.
    #[doc = example!("assert!(!db.is_closed());", "db.close()?;", "assert!(db.is_closed());")]
    pub fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    /// What opening found in the log.
    #[doc = example!("assert_eq!(db.recovery().rows, 0);")]
    pub fn recovery(&self) -> &Recovery {
        &self.core.recovery
    }

    /// Closes it: what was written is flushed, the log removed, the lock given up. Scans
    /// that were made before can no longer be read. The second call does nothing.
    #[doc = example!("db.close()?;", "assert!(db.is_closed() && sensor.len().is_err());")]
    pub fn close(&self) -> Result<()> {
        self.core.close()
    }

    /// Writes the rows of the memtables as segments and commits: whatever was written before
    /// survives power loss.
    #[doc = example!("db.flush()?;", "assert_eq!(sensor.stats()?.memtable_rows, 0);")]
    pub fn flush(&self) -> Result<()> {
        self.core.check_tended()?;
        self.core.flush()
    }

    /// Moves on to what is committed by now, where it is open for reading only. Whatever is asked of
    /// it or of its tables does so by itself; scans and snapshots that there are show their moment
    /// still. Where it is open for writing there is nothing to do.
    ///
    /// ```
    /// use chronolite::{DataType, Db, DbOptions, Mode, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("plant.chl");
    /// let db = Db::open(&path, DbOptions::default())?;
    /// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// // In another process, most of the time.
    /// let reader = Db::open(&path, DbOptions::default().mode(Mode::Read))?;
    /// sensor.append_row(1, &[20.5.into()])?;
    /// reader.refresh()?;
    /// assert_eq!(reader.table("sensor")?.len()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `Closed` if it was closed, `Corruption` if what was committed is damaged.
    pub fn refresh(&self) -> Result<()> {
        self.core.refresh()
    }

    /// Names of the tables, sorted.
    #[doc = example!(r#"assert_eq!(db.tables()?, ["sensor"]);"#)]
    pub fn tables(&self) -> Result<Vec<String>> {
        Ok(self.core.now()?.0.names())
    }

    /// The table of that name.
    #[doc = example!(r#"assert_eq!(db.table("sensor")?.len()?, 3);"#)]
    pub fn table(&self, name: &str) -> Result<Table> {
        self.find_table(name)?.ok_or_else(|| unknown_table(name, &self.core.snapshot().0))
    }

    /// The table of that name, if there is one.
    pub(crate) fn find_table(&self, name: &str) -> Result<Option<Table>> {
        let (view, _) = self.core.now()?;
        let table = view.find(name).and_then(|id| view.table(id));
        let handle = |def: &Arc<TableDef>| {
            let (core, def) = (self.core.clone(), Arc::clone(def));
            Table { core, def, moment: None }
        };
        Ok(table.map(|table| handle(&table.def)))
    }

    /// This moment of the whole database, to be read for as long as it is held.
    #[doc = example!("let before = db.snapshot()?;", "sensor.delete(None, None, None)?;",
        r#"assert_eq!(before.table("sensor")?.len()?, 3);"#)]
    pub fn snapshot(&self) -> Result<Snapshot> {
        let (view, visible) = self.core.now()?;
        Ok(Snapshot { core: self.core.clone(), view, visible })
    }

    /// Packs the table of that name, or all of them: see [`Table::pack`].
    #[doc = example!(r#"assert!(db.pack(Some("sensor"), PACKED_ROWS)?.segments_after <= 1);"#)]
    pub fn pack(&self, table: Option<&str>, least_rows: usize) -> Result<PackReport> {
        self.pack_until(table, least_rows, &|| false)
    }

    /// The same, or until `stop`: what was packed by then stays so.
    #[doc = example!("assert_eq!(db.pack_until(None, 1, &|| true)?.segments_before, 0);")]
    pub fn pack_until(
        &self,
        table: Option<&str>,
        least_rows: usize,
        stop: Stop<'_>,
    ) -> Result<PackReport> {
        self.core.check_tended()?;
        if let Some(name) = table {
            return self.table(name)?.pack_until(least_rows, stop);
        }
        let mut all = PackReport::default();
        for name in self.tables()? {
            match self.table(&name).and_then(|table| table.pack_until(least_rows, stop)) {
                // Dropped meanwhile.
                Err(e) if e.kind() == ErrorKind::TableNotFound => {}
                done => all += done?,
            }
        }
        Ok(all)
    }

    /// Packs all tables and gives back the space that nothing needs any more: the file gets smaller.
    #[doc = example!("db.compact()?;", "assert_eq!(sensor.stats()?.segments, 1);")]
    pub fn compact(&self) -> Result<()> {
        self.compact_until(&|| false)
    }

    /// The same, or until `stop`.
    #[doc = example!("db.compact_until(&|| false)?;", "assert_eq!(sensor.stats()?.segments, 1);")]
    pub fn compact_until(&self, stop: Stop<'_>) -> Result<()> {
        self.pack_until(None, PACKED_ROWS, stop)?;
        self.core.compact(stop)
    }

    /// Creates a table. If there is one of that name with the same schema, this is it.
    ///
    #[doc = example!(r#"let spec = TableSpec::new([("rpm", DataType::I64)]);"#,
        r#"assert!(db.create_table("pump", spec)?.is_empty()?);"#)]
    /// # Errors
    /// `Schema` if there is one with another schema, or if the schema cannot be.
    pub fn create_table(&self, name: &str, spec: TableSpec) -> Result<Table> {
        self.core.check_open()?;
        self.core.check_tended()?;
        check_name("table", name)?;
        spec.validate()?;
        if let Some(table) = self.existing(name, &spec)? {
            return Ok(table);
        }
        if spec.on_conflict.keeps_one() {
            self.core.need_feature(ON_CONFLICT)?;
        }
        let def = TableDef { id: 0, name: name.into(), spec: Arc::new(spec.clone()) };
        if let Some(receipt) = self.core.create_table(def)? {
            self.settle(receipt)?;
            return self.table(name);
        }
        // Another thread was quicker: its table is this one, or is in the way.
        self.existing(name, &spec)?.ok_or_else(|| Error::schema(format!("table {name:?} is gone")))
    }

    /// Drops a table with all that is in it. Its name is free at once, and a table of that name that
    /// is made later is another one; handles of this one fail with `TableNotFound`. Snapshots that
    /// were taken before show it still. The next flush gives its space back, as far as no snapshot,
    /// scan or exported buffer needs it.
    ///
    /// ```
    /// use chronolite::{DataType, Db, DbOptions, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// db.drop_table("sensor")?;
    /// assert!(sensor.len().is_err() && db.tables()?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` if there is none; otherwise as for [`Table::append_row`].
    pub fn drop_table(&self, name: &str) -> Result<()> {
        match self.core.drop_table(name)? {
            Some(receipt) => self.settle(receipt),
            None => Err(unknown_table(name, &self.core.snapshot().0)),
        }
    }

    fn existing(&self, name: &str, spec: &TableSpec) -> Result<Option<Table>> {
        let Some(table) = self.find_table(name)? else { return Ok(None) };
        match table.def.spec.difference(spec) {
            None => Ok(Some(table)),
            Some(difference) => {
                let message = format!("table {name:?} exists with another schema: {difference}");
                Err(Error::schema(message))
            }
        }
    }

    /// Does what an append left to be done: waits for its sync, flushes what is full.
    #[doc(hidden)]
    pub fn settle(&self, receipt: Receipt) -> Result<()> {
        self.core.settle(receipt)
    }

    /// Figures about the database and its tables.
    #[doc = example!("assert_eq!(db.stats()?.tables[0].rows, 3);")]
    pub fn stats(&self) -> Result<DbStats> {
        let (view, visible) = self.core.now()?;
        let tables: Result<Vec<TableStats>> =
            view.tables().map(|table| table_stats(&self.core, table, visible)).collect();
        let mut tables = tables?;
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        let io = |e| Error::from_io("read the length of", &self.core.path, e);
        let file_bytes = self.core.file.len().map_err(io)?;
        let (slot, kept) = match self.core.main().as_ref() {
            Some(main) => (Some(*main.file.slot()), main.file.kept_for_readers()),
            None => (self.core.followed_slot(), 0),
        };
        let readers = Readers::look(&*self.core.file).processes() as u64;
        let guard = self.core.writer();
        let log = guard.as_ref().and_then(|writer| writer.log.as_ref());
        Ok(DbStats {
            path: self.core.path.clone(),
            file_bytes,
            log_bytes: log.map_or(0, |log| log.end()),
            generation: slot.map_or(0, |slot| slot.generation),
            epoch: slot.map_or(0, |slot| slot.epoch),
            next_seq: visible + 1,
            readers,
            kept_for_readers: kept,
            write_amplification: self.core.counters.write_amplification(),
            maintenance: self.core.maintenance.stats(),
            tables,
        })
    }

    /// Reads the whole file and its log and checks it: header, manifest, extents, log records,
    /// every block against its checksum, and that statistics, times, row numbers and keys are those
    /// of the rows.
    #[doc = example!("assert!(db.verify()?.ok());")]
    pub fn verify(&self) -> Result<VerifyReport> {
        self.verify_with(&mut |_, _| Ok(()))
    }

    /// The same; `progress` is told how many bytes of segments were checked, and of how many. An
    /// error of its own ends the check.
    #[doc = example!("assert!(db.verify_with(&mut |at, of| Ok(assert!(at <= of)))?.ok());")]
    pub fn verify_with(&self, progress: Progress<'_>) -> Result<VerifyReport> {
        verify::verify(&self.core, progress)
    }
}

impl Core {
    /// Where segments are.
    pub(crate) fn place(&self) -> Place<'_> {
        Place { file: &*self.file, path: &self.path, salt: self.salt, pin: self.pin.as_ref() }
    }
}

impl Table {
    /// Its name.
    #[doc = example!(r#"assert_eq!(sensor.name(), "sensor");"#)]
    pub fn name(&self) -> &str {
        &self.def.name
    }

    /// Its schema and rules as they are now: columns that were added since are there. Of a table
    /// that was dropped, those it had when it was looked up.
    #[doc = example!(r#"assert_eq!(sensor.spec().columns[0].name, "temp");"#)]
    pub fn spec(&self) -> Arc<TableSpec> {
        Arc::clone(&self.definition().spec)
    }

    fn definition(&self) -> Arc<TableDef> {
        match self.moment {
            Some(_) => Arc::clone(&self.def),
            None => self.core.definition(self.id()).unwrap_or_else(|| Arc::clone(&self.def)),
        }
    }

    /// The database it belongs to.
    #[doc = example!(r#"assert_eq!(sensor.db().tables()?, ["sensor"]);"#)]
    pub fn db(&self) -> Db {
        Db { core: self.core.clone() }
    }

    pub(in crate::db) fn id(&self) -> TableId {
        self.def.id
    }

    /// Fails if it shows a moment that has passed, if the database is closed, or if maintenance
    /// failed in the background.
    #[inline]
    pub(in crate::db) fn check_now(&self) -> Result<()> {
        match self.moment {
            None => self.core.check_tended(),
            Some(_) => Err(Error::new(
                ErrorKind::ReadOnly,
                "the table is of a snapshot, which does not change; write to that of the database",
            )),
        }
    }

    /// The table as readers see it now, and up to which row number.
    pub(in crate::db) fn now(&self) -> Result<(Arc<TableView>, u64)> {
        let (view, visible) = match &self.moment {
            Some(moment) => {
                self.core.check_open()?;
                (Arc::clone(&moment.view), moment.visible)
            }
            None => self.core.now()?,
        };
        match view.table(self.id()) {
            Some(table) => Ok((Arc::clone(table), visible)),
            None => Err(self.dropped()),
        }
    }

    #[cold]
    fn dropped(&self) -> Error {
        Error::new(ErrorKind::TableNotFound, format!("table {:?} was dropped", self.name()))
            .in_file(self.core.path())
    }

    /// What the core says of a number, said of the name.
    #[inline]
    fn named<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Err(e) if e.kind() == ErrorKind::TableNotFound => Err(self.dropped()),
            result => result,
        }
    }

    /// Appends one row: a value for each value column, in the schema's order. Returns the row's
    /// number: rows are numbered 1, 2, 3 over all tables.
    ///
    #[doc = example!("assert_eq!(sensor.append_row(4000, &[23.5.into()])?, 4);")]
    /// # Errors
    /// `Schema` if it does not fit, `Conflict` if a row of the same time and key is there and the
    /// table's rule is [`OnConflict::Error`](crate::base::schema::OnConflict); nothing is written
    /// then. `Indeterminate` if it was written but could not be synced at `Durability::Sync`.
    pub fn append_row(&self, ts: i64, values: &[Value<'_>]) -> Result<u64> {
        let receipt = self.write_row(ts, values)?;
        if receipt.pending() {
            self.core.settle(receipt)?;
        }
        Ok(receipt.last_seq)
    }

    /// Appends the rows of all batches, or none; returns how many.
    ///
    #[doc = example!("let columns = vec![Column::from_vec(vec![23.5, 24.5])];",
        "assert_eq!(sensor.append(vec![Batch { ts: vec![4000, 5000].into(), columns }])?, 2);")]
    /// # Errors
    /// As for [`Table::append_row`].
    pub fn append(&self, batches: Vec<Batch>) -> Result<u64> {
        let receipt = self.write(batches)?;
        self.core.settle(receipt)?;
        Ok(receipt.rows)
    }

    /// Appends Arrow record batches, all of them or none, and returns how many rows that were. Their
    /// columns are the table's by name, in any order; values convert where that loses nothing.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
    /// use chronolite::{DataType, Db, DbOptions, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// let temp: ArrayRef = Arc::new(Float64Array::from(vec![Some(20.5), None]));
    /// let ts: ArrayRef = Arc::new(Int64Array::from(vec![1000, 2000]));
    /// let batch = RecordBatch::try_from_iter([("temp", temp), ("ts", ts)])?;
    /// assert_eq!(sensor.append_arrow(&[batch])?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::append_row`]; `Schema` also if the batches have different columns.
    pub fn append_arrow(&self, batches: &[RecordBatch]) -> Result<u64> {
        let Some(first) = batches.first() else { return Ok(0) };
        let schema = first.schema_ref();
        if batches.iter().any(|batch| batch.schema_ref().fields() != schema.fields()) {
            return Err(Error::schema("the batches have different columns"));
        }
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        let chunks = batches.iter().map(|batch| batch.columns().to_vec()).collect();
        self.append_chunks(&Rows { names, chunks })
    }

    /// The same of arrays by column.
    ///
    /// # Errors
    /// As for [`Table::append_arrow`].
    #[doc(hidden)]
    pub fn append_chunks(&self, rows: &Rows) -> Result<u64> {
        self.append(import::batches(&self.spec(), &rows.names, &rows.chunks)?)
    }

    /// The first half of [`Table::append_row`], which does not wait for its rows to be durable (it
    /// waits for whoever holds the log: a commit, or its own making of it); the second is
    /// [`Db::settle`].
    #[doc(hidden)]
    pub fn write_row(&self, ts: i64, values: &[Value<'_>]) -> Result<Receipt> {
        self.check_now()?;
        self.named(self.core.append_row(self.id(), ts, values))
    }

    /// [`Table::write_row`] if that can be done at once: `None` where it would have to wait.
    #[doc(hidden)]
    #[inline]
    pub fn try_write_row(&self, ts: i64, values: &[Value<'_>]) -> Result<Option<Receipt>> {
        self.check_now()?;
        self.named(self.core.try_append_row(self.id(), ts, values))
    }

    /// The first half of [`Table::append`]; the second is [`Db::settle`].
    #[doc(hidden)]
    pub fn write(&self, batches: Vec<Batch>) -> Result<Receipt> {
        self.check_now()?;
        self.named(self.core.append(&self.definition(), batches))
    }

    /// Deletes the rows there are now with `start <= time < end` and, if one is given, of that key.
    /// They are gone at once; rows that are appended later in the same range are not touched.
    ///
    /// ```
    /// use chronolite::{DataType, Db, DbOptions, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for ts in 0..10 {
    ///     sensor.append_row(ts, &[20.5.into()])?;
    /// }
    /// sensor.delete(Some(2), Some(5), None)?;
    /// assert_eq!(sensor.len()?, 7);
    /// sensor.append_row(3, &[21.0.into()])?;
    /// assert_eq!(sensor.len()?, 8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::append_row`].
    pub fn delete(&self, start: Option<i64>, end: Option<i64>, key: Option<Key>) -> Result<()> {
        self.check_now()?;
        let start = start.unwrap_or(i64::MIN);
        let receipt = self.core.delete(self.id(), start, end, key.map(|key| key.0));
        let receipt = self.named(receipt)?;
        receipt.map_or(Ok(()), |receipt| self.core.settle(receipt))
    }

    /// Gives the table a column. It is the last one; rows there are now are null in it, rows that
    /// are appended from now on have a value for it. Nothing is rewritten.
    ///
    /// ```
    /// use chronolite::{DataType, Db, DbOptions, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// sensor.append_row(1, &[20.5.into()])?;
    /// sensor.add_column("site", DataType::Utf8)?;
    /// sensor.append_row(2, &[20.5.into(), "a".into()])?;
    /// assert_eq!(sensor.len()?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `Schema` if its name is taken or cannot be, or there are too many columns; otherwise as for
    /// [`Table::append_row`].
    pub fn add_column(&self, name: &str, ty: DataType) -> Result<()> {
        self.add_column_with(name, ty, None)
    }

    /// The same; a codec is asked for it as [`TableSpec::codec`] does.
    ///
    #[doc = example!(r#"sensor.add_column_with("site", DataType::Utf8, Some(Codec::Fsst))?;"#,
        "assert_eq!(sensor.spec().columns[1].codec, Some(Codec::Fsst));")]
    /// # Errors
    /// `Schema` also if the column cannot have that codec.
    pub fn add_column_with(&self, name: &str, ty: DataType, codec: Option<Codec>) -> Result<()> {
        self.check_now()?;
        let receipt = self.named(self.core.add_column(self.id(), name, ty, codec))?;
        self.core.settle(receipt)
    }

    /// Packs the table: segments that overlap, are small or hold deleted rows become segments that
    /// follow each other, without what was deleted; those of a table with a key have the rows of
    /// each key together. Appends and reads go on meanwhile. Segments of fewer than `least_rows`
    /// rows are joined with their neighbours.
    ///
    #[doc = example!("assert!(sensor.pack(PACKED_ROWS)?.segments_after <= 1);")]
    /// # Errors
    /// As for [`Db::flush`]; what was packed before the error stays so.
    pub fn pack(&self, least_rows: usize) -> Result<PackReport> {
        self.pack_until(least_rows, &|| false)
    }

    /// The same, or until `stop`: what was packed by then stays so.
    #[doc = example!("assert_eq!(sensor.pack_until(1, &|| true)?.segments_before, 0);")]
    pub fn pack_until(&self, least_rows: usize, stop: Stop<'_>) -> Result<PackReport> {
        self.check_now()?;
        self.named(self.core.pack(self.id(), least_rows, stop))
    }

    /// The key with these values, one for each key column of the table.
    ///
    #[doc = example!(r#"let spec = TableSpec::new([("site", DataType::Utf8)]).key(&["site"])?;"#,
        r#"let visits = db.create_table("visits", spec)?;"#,
        r#"visits.append_row(1000, &["north".into()])?;"#,
        r#"let south = visits.key(&["south".into()])?;"#,
        "assert_eq!(visits.scan(ScanSpec::default().key(south))?.count()?, 0);")]
    /// # Errors
    /// `InvalidInput` if the table has no key, `Schema` if the values are not such.
    pub fn key(&self, values: &[Value<'_>]) -> Result<Key> {
        let spec = self.spec();
        if spec.key.is_empty() {
            return Err(Error::invalid(format!("table {:?} has no key", self.name())));
        }
        if spec.key.len() != values.len() {
            let (takes, has) = (spec.key.len(), values.len());
            return Err(Error::schema(format!("the key has {takes} columns, not {has}")));
        }
        let most = self.core.options.max_record_size;
        let columns = spec.key.iter().map(|&position| &spec.columns[position]).zip(values);
        let fitted = columns.map(|(column, value)| fit_value(column, *value, most));
        let mut bytes = Vec::new();
        KeyColumns::of(&spec).encode_values(&fitted.collect::<Result<Vec<_>>>()?, &mut bytes);
        Ok(Key(bytes))
    }

    /// Rows in a range of time, in order, as of now.
    #[doc = example!("assert_eq!(sensor.scan(ScanSpec::range(1000, 3000))?.count()?, 2);")]
    pub fn scan(&self, spec: ScanSpec) -> Result<Scan> {
        let (table, visible) = self.now()?;
        Ok(Scan::of_table(Plan::new(table, visible, self.core.core(), &spec)?))
    }

    /// The newest `n` rows, in order; of one key, if one is given.
    #[doc = example!("for piece in sensor.last(2, None)?.batches(10)? {",
        "    assert_eq!(piece?[0].values::<i64>(), [2000, 3000]);", "}")]
    pub fn last(&self, n: usize, key: Option<Key>) -> Result<Scan> {
        self.newest(n, None, key)
    }

    /// The newest row at or before `ts`: of rows at the same time, the last in the order of a scan.
    /// No row if there is none. Of one key, if one is given.
    ///
    /// ```
    /// use chronolite::{DataType, Db, DbOptions, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// sensor.append_row(1000, &[20.5.into()])?;
    /// assert_eq!(sensor.asof(5000, None)?.count()?, 1);
    /// assert_eq!(sensor.asof(999, None)?.count()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn asof(&self, ts: i64, key: Option<Key>) -> Result<Scan> {
        // Past the last time there is nothing to stop at.
        self.newest(1, ts.checked_add(1), key)
    }

    /// The newest `n` rows before `end`, in order.
    fn newest(&self, n: usize, end: Option<i64>, key: Option<Key>) -> Result<Scan> {
        let (table, visible) = self.now()?;
        let spec = ScanSpec { end, key, limit: Some(n as u64), ..ScanSpec::default() };
        newest(&self.core, &table, visible, &spec)
    }

    /// The rows of a range in buckets of time, and what each comes to, as of now. It is read as a
    /// scan is: a row for each bucket that has rows (and each group in it), in order of time and
    /// group; the columns are the time at which the bucket begins, those of `by`, and then the
    /// aggregates. It reads in one pass, in memory for the open bucket's groups; with a `fill` it
    /// holds what it would give without one.
    ///
    #[doc = example!(r#"let spec = DownsampleSpec::new(2000, [("temp", vec![Aggregate::Mean])]);"#,
        "assert_eq!(sensor.downsample(spec)?.count()?, 2);")]
    /// # Errors
    /// `Schema` if there is no such column, aggregate of its type, or filling of that; `InvalidInput`
    /// if `every` is no length, `tz` no zone, or both do not go together. Reading it, `Overflow` if a
    /// sum of integers does not fit 64 bits; `InvalidInput` if filling makes over 100 million rows.
    pub fn downsample(&self, spec: DownsampleSpec) -> Result<Scan> {
        let (table, visible) = self.now()?;
        Scan::downsample(table, visible, self.core.core(), spec)
    }

    /// How many rows.
    #[doc = example!("assert_eq!(sensor.len()?, 3);")]
    pub fn len(&self) -> Result<u64> {
        let (table, visible) = self.now()?;
        rows(&self.core, &table, visible)
    }

    /// True if it has no row.
    #[doc = example!("assert!(!sensor.is_empty()?);")]
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Least and greatest time of all rows; `None` if there are none.
    #[doc = example!("assert_eq!(sensor.time_range()?, Some((1000, 3000)));")]
    pub fn time_range(&self) -> Result<Option<(i64, i64)>> {
        let (table, visible) = self.now()?;
        time_range(&self.core, &table, visible)
    }

    /// Least time of all rows.
    #[doc = example!("assert_eq!(sensor.min_ts()?, Some(1000));")]
    pub fn min_ts(&self) -> Result<Option<i64>> {
        Ok(self.time_range()?.map(|range| range.0))
    }

    /// Greatest time of all rows.
    #[doc = example!("assert_eq!(sensor.max_ts()?, Some(3000));")]
    pub fn max_ts(&self) -> Result<Option<i64>> {
        Ok(self.time_range()?.map(|range| range.1))
    }

    /// Figures about it.
    #[doc = example!("assert_eq!(sensor.stats()?.rows, 3);")]
    pub fn stats(&self) -> Result<TableStats> {
        let (table, visible) = self.now()?;
        table_stats(&self.core, &table, visible)
    }
}
