//! Which key of a map is the one that is asked for.
//!
//! Keys are compared as a dict does it: by hash, by identity, then by equality. Equality of keys of
//! the user's own types runs code, which must not happen inside the map: such keys are taken out,
//! compared, and the map is asked again, now that the answers are known.

#![allow(unsafe_code)] // compares objects of Python's own types by the fastest call there is

use std::cell::RefCell;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::access::raise;
use super::handle::{Key, is_plain};
use crate::python::errors::type_name;

/// A key that is looked for.
pub(super) struct Probe<'a, 'py> {
    object: &'a Bound<'py, PyAny>,
    hash: u64,
    plain: bool,
    /// Keys that it was compared with, and whether they are equal.
    known: Vec<(Key, bool)>,
    /// Keys that it is to be compared with.
    unknown: RefCell<Vec<Key>>,
}

impl<'a, 'py> Probe<'a, 'py> {
    /// Of any object that has a hash.
    #[inline]
    pub(super) fn new(object: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        Ok(Self::hashed(object, hash(object)?))
    }

    /// Of an object whose hash is known.
    #[inline]
    pub(super) fn hashed(object: &'a Bound<'py, PyAny>, hash: u64) -> Self {
        let plain = is_plain(object);
        Self { object, hash, plain, known: vec![], unknown: RefCell::default() }
    }

    /// The hash as the map has it.
    #[inline]
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// What is stored for the key.
    #[inline]
    pub(super) fn key(&self) -> Key {
        Key::new(self.object, self.plain)
    }

    /// The object itself.
    pub(super) fn object(&self) -> &Bound<'py, PyAny> {
        self.object
    }

    /// True if it is compared with other such keys without the user's code.
    #[inline]
    pub(super) fn plain(&self) -> bool {
        self.plain
    }

    /// True if a key of the map, which has its hash, is the one. If that is not known yet it is
    /// noted, and the answer is no.
    #[inline]
    pub(super) fn is(&self, stored: &Key) -> bool {
        if stored.is(self.object) {
            return true;
        }
        if self.plain && stored.plain() {
            return same(&stored.get(self.object.py()), self.object);
        }
        let same = |known: &&(Key, bool)| known.0.is(&stored.get(self.object.py()));
        if let Some((_, equal)) = self.known.iter().find(same) {
            return *equal;
        }
        self.unknown.borrow_mut().push(stored.clone());
        false
    }

    /// True if keys were met that it has to be compared with first.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        !self.unknown.borrow().is_empty()
    }

    /// Compares it with them. This runs the user's code.
    #[cold]
    pub(super) fn settle(&mut self) -> PyResult<()> {
        for stored in self.unknown.take() {
            let equal = stored.get(self.object.py()).eq(self.object)?;
            self.known.push((stored, equal));
        }
        Ok(())
    }
}

/// True if plain keys are equal.
fn same(one: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> bool {
    match (one.cast_exact::<PyTuple>(), other.cast_exact::<PyTuple>()) {
        (Ok(one), Ok(other)) => {
            one.len() == other.len()
                && one.iter().zip(other.iter()).all(|(one, other)| same_atom(&one, &other))
        }
        (Err(_), Err(_)) => same_atom(one, other),
        _ => false,
    }
}

fn same_atom(one: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> bool {
    // To compare bytes with something else may be made to warn, which runs code.
    let bytes = one.is_exact_instance_of::<PyBytes>() == other.is_exact_instance_of::<PyBytes>();
    // SAFETY: both are alive. Of these types equality runs no other code and cannot fail.
    one.is(other)
        || bytes
            && unsafe {
                ffi::PyObject_RichCompareBool(one.as_ptr(), other.as_ptr(), ffi::Py_EQ) == 1
            }
}

/// The hash of an object, as the map has it.
#[inline]
pub(super) fn hash(object: &Bound<'_, PyAny>) -> PyResult<u64> {
    // SAFETY: the object is alive; -1 says that an exception is set.
    let hash = unsafe { ffi::PyObject_Hash(object.as_ptr()) };
    if hash == -1 { Err(unhashable(object)) } else { Ok(mixed(hash.cast_unsigned() as u64)) }
}

/// Python's hashes of whole numbers are these numbers: all bits are made to count.
#[inline]
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ hash >> 29
}

#[cold]
fn unhashable(object: &Bound<'_, PyAny>) -> PyErr {
    let py = object.py();
    let error = PyErr::fetch(py);
    // An error of the user's own `__hash__` is theirs.
    let plain = error.is_instance_of::<PyTypeError>(py)
        && error.value(py).to_string().starts_with("unhashable type");
    if plain {
        return raise(
            "ChronoMapTypeError",
            (format!("Key must be hashable, got {}", type_name(object)),),
        );
    }
    error
}
