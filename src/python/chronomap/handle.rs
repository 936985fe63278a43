//! References to keys and values.

#![allow(unsafe_code)] // references are plain pointers: a map holds millions, each with a mark

use std::ptr::NonNull;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyFrozenSet, PyTuple, PyType};

use crate::chronomap::Item;

/// One reference, with a mark in its lowest bit, which pointers to objects have free.
///
/// It is copied and dropped by whoever is attached to the interpreter.
#[derive(Debug)]
#[repr(transparent)]
struct Marked(NonNull<ffi::PyObject>);

const MARK: usize = 1;

// SAFETY: only a pointer goes from thread to thread; the counts that it stands for are changed by
// who is attached, as is said above. Dropped elsewhere, it is given to PyO3, which waits for that.
unsafe impl Send for Marked {}
// SAFETY: as above.
unsafe impl Sync for Marked {}

impl Marked {
    #[inline]
    fn new(object: &Bound<'_, PyAny>, mark: bool) -> Self {
        let pointer = object.clone().into_ptr().map_addr(|at| at | usize::from(mark));
        // SAFETY: a bound object's pointer is not null, nor is it with a bit more.
        Self(unsafe { NonNull::new_unchecked(pointer) })
    }

    #[inline]
    fn mark(&self) -> bool {
        self.0.as_ptr().addr() & MARK != 0
    }

    #[inline]
    fn pointer(&self) -> *mut ffi::PyObject {
        self.0.as_ptr().map_addr(|at| at & !MARK)
    }

    #[inline]
    fn get<'a, 'py>(&'a self, py: Python<'py>) -> Borrowed<'a, 'py, PyAny> {
        // SAFETY: it holds a reference for as long as it is borrowed.
        unsafe { Borrowed::from_ptr(py, self.pointer()) }
    }
}

impl Clone for Marked {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: the object is alive, and whoever copies is attached, as is said above.
        unsafe { ffi::Py_INCREF(self.pointer()) };
        Self(self.0)
    }
}

impl Drop for Marked {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the token is for a conversion that counts nothing. `Py` itself finds out whether
        // it is attached when it is dropped.
        let object = unsafe { Bound::from_owned_ptr(Python::assume_attached(), self.pointer()) };
        drop(object.unbind());
    }
}

/// A key. It is marked if to compare it may run code of the user's.
#[derive(Debug, Clone)]
pub(super) struct Key(Marked);

impl Key {
    #[inline]
    pub(super) fn new(object: &Bound<'_, PyAny>, plain: bool) -> Self {
        Self(Marked::new(object, !plain))
    }

    /// The key itself.
    #[inline]
    pub(super) fn get<'a, 'py>(&'a self, py: Python<'py>) -> Borrowed<'a, 'py, PyAny> {
        self.0.get(py)
    }

    /// True if to compare it with another such key runs no code of the user's.
    #[inline]
    pub(super) fn plain(&self) -> bool {
        !self.0.mark()
    }

    #[inline]
    pub(super) fn is(&self, object: &Bound<'_, PyAny>) -> bool {
        self.0.pointer() == object.as_ptr()
    }

    /// For the collector.
    pub(super) fn visit<X>(
        &self,
        visit: impl FnOnce(&Py<PyAny>) -> Result<(), X>,
    ) -> Result<(), X> {
        visit_pointer(&self.0, visit)
    }
}

/// A value. It is marked if it may change from outside.
#[derive(Debug, Clone)]
pub(super) struct Value(Marked);

impl Value {
    #[inline]
    pub(super) fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(Marked::new(object, !is_fixed(object, NESTED)?)))
    }

    /// The value itself.
    #[inline]
    pub(super) fn get<'a, 'py>(&'a self, py: Python<'py>) -> Borrowed<'a, 'py, PyAny> {
        self.0.get(py)
    }

    /// The value, in the place of the reference to it.
    #[inline]
    pub(super) fn into_bound<'py>(self, py: Python<'py>) -> Bound<'py, PyAny> {
        let pointer = self.0.pointer();
        std::mem::forget(self);
        // SAFETY: the reference that was forgotten is the one that is handed on.
        unsafe { Bound::from_owned_ptr(py, pointer) }
    }

    /// Where it is: the same object has the same place.
    pub(super) fn place(&self) -> usize {
        self.0.pointer().addr()
    }

    /// For the collector.
    pub(super) fn visit<X>(
        &self,
        visit: impl FnOnce(&Py<PyAny>) -> Result<(), X>,
    ) -> Result<(), X> {
        visit_pointer(&self.0, visit)
    }
}

impl Item for Value {
    #[inline]
    fn mutable(&self) -> bool {
        self.0.mark()
    }
}

fn visit_pointer<X>(
    marked: &Marked,
    visit: impl FnOnce(&Py<PyAny>) -> Result<(), X>,
) -> Result<(), X> {
    let pointer = marked.pointer();
    // SAFETY: `Py` is such a pointer and nothing else, and it is only looked at: the reference is
    // held by the caller, and counted once.
    visit(unsafe { &*(&raw const pointer).cast::<Py<PyAny>>() })
}

/// So deep tuples are looked into: deeper ones may be anything.
const NESTED: usize = 8;

/// True for objects of Python's own types whose hash and equality run no code of the user's.
#[inline]
pub(super) fn is_plain(object: &Bound<'_, PyAny>) -> bool {
    is_atom(object)
        || object.cast_exact::<PyTuple>().is_ok_and(|tuple| tuple.iter().all(|item| is_atom(&item)))
}

/// A text, a number, bytes or None, of that type exactly.
#[inline]
fn is_atom(object: &Bound<'_, PyAny>) -> bool {
    let kind = object.get_type_ptr();
    kind == &raw mut ffi::PyUnicode_Type
        || kind == &raw mut ffi::PyLong_Type
        || kind == &raw mut ffi::PyFloat_Type
        || kind == &raw mut ffi::PyBool_Type
        || kind == &raw mut ffi::PyBytes_Type
        || object.is_none()
}

/// True if nobody can change the object.
#[inline]
fn is_fixed(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<bool> {
    if is_atom(object) {
        return Ok(true);
    }
    is_fixed_object(object, depth)
}

fn is_fixed_object(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<bool> {
    let kind = object.get_type_ptr();
    let well_known = kind == &raw mut ffi::PyList_Type
        || kind == &raw mut ffi::PyDict_Type
        || kind == &raw mut ffi::PySet_Type
        || kind == &raw mut ffi::PyByteArray_Type;
    if well_known || depth == 0 {
        return Ok(false);
    }
    if let Ok(tuple) = object.cast_exact::<PyTuple>() {
        for item in tuple {
            if !is_fixed(&item, depth - 1)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if let Ok(set) = object.cast_exact::<PyFrozenSet>() {
        for item in set {
            if !is_fixed(&item, depth - 1)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    Ok(object.is_instance_of::<PyType>() || is_known_fixed(object)?)
}

/// Types of the standard library whose objects nobody can change, and functions, which are copied by
/// nobody.
fn is_known_fixed(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    static TYPES: PyOnceLock<Vec<Py<PyType>>> = PyOnceLock::new();
    let py = object.py();
    let types = TYPES.get_or_try_init(py, || {
        let named = [
            ("builtins", "complex"),
            ("builtins", "range"),
            ("types", "FunctionType"),
            ("types", "BuiltinFunctionType"),
            ("types", "EllipsisType"),
            ("datetime", "date"),
            ("datetime", "datetime"),
            ("datetime", "time"),
            ("datetime", "timedelta"),
            ("datetime", "timezone"),
            ("decimal", "Decimal"),
        ];
        let find = |(module, name): (&str, &str)| -> PyResult<Py<PyType>> {
            Ok(py.import(module)?.getattr(name)?.cast_into::<PyType>()?.unbind())
        };
        named.into_iter().map(find).collect::<PyResult<Vec<_>>>()
    })?;
    let kind = object.get_type_ptr();
    Ok(types.iter().any(|known| known.as_ptr().cast() == kind))
}
