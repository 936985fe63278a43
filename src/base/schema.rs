//! Types, columns and the schema of a table.
//!
//! A table has a time column (always present, int64 in the table's unit), value columns, and some
//! of the value columns may be its key (tags). Columns have ids that are never used twice in a
//! table, so that a column added later is told apart from one that was there before.

use std::iter;

use crate::base::codec::Codec;
pub use crate::base::data_type::DataType;
use crate::base::time::TimeUnit;
use crate::error::{Error, Result};

/// A column's number within its table, never used again after the column is gone.
pub type ColumnId = u32;

/// A value column: its name and type. Every value column can hold nulls.
///
/// ```
/// use chronolite::{ColumnDef, DataType, TableSpec};
///
/// let spec = TableSpec::new([("temp", DataType::F64)]);
/// let temp = ColumnDef { id: 0, name: "temp".into(), ty: DataType::F64, codec: None };
/// assert_eq!(spec.columns, [temp]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnDef {
    /// Its number within the table.
    pub id: ColumnId,
    /// Its name, unique within the table and not that of the time column.
    pub name: String,
    /// Its type.
    pub ty: DataType,
    /// The codec that was asked for; `None` is up to the storage policy.
    pub codec: Option<Codec>,
}

/// What a second row with the same (time, key) means.
///
/// ```
/// use chronolite::{DataType, Db, DbOptions, OnConflict, TableSpec};
///
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// let spec = TableSpec::new([("temp", DataType::F64)]).on_conflict(OnConflict::Last);
/// let sensor = db.create_table("sensor", spec)?;
/// sensor.append_row(1000, &[20.5.into()])?;
/// sensor.append_row(1000, &[21.5.into()])?;
/// assert_eq!(sensor.len()?, 1);
/// let (_, temps) = db.query_table_range_columns("sensor", 0, 1000)?;
/// assert_eq!(temps, [[21.5]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
#[non_exhaustive]
pub enum OnConflict {
    /// Both rows are kept.
    #[default]
    All = 0,
    /// The row that came last is kept.
    Last = 1,
    /// The row that came first is kept.
    First = 2,
    /// The append is refused.
    Error = 3,
}

impl OnConflict {
    /// All rules, in the order of their codes in a file.
    ///
    /// ```
    /// use chronolite::OnConflict;
    ///
    /// assert_eq!(OnConflict::ALL.map(OnConflict::name), ["all", "last", "first", "error"]);
    /// ```
    pub const ALL: [Self; 4] = [Self::All, Self::Last, Self::First, Self::Error];

    /// The name in the API.
    ///
    /// ```
    /// assert_eq!(chronolite::OnConflict::First.name(), "first");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Last => "last",
            Self::First => "first",
            Self::Error => "error",
        }
    }

    /// True if at most one row is read of those with the same (time, key).
    ///
    /// ```
    /// use chronolite::OnConflict;
    ///
    /// assert!(OnConflict::Last.keeps_one() && !OnConflict::All.keeps_one());
    /// ```
    pub const fn keeps_one(self) -> bool {
        !matches!(self, Self::All)
    }

    /// What keeps the same rows where they come in the other order.
    pub(crate) const fn backwards(self) -> Self {
        match self {
            Self::All => Self::All,
            Self::First => Self::Last,
            Self::Last | Self::Error => Self::First,
        }
    }
}

/// How hard a table's columns are compressed.
///
/// ```
/// use chronolite::{DataType, StoragePolicy, TableSpec};
///
/// let spec = TableSpec::new([("temp", DataType::F64)]).storage(StoragePolicy::Size);
/// assert_eq!(spec.storage, StoragePolicy::Size);
/// assert_eq!(StoragePolicy::default(), StoragePolicy::Balanced);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
#[non_exhaustive]
pub enum StoragePolicy {
    /// The smallest of the fast codecs; a packed segment may use slower ones.
    #[default]
    Balanced = 0,
    /// Only codecs that decode fast, numbers at the speed of memory.
    Speed = 1,
    /// The smallest, however slow.
    Size = 2,
    /// Arrow's own layout: a read is a view of the mapped file.
    Raw = 3,
}

impl StoragePolicy {
    /// All policies, in the order of their codes in a file.
    ///
    /// ```
    /// use chronolite::StoragePolicy;
    ///
    /// let names = StoragePolicy::ALL.map(StoragePolicy::name);
    /// assert_eq!(names, ["balanced", "speed", "size", "raw"]);
    /// ```
    pub const ALL: [Self; 4] = [Self::Balanced, Self::Speed, Self::Size, Self::Raw];

    /// The name in the API.
    ///
    /// ```
    /// assert_eq!(chronolite::StoragePolicy::Speed.name(), "speed");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Speed => "speed",
            Self::Size => "size",
            Self::Raw => "raw",
        }
    }
}

/// The schema of a table and the rules it was created with.
///
/// ```
/// use chronolite::{DataType, OnConflict, TableSpec, TimeUnit};
///
/// let spec = TableSpec::new([("site", DataType::Utf8), ("temp", DataType::F64)])
///     .unit(TimeUnit::Second)
///     .key(&["site"])?
///     .on_conflict(OnConflict::Last);
/// assert!(spec.validate().is_ok());
/// assert_eq!((spec.time_column.as_str(), spec.key), ("ts", vec![0]));
/// # Ok::<(), chronolite::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableSpec {
    /// Name of the time column.
    pub time_column: String,
    /// The codec that was asked for the time column; `None` is up to the storage policy.
    pub time_codec: Option<Codec>,
    /// Unit of the time column.
    pub unit: TimeUnit,
    /// The value columns, key columns among them, in the order they are read.
    pub columns: Vec<ColumnDef>,
    /// Positions in `columns` of the key (tags), in key order.
    pub key: Vec<usize>,
    /// What a second row with the same (time, key) means.
    pub on_conflict: OnConflict,
    /// How hard columns are compressed.
    pub storage: StoragePolicy,
}

/// Longest name of a table or column, in bytes.
pub const MAX_NAME_LEN: usize = 255;
/// Most value columns of a table.
pub const MAX_COLUMNS: usize = 4096;

impl TableSpec {
    /// A table with these value columns, a time column `ts` in milliseconds, and no key.
    ///
    /// ```
    /// use chronolite::{DataType, TableSpec, TimeUnit};
    ///
    /// let spec = TableSpec::new([("temp", DataType::F64), ("humidity", DataType::F32)]);
    /// assert_eq!((spec.columns.len(), spec.unit), (2, TimeUnit::Millisecond));
    /// ```
    pub fn new<N: Into<String>>(columns: impl IntoIterator<Item = (N, DataType)>) -> Self {
        let columns = columns.into_iter().zip(0..);
        Self {
            time_column: "ts".into(),
            time_codec: None,
            unit: TimeUnit::Millisecond,
            columns: columns
                .map(|((name, ty), id)| ColumnDef { id, name: name.into(), ty, codec: None })
                .collect(),
            key: vec![],
            on_conflict: OnConflict::All,
            storage: StoragePolicy::Balanced,
        }
    }

    /// The same table with another unit of time.
    ///
    /// ```
    /// use chronolite::{DataType, TableSpec, TimeUnit};
    ///
    /// let spec = TableSpec::new([("temp", DataType::F64)]).unit(TimeUnit::Nanosecond);
    /// assert_eq!(spec.unit, TimeUnit::Nanosecond);
    /// ```
    #[must_use]
    pub fn unit(mut self, unit: TimeUnit) -> Self {
        self.unit = unit;
        self
    }

    /// The same table with another name for the time column.
    ///
    /// ```
    /// use chronolite::{DataType, TableSpec};
    ///
    /// let spec = TableSpec::new([("temp", DataType::F64)]).time_column("measured_at");
    /// assert_eq!(spec.time_column, "measured_at");
    /// ```
    #[must_use]
    pub fn time_column(mut self, name: impl Into<String>) -> Self {
        self.time_column = name.into();
        self
    }

    /// The same table with another storage policy.
    ///
    /// ```
    /// use chronolite::{DataType, StoragePolicy, TableSpec};
    ///
    /// let spec = TableSpec::new([("temp", DataType::F64)]).storage(StoragePolicy::Raw);
    /// assert_eq!(spec.storage, StoragePolicy::Raw);
    /// ```
    #[must_use]
    pub fn storage(mut self, storage: StoragePolicy) -> Self {
        self.storage = storage;
        self
    }

    /// The same table with another rule for rows of the same time and key.
    ///
    /// ```
    /// use chronolite::{DataType, OnConflict, TableSpec};
    ///
    /// let spec = TableSpec::new([("temp", DataType::F64)]).on_conflict(OnConflict::Error);
    /// assert_eq!(spec.on_conflict, OnConflict::Error);
    /// ```
    #[must_use]
    pub fn on_conflict(mut self, rule: OnConflict) -> Self {
        self.on_conflict = rule;
        self
    }

    /// The same table with the named columns as its key.
    ///
    /// ```
    /// use chronolite::{DataType, TableSpec};
    ///
    /// let spec = TableSpec::new([("temp", DataType::F64), ("site", DataType::Utf8)]);
    /// assert_eq!(spec.clone().key(&["site"])?.key, [1]);
    /// assert!(spec.key(&["place"]).is_err());
    /// # Ok::<(), chronolite::Error>(())
    /// ```
    pub fn key(mut self, names: &[&str]) -> Result<Self> {
        self.key = names.iter().map(|name| self.position(name)).collect::<Result<_>>()?;
        Ok(self)
    }

    /// The same table with the values of a column, the time column too, encoded by this codec:
    /// wherever it can hold them, and elsewhere as the storage policy has it.
    ///
    /// ```
    /// use chronolite::{Codec, DataType, TableSpec};
    ///
    /// let spec = TableSpec::new([("temp", DataType::F64)]).codec("temp", Codec::Gorilla)?;
    /// assert!(spec.validate().is_ok());
    /// assert!(spec.codec("temp", Codec::Dictionary)?.validate().is_err());
    /// # Ok::<(), chronolite::Error>(())
    /// ```
    pub fn codec(mut self, column: &str, codec: Codec) -> Result<Self> {
        *self.codec_of(column)?.1 = Some(codec);
        Ok(self)
    }

    /// How the schema asked for differs from this one; `None` if it does not.
    pub(crate) fn difference(&self, asked: &Self) -> Option<String> {
        let columns = |spec: &Self| {
            // In quotes, as a name may hold what stands between two of them.
            let each = spec.columns.iter().map(|c| format!("{:?} {}", c.name, c.ty));
            each.collect::<Vec<_>>().join(", ")
        };
        let key = |spec: &Self| {
            let each = spec.key.iter().map(|&p| format!("{:?}", spec.columns[p].name));
            each.collect::<Vec<_>>().join(", ")
        };
        let codecs = |spec: &Self| {
            let each = spec.codecs().map(|(column, codec)| format!("{column:?} {codec}"));
            each.collect::<Vec<_>>().join(", ")
        };
        let parts = [
            ("columns", columns(self), columns(asked)),
            ("time column", self.time_column.clone(), asked.time_column.clone()),
            ("time unit", self.unit.to_string(), asked.unit.to_string()),
            ("key", key(self), key(asked)),
            ("on_conflict", self.on_conflict.name().into(), asked.on_conflict.name().into()),
            ("storage", self.storage.name().into(), asked.storage.name().into()),
            ("codecs", codecs(self), codecs(asked)),
        ];
        let differs = parts.iter().find(|(_, is, asked)| is != asked);
        differs.map(|(what, is, asked)| format!("its {what}: [{is}], asked for: [{asked}]"))
    }

    /// The same, a codec by its name: those of [`Codec::name`], and `auto` for none.
    ///
    /// ```
    /// use chronolite::{Codec, DataType, TableSpec};
    ///
    /// let spec = TableSpec::new([("temp", DataType::F64)]);
    /// let named = spec.clone().codec_named("temp", "gorilla")?;
    /// assert_eq!(named, spec.clone().codec("temp", Codec::Gorilla)?);
    /// assert_eq!(named.codec_named("temp", "auto")?, spec);
    /// # Ok::<(), chronolite::Error>(())
    /// ```
    pub fn codec_named(mut self, column: &str, name: &str) -> Result<Self> {
        let (ty, codec) = self.codec_of(column)?;
        *codec = Codec::asked(column, ty, name)?;
        Ok(self)
    }

    /// The type of a column and the codec that is asked for it.
    fn codec_of(&mut self, column: &str) -> Result<(DataType, &mut Option<Codec>)> {
        if column == self.time_column {
            return Ok((DataType::I64, &mut self.time_codec));
        }
        let position = self.position(column)?;
        let column = &mut self.columns[position];
        Ok((column.ty, &mut column.codec))
    }

    /// The columns for which a codec was asked, and which.
    ///
    /// ```
    /// use chronolite::{Codec, DataType, TableSpec};
    ///
    /// let spec = TableSpec::new([("temp", DataType::F64)]).codec("ts", Codec::Delta)?;
    /// assert!(spec.codecs().eq([("ts", Codec::Delta)]));
    /// # Ok::<(), chronolite::Error>(())
    /// ```
    pub fn codecs(&self) -> impl Iterator<Item = (&str, Codec)> {
        self.each_codec().map(|(name, _, codec)| (name, codec))
    }

    fn each_codec(&self) -> impl Iterator<Item = (&str, DataType, Codec)> {
        let time = (self.time_column.as_str(), DataType::I64, self.time_codec);
        let values = self.columns.iter().map(|c| (c.name.as_str(), c.ty, c.codec));
        let all = iter::once(time).chain(values);
        all.filter_map(|(name, ty, codec)| Some((name, ty, codec?)))
    }

    /// The position of a value column in `columns`.
    ///
    /// ```
    /// use chronolite::{DataType, TableSpec};
    ///
    /// let spec = TableSpec::new([("temp", DataType::F64), ("site", DataType::Utf8)]);
    /// assert_eq!(spec.position("site")?, 1);
    /// assert!(spec.position("ts").is_err());
    /// # Ok::<(), chronolite::Error>(())
    /// ```
    pub fn position(&self, name: &str) -> Result<usize> {
        self.columns.iter().position(|c| c.name == name).ok_or_else(|| {
            let has: Vec<_> = self.columns.iter().map(|c| c.name.as_str()).collect();
            Error::schema(format!("no column {name:?}; the table has {}", has.join(", ")))
        })
    }

    /// Refuses names that are empty, too long or taken twice, too many columns, key columns of a
    /// type without an order that people expect (floats), and codecs that a column cannot have.
    ///
    /// ```
    /// use chronolite::{DataType, ErrorKind, TableSpec};
    ///
    /// let twice = TableSpec::new([("temp", DataType::F64), ("temp", DataType::I64)]);
    /// let error = twice.validate().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Schema);
    /// assert_eq!(error.message(), "column \"temp\" is named twice");
    /// ```
    pub fn validate(&self) -> Result<()> {
        if self.columns.len() > MAX_COLUMNS {
            let n = self.columns.len();
            return Err(Error::schema(format!("{n} columns; at most {MAX_COLUMNS} are allowed")));
        }
        check_name("time column", &self.time_column)?;
        let mut names = std::collections::HashSet::from([self.time_column.as_str()]);
        for column in &self.columns {
            check_name("column", &column.name)?;
            if !names.insert(&column.name) {
                return Err(Error::schema(format!("column {:?} is named twice", column.name)));
            }
        }
        let mut seen = std::collections::HashSet::new();
        for &position in &self.key {
            let column = self.columns.get(position);
            let column = column.ok_or_else(|| Error::schema("a key column is not in the table"))?;
            if column.ty.is_float() {
                let (name, ty) = (&column.name, column.ty);
                return Err(Error::schema(format!(
                    "key column {name:?} is {ty}; a key is text, bytes, bool or an integer"
                )));
            }
            if !seen.insert(position) {
                let name = &column.name;
                return Err(Error::schema(format!("key column {name:?} is named twice")));
            }
        }
        self.each_codec().try_for_each(|(name, ty, codec)| self.check_codec(name, ty, codec))
    }

    fn check_codec(&self, column: &str, ty: DataType, codec: Codec) -> Result<()> {
        Codec::asked(column, ty, codec.name())?;
        if self.storage == StoragePolicy::Raw && codec != Codec::Raw {
            return Err(Error::schema(format!(
                "column {column:?} cannot have the codec {:?}: storage \"raw\" encodes nothing",
                codec.name()
            )));
        }
        Ok(())
    }
}

/// Refuses a name that is empty, longer than [`MAX_NAME_LEN`], or holds a control character.
pub fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::schema(format!("a {what} needs a name")));
    }
    if name.len() > MAX_NAME_LEN {
        let len = name.len();
        return Err(Error::schema(format!(
            "the name of a {what} has {len} bytes; at most {MAX_NAME_LEN} are allowed"
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::schema(format!("the name {name:?} of a {what} has control characters")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_units_are_their_own_inverse() {
        for unit in TimeUnit::ALL {
            assert_eq!(TimeUnit::from_name(unit.name()), Some(unit));
        }
    }

    #[test]
    fn bad_specs_are_refused() {
        let spec = |names: &[&str]| TableSpec::new(names.iter().map(|n| (*n, DataType::F64)));
        assert!(spec(&["a", "b"]).validate().is_ok());
        for names in [&["a", "a"][..], &["ts"], &[""], &["\n"]] {
            assert!(spec(names).validate().is_err(), "{names:?}");
        }
        assert!(spec(&["a"]).key(&["a"]).unwrap().validate().is_err());
        assert!(spec(&["a"]).key(&["x"]).is_err());
    }

    #[test]
    fn codecs_that_columns_cannot_have_are_refused() {
        let spec = TableSpec::new([("f", DataType::F64), ("s", DataType::Utf8)]);
        let with = |column, codec| spec.clone().codec(column, codec).unwrap();
        for (column, codec) in [
            ("f", Codec::Gorilla),
            ("f", Codec::NanotsInt),
            ("s", Codec::Dictionary),
            ("s", Codec::Raw),
            ("ts", Codec::Delta),
        ] {
            assert!(with(column, codec).validate().is_ok(), "{column} {codec}");
            assert_eq!(
                spec.clone().codec_named(column, codec.name()).unwrap(),
                with(column, codec)
            );
            let raw = with(column, codec).storage(StoragePolicy::Raw).validate();
            assert_eq!(raw.is_ok(), codec == Codec::Raw);
        }
        for (column, codec) in [
            ("f", Codec::Constant),
            ("f", Codec::Dictionary),
            ("s", Codec::Gorilla),
            ("ts", Codec::Alp),
        ] {
            let error = with(column, codec).validate().unwrap_err().to_string();
            assert!(error.contains("it can have auto, raw, ") && !error.contains("constant,"));
            assert!(spec.clone().codec_named(column, codec.name()).is_err());
        }
        assert!(spec.clone().codec("x", Codec::Raw).is_err());
        let auto = with("f", Codec::Alp).codec_named("f", "auto").unwrap();
        assert_eq!((auto.codecs().count(), auto), (0, spec));
    }
}
