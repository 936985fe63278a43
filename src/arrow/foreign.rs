//! Arrays that somebody else made, handed over through Arrow's C data interface, and ours for others.
//!
//! The structs of the interface are pointers and counts that nobody checked. What can be seen from
//! them alone (counts below zero, pointers that are null, columns that are missing) is an error here;
//! what the pointers lead to is the promise of whoever made them.

// Memory that others own is read through the pointers that they hand over.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::ptr::from_ref;
use std::slice;
use std::str;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, ArrayRef, NullArray, RecordBatch, StructArray, make_array};
use arrow_data::layout;
use arrow_schema::{ArrowError, DataType as ArrowType, Fields, Schema};

use crate::error::{Error, Result};

/// Levels of columns within columns, which are read by calls within calls.
const MOST_DEPTH: usize = 64;
/// More columns than any table has.
const MOST_CHILDREN: usize = 1 << 20;

/// Rows by column.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The names of the columns.
    pub names: Vec<String>,
    /// In each chunk the arrays have one length and stand in the order of `names`.
    pub chunks: Vec<Vec<ArrayRef>>,
}

impl Rows {
    /// Rows that are an array of structs each.
    ///
    /// # Errors
    /// `Schema` if they are not, or if a row is null as a whole.
    pub fn of(ty: &ArrowType, arrays: &[ArrayRef]) -> Result<Self> {
        let ArrowType::Struct(fields) = ty else { return Err(no_columns(ty)) };
        let names = fields.iter().map(|field| field.name().clone()).collect();
        let chunks = arrays.iter().map(columns).collect::<Result<_>>()?;
        Ok(Self { names, chunks })
    }
}

#[cold]
fn no_columns(ty: &ArrowType) -> Error {
    Error::schema(format!("the data has no columns: it is an array of {ty}"))
}

/// The columns of a struct array.
fn columns(array: &ArrayRef) -> Result<Vec<ArrayRef>> {
    let Some(rows) = array.as_struct_opt() else { return Err(no_columns(array.data_type())) };
    // What stands under a null row is not to be looked at.
    match (0..rows.len()).find(|&row| rows.is_null(row)) {
        Some(row) => Err(Error::schema(format!("row {row} is null as a whole"))),
        None => Ok(rows.columns().to_vec()),
    }
}

/// The type in a schema. One that is not known is told with the column it belongs to.
///
/// # Errors
/// `InvalidInput` if it was released, `Schema` if there is no such type.
pub fn type_of(schema: &FFI_ArrowSchema) -> Result<ArrowType> {
    if schema.release.is_none() {
        return Err(Error::invalid("the Arrow schema was taken already; export it again"));
    }
    // SAFETY: a schema that was not released has texts, and as many children as it says.
    unsafe { check_schema(schema, 0)? };
    ArrowType::try_from(schema).map_err(|error| {
        let bad = schema.children().find(|child| ArrowType::try_from(*child).is_err());
        match bad.and_then(FFI_ArrowSchema::name) {
            Some(name) => Error::schema(format!("column {name:?} cannot be read: {error}")),
            None => unreadable(&error),
        }
    })
}

/// The array of type `ty` that was handed over.
///
/// # Errors
/// `InvalidInput` if it was released, `Schema` if it is no array of that type.
///
/// # Safety
/// It is of type `ty`, and its buffers are as long as that type and its counts make them.
pub unsafe fn array(array: FFI_ArrowArray, ty: &ArrowType) -> Result<ArrayRef> {
    if array.is_released() {
        return Err(Error::invalid("the Arrow array was taken already; export it again"));
    }
    let lies = as_it_lies(&array, ty)?;
    // SAFETY: an array that was not released has as many buffers and children as it says.
    unsafe { check(&array, &lies)? };
    let changed = lies != *ty;
    // SAFETY: the caller promises that it is of type `ty`, and as it lies in memory it is of type
    // `lies`.
    let data = unsafe { from_ffi_and_data_type(array, lies) };
    let read = make_array(data.map_err(|error| unreadable(&error))?);
    if changed { as_declared(&read, ty) } else { Ok(read) }
}

/// A schema as the interface's document has it, to see what the library's own hides.
#[repr(C)]
struct RawSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *const *const FFI_ArrowSchema,
    dictionary: *const FFI_ArrowSchema,
}

/// Refuses what no schema can be, in it or in its children.
///
/// # Safety
/// Its texts end with a zero byte where they are not null, and `children` is as long as its count says.
unsafe fn check_schema(schema: &FFI_ArrowSchema, depth: usize) -> Result<()> {
    if depth > MOST_DEPTH {
        return Err(Error::schema(format!("an Arrow schema of more than {MOST_DEPTH} levels")));
    }
    // SAFETY: both are laid out as the interface says, this one without the last two fields.
    let raw = unsafe { &*from_ref(schema).cast::<RawSchema>() };
    for (text, what) in [(raw.format, "type"), (raw.name, "name")] {
        // SAFETY: the caller says that it ends with a zero byte.
        let broken = !text.is_null() && unsafe { CStr::from_ptr(text) }.to_str().is_err();
        if broken || (text.is_null() && what == "type") {
            return Err(Error::schema(format!("the {what} of a column is not UTF-8 or missing")));
        }
    }
    let children = usize::try_from(raw.n_children).unwrap_or(usize::MAX);
    if children > MOST_CHILDREN || (children > 0 && raw.children.is_null()) {
        return Err(Error::schema(format!("an Arrow schema of {} columns", raw.n_children)));
    }
    // SAFETY: it was seen to be text above.
    let format = unsafe { CStr::from_ptr(raw.format) }.to_str().unwrap_or_default();
    check_format(format, children)?;
    // SAFETY: the caller says that it is metadata, if it is not null.
    unsafe { check_metadata(raw.metadata)? };
    let dictionary = (!raw.dictionary.is_null()).then_some(raw.dictionary);
    // SAFETY: there are so many, as the caller promises.
    let children = (0..children).map(|at| unsafe { raw.children.add(at).read_unaligned() });
    for child in children.chain(dictionary) {
        // SAFETY: a child that is not null is a schema, and lives as long as its parent.
        let there = unsafe { child.as_ref() };
        let there = there.ok_or_else(|| Error::schema("a column of an Arrow schema is missing"))?;
        // SAFETY: as for the parent.
        unsafe { check_schema(there, depth + 1)? };
    }
    Ok(())
}

/// Refuses a type that says of itself what cannot be.
fn check_format(format: &str, children: usize) -> Result<()> {
    let needs = match format {
        "+l" | "+L" | "+vl" | "+vL" | "+m" => Some(1),
        "+r" => Some(2),
        _ if format.starts_with("+w:") => Some(1),
        _ => None,
    };
    if needs.is_some_and(|needs| needs != children) {
        return Err(Error::schema(format!("an Arrow type {format:?} of {children} columns")));
    }
    let width = format.strip_prefix("+w:").or_else(|| format.strip_prefix("w:"));
    if width.is_some_and(|width| width.parse::<i32>().is_ok_and(|width| width < 0)) {
        return Err(Error::schema(format!("an Arrow type of {format:?} values")));
    }
    Ok(())
}

/// Refuses metadata of more or longer texts than anybody writes: a count that is none would be taken for
/// so much memory.
///
/// # Safety
/// It is null, or a count of pairs of texts, each with its length before it.
unsafe fn check_metadata(metadata: *const c_char) -> Result<()> {
    const MOST_PAIRS: i32 = 1 << 16;
    const MOST_BYTES: i32 = 1 << 26;
    if metadata.is_null() {
        return Ok(());
    }
    let broken = || Error::schema("the metadata of an Arrow column is damaged");
    // SAFETY: it begins with a count.
    let pairs = unsafe { metadata.cast::<i32>().read_unaligned() };
    if !(0..=MOST_PAIRS).contains(&pairs) {
        return Err(broken());
    }
    let mut at = 4;
    for _ in 0..2 * pairs {
        // SAFETY: another text stands there, after its length.
        let len = unsafe { metadata.add(at).cast::<i32>().read_unaligned() };
        if !(0..=MOST_BYTES).contains(&len) {
            return Err(broken());
        }
        // SAFETY: the text is so long.
        let text =
            unsafe { slice::from_raw_parts(metadata.add(at + 4).cast::<u8>(), len as usize) };
        if str::from_utf8(text).is_err() {
            return Err(broken());
        }
        at += 4 + len as usize;
    }
    Ok(())
}

/// An array as the interface's document has it, to see what the library's own hides.
#[repr(C)]
struct Raw {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *const *const c_void,
    children: *const *const FFI_ArrowArray,
    dictionary: *const FFI_ArrowArray,
}

/// Refuses what no array of this type can be, in it or in its children.
///
/// # Safety
/// `buffers` and `children`, where they are not null, are as long as their counts say.
unsafe fn check(array: &FFI_ArrowArray, ty: &ArrowType) -> Result<()> {
    // SAFETY: both are laid out as the interface says, this one without the last two fields.
    let raw = unsafe { &*from_ref(array).cast::<Raw>() };
    let end = raw.length.checked_add(raw.offset);
    if raw.length < 0 || raw.offset < 0 || end.is_none_or(|end| end > 1 << 56) {
        let (length, offset) = (raw.length, raw.offset);
        return Err(broken(format!("{length} values after {offset} others")));
    }
    let wants = layout(ty);
    let (known, extra) = (wants.buffers.len() + usize::from(wants.can_contain_null_mask), 2);
    let buffers = usize::try_from(raw.n_buffers).unwrap_or(usize::MAX);
    // Views have buffers as they need them, and then one of the lengths of these.
    let fits =
        if wants.variadic { buffers >= extra && buffers < 1 << 31 } else { buffers == known };
    if !fits || (buffers > 0 && raw.buffers.is_null()) {
        return Err(broken(format!("{} buffers of an array of {ty}", raw.n_buffers)));
    }
    for at in usize::from(wants.can_contain_null_mask)..buffers {
        // SAFETY: there are so many, as the caller promises.
        let buffer = unsafe { raw.buffers.add(at).read_unaligned() };
        // Bytes may be none though there are values, the other buffers may not.
        let needed =
            end > Some(0) && (at == 1 || wants.variadic && buffers > 3 && at + 1 == buffers);
        if buffer.is_null() && needed {
            return Err(broken(format!("buffer {at} of an array of {ty} is missing")));
        }
    }
    // SAFETY: the buffers that are needed are there, and as long as the counts make them.
    if unsafe { lengths(raw, ty, buffers) }.into_iter().any(|len| len < 0) {
        return Err(broken(format!("an offset or length of an array of {ty} is below 0")));
    }
    let children = children_of(ty);
    let has = usize::try_from(raw.n_children).unwrap_or(usize::MAX);
    if has != children.len() || (has > 0 && raw.children.is_null()) {
        let n = raw.n_children;
        return Err(broken(format!("{n} children of an array of {ty}")));
    }
    for (at, child) in children.into_iter().enumerate() {
        // SAFETY: there are so many, as the caller promises.
        let pointer = unsafe { raw.children.add(at).read_unaligned() };
        // SAFETY: a child that is not null is an array, and lives as long as its parent.
        let there = unsafe { pointer.as_ref() };
        let there =
            there.ok_or_else(|| broken(format!("child {at} of an array of {ty} is null")))?;
        // SAFETY: as for the parent.
        unsafe { check(there, child)? };
        let needs = match ty {
            ArrowType::Struct(_) => end,
            ArrowType::FixedSizeList(_, size) => {
                end.and_then(|end| end.checked_mul((*size).into()))
            }
            _ => Some(0),
        };
        let (has, Some(0..)) = (there.len() as i64, needs) else {
            return Err(broken(format!("a list of {ty}")));
        };
        if needs.is_some_and(|needs| has < needs) {
            return Err(broken(format!("child {at} of an array of {ty} has {has} values")));
        }
    }
    // SAFETY: a dictionary that is not null is an array, and lives as long as its parent.
    match (ty, unsafe { raw.dictionary.as_ref() }) {
        // SAFETY: as for the parent.
        (ArrowType::Dictionary(_, values), Some(there)) => unsafe { check(there, values) },
        (ArrowType::Dictionary(..), None) => Err(broken("a dictionary is missing".into())),
        (_, Some(_)) => Err(broken(format!("an array of {ty} has a dictionary"))),
        (_, None) => Ok(()),
    }
}

/// The numbers in the buffers of an array that say how long others are.
///
/// # Safety
/// Its buffers are as many as `buffers` and as long as its counts make them, those of offsets and
/// lengths not null if it has values.
unsafe fn lengths(raw: &Raw, ty: &ArrowType, buffers: usize) -> Vec<i64> {
    let last = (raw.length + raw.offset) as usize;
    if raw.length == 0 {
        return vec![];
    }
    // SAFETY: as the caller says; offsets are one more than values.
    unsafe {
        match ty {
            ArrowType::Utf8 | ArrowType::Binary | ArrowType::List(_) | ArrowType::Map(..) => {
                let offsets = (*raw.buffers.add(1)).cast::<i32>();
                vec![offsets.add(last).read_unaligned().into()]
            }
            ArrowType::LargeUtf8 | ArrowType::LargeBinary | ArrowType::LargeList(_) => {
                vec![(*raw.buffers.add(1)).cast::<i64>().add(last).read_unaligned()]
            }
            ArrowType::Utf8View | ArrowType::BinaryView if buffers > 3 => {
                let lengths = (*raw.buffers.add(buffers - 1)).cast::<i64>();
                (0..buffers - 3).map(|at| lengths.add(at).read_unaligned()).collect()
            }
            _ => vec![],
        }
    }
}

/// The types of the children that an array of this type has.
fn children_of(ty: &ArrowType) -> Vec<&ArrowType> {
    match ty {
        ArrowType::List(field)
        | ArrowType::FixedSizeList(field, _)
        | ArrowType::LargeList(field)
        | ArrowType::ListView(field)
        | ArrowType::LargeListView(field)
        | ArrowType::Map(field, _) => vec![field.data_type()],
        ArrowType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        ArrowType::Union(fields, _) => fields.iter().map(|(_, field)| field.data_type()).collect(),
        ArrowType::RunEndEncoded(ends, values) => vec![ends.data_type(), values.data_type()],
        _ => vec![],
    }
}

/// An array of nulls has no buffers, but polars gives it a validity as all others have one. That
/// is how a struct without fields lies in memory.
fn as_it_lies(array: &FFI_ArrowArray, ty: &ArrowType) -> Result<ArrowType> {
    Ok(match ty {
        ArrowType::Null if array.num_buffers() > 0 => ArrowType::Struct(Fields::empty()),
        ArrowType::Struct(fields) => {
            // SAFETY: as in `check`.
            let raw = unsafe { &*from_ref(array).cast::<Raw>() };
            let has = usize::try_from(raw.n_children).unwrap_or(usize::MAX);
            if has != fields.len() || (has > 0 && raw.children.is_null()) {
                return Err(Error::schema("the Arrow array has other columns than its schema"));
            }
            let children = fields.iter().enumerate().map(|(at, field)| {
                // SAFETY: an array that was not released has as many children as it says, and each
                // that is not null is an array.
                let child = unsafe { raw.children.add(at).read_unaligned().as_ref() };
                let child = child.ok_or_else(|| broken(format!("column {at} is null")))?;
                let ty = as_it_lies(child, field.data_type())?;
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

/// The type and all arrays of a stream that was handed over.
///
/// # Errors
/// As for [`array`](fn@array), and what its producer fails with.
///
/// # Safety
/// It is a valid stream, and its arrays are of its schema.
pub unsafe fn drain(mut stream: FFI_ArrowArrayStream) -> Result<(ArrowType, Vec<ArrayRef>)> {
    if stream.release.is_none() {
        return Err(Error::invalid("the Arrow stream was read already"));
    }
    let (Some(get_schema), Some(get_next)) = (stream.get_schema, stream.get_next) else {
        return Err(broken("a stream that cannot be asked for anything".into()));
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
        let mut next = FFI_ArrowArray::empty();
        // SAFETY: as above.
        if unsafe { get_next(&mut stream, &mut next) } != 0 {
            return Err(last_error(&mut stream));
        }
        if next.is_released() {
            return Ok((ty, arrays));
        }
        // SAFETY: the caller promises that it is of that type.
        arrays.push(unsafe { array(next, &ty)? });
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

#[cold]
fn broken(what: String) -> Error {
    Error::schema(format!("the Arrow array is not whole: {what}"))
}

/// A schema, to be handed over.
///
/// # Errors
/// `Schema` if a name in it cannot be a text of C.
pub fn schema_out(schema: &Schema) -> Result<FFI_ArrowSchema> {
    FFI_ArrowSchema::try_from(schema).map_err(|error| unreadable(&error))
}

/// Rows, to be handed over as an array of structs.
pub fn rows_out(rows: RecordBatch) -> FFI_ArrowArray {
    FFI_ArrowArray::new(&StructArray::from(rows).to_data())
}

/// What the library says of the data.
#[cold]
pub fn unreadable(error: &ArrowError) -> Error {
    Error::schema(format!("the Arrow data cannot be read: {error}"))
}
