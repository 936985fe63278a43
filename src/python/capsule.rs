//! The Arrow PyCapsule interface, out and in. A capsule that nobody took over releases what it
//! holds; one that was taken over is left empty, with a null release callback.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType as ArrowType, Schema, SchemaRef};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use super::errors::{invalid, wrong_type};
use crate::arrow::cast::Cast;
use crate::arrow::foreign;
use crate::arrow::stream::Stream;

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";
const STREAM: &CStr = c"arrow_array_stream";

/// A schema, out.
pub(super) fn schema<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    PyCapsule::new_with_value(py, foreign::schema_out(schema)?, SCHEMA)
}

/// One batch, out: its schema and its array, as near to the schema that the reader asked for as
/// loses nothing.
pub(super) fn batch<'py>(
    py: Python<'py>,
    batch: &RecordBatch,
    requested: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let requested = requested_schema(requested)?;
    let batch = Cast::new(batch.schema_ref(), requested.as_ref()).batch(batch)?;
    let array = PyCapsule::new_with_value(py, foreign::rows_out(batch.clone()), ARRAY)?;
    PyTuple::new(py, [schema(py, batch.schema_ref())?, array])
}

/// One column, out.
pub(super) fn array<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Bound<'py, PyTuple>> {
    let schema =
        FFI_ArrowSchema::try_from(array.data_type()).map_err(|error| unreadable(&error))?;
    let schema = PyCapsule::new_with_value(py, schema, SCHEMA)?;
    let array = PyCapsule::new_with_value(py, FFI_ArrowArray::new(&array.to_data()), ARRAY)?;
    PyTuple::new(py, [schema, array])
}

/// A run of batches, out. If it is dropped unread it may be the last to hold the database, so it
/// is dropped detached.
pub(super) fn stream(py: Python<'_>, stream: Stream) -> PyResult<Bound<'_, PyCapsule>> {
    let stream = FFI_ArrowArrayStream::new(Box::new(stream));
    PyCapsule::new_with_value_and_destructor(py, stream, STREAM, |stream, _| {
        Python::attach(|py| py.detach(move || drop(stream)));
    })
}

/// The schema in the `requested_schema` argument of the export methods. It is a wish, so one that
/// cannot be understood is none.
pub(super) fn requested_schema(capsule: Option<&Bound<'_, PyAny>>) -> PyResult<Option<SchemaRef>> {
    let Some(capsule) = capsule.filter(|capsule| !capsule.is_none()) else { return Ok(None) };
    let pointer = pointer::<FFI_ArrowSchema>(capsule, SCHEMA)?;
    // SAFETY: a capsule of that name holds a valid schema, and lives as long as `capsule`.
    let schema = unsafe { pointer.as_ref() };
    if schema.release.is_none() {
        return Err(invalid("the requested schema was released already; export it again"));
    }
    Ok(Schema::try_from(schema).ok().map(Arc::new))
}

/// The type of anything with `__arrow_c_schema__`: a struct of the columns for a schema.
pub(super) fn import_type(object: &Bound<'_, PyAny>) -> PyResult<ArrowType> {
    let capsule = object.call_method0(intern!(object.py(), "__arrow_c_schema__"))?;
    let pointer = pointer::<FFI_ArrowSchema>(&capsule, SCHEMA)?;
    // SAFETY: a capsule of that name holds a valid schema, and lives as long as `capsule`.
    Ok(foreign::type_of(unsafe { pointer.as_ref() })?)
}

/// The array of anything with `__arrow_c_array__`.
pub(super) fn import_array(object: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let pair = object.call_method0(intern!(object.py(), "__arrow_c_array__"))?;
    let Ok((schema, array)) = pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() else {
        return Err(wrong_type("__arrow_c_array__ did not return a pair of capsules"));
    };
    take_array(&schema, &array)
}

/// The array in a pair of capsules, which is left empty.
pub(super) fn take_array(
    schema: &Bound<'_, PyAny>,
    array: &Bound<'_, PyAny>,
) -> PyResult<ArrayRef> {
    let schema = pointer::<FFI_ArrowSchema>(schema, SCHEMA)?;
    let array = pointer::<FFI_ArrowArray>(array, ARRAY)?;
    // SAFETY: capsules of these names hold a schema and an array of it, each of them valid unless
    // it was released. The array is moved out and leaves an empty one behind, so that it is
    // released once.
    let (array, ty) = unsafe {
        if schema.as_ref().release.is_none() || array.as_ref().is_released() {
            return Err(invalid("the Arrow array was taken already; export it again"));
        }
        let ty = foreign::type_of(schema.as_ref())?;
        (FFI_ArrowArray::from_raw(array.as_ptr()), ty)
    };
    // SAFETY: whoever made the capsules promises that the array is of that schema.
    Ok(unsafe { foreign::array(array, &ty)? })
}

/// The arrays of anything with `__arrow_c_stream__`, all of them, and their type.
pub(super) fn import_stream(object: &Bound<'_, PyAny>) -> PyResult<(ArrowType, Vec<ArrayRef>)> {
    let capsule = object.call_method0(intern!(object.py(), "__arrow_c_stream__"))?;
    let pointer = pointer::<FFI_ArrowArrayStream>(&capsule, STREAM)?;
    // SAFETY: a capsule of that name holds a valid stream. It is moved out and leaves an empty one
    // behind, so that it is released once.
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr()) };
    // The producer may be a scan, a query or Python code that attaches itself.
    // SAFETY: whoever made the capsule promises that its arrays are of its schema.
    Ok(object.py().detach(move || unsafe { foreign::drain(stream) })?)
}

fn pointer<T>(object: &Bound<'_, PyAny>, name: &CStr) -> PyResult<NonNull<T>> {
    let pointer = object.cast::<PyCapsule>().ok();
    let pointer = pointer.and_then(|capsule| capsule.pointer_checked(Some(name)).ok());
    let Some(pointer) = pointer else {
        return Err(wrong_type(format!("a PyCapsule named {name:?} was expected")));
    };
    Ok(pointer.cast())
}

#[cold]
fn unreadable(error: &ArrowError) -> PyErr {
    foreign::unreadable(error).into()
}
