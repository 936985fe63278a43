//! Rows in, as Arrow has them.

use std::ptr;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;

use super::arguments::{Out, optional_out, out};
use super::call::call;
use super::handles::chl_table;
use super::status::chl_status;
use super::table::found;
use crate::arrow::foreign::{self, Rows};
use crate::error::Result;

/// Appends the rows of an Arrow struct array, all of them or none: its children are the columns of the
/// table, by name and in any order, the time among them, as a timestamp or an integer in the table's
/// unit. Types convert as those of `chl_array` do; text and bytes of 32 and 64 bit offsets, views and
/// dictionaries are taken too.
/// `*appended`, unless `appended` is NULL, is how many rows that were.
///
/// `array` and `schema` are taken over, whatever this returns: afterwards both are released.
///
/// Errors: as for `chl_append_row`.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_append_arrow(
    table: chl_table,
    schema: *mut FFI_ArrowSchema,
    array: *mut FFI_ArrowArray,
    appended: *mut u64,
) -> chl_status {
    call(|| {
        // Both at first, so that they are released however this ends.
        // SAFETY: as the caller says.
        let (schema, array) = unsafe {
            (
                taken("schema", schema, FFI_ArrowSchema::empty()),
                taken("array", array, FFI_ArrowArray::empty()),
            )
        };
        let (schema, array) = (schema?, array?);
        let ty = foreign::type_of(&schema)?;
        // SAFETY: the caller says that the array is of that schema.
        let array = unsafe { foreign::array(array, &ty)? };
        // SAFETY: as the caller says.
        append(table, &Rows::of(&ty, &[array])?, unsafe { optional_out("appended", appended)? })
    })
}

/// Appends the rows of all arrays of a stream, all of them or none, as `chl_append_arrow` does. They are
/// all read before any is written.
///
/// `stream` is taken over, whatever this returns: afterwards it is released.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_append_stream(
    table: chl_table,
    stream: *mut FFI_ArrowArrayStream,
    appended: *mut u64,
) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let stream = unsafe { taken("stream", stream, FFI_ArrowArrayStream::empty())? };
        // SAFETY: the caller says that its arrays are of its schema.
        let (ty, arrays) = unsafe { foreign::drain(stream)? };
        // SAFETY: as the caller says.
        append(table, &Rows::of(&ty, &arrays)?, unsafe { optional_out("appended", appended)? })
    })
}

/// What is there, in place of which `empty` stays.
///
/// # Safety
/// `given` is NULL or leads to a `T`.
unsafe fn taken<T>(what: &str, given: *mut T, empty: T) -> Result<T> {
    // SAFETY: as the caller says.
    unsafe { out(what, given)? };
    // SAFETY: it is not NULL and aligned, and so a `T`.
    Ok(unsafe { ptr::replace(given, empty) })
}

fn append(table: chl_table, rows: &Rows, appended: Out<u64>) -> Result<()> {
    let done = found(table)?.table.append_chunks(rows)?;
    appended.set(done);
    Ok(())
}
