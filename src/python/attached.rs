//! State that only whoever is attached to the interpreter looks at.

#![allow(unsafe_code)] // the interpreter's lock stands for one of ours

use std::cell::UnsafeCell;

use pyo3::prelude::*;

/// A value behind the interpreter's lock, for what is too hot for a lock of its own. The module
/// declares that it uses that lock, so that interpreters that can do without have it too.
#[derive(Debug)]
pub(super) struct Attached<T>(UnsafeCell<T>);

// SAFETY: the value is reached by `with` alone, whose caller holds the interpreter's lock; it may go
// from thread to thread, as `T` may.
unsafe impl<T: Send> Sync for Attached<T> {}

impl<T> Attached<T> {
    pub(in crate::python) fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Looks at the value or changes it.
    ///
    /// # Safety
    /// `look` must not run Python code, nor detach from the interpreter, nor come here again: it may
    /// count references up, but not down.
    #[inline(always)]
    pub(in crate::python) unsafe fn with<R>(
        &self,
        _py: Python<'_>,
        look: impl FnOnce(&mut T) -> R,
    ) -> R {
        // SAFETY: the interpreter's lock is held, and by the caller's promise until `look` is done:
        // nobody else is here.
        look(unsafe { &mut *self.0.get() })
    }

    /// Looks at the value from a collector's visit, which is attached but has no token.
    ///
    /// # Safety
    /// As for [`Attached::with`], and the caller is attached.
    pub(in crate::python) unsafe fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        // SAFETY: as in `with`.
        look(unsafe { &*self.0.get() })
    }
}
