//! Figures about a database.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::db::catalog::TableView;
use crate::db::core::Core;
use crate::db::extent::{rows, time_range};
use crate::db::maintenance::MaintenanceStats;
use crate::error::Result;
use crate::format::edit::{Edit, encode_edits};
use crate::format::footer::{ColumnIndex, Footer, SEQ_ID, TIME_ID};

/// Figures about a database.
///
/// ```
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// let stats = db.stats()?;
/// assert_eq!((stats.tables[0].name.as_str(), stats.next_seq), ("sensor", 4));
/// assert!(stats.file_bytes > 0 && stats.log_bytes > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DbStats {
    /// Its path.
    pub path: PathBuf,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of the log that hold records.
    pub log_bytes: u64,
    /// Number of the last commit.
    pub generation: u64,
    /// Epoch of the log: how many times it began anew.
    pub epoch: u64,
    /// Processes that read it, this one among them if it does: they have it open in mode `r`, or
    /// hold buffers of it though they have closed it.
    pub readers: u64,
    /// Bytes of the file that would be free but for them; 0 where it is open for reading only.
    pub kept_for_readers: u64,
    /// Number that the next row gets.
    pub next_seq: u64,
    /// How many times each byte of a segment was written since the database was opened, packs
    /// counted in; `None` if none was.
    pub write_amplification: Option<f64>,
    /// What background maintenance did since the database was opened.
    pub maintenance: MaintenanceStats,
    /// Its tables, by name.
    pub tables: Vec<TableStats>,
}

/// Figures about a table.
///
/// ```
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// let before = sensor.stats()?;
/// assert_eq!((before.rows, before.memtable_rows, before.segments), (3, 3, 0));
/// db.flush()?;
/// let stats = sensor.stats()?;
/// assert_eq!((stats.rows, stats.memtable_rows, stats.segments), (3, 0, 1));
/// assert_eq!((stats.min_ts, stats.max_ts), (Some(1000), Some(3000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TableStats {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Those of them that are in the memtable and the log only.
    pub memtable_rows: u64,
    /// Its segments.
    pub segments: u64,
    /// Bytes of its segments.
    pub disk_bytes: u64,
    /// Bytes of what the manifest says of its segments.
    pub index_bytes: u64,
    /// Bytes of its schema.
    pub schema_bytes: u64,
    /// Least time.
    pub min_ts: Option<i64>,
    /// Greatest time.
    pub max_ts: Option<i64>,
    /// Its columns in segments, the time first.
    pub columns: Vec<ColumnStats>,
    /// What the numbers of its rows take in segments.
    pub row_numbers: ColumnStats,
}

/// Figures about a column in the segments of its table.
///
/// ```
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// db.flush()?;
/// let [ts, temp] = &sensor.stats()?.columns[..] else { panic!("two columns") };
/// assert_eq!((ts.ty.as_str(), temp.ty.as_str()), ("timestamp[ms]", "f64"));
/// assert_eq!((temp.values, temp.nulls), (3, 0));
/// assert_eq!(temp.codecs.values().sum::<u64>(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ColumnStats {
    /// Its name.
    pub name: String,
    /// Name of its type.
    pub ty: String,
    /// Values, null ones among them.
    pub values: u64,
    /// Null values.
    pub nulls: u64,
    /// Bytes of its blocks.
    pub bytes: u64,
    /// How many blocks each codec encoded.
    pub codecs: BTreeMap<String, u64>,
}

impl ColumnStats {
    /// Bits on disk for each value, footers not counted.
    ///
    /// ```
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// assert_eq!(sensor.stats()?.columns[1].bits_per_value(), 0.0);
    /// db.flush()?;
    /// assert!(sensor.stats()?.columns[1].bits_per_value() > 0.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bits_per_value(&self) -> f64 {
        if self.values == 0 { 0.0 } else { self.bytes as f64 * 8.0 / self.values as f64 }
    }
}

/// Damage that was found.
///
/// ```
/// use std::fs;
/// use chronolite::{DataType, Db, DbOptions, StoragePolicy, TableSpec};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("plant.chl");
/// let db = Db::open(&path, DbOptions::default())?;
/// let spec = TableSpec::new([("temp", DataType::F64)]).storage(StoragePolicy::Raw);
/// db.create_table("sensor", spec)?.append_row(1000, &[20.5.into()])?;
/// db.close()?;
/// // A value is damaged.
/// let mut bytes = fs::read(&path)?;
/// let value = 20.5f64.to_le_bytes();
/// let at = bytes.windows(8).position(|eight| eight == value).expect("it is in the file");
/// bytes[at] ^= 1;
/// fs::write(&path, &bytes)?;
/// let report = Db::open(&path, DbOptions::default())?.verify()?;
/// let problem = &report.problems[0];
/// assert!(problem.file.ends_with("plant.chl") && problem.offset > 0);
/// assert!(!problem.message.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The byte in it.
    pub offset: u64,
    /// What is wrong.
    pub message: String,
}

/// Figures about one table.
pub(crate) fn table_stats(
    core: &Arc<Core>,
    table: &Arc<TableView>,
    visible: u64,
) -> Result<TableStats> {
    let at = &core.place();
    let spec = &table.def.spec;
    let column = |name: &str, ty: &str| ColumnStats {
        name: name.into(),
        ty: ty.into(),
        values: 0,
        nulls: 0,
        bytes: 0,
        codecs: BTreeMap::new(),
    };
    let mut columns =
        vec![(TIME_ID, column(&spec.time_column, &format!("timestamp[{}]", spec.unit)))];
    columns.extend(spec.columns.iter().map(|c| (c.id, column(&c.name, c.ty.name()))));
    let mut row_numbers = column("row numbers", "u64");
    let (mut disk_bytes, mut entries) = (0, Vec::new());
    for segment in table.segments.iter() {
        let (footer, _) = segment.map(at)?;
        disk_bytes += segment.entry.len;
        encode_edits(&[Edit::AddSegment(segment.entry.clone())], &mut entries);
        if let Some(column) = footer.column(SEQ_ID) {
            add_column(&mut row_numbers, column, &footer);
        }
        for (id, stats) in &mut columns {
            match footer.column(*id) {
                Some(column) => add_column(stats, column, &footer),
                None => {
                    stats.values += u64::from(footer.rows);
                    stats.nulls += u64::from(footer.rows);
                }
            }
        }
    }
    let memtable_rows = table.memtable_rows(visible);
    let (min_ts, max_ts) = time_range(core, table, visible)?.unzip();
    let mut schema = Vec::new();
    table.def.encode(&mut schema);
    Ok(TableStats {
        name: table.def.name.clone(),
        rows: rows(core, table, visible)?,
        memtable_rows,
        segments: table.segments.len() as u64,
        disk_bytes,
        index_bytes: entries.len() as u64,
        schema_bytes: schema.len() as u64,
        min_ts,
        max_ts,
        columns: columns.into_iter().map(|(_, stats)| stats).collect(),
        row_numbers,
    })
}

fn add_column(stats: &mut ColumnStats, column: &ColumnIndex, footer: &Footer) {
    stats.values += u64::from(footer.rows);
    stats.nulls += u64::from(column.nulls);
    for block in column.streams.iter().flat_map(|stream| &stream.blocks) {
        stats.bytes += u64::from(block.len);
        *stats.codecs.entry(block.codec.name().to_owned()).or_default() += 1;
    }
}
