//! A database: opened, looked after, closed.

use std::ffi::c_char;
use std::sync::Arc;

use super::arguments::{self, optional_out, optional_text, out, text};
use super::call::call;
use super::handles::{DATABASES, add_database, chl_db, take_database};
use super::options::{self, chl_options};
use super::report;
use super::status::chl_status;
use super::text::{names_out, text_out};
use crate::db::{Db, PACKED_ROWS, salvage};
use crate::error::{Error, ErrorKind, Result};

/// Opens the database at `path`, and makes it if it is not there and opened for writing. `options` may
/// be NULL. `*db` is the caller's, who closes it by `chl_close`.
///
/// Errors: `CHL_ERROR_LOCKED` if it is to be written and is open for writing elsewhere,
/// `CHL_ERROR_CORRUPTION` if its bytes are not what was written, `CHL_ERROR_FORMAT` if they are of a
/// newer version, `CHL_ERROR_IO` with the system's error. Nothing is open then.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_open(
    path: *const c_char,
    options: *const chl_options,
    db: *mut chl_db,
) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let (path, options, db) =
            unsafe { (arguments::path("path", path)?, options::options(options)?, out("db", db)?) };
        let id = add_database(Db::open(path, options)?)?;
        db.set(chl_db { id });
        Ok(())
    })
}

/// Closes it: what was written is flushed, the log removed, the lock given up. The handle ends, and
/// with it those of its tables, snapshots and tails, whatever this returns; a second call answers
/// `CHL_ERROR_CLOSED`. Calls of other threads that are under way end first or answer
/// `CHL_ERROR_CLOSED`. Streams that were not read to their end fail from then on; arrays that were
/// taken out of streams stay good until they are released.
///
/// Errors: as for `chl_flush`; what was written is then still in the log, which the next opening
/// reads.
#[unsafe(no_mangle)]
pub extern "C" fn chl_close(db: chl_db) -> chl_status {
    call(|| take_database(db.id)?.close())
}

/// Writes what is in memory and the log to the file: what was written before survives power loss.
#[unsafe(no_mangle)]
pub extern "C" fn chl_flush(db: chl_db) -> chl_status {
    call(|| database(db)?.flush())
}

/// Moves on to what is committed by now, where it is open for reading only. Every call does so by
/// itself: this tells whether that works.
#[unsafe(no_mangle)]
pub extern "C" fn chl_refresh(db: chl_db) -> chl_status {
    call(|| database(db)?.refresh())
}

/// The names of its tables, sorted: `*count` texts in `*names`, which the caller gives back by
/// `chl_free_names`.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_tables(
    db: chl_db,
    names: *mut *mut *mut c_char,
    count: *mut usize,
) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let (names, count) = unsafe { (out("names", names)?, out("count", count)?) };
        let (all, how_many) = names_out(database(db)?.tables()?)?;
        names.set(all);
        count.set(how_many);
        Ok(())
    })
}

/// Drops a table with all that is in it; handles of it answer `CHL_ERROR_TABLE_NOT_FOUND`.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_drop_table(db: chl_db, name: *const c_char) -> chl_status {
    // SAFETY: as the caller says.
    call(|| database(db)?.drop_table(unsafe { text("name", name)? }))
}

/// Carries out one SQL statement, `CREATE TABLE` or `INSERT INTO ... VALUES`. `*rows`, unless `rows` is
/// NULL, is how many rows it inserted.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_execute(db: chl_db, sql: *const c_char, rows: *mut u64) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let (sql, rows) = unsafe { (text("sql", sql)?, optional_out("rows", rows)?) };
        let done = database(db)?.execute(sql)?;
        rows.set(done);
        Ok(())
    })
}

/// Packs a table, or all of them if `table` is NULL: segments that overlap, are small or hold deleted
/// rows become segments that follow each other, without what was deleted. Those of fewer than
/// `least_rows` rows are joined with their neighbours; 0 is 262,144. Appends and reads go on
/// meanwhile. `*report`, unless `report` is NULL, is what was done as JSON, which the caller gives
/// back by `chl_free_text`.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_pack(
    db: chl_db,
    table: *const c_char,
    least_rows: usize,
    report: *mut *mut c_char,
) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let (table, report) =
            unsafe { (optional_text("table", table)?, optional_out("report", report)?) };
        let least = if least_rows == 0 { PACKED_ROWS } else { least_rows };
        let packed = database(db)?.pack(table, least)?;
        report.set_with(|| text_out(report::packed(&packed).to_string()))?;
        Ok(())
    })
}

/// Packs all tables and gives back the space that nothing needs any more: the file gets smaller.
#[unsafe(no_mangle)]
pub extern "C" fn chl_compact(db: chl_db) -> chl_status {
    call(|| database(db)?.compact())
}

/// Removes the rows of all tables that are older than the options' `retention_ms`, and gives their
/// space back; without one it does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn chl_apply_retention(db: chl_db) -> chl_status {
    call(|| database(db)?.compact_retention_now().map(drop))
}

/// Figures about the database and its tables, as JSON: the keys are those of Python's `Db.stats()`.
/// The caller gives `*json` back by `chl_free_text`.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_stats(db: chl_db, json: *mut *mut c_char) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let json = unsafe { out("json", json)? };
        json.set(text_out(report::stats(&database(db)?.stats()?).to_string())?);
        Ok(())
    })
}

/// Reads the whole file and its log and checks all of it. `*report`, unless `report` is NULL, is what
/// was found, as JSON, which the caller gives back by `chl_free_text`: also if this returns
/// `CHL_ERROR_CORRUPTION`, which it does if anything is not as it was written.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_verify(db: chl_db, report: *mut *mut c_char) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let report = unsafe { optional_out("report", report)? };
        let db = database(db)?;
        let found = db.verify()?;
        report.set_with(|| text_out(report::verified(&found).to_string()))?;
        match found.problems.first() {
            None => Ok(()),
            Some(first) => {
                let (message, more) = (&first.message, found.problems.len() - 1);
                let more = if more > 0 { format!("; and {more} more") } else { String::new() };
                let error = Error::new(ErrorKind::Corruption, format!("{message}{more}"));
                Err(error.at(&first.file, first.offset))
            }
        }
    })
}

/// Writes what can be read of a damaged database to a new one. `*report`, unless `report` is NULL, is
/// what was kept and lost, as JSON, which the caller gives back by `chl_free_text`. Nothing has the
/// name `target` before all of it is written and synced.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_salvage(
    source: *const c_char,
    target: *const c_char,
    report: *mut *mut c_char,
) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let (source, target, report) = unsafe {
            (
                arguments::path("source", source)?,
                arguments::path("target", target)?,
                optional_out("report", report)?,
            )
        };
        let kept = salvage(source, target, &mut |_, _| Ok(()))?;
        report.set_with(|| text_out(report::salvaged(&kept).to_string()))?;
        Ok(())
    })
}

/// The database that a handle is of.
pub(super) fn database(db: chl_db) -> Result<Arc<Db>> {
    DATABASES.get(db.id)
}
