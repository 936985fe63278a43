//! Rows in, as plain arrays.

use std::ffi::{c_char, c_void};
use std::slice;
use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, BooleanArray, LargeBinaryArray, LargeStringArray, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use super::arguments::{items, optional_out, text};
use super::call::call;
use super::handles::chl_table;
use super::status::chl_status;
use super::table::found;
use super::table_spec::data_type;
use crate::arrow::foreign::Rows;
use crate::base::DataType;
use crate::error::{Error, Result};
use crate::store::pages::Pages;

/// A column of rows that are appended. This struct does not grow.
///
/// cbindgen:field-names=[name, type, values, offsets, validity]
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct chl_array {
    /// The name of the column.
    pub name: *const c_char,
    /// What the array holds, a `chl_type`: that of the column, or a type all of whose values the
    /// column's has, such as `i16` for `i64` or `f32` for `f64`; integers for floats if each is one
    /// that the float can be.
    pub type_: i32,
    /// A value for each row: of a bool a byte, of text and bytes nothing but what `offsets` delimits.
    pub values: *const c_void,
    /// Of text and bytes: one number more than rows, the bytes of row `i` are those from `offsets[i]` to
    /// `offsets[i + 1]` of `values`. Otherwise NULL.
    pub offsets: *const i64,
    /// A bit for each row, the lowest of each byte first, 1 for a value and 0 for null, as Arrow has
    /// it; NULL if all rows have a value. What stands under a null is not looked at, but offsets go on
    /// there too, and bytes of text are UTF-8 as a whole.
    pub validity: *const u8,
}

/// Appends `rows` rows, all of them or none: `times` has a time for each, and `arrays` an array for each
/// value column, by name and in any order. `*appended`, unless `appended` is NULL, is how many rows
/// that were. All is copied. That every array has `rows` values, and text and bytes as many as their
/// offsets say, is the caller's promise.
///
/// Errors: as for `chl_append_row`.
///
/// # Safety
/// As for all functions here: see the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chl_append_columns(
    table: chl_table,
    rows: usize,
    times: *const i64,
    arrays: *const chl_array,
    count: usize,
    appended: *mut u64,
) -> chl_status {
    call(|| {
        let table = found(table)?;
        // SAFETY: as the caller says.
        let (times, given, appended) = unsafe {
            (
                fixed::<Int64Type>("times", times.cast(), rows, None)?,
                items("arrays", arrays, count)?,
                optional_out("appended", appended)?,
            )
        };
        let mut names = vec![table.table.spec().time_column.clone()];
        let mut chunk = vec![times];
        for array in given {
            // SAFETY: as the caller says.
            let (name, array) = unsafe { array.read(rows)? };
            names.push(name);
            chunk.push(array);
        }
        let chunks = if rows == 0 { vec![] } else { vec![chunk] };
        let done = table.table.append_chunks(&Rows { names, chunks })?;
        appended.set(done);
        Ok(())
    })
}

impl chl_array {
    /// Its name and values.
    ///
    /// # Safety
    /// What its pointers lead to is as long as it says for `rows` rows.
    unsafe fn read(&self, rows: usize) -> Result<(String, ArrayRef)> {
        // SAFETY: as the caller says.
        let name = unsafe { text("the name of an array", self.name)? };
        let ty = data_type(&format!("the type of array {name:?}"), self.type_)?;
        let what = format!("array {name:?}");
        if self.offsets.is_null() == ty.is_bytes() && rows > 0 {
            let has = if ty.is_bytes() { "needs" } else { "has no" };
            return Err(Error::invalid(format!("{what} {has} offsets: it is {ty}")));
        }
        let at = self.values;
        // SAFETY: as the caller says.
        let array: ArrayRef = unsafe {
            let nulls = nulls(&what, self.validity, rows)?;
            match ty {
                DataType::I8 => fixed::<Int8Type>(&what, at, rows, nulls)?,
                DataType::I16 => fixed::<Int16Type>(&what, at, rows, nulls)?,
                DataType::I32 => fixed::<Int32Type>(&what, at, rows, nulls)?,
                DataType::I64 => fixed::<Int64Type>(&what, at, rows, nulls)?,
                DataType::U8 => fixed::<UInt8Type>(&what, at, rows, nulls)?,
                DataType::U16 => fixed::<UInt16Type>(&what, at, rows, nulls)?,
                DataType::U32 => fixed::<UInt32Type>(&what, at, rows, nulls)?,
                DataType::U64 => fixed::<UInt64Type>(&what, at, rows, nulls)?,
                DataType::F32 => fixed::<Float32Type>(&what, at, rows, nulls)?,
                DataType::F64 => fixed::<Float64Type>(&what, at, rows, nulls)?,
                DataType::Bool => {
                    let bytes = items(&what, at.cast::<u8>(), rows)?;
                    let bits = BooleanBuffer::collect_bool(rows, |row| bytes[row] != 0);
                    Arc::new(BooleanArray::new(bits, nulls))
                }
                DataType::Utf8 | DataType::Binary => {
                    bytes(&what, ty, at.cast(), self.offsets, rows, nulls)?
                }
            }
        };
        Ok((name.to_owned(), array))
    }
}

/// # Safety
/// `validity` is NULL or has a bit for each row.
unsafe fn nulls(what: &str, validity: *const u8, rows: usize) -> Result<Option<NullBuffer>> {
    if validity.is_null() || rows == 0 {
        return Ok(None);
    }
    // SAFETY: as the caller says.
    let bits = unsafe { items(&format!("the validity of {what}"), validity, rows.div_ceil(8))? };
    Ok(Some(NullBuffer::new(BooleanBuffer::new(Buffer::from(bits), 0, rows))))
}

/// # Safety
/// `values` is NULL or leads to a value for each row.
unsafe fn fixed<T: ArrowPrimitiveType>(
    what: &str,
    values: *const c_void,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    // SAFETY: as the caller says; any bytes are a number.
    let values = unsafe { items(what, values.cast::<T::Native>(), rows)? };
    // SAFETY: these are the bytes of the same numbers.
    let bytes = unsafe { slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) };
    let values = ScalarBuffer::<T::Native>::from(Pages::copy(bytes));
    Ok(Arc::new(PrimitiveArray::<T>::new(values, nulls)))
}

/// # Safety
/// `offsets` has one number more than rows, and `values` as many bytes as the last of them.
unsafe fn bytes(
    what: &str,
    ty: DataType,
    values: *const u8,
    offsets: *const i64,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    if rows == 0 {
        return Ok(Arc::new(LargeBinaryArray::new_null(0)));
    }
    // SAFETY: as the caller says.
    let offsets = unsafe { items(&format!("the offsets of {what}"), offsets, rows + 1)? };
    let last = offsets.last().map_or(Ok(0), |last| usize::try_from(*last));
    let (Ok(last), true) = (last, offsets[0] >= 0 && offsets.is_sorted()) else {
        return Err(Error::invalid(format!("the offsets of {what} go below 0 or backwards")));
    };
    // SAFETY: as the caller says.
    let values = Buffer::from(unsafe { items(what, values, last)? });
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets.to_vec()));
    if ty == DataType::Binary {
        return Ok(Arc::new(LargeBinaryArray::new(offsets, values, nulls)));
    }
    let text = LargeStringArray::try_new(offsets, values, nulls);
    Ok(Arc::new(text.map_err(|error| Error::schema(format!("{what}: {error}")))?))
}
