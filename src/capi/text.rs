//! Text that the caller gets and gives back.

use std::ffi::{CString, c_char};
use std::ptr;

use super::call::call;
use crate::error::{Error, Result};

/// Text for the caller, who gives it back by `chl_free_text`.
pub(super) fn text_out(text: String) -> Result<*mut c_char> {
    let text = CString::new(text);
    let text = text.map_err(|_| Error::invalid("the text has a zero byte, which would end it"))?;
    Ok(text.into_raw())
}

/// Names for the caller, who gives them back by `chl_free_names`.
pub(super) fn names_out(names: Vec<String>) -> Result<(*mut *mut c_char, usize)> {
    let names: Result<Vec<CString>> = names
        .into_iter()
        .map(|name| CString::new(name).map_err(|_| Error::invalid("a name has a zero byte")))
        .collect();
    let names: Box<[_]> = names?.into_iter().map(CString::into_raw).collect();
    let count = names.len();
    if count == 0 {
        return Ok((ptr::null_mut(), 0));
    }
    Ok((Box::into_raw(names).cast(), count))
}

/// Frees a text that the library made. NULL is nothing to free.
///
/// # Safety
/// It is NULL, or such a text, and was not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_free_text(text: *mut c_char) {
    call(|| {
        if !text.is_null() {
            // SAFETY: the caller says that `text_out` made it.
            drop(unsafe { CString::from_raw(text) });
        }
        Ok(())
    });
}

/// Frees names that the library made, `count` as it was given with them. NULL is nothing to free.
///
/// # Safety
/// They are NULL, or such names, and were not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_free_names(names: *mut *mut c_char, count: usize) {
    call(|| {
        if !names.is_null() {
            // SAFETY: the caller says that `names_out` made them, and how many they are.
            unsafe {
                let names = Box::from_raw(ptr::slice_from_raw_parts_mut(names, count));
                names.iter().for_each(|name| drop(CString::from_raw(*name)));
            }
        }
        Ok(())
    });
}
