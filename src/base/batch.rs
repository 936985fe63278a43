//! Columns of values and batches of rows, over reference-counted Arrow buffers.
//!
//! A column's bytes are laid out as Arrow lays them out, so a batch becomes Arrow arrays without a
//! copy. The type of a column is not stored in it: it stands in the table's schema, and columns of
//! fixed width are handled by width alone wherever the meaning of the bits does not matter.

use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer,
};

use crate::base::schema::DataType;
use crate::base::value::Value;

/// The values of a column. At null positions they are arbitrary but readable.
///
/// ```
/// use chronolite::{Column, Data};
///
/// let temps = Column::from_vec(vec![20.5, 21.5]);
/// assert!(matches!(temps.data, Data::Fixed(_)));
/// let sites = Column::from_texts(["north", "south"]);
/// assert!(matches!(sites.data, Data::Bytes { .. }));
/// ```
#[derive(Debug, Clone)]
pub enum Data {
    /// Integers and floats: little-endian values of the type's width, aligned to it.
    Fixed(Buffer),
    /// Booleans, a bit each.
    Bool(BooleanBuffer),
    /// Text or bytes: value `i` is `values[offsets[i]..offsets[i + 1]]`.
    Bytes {
        /// One more offset than there are values.
        offsets: OffsetBuffer<i32>,
        /// The bytes of all values.
        values: Buffer,
    },
}

/// A column: values and which of them are null.
///
/// ```
/// use chronolite::arrow_buffer::NullBuffer;
/// use chronolite::{Column, DataType, Value};
///
/// let validity = NullBuffer::from(vec![true, false, true]);
/// let temps = Column::from_vec(vec![20.5, 0.0, 21.5]).with_validity(Some(validity));
/// assert_eq!((temps.len(DataType::F64), temps.null_count()), (3, 1));
/// assert_eq!(temps.value(DataType::F64, 1), Value::Null);
/// assert_eq!(temps.value(DataType::F64, 2), Value::Float(21.5));
/// ```
#[derive(Debug, Clone)]
pub struct Column {
    /// The values.
    pub data: Data,
    /// `None` if no value is null.
    pub validity: Option<NullBuffer>,
}

impl Column {
    /// A column of fixed width without nulls.
    ///
    /// ```
    /// use chronolite::Column;
    ///
    /// assert_eq!(Column::from_vec(vec![1i16, 2, 3]).values::<i16>(), [1, 2, 3]);
    /// ```
    pub fn from_vec<T: ArrowNativeType>(values: Vec<T>) -> Self {
        Self::from_buffer(Buffer::from_vec(values))
    }

    /// A column of fixed width without nulls, which shares its values.
    ///
    /// ```
    /// use chronolite::Column;
    /// use chronolite::arrow_buffer::Buffer;
    ///
    /// let values = Buffer::from_vec(vec![20.5, 21.5]);
    /// let column = Column::from_buffer(values.clone());
    /// assert_eq!(column.values::<f64>().as_ptr().cast(), values.as_ptr());
    /// ```
    pub fn from_buffer(values: Buffer) -> Self {
        Self { data: Data::Fixed(values), validity: None }
    }

    /// A column of text without nulls.
    ///
    /// ```
    /// use chronolite::Column;
    ///
    /// assert_eq!(Column::from_texts(["north", "south"]).bytes_at(1), b"south");
    /// ```
    pub fn from_texts<S: AsRef<[u8]>>(texts: impl IntoIterator<Item = S>) -> Self {
        let (mut offsets, mut values) = (vec![0i32], Vec::new());
        for text in texts {
            values.extend_from_slice(text.as_ref());
            offsets.push(i32::try_from(values.len()).expect("a column holds less than 2 GiB"));
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Self { data: Data::Bytes { offsets, values: Buffer::from_vec(values) }, validity: None }
    }

    /// `rows` nulls of the given type.
    ///
    /// ```
    /// use chronolite::{Column, DataType};
    ///
    /// assert_eq!(Column::nulls(DataType::Utf8, 3).null_count(), 3);
    /// ```
    pub fn nulls(ty: DataType, rows: usize) -> Self {
        let data = match ty.width() {
            Some(width) => {
                Data::Fixed(arrow_buffer::MutableBuffer::from_len_zeroed(rows * width).into())
            }
            None if ty == DataType::Bool => Data::Bool(BooleanBuffer::new_unset(rows)),
            None => Data::Bytes {
                offsets: OffsetBuffer::new_zeroed(rows),
                values: Buffer::from_vec(Vec::<u8>::new()),
            },
        };
        let validity = (rows > 0).then(|| NullBuffer::new_null(rows));
        Self { data, validity }
    }

    /// The same column with these nulls; a buffer that marks none is dropped.
    ///
    /// ```
    /// use chronolite::Column;
    /// use chronolite::arrow_buffer::NullBuffer;
    ///
    /// let column = Column::from_vec(vec![1i64, 2]);
    /// let column = column.with_validity(Some(NullBuffer::from(vec![true, false])));
    /// assert!(column.is_valid(0) && !column.is_valid(1));
    /// ```
    #[must_use]
    pub fn with_validity(mut self, validity: Option<NullBuffer>) -> Self {
        self.validity = validity.filter(|nulls| nulls.null_count() > 0);
        self
    }

    /// How many of the values are null.
    ///
    /// ```
    /// use chronolite::Column;
    ///
    /// assert_eq!(Column::from_vec(vec![1i64, 2]).null_count(), 0);
    /// ```
    pub fn null_count(&self) -> usize {
        self.validity.as_ref().map_or(0, NullBuffer::null_count)
    }

    /// True if value `row` is not null.
    ///
    /// ```
    /// use chronolite::{Column, DataType};
    ///
    /// assert!(Column::from_vec(vec![1i64]).is_valid(0));
    /// assert!(!Column::nulls(DataType::I64, 1).is_valid(0));
    /// ```
    pub fn is_valid(&self, row: usize) -> bool {
        self.validity.as_ref().is_none_or(|nulls| nulls.is_valid(row))
    }

    /// How many values there are. `ty` is the column's type.
    ///
    /// ```
    /// use chronolite::{Column, DataType};
    ///
    /// assert_eq!(Column::from_vec(vec![1i16, 2, 3]).len(DataType::I16), 3);
    /// ```
    pub fn len(&self, ty: DataType) -> usize {
        match &self.data {
            Data::Fixed(buffer) => buffer.len() / ty.width().unwrap_or(1),
            Data::Bool(bits) => bits.len(),
            Data::Bytes { offsets, .. } => offsets.len() - 1,
        }
    }

    /// True if the values are laid out as `ty` wants them; widths are not told apart.
    #[doc(hidden)]
    pub fn fits(&self, ty: DataType) -> bool {
        match &self.data {
            Data::Fixed(_) => ty.width().is_some(),
            Data::Bool(_) => ty == DataType::Bool,
            Data::Bytes { .. } => ty.is_bytes(),
        }
    }

    /// The values as `T`s. Panics unless the column is of that fixed width: a mistake of ours,
    /// never of a file, as columns are built by the type their schema gives.
    ///
    /// ```
    /// use chronolite::Column;
    ///
    /// assert_eq!(Column::from_vec(vec![20.5, 21.5]).values::<f64>(), [20.5, 21.5]);
    /// ```
    pub fn values<T: ArrowNativeType>(&self) -> &[T] {
        match &self.data {
            Data::Fixed(buffer) => buffer.typed_data(),
            other => panic!("a column of fixed width was expected, not {other:?}"),
        }
    }

    /// Text or bytes at `row`; the same panic as [`Column::values`].
    ///
    /// ```
    /// use chronolite::Column;
    ///
    /// assert_eq!(Column::from_texts(["north"]).bytes_at(0), b"north");
    /// ```
    pub fn bytes_at(&self, row: usize) -> &[u8] {
        match &self.data {
            Data::Bytes { offsets, values } => {
                &values[offsets[row] as usize..offsets[row + 1] as usize]
            }
            other => panic!("a column of text or bytes was expected, not {other:?}"),
        }
    }

    /// The value of a row. `ty` is the column's type.
    ///
    /// ```
    /// use chronolite::{Column, DataType, Value};
    ///
    /// let sites = Column::from_texts(["north"]);
    /// assert_eq!(sites.value(DataType::Utf8, 0), Value::Str("north"));
    /// ```
    pub fn value(&self, ty: DataType, row: usize) -> Value<'_> {
        if !self.is_valid(row) {
            return Value::Null;
        }
        match (ty, &self.data) {
            (DataType::I8, _) => Value::Int(self.values::<i8>()[row].into()),
            (DataType::I16, _) => Value::Int(self.values::<i16>()[row].into()),
            (DataType::I32, _) => Value::Int(self.values::<i32>()[row].into()),
            (DataType::I64, _) => Value::Int(self.values::<i64>()[row]),
            (DataType::U8, _) => Value::UInt(self.values::<u8>()[row].into()),
            (DataType::U16, _) => Value::UInt(self.values::<u16>()[row].into()),
            (DataType::U32, _) => Value::UInt(self.values::<u32>()[row].into()),
            (DataType::U64, _) => Value::UInt(self.values::<u64>()[row]),
            (DataType::F32, _) => Value::Float(self.values::<f32>()[row].into()),
            (DataType::F64, _) => Value::Float(self.values::<f64>()[row]),
            (_, Data::Bool(bits)) => Value::Bool(bits.value(row)),
            (_, _) => {
                let bytes = self.bytes_at(row);
                let text = (ty == DataType::Utf8).then(|| std::str::from_utf8(bytes).ok());
                text.flatten().map_or(Value::Bytes(bytes), Value::Str)
            }
        }
    }

    /// `len` values from `start` on, sharing the buffers. `ty` is the column's type.
    ///
    /// ```
    /// use chronolite::{Column, DataType};
    ///
    /// let some = Column::from_vec(vec![1i64, 2, 3, 4]).slice(DataType::I64, 1, 2);
    /// assert_eq!(some.values::<i64>(), [2, 3]);
    /// ```
    #[must_use]
    pub fn slice(&self, ty: DataType, start: usize, len: usize) -> Self {
        let data = match &self.data {
            Data::Fixed(buffer) => {
                let width = ty.width().unwrap_or(1);
                Data::Fixed(buffer.slice_with_length(start * width, len * width))
            }
            Data::Bool(bits) => Data::Bool(bits.slice(start, len)),
            Data::Bytes { offsets, values } => {
                Data::Bytes { offsets: offsets.slice(start, len), values: values.clone() }
            }
        };
        let validity = self.validity.as_ref().map(|nulls| nulls.slice(start, len));
        Self { data, validity: None }.with_validity(validity)
    }

    /// True if both have the same values to the bit, and nulls in the same rows. `ty` is the type of
    /// both.
    ///
    /// ```
    /// use chronolite::{Column, DataType};
    ///
    /// let (zero, minus_zero) = (Column::from_vec(vec![0.0]), Column::from_vec(vec![-0.0]));
    /// assert!(zero.same_as(&zero.clone(), DataType::F64));
    /// assert!(!zero.same_as(&minus_zero, DataType::F64));
    /// ```
    pub fn same_as(&self, other: &Self, ty: DataType) -> bool {
        let rows = self.len(ty);
        let nulls = |column: &Self, row| !column.is_valid(row);
        if rows != other.len(ty) || self.null_count() != other.null_count() {
            return false;
        }
        let plain = self.validity.is_none() && other.validity.is_none();
        if plain && let (Data::Fixed(a), Data::Fixed(b)) = (&self.data, &other.data) {
            return a == b;
        }
        if plain
            && let (Data::Bytes { offsets: a, .. }, Data::Bytes { offsets: b, .. }) =
                (&self.data, &other.data)
        {
            let mut ends = a.iter().zip(b.iter());
            return ends.all(|(x, y)| x - a[0] == y - b[0])
                && self.all_bytes() == other.all_bytes();
        }
        let width = ty.width().unwrap_or(1);
        (0..rows).all(|row| match (&self.data, &other.data) {
            _ if nulls(self, row) || nulls(other, row) => nulls(self, row) == nulls(other, row),
            (Data::Fixed(a), Data::Fixed(b)) => {
                let bytes = row * width..(row + 1) * width;
                a[bytes.clone()] == b[bytes]
            }
            (Data::Bool(a), Data::Bool(b)) => a.value(row) == b.value(row),
            (Data::Bytes { .. }, Data::Bytes { .. }) => self.bytes_at(row) == other.bytes_at(row),
            _ => false,
        })
    }

    /// The texts of all rows, one behind the other.
    fn all_bytes(&self) -> &[u8] {
        match &self.data {
            Data::Bytes { offsets, values } => {
                let ends = offsets.first().zip(offsets.last());
                ends.map_or(&[], |(first, last)| &values[*first as usize..*last as usize])
            }
            Data::Fixed(_) | Data::Bool(_) => &[],
        }
    }

    /// Bytes of text of `len` rows from `start` on.
    #[doc(hidden)]
    pub fn text_bytes(&self, start: usize, len: usize) -> usize {
        match &self.data {
            Data::Bytes { offsets, .. } => (offsets[start + len] - offsets[start]) as usize,
            Data::Fixed(_) | Data::Bool(_) => 0,
        }
    }

    /// Bytes of memory the values take, for accounting. `ty` is the column's type.
    ///
    /// ```
    /// use chronolite::{Column, DataType};
    ///
    /// assert_eq!(Column::from_vec(vec![1i64, 2]).byte_size(DataType::I64), 16);
    /// ```
    pub fn byte_size(&self, ty: DataType) -> usize {
        let rows = self.len(ty);
        let data = match &self.data {
            Data::Fixed(buffer) => buffer.len(),
            Data::Bool(_) => rows.div_ceil(8),
            Data::Bytes { offsets, .. } => {
                rows * 4 + (offsets[rows] as usize).saturating_sub(offsets[0] as usize)
            }
        };
        data + self.validity.as_ref().map_or(0, |_| rows.div_ceil(8))
    }
}

/// Rows of one table: the time column and the value columns in the schema's order.
///
/// ```
/// use chronolite::{Batch, Column, DataType, Db, DbOptions, TableSpec};
///
/// let folder = tempfile::tempdir()?;
/// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// let batch = Batch {
///     ts: vec![1000, 2000, 3000].into(),
///     columns: vec![Column::from_vec(vec![20.5, 21.5, 22.5])],
/// };
/// assert_eq!(batch.rows(), 3);
/// assert_eq!(sensor.append(vec![batch])?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Batch {
    /// The time column, in the table's unit; never null.
    pub ts: ScalarBuffer<i64>,
    /// The value columns, each of `ts.len()` values.
    pub columns: Vec<Column>,
}

impl Batch {
    /// How many rows.
    ///
    /// ```
    /// use chronolite::{Batch, Column};
    ///
    /// let columns = vec![Column::from_vec(vec![20.5, 21.5])];
    /// let batch = Batch { ts: vec![1, 2].into(), columns };
    /// assert_eq!(batch.rows(), 2);
    /// ```
    pub fn rows(&self) -> usize {
        self.ts.len()
    }

    /// `len` rows from `start` on, sharing the buffers. `types` are those of the columns.
    ///
    /// ```
    /// use chronolite::{Batch, Column, DataType};
    ///
    /// let columns = vec![Column::from_vec(vec![20.5, 21.5])];
    /// let batch = Batch { ts: vec![1, 2].into(), columns };
    /// let last = batch.slice(&[DataType::F64], 1, 1);
    /// assert_eq!((last.ts[0], last.columns[0].values::<f64>()), (2, &[21.5][..]));
    /// ```
    #[must_use]
    pub fn slice(&self, types: &[DataType], start: usize, len: usize) -> Self {
        let columns = self.columns.iter().zip(types);
        Self {
            ts: self.ts.slice(start, len),
            columns: columns.map(|(column, &ty)| column.slice(ty, start, len)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_share_and_count() {
        let column = Column::from_vec(vec![1i64, 2, 3, 4])
            .with_validity(Some(NullBuffer::from(vec![true, false, true, true])));
        assert_eq!(column.null_count(), 1);
        let tail = column.slice(DataType::I64, 2, 2);
        assert_eq!((tail.values::<i64>(), tail.null_count()), (&[3, 4][..], 0));
        assert!(tail.validity.is_none());
        let texts = Column::from_texts(["a", "", "bcd"]).slice(DataType::Utf8, 1, 2);
        assert_eq!((texts.bytes_at(0), texts.bytes_at(1)), (&b""[..], &b"bcd"[..]));
        assert_eq!(texts.byte_size(DataType::Utf8), 8 + 3);
        for ty in DataType::ALL {
            let nulls = Column::nulls(ty, 3);
            assert_eq!((nulls.len(ty), nulls.null_count()), (3, 3));
        }
    }
}
