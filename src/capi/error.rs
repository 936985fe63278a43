//! What the last call that failed in a thread says.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::io;
use std::ptr;

use super::status::chl_status;
use crate::error::Error;

/// An error. Later versions may have more fields at its end.
#[repr(C)]
#[derive(Debug)]
pub struct chl_error {
    /// What the call returned.
    pub status: chl_status,
    /// What was wrong, where, and what to do, as UTF-8; `""` if no call has failed.
    pub message: *const c_char,
    /// The file to blame, or NULL.
    pub file: *const c_char,
    /// The byte in `file` at which the damage was found, or -1.
    pub offset: i64,
    /// The `errno` of the system call that failed, or 0.
    pub os_error: i32,
    /// The process that holds the lock, or 0.
    pub pid: u32,
}

/// The error, and what its pointers lead to.
struct Last {
    shown: chl_error,
    message: CString,
    _file: Option<CString>,
}

thread_local! {
    static LAST: RefCell<Last> = RefCell::new(Last {
        shown: NONE,
        message: CString::default(),
        _file: None,
    });
}

const NONE: chl_error = chl_error {
    status: chl_status::CHL_OK,
    message: c"".as_ptr(),
    file: ptr::null(),
    offset: -1,
    os_error: 0,
    pid: 0,
};

/// The status of an error, which is kept for `chl_last_error`.
#[cold]
pub(super) fn failed(error: &Error) -> chl_status {
    let file = error.file().map(|file| text(file.as_os_str().as_encoded_bytes()));
    keep(
        chl_error {
            status: error.kind().into(),
            offset: error.offset().and_then(|at| i64::try_from(at).ok()).unwrap_or(-1),
            os_error: error.io().and_then(io::Error::raw_os_error).unwrap_or(0),
            pid: error.pid().unwrap_or(0),
            ..NONE
        },
        text(error.to_string().as_bytes()),
        file,
    )
}

/// The same of a panic.
#[cold]
pub(super) fn panicked(what: &str) -> chl_status {
    let message = format!("the library panicked, please report it: {what}");
    let shown = chl_error { status: chl_status::CHL_ERROR_INTERNAL, ..NONE };
    keep(shown, text(message.as_bytes()), None)
}

fn keep(mut shown: chl_error, message: CString, file: Option<CString>) -> chl_status {
    let status = shown.status;
    shown.message = message.as_ptr();
    shown.file = file.as_ref().map_or(ptr::null(), |file| file.as_ptr());
    // In a thread that is just ending there is nobody to ask for it.
    _ = LAST.try_with(|last| *last.borrow_mut() = Last { shown, message, _file: file });
    status
}

/// The message of the error that is kept.
pub(super) fn kept_message() -> CString {
    LAST.try_with(|last| last.borrow().message.clone()).unwrap_or_default()
}

/// The `errno` of the error that is kept, if it has one.
pub(super) fn last_os_error() -> Option<i32> {
    let number = LAST.try_with(|last| last.borrow().shown.os_error).unwrap_or(0);
    (number != 0).then_some(number)
}

fn text(bytes: &[u8]) -> CString {
    CString::new(bytes).unwrap_or_else(|_| {
        // Names may hold a zero byte, which ends a text in C.
        let shown = bytes.split(|byte| *byte == 0).collect::<Vec<_>>().join(&b"\\0"[..]);
        CString::new(shown).unwrap_or_default()
    })
}

/// What the last call that failed in this thread says. It is never NULL, and good until another call
/// fails in this thread or the thread ends; calls that do not fail leave it as it is.
#[unsafe(no_mangle)]
pub extern "C" fn chl_last_error() -> *const chl_error {
    /// For a thread that is just ending.
    struct Shared(chl_error);
    // SAFETY: its pointers are to constants.
    unsafe impl Sync for Shared {}
    static NOTHING: Shared = Shared(NONE);
    LAST.try_with(|last| ptr::from_ref(&last.borrow().shown)).unwrap_or(&raw const NOTHING.0)
}
