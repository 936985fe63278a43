//! What a table takes on disk, under NanoTS's names.

use crate::base::DataType;
use crate::db::TableStats;

/// Bytes of a table's rows in segments, as they are and as they are stored. Rows in the memtable
/// are in none of the counts.
///
/// ```
/// use chronolite::nanots::Space;
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// db.flush()?;
/// let space = Space::of(&sensor.stats()?);
/// assert_eq!((space.columns, space.raw_ts_bytes, space.raw_value_bytes), (1, 24, 24));
/// assert_eq!(space.on_disk_bytes, space.ntt_file_bytes + space.idx_file_bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Space {
    /// Value columns.
    pub columns: u64,
    /// Times, 8 bytes each.
    pub raw_ts_bytes: u64,
    /// Values, null or not, at the width of their types, a bool at a byte. Text and bytes count for
    /// nothing, as in NanoTS: segments do not note how long they are.
    pub raw_value_bytes: u64,
    /// Both together.
    pub raw_total_bytes: u64,
    /// Blocks of the time column.
    pub stored_ts_bytes: u64,
    /// Blocks of the value columns.
    pub stored_value_bytes: u64,
    /// Both together.
    pub stored_total_bytes: u64,
    /// The rest of the segments: footers, numbers of rows, padding.
    pub header_bytes: u64,
    /// The segments.
    pub ntt_file_bytes: u64,
    /// What the manifest says of the segments.
    pub idx_file_bytes: u64,
    /// The schema.
    pub schema_file_bytes: u64,
    /// The segments and what the manifest says of them.
    pub on_disk_bytes: u64,
}

impl Space {
    /// What a table takes.
    ///
    /// ```
    /// use chronolite::nanots::Space;
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// // Rows in the memtable count for nothing.
    /// assert_eq!(Space::of(&sensor.stats()?).raw_total_bytes, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(stats: &TableStats) -> Self {
        let mut space = Self {
            columns: stats.columns.len().saturating_sub(1) as u64,
            ntt_file_bytes: stats.disk_bytes,
            idx_file_bytes: stats.index_bytes,
            schema_file_bytes: stats.schema_bytes,
            on_disk_bytes: stats.disk_bytes + stats.index_bytes,
            ..Self::default()
        };
        if let Some((time, values)) = stats.columns.split_first() {
            space.raw_ts_bytes = time.values * 8;
            space.stored_ts_bytes = time.bytes;
            space.raw_value_bytes = values.iter().map(|of| of.values * width(&of.ty)).sum();
            space.stored_value_bytes = values.iter().map(|of| of.bytes).sum();
        }
        space.raw_total_bytes = space.raw_ts_bytes + space.raw_value_bytes;
        space.stored_total_bytes = space.stored_ts_bytes + space.stored_value_bytes;
        space.header_bytes = space.ntt_file_bytes.saturating_sub(space.stored_total_bytes);
        space
    }

    /// All of it by name.
    ///
    /// ```
    /// use chronolite::nanots::Space;
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// assert_eq!(Space::of(&sensor.stats()?).counts()[0], ("columns", 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn counts(&self) -> [(&'static str, u64); 12] {
        [
            ("columns", self.columns),
            ("raw_ts_bytes", self.raw_ts_bytes),
            ("raw_value_bytes", self.raw_value_bytes),
            ("raw_total_bytes", self.raw_total_bytes),
            ("stored_ts_bytes", self.stored_ts_bytes),
            ("stored_value_bytes", self.stored_value_bytes),
            ("stored_total_bytes", self.stored_total_bytes),
            ("header_bytes", self.header_bytes),
            ("ntt_file_bytes", self.ntt_file_bytes),
            ("idx_file_bytes", self.idx_file_bytes),
            ("schema_file_bytes", self.schema_file_bytes),
            ("on_disk_bytes", self.on_disk_bytes),
        ]
    }

    /// How many times smaller what is stored is, by name; nothing if there are no rows in segments.
    ///
    /// ```
    /// use chronolite::nanots::Space;
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// assert!(Space::of(&sensor.stats()?).ratios().is_empty());
    /// db.flush()?;
    /// let ratios = Space::of(&sensor.stats()?).ratios();
    /// assert!(ratios[0].0 == "compression_ratio_total_x" && ratios[0].1 > 0.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ratios(&self) -> Vec<(&'static str, f64)> {
        if self.raw_total_bytes == 0 {
            return vec![];
        }
        let by = |raw: u64, stored: u64| if stored == 0 { 0.0 } else { raw as f64 / stored as f64 };
        vec![
            ("compression_ratio_total_x", by(self.raw_total_bytes, self.on_disk_bytes)),
            ("compression_ratio_ts_blob_x", by(self.raw_ts_bytes, self.stored_ts_bytes)),
            ("compression_ratio_value_blob_x", by(self.raw_value_bytes, self.stored_value_bytes)),
            ("compression_ratio_values_x", by(self.raw_value_bytes, self.ntt_file_bytes)),
        ]
    }
}

/// Bytes of a value of the type of that name, as [`Space::raw_value_bytes`] counts them.
fn width(ty: &str) -> u64 {
    match DataType::from_name(ty) {
        Some(DataType::Bool) => 1,
        Some(ty) => ty.width().unwrap_or(0) as u64,
        None => 0,
    }
}
