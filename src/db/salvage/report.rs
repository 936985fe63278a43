//! What a salvage found, kept and lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::db::salvage::rescue::Opened;
use crate::db::stats::Problem;
use crate::db::verify::Progress;
use crate::error::{Error, Result};
use crate::format::edit::SegmentEntry;
use crate::format::spec::TableDef;

/// What a salvage found, kept and lost.
///
/// ```
/// use chronolite::{DataType, Db, DbOptions, TableSpec, salvage};
///
/// # let folder = tempfile::tempdir()?;
/// # let (path, target) = (folder.path().join("plant.chl"), folder.path().join("saved.chl"));
/// # let db = Db::open(&path, DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// # sensor.append_row(1000, &[20.5.into()])?;
/// # drop(sensor);
/// # db.close()?;
/// let report = salvage(&path, &target, &mut |_, _| Ok(()))?;
/// assert!(report.problems.is_empty() && report.bytes_scanned > 0);
/// assert!(report.tables.keys().eq(["sensor"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvageReport {
    /// The tables of the new file, by name.
    pub tables: BTreeMap<String, SalvagedTable>,
    /// What is damaged in the source.
    pub problems: Vec<Problem>,
    /// Bytes of the source that were looked at.
    pub bytes_scanned: u64,
}

/// What a salvage kept and lost of a table.
///
/// ```
/// use std::fs;
/// use chronolite::{DataType, Db, DbOptions, StoragePolicy, TableSpec, salvage};
///
/// # let folder = tempfile::tempdir()?;
/// # let (path, target) = (folder.path().join("plant.chl"), folder.path().join("saved.chl"));
/// let db = Db::open(&path, DbOptions::default())?;
/// let spec = TableSpec::new([("temp", DataType::F64)]).storage(StoragePolicy::Raw);
/// let sensor = db.create_table("sensor", spec)?;
/// for ts in 0..1000 {
///     sensor.append_row(ts, &[(ts as f64).sqrt().into()])?;
/// }
/// # drop(sensor);
/// db.close()?;
/// // A value is damaged.
/// let mut bytes = fs::read(&path)?;
/// let value = 500f64.sqrt().to_le_bytes();
/// let at = bytes.windows(8).position(|eight| eight == value).expect("it is in the file");
/// bytes[at] ^= 1;
/// fs::write(&path, &bytes)?;
/// // Its block is read as nulls, all rows are there.
/// let report = salvage(&path, &target, &mut |_, _| Ok(()))?;
/// let sensor = &report.tables["sensor"];
/// assert_eq!((sensor.rows, sensor.lost_rows, sensor.lost_values["temp"]), (1000, 0, 1000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvagedTable {
    /// Rows in the new file, those among them that give way to others of the same time and key.
    pub rows: u64,
    /// Segments that were kept, whole or in part.
    pub segments: u64,
    /// Segments of which nothing could be read.
    pub lost_segments: u64,
    /// Rows that are known to be lost: those of lost segments, and those in damaged blocks of times
    /// or row numbers. What was in a damaged part of the log is not known.
    pub lost_rows: u64,
    /// Of the rows, those that stood in the log alone.
    pub log_rows: u64,
    /// Values that were lost in rows that were kept, and read null, by column.
    pub lost_values: BTreeMap<String, u64>,
}

impl SalvageReport {
    /// True if nothing is damaged: the new file holds all that the source did.
    ///
    /// ```
    /// use chronolite::{DataType, Db, DbOptions, TableSpec, salvage};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let (path, target) = (folder.path().join("plant.chl"), folder.path().join("saved.chl"));
    /// # let db = Db::open(&path, DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// # sensor.append_row(1000, &[20.5.into()])?;
    /// # drop(sensor);
    /// # db.close()?;
    /// assert!(salvage(&path, &target, &mut |_, _| Ok(()))?.ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ok(&self) -> bool {
        self.problems.is_empty()
    }
}

/// A salvage under way: its report, and whom to tell how far it is.
pub(super) struct Run<'a> {
    pub(super) report: SalvageReport,
    progress: Progress<'a>,
    total: u64,
    path: PathBuf,
}

impl<'a> Run<'a> {
    pub(super) fn new(progress: Progress<'a>, path: &Path) -> Self {
        Self { report: SalvageReport::default(), progress, total: 0, path: path.to_path_buf() }
    }

    /// So many more bytes are going to be looked at.
    pub(super) fn expect(&mut self, bytes: u64) {
        self.total += bytes;
    }

    /// So many more bytes were.
    pub(super) fn advance(&mut self, bytes: u64) -> Result<()> {
        self.report.bytes_scanned += bytes;
        (self.progress)(self.report.bytes_scanned.min(self.total), self.total)
    }

    pub(super) fn table(&mut self, name: &str) -> &mut SalvagedTable {
        self.report.tables.entry(name.to_owned()).or_default()
    }

    pub(super) fn problem(&mut self, file: &Path, offset: u64, message: impl Into<String>) {
        let (file, message) = (file.to_path_buf(), message.into());
        self.report.problems.push(Problem { file, offset, message });
    }

    /// Notes an error of the source as a problem.
    pub(super) fn found(&mut self, error: &Error) {
        let file = error.file().unwrap_or(&self.path).to_path_buf();
        self.problem(&file, error.offset().unwrap_or(0), error.message());
    }

    /// Notes a segment of which nothing can be read.
    pub(super) fn lost_segment(&mut self, def: &TableDef, entry: &SegmentEntry, error: &Error) {
        let table = self.table(&def.name);
        table.lost_segments += 1;
        table.lost_rows += u64::from(entry.rows);
        let SegmentEntry { id, rows, offset, .. } = entry;
        let name = &def.name;
        let message = format!(
            "{}: all {rows} rows of segment {id} of table {name:?} are lost",
            error.message()
        );
        let file = error.file().unwrap_or(&self.path).to_path_buf();
        self.problem(&file, error.offset().unwrap_or(*offset), message);
    }

    /// Notes a segment of which so many rows were kept, its damaged blocks and what is lost by each.
    /// `unnamed`: though the manifest is whole, nothing names it.
    pub(super) fn kept_segment(
        &mut self,
        def: &TableDef,
        opened: &Opened,
        kept: u64,
        unnamed: bool,
    ) {
        let (name, path) = (&def.name, self.path.clone());
        let SegmentEntry { id, offset, .. } = opened.entry;
        if unnamed {
            let message =
                format!("segment {id} of table {name:?}: the log does not name it any more");
            self.problem(&path, offset, message);
        }
        for bad in opened.damage() {
            let (column, rows) =
                (opened.column_name(def, bad.column), opened.footer.rows_of(bad.block));
            let what = bad.why.what;
            let message =
                format!("segment {id} of table {name:?}: {what} of {column}, {rows} rows");
            self.problem(&path, offset + bad.why.at as u64, message);
        }
        let table = self.table(name);
        (table.rows, table.segments) = (table.rows + kept, table.segments + u64::from(kept > 0));
        table.lost_rows += opened.lost_rows();
        for (column, values) in opened.lost_values(def) {
            *table.lost_values.entry(column).or_default() += values;
        }
    }
}
