//! Frame of reference: integers by their distance from the least of their vector, bit-packed
//! (Goldstein, Ramakrishnan, Shaft 1998), outliers patched (Zukowski et al. 2006).
//!
//! | bytes | field | |
//! | --- | --- | --- |
//! | | vectors | headers and bodies, as `patched` says; the numbers are the values |
//! | 0 to 7 | padding | zeros, to a multiple of 8 bytes |

use std::ops::Range;

use super::patched::{Fit, Vectors, fit, write_body, write_headers};
use super::words::Word;
use super::{DecodeError, VECTOR_ROWS, check_padding, pad, vectors};

/// How a block is to be encoded.
pub(super) struct Plan<T>(Vec<Fit<T>>);

/// Finds the smallest encoding of `values`.
pub(super) fn plan<T: Word>(values: &[T], signed: bool) -> Plan<T> {
    Plan(values.chunks(VECTOR_ROWS).map(|vector| fit(vector, signed)).collect())
}

impl<T: Word> Plan<T> {
    /// Bytes of the payload.
    pub(super) fn len(&self, rows: usize) -> usize {
        let fits = self.0.iter().enumerate();
        let len: usize = fits.map(|(i, fit)| fit.len(vectors::rows_of(i, rows))).sum();
        len.next_multiple_of(8)
    }

    /// Appends the payload of the values it was made for.
    pub(super) fn write(&self, values: &[T], out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(self.len(values.len()));
        write_headers(&self.0, out);
        for (vector, fit) in values.chunks(VECTOR_ROWS).zip(&self.0) {
            write_body(vector, fit, out);
        }
        pad(out, start);
    }
}

/// Decodes rows `range` of `rows`.
pub(super) fn decode<T: Word>(
    payload: &[u8],
    rows: usize,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), DecodeError> {
    check_padding(payload)?;
    let vectors = Vectors::parse::<T>(payload, rows)?;
    vectors::decode(rows, range, out, |vector, out| vectors.decode(vector, out))
}
