//! One decoder: rows out of the middle of a block are those of the whole block, and memory stays
//! within what was asked for.
//!
//! An input: the place of the type among those that the codec applies to, rows less one (u16,
//! big-endian like the next two), the first row, how many rows, 1 if the payload is padded to 8 bytes,
//! the payload.

use std::ops::Range;

use arbitrary::Unstructured;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, MutableBuffer};
use chronolite::DataType;
use chronolite::codec::{
    BytesBuilder, Codec, DecodeError, MAX_BLOCK_ROWS, decode_bits, decode_bytes, decode_fixed,
};

use super::memory::limited;

/// What a decoder is given.
pub struct Block<'a> {
    pub codec: Codec,
    pub ty: DataType,
    pub rows: usize,
    pub payload: &'a [u8],
}

/// Decoded rows, comparable by bits.
#[derive(Debug)]
pub enum Rows {
    /// Values of so many bytes.
    Fixed(usize, MutableBuffer),
    Bits(BooleanBuffer),
    Bytes(BytesBuilder),
}

pub fn decode(codec: Codec, data: &[u8]) {
    compare(codec, data, |block, range| block.decode(range));
}

/// The types of a codec, in their order.
pub fn types(codec: Codec) -> Vec<DataType> {
    DataType::ALL.into_iter().filter(|ty| codec.applies_to(*ty)).collect()
}

/// Decodes all rows and some of them by `decode`, and compares.
pub fn compare(
    codec: Codec,
    data: &[u8],
    decode: impl Fn(&Block<'_>, Range<usize>) -> Result<Rows, DecodeError>,
) {
    let mut u = Unstructured::new(data);
    let Ok((ty, rows, part, padded)) = head(codec, &mut u) else { return };
    let mut payload = u.take_rest().to_vec();
    if padded {
        payload.resize(payload.len().next_multiple_of(8), 0);
    }
    let block = Block { codec, ty, rows, payload: &payload };
    let whole = limited(data.len(), || decode(&block, 0..rows));
    let some = limited(data.len(), || decode(&block, part.clone()));
    if let Ok(whole) = whole {
        let some = some.unwrap_or_else(|error| panic!("rows {part:?} of {rows} {ty}: {error}"));
        assert_eq!(whole.len(), rows);
        assert!(some.is_part(&whole, part.clone()), "rows {part:?} of {rows} {ty} are others");
    }
}

fn head(
    codec: Codec,
    u: &mut Unstructured<'_>,
) -> arbitrary::Result<(DataType, usize, Range<usize>, bool)> {
    let ty = *u.choose(&types(codec))?;
    let rows = u.int_in_range(1..=MAX_BLOCK_ROWS)?;
    let start = u.int_in_range(0..=MAX_BLOCK_ROWS - 1)? % (rows + 1);
    let len = u.int_in_range(0..=MAX_BLOCK_ROWS - 1)? % (rows + 1 - start);
    Ok((ty, rows, start..start + len, u.arbitrary()?))
}

impl Block<'_> {
    /// Decodes rows `range`, behind what is there already where that can be.
    pub fn decode(&self, range: Range<usize>) -> Result<Rows, DecodeError> {
        let Self { codec, ty, rows, payload } = *self;
        if let Some(width) = ty.width() {
            let mut out = MutableBuffer::from_len_zeroed(range.len() * width);
            decode_fixed(codec, ty, payload, rows, range, out.as_slice_mut())?;
            return Ok(Rows::Fixed(width, out));
        }
        if ty == DataType::Bool {
            let mut out = BooleanBufferBuilder::new(0);
            out.append_n(3, true);
            let result = decode_bits(codec, payload, rows, range, &mut out);
            let bits = out.finish();
            assert!(bits.slice(0, 3).iter().all(|bit| bit));
            assert!(result.is_ok() || bits.len() == 3, "something is left after an error");
            return result.map(|()| Rows::Bits(bits.slice(3, bits.len() - 3)));
        }
        let mut out = BytesBuilder { offsets: vec![0, 2], values: b"ab".to_vec() };
        let result = decode_bytes(codec, ty, payload, rows, range, &mut out);
        assert!(out.values.starts_with(b"ab") && out.offsets.starts_with(&[0, 2]));
        let left = (out.offsets.len(), out.values.len());
        assert!(result.is_ok() || left == (2, 2), "something is left after an error");
        result?;
        assert!(out.offsets.is_sorted() && out.offsets.last() == Some(&(out.values.len() as i32)));
        assert!(ty != DataType::Utf8 || (1..left.0 - 1).all(|row| is_text(&out, row)));
        Ok(Rows::Bytes(out))
    }
}

fn text(out: &BytesBuilder, row: usize) -> &[u8] {
    &out.values[out.offsets[row] as usize..out.offsets[row + 1] as usize]
}

fn is_text(out: &BytesBuilder, row: usize) -> bool {
    std::str::from_utf8(text(out, row)).is_ok()
}

impl Rows {
    pub fn len(&self) -> usize {
        match self {
            Self::Fixed(width, values) => values.len() / width,
            Self::Bits(bits) => bits.len(),
            // The first is what was there before.
            Self::Bytes(texts) => texts.offsets.len() - 2,
        }
    }

    /// True if these are rows `range` of `whole`.
    pub fn is_part(&self, whole: &Self, range: Range<usize>) -> bool {
        match (self, whole) {
            (Self::Fixed(width, part), Self::Fixed(_, whole)) => {
                part.as_slice() == &whole.as_slice()[range.start * width..range.end * width]
            }
            (Self::Bits(part), Self::Bits(whole)) => *part == whole.slice(range.start, range.len()),
            (Self::Bytes(part), Self::Bytes(whole)) => {
                self.len() == range.len()
                    && (1..).zip(range).all(|(at, row)| text(part, at) == text(whole, row + 1))
            }
            _ => false,
        }
    }
}
