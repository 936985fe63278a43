//! Rows out.

use std::ffi::c_char;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;

use super::arguments::{Out, Sized, optional_text, out, sized};
use super::call::call;
use super::handles::chl_table;
use super::status::chl_status;
use super::stream::exported;
use super::table::found;
use super::table_spec::names;
use super::value::{self, chl_value};
use crate::base::Predicate;
use crate::db::{STREAM_ROWS, Scan, ScanSpec, Table};
use crate::error::{Error, Result};

/// The `start` of a range without one.
pub const CHL_NO_START: i64 = i64::MIN;
/// The `end` of a range without one: the last time of all is in it.
pub const CHL_NO_END: i64 = i64::MAX;

/// A `start`: nothing is before the least time.
pub(super) struct Start(pub(super) i64);

impl Start {
    pub(super) fn meant(self) -> Option<i64> {
        (self.0 != CHL_NO_START).then_some(self.0)
    }
}

/// An `end`.
pub(super) struct End(pub(super) i64);

impl End {
    pub(super) fn meant(self) -> Option<i64> {
        (self.0 != CHL_NO_END).then_some(self.0)
    }
}

/// Which rows and columns of a range are read. Zeros are all of them.
///
/// cbindgen:field-names=[size, columns, column_count, key, key_count, where, limit, reverse]
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct chl_scan_options {
    /// `sizeof(chl_scan_options)`.
    pub size: usize,
    /// The names of the columns, in the order wanted; NULL is all. The time is always there: first,
    /// unless it is named elsewhere.
    pub columns: *const *const c_char,
    /// How many; with none, but `columns` not NULL, there is the time alone.
    pub column_count: usize,
    /// A value for each key column: only rows of that key; NULL is all.
    pub key: *const chl_value,
    /// How many.
    pub key_count: usize,
    /// Only rows for which this is true, such as `"temp > 20.5 and site = 'a'"`; NULL is all.
    pub where_: *const c_char,
    /// Most rows; 0 is all.
    pub limit: u64,
    /// Anything but 0: the newest row first.
    pub reverse: u64,
}

// SAFETY: it is `repr(C)`, begins with its size, and has numbers and pointers only.
unsafe impl Sized for chl_scan_options {}

/// The rows with `start <= time < end`, in the order of time, as of now. `options` may be NULL. The stream
/// in `*out` is the caller's, who releases it; it may be read by one thread at a time, until the
/// database is closed. Handles that it came from may be released before it, and its table be dropped:
/// it shows its moment still. Its arrays may be views of the mapped file, and stay good until they are
/// released, after the end of the database too.
///
/// What reading it fails with is told by the stream: `get_next` returns an `errno`, then and from then
/// on, `get_last_error` has the text, and `chl_last_error` of that thread the status, file and offset.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_scan(
    table: chl_table,
    start: i64,
    end: i64,
    options: *const chl_scan_options,
    out: *mut FFI_ArrowArrayStream,
) -> chl_status {
    // SAFETY: as the caller says.
    call(|| unsafe {
        let out = stream_out(out)?;
        let table = &found(table)?.table;
        hand_out(&table.scan(spec(table, start, end, options)?)?, out)
    })
}

/// How many rows `chl_scan` would give.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_count(
    table: chl_table,
    start: i64,
    end: i64,
    options: *const chl_scan_options,
    rows: *mut u64,
) -> chl_status {
    // SAFETY: as the caller says.
    call(|| unsafe {
        let rows = out("rows", rows)?;
        let table = &found(table)?.table;
        rows.set(table.scan(spec(table, start, end, options)?)?.count()?);
        Ok(())
    })
}

/// The newest `n` rows, in the order of time; of one key, unless `key_count` is 0. The stream is as that
/// of `chl_scan`.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_last(
    table: chl_table,
    n: usize,
    key: *const chl_value,
    key_count: usize,
    out: *mut FFI_ArrowArrayStream,
) -> chl_status {
    // SAFETY: as the caller says.
    call(|| unsafe {
        let out = stream_out(out)?;
        let table = &found(table)?.table;
        hand_out(&table.last(n, value::key(table, key, key_count)?)?, out)
    })
}

/// The newest row at or before a time, or none; of one key, unless `key_count` is 0. The stream is as
/// that of `chl_scan`.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_asof(
    table: chl_table,
    time: i64,
    key: *const chl_value,
    key_count: usize,
    out: *mut FFI_ArrowArrayStream,
) -> chl_status {
    // SAFETY: as the caller says.
    call(|| unsafe {
        let out = stream_out(out)?;
        let table = &found(table)?.table;
        hand_out(&table.asof(time, value::key(table, key, key_count)?)?, out)
    })
}

/// What is to be read.
///
/// # Safety
/// `given` is NULL or leads to options of the size that stands there, and so does what they lead to.
pub(super) unsafe fn spec(
    table: &Table,
    start: i64,
    end: i64,
    given: *const chl_scan_options,
) -> Result<ScanSpec> {
    let mut spec =
        ScanSpec { start: Start(start).meant(), end: End(end).meant(), ..ScanSpec::default() };
    // SAFETY: as the caller says.
    let Some(given) = (unsafe { sized("options", given)? }) else { return Ok(spec) };
    // SAFETY: as the caller says.
    unsafe {
        if !given.columns.is_null() || given.column_count > 0 {
            let columns = names("options.columns", given.columns, given.column_count)?;
            if let Some(twice) = (1..columns.len()).find(|&at| columns[..at].contains(&columns[at]))
            {
                return Err(Error::invalid(format!("column {:?} is named twice", columns[twice])));
            }
            spec.columns = Some(columns.into_iter().map(str::to_owned).collect());
        }
        spec.key = value::key(table, given.key, given.key_count)?;
        let text = optional_text("options.where", given.where_)?;
        spec.filter = text.map(Predicate::parse).transpose()?;
    }
    spec.limit = (given.limit > 0).then_some(given.limit);
    spec.reverse = given.reverse != 0;
    Ok(spec)
}

/// Where a stream goes.
///
/// # Safety
/// `place` is NULL, or a stream can be written there.
pub(super) unsafe fn stream_out(
    place: *mut FFI_ArrowArrayStream,
) -> Result<Out<FFI_ArrowArrayStream>> {
    // SAFETY: as the caller says.
    unsafe { out("out", place) }
}

/// Gives the caller what a scan reads.
pub(super) fn hand_out(scan: &Scan, out: Out<FFI_ArrowArrayStream>) -> Result<()> {
    out.set(exported(scan.stream(STREAM_ROWS, None)?));
    Ok(())
}
