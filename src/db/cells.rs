//! The column cells of a memtable's chunk: what `index::memtable` carries for a table.

#![allow(unsafe_code)] // passes on the one-writer promise of `AppendVec`

use std::ops::Range;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::base::batch::{Column, Data};
use crate::base::builder::ColumnBuilder;
use crate::base::schema::DataType;
use crate::base::value::Value;
use crate::index::append_vec::AppendVec;
use crate::index::memtable::Payload;
use arrow_buffer::{BooleanBuffer, NullBuffer};

/// The cells of all columns of a chunk.
#[derive(Debug)]
pub(crate) struct Cells(Vec<ColumnCells>);

#[derive(Debug)]
struct ColumnCells {
    ty: DataType,
    values: Values,
    /// A byte a row, 1 if valid: bits would be shared between what readers read and the writer.
    valid: AppendVec<u8>,
}

#[derive(Debug)]
enum Values {
    W1(AppendVec<u8>),
    W2(AppendVec<u16>),
    W4(AppendVec<u32>),
    W8(AppendVec<u64>),
    Text(Texts),
}

impl Payload for Cells {
    type Layout = Vec<DataType>;

    fn with_capacity(types: &Vec<DataType>, rows: usize) -> Self {
        let column = |ty: &DataType| ColumnCells {
            ty: *ty,
            values: match ty.width() {
                Some(1) => Values::W1(AppendVec::with_capacity(rows)),
                Some(2) => Values::W2(AppendVec::with_capacity(rows)),
                Some(4) => Values::W4(AppendVec::with_capacity(rows)),
                Some(_) => Values::W8(AppendVec::with_capacity(rows)),
                None if *ty == DataType::Bool => Values::W1(AppendVec::with_capacity(rows)),
                None => Values::Text(Texts::with_capacity(rows)),
            },
            valid: AppendVec::with_capacity(rows),
        };
        Self(types.iter().map(column).collect())
    }
}

impl Cells {
    /// Appends one row. The values fit the columns.
    ///
    /// # Safety
    /// No other thread may be appending to the same chunk.
    #[inline]
    pub(crate) unsafe fn push_row(&self, values: &[Value<'_>]) {
        for (column, value) in self.0.iter().zip(values) {
            // SAFETY: passed on to the caller.
            unsafe { column.push(*value) };
        }
    }

    /// Appends `len` rows of `columns` from `start` on. The columns are of the right types.
    ///
    /// # Safety
    /// No other thread may be appending to the same chunk.
    pub(crate) unsafe fn push_columns(&self, columns: &[Column], start: usize, len: usize) {
        for (cells, column) in self.0.iter().zip(columns) {
            // SAFETY: passed on to the caller.
            unsafe { cells.extend(column, start, len) };
        }
    }

    /// Appends the cells of column `position` in `rows` to `out`.
    pub(crate) fn read(&self, position: usize, rows: Range<usize>, out: &mut ColumnBuilder) {
        let len = rows.len();
        match self.0.get(position) {
            Some(cells) => out.extend(&cells.column(rows), 0, len),
            // The column was added after the chunk was begun.
            None => out.extend(&Column::nulls(out.ty(), len), 0, len),
        }
    }
}

impl ColumnCells {
    /// # Safety
    /// No other thread may be appending to the same chunk.
    #[inline]
    unsafe fn push(&self, value: Value<'_>) {
        let bits = match value {
            Value::Null | Value::Str(_) | Value::Bytes(_) => 0,
            Value::Bool(v) => u64::from(v),
            Value::Int(v) => v as u64,
            Value::UInt(v) => v,
            Value::Float(v) if self.ty == DataType::F32 => u64::from((v as f32).to_bits()),
            Value::Float(v) => v.to_bits(),
        };
        // SAFETY: passed on to the caller, throughout. The casts keep the low bits, which are the
        // value: it was checked to fit the column.
        unsafe {
            match &self.values {
                Values::W1(cells) => cells.push(bits as u8),
                Values::W2(cells) => cells.push(bits as u16),
                Values::W4(cells) => cells.push(bits as u32),
                Values::W8(cells) => cells.push(bits),
                Values::Text(cells) => match value {
                    Value::Str(text) => cells.push(text.as_bytes()),
                    Value::Bytes(bytes) => cells.push(bytes),
                    _ => cells.push(&[]),
                },
            }
            self.valid.push(u8::from(value != Value::Null));
        }
    }

    /// # Safety
    /// No other thread may be appending to the same chunk.
    unsafe fn extend(&self, column: &Column, start: usize, len: usize) {
        let rows = start..start + len;
        // SAFETY: passed on to the caller, throughout.
        unsafe {
            match (&self.values, &column.data) {
                (Values::W1(cells), Data::Bool(bits)) => {
                    for row in rows.clone() {
                        cells.push(u8::from(bits.value(row)));
                    }
                }
                (Values::W1(cells), _) => cells.extend(&column.values()[rows.clone()]),
                (Values::W2(cells), _) => cells.extend(&column.values()[rows.clone()]),
                (Values::W4(cells), _) => cells.extend(&column.values()[rows.clone()]),
                (Values::W8(cells), _) => cells.extend(&column.values()[rows.clone()]),
                (Values::Text(cells), _) => {
                    for row in rows.clone() {
                        cells.push(if column.is_valid(row) { column.bytes_at(row) } else { &[] });
                    }
                }
            }
            for row in rows {
                self.valid.push(u8::from(column.is_valid(row)));
            }
        }
    }

    fn column(&self, rows: Range<usize>) -> Column {
        let valid = &self.valid.as_slice()[rows.clone()];
        let data = match &self.values {
            Values::W1(cells) if self.ty == DataType::Bool => {
                let cells = &cells.as_slice()[rows];
                Data::Bool(BooleanBuffer::collect_bool(cells.len(), |i| cells[i] != 0))
            }
            Values::W1(cells) => Column::from_vec(cells.as_slice()[rows].to_vec()).data,
            Values::W2(cells) => Column::from_vec(cells.as_slice()[rows].to_vec()).data,
            Values::W4(cells) => Column::from_vec(cells.as_slice()[rows].to_vec()).data,
            Values::W8(cells) => Column::from_vec(cells.as_slice()[rows].to_vec()).data,
            Values::Text(cells) => cells.column(rows).data,
        };
        let validity = valid
            .contains(&0)
            .then(|| NullBuffer::new(BooleanBuffer::collect_bool(valid.len(), |i| valid[i] != 0)));
        Column { data, validity }
    }
}

/// Texts of a chunk: where each is, in blocks that are added as they fill up.
#[derive(Debug)]
struct Texts {
    places: AppendVec<Place>,
    blocks: RwLock<Vec<Arc<AppendVec<u8>>>>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    block: u32,
    at: u32,
    len: u32,
}

/// The first block of texts; each next one is twice as large, up to the second number.
const TEXT_BLOCK: (usize, usize) = (4 << 10, 4 << 20);

impl Texts {
    fn with_capacity(rows: usize) -> Self {
        Self { places: AppendVec::with_capacity(rows), blocks: RwLock::new(Vec::new()) }
    }

    /// # Safety
    /// No other thread may be appending to the same chunk.
    #[inline]
    unsafe fn push(&self, text: &[u8]) {
        if self.blocks.read().last().is_none_or(|block| block.room() < text.len()) {
            self.add_block(text.len());
        }
        let blocks = self.blocks.read();
        if let Some(bytes) = blocks.last() {
            let at = (bytes.capacity() - bytes.room()) as u32;
            let place = Place { block: blocks.len() as u32 - 1, at, len: text.len() as u32 };
            // SAFETY: passed on to the caller. The bytes are published before the place is.
            unsafe {
                bytes.extend(text);
                self.places.push(place);
            }
        }
    }

    #[cold]
    fn add_block(&self, at_least: usize) {
        let mut blocks = self.blocks.write();
        let twice = blocks.last().map_or(TEXT_BLOCK.0, |block| block.capacity() * 2);
        let bytes = twice.min(TEXT_BLOCK.1).max(at_least);
        blocks.push(Arc::new(AppendVec::with_capacity(bytes)));
    }

    fn column(&self, rows: Range<usize>) -> Column {
        let places = &self.places.as_slice()[rows];
        let blocks = self.blocks.read().clone();
        Column::from_texts(
            places.iter().map(|p| {
                &blocks[p.block as usize].as_slice()[p.at as usize..(p.at + p.len) as usize]
            }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_as_they_went_in() {
        let types = vec![DataType::F32, DataType::Utf8, DataType::Bool, DataType::I8];
        let cells = Cells::with_capacity(&types, 10);
        let long = "x".repeat(TEXT_BLOCK.0 + 1);
        let columns = vec![
            Column::from_vec(vec![1.5f32, 2.5]),
            Column::from_texts(["", "långt"])
                .with_validity(Some(NullBuffer::from(vec![false, true]))),
            Column { data: Data::Bool(BooleanBuffer::from(vec![true, false])), validity: None },
            Column::from_vec(vec![-1i8, 1]),
        ];
        let row = [Value::Float(0.1), Value::Str(&long), Value::Null, Value::Int(-128)];
        // SAFETY: only this thread writes.
        unsafe {
            cells.push_columns(&columns, 0, 2);
            cells.push_row(&row);
        }
        let read = |position: usize| {
            let mut out = ColumnBuilder::new(types[position], 2);
            cells.read(position, 1..3, &mut out);
            out.finish()
        };
        assert_eq!(read(0).values::<f32>(), &[2.5, 0.1]);
        assert_eq!(
            (read(1).bytes_at(0), read(1).bytes_at(1)),
            ("långt".as_bytes(), long.as_bytes())
        );
        assert_eq!((read(2).is_valid(0), read(2).is_valid(1)), (true, false));
        assert_eq!(read(3).values::<i8>(), &[1, -128]);
    }
}
