//! The Arrow PyCapsule interface, out and in. A capsule that nobody took over releases what it
//! holds; one that was taken over is left empty, with a null release callback.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, ArrayRef, NullArray, RecordBatch, StructArray, make_array};
use arrow_schema::{ArrowError, DataType as ArrowType, Fields, Schema, SchemaRef};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use super::errors::{invalid, wrong_type};
use crate::arrow::cast::Cast;
use crate::arrow::stream::Stream;
use crate::error::{Error, Result};

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";
const STREAM: &CStr = c"arrow_array_stream";

/// A schema, out.
pub(super) fn schema<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(schema).map_err(|error| foreign(&error))?;
    PyCapsule::new_with_value(py, schema, SCHEMA)
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
    let array = FFI_ArrowArray::new(&StructArray::from(batch.clone()).to_data());
    let array = PyCapsule::new_with_value(py, array, ARRAY)?;
    PyTuple::new(py, [schema(py, batch.schema_ref())?, array])
}

/// One column, out.
pub(super) fn array<'py>(py: Python<'py>, array: &ArrayRef) -> PyResult<Bound<'py, PyTuple>> {
    let schema = FFI_ArrowSchema::try_from(array.data_type()).map_err(|error| foreign(&error))?;
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
    Ok(type_of(unsafe { pointer.as_ref() })?)
}

/// The type in a schema. One that is not known is told with the column it belongs to.
fn type_of(schema: &FFI_ArrowSchema) -> Result<ArrowType> {
    if schema.release.is_none() {
        return Err(Error::invalid("the Arrow schema was taken already; export it again"));
    }
    ArrowType::try_from(schema).map_err(|error| {
        let bad = schema.children().find(|child| ArrowType::try_from(*child).is_err());
        match bad.and_then(FFI_ArrowSchema::name) {
            Some(name) => Error::schema(format!("column {name:?} cannot be read: {error}")),
            None => unreadable(&error),
        }
    })
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
        let ty = type_of(schema.as_ref())?;
        (FFI_ArrowArray::from_raw(array.as_ptr()), ty)
    };
    Ok(import(array, &ty)?)
}

/// The array of type `ty` that was handed over.
fn import(array: FFI_ArrowArray, ty: &ArrowType) -> Result<ArrayRef> {
    let lies = as_it_lies(&array, ty)?;
    let changed = lies != *ty;
    // SAFETY: who handed the array over promises that it is of type `ty`, and as it lies in memory
    // it is of type `lies`.
    let data = unsafe { from_ffi_and_data_type(array, lies) };
    let read = make_array(data.map_err(|error| unreadable(&error))?);
    if changed { as_declared(&read, ty) } else { Ok(read) }
}

/// An array of nulls has no buffers, but polars gives it a validity as all others have one. That
/// is how a struct without fields lies in memory.
fn as_it_lies(array: &FFI_ArrowArray, ty: &ArrowType) -> Result<ArrowType> {
    Ok(match ty {
        ArrowType::Null if array.num_buffers() > 0 => ArrowType::Struct(Fields::empty()),
        ArrowType::Struct(fields) => {
            if array.num_children() != fields.len() {
                return Err(Error::schema("the Arrow array has other columns than its schema"));
            }
            let children = fields.iter().enumerate().map(|(at, field)| {
                let ty = as_it_lies(array.child(at), field.data_type())?;
                Ok(field.as_ref().clone().with_data_type(ty))
            });
            ArrowType::Struct(children.collect::<Result<Vec<_>>>()?.into())
        }
        other => other.clone(),
    })
}

fn as_declared(array: &ArrayRef, ty: &ArrowType) -> Result<ArrayRef> {
    Ok(match (ty, array.as_struct_opt()) {
        (ArrowType::Null, _) => Arc::new(NullArray::new(array.len())),
        (ArrowType::Struct(fields), Some(rows)) if !fields.is_empty() => {
            let pairs = rows.columns().iter().zip(fields);
            let columns = pairs.map(|(column, field)| as_declared(column, field.data_type()));
            let columns = columns.collect::<Result<_>>()?;
            let rows = StructArray::try_new(fields.clone(), columns, rows.nulls().cloned());
            Arc::new(rows.map_err(|error| unreadable(&error))?)
        }
        _ => array.clone(),
    })
}

/// The arrays of anything with `__arrow_c_stream__`, all of them, and their type.
pub(super) fn import_stream(object: &Bound<'_, PyAny>) -> PyResult<(ArrowType, Vec<ArrayRef>)> {
    let capsule = object.call_method0(intern!(object.py(), "__arrow_c_stream__"))?;
    let pointer = pointer::<FFI_ArrowArrayStream>(&capsule, STREAM)?;
    // SAFETY: a capsule of that name holds a valid stream. It is moved out and leaves an empty one
    // behind, so that it is released once.
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr()) };
    // The producer may be a scan, a query or Python code that attaches itself.
    Ok(object.py().detach(move || drain(stream))?)
}

fn drain(mut stream: FFI_ArrowArrayStream) -> Result<(ArrowType, Vec<ArrayRef>)> {
    let (Some(get_schema), Some(get_next)) = (stream.get_schema, stream.get_next) else {
        return Err(Error::invalid("the Arrow stream was read already"));
    };
    let mut schema = FFI_ArrowSchema::empty();
    // SAFETY: the callbacks of a stream that is not released may be called with the stream and a
    // place to write to, one at a time.
    if unsafe { get_schema(&mut stream, &mut schema) } != 0 {
        return Err(last_error(&mut stream));
    }
    let ty = type_of(&schema)?;
    let mut arrays = vec![];
    loop {
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: as above.
        if unsafe { get_next(&mut stream, &mut array) } != 0 {
            return Err(last_error(&mut stream));
        }
        if array.is_released() {
            return Ok((ty, arrays));
        }
        arrays.push(import(array, &ty)?);
    }
}

#[cold]
fn last_error(stream: &mut FFI_ArrowArrayStream) -> Error {
    // SAFETY: the callback may be called on a stream that is not released; the text it returns is
    // good until the next call, and is copied before that.
    let text = stream.get_last_error.and_then(|get| unsafe {
        let text = get(stream);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    });
    let text = text.unwrap_or_else(|| "its producer does not say why".into());
    Error::invalid(format!("the Arrow stream failed: {text}"))
}

/// The columns of a struct array.
pub(super) fn columns(array: &ArrayRef) -> Result<Vec<ArrayRef>> {
    let Some(rows) = array.as_struct_opt() else {
        let ty = array.data_type();
        return Err(Error::schema(format!("the data has no columns: it is an array of {ty}")));
    };
    // What stands under a null row is not to be looked at.
    match (0..rows.len()).find(|&row| rows.is_null(row)) {
        Some(row) => Err(Error::schema(format!("row {row} is null as a whole"))),
        None => Ok(rows.columns().to_vec()),
    }
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
fn foreign(error: &ArrowError) -> PyErr {
    unreadable(error).into()
}

#[cold]
fn unreadable(error: &ArrowError) -> Error {
    Error::schema(format!("the Arrow data cannot be read: {error}"))
}
