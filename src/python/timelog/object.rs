//! A reference to a Python object that is counted by hand.

#![allow(unsafe_code)] // rows hold references as plain pointers, so that moving them costs nothing

use std::ptr::NonNull;

use pyo3::ffi;
use pyo3::prelude::*;

use crate::index::Item;

/// One reference. Copies are the same one: whoever takes it out of a log gives it back.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(super) struct Object(NonNull<ffi::PyObject>);

// SAFETY: only a pointer goes from thread to thread; what it points to is touched by methods that
// take proof of being attached to the interpreter, or by `release`, which attaches.
unsafe impl Send for Object {}
// SAFETY: as above.
unsafe impl Sync for Object {}

impl Item for Object {}

impl Object {
    /// A new reference.
    #[inline]
    pub(super) fn of(object: &Bound<'_, PyAny>) -> Self {
        // SAFETY: a bound object is alive, and its pointer is not null; the reference is new.
        unsafe {
            ffi::Py_INCREF(object.as_ptr());
            Self(NonNull::new_unchecked(object.as_ptr()))
        }
    }

    /// Another reference to the object, for whoever looks at a row.
    #[inline]
    pub(super) fn get<'py>(self, py: Python<'py>) -> Bound<'py, PyAny> {
        // SAFETY: rows that can be seen hold their reference, so the object is alive.
        unsafe { Bound::from_borrowed_ptr(py, self.0.as_ptr()) }
    }

    /// The reference itself, for the collector.
    pub(super) fn as_py(&self) -> &Py<PyAny> {
        // SAFETY: both are one pointer that is not null, and nothing is counted by looking at it.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }

    /// Gives these references back, in order. Without an interpreter they are left: it is gone.
    pub(super) fn release(objects: Vec<Self>) {
        if objects.is_empty() {
            return;
        }
        Python::try_attach(|_py| {
            for object in objects {
                // SAFETY: the interpreter is attached, and the log gave up the reference it owned.
                unsafe { ffi::Py_DECREF(object.0.as_ptr()) };
            }
        });
    }
}
