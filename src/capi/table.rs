//! Tables: made, found, looked at, changed.

use std::ffi::c_char;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::ffi::FFI_ArrowSchema;

use super::arguments::{optional_out, optional_text, out, text};
use super::call::call;
use super::database::database;
use super::handles::{self, TABLES, add_of, chl_db, chl_table};
use super::report;
use super::scan::{End, Start};
use super::status::chl_status;
use super::table_spec::{chl_table_spec, data_type, table_spec};
use super::text::text_out;
use super::value::{self, chl_value};
use crate::arrow::{OutColumn, export, foreign};
use crate::base::Codec;
use crate::db::Table;
use crate::error::Result;

/// Makes a table. If there is one of that name with the same schema, this is it; if its schema is
/// another, the error says in what. The handle in `*table` is good until `chl_release_table` or the end
/// of the database.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_create_table(
    db: chl_db,
    name: *const c_char,
    spec: *const chl_table_spec,
    table: *mut chl_table,
) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let (name, spec, table) =
            unsafe { (text("name", name)?, table_spec(spec)?, out("table", table)?) };
        let made = database(db)?.create_table(name, spec)?;
        table.set(add(db.id, made)?);
        Ok(())
    })
}

/// The table of that name. The handle in `*table` is good until `chl_release_table` or the end of the
/// database.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_find_table(
    db: chl_db,
    name: *const c_char,
    table: *mut chl_table,
) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let (name, table) = unsafe { (text("name", name)?, out("table", table)?) };
        let found = database(db)?.table(name)?;
        table.set(add(db.id, found)?);
        Ok(())
    })
}

/// Ends the handle of a table; the table stays.
#[unsafe(no_mangle)]
pub extern "C" fn chl_release_table(table: chl_table) -> chl_status {
    call(|| TABLES.take(table.id).map(drop))
}

/// The names and types of its columns, the time first, as an Arrow struct type, which the caller
/// releases.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_schema(table: chl_table, schema: *mut FFI_ArrowSchema) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let place = unsafe { out("schema", schema)? };
        let columns = OutColumn::of_table(&found(table)?.table.spec());
        place.set(foreign::schema_out(&export::schema(&columns))?);
        Ok(())
    })
}

/// Its schema and rules as JSON: its name, `time_column`, `time_unit`, `columns` in order with their
/// `name`, `type` and the `codec` that was asked for, `key`, `on_conflict` and `storage`. The caller gives
/// `*json` back by `chl_free_text`.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_describe(table: chl_table, json: *mut *mut c_char) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let json = unsafe { out("json", json)? };
        let found = found(table)?;
        let described = report::described(found.table.name(), &found.table.spec());
        json.set(text_out(described.to_string())?);
        Ok(())
    })
}

/// Gives the table a column, the last one. The rows there are now are null in it; rows that are
/// appended from now on have a value for it. `codec` may be NULL.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_add_column(
    table: chl_table,
    name: *const c_char,
    column_type: i32,
    codec: *const c_char,
) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let (name, codec) = unsafe { (text("name", name)?, optional_text("codec", codec)?) };
        let ty = data_type("column_type", column_type)?;
        let codec = codec.map(|codec| Codec::asked(name, ty, codec)).transpose()?.flatten();
        found(table)?.table.add_column_with(name, ty, codec)
    })
}

/// The least and the greatest time of all rows; `CHL_NONE` if there are no rows. Either may be NULL.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_time_range(
    table: chl_table,
    first: *mut i64,
    last: *mut i64,
) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let (first, last) = unsafe { (optional_out("first", first)?, optional_out("last", last)?) };
        let Some(range) = found(table)?.table.time_range()? else {
            return Ok(chl_status::CHL_NONE);
        };
        first.set(range.0);
        last.set(range.1);
        Ok(chl_status::CHL_OK)
    })
}

/// Deletes the rows there are now with `start <= time < end` and, unless `key_count` is 0, of that key:
/// a value for each key column. They are gone at once; rows that are appended later are not touched.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_delete(
    table: chl_table,
    start: i64,
    end: i64,
    key: *const chl_value,
    key_count: usize,
) -> chl_status {
    call(|| {
        let found = found(table)?;
        // SAFETY: as the caller says.
        let key = unsafe { value::key(&found.table, key, key_count)? };
        found.table.delete(Start(start).meant(), End(end).meant(), key)
    })
}

/// Deletes the rows older than so many milliseconds, by the clock on the wall.
#[unsafe(no_mangle)]
pub extern "C" fn chl_retain_age(table: chl_table, milliseconds: u64) -> chl_status {
    call(|| found(table)?.table.retain(Duration::from_millis(milliseconds)))
}

/// Deletes the rows before a time.
#[unsafe(no_mangle)]
pub extern "C" fn chl_retain_from(table: chl_table, cutoff: i64) -> chl_status {
    call(|| found(table)?.table.retain_from(cutoff))
}

/// The table that a handle is of.
#[inline]
pub(super) fn found(table: chl_table) -> Result<Arc<handles::Table>> {
    TABLES.get(table.id)
}

/// A handle for a table of a database.
pub(super) fn add(of: u64, table: Table) -> Result<chl_table> {
    Ok(chl_table { id: add_of(&TABLES, of, handles::Table { of, table })? })
}
