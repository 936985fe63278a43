//! Dictionaries, unfolded: the kernel chooses its own encodings.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer};

use super::Place;
use super::bytes::{bytes, narrow};
use crate::base::{Column, Data, DataType};
use crate::error::Result;

/// The values that the keys point at, as a column of type `to`.
pub(super) fn column(array: &ArrayRef, to: DataType, place: &Place<'_>) -> Result<Column> {
    let dictionary = array.as_any_dictionary();
    // An error in the dictionary is about an entry, not a row: do not name a wrong row.
    let values = super::column(dictionary.values(), to, &Place { first_row: 0, ..*place })?;
    if dictionary.values().is_empty() {
        return Ok(Column::nulls(to, array.len()));
    }
    let keys = dictionary.normalized_keys();
    let keys_valid = dictionary.keys().nulls();
    let valid = |row: usize| {
        keys_valid.is_none_or(|nulls| nulls.is_valid(row)) && values.is_valid(keys[row])
    };
    let validity = NullBuffer::new(BooleanBuffer::collect_bool(keys.len(), valid));
    Ok(Column { data: take(&values, to, &keys), validity: None }.with_validity(Some(validity)))
}

/// How many bytes of text the unfolded column holds.
pub(super) fn text_size(array: &ArrayRef) -> u64 {
    let dictionary = array.as_any_dictionary();
    let values = dictionary.values();
    if values.is_empty() || super::bytes::text_size(values) == 0 {
        return 0;
    }
    let sizes: Vec<u64> =
        (0..values.len()).map(|i| super::bytes::text_size(&values.slice(i, 1))).collect();
    dictionary.normalized_keys().into_iter().map(|key| sizes[key]).sum()
}

fn take(values: &Column, to: DataType, keys: &[usize]) -> Data {
    match &values.data {
        Data::Bool(bits) => {
            Data::Bool(BooleanBuffer::collect_bool(keys.len(), |row| bits.value(keys[row])))
        }
        Data::Fixed(buffer) => {
            let width = to.width().unwrap_or(1);
            let mut out = MutableBuffer::with_capacity(keys.len() * width);
            for key in keys {
                out.extend_from_slice(&buffer[key * width..(key + 1) * width]);
            }
            Data::Fixed(out.into())
        }
        Data::Bytes { .. } => {
            let (mut offsets, mut out) = (Vec::with_capacity(keys.len() + 1), Vec::new());
            offsets.push(0);
            for &key in keys {
                out.extend_from_slice(values.bytes_at(key));
                offsets.push(narrow(out.len() as i64));
            }
            bytes(offsets, Buffer::from_vec(out)).data
        }
    }
}
