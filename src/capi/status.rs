//! How a call ends.

use std::ffi::{CStr, c_char};

use crate::error::ErrorKind;

/// How a call ended. Those below 0 are errors, of which `chl_last_error` tells more. Later versions
/// may have more of them.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum chl_status {
    /// It did what it is for.
    CHL_OK = 0,
    /// There is nothing of what was asked for: no row yet, no time of a table without rows.
    CHL_NONE = 1,
    /// A table, column, name, type or length does not fit the schema.
    CHL_ERROR_SCHEMA = -1,
    /// A row of that time and key is there already, and the table's rule is `CHL_CONFLICT_ERROR`.
    CHL_ERROR_CONFLICT = -2,
    /// No table of that name.
    CHL_ERROR_TABLE_NOT_FOUND = -3,
    /// An argument is NULL, out of its range, or has no meaning here.
    CHL_ERROR_INVALID_INPUT = -4,
    /// A result does not fit its type.
    CHL_ERROR_OVERFLOW = -5,
    /// Another handle or process has the database open for writing.
    CHL_ERROR_LOCKED = -6,
    /// Bytes in the file or its log are not what was written.
    CHL_ERROR_CORRUPTION = -7,
    /// The file is whole, but this version of the library cannot read it.
    CHL_ERROR_FORMAT = -8,
    /// A write to what is open for reading only, or to a snapshot.
    CHL_ERROR_READ_ONLY = -9,
    /// The handle was closed, or never was one, or belongs to the parent of this process.
    CHL_ERROR_CLOSED = -10,
    /// An earlier write or sync failed: nothing is written until the database is opened again.
    CHL_ERROR_DURABILITY = -11,
    /// The write may or may not have been applied.
    CHL_ERROR_INDETERMINATE = -12,
    /// The operating system refused: `chl_error.os_error` says why.
    CHL_ERROR_IO = -13,
    /// A fault in the library, caught before it could reach the caller. Please report it.
    CHL_ERROR_INTERNAL = -14,
}

use chl_status::*;

impl From<ErrorKind> for chl_status {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Schema => CHL_ERROR_SCHEMA,
            ErrorKind::Conflict => CHL_ERROR_CONFLICT,
            ErrorKind::TableNotFound => CHL_ERROR_TABLE_NOT_FOUND,
            ErrorKind::InvalidInput => CHL_ERROR_INVALID_INPUT,
            ErrorKind::Overflow => CHL_ERROR_OVERFLOW,
            ErrorKind::Locked => CHL_ERROR_LOCKED,
            ErrorKind::Corruption => CHL_ERROR_CORRUPTION,
            ErrorKind::Format => CHL_ERROR_FORMAT,
            ErrorKind::ReadOnly => CHL_ERROR_READ_ONLY,
            ErrorKind::Closed => CHL_ERROR_CLOSED,
            ErrorKind::Durability => CHL_ERROR_DURABILITY,
            ErrorKind::Indeterminate => CHL_ERROR_INDETERMINATE,
            ErrorKind::Io => CHL_ERROR_IO,
        }
    }
}

const ALL: [(chl_status, &CStr); 16] = [
    (CHL_OK, c"CHL_OK"),
    (CHL_NONE, c"CHL_NONE"),
    (CHL_ERROR_SCHEMA, c"CHL_ERROR_SCHEMA"),
    (CHL_ERROR_CONFLICT, c"CHL_ERROR_CONFLICT"),
    (CHL_ERROR_TABLE_NOT_FOUND, c"CHL_ERROR_TABLE_NOT_FOUND"),
    (CHL_ERROR_INVALID_INPUT, c"CHL_ERROR_INVALID_INPUT"),
    (CHL_ERROR_OVERFLOW, c"CHL_ERROR_OVERFLOW"),
    (CHL_ERROR_LOCKED, c"CHL_ERROR_LOCKED"),
    (CHL_ERROR_CORRUPTION, c"CHL_ERROR_CORRUPTION"),
    (CHL_ERROR_FORMAT, c"CHL_ERROR_FORMAT"),
    (CHL_ERROR_READ_ONLY, c"CHL_ERROR_READ_ONLY"),
    (CHL_ERROR_CLOSED, c"CHL_ERROR_CLOSED"),
    (CHL_ERROR_DURABILITY, c"CHL_ERROR_DURABILITY"),
    (CHL_ERROR_INDETERMINATE, c"CHL_ERROR_INDETERMINATE"),
    (CHL_ERROR_IO, c"CHL_ERROR_IO"),
    (CHL_ERROR_INTERNAL, c"CHL_ERROR_INTERNAL"),
];

/// The name of a status, such as `"CHL_ERROR_SCHEMA"`; `"?"` of a number that is none. The text is
/// the library's and always there.
#[unsafe(no_mangle)]
pub extern "C" fn chl_status_name(status: i32) -> *const c_char {
    let found = ALL.iter().find(|(known, _)| *known as i32 == status);
    found.map_or(c"?", |(_, name)| name).as_ptr()
}

const VERSION: &CStr = {
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    }
};

/// The version of the library, such as `"0.1.0"`: that of the header is `CHL_VERSION`. The text is
/// the library's and always there.
#[unsafe(no_mangle)]
pub extern "C" fn chl_version() -> *const c_char {
    VERSION.as_ptr()
}
