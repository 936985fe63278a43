//! ALP as its paper has it, by the crates `alp` and `fastlanes`: numbers of 1,024 values by their
//! distance from the least of them, bit-packed, and exceptions as they are. No deltas, no ALP-RD.
//!
//! The crate `alp` looks for the exponents of each vector anew, so that it is smaller and encodes
//! more slowly than with the paper's second level of sampling. Both crates are compiled for any
//! machine of the architecture, as they are in a wheel.

use std::hint::black_box;
use std::ops::Range;

use alp::{ALPFloat, Exponents};
use arrow_buffer::{ArrowNativeType, ToByteSlice};
use fastlanes::FoR;

use crate::figure::{Timed, seconds};

pub(crate) const ALP: &str = "alp+fastlanes";
const ROWS: usize = 1024;

/// A float that is packed as words of its width.
pub(crate) trait Lane: ALPFloat {
    type Word: Copy + Default;

    /// Appends the numbers, packed to what their distance from the least needs: that, and the bits.
    fn pack(numbers: &[Self::ALPInt; ROWS], out: &mut Vec<Self::Word>) -> (Self::Word, u32);

    /// The values of a vector, exceptions aside.
    fn unpack(
        packed: &[Self::Word],
        at: &Vector<Self>,
        words: &mut [Self::Word; ROWS],
        out: &mut [Self],
    );
}

macro_rules! lane {
    ($float:ident, $int:ident, $word:ident, $($width:literal)*) => {
        impl Lane for $float {
            type Word = $word;

            fn pack(numbers: &[$int; ROWS], out: &mut Vec<$word>) -> ($word, u32) {
                let least = numbers.iter().copied().fold($int::MAX, $int::min);
                let most = numbers.iter().copied().fold($int::MIN, $int::max);
                let width = $word::BITS - most.wrapping_sub(least).cast_unsigned().leading_zeros();
                let (words, least) = (numbers.map($int::cast_unsigned), least.cast_unsigned());
                match width {
                    $($width => {
                        const LEN: usize = ROWS * $width / $word::BITS as usize;
                        let mut packed = [0; LEN];
                        $word::for_pack::<$width, LEN>(&words, least, &mut packed);
                        out.extend_from_slice(&packed);
                    })*
                    _ => unreachable!("no word has so many bits"),
                }
                (least, width)
            }

            fn unpack(
                packed: &[$word],
                at: &Vector<Self>,
                words: &mut [$word; ROWS],
                out: &mut [Self],
            ) {
                let packed = &packed[at.packed.clone()];
                match at.width {
                    $($width => {
                        const LEN: usize = ROWS * $width / $word::BITS as usize;
                        let packed = packed.try_into().expect("as many words as were packed");
                        $word::unfor_pack::<$width, LEN>(packed, at.least, words);
                    })*
                    _ => unreachable!("no word has so many bits"),
                }
                for (value, number) in out.iter_mut().zip(words.iter()) {
                    *value = alp::decode_single(number.cast_signed(), at.exponents);
                }
            }
        }
    };
}

lane!(f64, i64, u64, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29
    30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62
    63 64);
lane!(f32, i32, u32, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29
    30 31 32);

/// Where a vector lies, and how it is packed.
pub(crate) struct Vector<T: Lane> {
    exponents: Exponents,
    least: T::Word,
    width: u32,
    packed: Range<usize>,
    exceptions: Range<usize>,
}

/// What is left of all values.
struct Packed<T: Lane> {
    vectors: Vec<Vector<T>>,
    words: Vec<T::Word>,
    positions: Vec<u16>,
    exceptions: Vec<T>,
}

impl<T: Lane> Packed<T> {
    fn new(values: &[T]) -> Self {
        let mut this =
            Self { vectors: vec![], words: vec![], positions: vec![], exceptions: vec![] };
        for values in values.chunks(ROWS) {
            let (exponents, numbers, rows, exceptions, _) = alp::encode(values, None);
            // A last one that is shorter is filled up, as the crates want it.
            let last = numbers.len() - 1;
            let numbers = std::array::from_fn(|row| numbers[row.min(last)]);
            let (words, before) = (this.words.len(), this.positions.len());
            let (least, width) = T::pack(&numbers, &mut this.words);
            this.positions.extend(rows.iter().map(|row| *row as u16));
            this.exceptions.extend_from_slice(&exceptions);
            let (packed, exceptions) = (words..this.words.len(), before..this.positions.len());
            this.vectors.push(Vector { exponents, least, width, packed, exceptions });
        }
        this
    }

    /// Two exponents, the bits, the least number and how many exceptions for each vector; its numbers;
    /// the row of each exception and its value.
    fn bytes(&self) -> usize {
        let head = 3 + size_of::<T>() + 2;
        let exception = 2 + size_of::<T>();
        head * self.vectors.len() + size_of_val(&self.words[..]) + exception * self.exceptions.len()
    }

    fn decode(&self, vector: &Vector<T>, words: &mut [T::Word; ROWS], out: &mut [T]) {
        T::unpack(&self.words, vector, words, out);
        let rows = &self.positions[vector.exceptions.clone()];
        for (row, value) in rows.iter().zip(&self.exceptions[vector.exceptions.clone()]) {
            out[usize::from(*row)] = *value;
        }
    }
}

pub(crate) fn measure<T: Lane + ArrowNativeType>(values: &[T]) -> Timed {
    let mut packed = Packed::new(values);
    let encoding = seconds(|| packed = Packed::new(values));
    let mut words = [T::Word::default(); ROWS];
    let mut out = vec![<T as Default>::default(); values.len().min(crate::BLOCK)];
    for (vectors, values) in
        packed.vectors.chunks(crate::BLOCK / ROWS).zip(values.chunks(crate::BLOCK))
    {
        decode_block(&packed, vectors, &mut words, &mut out[..values.len()]);
        assert!(out[..values.len()].to_byte_slice() == values.to_byte_slice());
    }
    let decoding = seconds(|| {
        let blocks = packed.vectors.chunks(crate::BLOCK / ROWS).zip(values.chunks(crate::BLOCK));
        for (vectors, values) in blocks {
            decode_block(&packed, vectors, &mut words, black_box(&mut out[..values.len()]));
        }
    });
    Timed { bytes: packed.bytes(), encoding, decoding }
}

fn decode_block<T: Lane>(
    packed: &Packed<T>,
    vectors: &[Vector<T>],
    words: &mut [T::Word; ROWS],
    out: &mut [T],
) {
    for (vector, out) in vectors.iter().zip(out.chunks_mut(ROWS)) {
        packed.decode(vector, words, out);
    }
}
