//! Putting columns together from stretches of others, and reordering them.

use arrow_buffer::{
    ArrowNativeType, BooleanBufferBuilder, Buffer, MutableBuffer, NullBuffer, NullBufferBuilder,
    OffsetBuffer, ScalarBuffer,
};

use crate::base::batch::{Column, Data};
use crate::base::schema::DataType;
use crate::error::{Error, Result};

/// A column being put together. All stretches are of its type.
#[derive(Debug)]
pub struct ColumnBuilder {
    ty: DataType,
    rows: usize,
    values: Values,
    validity: NullBufferBuilder,
}

#[derive(Debug)]
enum Values {
    Fixed(MutableBuffer),
    Bool(BooleanBufferBuilder),
    Bytes { offsets: Vec<i32>, values: Vec<u8> },
}

impl ColumnBuilder {
    /// An empty column, with room for `rows` values.
    pub fn new(ty: DataType, rows: usize) -> Self {
        let values = match ty.width() {
            Some(width) => Values::Fixed(MutableBuffer::with_capacity(rows * width)),
            None if ty == DataType::Bool => Values::Bool(BooleanBufferBuilder::new(rows)),
            None => {
                let mut offsets = Vec::with_capacity(rows + 1);
                offsets.push(0);
                Values::Bytes { offsets, values: Vec::new() }
            }
        };
        Self { ty, rows: 0, values, validity: NullBufferBuilder::new(rows) }
    }

    /// Their type.
    pub fn ty(&self) -> DataType {
        self.ty
    }

    /// How many values it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of text it has; what limits a column of text is 2 GiB of them.
    pub fn text_bytes(&self) -> usize {
        match &self.values {
            Values::Bytes { values, .. } => values.len(),
            _ => 0,
        }
    }

    /// Bytes of memory the values take: [`Column::byte_size`] of what it will be.
    pub fn byte_size(&self) -> usize {
        match &self.values {
            Values::Fixed(out) => out.len(),
            Values::Bool(out) => out.len().div_ceil(8),
            Values::Bytes { values, .. } => values.len() + self.rows * 4,
        }
    }

    /// Appends `len` values of `column` from `start` on.
    pub fn extend(&mut self, column: &Column, start: usize, len: usize) {
        match (&mut self.values, &column.data) {
            (Values::Fixed(out), Data::Fixed(buffer)) => {
                let width = self.ty.width().unwrap_or(1);
                out.extend_from_slice(&buffer[start * width..(start + len) * width]);
            }
            (Values::Bool(out), Data::Bool(bits)) => {
                out.append_buffer(&bits.slice(start, len));
            }
            (Values::Bytes { offsets, values }, Data::Bytes { offsets: from, values: bytes }) => {
                let (first, last) = (from[start] as usize, from[start + len] as usize);
                let shift = values.len() as i64 - first as i64;
                values.extend_from_slice(&bytes[first..last]);
                // Callers keep a column below 2 GiB of text, so this neither wraps nor cuts.
                offsets.extend(
                    from[start + 1..=start + len].iter().map(|o| (i64::from(*o) + shift) as i32),
                );
            }
            _ => panic!("a column of {} is built from another type", self.ty),
        }
        match &column.validity {
            None => self.validity.append_n_non_nulls(len),
            Some(nulls) => self.validity.append_buffer(&nulls.slice(start, len)),
        }
        self.rows += len;
    }

    /// Appends stretches of `columns`: of which, from where on, and how many values. There may be
    /// many, of one value each.
    pub fn extend_from(
        &mut self,
        columns: &[&Column],
        stretches: impl Iterator<Item = (usize, usize, usize)>,
    ) {
        let plain = columns.iter().map(|column| match &column.data {
            Data::Fixed(values) if column.validity.is_none() => Some(values.as_slice()),
            _ => None,
        });
        match plain.collect::<Option<Vec<_>>>() {
            Some(values) => self.extend_bytes_from(&values, stretches),
            None => stretches.for_each(|(of, start, len)| self.extend(columns[of], start, len)),
        }
    }

    /// The same, of values as the bytes of their type, all valid. For types of fixed width.
    pub fn extend_bytes_from(
        &mut self,
        values: &[&[u8]],
        stretches: impl Iterator<Item = (usize, usize, usize)>,
    ) {
        let Values::Fixed(out) = &mut self.values else { return };
        let rows = match self.ty.width() {
            Some(8) => copy::<8>(out, values, stretches),
            Some(4) => copy::<4>(out, values, stretches),
            Some(2) => copy::<2>(out, values, stretches),
            _ => copy::<1>(out, values, stretches),
        };
        self.validity.append_n_non_nulls(rows);
        self.rows += rows;
    }

    /// The column.
    pub fn finish(mut self) -> Column {
        let data = match self.values {
            Values::Fixed(out) => Data::Fixed(out.into()),
            Values::Bool(mut out) => Data::Bool(out.finish()),
            Values::Bytes { offsets, values } => Data::Bytes {
                offsets: OffsetBuffer::new(ScalarBuffer::from(offsets)),
                values: Buffer::from_vec(values),
            },
        };
        Column { data, validity: None }.with_validity(self.validity.finish())
    }
}

/// Appends stretches of values of so many bytes, and says how many values they are.
fn copy<const WIDTH: usize>(
    out: &mut MutableBuffer,
    values: &[&[u8]],
    stretches: impl Iterator<Item = (usize, usize, usize)>,
) -> usize {
    let mut rows = 0;
    for (of, start, len) in stretches {
        let bytes = &values[of][start * WIDTH..(start + len) * WIDTH];
        match <&[u8; WIDTH]>::try_from(bytes) {
            Ok(one) => out.extend_from_slice(one),
            Err(_) => out.extend_from_slice(bytes),
        }
        rows += len;
    }
    rows
}

/// The values of `pieces`, columns of type `ty`, as one column. One piece is shared, not copied.
///
/// # Errors
/// `InvalidInput` if they hold 2 GiB of text, which no column can.
pub fn concat(ty: DataType, pieces: &[Column]) -> Result<Column> {
    if let [piece] = pieces {
        return Ok(piece.clone());
    }
    check_text(pieces.iter().map(text_bytes).sum())?;
    let rows = || pieces.iter().map(|piece| piece.len(ty));
    let mut all = ColumnBuilder::new(ty, rows().sum());
    for (piece, rows) in pieces.iter().zip(rows()) {
        all.extend(piece, 0, rows);
    }
    Ok(all.finish())
}

fn check_text(bytes: u64) -> Result<()> {
    if i32::try_from(bytes).is_err() {
        return Err(Error::invalid(format!(
            "{bytes} bytes of text do not fit one column, which holds less than 2 GiB; read them \
             in pieces"
        )));
    }
    Ok(())
}

fn text_bytes(column: &Column) -> u64 {
    match &column.data {
        Data::Bytes { offsets, .. } => {
            let ends = offsets.first().zip(offsets.last());
            ends.map_or(0, |(first, last)| u64::from(last.abs_diff(*first)))
        }
        Data::Fixed(_) | Data::Bool(_) => 0,
    }
}

/// The values of `column` at `rows`, in that order, for rows that may stand there many times.
///
/// # Errors
/// `InvalidInput` if they hold 2 GiB of text, which no column can.
pub fn repeat(column: &Column, ty: DataType, rows: &[u32]) -> Result<Column> {
    if ty.is_bytes() {
        check_text(rows.iter().map(|&row| column.bytes_at(row as usize).len() as u64).sum())?;
    }
    Ok(take(column, ty, rows))
}

/// The values of `column` at `rows`, in that order.
pub fn take(column: &Column, ty: DataType, rows: &[u32]) -> Column {
    let data = match &column.data {
        Data::Fixed(buffer) => Data::Fixed(match ty.width() {
            Some(1) => gather(buffer.typed_data::<u8>(), rows),
            Some(2) => gather(buffer.typed_data::<u16>(), rows),
            Some(4) => gather(buffer.typed_data::<u32>(), rows),
            _ => gather(buffer.typed_data::<u64>(), rows),
        }),
        Data::Bool(bits) => Data::Bool(rows.iter().map(|&row| bits.value(row as usize)).collect()),
        Data::Bytes { offsets, values } => take_bytes(offsets, values, rows),
    };
    let validity = column.validity.as_ref().map(|nulls| {
        NullBuffer::new(rows.iter().map(|&row| nulls.is_valid(row as usize)).collect())
    });
    Column { data, validity: None }.with_validity(validity)
}

/// Rows of text, no more than a column holds.
fn take_bytes(offsets: &[i32], values: &[u8], rows: &[u32]) -> Data {
    let ends = |row: &u32| (offsets[*row as usize] as usize, offsets[*row as usize + 1] as usize);
    let total = rows.iter().map(ends).map(|(start, end)| end - start).sum();
    assert!(i32::try_from(total).is_ok(), "a column holds less than 2 GiB");
    let (mut to, mut bytes) = (Vec::with_capacity(rows.len() + 1), Vec::with_capacity(total));
    to.push(0);
    for (start, end) in rows.iter().map(ends) {
        bytes.extend_from_slice(&values[start..end]);
        to.push(bytes.len() as i32);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(to));
    Data::Bytes { offsets, values: Buffer::from_vec(bytes) }
}

/// The values at `rows`, in that order.
pub fn gather<T: ArrowNativeType>(values: &[T], rows: &[u32]) -> Buffer {
    Buffer::from_vec(rows.iter().map(|&row| values[row as usize]).collect::<Vec<T>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_and_takes_keep_values_and_nulls() {
        let nulls = |v: Vec<bool>| Some(NullBuffer::from(v));
        let a =
            Column::from_texts(["a", "bb", "ccc"]).with_validity(nulls(vec![true, false, true]));
        let b = Column::from_texts(["dddd"]);
        let mut builder = ColumnBuilder::new(DataType::Utf8, 4);
        builder.extend(&a, 1, 2);
        builder.extend(&b, 0, 1);
        assert_eq!((builder.rows(), builder.text_bytes()), (3, 9));
        let column = builder.finish();
        assert_eq!((column.bytes_at(1), column.bytes_at(2)), (&b"ccc"[..], &b"dddd"[..]));
        assert_eq!((column.null_count(), column.is_valid(0)), (1, false));
        let taken = take(&column, DataType::Utf8, &[2, 0, 2]);
        assert_eq!((taken.bytes_at(0), taken.is_valid(1)), (&b"dddd"[..], false));
        let taken = take(&Column::from_vec(vec![1u16, 2, 3]), DataType::U16, &[2, 2, 0]);
        assert_eq!(taken.values::<u16>(), &[3, 3, 1]);
    }

    #[test]
    fn stretches_of_several_columns_follow_each_other() {
        let stretches = [(1, 2, 1), (0, 0, 2), (1, 0, 0), (0, 3, 1), (1, 0, 3)];
        let collect = |ty, columns: &[&Column]| {
            let (mut at_once, mut each) = (ColumnBuilder::new(ty, 0), ColumnBuilder::new(ty, 0));
            at_once.extend_from(columns, stretches.into_iter());
            stretches.iter().for_each(|&(of, start, len)| each.extend(columns[of], start, len));
            let (at_once, each) = (at_once.finish(), each.finish());
            assert_eq!((at_once.len(ty), each.len(ty)), (7, 7));
            assert!(at_once.same_as(&each, ty), "{ty}");
        };
        let bytes = (Column::from_vec(vec![1u8, 2, 3, 4]), Column::from_vec(vec![5u8, 6, 7]));
        collect(DataType::U8, &[&bytes.0, &bytes.1]);
        let two = (Column::from_vec(vec![1i16, 2, 3, 4]), Column::from_vec(vec![5i16, 6, 7]));
        collect(DataType::I16, &[&two.0, &two.1]);
        let four = (Column::from_vec(vec![1i32, 2, 3, 4]), Column::from_vec(vec![5i32, 6, 7]));
        collect(DataType::I32, &[&four.0, &four.1]);
        let eight =
            (Column::from_vec(vec![0.5, 1.5, 2.5, 3.5]), Column::from_vec(vec![4.5, 5., 6.]));
        collect(DataType::F64, &[&eight.0, &eight.1]);
        let validity = Some(NullBuffer::from(vec![true, false, true]));
        collect(DataType::F64, &[&eight.0, &eight.1.clone().with_validity(validity)]);
        let texts =
            (Column::from_texts(["a", "", "ccc", "d"]), Column::from_texts(["x", "yy", "z"]));
        collect(DataType::Utf8, &[&texts.0, &texts.1]);
    }

    #[test]
    fn pieces_become_one_column() {
        let a = Column::from_vec(vec![1i64, 2]);
        let shared = concat(DataType::I64, std::slice::from_ref(&a)).unwrap();
        assert_eq!(shared.values::<i64>().as_ptr(), a.values::<i64>().as_ptr());
        let all = concat(DataType::I64, &[a, Column::nulls(DataType::I64, 1)]).unwrap();
        assert_eq!((&all.values::<i64>()[..2], all.null_count()), (&[1, 2][..], 1));
        assert_eq!(concat(DataType::Utf8, &[]).unwrap().len(DataType::Utf8), 0);
        let offsets = OffsetBuffer::new(vec![0, 1 << 30].into());
        let data = Data::Bytes { offsets, values: Buffer::from_vec(Vec::<u8>::new()) };
        let large = Column { data, validity: None };
        assert!(concat(DataType::Utf8, &[large.clone(), large]).is_err());
    }
}
