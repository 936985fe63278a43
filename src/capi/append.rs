//! Rows in, one at a time.

use super::arguments::{items, optional_out};
use super::call::call;
use super::handles::{self, chl_table, with_table};
use super::status::chl_status;
use super::value::{chl_value, with_room, with_values};
use crate::base::Value;
use crate::error::Result;

/// Appends a row: a value for each value column, in the schema's order. `*seq`, unless `seq` is NULL, is
/// its number: rows are numbered 1, 2, 3 over all tables. The values are copied.
///
/// Errors: `CHL_ERROR_SCHEMA` if it does not fit and `CHL_ERROR_CONFLICT` if one of its time and key is
/// there and the table refuses that; nothing is written then. `CHL_ERROR_INDETERMINATE` if it was
/// written but could not be synced at `CHL_DURABILITY_SYNC`.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_append_row(
    table: chl_table,
    time: i64,
    values: *const chl_value,
    count: usize,
    seq: *mut u64,
) -> chl_status {
    // SAFETY: as the caller says.
    call(|| unsafe {
        with_table(table, |table| {
            with_values(values, count, |values| append(table, time, values, seq))
        })
    })
}

/// The same of a table whose value columns are all numbers: a float for each.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_append_row_f64(
    table: chl_table,
    time: i64,
    values: *const f64,
    count: usize,
    seq: *mut u64,
) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let given = unsafe { items("values", values, count)? };
        let fill = |row: &mut [Value<'_>]| {
            row.iter_mut().zip(given).for_each(|(value, number)| *value = Value::Float(*number));
            Ok(())
        };
        with_table(table, |table| {
            // SAFETY: as the caller says.
            with_room(count, fill, |row| unsafe { append(table, time, row, seq) })
        })
    })
}

/// # Safety
/// `seq` is NULL, or a number can be written there.
#[inline]
unsafe fn append(
    table: &handles::Table,
    time: i64,
    values: &[Value<'_>],
    seq: *mut u64,
) -> Result<()> {
    // SAFETY: as the caller says.
    let seq = unsafe { optional_out("seq", seq)? };
    let number = table.table.append_row(time, values)?;
    seq.set(number);
    Ok(())
}
