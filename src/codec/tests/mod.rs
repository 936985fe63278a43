//! What holds for all codecs together: every value comes back, and no payload does harm.

mod columns;
mod golden;
mod hostile;
mod round_trip;
mod texts;

use std::ops::Range;

use arrow_buffer::BooleanBufferBuilder;

use super::*;
use crate::base::{Column, Data};

/// Decoded rows, whatever their type, comparable by bits.
#[derive(Debug, Clone, PartialEq)]
enum Rows {
    /// Values of the type's width.
    Fixed(Vec<u8>),
    Bits(Vec<bool>),
    Bytes(Vec<Vec<u8>>),
}

impl Rows {
    fn len(&self, ty: DataType) -> usize {
        match self {
            Self::Fixed(bytes) => bytes.len() / ty.width().unwrap(),
            Self::Bits(bits) => bits.len(),
            Self::Bytes(texts) => texts.len(),
        }
    }

    fn slice(&self, ty: DataType, rows: Range<usize>) -> Self {
        match self {
            Self::Fixed(bytes) => {
                let width = ty.width().unwrap();
                Self::Fixed(bytes[rows.start * width..rows.end * width].to_vec())
            }
            Self::Bits(bits) => Self::Bits(bits[rows].to_vec()),
            Self::Bytes(texts) => Self::Bytes(texts[rows].to_vec()),
        }
    }

    fn of(ty: DataType, column: &Column) -> Self {
        let rows = 0..column.len(ty);
        match &column.data {
            Data::Fixed(buffer) => Self::Fixed(buffer.to_vec()),
            Data::Bool(bits) => Self::Bits(bits.iter().collect()),
            Data::Bytes { .. } => {
                Self::Bytes(rows.map(|row| column.bytes_at(row).to_vec()).collect())
            }
        }
    }

    /// The value of each row that is valid, in a form that shows both value and place.
    fn same_where_valid(&self, other: &Self, ty: DataType, column: &Column) -> bool {
        if column.null_count() == 0 {
            return self == other;
        }
        let rows = self.len(ty);
        rows == other.len(ty)
            && (0..rows)
                .filter(|&row| column.is_valid(row))
                .all(|row| self.slice(ty, row..row + 1) == other.slice(ty, row..row + 1))
    }
}

/// Decodes rows `range`, into buffers that hold something already where they can.
fn decode(
    codec: Codec,
    ty: DataType,
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
) -> Result<Rows, DecodeError> {
    if let Some(width) = ty.width() {
        let mut out = arrow_buffer::MutableBuffer::from_len_zeroed(range.len() * width);
        decode_fixed(codec, ty, payload, rows, range, out.as_slice_mut())?;
        return Ok(Rows::Fixed(out.as_slice().to_vec()));
    }
    if ty == DataType::Bool {
        let mut out = BooleanBufferBuilder::new(0);
        out.append_n(3, true);
        let result = decode_bits(codec, payload, rows, range, &mut out);
        let bits: Vec<bool> = out.finish().iter().skip(3).collect();
        assert!(result.is_ok() || bits.is_empty());
        return result.map(|()| Rows::Bits(bits));
    }
    let mut out = BytesBuilder { offsets: vec![0, 2], values: b"ab".to_vec() };
    let len = range.len();
    if let Err(error) = decode_bytes(codec, ty, payload, rows, range, &mut out) {
        assert_eq!((&out.offsets[..], &out.values[..]), (&[0, 2][..], &b"ab"[..]));
        return Err(error);
    }
    assert_eq!((out.offsets.len(), out.values.len()), (len + 2, out.offsets[len + 1] as usize));
    let spans = out.offsets[1..].windows(2);
    let texts: Vec<_> = spans.map(|o| out.values[o[0] as usize..o[1] as usize].to_vec()).collect();
    assert!(ty != DataType::Utf8 || texts.iter().all(|text| std::str::from_utf8(text).is_ok()));
    Ok(Rows::Bytes(texts))
}
