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

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;
    use crate::capi::error::chl_last_error;

    #[test]
    fn a_panic_ends_as_a_status_and_says_what_it_was() {
        let said = |status, text: &str| {
            // SAFETY: it is never NULL, and neither is its message.
            let (error, message) = unsafe {
                let error = &*chl_last_error();
                (error, CStr::from_ptr(error.message).to_str().unwrap())
            };
            assert_eq!((status, error.status), (chl_status::CHL_ERROR_INTERNAL, status));
            assert!(message.contains(text), "{message}");
        };
        said(call::<()>(|| panic!("row {} of it", 7)), "row 7 of it");
        said(call::<()>(|| panic!("a constant")), "a constant");
        said(call::<()>(|| std::panic::panic_any(7)), "does not say why");
        assert_eq!(call(|| Ok(())), chl_status::CHL_OK);
    }
}
