//! One moment of a database.

use std::ffi::c_char;

use super::arguments::{out, text};
use super::call::call;
use super::database::database;
use super::handles::{SNAPSHOTS, Snapshot, add_of, chl_db, chl_snapshot, chl_table};
use super::status::chl_status;
use super::table::add;

/// This moment of the whole database: what is appended, deleted, packed or dropped meanwhile does not
/// show in it. The handle in `*snapshot` is good until `chl_release_snapshot` or the end of the
/// database; as long as it is, the space of what it shows is not used again.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_take_snapshot(db: chl_db, snapshot: *mut chl_snapshot) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let place = unsafe { out("snapshot", snapshot)? };
        let snapshot = database(db)?.snapshot()?;
        let id = add_of(&SNAPSHOTS, db.id, Snapshot { of: db.id, snapshot })?;
        place.set(chl_snapshot { id });
        Ok(())
    })
}

/// The table of that name as it was: it is read as others are, and refuses writes with
/// `CHL_ERROR_READ_ONLY`. Its handle is good until `chl_release_table` or the end of the database, also
/// after that of the snapshot is released.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_snapshot_table(
    snapshot: chl_snapshot,
    name: *const c_char,
    table: *mut chl_table,
) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let (name, table) = unsafe { (text("name", name)?, out("table", table)?) };
        let moment = SNAPSHOTS.get(snapshot.id)?;
        table.set(add(moment.of, moment.snapshot.table(name)?)?);
        Ok(())
    })
}

/// Ends the handle of a snapshot.
#[unsafe(no_mangle)]
pub extern "C" fn chl_release_snapshot(snapshot: chl_snapshot) -> chl_status {
    call(|| SNAPSHOTS.take(snapshot.id).map(drop))
}
