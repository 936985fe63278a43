//! Times without a copy, and the objects beside them.

#![allow(unsafe_code)] // fills buffers

use std::ffi::{c_char, c_int};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use pyo3::exceptions::{PyBufferError, PyIndexError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyMemoryView, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::log::TimelogBase;
use super::object::Object;
use crate::index::{Page, View};

/// Sorted times next to each other in memory, and the objects beside them.
#[pyclass(frozen, module = "chronolite")]
pub(in super::super) struct PageSpan {
    log: Py<TimelogBase>,
    page: Mutex<Option<Page<Object>>>,
    /// Buffers that look at the times.
    exports: AtomicUsize,
    shape: [ffi::Py_ssize_t; 1],
}

static STRIDE: SyncStride = SyncStride([size_of::<i64>() as ffi::Py_ssize_t]);

/// Strides that buffers point to.
struct SyncStride([ffi::Py_ssize_t; 1]);

#[cold]
fn closed() -> PyErr {
    PyValueError::new_err("PageSpan is closed")
}

impl PageSpan {
    fn new(log: Py<TimelogBase>, page: Page<Object>) -> Self {
        let shape = [page.ts().len() as ffi::Py_ssize_t];
        Self { log, page: Mutex::new(Some(page)), exports: AtomicUsize::new(0), shape }
    }

    fn page(&self) -> PyResult<Page<Object>> {
        self.page.lock().clone().ok_or_else(closed)
    }

    fn ends(&self) -> PyResult<(i64, i64)> {
        let page = self.page()?;
        let ts = page.ts();
        ts.first().copied().zip(ts.last().copied()).ok_or_else(closed)
    }

    fn end(&self, py: Python<'_>) {
        let page = self.page.lock().take();
        drop(page);
        self.log.bind(py).get().release();
    }
}

#[pymethods]
impl PageSpan {
    /// The times, a read-only memoryview of int64 over the log's own memory.
    #[getter]
    fn timestamps<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyMemoryView>> {
        slf.get().page()?;
        PyMemoryView::from(slf.as_any())
    }

    /// The first time.
    #[getter]
    fn start_ts(&self) -> PyResult<i64> {
        self.ends().map(|ends| ends.0)
    }

    /// The last time. It is in the span.
    #[getter]
    fn end_ts(&self) -> PyResult<i64> {
        self.ends().map(|ends| ends.1)
    }

    /// The last time, as `end_ts`.
    #[getter]
    fn last_ts(&self) -> PyResult<i64> {
        self.end_ts()
    }

    /// True once it is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.page.lock().is_none()
    }

    fn __len__(&self) -> usize {
        self.page.lock().as_ref().map_or(0, |page| page.ts().len())
    }

    /// The objects beside the times, as a sequence that makes no references until it is asked.
    fn objects(slf: Py<Self>, py: Python<'_>) -> PyResult<PageSpanObjectsView> {
        slf.bind(py).get().page()?;
        Ok(PageSpanObjectsView { span: slf })
    }

    /// The times as a list.
    fn copy_timestamps(&self) -> PyResult<Vec<i64>> {
        Ok(self.page()?.ts().to_vec())
    }

    /// Closes it; a `BufferError` while its times are exported.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.exports.load(Ordering::Acquire) > 0 {
            return Err(PyBufferError::new_err("cannot close PageSpan: buffer is exported"));
        }
        self.end(py);
        Ok(())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> bool {
        // What is exported stays open.
        if self.exports.load(Ordering::Acquire) == 0 {
            self.end(py);
        }
        false
    }

    fn __repr__(&self) -> String {
        match self.ends() {
            Ok((first, last)) => format!("<PageSpan [{first}..{last}] len={}>", self.__len__()),
            Err(_) => "<PageSpan closed>".into(),
        }
    }

    // SAFETY: called by the interpreter alone, which hands over a `Py_buffer` to fill.
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        let span = slf.get();
        let page = span.page()?;
        if flags & ffi::PyBUF_WRITABLE != 0 {
            return Err(PyBufferError::new_err("the timestamps of a log are read-only"));
        }
        let wanted = |flag| flags & flag == flag;
        let ts = page.ts();
        // SAFETY: the view is the caller's to fill. The times live as long as the page, which is kept
        // while `exports` counts this view; shape and stride live as long as the span, of which the
        // view holds a reference.
        unsafe {
            (*view).buf = ts.as_ptr().cast_mut().cast();
            (*view).len = size_of_val(ts) as ffi::Py_ssize_t;
            (*view).readonly = 1;
            (*view).itemsize = size_of::<i64>() as ffi::Py_ssize_t;
            (*view).ndim = 1;
            (*view).format = match wanted(ffi::PyBUF_FORMAT) {
                true => c"q".as_ptr().cast_mut().cast::<c_char>(),
                false => std::ptr::null_mut(),
            };
            (*view).shape = match wanted(ffi::PyBUF_ND) {
                true => span.shape.as_ptr().cast_mut(),
                false => std::ptr::null_mut(),
            };
            (*view).strides = match wanted(ffi::PyBUF_STRIDES) {
                true => STRIDE.0.as_ptr().cast_mut(),
                false => std::ptr::null_mut(),
            };
            (*view).suboffsets = std::ptr::null_mut();
            (*view).internal = std::ptr::null_mut();
            span.exports.fetch_add(1, Ordering::AcqRel);
            (*view).obj = slf.into_any().into_ptr();
        }
        Ok(())
    }

    // SAFETY: called by the interpreter alone, once for each view that was filled.
    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {
        self.exports.fetch_sub(1, Ordering::AcqRel);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.log)
    }

    fn __clear__(&self) {
        // A view that is part of the same cycle may look at it still: it goes with the span.
        if self.exports.load(Ordering::Acquire) == 0 {
            let page = self.page.lock().take();
            drop(page);
        }
    }
}

impl Drop for PageSpan {
    fn drop(&mut self) {
        let page = self.page.lock().take();
        drop(page);
        Python::try_attach(|py| self.log.bind(py).get().release());
    }
}

/// The objects of a span, as a sequence; a `ValueError` once the span is closed.
#[pyclass(frozen, sequence, module = "chronolite")]
pub(in super::super) struct PageSpanObjectsView {
    span: Py<PageSpan>,
}

impl PageSpanObjectsView {
    fn page(&self, py: Python<'_>) -> PyResult<Page<Object>> {
        self.span.bind(py).get().page()
    }
}

#[pymethods]
impl PageSpanObjectsView {
    /// True once its span is closed.
    #[getter]
    fn closed(&self, py: Python<'_>) -> bool {
        self.span.bind(py).get().closed()
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.page(py)?.items().len())
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyAny>> {
        let page = self.page(py)?;
        let items = page.items();
        let from_end = if index < 0 { items.len() as isize } else { 0 };
        let object = usize::try_from(index + from_end).ok().and_then(|index| items.get(index));
        object.map_or_else(|| Err(PyIndexError::new_err("index out of range")), |o| Ok(o.get(py)))
    }

    fn __iter__(slf: Py<Self>, py: Python<'_>) -> PageSpanObjectsIter {
        let span = slf.bind(py).get().span.clone_ref(py);
        PageSpanObjectsIter { span, next: AtomicUsize::new(0) }
    }

    /// The objects as a list.
    fn copy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let page = self.page(py)?;
        PyList::new(py, page.items().iter().map(|object| object.get(py)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.span)
    }
}

/// The objects of a span, one after the other.
#[pyclass(frozen, name = "_PageSpanObjectsIter", module = "chronolite._core")]
pub(in super::super) struct PageSpanObjectsIter {
    span: Py<PageSpan>,
    next: AtomicUsize,
}

#[pymethods]
impl PageSpanObjectsIter {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let page = self.span.bind(py).get().page()?;
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        Ok(page.items().get(at).map(|object| object.get(py)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.span)
    }
}

/// The spans of a range.
#[pyclass(frozen, module = "chronolite")]
pub(in super::super) struct PageSpanIter {
    log: Py<TimelogBase>,
    /// The next one last; none once it has ended.
    pages: Mutex<Option<Vec<Page<Object>>>>,
}

impl PageSpanIter {
    pub(super) fn new(
        log: &Bound<'_, TimelogBase>,
        view: &View<Object>,
        start: i64,
        end: Option<i64>,
    ) -> PyResult<Self> {
        let mut pages = view.pages(start, end, log.get().page_rows());
        pages.reverse();
        Ok(Self { log: log.clone().unbind(), pages: Mutex::new(Some(pages)) })
    }

    fn end(&self, py: Python<'_>) {
        let pages = self.pages.lock().take();
        drop(pages);
        self.log.bind(py).get().release();
    }
}

#[pymethods]
impl PageSpanIter {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Option<PageSpan> {
        let page = self.pages.lock().as_mut().and_then(Vec::pop);
        let Some(page) = page else {
            self.end(py);
            return None;
        };
        Some(PageSpan::new(self.log.clone_ref(py), page))
    }

    /// Ends it.
    fn close(&self, py: Python<'_>) {
        self.end(py);
    }

    /// True once it has ended or was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.pages.lock().is_none()
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> bool {
        self.end(py);
        false
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.log)
    }

    fn __clear__(&self) {
        let pages = self.pages.lock().take();
        drop(pages);
    }
}

impl Drop for PageSpanIter {
    fn drop(&mut self) {
        let pages = self.pages.lock().take();
        drop(pages);
        Python::try_attach(|py| self.log.bind(py).get().release());
    }
}
