//! Rows out, as a C stream: one that tells its errors as every call here does, and goes on to fail once
//! it has, so that nobody takes what came before for all there is.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;

use arrow_array::RecordBatchReader;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;

use super::call::call;
use super::error::{kept_message, last_os_error};
use super::status::chl_status;
use crate::arrow::foreign;
use crate::arrow::stream::Stream;
use crate::error::{Error, Result};

/// What a stream is in C.
struct Reader {
    stream: Stream,
    /// What it failed with, and under which number.
    failed: Option<(c_int, CString)>,
}

/// A stream that the caller releases.
pub(super) fn exported(stream: Stream) -> FFI_ArrowArrayStream {
    let reader = Box::new(Reader { stream, failed: None });
    FFI_ArrowArrayStream {
        get_schema: Some(get_schema),
        get_next: Some(get_next),
        get_last_error: Some(get_last_error),
        release: Some(release),
        private_data: Box::into_raw(reader).cast::<c_void>(),
    }
}

impl Reader {
    /// The number of `errno` for what `work` ends with: 0 if it does not fail.
    fn answer(&mut self, work: impl FnOnce(&mut Stream) -> Result<()>) -> c_int {
        if let Some((number, _)) = &self.failed {
            return *number;
        }
        let stream = &mut self.stream;
        let status = call(|| work(stream));
        if status == chl_status::CHL_OK {
            return 0;
        }
        let number = match status {
            chl_status::CHL_ERROR_SCHEMA
            | chl_status::CHL_ERROR_INVALID_INPUT
            | chl_status::CHL_ERROR_OVERFLOW => libc::EINVAL,
            _ => last_os_error().unwrap_or(libc::EIO),
        };
        self.failed = Some((number, kept_message()));
        number
    }
}

/// # Safety
/// `stream` is one of [`exported`] that was not released, which no other thread uses meanwhile.
unsafe fn reader<'a>(stream: *mut FFI_ArrowArrayStream) -> Option<&'a mut Reader> {
    // SAFETY: as the caller says, it has a reader until it is released.
    unsafe { stream.as_ref()?.private_data.cast::<Reader>().as_mut() }
}

/// # Safety
/// As the interface has it: see [`reader`]; a schema can be written to `out`.
unsafe extern "C" fn get_schema(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut FFI_ArrowSchema,
) -> c_int {
    // SAFETY: as the caller says.
    let Some(reader) = (unsafe { reader(stream) }) else { return libc::EINVAL };
    reader.answer(|stream| {
        let schema = foreign::schema_out(&stream.schema())?;
        // SAFETY: the caller says that there is room for it.
        unsafe { ptr::write(out, schema) };
        Ok(())
    })
}

/// # Safety
/// As the interface has it: see [`reader`]; an array can be written to `out`.
unsafe extern "C" fn get_next(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut FFI_ArrowArray,
) -> c_int {
    // SAFETY: as the caller says.
    let Some(reader) = (unsafe { reader(stream) }) else { return libc::EINVAL };
    reader.answer(|stream| {
        let next = stream.pull().transpose()?;
        let array = next.map(foreign::rows_out);
        // SAFETY: the caller says that there is room for it.
        unsafe { ptr::write(out, array.unwrap_or_else(FFI_ArrowArray::empty)) };
        Ok::<_, Error>(())
    })
}

/// # Safety
/// As the interface has it: see [`reader`].
unsafe extern "C" fn get_last_error(stream: *mut FFI_ArrowArrayStream) -> *const c_char {
    // SAFETY: as the caller says.
    let failed = unsafe { reader(stream) }.and_then(|reader| reader.failed.as_ref());
    failed.map_or(ptr::null(), |(_, message)| message.as_ptr())
}

/// # Safety
/// As the interface has it: see [`reader`].
unsafe extern "C" fn release(stream: *mut FFI_ArrowArrayStream) {
    // SAFETY: as the caller says.
    let Some(released) = (unsafe { stream.as_mut() }) else { return };
    let reader = released.private_data.cast::<Reader>();
    released.release = None;
    released.private_data = ptr::null_mut();
    call(|| {
        if !reader.is_null() {
            // SAFETY: `exported` made it, and this is the only release.
            drop(unsafe { Box::from_raw(reader) });
        }
        Ok(())
    });
}
