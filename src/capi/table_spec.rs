//! What a table is made of.

use std::ffi::c_char;

use super::arguments::{
    Numbered, Sized, items, null, numbered, one_of, optional_text, sized, text,
};
use crate::base::{DataType, OnConflict, StoragePolicy, TableSpec, TimeUnit};
use crate::error::{Error, Result};

/// The type of a column. Every column can hold nulls.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum chl_type {
    CHL_TYPE_I8 = 1,
    CHL_TYPE_I16 = 2,
    CHL_TYPE_I32 = 3,
    CHL_TYPE_I64 = 4,
    CHL_TYPE_U8 = 5,
    CHL_TYPE_U16 = 6,
    CHL_TYPE_U32 = 7,
    CHL_TYPE_U64 = 8,
    CHL_TYPE_F32 = 9,
    CHL_TYPE_F64 = 10,
    CHL_TYPE_BOOL = 11,
    CHL_TYPE_UTF8 = 12,
    CHL_TYPE_BINARY = 13,
}

/// What a step of a table's time is, counted from 1970-01-01T00:00:00 UTC.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum chl_time_unit {
    CHL_UNIT_MILLISECOND = 0,
    CHL_UNIT_SECOND = 1,
    CHL_UNIT_MICROSECOND = 2,
    CHL_UNIT_NANOSECOND = 3,
}

/// What a second row of the same time and key means.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum chl_on_conflict {
    /// Both rows are kept.
    CHL_CONFLICT_ALL = 0,
    /// The row that came last is kept.
    CHL_CONFLICT_LAST = 1,
    /// The row that came first is kept.
    CHL_CONFLICT_FIRST = 2,
    /// The append is refused with `CHL_ERROR_CONFLICT`.
    CHL_CONFLICT_ERROR = 3,
}

/// How hard columns are compressed.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum chl_storage {
    /// The smallest of the fast codecs; a packed segment may use slower ones.
    CHL_STORAGE_BALANCED = 0,
    /// Only codecs that decode fast.
    CHL_STORAGE_SPEED = 1,
    /// The smallest, however slow.
    CHL_STORAGE_SIZE = 2,
    /// Arrow's own layout: a read is a view of the mapped file.
    CHL_STORAGE_RAW = 3,
}

/// A column of a table to be. This struct does not grow.
///
/// cbindgen:field-names=[name, type, codec]
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct chl_column {
    /// Its name, UTF-8, at most 255 bytes.
    pub name: *const c_char,
    /// A `chl_type`.
    pub type_: i32,
    /// The codec for it, such as `"gorilla"`; NULL is up to the storage.
    pub codec: *const c_char,
}

/// A table to be. Zeros are the defaults: `chl_table_spec s = {.size = sizeof s, ...};`
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct chl_table_spec {
    /// `sizeof(chl_table_spec)`.
    pub size: usize,
    /// The value columns.
    pub columns: *const chl_column,
    /// How many.
    pub column_count: usize,
    /// The names of those that are the key, in its order; NULL is no key.
    pub key: *const *const c_char,
    /// How many.
    pub key_count: usize,
    /// The name of the time column; NULL is `"ts"`.
    pub time_column: *const c_char,
    /// The codec for the time column; NULL is up to the storage.
    pub time_codec: *const c_char,
    /// A `chl_time_unit`.
    pub time_unit: i32,
    /// A `chl_on_conflict`.
    pub on_conflict: i32,
    /// A `chl_storage`.
    pub storage: i32,
    /// Has to be 0.
    pub reserved: i32,
}

// SAFETY: it is `repr(C)`, begins with its size, and has numbers and pointers only.
unsafe impl Sized for chl_table_spec {}

const TYPES: [Numbered<DataType>; 13] = numbered!(chl_type {
    CHL_TYPE_I8 => DataType::I8,
    CHL_TYPE_I16 => DataType::I16,
    CHL_TYPE_I32 => DataType::I32,
    CHL_TYPE_I64 => DataType::I64,
    CHL_TYPE_U8 => DataType::U8,
    CHL_TYPE_U16 => DataType::U16,
    CHL_TYPE_U32 => DataType::U32,
    CHL_TYPE_U64 => DataType::U64,
    CHL_TYPE_F32 => DataType::F32,
    CHL_TYPE_F64 => DataType::F64,
    CHL_TYPE_BOOL => DataType::Bool,
    CHL_TYPE_UTF8 => DataType::Utf8,
    CHL_TYPE_BINARY => DataType::Binary,
});
const UNITS: [Numbered<TimeUnit>; 4] = numbered!(chl_time_unit {
    CHL_UNIT_MILLISECOND => TimeUnit::Millisecond,
    CHL_UNIT_SECOND => TimeUnit::Second,
    CHL_UNIT_MICROSECOND => TimeUnit::Microsecond,
    CHL_UNIT_NANOSECOND => TimeUnit::Nanosecond,
});
const RULES: [Numbered<OnConflict>; 4] = numbered!(chl_on_conflict {
    CHL_CONFLICT_ALL => OnConflict::All,
    CHL_CONFLICT_LAST => OnConflict::Last,
    CHL_CONFLICT_FIRST => OnConflict::First,
    CHL_CONFLICT_ERROR => OnConflict::Error,
});
const STORAGES: [Numbered<StoragePolicy>; 4] = numbered!(chl_storage {
    CHL_STORAGE_BALANCED => StoragePolicy::Balanced,
    CHL_STORAGE_SPEED => StoragePolicy::Speed,
    CHL_STORAGE_SIZE => StoragePolicy::Size,
    CHL_STORAGE_RAW => StoragePolicy::Raw,
});

/// What a `chl_type` means.
pub(super) fn data_type(what: &str, number: i32) -> Result<DataType> {
    one_of(what, number, &TYPES)
}

/// The spec that was given.
///
/// # Safety
/// `given` is NULL or leads to a spec of the size that stands there, and so does what it leads to.
pub(super) unsafe fn table_spec(given: *const chl_table_spec) -> Result<TableSpec> {
    // SAFETY: as the caller says.
    let given = unsafe { sized("spec", given)? }.ok_or_else(|| null("spec"))?;
    // SAFETY: as the caller says.
    let columns = unsafe { items("spec.columns", given.columns, given.column_count)? };
    let (mut typed, mut codecs) = (vec![], vec![]);
    for column in columns {
        // SAFETY: as the caller says.
        let (name, codec) = unsafe {
            (text("the name of a column", column.name)?, optional_text("a codec", column.codec)?)
        };
        let ty = data_type(&format!("the type of column {name:?}"), column.type_)?;
        codecs.extend(codec.map(|codec| (name, codec)));
        typed.push((name, ty));
    }
    // SAFETY: as the caller says.
    let (key, time_column, time_codec) = unsafe {
        (
            names("spec.key", given.key, given.key_count)?,
            optional_text("spec.time_column", given.time_column)?,
            optional_text("spec.time_codec", given.time_codec)?,
        )
    };
    if given.reserved != 0 {
        return Err(Error::invalid("spec.reserved is not 0: later versions may give it a meaning"));
    }
    let time_column = time_column.unwrap_or("ts");
    codecs.extend(time_codec.map(|codec| (time_column, codec)));
    let spec = TableSpec::new(typed)
        .time_column(time_column)
        .unit(one_of("spec.time_unit", given.time_unit, &UNITS)?)
        .on_conflict(one_of("spec.on_conflict", given.on_conflict, &RULES)?)
        .storage(one_of("spec.storage", given.storage, &STORAGES)?)
        .key(&key)?;
    codecs.iter().try_fold(spec, |spec, (column, codec)| spec.codec_named(column, codec))
}

/// Some names.
///
/// # Safety
/// `given` is NULL or leads to as many texts.
pub(super) unsafe fn names<'a>(
    what: &str,
    given: *const *const c_char,
    count: usize,
) -> Result<Vec<&'a str>> {
    // SAFETY: as the caller says.
    let given = unsafe { items(what, given, count)? };
    // SAFETY: as the caller says.
    given.iter().map(|name| unsafe { text(what, *name) }).collect()
}
