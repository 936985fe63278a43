//! Which codec encodes a block: the smallest of those allowed, of equals the one that decodes
//! faster. What they would make of it is known, or judged by a sample, before anything is written.

use arrow_buffer::BooleanBuffer;

use super::words::Word;
use super::{
    Codec, MAX_BLOCK_ROWS, MAX_EXPANDED, VECTOR_ROWS, cold, constant, delta, dictionary, fill,
    floats, frame, fsst, raw, run_length, scaled,
};
use crate::base::{Column, Data, DataType};

/// Which codecs may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The smallest of the fast ones.
    Smallest,
    /// The same, but a cold one where that saves 15 % and more.
    Balanced,
    /// The smallest of all, whatever it takes.
    Least,
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

    /// True if the smallest of the fast ones is looked for.
    fn looks(self) -> bool {
        matches!(self, Self::Smallest | Self::Balanced | Self::Least)
    }
}

/// Encodes the values of `column`, of type `ty` and 1 to [`MAX_BLOCK_ROWS`] rows, and appends the
/// payload to `out`. Nulls are not marked; what they decode to is arbitrary.
pub fn encode(ty: DataType, column: &Column, choice: Choice, out: &mut Vec<u8>) -> Codec {
    let (rows, start) = (column.len(ty), out.len());
    assert!((1..=MAX_BLOCK_ROWS).contains(&rows), "a block has 1 to {MAX_BLOCK_ROWS} rows");
    if let Choice::Only(codec @ (Codec::Pco | Codec::Zstd)) = choice
        && cold::encode(codec, ty, column, choice, out)
    {
        return codec;
    }
    let codec = match (&column.data, ty.width()) {
        (Data::Fixed(_), Some(1)) => encode_words::<u8>(ty, column, choice, out),
        (Data::Fixed(_), Some(2)) => encode_words::<u16>(ty, column, choice, out),
        (Data::Fixed(_), Some(4)) if ty.is_float() => floats::encode::<u32>(column, choice, out),
        (Data::Fixed(_), Some(8)) if ty.is_float() => floats::encode::<u64>(column, choice, out),
        (Data::Fixed(_), Some(4)) => encode_words::<u32>(ty, column, choice, out),
        (Data::Fixed(_), Some(8)) => encode_words::<u64>(ty, column, choice, out),
        (Data::Bool(bits), None) => encode_bits(column, bits, choice, out),
        (Data::Bytes { .. }, None) => encode_bytes(column, rows, choice, out),
        (other, _) => panic!("a column of {ty} was expected, not {other:?}"),
    };
    cold::improve((ty, column), codec, choice, start, out)
}

/// Appends `values`, unless the codec is another than raw and has done so.
pub(super) fn or_raw<T: Word>(codec: Codec, values: &[T], out: &mut Vec<u8>) -> Codec {
    if codec == Codec::Raw {
        raw::encode_fixed(values, out);
    }
    codec
}

fn encode_words<T: Word>(
    ty: DataType,
    column: &Column,
    choice: Choice,
    out: &mut Vec<u8>,
) -> Codec {
    let (values, signed) = (fill::words::<T>(column), ty.is_signed_int());
    let codec = match choice {
        Choice::Only(codec) => only_integer(codec, signed, &values, out),
        Choice::Raw => Codec::Raw,
        _ => {
            smallest(&values, out, |values, limit, out| smallest_plain(signed, values, limit, out))
        }
    };
    or_raw(codec, &values, out)
}

/// Appends lengths of text.
pub(super) fn encode_lengths(lengths: &[u32], out: &mut Vec<u8>) -> Codec {
    or_raw(smallest_plain(false, lengths, usize::MAX, out), lengths, out)
}

/// Writes the payload of `codec`, or nothing if the answer is raw.
fn only_integer<T: Word>(codec: Codec, signed: bool, values: &[T], out: &mut Vec<u8>) -> Codec {
    match codec {
        Codec::Constant => match constant::word(values) {
            Some(value) => constant::encode_word(value, out),
            None => return Codec::Raw,
        },
        Codec::FrameOfReference => frame::plan(values, signed).write(values, out),
        Codec::Delta => delta::plan(values).write(values, out),
        Codec::Scaled => match scaled::divisor(values, signed) {
            Some(by) => write_scaled(values, by, out),
            None => return Codec::Raw,
        },
        Codec::RunLength => write_runs(values, out, |values, out| {
            or_raw(smallest_plain(signed, values, usize::MAX, out), values, out)
        }),
        _ => return Codec::Raw,
    }
    codec
}

/// Writes runs, their values as `write` does.
pub(super) fn write_runs<T: Word>(
    values: &[T],
    out: &mut Vec<u8>,
    write: impl FnOnce(&[T], &mut Vec<u8>) -> Codec,
) {
    let (firsts, ends) = run_length::runs(values);
    run_length::write(
        firsts.len(),
        out,
        |out| encode_lengths(&ends, out),
        |out| write(&firsts, out),
    );
}

/// True if there are so few runs that they are worth a look.
fn few_runs<T: Word>(values: &[T]) -> bool {
    values.len() >= 64 && run_length::count(values) <= values.len() / 8
}

/// Writes the smaller of runs and what `plain` writes, or nothing if the answer is raw. `plain` is
/// given values and a limit: it writes nothing if it had as many bytes or more.
pub(super) fn smallest<T: Word>(
    values: &[T],
    out: &mut Vec<u8>,
    plain: impl Fn(&[T], usize, &mut Vec<u8>) -> Codec,
) -> Codec {
    let raw_len = size_of_val(values);
    // No other payload is below 8 bytes.
    if raw_len <= 8 {
        return Codec::Raw;
    }
    if few_runs(values) {
        let mut runs = vec![];
        write_runs(values, &mut runs, |values, out| {
            or_raw(plain(values, usize::MAX, out), values, out)
        });
        // Of two of one size the other decodes as fast, and a part of it faster.
        let codec = plain(values, runs.len() + 1, out);
        if codec == Codec::Raw && runs.len() < raw_len {
            out.extend_from_slice(&runs);
            return Codec::RunLength;
        }
        return codec;
    }
    plain(values, usize::MAX, out)
}

/// So few rows that the smallest headers count.
const FEW: usize = 64;

/// The same without runs, and nothing if the payload had `limit` bytes or more.
fn smallest_plain<T: Word>(signed: bool, values: &[T], limit: usize, out: &mut Vec<u8>) -> Codec {
    let limit = limit.min(size_of_val(values));
    if limit <= 8 {
        return Codec::Raw;
    }
    if let Some(value) = constant::word(values) {
        constant::encode_word(value, out);
        return Codec::Constant;
    }
    if let Some(regular) = delta::arithmetic(values) {
        let len = regular.len(values.len());
        // Of a few rows a frame is smaller still.
        if values.len() <= FEW {
            let codec = smallest_near(signed, values, limit.min(len), out);
            if codec != Codec::Raw {
                return codec;
            }
        }
        if len < limit {
            return write_delta(&regular, values, out);
        }
    }
    if T::BYTES >= 4
        && let Some(by) = scaled::divisor(values, signed)
    {
        let start = out.len();
        write_scaled(values, by, out);
        if out.len() - start < limit {
            return Codec::Scaled;
        }
        out.truncate(start);
    }
    smallest_near(signed, values, limit, out)
}

fn write_delta<T: Word>(plan: &delta::Plan<T>, values: &[T], out: &mut Vec<u8>) -> Codec {
    plan.write(values, out);
    Codec::Delta
}

fn write_scaled<T: Word>(values: &[T], by: (T, T), out: &mut Vec<u8>) {
    let multiples = scaled::multiples(values, by);
    let start = out.len();
    scaled::write_header(Codec::FrameOfReference, by, out);
    let inner = match delta::arithmetic(&multiples) {
        Some(regular) => write_delta(&regular, &multiples, out),
        None => smallest_near(false, &multiples, usize::MAX, out),
    };
    out[start] = inner as u8;
}

/// Writes signed integers by a rule that all of them follow, if they do: regular ones, and multiples
/// of a number.
pub(super) fn write_ruled<T: Word>(values: &[T], out: &mut Vec<u8>) -> Option<Codec> {
    if let Some(regular) = delta::arithmetic(values) {
        return Some(write_delta(&regular, values, out));
    }
    write_scaled(values, scaled::divisor(values, true)?, out);
    Some(Codec::Scaled)
}

/// Writes the smaller of a frame of reference and the forms of delta, or nothing if it had `limit`
/// bytes or more.
pub(super) fn smallest_near<T: Word>(
    signed: bool,
    values: &[T],
    limit: usize,
    out: &mut Vec<u8>,
) -> Codec {
    let rows = values.len();
    let by_frame = |values: &[T]| frame::plan(values, signed).len(values.len());
    let by_steps = |values: &[T]| delta::vectors(values).len(values.len());
    let by_lines = |values: &[T]| delta::lines(values).len(values.len());
    // A frame decodes fastest, and steps slowest.
    let (frame_len, lines_len, steps_len) =
        (judge(values, by_frame), judge(values, by_lines), judge(values, by_steps));
    if frame_len <= lines_len.min(steps_len) {
        let plan = frame::plan(values, signed);
        if plan.len(rows) < limit {
            plan.write(values, out);
            return Codec::FrameOfReference;
        }
        return Codec::Raw;
    }
    let plan = if lines_len <= steps_len { delta::lines(values) } else { delta::vectors(values) };
    if plan.len(rows) < limit { write_delta(&plan, values, out) } else { Codec::Raw }
}

/// The length of a few vectors.
fn judge<T: Word>(values: &[T], len: impl Fn(&[T]) -> usize) -> usize {
    const SAMPLED: usize = 4;
    let stride = super::vectors::count(values.len()).div_ceil(SAMPLED);
    values.chunks(VECTOR_ROWS).step_by(stride).map(len).sum()
}

fn encode_bits(column: &Column, bits: &BooleanBuffer, choice: Choice, out: &mut Vec<u8>) -> Codec {
    let bits = fill::bits(column, bits);
    let (set, valid) = (bits.count_set_bits(), bits.len() - column.null_count());
    let raw_len = bits.len().div_ceil(8);
    // They decode nearly as fast as a dictionary, and at a tenth of the speed of what is only copied.
    let worth = choice.looks() && raw_len > 8;
    let constant = worth || choice.is_only(Codec::Constant);
    if constant && (set == 0 || set == valid) {
        constant::encode_word(u8::from(set > 0), out);
        return Codec::Constant;
    }
    // A run takes some bits at least, and most bitmaps have more runs than that leaves room for.
    let runs = || bits.set_slices().take(raw_len / 4 + 1).count();
    if choice.is_only(Codec::RunLength) || (worth && runs() <= raw_len / 4) {
        let start = out.len();
        let (firsts, ends) = run_length::bit_runs(&bits);
        let firsts: BooleanBuffer = firsts.into_iter().collect();
        run_length::write(
            firsts.len(),
            out,
            |out| encode_lengths(&ends, out),
            |out| {
                raw::encode_bits(&firsts, out);
                Codec::Raw
            },
        );
        if !worth || out.len() - start < raw_len {
            return Codec::RunLength;
        }
        out.truncate(start);
    }
    raw::encode_bits(&bits, out);
    Codec::Raw
}

fn encode_bytes(column: &Column, rows: usize, choice: Choice, out: &mut Vec<u8>) -> Codec {
    let only = choice.is_only(Codec::RunLength);
    // As for numbers: few runs, or they are not worth a look.
    let most = if only { rows } else { rows / 8 };
    if (only || (choice.looks() && rows >= FEW))
        && let Some(runs) = runs_of_text(column, rows, most)
    {
        // A dictionary takes a bit a row at least.
        let codec = match only || runs.len() <= rows / 8 {
            true => Codec::Raw,
            // Of two of one size the other decodes as fast, and a part of it faster.
            false => smallest_text(column, rows, choice, runs.len() + 1, out),
        };
        if codec == Codec::Raw {
            out.extend_from_slice(&runs);
            return Codec::RunLength;
        }
        return codec;
    }
    encode_plain(column, rows, choice, out)
}

/// The payload of at most so many runs of text, if they are worth it.
fn runs_of_text(column: &Column, rows: usize, most: usize) -> Option<Vec<u8>> {
    let (firsts, ends) = run_length::text_runs(column, rows, most)?;
    if firsts.len() < 2 || !worth_decoding(&firsts, &ends, raw::bytes_len(column, rows)) {
        return None;
    }
    let (mut out, texts) = (vec![], Column::from_texts(&firsts));
    run_length::write(
        firsts.len(),
        &mut out,
        |out| encode_lengths(&ends, out),
        |out| encode_plain(&texts, firsts.len(), Choice::Smallest, out),
    );
    Some(out)
}

/// False if what nulls decode to would be most of what is decoded, or more than a block may have.
fn worth_decoding(firsts: &[&[u8]], ends: &[u32], raw_len: usize) -> bool {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let rows = starts.zip(ends).map(|(start, end)| (end - start) as usize);
    let expanded: usize = firsts.iter().zip(rows).map(|(text, rows)| text.len() * rows).sum();
    expanded <= MAX_EXPANDED.min(raw_len.saturating_mul(2))
}

/// The same without runs.
fn encode_plain(column: &Column, rows: usize, choice: Choice, out: &mut Vec<u8>) -> Codec {
    let looks = choice.looks();
    let limit = if looks { raw::bytes_len(column, rows) } else { usize::MAX };
    let codec = smallest_text(column, rows, choice, limit, out);
    if codec == Codec::Raw {
        raw::encode_bytes(column, rows, out);
    }
    codec
}

/// Writes the smallest payload without runs, or nothing if it had `limit` bytes or more.
fn smallest_text(
    column: &Column,
    rows: usize,
    choice: Choice,
    limit: usize,
    out: &mut Vec<u8>,
) -> Codec {
    if (choice.looks() || choice.is_only(Codec::Constant))
        && let Some(text) = constant::text(column, rows)
        && constant::text_len(text) < limit
    {
        constant::encode_text(text, out);
        return Codec::Constant;
    }
    let by_dictionary = match choice {
        Choice::Only(codec) => codec == Codec::Dictionary,
        _ => choice.looks() && !dictionary::all_differ(column, rows),
    };
    let plan = by_dictionary.then(|| dictionary::plan(column, rows, limit)).flatten();
    let plan = plan.filter(|plan| plan.len() < limit);
    let len = plan.as_ref().map_or(limit, dictionary::Plan::len);
    // Symbols are for what does not repeat, and to find them takes time.
    let by_symbols = match choice {
        Choice::Only(codec) => codec == Codec::Fsst,
        _ => choice.looks() && len > limit / 2,
    };
    // They decode nearly as fast as a dictionary, and at a tenth of the speed of what is only copied.
    let worth = choice.looks().then_some((limit / 4 * 3).min(len - len / 8));
    if by_symbols && fsst::encode(column, rows, worth, out, encode_lengths) {
        return Codec::Fsst;
    }
    if let Some(plan) = plan {
        plan.write(out);
        return Codec::Dictionary;
    }
    Codec::Raw
}
