//! Many rows at once, from lists, arrays and whatever else can be iterated over.
//!
//! Everything is read before anything is written: an error on the way leaves the log as it was. Only
//! times that are none are left out, where the caller asked for that.

#![allow(unsafe_code)] // elements of lists and tuples are looked at without being counted

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyIterator, PyList, PyString, PyTuple};

use super::object::Object;
use super::times;

/// Rows that were read and are not written yet. They hold a reference each.
pub(super) struct Batch {
    ts: Vec<i64>,
    objects: Vec<Object>,
    /// Rows whose time is none.
    pub(super) skipped: usize,
    /// Times that are none are left out.
    lenient: bool,
    floor: Option<i64>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        Object::release(std::mem::take(&mut self.objects));
    }
}

impl Batch {
    /// An empty one. Rows below the floor are an error; times that are none are, unless `lenient`.
    pub(super) fn new(lenient: bool, floor: Option<i64>) -> Self {
        Self { ts: vec![], objects: vec![], skipped: 0, lenient, floor }
    }

    /// The rows, with their references.
    pub(super) fn take(&mut self) -> (Vec<i64>, Vec<Object>) {
        (std::mem::take(&mut self.ts), std::mem::take(&mut self.objects))
    }

    /// Makes room for so many rows, or for some of them if it is more than can be believed.
    fn reserve(&mut self, rows: usize) {
        let rows = rows.min(1 << 20);
        self.ts.reserve(rows);
        self.objects.reserve(rows);
    }

    /// A row, if its time is one.
    #[inline]
    fn push(&mut self, time: &Bound<'_, PyAny>, object: &Bound<'_, PyAny>) -> PyResult<()> {
        match times::time(time) {
            Ok(ts) => self.push_at(ts, object),
            Err(error) => self.skip(time.py(), error),
        }
    }

    #[inline]
    fn push_at(&mut self, ts: i64, object: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.floor.is_some_and(|floor| ts < floor) {
            return Err(below(ts, self.floor));
        }
        self.ts.push(ts);
        self.objects.push(Object::of(object));
        Ok(())
    }

    #[cold]
    fn skip(&mut self, py: Python<'_>, error: PyErr) -> PyResult<()> {
        let no_time =
            error.is_instance_of::<PyTypeError>(py) || error.is_instance_of::<PyOverflowError>(py);
        if self.lenient && no_time {
            self.skipped += 1;
            return Ok(());
        }
        Err(error)
    }

    /// Rows that were read so far, left out or not.
    fn read(&self) -> usize {
        self.ts.len() + self.skipped
    }

    /// Reads pairs of a time and an object.
    pub(super) fn pairs(&mut self, pairs: &Bound<'_, PyAny>) -> PyResult<()> {
        let result = self.try_pairs(pairs);
        result.map_err(|error| self.noted(pairs.py(), error))
    }

    fn try_pairs(&mut self, pairs: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(list) = pairs.cast_exact::<PyList>() {
            self.reserve(list.len());
            let mut at = 0;
            // What converts a time may change the list.
            while at < list.len() {
                self.pair(&list.get_item(at)?)?;
                at += 1;
            }
            return Ok(());
        }
        self.reserve(pairs.len().unwrap_or(0));
        for pair in pairs.try_iter()? {
            self.pair(&pair?)?;
        }
        Ok(())
    }

    #[inline]
    fn pair(&mut self, pair: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(tuple) = pair.cast_exact::<PyTuple>()
            && tuple.len() == 2
        {
            let (time, object) = (tuple.get_borrowed_item(0)?, tuple.get_borrowed_item(1)?);
            return self.push(&time, &object);
        }
        let (time, object) = unpack(pair).map_err(|error| {
            let wrong = PyValueError::new_err("extend() expects (ts, obj) pairs");
            wrong.set_cause(pair.py(), Some(error));
            wrong
        })?;
        self.push(&time, &object)
    }

    /// Reads times and, beside them, objects.
    pub(super) fn columns(
        &mut self,
        times: &Bound<'_, PyAny>,
        objects: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let sized = times.len().ok().zip(objects.len().ok());
        if let Some((times, objects)) = sized
            && times != objects
        {
            return Err(PyValueError::new_err(format!(
                "timestamps and objects must have same length, not {times} and {objects}"
            )));
        }
        self.reserve(sized.map_or(0, |sized| sized.0));
        let result = match buffer_of_int64(times) {
            Some(ts) => self.beside(&ts, objects),
            None => self.zip(times, objects),
        };
        result.map_err(|error| self.noted(times.py(), error))
    }

    /// Reads objects beside times that are integers already.
    fn beside(&mut self, ts: &[i64], objects: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut column = Column::of(objects)?;
        for &ts in ts {
            let object = column.next().ok_or_else(|| uneven("objects", "shorter"))??;
            self.push_at(ts, &object)?;
        }
        match column.next() {
            None => Ok(()),
            Some(object) => object.and(Err(uneven("objects", "longer"))),
        }
    }

    fn zip(&mut self, times: &Bound<'_, PyAny>, objects: &Bound<'_, PyAny>) -> PyResult<()> {
        let (mut times, mut objects) = (Column::of(times)?, Column::of(objects)?);
        loop {
            match (times.next(), objects.next()) {
                (None, None) => return Ok(()),
                (Some(time), Some(object)) => self.push(&time?, &object?)?,
                (None, Some(object)) => return object.and(Err(uneven("objects", "longer"))),
                (Some(time), None) => return time.and(Err(uneven("objects", "shorter"))),
            }
        }
    }

    /// The error with a note of where reading stopped.
    #[cold]
    fn noted(&self, py: Python<'_>, error: PyErr) -> PyErr {
        let note = format!("extend() stopped at index {}; 0 inserted", self.read());
        // An exception that takes no note is told without one.
        let _ = error.value(py).call_method1("add_note", (note,));
        error
    }

    /// Reads an int64 buffer and a sequence of objects.
    pub(super) fn bulk(
        &mut self,
        timestamps: &Bound<'_, PyAny>,
        objects: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let ts = int64_buffer(timestamps)?;
        let text = objects.is_instance_of::<PyString>()
            || objects.is_instance_of::<PyBytes>()
            || objects.is_instance_of::<PyByteArray>();
        if text {
            return Err(PyTypeError::new_err(
                "bulk_append() objects must be a sequence of objects, not str/bytes",
            ));
        }
        // SAFETY: the object is alive.
        let is_sequence = unsafe { ffi::PySequence_Check(objects.as_ptr()) } != 0;
        if !is_sequence {
            return Err(PyTypeError::new_err(format!(
                "bulk_append() objects must be a concrete sequence (such as a list), not {}",
                super::super::errors::type_name(objects)
            )));
        }
        let count = objects.len()?;
        if count != ts.len() {
            return Err(PyValueError::new_err(format!(
                "bulk_append() length mismatch: {} timestamps, {count} objects",
                ts.len()
            )));
        }
        if let Some(floor) = self.floor
            && let Some(index) = ts.iter().position(|&ts| ts < floor)
        {
            return Err(PyValueError::new_err(format!(
                "bulk_append() timestamp {} at index {index} is below min_ts {floor}",
                ts[index]
            )));
        }
        self.reserve(ts.len());
        self.beside(&ts, objects)
    }
}

#[cold]
pub(super) fn below(ts: i64, floor: Option<i64>) -> PyErr {
    let floor = floor.unwrap_or(i64::MIN);
    PyValueError::new_err(format!("timestamp {ts} is below min_ts boundary ({floor})"))
}

#[cold]
fn uneven(what: &str, how: &str) -> PyErr {
    PyValueError::new_err(format!(
        "timestamps and objects must have same length: {what} are {how} than timestamps"
    ))
}

fn unpack<'py>(pair: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let mut parts = pair.try_iter()?;
    let mut part = || {
        let missing = || PyValueError::new_err("not enough values to unpack (expected 2)");
        parts.next().ok_or_else(missing)?
    };
    let both = (part()?, part()?);
    match parts.next() {
        None => Ok(both),
        Some(third) => {
            third.and(Err(PyValueError::new_err("too many values to unpack (expected 2)")))
        }
    }
}

/// Something to be read from its first element to its last.
enum Column<'py> {
    List(Bound<'py, PyList>, usize),
    Tuple(Bound<'py, PyTuple>, usize),
    Other(Bound<'py, PyIterator>),
}

impl<'py> Column<'py> {
    fn of(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(list) = object.cast_exact::<PyList>() {
            return Ok(Self::List(list.clone(), 0));
        }
        if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            return Ok(Self::Tuple(tuple.clone(), 0));
        }
        object.try_iter().map(Self::Other)
    }

    #[inline]
    fn next(&mut self) -> Option<PyResult<Bound<'py, PyAny>>> {
        match self {
            Self::List(list, at) => {
                *at += 1;
                (*at <= list.len()).then(|| list.get_item(*at - 1))
            }
            Self::Tuple(tuple, at) => {
                *at += 1;
                (*at <= tuple.len()).then(|| tuple.get_item(*at - 1))
            }
            Self::Other(iterator) => iterator.next(),
        }
    }
}

/// The numbers of an array of int64, if that is what it is: one dimension, next to each other.
fn buffer_of_int64(object: &Bound<'_, PyAny>) -> Option<Vec<i64>> {
    // Lists have no buffers: asking them would cost an exception.
    if object.is_exact_instance_of::<PyList>() || object.is_exact_instance_of::<PyTuple>() {
        return None;
    }
    int64_buffer(object).ok()
}

/// The numbers of a buffer of int64.
fn int64_buffer(object: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    // SAFETY: the object is alive.
    if unsafe { ffi::PyObject_CheckBuffer(object.as_ptr()) } == 0 {
        return Err(PyTypeError::new_err(format!(
            "bulk_append() timestamps must be an int64 buffer (such as a NumPy array of int64, or \
             array.array('q')), not {}",
            super::super::errors::type_name(object)
        )));
    }
    let refuse = |why: &str| Err(PyValueError::new_err(format!("bulk_append() timestamps {why}")));
    if let Some(kind) = numpy_kind(object)
        && (kind == "M" || kind == "m")
    {
        return refuse("must be int64: for a datetime64/timedelta64 array use arr.view('int64')");
    }
    let view = RawBuffer::get(object)?;
    let (format, dimensions) = (view.format(), view.0.ndim);
    if view.0.itemsize != 8 {
        return refuse("must have 8-byte items (int64)");
    }
    if format.starts_with(['>', '!']) && cfg!(target_endian = "little") {
        return refuse("must be in native byte order");
    }
    if !matches!(format.trim_start_matches(['@', '=', '<']), "q" | "l") {
        return refuse("must be int64 (buffer format 'q' or 'l')");
    }
    if dimensions != 1 {
        return refuse("must be a 1-D buffer");
    }
    // SAFETY: the view is open.
    if unsafe { ffi::PyBuffer_IsContiguous(&raw const *view.0, b'C' as std::ffi::c_char) } == 0 {
        return refuse("must be contiguous (ndarray is not C-contiguous)");
    }
    let len = usize::try_from(view.0.len).unwrap_or(0) / 8;
    if len == 0 {
        return Ok(vec![]);
    }
    if !(view.0.buf as usize).is_multiple_of(align_of::<i64>()) {
        return refuse("must be 8-byte aligned");
    }
    // SAFETY: the view is open, of `len` aligned numbers next to each other, and no Python code runs
    // before it is copied.
    Ok(unsafe { std::slice::from_raw_parts(view.0.buf.cast::<i64>(), len) }.to_vec())
}

/// The letter of the type of a NumPy array.
fn numpy_kind(object: &Bound<'_, PyAny>) -> Option<String> {
    object.getattr("dtype").ok()?.getattr("kind").ok()?.extract().ok()
}

/// An open view of a buffer.
struct RawBuffer(Box<ffi::Py_buffer>);

impl RawBuffer {
    fn get(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut view = Box::new(ffi::Py_buffer::new());
        const FLAGS: std::ffi::c_int = ffi::PyBUF_STRIDES | ffi::PyBUF_FORMAT;
        // SAFETY: the view is ours to be filled, and stays where it is while it is open.
        match unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &raw mut *view, FLAGS) } {
            0 => Ok(Self(view)),
            _ => Err(PyErr::fetch(object.py())),
        }
    }

    fn format(&self) -> &str {
        if self.0.format.is_null() {
            return "B";
        }
        // SAFETY: a format is a text that ends with zero and lives as long as the view.
        unsafe { std::ffi::CStr::from_ptr(self.0.format) }.to_str().unwrap_or("")
    }
}

impl Drop for RawBuffer {
    fn drop(&mut self) {
        // SAFETY: it was filled, and is given back once; whoever has it is attached.
        unsafe { ffi::PyBuffer_Release(&raw mut *self.0) };
    }
}
