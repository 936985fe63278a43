//! Which codec encodes a block of floats.

use super::choose::{Choice, or_raw, smallest, write_runs};
use super::decimal::Decimal;
use super::{Codec, alp, alp_rd, constant, fill, gorilla, nanots_int};
use crate::base::Column;

/// Encodes a block of floats.
pub(super) fn encode<T: Decimal>(column: &Column, choice: Choice, out: &mut Vec<u8>) -> Codec {
    let values = fill::words::<T>(column);
    let codec = match choice {
        Choice::Only(codec) => only(codec, &values, out),
        Choice::Raw => Codec::Raw,
        _ => smallest(&values, out, smallest_plain),
    };
    or_raw(codec, &values, out)
}

/// Writes the payload of `codec`, or nothing if the answer is raw.
fn only<T: Decimal>(codec: Codec, values: &[T], out: &mut Vec<u8>) -> Codec {
    match codec {
        Codec::Constant => match constant::word(values) {
            Some(value) => constant::encode_word(value, out),
            None => return Codec::Raw,
        },
        Codec::Gorilla => gorilla::encode(values, out),
        Codec::Alp => alp::plan(values, &alp::scales(values)).write(out),
        Codec::AlpRd => alp_rd::encode(values, &alp_rd::plan(values), out),
        Codec::NanotsInt => match nanots_int::integers(values) {
            Some(integers) => nanots_int::encode(&integers, out),
            None => return Codec::Raw,
        },
        Codec::RunLength => write_runs(values, out, |values, out| {
            or_raw(smallest_plain(values, usize::MAX, out), values, out)
        }),
        _ => return Codec::Raw,
    }
    codec
}

/// Writes the smallest payload without runs, or nothing if the answer is raw or it had `limit` bytes or
/// more.
fn smallest_plain<T: Decimal>(values: &[T], limit: usize, out: &mut Vec<u8>) -> Codec {
    let (start, raw_len) = (out.len(), size_of_val(values));
    let limit = limit.min(raw_len);
    if limit <= 8 {
        return Codec::Raw;
    }
    if let Some(value) = constant::word(values) {
        constant::encode_word(value, out);
        return Codec::Constant;
    }
    if nanots_int::encode_ruled(values, out) {
        if out.len() - start < limit {
            return Codec::NanotsInt;
        }
        out.truncate(start);
    }
    let scales = alp::scales(values);
    let decimals = (!scales.is_empty()).then(|| alp::plan(values, &scales));
    let decimals = decimals.filter(|plan| plan.len() < limit);
    // Nothing else comes near: to look for a cut would take as long as all of this.
    if let Some(plan) = decimals.as_ref().filter(|plan| plan.len() <= raw_len / 4 * 3) {
        plan.write(out);
        return Codec::Alp;
    }
    let cut = alp_rd::plan(values);
    let cut_len = (cut.bits * values.len() as f64 / 8.0) as usize + 64;
    if let Some(plan) = decimals.filter(|plan| plan.len() <= cut_len) {
        plan.write(out);
        return Codec::Alp;
    }
    // Raw values are read where they are: decoding has to be worth something.
    if cut_len + raw_len / 16 > limit {
        return Codec::Raw;
    }
    alp_rd::encode(values, &cut, out);
    if out.len() - start < limit {
        return Codec::AlpRd;
    }
    out.truncate(start);
    Codec::Raw
}
