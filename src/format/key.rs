//! Keys as bytes that sort like the keys (SPEC 6.3).
//!
//! The columns of a key follow each other, each as a byte 0 for null, or a byte 1 and the value:
//! a bool as one byte; an integer big-endian in its own width, a signed one with its sign bit
//! flipped; text and bytes with every 0 written as `00 FF` and `00 00` at the end. So a prefix of
//! columns is a prefix of bytes, and comparing bytes compares keys, null first.

use std::cmp::Ordering;

use arrow_buffer::{BooleanBuffer, Buffer};

use crate::base::batch::{Column, Data};
use crate::base::bytes::{Malformed, Reader};
use crate::base::schema::{DataType, TableSpec};
use crate::base::value::Value;

/// Longest encoded key that a segment's entry keeps; a range with a longer one is not kept.
pub const MAX_KEPT_KEY: usize = 256;

/// The key columns of a table: positions among its columns, and their types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyColumns(Vec<(usize, DataType)>);

impl KeyColumns {
    /// Those of a table.
    pub fn of(spec: &TableSpec) -> Self {
        let typed = spec.key.iter().filter_map(|&p| spec.columns.get(p).map(|c| (p, c.ty)));
        Self(typed.collect())
    }

    /// Columns at these positions, of these types, as a key.
    pub fn new(columns: Vec<(usize, DataType)>) -> Self {
        Self(columns)
    }

    /// True for a table without a key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same key, for rows that have only the columns at `positions`, in that order.
    #[must_use]
    pub fn among(&self, positions: &[usize]) -> Self {
        let place = |position| positions.iter().position(|p| *p == position);
        Self(self.0.iter().filter_map(|&(position, ty)| Some((place(position)?, ty))).collect())
    }

    /// Positions of the key's columns among the table's.
    pub fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|(position, _)| *position)
    }

    /// Appends the key of `row`. `columns` are all value columns of the table.
    pub fn encode(&self, columns: &[Column], row: usize, out: &mut Vec<u8>) {
        for &(position, ty) in &self.0 {
            encode_value(&columns[position], ty, row, out);
        }
    }

    /// Appends the key of these values, one for each of its columns and fitting it.
    pub fn encode_values(&self, values: &[Value<'_>], out: &mut Vec<u8>) {
        for (&(_, ty), value) in self.0.iter().zip(values) {
            out.push(u8::from(*value != Value::Null));
            match value {
                Value::Null => {}
                Value::Bool(bit) => out.push(u8::from(*bit)),
                Value::Int(int) => put_integer(&int.to_le_bytes(), ty, out),
                Value::UInt(int) => put_integer(&int.to_le_bytes(), ty, out),
                Value::Str(text) => put_text(text.as_bytes(), out),
                Value::Bytes(bytes) => put_text(bytes, out),
                // A schema with a float in its key is refused.
                Value::Float(_) => {}
            }
        }
    }

    /// Compares the keys of two rows as their encodings compare, without making them.
    pub fn compare(&self, a: &[Column], row_a: usize, b: &[Column], row_b: usize) -> Ordering {
        for &(position, ty) in &self.0 {
            let order = compare_value(&a[position], row_a, &b[position], row_b, ty);
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }
}

/// One key, to compare those of rows with.
#[derive(Debug, Clone)]
pub struct KeyValue {
    bytes: Vec<u8>,
    /// A column of one row for each of the key's columns.
    columns: Vec<Column>,
}

impl KeyValue {
    /// The key as bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A column of one row for each of the key's columns.
    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }
}

impl KeyColumns {
    /// The key whose bytes these are.
    pub fn decode(&self, bytes: &[u8]) -> Result<KeyValue, Malformed> {
        let mut r = Reader::new(bytes);
        let columns = self.0.iter().map(|&(_, ty)| decode_value(&mut r, ty));
        let columns = columns.collect::<Result<_, _>>()?;
        r.finish("key")?;
        Ok(KeyValue { bytes: bytes.to_vec(), columns })
    }

    /// Compares the key of a row with `key`.
    pub fn compare_with(&self, columns: &[Column], row: usize, key: &KeyValue) -> Ordering {
        for (&(position, ty), value) in self.0.iter().zip(&key.columns) {
            let order = compare_value(&columns[position], row, value, 0, ty);
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }
}

fn decode_value(r: &mut Reader<'_>, ty: DataType) -> Result<Column, Malformed> {
    match r.u8("key")? {
        0 => return Ok(Column::nulls(ty, 1)),
        1 => {}
        _ => return Err(r.malformed("key")),
    }
    if ty == DataType::Bool {
        let bit = match r.u8("key")? {
            0 => false,
            1 => true,
            _ => return Err(r.malformed("key")),
        };
        let data = Data::Bool(BooleanBuffer::collect_bool(1, |_| bit));
        return Ok(Column { data, validity: None });
    }
    let Some(width) = ty.width() else { return decode_text(r, ty) };
    let mut value: Vec<u8> = r.take(width, "key")?.to_vec();
    if ty.is_signed_int() {
        value[0] ^= 0x80;
    }
    value.reverse();
    // Aligned as the type wants it.
    let mut wide = [0; 8];
    wide[..width].copy_from_slice(&value);
    let data = Buffer::from_vec(vec![u64::from_le_bytes(wide)]).slice_with_length(0, width);
    Ok(Column { data: Data::Fixed(data), validity: None })
}

/// Only what [`put_text`] writes: a key has one form in bytes, by which it is compared.
fn decode_text(r: &mut Reader<'_>, ty: DataType) -> Result<Column, Malformed> {
    let mut text = Vec::new();
    loop {
        match r.u8("key")? {
            0 => match r.u8("key")? {
                0 => break,
                0xFF => text.push(0),
                _ => return Err(r.malformed("key")),
            },
            byte => text.push(byte),
        }
    }
    if ty == DataType::Utf8 && std::str::from_utf8(&text).is_err() {
        return Err(r.malformed("key"));
    }
    Ok(Column::from_texts([text]))
}

fn encode_value(column: &Column, ty: DataType, row: usize, out: &mut Vec<u8>) {
    if !column.is_valid(row) {
        return out.push(0);
    }
    out.push(1);
    match &column.data {
        Data::Bool(bits) => out.push(u8::from(bits.value(row))),
        Data::Bytes { .. } => put_text(column.bytes_at(row), out),
        Data::Fixed(buffer) => {
            let width = ty.width().unwrap_or(1);
            put_integer(&buffer[row * width..(row + 1) * width], ty, out);
        }
    }
}

fn put_text(text: &[u8], out: &mut Vec<u8>) {
    for (number, part) in text.split(|byte| *byte == 0).enumerate() {
        if number > 0 {
            out.extend_from_slice(&[0, 0xFF]);
        }
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&[0, 0]);
}

/// An integer of the type's width, given in at least so many little-endian bytes.
fn put_integer(bytes: &[u8], ty: DataType, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend(bytes[..ty.width().unwrap_or(1)].iter().rev());
    if ty.is_signed_int() {
        out[start] ^= 0x80;
    }
}

fn compare_value(a: &Column, row_a: usize, b: &Column, row_b: usize, ty: DataType) -> Ordering {
    match (a.is_valid(row_a), b.is_valid(row_b)) {
        (true, true) => {}
        (valid_a, valid_b) => return valid_a.cmp(&valid_b),
    }
    macro_rules! cmp {
        ($t:ty) => {
            a.values::<$t>()[row_a].cmp(&b.values::<$t>()[row_b])
        };
    }
    match ty {
        DataType::I8 => cmp!(i8),
        DataType::I16 => cmp!(i16),
        DataType::I32 => cmp!(i32),
        DataType::I64 => cmp!(i64),
        DataType::U8 => cmp!(u8),
        DataType::U16 => cmp!(u16),
        DataType::U32 => cmp!(u32),
        DataType::U64 => cmp!(u64),
        DataType::Utf8 | DataType::Binary => a.bytes_at(row_a).cmp(b.bytes_at(row_b)),
        DataType::Bool => match (&a.data, &b.data) {
            (Data::Bool(x), Data::Bool(y)) => x.value(row_a).cmp(&y.value(row_b)),
            _ => Ordering::Equal,
        },
        // A schema with a float in its key is refused.
        DataType::F32 | DataType::F64 => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_buffer::NullBuffer;
    use proptest::prelude::*;

    #[test]
    fn a_key_has_one_form() {
        let decode = |ty, bytes: &[u8]| KeyColumns::new(vec![(0, ty)]).decode(bytes);
        assert!(decode(DataType::Utf8, b"\x01a\x00\xFFb\x00\x00").is_ok());
        assert!(decode(DataType::Utf8, b"\x01a\x00\x07b\x00\x00").is_err());
        assert!(decode(DataType::Utf8, b"\x01\xC3\x00\x00").is_err(), "not UTF-8");
        assert!(decode(DataType::Binary, b"\x01\xC3\x00\x00").is_ok());
        assert!(decode(DataType::Bool, &[1, 1]).is_ok());
        assert!(decode(DataType::Bool, &[1, 2]).is_err());
    }

    proptest! {
        #[test]
        fn bytes_sort_like_keys(
            numbers in prop::collection::vec(any::<Option<i16>>(), 2..20),
            texts in prop::collection::vec("[\0a\u{1}]{0,3}", 20),
        ) {
            let n = numbers.len();
            let valid: Vec<bool> = numbers.iter().map(Option::is_some).collect();
            let values = numbers.iter().map(|v| v.unwrap_or(7)).collect();
            let columns = vec![
                Column::from_vec::<i16>(values).with_validity(Some(NullBuffer::from(valid))),
                Column::from_texts(&texts[..n]),
            ];
            for key in [&["n", "s"][..], &["s", "n"]] {
                let spec = TableSpec::new([("n", DataType::I16), ("s", DataType::Utf8)]);
                let key = KeyColumns::of(&spec.key(key).unwrap());
                for a in 0..n {
                    for b in 0..n {
                        let (mut x, mut y) = (vec![], vec![]);
                        key.encode(&columns, a, &mut x);
                        key.encode(&columns, b, &mut y);
                        prop_assert_eq!(x.cmp(&y), key.compare(&columns, a, &columns, b));
                        let value = key.decode(&x).unwrap();
                        prop_assert_eq!(y.cmp(&x), key.compare_with(&columns, b, &value));
                        prop_assert!(key.decode(&x[..x.len() - 1]).is_err());
                    }
                }
            }
        }
    }
}
