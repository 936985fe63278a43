//! Statistics of a column in a segment (SPEC 7.3): for the whole of it, and for each vector.
//!
//! Values are widened to a *lane* of 8 bytes: signed integers to i64, unsigned ones and bool to
//! u64, floats to f64. Least and greatest pass NaN over, sums do not. The sum of a vector of
//! floats is defined to the bit, so that any reader's own sum of a whole vector equals it: eight
//! partial sums, the `l`-th over the vector's values `l, l + 8, ...` in order, each starting from
//! -0.0, combined as `((0+4) + (2+6)) + ((1+5) + (3+7))`; the sum of a segment adds those of its
//! vectors in order. Integers are summed exactly, in 128 bits.

use arrow_buffer::NullBuffer;

use crate::base::batch::{Column, Data};
use crate::base::bytes::{Malformed, Reader, put_slice};
use crate::base::schema::DataType;
use crate::codec::{self, Choice, Codec, VECTOR_ROWS};

/// What a column's values are widened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// i64
    Signed,
    /// u64
    Unsigned,
    /// f64
    Float,
}

impl Lane {
    /// The lane of a type; text and bytes have none, and no statistics but null counts.
    pub const fn of(ty: DataType) -> Option<Self> {
        match ty {
            DataType::I8 | DataType::I16 | DataType::I32 | DataType::I64 => Some(Self::Signed),
            DataType::U8 | DataType::U16 | DataType::U32 | DataType::U64 | DataType::Bool => {
                Some(Self::Unsigned)
            }
            DataType::F32 | DataType::F64 => Some(Self::Float),
            DataType::Utf8 | DataType::Binary => None,
        }
    }

    /// The type that holds the lane's values.
    pub const fn ty(self) -> DataType {
        match self {
            Self::Signed => DataType::I64,
            Self::Unsigned => DataType::U64,
            Self::Float => DataType::F64,
        }
    }
}

/// Statistics of a run of values. Lanes are held as their 8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Values that are neither null nor NaN; if there are none, `min` and `max` mean nothing.
    pub count: u64,
    /// Values that are NaN.
    pub nans: u64,
    /// Least value.
    pub min: u64,
    /// Greatest value.
    pub max: u64,
    /// Sum: an i128, or the bits of an f64.
    pub sum: u128,
    /// First value that is not null.
    pub first: u64,
    /// Last value that is not null.
    pub last: u64,
}

/// A numeric type as one of the lanes.
trait Value: Copy {
    /// Nothing sorts after it.
    const GREATEST: Self;
    /// Nothing sorts before it.
    const LEAST: Self;
    /// The value widened, as the lane's bits.
    fn lane(self) -> u64;
    /// The value as a float; only asked of floats.
    fn float(self) -> f64;
    /// The high and the low 32 bits of the value widened; only asked of integers. Summed apart, those
    /// of a vector overflow neither.
    fn halves(self) -> (i64, u64);
    /// True for a float that is not a number.
    fn is_nan(self) -> bool;
    /// True if `self` sorts before `other`, neither being NaN.
    fn less(self, other: Self) -> bool;
}

macro_rules! value {
    ($($ty:ty as $wide:ty),*) => {$(
        impl Value for $ty {
            const GREATEST: Self = <$ty>::MAX;
            const LEAST: Self = <$ty>::MIN;
            fn lane(self) -> u64 {
                <$wide>::from(self) as u64
            }
            fn float(self) -> f64 {
                self as f64
            }
            fn halves(self) -> (i64, u64) {
                let wide = <$wide>::from(self);
                ((wide >> 32) as i64, wide as u64 & 0xFFFF_FFFF)
            }
            fn is_nan(self) -> bool {
                false
            }
            fn less(self, other: Self) -> bool {
                self < other
            }
        }
    )*};
}
value!(
    i8 as i64, i16 as i64, i32 as i64, i64 as i64, u8 as u64, u16 as u64, u32 as u64, u64 as u64
);

macro_rules! float_value {
    ($($ty:ty),*) => {$(
        impl Value for $ty {
            const GREATEST: Self = <$ty>::INFINITY;
            const LEAST: Self = <$ty>::NEG_INFINITY;
            fn lane(self) -> u64 {
                f64::from(self).to_bits()
            }
            fn float(self) -> f64 {
                f64::from(self)
            }
            fn halves(self) -> (i64, u64) {
                (0, 0)
            }
            fn is_nan(self) -> bool {
                <$ty>::is_nan(self)
            }
            fn less(self, other: Self) -> bool {
                self < other
            }
        }
    )*};
}
float_value!(f32, f64);

/// Statistics of the whole column and of each of its vectors; `None` for text and bytes.
pub fn summarize(ty: DataType, column: &Column) -> Option<(Summary, Vec<Summary>)> {
    let lane = Lane::of(ty)?;
    let nulls = column.validity.as_ref();
    macro_rules! of {
        ($t:ty) => {
            vectors(column.values::<$t>(), nulls, lane)
        };
    }
    let vectors = match ty {
        DataType::I8 => of!(i8),
        DataType::I16 => of!(i16),
        DataType::I32 => of!(i32),
        DataType::I64 => of!(i64),
        DataType::U8 => of!(u8),
        DataType::U16 => of!(u16),
        DataType::U32 => of!(u32),
        DataType::U64 => of!(u64),
        DataType::F32 => of!(f32),
        DataType::F64 => of!(f64),
        DataType::Bool => match &column.data {
            Data::Bool(bits) => {
                let bytes: Vec<u8> = bits.iter().map(u8::from).collect();
                self::vectors(&bytes, nulls, lane)
            }
            _ => return None,
        },
        DataType::Utf8 | DataType::Binary => return None,
    };
    let mut whole: Option<Summary> = None;
    for vector in &vectors {
        whole = Some(whole.map_or(*vector, |sum| combine(lane, sum, vector)));
    }
    Some((whole.unwrap_or_default(), vectors))
}

fn vectors<T: Value>(values: &[T], nulls: Option<&NullBuffer>, lane: Lane) -> Vec<Summary> {
    let starts = (0..values.len()).step_by(VECTOR_ROWS);
    starts
        .map(|start| {
            let part = &values[start..(start + VECTOR_ROWS).min(values.len())];
            match nulls.map(|n| n.slice(start, part.len())).filter(|n| n.null_count() > 0) {
                None => summarize_dense(part, lane),
                Some(nulls) => summarize_sparse(part, &nulls, lane),
            }
        })
        .collect()
}

/// A vector without nulls: eight values a turn, in loops without branches for the compiler to
/// vectorize.
fn summarize_dense<T: Value>(values: &[T], lane: Lane) -> Summary {
    let (mut min, mut max) = ([T::GREATEST; 8], [T::LEAST; 8]);
    let (mut partial, mut nans) = ([-0.0f64; 8], 0u64);
    let (mut high, mut low) = (0i64, 0u64);
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (l, &value) in chunk.iter().enumerate() {
            // NaN sorts neither before nor after anything, so it is passed over.
            min[l] = if value.less(min[l]) { value } else { min[l] };
            max[l] = if max[l].less(value) { value } else { max[l] };
            nans += u64::from(value.is_nan());
            match lane {
                Lane::Float => partial[l] += value.float(),
                _ => (high, low) = (high + value.halves().0, low + value.halves().1),
            }
        }
    }
    for (l, &value) in rest.iter().enumerate() {
        min[l] = if value.less(min[l]) { value } else { min[l] };
        max[l] = if max[l].less(value) { value } else { max[l] };
        nans += u64::from(value.is_nan());
        partial[l] += value.float();
        (high, low) = (high + value.halves().0, low + value.halves().1);
    }
    let least = min.into_iter().reduce(|a, b| if b.less(a) { b } else { a });
    let greatest = max.into_iter().reduce(|a, b| if a.less(b) { b } else { a });
    let count = values.len() as u64 - nans;
    Summary {
        count,
        nans,
        min: least.filter(|_| count > 0).map_or(0, Value::lane),
        max: greatest.filter(|_| count > 0).map_or(0, Value::lane),
        sum: sum_bits(lane, partial, high, low),
        first: values.first().map_or(0, |v| v.lane()),
        last: values.last().map_or(0, |v| v.lane()),
    }
}

/// A vector with nulls, value by value.
fn summarize_sparse<T: Value>(values: &[T], nulls: &NullBuffer, lane: Lane) -> Summary {
    let (mut count, mut nans) = (0, 0);
    let (mut min, mut max) = (T::GREATEST, T::LEAST);
    let (mut first, mut last) = (None, None);
    let (mut partial, mut high, mut low) = ([-0.0f64; 8], 0i64, 0u64);
    for i in nulls.valid_indices() {
        let value = values[i];
        first = first.or(Some(value));
        last = Some(value);
        partial[i % 8] += value.float();
        (high, low) = (high + value.halves().0, low + value.halves().1);
        if value.is_nan() {
            nans += 1;
            continue;
        }
        count += 1;
        min = if value.less(min) { value } else { min };
        max = if max.less(value) { value } else { max };
    }
    Summary {
        count,
        nans,
        min: if count > 0 { min.lane() } else { 0 },
        max: if count > 0 { max.lane() } else { 0 },
        sum: sum_bits(lane, partial, high, low),
        first: first.map_or(0, Value::lane),
        last: last.map_or(0, Value::lane),
    }
}

fn sum_bits(lane: Lane, partial: [f64; 8], high: i64, low: u64) -> u128 {
    match lane {
        Lane::Float => u128::from(fold(partial).to_bits()),
        _ => ((i128::from(high) << 32) + i128::from(low)) as u128,
    }
}

fn fold(p: [f64; 8]) -> f64 {
    ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]))
}

/// The statistics of `a`'s values followed by `b`'s.
pub fn combine(lane: Lane, a: Summary, b: &Summary) -> Summary {
    let less = |x: u64, y: u64| match lane {
        Lane::Signed => (x as i64) < y as i64,
        Lane::Unsigned => x < y,
        Lane::Float => f64::from_bits(x) < f64::from_bits(y),
    };
    let (a_any, b_any) = (a.count + a.nans > 0, b.count + b.nans > 0);
    let sum = match lane {
        Lane::Float => {
            let add = f64::from_bits(a.sum as u64) + f64::from_bits(b.sum as u64);
            u128::from(add.to_bits())
        }
        _ => a.sum.wrapping_add(b.sum),
    };
    Summary {
        count: a.count + b.count,
        nans: a.nans + b.nans,
        min: if a.count == 0 || (b.count > 0 && less(b.min, a.min)) { b.min } else { a.min },
        max: if a.count == 0 || (b.count > 0 && less(a.max, b.max)) { b.max } else { a.max },
        sum,
        first: if a_any { a.first } else { b.first },
        last: if b_any { b.last } else { a.last },
    }
}

const SUMMARY_LEN: usize = 64;

impl Summary {
    /// Appends the 64 bytes of a whole column's summary: count, NaNs, min, max, sum (16), first,
    /// last.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for field in [self.count, self.nans, self.min, self.max] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&self.sum.to_le_bytes());
        for field in [self.first, self.last] {
            out.extend_from_slice(&field.to_le_bytes());
        }
    }

    /// Reads those bytes.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, Malformed> {
        let what = "statistics";
        if r.remaining() < SUMMARY_LEN {
            return Err(r.malformed(what));
        }
        let (count, nans, min, max) = (r.u64(what)?, r.u64(what)?, r.u64(what)?, r.u64(what)?);
        let sum = u128::from(r.u64(what)?) | u128::from(r.u64(what)?) << 64;
        Ok(Self { count, nans, min, max, sum, first: r.u64(what)?, last: r.u64(what)? })
    }
}

/// Appends the vectors' statistics as five packed columns: counts, minima, maxima and sums (low
/// and, for integers, high halves), each a codec byte, a u32 length and that codec's payload.
pub fn encode_vectors(lane: Lane, vectors: &[Summary], out: &mut Vec<u8>) {
    let of = |field: fn(&Summary) -> u64| vectors.iter().map(field).collect::<Vec<u64>>();
    put_packed(DataType::U64, of(|v| v.count), out);
    put_packed(lane.ty(), of(|v| v.min), out);
    put_packed(lane.ty(), of(|v| v.max), out);
    put_packed(lane.ty(), of(|v| v.sum as u64), out);
    if lane != Lane::Float {
        put_packed(DataType::I64, of(|v| (v.sum >> 64) as u64), out);
    }
}

fn put_packed(ty: DataType, values: Vec<u64>, out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    let codec = codec::encode(ty, &Column::from_vec(values), Choice::Smallest, &mut payload);
    out.push(codec as u8);
    put_slice(out, &payload);
}

/// Reads the vectors' statistics; their `nans`, `first` and `last` are not kept and come as 0.
pub fn decode_vectors(lane: Lane, count: usize, bytes: &[u8]) -> Result<Vec<Summary>, Malformed> {
    let mut r = Reader::new(bytes);
    let counts = read_packed(DataType::U64, count, &mut r)?;
    let min = read_packed(lane.ty(), count, &mut r)?;
    let max = read_packed(lane.ty(), count, &mut r)?;
    let low = read_packed(lane.ty(), count, &mut r)?;
    let high = match lane {
        Lane::Float => vec![0; count],
        _ => read_packed(DataType::I64, count, &mut r)?,
    };
    r.finish("vector statistics")?;
    let zipped = counts.into_iter().zip(min).zip(max).zip(low).zip(high);
    let summaries = zipped.map(|((((count, min), max), low), high)| {
        let sum = u128::from(low) | u128::from(high) << 64;
        Summary { count, min, max, sum, ..Summary::default() }
    });
    Ok(summaries.collect())
}

fn read_packed(ty: DataType, count: usize, r: &mut Reader<'_>) -> Result<Vec<u64>, Malformed> {
    let bad = r.malformed("vector statistics");
    let codec = Codec::from_code(r.u8("codec")?).ok_or(bad)?;
    let payload = r.slice("vector statistics")?;
    let mut out = vec![0u8; count * 8];
    codec::decode_fixed(codec, ty, payload, count, 0..count, &mut out).map_err(|_| bad)?;
    Ok(out.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_pass_nan_over_but_sum_it() {
        let values = vec![f64::NAN, 2.0, -1.0, 4.5];
        let nulls = NullBuffer::from(vec![true, true, true, false]);
        let column = Column::from_vec(values).with_validity(Some(nulls));
        let (whole, vectors) = summarize(DataType::F64, &column).unwrap();
        assert_eq!((whole.count, whole.nans, vectors.len()), (2, 1, 1));
        assert_eq!((f64::from_bits(whole.min), f64::from_bits(whole.max)), (-1.0, 2.0));
        assert!(f64::from_bits(whole.sum as u64).is_nan());
        assert!(f64::from_bits(whole.first).is_nan());
        assert_eq!(f64::from_bits(whole.last), -1.0);
    }

    #[test]
    fn a_dense_vector_is_summed_as_a_sparse_one_is() {
        let values: Vec<f64> = (0..1021).map(|i| 1.0 / f64::from(i - 300)).collect();
        let all = NullBuffer::new_valid(values.len());
        assert_eq!(
            summarize_dense(&values, Lane::Float),
            summarize_sparse(&values, &all, Lane::Float)
        );
        let numbers: Vec<u64> = (0..1021u64).map(|i| u64::MAX - i * i).collect();
        assert_eq!(
            summarize_dense(&numbers, Lane::Unsigned),
            summarize_sparse(&numbers, &all, Lane::Unsigned)
        );
        let nan = summarize_dense(&[f64::NAN; 3], Lane::Float);
        assert_eq!((nan.count, nan.nans, nan.min, nan.max), (0, 3, 0, 0));
    }

    #[test]
    fn integers_are_summed_exactly_over_vectors() {
        let values: Vec<i64> = (0..3000).map(|i| if i % 2 == 0 { i64::MAX } else { -i }).collect();
        let (whole, vectors) = summarize(DataType::I64, &Column::from_vec(values.clone())).unwrap();
        assert_eq!(vectors.len(), 3);
        assert_eq!(whole.sum as i128, values.iter().map(|v| i128::from(*v)).sum::<i128>());
        assert_eq!((whole.min as i64, whole.max as i64), (-2999, i64::MAX));
        let mut bytes = vec![];
        encode_vectors(Lane::Signed, &vectors, &mut bytes);
        let read = decode_vectors(Lane::Signed, 3, &bytes).unwrap();
        for (read, made) in read.iter().zip(&vectors) {
            assert_eq!(
                (read.count, read.min, read.max, read.sum),
                (made.count, made.min, made.max, made.sum)
            );
        }
        assert!(decode_vectors(Lane::Signed, 4, &bytes).is_err());
    }

    #[test]
    fn a_summary_survives() {
        let whole = Summary { count: 1, nans: 2, min: 3, max: 4, sum: 5 << 70, first: 6, last: 7 };
        let mut bytes = vec![];
        whole.encode(&mut bytes);
        assert_eq!(
            (Summary::decode(&mut Reader::new(&bytes)), bytes.len()),
            (Ok(whole), SUMMARY_LEN)
        );
    }
}
