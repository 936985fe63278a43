//! Cells of rows, and keys.

use std::ffi::c_char;
use std::str;

use super::arguments::items;
use crate::base::Value;
use crate::base::schema::MAX_COLUMNS;
use crate::db::{Key, Table};
use crate::error::{Error, Result};

/// What a `chl_value` is.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum chl_kind {
    /// No value.
    CHL_VALUE_NULL = 0,
    /// `of.boolean`: anything but 0 is true.
    CHL_VALUE_BOOL = 1,
    /// `of.integer`.
    CHL_VALUE_INT = 2,
    /// `of.unsigned_integer`; only needed above `INT64_MAX`.
    CHL_VALUE_UINT = 3,
    /// `of.number`.
    CHL_VALUE_FLOAT = 4,
    /// `of.bytes`, which are UTF-8.
    CHL_VALUE_TEXT = 5,
    /// `of.bytes`.
    CHL_VALUE_BYTES = 6,
}

/// Bytes somewhere; no zero byte ends them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct chl_bytes {
    /// Where they begin; may be NULL if there are none.
    pub data: *const c_char,
    /// How many.
    pub size: usize,
}

/// What is in a `chl_value`.
#[repr(C)]
#[derive(Clone, Copy)]
pub union chl_cell {
    /// Of `CHL_VALUE_BOOL`.
    pub boolean: u8,
    /// Of `CHL_VALUE_INT`.
    pub integer: i64,
    /// Of `CHL_VALUE_UINT`.
    pub unsigned_integer: u64,
    /// Of `CHL_VALUE_FLOAT`.
    pub number: f64,
    /// Of `CHL_VALUE_TEXT` and `CHL_VALUE_BYTES`.
    pub bytes: chl_bytes,
}

/// A cell of a row, or a part of a key. It must fit the column's type by its value: an integer is in the
/// range of the type, an integer for a float is one that the float can be. A float for an `f32` is
/// rounded to the nearest. `chl_int(7)`, `chl_text("a")` and the like make one. This struct does not grow.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct chl_value {
    /// A `chl_kind`.
    pub kind: i32,
    /// What it is.
    pub of: chl_cell,
}

impl chl_value {
    /// Writes what it means to where it is wanted: a value that is returned is copied in pieces that the
    /// processor has to wait for.
    ///
    /// # Safety
    /// Bytes are as many as it says.
    #[inline(always)]
    unsafe fn put<'a>(&self, at: usize, value: &mut Value<'a>) -> Result<()> {
        const NULL: i32 = chl_kind::CHL_VALUE_NULL as i32;
        const BOOL: i32 = chl_kind::CHL_VALUE_BOOL as i32;
        const INT: i32 = chl_kind::CHL_VALUE_INT as i32;
        const UINT: i32 = chl_kind::CHL_VALUE_UINT as i32;
        const FLOAT: i32 = chl_kind::CHL_VALUE_FLOAT as i32;
        const TEXT: i32 = chl_kind::CHL_VALUE_TEXT as i32;
        const BYTES: i32 = chl_kind::CHL_VALUE_BYTES as i32;
        // SAFETY: any bytes are a number, and bytes are as many as it says.
        *value = unsafe {
            match self.kind {
                NULL => Value::Null,
                BOOL => Value::Bool(self.of.boolean != 0),
                INT => Value::Int(self.of.integer),
                UINT => Value::UInt(self.of.unsigned_integer),
                FLOAT => Value::Float(self.of.number),
                TEXT => {
                    let text = str::from_utf8(self.of.bytes.read()?);
                    Value::Str(text.map_err(|_| not_text(at))?)
                }
                BYTES => Value::Bytes(self.of.bytes.read()?),
                kind => return Err(unknown(at, kind)),
            }
        };
        Ok(())
    }
}

#[cold]
fn not_text(at: usize) -> Error {
    Error::schema(format!("value {at} is not UTF-8; a column of bytes takes any"))
}

#[cold]
fn unknown(at: usize, kind: i32) -> Error {
    Error::invalid(format!("value {at}: {kind} is no `chl_kind`"))
}

impl chl_bytes {
    /// The bytes.
    ///
    /// # Safety
    /// They are as many as it says.
    #[inline]
    unsafe fn read<'a>(&self) -> Result<&'a [u8]> {
        // SAFETY: as the caller says.
        unsafe { items("the bytes of a value", self.data.cast(), self.size) }
    }
}

#[cold]
fn too_many(count: usize) -> Error {
    Error::schema(format!("{count} values; a table has at most {MAX_COLUMNS} columns"))
}

/// Hands room for so many values to `fill`, and what is in it then to `use_them`. Rows of few columns take
/// no allocation, and no more room than they need: to fill it with nulls takes time.
#[inline]
pub(super) fn with_room<R>(
    count: usize,
    fill: impl FnOnce(&mut [Value<'_>]) -> Result<()>,
    use_them: impl FnOnce(&[Value<'_>]) -> Result<R>,
) -> Result<R> {
    let (mut few, mut some, mut many);
    let row = match count {
        more if more > MAX_COLUMNS => return Err(too_many(more)),
        0..=4 => {
            few = [Value::Null; 4];
            &mut few[..count]
        }
        5..=16 => {
            some = [Value::Null; 16];
            &mut some[..count]
        }
        _ => {
            many = vec![Value::Null; count];
            &mut many[..]
        }
    };
    fill(row)?;
    use_them(row)
}

/// Hands these cells to `use_them`.
///
/// # Safety
/// `values` is NULL or leads to as many cells, and their bytes are as many as they say.
#[inline]
pub(super) unsafe fn with_values<R>(
    values: *const chl_value,
    count: usize,
    use_them: impl FnOnce(&[Value<'_>]) -> Result<R>,
) -> Result<R> {
    // SAFETY: as the caller says.
    let given = unsafe { items("values", values, count)? };
    let fill = |row: &mut [Value<'_>]| {
        for (at, (cell, value)) in given.iter().zip(row).enumerate() {
            // SAFETY: as the caller says.
            unsafe { cell.put(at, value)? };
        }
        Ok(())
    };
    with_room(count, fill, use_them)
}

/// The key that these cells are, if there are any.
///
/// # Safety
/// As for [`with_values`].
pub(super) unsafe fn key(
    table: &Table,
    values: *const chl_value,
    count: usize,
) -> Result<Option<Key>> {
    if count == 0 {
        return Ok(None);
    }
    // SAFETY: as the caller says.
    unsafe { with_values(values, count, |values| table.key(values).map(Some)) }
}
