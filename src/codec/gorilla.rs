//! Gorilla: floats by the bits in which they differ from the one before (Pelkonen et al., VLDB
//! 2015), each vector a stream of bits of its own.
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | 4V | ends | u32 a vector: where its stream ends, counted from the first byte behind `ends` |
//! | | streams | one a vector, without gaps |
//! | 0 to 7 | padding | zeros, to a multiple of 8 bytes |
//!
//! A stream, bits as `bitstream` says: the first value whole (32 or 64 bits), then for each other
//! the XOR `x` of its bits with those of the value before:
//!
//! | bits, in the order of the stream | meaning |
//! | --- | --- |
//! | 0 | `x` is 0: the value before once more |
//! | 1, 0, then `length` bits | `x` fits the window of the value that set it last |
//! | 1, 1, `leading` in 5 bits, `length - 1` in 6 (f32: 5), then `length` bits | sets the window |
//!
//! A window is the `length` bits of `x` below its `leading` highest ones; `leading + length` is at
//! most the bits of the type. Storing `length - 1` is what lets all 64 bits be significant. A
//! stream starts without a window, and its last byte is filled with zeros.

use std::ops::Range;

use super::bitstream::{BitReader, BitWriter, mask};
use super::words::Word;
use super::{DecodeError, VECTOR_ROWS, check_padding, pad, vectors};

/// Bits of the field `leading`.
const LEADING: u32 = 5;

/// Bits of the field `length - 1`.
const fn length_bits<T: Word>() -> u32 {
    T::BITS.trailing_zeros()
}

/// The bits of an XOR that are stored.
#[derive(Clone, Copy)]
struct Window {
    leading: u32,
    length: u32,
}

/// What is written for one XOR.
enum Step {
    Same,
    Reuse(Window),
    Set(Window),
}

impl Step {
    /// The cheapest way to write `x` after `window`.
    #[inline]
    fn of<T: Word>(x: T, window: Option<Window>) -> Self {
        if x == T::default() {
            return Self::Same;
        }
        let leading = (T::BITS - x.bit_len()).min(mask(LEADING) as u32);
        let trailing = x.widen().trailing_zeros();
        let exact = Window { leading, length: T::BITS - leading - trailing };
        match window {
            Some(old)
                if old.leading <= leading
                    && T::BITS - old.leading - old.length <= trailing
                    && old.length <= exact.length + LEADING + length_bits::<T>() =>
            {
                Self::Reuse(old)
            }
            _ => Self::Set(exact),
        }
    }
}

/// Walks the values of one vector as XORs.
#[inline]
fn for_each_step<T: Word>(vector: &[T], mut each: impl FnMut(T, &Step)) {
    let mut window = None;
    for pair in vector.windows(2) {
        let x = pair[0].xor(pair[1]);
        let step = Step::of(x, window);
        if let Step::Set(new) = step {
            window = Some(new);
        }
        each(x, &step);
    }
}

/// Appends the payload.
pub(super) fn encode<T: Word>(values: &[T], out: &mut Vec<u8>) {
    let start = out.len();
    let streams = start + 4 * vectors::count(values.len());
    out.resize(streams, 0);
    for (index, vector) in values.chunks(VECTOR_ROWS).enumerate() {
        encode_vector(vector, out);
        let end = (out.len() - streams) as u32;
        out[start + 4 * index..][..4].copy_from_slice(&end.to_le_bytes());
    }
    pad(out, start);
}

fn encode_vector<T: Word>(vector: &[T], out: &mut Vec<u8>) {
    let mut writer = BitWriter::new(out);
    writer.put(vector[0].widen(), T::BITS);
    for_each_step(vector, |x, step| {
        let window = match step {
            Step::Same => return writer.put(0, 1),
            Step::Reuse(window) => {
                writer.put(0b01, 2);
                window
            }
            Step::Set(window) => {
                let header = u64::from(window.length - 1) << LEADING | u64::from(window.leading);
                writer.put(header << 2 | 0b11, 2 + LEADING + length_bits::<T>());
                window
            }
        };
        let shift = T::BITS - window.leading - window.length;
        writer.put(x.widen() >> shift, window.length);
    });
    writer.finish();
}

/// Decodes rows `range` of `rows`.
pub(super) fn decode<T: Word>(
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), DecodeError> {
    const SHORT: DecodeError = DecodeError { what: "float streams of the wrong length" };
    check_padding(payload)?;
    let count = vectors::count(rows);
    let (ends, streams) = payload.split_at_checked(4 * count).ok_or(SHORT)?;
    let end_of = |vector: usize| u32::load(&ends[4 * vector..]) as usize;
    let end = end_of(count - 1);
    if streams.len() < end || streams.len() - end >= 8 {
        return Err(SHORT);
    }
    vectors::decode(rows, range, out, |vector, out| {
        let start = if vector == 0 { 0 } else { end_of(vector - 1) };
        let stream = streams[..end].get(start..end_of(vector)).ok_or(SHORT)?;
        decode_vector(stream, out)
    })
}

fn decode_vector<T: Word>(stream: &[u8], out: &mut [T]) -> Result<(), DecodeError> {
    const WINDOW: DecodeError = DecodeError { what: "impossible window in a float stream" };
    let header = 2 + LEADING + length_bits::<T>();
    let mut reader = BitReader::new(stream);
    let mut value = T::narrow(reader.take(T::BITS));
    // No window yet: a length of 0, which none can have.
    let (mut length, mut shift) = (0, 0);
    let Some((first, rest)) = out.split_first_mut() else { return Ok(()) };
    *first = value;
    for place in rest {
        let bits = reader.peek();
        if bits & 1 == 0 {
            reader.skip(1);
            *place = value;
            continue;
        }
        let used = if bits & 2 == 0 {
            2
        } else {
            let leading = (bits >> 2 & mask(LEADING)) as u32;
            length = (bits >> (2 + LEADING) & mask(length_bits::<T>())) as u32 + 1;
            shift = T::BITS.checked_sub(leading + length).ok_or(WINDOW)?;
            header
        };
        if length == 0 {
            return Err(WINDOW);
        }
        let x = if used + length <= 57 {
            reader.skip(used + length);
            bits >> used & mask(length)
        } else {
            reader.skip(used);
            reader.take(length)
        };
        value = value.xor(T::narrow(x << shift));
        *place = value;
    }
    if reader.position().div_ceil(8) != stream.len() {
        return Err(DecodeError { what: "float stream of the wrong length" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: Word>(values: &[T]) -> Vec<u8> {
        let mut out = vec![];
        encode(values, &mut out);
        let mut back = vec![T::default(); values.len()];
        decode(&out, values.len(), 0..values.len(), &mut back).unwrap();
        assert_eq!(back, values);
        out
    }

    /// These two differ in the sign and in the last bit: 64 significant bits.
    #[test]
    fn all_bits_can_be_significant() {
        assert_eq!((1f64.to_bits() ^ (-0.3f64).to_bits()).trailing_zeros(), 0);
        round_trip(&[1f64.to_bits(), (-0.3f64).to_bits()]);
        round_trip(&[0u64, u64::MAX, 0, 1, 1 << 63, 0]);
        round_trip(&[0u32, u32::MAX, 0, 1, 1 << 31, 0]);
    }

    #[test]
    fn the_bits_are_as_specified() {
        let out = round_trip(&[0u32, 0, 0b1010_0000, 0b0110_0000]);
        let mut reader = BitReader::new(&out[4..]);
        let mut take = |n| reader.take(n);
        assert_eq!((take(32), take(1)), (0, 0));
        // 24 leading zeros, 3 significant bits.
        assert_eq!((take(1), take(1), take(5), take(5), take(3)), (1, 1, 24, 2, 0b101));
        assert_eq!((take(1), take(1), take(3)), (1, 0, 0b110));
        assert_eq!(u32::load(&out), 7);
        assert_eq!(out.len(), 16);
    }

    #[test]
    fn windows_that_cannot_be_are_refused() {
        let mut out = vec![0u64; 2];
        // Reuse without a window; 31 leading and 64 significant bits.
        for bits in [0b01u64, 0b11 | 31 << 2 | 63 << 7] {
            let mut stream = vec![];
            let mut writer = BitWriter::new(&mut stream);
            writer.put(0, 64);
            writer.put(bits, 13);
            writer.put(0, 64);
            writer.finish();
            let error = decode_vector(&stream, &mut out).unwrap_err();
            assert_eq!(error.what, "impossible window in a float stream");
        }
    }
}
