//! What callers hold: a database and its tables.

use std::path::Path;
use std::sync::Arc;

use crate::base::batch::Batch;
use crate::base::schema::{OnConflict, TableSpec, check_name};
use crate::base::value::Value;
use crate::db::catalog::TableView;
use crate::db::core::{Core, Recovery};
use crate::db::downsample::DownsampleSpec;
use crate::db::newest::nth_newest;
use crate::db::options::DbOptions;
use crate::db::plan::ScanSpec;
use crate::db::scan::Scan;
use crate::db::segment::Place;
use crate::db::stats::{DbStats, TableStats, table_stats};
use crate::db::verify::{Progress, VerifyReport};
use crate::db::write::Receipt;
use crate::db::{open, verify};
use crate::error::{Error, ErrorKind, Result};
use crate::format::spec::{TableDef, TableId};
use crate::store::RealStorage;
use crate::store::storage::Storage;

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
    pub(in crate::db) core: Arc<Core>,
}

/// A table of an open database.
#[derive(Debug, Clone)]
pub struct Table {
    core: Arc<Core>,
    def: Arc<TableDef>,
}

impl Db {
    /// Opens the database at `path`, and creates it if it is missing and opened for writing.
    ///
    /// # Errors
    /// `Locked` if it is open for writing elsewhere, `Corruption` if its bytes are not what was
    /// written, `Format` if they are of a newer version, `Io` with the system's error.
    pub fn open(path: impl AsRef<Path>, options: DbOptions) -> Result<Self> {
        Self::open_with(Arc::new(RealStorage), path, options)
    }

    /// The same over another storage than the operating system's files.
    pub fn open_with(
        storage: Arc<dyn Storage>,
        path: impl AsRef<Path>,
        options: DbOptions,
    ) -> Result<Self> {
        Ok(Self { core: Arc::new(open::open(storage, path.as_ref(), options)?) })
    }

    /// Where it is, with symlinks followed.
    pub fn path(&self) -> &Path {
        self.core.path()
    }

    /// True once it was closed.
    pub fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    /// What opening found in the log.
    pub fn recovery(&self) -> &Recovery {
        &self.core.recovery
    }

    /// Closes it: what was written is flushed, the log removed, the lock given up. Scans
    /// that were made before can no longer be read. The second call does nothing.
    pub fn close(&self) -> Result<()> {
        self.core.close()
    }

    /// Writes the rows of the memtables as segments and commits: whatever was written before
    /// survives power loss.
    pub fn flush(&self) -> Result<()> {
        self.core.flush()
    }

    /// Names of the tables, sorted.
    pub fn tables(&self) -> Result<Vec<String>> {
        self.core.check_open()?;
        Ok(self.core.snapshot().0.names())
    }

    /// The table of that name.
    pub fn table(&self, name: &str) -> Result<Table> {
        self.find_table(name)?.ok_or_else(|| self.not_found(name))
    }

    /// The table of that name, if there is one.
    pub(crate) fn find_table(&self, name: &str) -> Result<Option<Table>> {
        self.core.check_open()?;
        let (view, _) = self.core.snapshot();
        let table = view.find(name).and_then(|id| view.table(id));
        let handle =
            |def: &Arc<TableDef>| Table { core: Arc::clone(&self.core), def: Arc::clone(def) };
        Ok(table.map(|table| handle(&table.def)))
    }

    #[cold]
    fn not_found(&self, name: &str) -> Error {
        let names = self.core.snapshot().0.names();
        let has = match names.get(..NAMES_TOLD) {
            Some(first) if names.len() > NAMES_TOLD => {
                format!("{} and {} more", first.join(", "), names.len() - NAMES_TOLD)
            }
            _ if names.is_empty() => "no tables".into(),
            _ => names.join(", "),
        };
        let message = format!("no table {name:?}; the database has {has}");
        Error::new(ErrorKind::TableNotFound, message)
    }

    /// Creates a table. If there is one of that name with the same schema, this is it.
    ///
    /// # Errors
    /// `Schema` if there is one with another schema, or if the schema cannot be.
    pub fn create_table(&self, name: &str, spec: TableSpec) -> Result<Table> {
        self.core.check_open()?;
        check_name("table", name)?;
        spec.validate()?;
        if let Some(table) = self.existing(name, &spec)? {
            return Ok(table);
        }
        if spec.on_conflict != OnConflict::All {
            let rule = spec.on_conflict.name();
            return Err(Error::invalid(format!(
                "on_conflict = {rule:?} is not there yet: every row is kept, as with \"all\""
            )));
        }
        let def = TableDef { id: 0, name: name.into(), spec: spec.clone() };
        if let Some(receipt) = self.core.create_table(def)? {
            self.settle(receipt)?;
            return self.table(name);
        }
        // Another thread was quicker: its table is this one, or is in the way.
        self.existing(name, &spec)?.ok_or_else(|| Error::schema(format!("table {name:?} is gone")))
    }

    fn existing(&self, name: &str, spec: &TableSpec) -> Result<Option<Table>> {
        let Some(table) = self.find_table(name)? else { return Ok(None) };
        match describe_difference(&table.def.spec, spec) {
            None => Ok(Some(table)),
            Some(difference) => {
                let message = format!("table {name:?} exists with another schema: {difference}");
                Err(Error::schema(message))
            }
        }
    }

    /// Does what an append left to be done: waits for its sync, flushes what is full.
    pub fn settle(&self, receipt: Receipt) -> Result<()> {
        self.core.settle(receipt)
    }

    /// Figures about the database and its tables.
    pub fn stats(&self) -> Result<DbStats> {
        self.core.check_open()?;
        let (view, visible) = self.core.snapshot();
        let at = self.core.place();
        let tables: Result<Vec<TableStats>> =
            view.tables().map(|table| table_stats(table, visible, &at)).collect();
        let mut tables = tables?;
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        let io = |e| Error::from_io("read the length of", &self.core.path, e);
        let file_bytes = self.core.file.len().map_err(io)?;
        let slot = self.core.main().as_ref().map(|main| *main.file.slot());
        let guard = self.core.writer();
        let log = guard.as_ref().and_then(|writer| writer.log.as_ref());
        Ok(DbStats {
            path: self.core.path.clone(),
            file_bytes,
            log_bytes: log.map_or(0, |log| log.end()),
            generation: slot.map_or(0, |slot| slot.generation),
            epoch: slot.map_or(0, |slot| slot.epoch),
            next_seq: visible + 1,
            tables,
        })
    }

    /// Reads the whole file and its log and checks it: header, manifest, extents, log records,
    /// every block against its checksum, and that statistics, times, row numbers and keys are those
    /// of the rows.
    pub fn verify(&self) -> Result<VerifyReport> {
        self.verify_with(&mut |_, _| Ok(()))
    }

    /// The same; `progress` is told how many bytes of segments were checked, and of how many. An
    /// error of its own ends the check.
    pub fn verify_with(&self, progress: Progress<'_>) -> Result<VerifyReport> {
        verify::verify(&self.core, progress)
    }
}

/// How the schema asked for differs from the one there is; `None` if it does not.
fn describe_difference(is: &TableSpec, asked: &TableSpec) -> Option<String> {
    let columns = |spec: &TableSpec| {
        // In quotes, as a name may hold what stands between two of them.
        let each = spec.columns.iter().map(|c| format!("{:?} {}", c.name, c.ty));
        each.collect::<Vec<_>>().join(", ")
    };
    let key = |spec: &TableSpec| {
        let each = spec.key.iter().map(|&p| format!("{:?}", spec.columns[p].name));
        each.collect::<Vec<_>>().join(", ")
    };
    let parts = [
        ("columns", columns(is), columns(asked)),
        ("time column", is.time_column.clone(), asked.time_column.clone()),
        ("time unit", is.unit.to_string(), asked.unit.to_string()),
        ("key", key(is), key(asked)),
        ("on_conflict", is.on_conflict.name().into(), asked.on_conflict.name().into()),
        ("storage", is.storage.name().into(), asked.storage.name().into()),
    ];
    let differs = parts.iter().find(|(_, is, asked)| is != asked);
    differs.map(|(what, is, asked)| format!("its {what}: [{is}], asked for: [{asked}]"))
}

impl Core {
    /// Where segments are.
    pub(crate) fn place(&self) -> Place<'_> {
        Place { file: &*self.file, path: &self.path, salt: self.salt }
    }
}

impl Table {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.def.name
    }

    /// Its schema and rules.
    pub fn spec(&self) -> &TableSpec {
        &self.def.spec
    }

    /// The database it belongs to.
    pub fn db(&self) -> Db {
        Db { core: Arc::clone(&self.core) }
    }

    fn id(&self) -> TableId {
        self.def.id
    }

    /// The table as readers see it now, and up to which row number.
    fn now(&self) -> Result<(Arc<TableView>, u64)> {
        self.core.check_open()?;
        let (view, visible) = self.core.snapshot();
        match view.table(self.id()) {
            Some(table) => Ok((Arc::clone(table), visible)),
            None => Err(self.core.no_table(self.id())),
        }
    }

    /// Appends one row: a value for each value column, in the schema's order. Returns the row's
    /// number: rows are numbered 1, 2, 3 over all tables.
    ///
    /// # Errors
    /// `Schema` if it does not fit; nothing is written then. `Indeterminate` if it was written but
    /// could not be synced at `Durability::Sync`.
    pub fn append_row(&self, ts: i64, values: &[Value<'_>]) -> Result<u64> {
        let receipt = self.write_row(ts, values)?;
        if receipt.pending() {
            self.core.settle(receipt)?;
        }
        Ok(receipt.last_seq)
    }

    /// Appends the rows of all batches, or none; returns how many.
    ///
    /// # Errors
    /// As for [`Table::append_row`].
    pub fn append(&self, batches: Vec<Batch>) -> Result<u64> {
        let receipt = self.write(batches)?;
        self.core.settle(receipt)?;
        Ok(receipt.rows)
    }

    /// The first half of [`Table::append_row`], which does not wait for its rows to be durable (it
    /// waits for whoever holds the log: a commit, or its own making of it); the second is
    /// [`Db::settle`].
    pub fn write_row(&self, ts: i64, values: &[Value<'_>]) -> Result<Receipt> {
        self.core.append_row(self.id(), ts, values)
    }

    /// [`Table::write_row`] if that can be done at once: `None` where it would have to wait.
    #[inline]
    pub fn try_write_row(&self, ts: i64, values: &[Value<'_>]) -> Result<Option<Receipt>> {
        self.core.try_append_row(self.id(), ts, values)
    }

    /// The first half of [`Table::append`]; the second is [`Db::settle`].
    pub fn write(&self, batches: Vec<Batch>) -> Result<Receipt> {
        self.core.append(&self.def, batches)
    }

    /// Rows in a range of time, in order, as of now.
    pub fn scan(&self, spec: ScanSpec) -> Result<Scan> {
        let (table, visible) = self.now()?;
        Scan::new(table, visible, Arc::clone(&self.core), &spec)
    }

    /// The newest `n` rows, in order.
    pub fn last(&self, n: usize) -> Result<Scan> {
        self.newest(n, None)
    }

    /// The newest row at or before `ts`: of rows at the same time, the last in the order of a scan.
    /// No row if there is none.
    ///
    /// ```
    /// use chronolite::{DataType, Db, DbOptions, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// sensor.append_row(1000, &[20.5.into()])?;
    /// assert_eq!(sensor.asof(5000)?.count()?, 1);
    /// assert_eq!(sensor.asof(999)?.count()?, 0);
    /// # drop(sensor);
    /// db.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn asof(&self, ts: i64) -> Result<Scan> {
        // Past the last time there is nothing to stop at.
        self.newest(1, ts.checked_add(1))
    }

    /// The newest `n` rows before `end`, in order.
    fn newest(&self, n: usize, end: Option<i64>) -> Result<Scan> {
        let (table, visible) = self.now()?;
        let spec = ScanSpec { end, limit: Some(n as u64), ..ScanSpec::default() };
        let at = self.core.place();
        let least = if n == 0 { None } else { nth_newest(&table, visible, n, end, &at)? };
        Scan::newest(table, visible, Arc::clone(&self.core), &spec, least)
    }

    /// The rows of a range in buckets of time, and what each comes to, as of now. It is read as a
    /// scan is: a row for each bucket that has rows (and each group in it), in order of time and
    /// group; the columns are the time at which the bucket begins, those of `by`, and then the
    /// aggregates. It reads in one pass, in memory for the open bucket's groups; with a `fill` it
    /// holds what it would give without one.
    ///
    /// # Errors
    /// `Schema` if there is no such column, aggregate of its type, or filling of that; `InvalidInput`
    /// if `every` is no length, `tz` no zone, or both do not go together. Reading it, `Overflow` if a
    /// sum of integers does not fit 64 bits; `InvalidInput` if filling makes over 100 million rows.
    pub fn downsample(&self, spec: DownsampleSpec) -> Result<Scan> {
        let (table, visible) = self.now()?;
        Scan::downsample(table, visible, Arc::clone(&self.core), spec)
    }

    /// How many rows.
    pub fn len(&self) -> Result<u64> {
        let (table, visible) = self.now()?;
        Ok(table.segments.rows() + table.memtable_rows(visible))
    }

    /// True if it has no row.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Least and greatest time of all rows; `None` if there are none.
    pub fn time_range(&self) -> Result<Option<(i64, i64)>> {
        let (table, visible) = self.now()?;
        Ok(table.time_range(visible))
    }

    /// Least time of all rows.
    pub fn min_ts(&self) -> Result<Option<i64>> {
        Ok(self.time_range()?.map(|range| range.0))
    }

    /// Greatest time of all rows.
    pub fn max_ts(&self) -> Result<Option<i64>> {
        Ok(self.time_range()?.map(|range| range.1))
    }

    /// Figures about it.
    pub fn stats(&self) -> Result<TableStats> {
        let (table, visible) = self.now()?;
        table_stats(&table, visible, &self.core.place())
    }
}
