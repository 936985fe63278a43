//! Keys as bytes that sort like the keys (SPEC 6.3).
//!
//! The columns of a key follow each other, each as a byte 0 for null, or a byte 1 and the value:
//! a bool as one byte; an integer big-endian in its own width, a signed one with its sign bit
//! flipped; text and bytes with every 0 written as `00 FF` and `00 00` at the end. So a prefix of
//! columns is a prefix of bytes, and comparing bytes compares keys, null first.

use std::cmp::Ordering;

use crate::base::batch::{Column, Data};
use crate::base::schema::{DataType, TableSpec};

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

fn encode_value(column: &Column, ty: DataType, row: usize, out: &mut Vec<u8>) {
    if !column.is_valid(row) {
        return out.push(0);
    }
    out.push(1);
    match &column.data {
        Data::Bool(bits) => out.push(u8::from(bits.value(row))),
        Data::Bytes { .. } => {
            for &byte in column.bytes_at(row) {
                out.push(byte);
                if byte == 0 {
                    out.push(0xFF);
                }
            }
            out.extend_from_slice(&[0, 0]);
        }
        Data::Fixed(buffer) => {
            let width = ty.width().unwrap_or(1);
            let start = out.len();
            out.extend(buffer[row * width..(row + 1) * width].iter().rev());
            if ty.is_signed_int() {
                out[start] ^= 0x80;
            }
        }
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
                    }
                }
            }
        }
    }
}
