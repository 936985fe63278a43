//! The values of a column as they stand in rows, one after the other without gaps; as columns of the
//! kernel, and back.

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, Buffer, NullBuffer};

use crate::base::{Column, Data, DataType};
use crate::series::fit::F16;
use crate::series::{Field, Kind};
use crate::store::pages::Pages;

/// The values of a column.
#[derive(Debug, Clone)]
pub struct Values {
    /// As many bytes for each row as the field has. Those of a null are zeros, or not a time.
    pub bytes: Buffer,
    /// Which rows have a value, if some have none.
    pub validity: Option<NullBuffer>,
}

impl Values {
    /// Those of several pieces, one after the other.
    pub fn concat(pieces: &[Self], size: usize) -> Self {
        let len = pieces.iter().map(|piece| piece.bytes.len()).sum();
        let (mut bytes, mut at) = (Pages::new(len), 0);
        for piece in pieces {
            bytes.bytes()[at..at + piece.bytes.len()].copy_from_slice(&piece.bytes);
            at += piece.bytes.len();
        }
        let mut valid = BooleanBufferBuilder::new(len / size);
        for piece in pieces {
            match &piece.validity {
                Some(nulls) => valid.append_buffer(nulls.inner()),
                None => valid.append_n(piece.bytes.len() / size, true),
            }
        }
        let nulls = NullBuffer::new(valid.finish());
        let validity = Some(nulls).filter(|nulls| nulls.null_count() > 0);
        Self { bytes: bytes.into_buffer(), validity }
    }
}

/// What stands for a time that is none, as in NumPy.
pub(super) const NOT_A_TIME: i64 = i64::MIN;

impl Field {
    /// What a column of the kernel is that holds its values. A row's several values are bytes there.
    pub fn data_type(&self) -> DataType {
        if self.count.is_some() {
            return DataType::Binary;
        }
        match (self.kind, self.width) {
            (Kind::Int, 1) => DataType::I8,
            (Kind::Int, 2) => DataType::I16,
            (Kind::Int, 4) => DataType::I32,
            (Kind::Int, _) | (Kind::Time(_), _) => DataType::I64,
            (Kind::UInt, 1) => DataType::U8,
            (Kind::UInt, 2) => DataType::U16,
            (Kind::UInt, 4) => DataType::U32,
            (Kind::UInt, _) => DataType::U64,
            (Kind::Float, 2 | 4) => DataType::F32,
            (Kind::Float, _) => DataType::F64,
            (Kind::Bool, _) => DataType::Bool,
            (Kind::Bytes | Kind::Pascal, _) => DataType::Binary,
        }
    }

    /// Values as a column of the kernel. What is not a time is null there.
    pub fn to_column(&self, values: &Values) -> Column {
        let Values { bytes, validity } = values;
        let data = match (self.kind, self.count) {
            (_, Some(_)) => Column::from_texts(bytes.chunks_exact(self.size())).data,
            (Kind::Bytes, None) => {
                Column::from_texts(bytes.chunks_exact(self.width).map(without_zeros)).data
            }
            (Kind::Pascal, None) => {
                let texts = bytes.chunks_exact(self.width).map(|text| &text[1..]);
                let lens = bytes.chunks_exact(self.width).map(|text| usize::from(text[0]));
                let texts = texts.zip(lens).map(|(text, len)| &text[..len.min(text.len())]);
                Column::from_texts(texts).data
            }
            (Kind::Bool, None) => {
                Data::Bool(BooleanBuffer::collect_bool(bytes.len(), |row| bytes[row] != 0))
            }
            (Kind::Float, None) if self.width == 2 => {
                let halves = self.in_our_order(bytes);
                let halves = halves.typed_data::<u16>().iter();
                let wide = halves.map(|bits| F16::from_bits(*bits).to_f32());
                Data::Fixed(wide.collect::<Vec<_>>().into())
            }
            _ => Data::Fixed(self.in_our_order(bytes)),
        };
        let column = Column { data, validity: None }.with_validity(validity.clone());
        match self.kind {
            Kind::Time(_) if self.count.is_none() => without_none(column),
            _ => column,
        }
    }

    /// Values of a column that [`Field::to_column`] made, or the kernel kept since.
    pub fn to_values(&self, column: &Column) -> Values {
        let validity = column.validity.clone();
        let bytes = match &column.data {
            Data::Fixed(values) => match self.kind {
                Kind::Float if self.width == 2 => {
                    let wide = values.typed_data::<f32>().iter();
                    let bits = wide.map(|float| F16::from_f32(*float).to_bits());
                    self.in_our_order(&bits.collect::<Vec<u16>>().into())
                }
                Kind::Time(_) => self.in_our_order(&with_none(values, validity.as_ref())),
                _ => self.in_our_order(values),
            },
            Data::Bool(bits) => bits.iter().map(u8::from).collect::<Vec<u8>>().into(),
            Data::Bytes { offsets, .. } => {
                let rows = offsets.len() - 1;
                let mut bytes = vec![0; rows * self.size()];
                let texts = (0..rows).map(|row| column.bytes_at(row));
                for (to, text) in bytes.chunks_exact_mut(self.size()).zip(texts) {
                    self.put_bytes(to, text);
                }
                bytes.into()
            }
        };
        Values { bytes, validity }
    }

    /// Puts bytes into their place in a row, which is zeros; those that find none are left out.
    pub(super) fn put_bytes(&self, to: &mut [u8], text: &[u8]) {
        let before = usize::from(self.kind == Kind::Pascal && self.count.is_none());
        let len = text.len().min(to.len() - before);
        to[before..before + len].copy_from_slice(&text[..len]);
        if before > 0 {
            to[0] = len as u8;
        }
    }

    /// The bytes of numbers in the other order if theirs is not this machine's. It is its own
    /// opposite.
    pub(super) fn in_our_order(&self, bytes: &Buffer) -> Buffer {
        if !self.big_endian {
            return bytes.clone();
        }
        let mut turned = bytes.to_vec();
        turned.chunks_exact_mut(self.width).for_each(<[u8]>::reverse);
        // Aligned as the numbers want it.
        Buffer::from(turned.as_slice())
    }
}

/// A text without the zeros at its end.
pub(super) fn without_zeros(text: &[u8]) -> &[u8] {
    let len = text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &text[..len]
}

/// Nulls for what is not a time.
fn without_none(column: Column) -> Column {
    let times = column.values::<i64>();
    if !times.contains(&NOT_A_TIME) {
        return column;
    }
    let valid = BooleanBuffer::collect_bool(times.len(), |row| times[row] != NOT_A_TIME);
    let validity = NullBuffer::union(Some(&NullBuffer::new(valid)), column.validity.as_ref());
    column.with_validity(validity)
}

fn with_none(times: &Buffer, validity: Option<&NullBuffer>) -> Buffer {
    let Some(validity) = validity else { return times.clone() };
    let times = times.typed_data::<i64>().iter().zip(validity.iter());
    times.map(|(time, valid)| if valid { *time } else { NOT_A_TIME }).collect::<Vec<_>>().into()
}
