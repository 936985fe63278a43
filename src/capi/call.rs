//! What every call goes through.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::{failed, panicked};
use super::status::chl_status;
use crate::error::Result;

/// The status of what `work` returns. An error is kept for `chl_last_error`; so is a panic, which
/// must not run into the caller's code.
#[inline]
pub(super) fn call<T: Into<chl_status>>(work: impl FnOnce() -> Result<T>) -> chl_status {
    // What a panic leaves behind is locks given back and rows that were not acknowledged.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => done.into(),
        Ok(Err(error)) => failed(&error),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            panicked(text.unwrap_or("it does not say why"))
        }
    }
}

impl From<()> for chl_status {
    #[inline]
    fn from((): ()) -> Self {
        Self::CHL_OK
    }
}
