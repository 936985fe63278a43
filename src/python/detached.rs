//! A kernel handle inside a Python object.

use std::ops::Deref;

use pyo3::prelude::*;

/// Drops what it holds detached from the interpreter: the last handle closes the database, which
/// syncs files and joins threads.
pub(super) struct Detached<T: Send>(Option<T>);

impl<T: Send> Detached<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T: Send> Deref for Detached<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_ref().expect("only Drop empties it")
    }
}

impl<T: Send> Drop for Detached<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        // No interpreter (it is shutting down) is no reason not to close.
        let mut value = Some(value);
        Python::try_attach(|py| {
            let value = value.take();
            py.detach(move || drop(value));
        });
        drop(value);
    }
}
