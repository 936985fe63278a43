//! The change feed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use parking_lot::Mutex;

use super::arguments::{optional_out, out};
use super::call::call;
use super::handles::{TAILS, Tail, add_of, chl_table, chl_tail};
use super::status::chl_status;
use super::table::found;
use crate::arrow::{OutColumn, export, foreign};
use crate::db::TailBatch;
use crate::error::{Error, ErrorKind, Result};

/// The cursor of a tail that begins behind the newest row of now.
pub const CHL_TAIL_NOW: u64 = u64::MAX;
/// The timeout of a wait without an end.
pub const CHL_FOREVER: i64 = -1;

/// A wait without an end is one of many waits.
const LONG: Duration = Duration::from_secs(3600);

/// The rows that arrive in a table after the one with the number `cursor`, in the order of arrival: 0
/// begins with the first one, `CHL_TAIL_NOW` behind the newest. The handle in `*tail` is good until
/// `chl_close_tail` or the end of the database.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_open_tail(
    table: chl_table,
    cursor: u64,
    tail: *mut chl_tail,
) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let place = unsafe { out("tail", tail)? };
        let found = found(table)?;
        let tail = found.table.tail((cursor != CHL_TAIL_NOW).then_some(cursor))?;
        let (interrupt, ended) = (tail.interrupt(), AtomicBool::new(false));
        let tail = Tail { tail: Mutex::new(tail), interrupt, ended };
        let id = add_of(&TAILS, found.of, tail)?;
        place.set(chl_tail { id });
        Ok(())
    })
}

/// The next rows, some ten thousand at most, as a struct array and its type, both of which the caller
/// releases; `schema` may be NULL. `*cursor`, unless `cursor` is NULL, is the number of the last row that
/// was handed out, or where the tail began, also where this returns `CHL_NONE`: a tail that begins there
/// goes on behind it, in a later process too.
///
/// If there are no rows it waits for them, `timeout_ms` milliseconds or, at `CHL_FOREVER`, without an
/// end; then it returns `CHL_NONE`, and can be called again. So it does if another thread calls
/// `chl_interrupt_tail`. A second thread in it waits for the first.
///
/// Errors: `CHL_ERROR_CLOSED` if the tail or the database ends meanwhile, `CHL_ERROR_TABLE_NOT_FOUND` if
/// the table is dropped.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_next_of_tail(
    tail: chl_tail,
    timeout_ms: i64,
    schema: *mut FFI_ArrowSchema,
    array: *mut FFI_ArrowArray,
    cursor: *mut u64,
) -> chl_status {
    call(|| {
        // SAFETY: as the caller says.
        let (schema, array, cursor) = unsafe {
            (optional_out("schema", schema)?, out("array", array)?, optional_out("cursor", cursor)?)
        };
        let timeout = match u64::try_from(timeout_ms) {
            Ok(ms) => Some(Duration::from_millis(ms)),
            Err(_) if timeout_ms == CHL_FOREVER => None,
            Err(_) => {
                let message = format!("timeout_ms is CHL_FOREVER or at least 0, not {timeout_ms}");
                return Err(Error::invalid(message));
            }
        };
        let tail = TAILS.get(tail.id)?;
        // A lock that a thread of the parent has is not given back in a fork child.
        tail.interrupt.check_process()?;
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let left = || until.map(|until| until.saturating_duration_since(Instant::now()));
        let mut turn = loop {
            match tail.tail.try_lock_for(left().unwrap_or(LONG)) {
                Some(turn) => break turn,
                None if until.is_some() => return Ok(chl_status::CHL_NONE),
                None => tail.check()?,
            }
        };
        tail.check()?;
        let next = turn.next_batch(left());
        tail.check()?;
        let (next, behind) = (next?, turn.cursor());
        drop(turn);
        let made = next.map(exported).transpose()?;
        cursor.set(behind);
        let Some((its_schema, rows)) = made else { return Ok(chl_status::CHL_NONE) };
        schema.set(its_schema);
        array.set(rows);
        Ok(chl_status::CHL_OK)
    })
}

/// Rows as the interface has them.
fn exported(batch: TailBatch) -> Result<(FFI_ArrowSchema, FFI_ArrowArray)> {
    let columns: Vec<_> = batch.columns.iter().map(OutColumn::from).collect();
    let rows = export::record_batch(&export::schema(&columns), &columns, batch.data)?;
    Ok((foreign::schema_out(rows.schema_ref())?, foreign::rows_out(rows)))
}

/// Ends the wait of another thread in `chl_next_of_tail`, or else the next one.
#[unsafe(no_mangle)]
pub extern "C" fn chl_interrupt_tail(tail: chl_tail) -> chl_status {
    call(|| {
        TAILS.get(tail.id)?.interrupt.interrupt();
        Ok(())
    })
}

/// Ends a tail. A thread that waits in it gets `CHL_ERROR_CLOSED`.
#[unsafe(no_mangle)]
pub extern "C" fn chl_close_tail(tail: chl_tail) -> chl_status {
    call(|| {
        TAILS.take(tail.id)?.end();
        Ok(())
    })
}

impl Tail {
    fn check(&self) -> Result<()> {
        if self.ended.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the tail was closed"));
        }
        Ok(())
    }
}
