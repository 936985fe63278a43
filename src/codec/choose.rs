//! Which codec encodes a block: the smallest of those allowed, of equals the one that decodes
//! faster. Sizes are known before anything is written, but for Gorilla's, which is estimated from a
//! sample first.

use arrow_buffer::BooleanBuffer;

use super::decimal::Decimal;
use super::words::Word;
use super::{Codec, MAX_BLOCK_ROWS, alp, alp_rd, constant, delta, dictionary, fill, frame, gorilla, raw};
use crate::base::{Column, Data, DataType};

/// Which codecs may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The smallest of the fast ones.
    Smallest,
    /// [`Codec::Raw`].
    Raw,
    /// This one, or [`Codec::Raw`] where it does not apply.
    Only(Codec),
}

impl Choice {
    /// True if this codec must be tried, whatever its size.
    fn is_only(self, codec: Codec) -> bool {
        self == Self::Only(codec)
    }
}

/// Encodes the values of `column`, of type `ty` and 1 to [`MAX_BLOCK_ROWS`] rows, and appends the
/// payload to `out`. Nulls are not marked; what they decode to is arbitrary.
pub fn encode(ty: DataType, column: &Column, choice: Choice, out: &mut Vec<u8>) -> Codec {
    let rows = column.len(ty);
    assert!((1..=MAX_BLOCK_ROWS).contains(&rows), "a block has 1 to {MAX_BLOCK_ROWS} rows");
    match (&column.data, ty.width()) {
        (Data::Fixed(_), Some(1)) => encode_words::<u8>(ty, column, choice, out),
        (Data::Fixed(_), Some(2)) => encode_words::<u16>(ty, column, choice, out),
        (Data::Fixed(_), Some(4)) if ty.is_float() => encode_floats::<u32>(column, choice, out),
        (Data::Fixed(_), Some(8)) if ty.is_float() => encode_floats::<u64>(column, choice, out),
        (Data::Fixed(_), Some(4)) => encode_words::<u32>(ty, column, choice, out),
        (Data::Fixed(_), Some(8)) => encode_words::<u64>(ty, column, choice, out),
        (Data::Bool(bits), None) => encode_bits(column, bits, choice, out),
        (Data::Bytes { .. }, None) => encode_bytes(column, rows, choice, out),
        (other, _) => panic!("a column of {ty} was expected, not {other:?}"),
    }
}

fn encode_words<T: Word>(
    ty: DataType,
    column: &Column,
    choice: Choice,
    out: &mut Vec<u8>,
) -> Codec {
    let values = fill::words::<T>(column);
    let codec = match choice {
        Choice::Only(codec) if !codec.applies_to(ty) => Codec::Raw,
        Choice::Only(codec) => only(codec, ty, &values, out),
        Choice::Smallest => smallest_integers(ty, &values, out),
        Choice::Raw => Codec::Raw,
    };
    if codec == Codec::Raw {
        raw::encode_fixed(&values, out);
    }
    codec
}

fn encode_floats<T: Decimal>(column: &Column, choice: Choice, out: &mut Vec<u8>) -> Codec {
    let values = fill::words::<T>(column);
    let codec = match choice {
        Choice::Only(codec) => only_float(codec, &values, out),
        Choice::Smallest => smallest_floats(&values, out),
        Choice::Raw => Codec::Raw,
    };
    if codec == Codec::Raw {
        raw::encode_fixed(&values, out);
    }
    codec
}

/// Writes the payload of `codec`, or nothing if the answer is raw.
fn only_float<T: Decimal>(codec: Codec, values: &[T], out: &mut Vec<u8>) -> Codec {
    match codec {
        Codec::Constant => match constant::word(values) {
            Some(value) => constant::encode_word(value, out),
            None => return Codec::Raw,
        },
        Codec::Gorilla => gorilla::encode(values, out),
        Codec::Alp => alp::plan(values, &alp::scales(values)).write(out),
        Codec::AlpRd => alp_rd::encode(values, &alp_rd::plan(values), out),
        _ => return Codec::Raw,
    }
    codec
}

/// Writes the payload of `codec`, or nothing if the answer is raw.
fn only<T: Word>(codec: Codec, ty: DataType, values: &[T], out: &mut Vec<u8>) -> Codec {
    match codec {
        Codec::Constant => match constant::word(values) {
            Some(value) => constant::encode_word(value, out),
            None => return Codec::Raw,
        },
        Codec::FrameOfReference => frame::plan(values, ty.is_signed_int()).write(values, out),
        Codec::Delta => delta::plan(values).write(values, out),
        _ => return Codec::Raw,
    }
    codec
}

/// Writes the smallest payload, or nothing if the answer is raw.
fn smallest_integers<T: Word>(ty: DataType, values: &[T], out: &mut Vec<u8>) -> Codec {
    let (rows, raw_len) = (values.len(), size_of_val(values));
    // No other payload is below 8 bytes.
    if raw_len <= 8 {
        return Codec::Raw;
    }
    if let Some(value) = constant::word(values) {
        constant::encode_word(value, out);
        return Codec::Constant;
    }
    let delta = delta::plan(values);
    let delta_len = delta.len(rows);
    // Next to the compact form of regular timestamps a frame need not be tried.
    let worth = frame::least_len::<T>(rows) <= delta_len;
    let frame = worth.then(|| frame::plan(values, ty.is_signed_int()));
    let frame_len = frame.as_ref().map_or(usize::MAX, |frame| frame.len(rows));
    if let Some(frame) = frame
        && frame_len < raw_len
        && frame_len <= delta_len
    {
        frame.write(values, out);
        Codec::FrameOfReference
    } else if delta_len < raw_len {
        delta.write(values, out);
        Codec::Delta
    } else {
        Codec::Raw
    }
}

/// Writes the smallest payload, or nothing if the answer is raw.
fn smallest_floats<T: Decimal>(values: &[T], out: &mut Vec<u8>) -> Codec {
    let raw_len = size_of_val(values);
    if raw_len <= 8 {
        return Codec::Raw;
    }
    if let Some(value) = constant::word(values) {
        constant::encode_word(value, out);
        return Codec::Constant;
    }
    let cut = alp_rd::plan(values);
    let cut_len = (cut.bits * values.len() as f64 / 8.0) as usize + 64;
    let scales = alp::scales(values);
    if !scales.is_empty() {
        let plan = alp::plan(values, &scales);
        if plan.len() < raw_len && plan.len() <= cut_len {
            plan.write(out);
            return Codec::Alp;
        }
    }
    // Raw values are read where they are: decoding has to be worth something.
    if cut_len + raw_len / 16 > raw_len {
        return Codec::Raw;
    }
    let start = out.len();
    alp_rd::encode(values, &cut, out);
    if out.len() - start < raw_len {
        return Codec::AlpRd;
    }
    out.truncate(start);
    Codec::Raw
}

fn encode_bits(column: &Column, bits: &BooleanBuffer, choice: Choice, out: &mut Vec<u8>) -> Codec {
    let bits = fill::bits(column, bits);
    let (set, valid) = (bits.count_set_bits(), bits.len() - column.null_count());
    let worth = choice == Choice::Smallest && bits.len().div_ceil(8) > 8;
    let constant = worth || choice.is_only(Codec::Constant);
    if constant && (set == 0 || set == valid) {
        constant::encode_word(u8::from(set > 0), out);
        Codec::Constant
    } else {
        raw::encode_bits(&bits, out);
        Codec::Raw
    }
}

fn encode_bytes(column: &Column, rows: usize, choice: Choice, out: &mut Vec<u8>) -> Codec {
    let smallest = choice == Choice::Smallest;
    let limit = if smallest { raw::bytes_len(column, rows) } else { usize::MAX };
    if (smallest || choice.is_only(Codec::Constant))
        && let Some(text) = constant::text(column, rows)
        && constant::text_len(text) < limit
    {
        constant::encode_text(text, out);
        return Codec::Constant;
    }
    if (smallest || choice.is_only(Codec::Dictionary))
        && let Some(plan) = dictionary::plan(column, rows, limit)
        && plan.len() < limit
    {
        plan.write(out);
        return Codec::Dictionary;
    }
    raw::encode_bytes(column, rows, out);
    Codec::Raw
}
