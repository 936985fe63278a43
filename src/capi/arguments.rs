//! What comes in through pointers: NULL, counts that no memory has, text that is none and structs of
//! other versions are found here, before anything is done.

use std::ffi::{CStr, OsStr, c_char};
use std::mem::{MaybeUninit, size_of};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::slice;

use crate::error::{Error, Result};

/// No array and no text is this long: a count that was negative or wrapped around is.
const MOST_BYTES: usize = 1 << 40;
/// No version of a struct has this many bytes.
const MOST_STRUCT: usize = 4096;
/// What the size of a struct is a multiple of.
const FIELD: usize = 8;

/// Text that ends with a zero byte.
///
/// # Safety
/// `text` is NULL or leads to such text.
pub(super) unsafe fn text<'a>(what: &str, text: *const c_char) -> Result<&'a str> {
    // SAFETY: as the caller says.
    let found = unsafe { optional_text(what, text)? };
    found.ok_or_else(|| null(what))
}

/// The same, or NULL.
///
/// # Safety
/// As for [`text`].
pub(super) unsafe fn optional_text<'a>(what: &str, text: *const c_char) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not NULL, so it leads to text that ends with a zero byte.
    let text = unsafe { CStr::from_ptr(text) };
    match text.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Error::invalid(format!("{what} is not UTF-8"))),
    }
}

/// A path, in the bytes that the system has.
///
/// # Safety
/// As for [`text`].
pub(super) unsafe fn path<'a>(what: &str, path: *const c_char) -> Result<&'a Path> {
    if path.is_null() {
        return Err(null(what));
    }
    // SAFETY: it is not NULL, so it leads to text that ends with a zero byte.
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes();
    if bytes.is_empty() {
        return Err(Error::invalid(format!("{what} is empty")));
    }
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// Some items in a row.
///
/// # Safety
/// `items` is NULL, or leads to as many items as `count` says, which nobody changes meanwhile.
#[inline]
pub(super) unsafe fn items<'a, T>(what: &str, items: *const T, count: usize) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if items.is_null() || !items.is_aligned() || count > MOST_BYTES / size_of::<T>() {
        return Err(no_items(what, items.is_null(), items.is_aligned(), count));
    }
    // SAFETY: there are so many, as the caller says, and they are not more than memory has.
    Ok(unsafe { slice::from_raw_parts(items, count) })
}

#[cold]
fn no_items(what: &str, is_null: bool, aligned: bool, count: usize) -> Error {
    if is_null {
        return Error::invalid(format!("{what} is NULL, but there are to be {count}"));
    }
    if !aligned {
        return Error::invalid(format!("{what} is not aligned to its type"));
    }
    Error::invalid(format!("{what}: no memory holds {count} of them; was the count negative?"))
}

/// A struct of numbers and pointers that begins with its size, of which zero bytes are a value too.
///
/// # Safety
/// It is `repr(C)`, its first field is a `usize`, any bytes are a value of it, and none are padding.
pub(super) unsafe trait Sized {}

/// A struct that begins with its size. Fields that an older header did not have are 0; those that a
/// newer one has must be.
///
/// # Safety
/// `given` is NULL, or leads to as many bytes as the size there says.
pub(super) unsafe fn sized<T: Sized>(what: &str, given: *const T) -> Result<Option<T>> {
    if given.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not NULL, so it begins with its size.
    let size = unsafe { given.cast::<usize>().read_unaligned() };
    // Fields of versions to come begin where the last ended, so that none may end in padding.
    const { assert!(size_of::<T>().is_multiple_of(FIELD)) };
    if !(size_of::<usize>()..=MOST_STRUCT).contains(&size) || !size.is_multiple_of(FIELD) {
        return Err(Error::invalid(format!(
            "{what}: {size} is no size of it; set its `size` to its sizeof"
        )));
    }
    // SAFETY: it has so many bytes.
    let bytes = unsafe { slice::from_raw_parts(given.cast::<u8>(), size) };
    let (known, newer) = bytes.split_at(size.min(size_of::<T>()));
    if newer.iter().any(|byte| *byte != 0) {
        return Err(Error::invalid(format!(
            "{what} has a field that this version of the library does not know; \
             leave it 0, or use a newer library"
        )));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `known` is not longer than the value, any bytes are a value of it, and the two are
    // not one.
    Ok(Some(unsafe {
        value.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(known.as_ptr(), known.len());
        value.assume_init()
    }))
}

/// Where a result goes; nowhere, if it is NULL.
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// Writes the result.
    #[inline]
    pub(super) fn set(self, value: T) {
        if !self.0.is_null() {
            // SAFETY: it is not NULL and aligned, and whoever made this says that a `T` fits there.
            unsafe { self.0.write(value) }
        }
    }

    /// The same of what is made for it: it is not, where nobody wants it.
    pub(super) fn set_with(self, make: impl FnOnce() -> Result<T>) -> Result<()> {
        if !self.0.is_null() {
            self.set(make()?);
        }
        Ok(())
    }
}

/// Where a result goes.
///
/// # Safety
/// `place` is NULL, or a `T` can be written there; what was there is not dropped.
#[inline]
pub(super) unsafe fn out<T>(what: &str, place: *mut T) -> Result<Out<T>> {
    if place.is_null() {
        return Err(null(what));
    }
    // SAFETY: as the caller says.
    unsafe { optional_out(what, place) }
}

/// The same, or NULL.
///
/// # Safety
/// As for [`out`].
#[inline]
pub(super) unsafe fn optional_out<T>(what: &str, place: *mut T) -> Result<Out<T>> {
    if !place.is_aligned() {
        return Err(Error::invalid(format!("{what} is not aligned to its type")));
    }
    Ok(Out(place))
}

/// A number of an enum, its name in C, and what it means.
pub(super) type Numbered<T> = (i32, &'static str, T);

/// The numbers of an enum.
macro_rules! numbered {
    ($all:ident { $($name:ident => $meaning:expr),* $(,)? }) => {
        [$(($all::$name as i32, stringify!($name), $meaning)),*]
    };
}
pub(super) use numbered;

/// What a number of an enum means; the error has the names.
pub(super) fn one_of<T: Copy>(what: &str, number: i32, all: &[Numbered<T>]) -> Result<T> {
    let found = all.iter().find(|(known, ..)| *known == number);
    found.map(|(.., meaning)| *meaning).ok_or_else(|| {
        let known: Vec<_> =
            all.iter().map(|(known, name, _)| format!("{name} ({known})")).collect();
        Error::invalid(format!("{what} is one of {}, not {number}", known.join(", ")))
    })
}

#[cold]
pub(super) fn null(what: &str) -> Error {
    Error::invalid(format!("{what} is NULL"))
}
