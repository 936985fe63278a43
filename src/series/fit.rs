//! Arrow arrays as the values of a field: by what they are, not by their types. An integer fits if its
//! number does, a float is rounded to a narrower one, and what would change otherwise is refused.

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float16Type};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{ArrowNativeType, Buffer, MutableBuffer, NullBuffer};
use arrow_schema::DataType as ArrowType;

use crate::arrow::import::{self, Place};
use crate::arrow::types::time_unit;
use crate::base::{Column, Data, DataType, TimeUnit, iso8601};
use crate::error::Result;
use crate::series::values::{NOT_A_TIME, Values, without_zeros};
use crate::series::{Field, Kind, Unit};

const SECONDS_A_DAY: i64 = 86_400;

/// The values of an array, as they stand in rows.
///
/// # Errors
/// `Schema`, which names the column and where one is to blame the row, of a type that is not the
/// field's, of a value that it cannot hold, and of a null that it may not be.
pub fn fit(array: &ArrayRef, field: &Field, place: &Place<'_>) -> Result<Values> {
    let values = match field.count {
        Some(count) => vectors(array, field, count, place)?,
        None => scalars(array, field, place)?,
    };
    let Some(nulls) = values.validity.as_ref().filter(|nulls| nulls.null_count() > 0) else {
        return Ok(Values { validity: None, ..values });
    };
    if !field.nullable && !field.has_blank() {
        let row = import::first_null(nulls);
        return Err(place.at(row, format!("there is no value, and {} is not null", field.dtype())));
    }
    let bytes = blanked(values.bytes, nulls, &field.blank());
    let validity = values.validity.filter(|_| field.nullable);
    Ok(Values { bytes, validity })
}

/// The same bytes, with `blank` where there is no value.
fn blanked(bytes: Buffer, nulls: &NullBuffer, blank: &[u8]) -> Buffer {
    let mut bytes = MutableBuffer::from(bytes.to_vec());
    let rows = bytes.as_slice_mut().chunks_exact_mut(blank.len());
    for (row, valid) in rows.zip(nulls) {
        if !valid {
            row.copy_from_slice(blank);
        }
    }
    bytes.into()
}

impl Field {
    /// Whether something stands in a row for a value that is not there: NaN, or not a time.
    pub fn has_blank(&self) -> bool {
        matches!(self.kind, Kind::Float | Kind::Time(_)) && self.count.is_none()
    }

    /// What stands in a row where there is no value.
    fn blank(&self) -> Vec<u8> {
        let mut blank = match (self.kind, self.width) {
            _ if self.count.is_some() => vec![0; self.size()],
            (Kind::Float, 2) => F16::NAN.to_bits().to_le_bytes().to_vec(),
            (Kind::Float, 4) => f32::NAN.to_le_bytes().to_vec(),
            (Kind::Float, _) => f64::NAN.to_le_bytes().to_vec(),
            (Kind::Time(_), _) => NOT_A_TIME.to_le_bytes().to_vec(),
            _ => vec![0; self.size()],
        };
        if self.big_endian && self.count.is_none() {
            blank.reverse();
        }
        blank
    }
}

/// A float of 16 bits.
pub(super) type F16 = <Float16Type as ArrowPrimitiveType>::Native;

fn scalars(array: &ArrayRef, field: &Field, place: &Place<'_>) -> Result<Values> {
    let column = match field.kind {
        Kind::Int | Kind::UInt => integers(array, field, place)?,
        Kind::Float => floats(array, field, place)?,
        Kind::Bool => {
            return Ok(field.to_values(&import::column(array, DataType::Bool, place)?));
        }
        Kind::Time(unit) => times(array, unit, place)?,
        Kind::Bytes | Kind::Pascal => texts(array, field, place)?,
    };
    let bytes = match column.data {
        Data::Fixed(bytes) => field.in_our_order(&bytes),
        Data::Bool(_) | Data::Bytes { .. } => Buffer::default(),
    };
    Ok(Values { bytes, validity: column.validity })
}

fn integers(array: &ArrayRef, field: &Field, place: &Place<'_>) -> Result<Column> {
    let to = field.data_type();
    // As the kernel takes it, mostly as it is.
    if let Ok(column) = import::column(array, to, place) {
        return Ok(column);
    }
    let signed = import::column(array, DataType::I64, place);
    let (wide, from) = match signed {
        Ok(signed) => (signed, DataType::I64),
        Err(error) => match import::column(array, DataType::U64, place) {
            Ok(unsigned) => (unsigned, DataType::U64),
            Err(_) => return Err(error),
        },
    };
    Ok(match to {
        DataType::I8 => narrow::<i8>(&wide, from, field, place)?,
        DataType::I16 => narrow::<i16>(&wide, from, field, place)?,
        DataType::I32 => narrow::<i32>(&wide, from, field, place)?,
        DataType::I64 => narrow::<i64>(&wide, from, field, place)?,
        DataType::U8 => narrow::<u8>(&wide, from, field, place)?,
        DataType::U16 => narrow::<u16>(&wide, from, field, place)?,
        DataType::U32 => narrow::<u32>(&wide, from, field, place)?,
        _ => narrow::<u64>(&wide, from, field, place)?,
    })
}

fn narrow<T>(wide: &Column, from: DataType, field: &Field, place: &Place<'_>) -> Result<Column>
where
    T: ArrowNativeType + TryFrom<i64> + TryFrom<u64>,
{
    let values: std::result::Result<Vec<T>, usize> = match from {
        DataType::U64 => all(wide, |value: u64| T::try_from(value).ok()),
        _ => all(wide, |value: i64| T::try_from(value).ok()),
    };
    let values = values.map_err(|row| {
        let value = match from {
            DataType::U64 => wide.values::<u64>()[row].to_string(),
            _ => wide.values::<i64>()[row].to_string(),
        };
        place.at(row, format!("{value} does not fit {}", field.dtype()))
    })?;
    Ok(Column::from_vec(values).with_validity(wide.validity.clone()))
}

/// All values converted, or the row of one that cannot be. What stands under a null does not matter.
fn all<S: ArrowNativeType, T: Default>(
    column: &Column,
    convert: impl Fn(S) -> Option<T>,
) -> std::result::Result<Vec<T>, usize> {
    let values = column.values::<S>().iter().enumerate();
    let converted = values.map(|(row, value)| match convert(*value) {
        Some(value) => Ok(value),
        None if !column.is_valid(row) => Ok(T::default()),
        None => Err(row),
    });
    converted.collect()
}

fn floats(array: &ArrayRef, field: &Field, place: &Place<'_>) -> Result<Column> {
    if field.width == 4
        && let Ok(column) = import::column(array, DataType::F32, place)
    {
        return Ok(column);
    }
    if field.width == 2 && *array.data_type() == ArrowType::Float16 {
        let values = array.as_primitive::<Float16Type>().values().inner().clone();
        return Ok(Column::from_buffer(values).with_validity(array.nulls().cloned()));
    }
    let wide = import::column(array, DataType::F64, place)?;
    let rounded = match field.width {
        2 => all(&wide, |value: f64| {
            let half = F16::from_f64(value);
            (half.is_finite() || !value.is_finite()).then_some(half.to_bits())
        })
        .map(Column::from_vec),
        4 => all(&wide, |value: f64| {
            let float = value as f32;
            (float.is_finite() || !value.is_finite()).then_some(float)
        })
        .map(Column::from_vec),
        _ => return Ok(wide),
    };
    let rounded = rounded.map_err(|row| {
        let value = wide.values::<f64>()[row];
        place.at(row, format!("{value} does not fit {}", field.dtype()))
    })?;
    Ok(rounded.with_validity(wide.validity))
}

fn times(array: &ArrayRef, unit: Unit, place: &Place<'_>) -> Result<Column> {
    match (unit.of_kernel(), kind(array)) {
        (_, ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View) => {
            named(array, unit, place)
        }
        (Some(unit), _) => import::times(array, unit, place),
        (None, kind) => days(array, kind, place),
    }
}

/// What the values are that an array points at.
fn kind(array: &ArrayRef) -> &ArrowType {
    match array.data_type() {
        ArrowType::Dictionary(_, values) => values,
        ArrowType::RunEndEncoded(_, values) => values.data_type(),
        other => other,
    }
}

/// Times as ISO 8601 text.
fn named(array: &ArrayRef, unit: Unit, place: &Place<'_>) -> Result<Column> {
    let texts = import::column(array, DataType::Utf8, place)?;
    let step = unit.nanos();
    let time = |row: usize| {
        let text = String::from_utf8_lossy(texts.bytes_at(row));
        let nanos = iso8601::parse(&text)
            .map_err(|why| place.at(row, format!("{text:?} is not an ISO 8601 time: {why}")))?;
        let count = i64::try_from(nanos / step).ok().filter(|_| nanos % step == 0);
        count.ok_or_else(|| place.at(row, format!("{text:?} does not fit M8[{}]", unit.name())))
    };
    let times = (0..array.len()).map(|row| if texts.is_valid(row) { time(row) } else { Ok(0) });
    Ok(Column::from_vec(times.collect::<Result<Vec<_>>>()?).with_validity(texts.validity))
}

fn days(array: &ArrayRef, kind: &ArrowType, place: &Place<'_>) -> Result<Column> {
    if !kind.is_temporal() {
        // Numbers of days.
        return import::times(array, TimeUnit::Second, place);
    }
    let fine = match kind {
        ArrowType::Timestamp(unit, _) => time_unit(*unit),
        ArrowType::Date64 => TimeUnit::Millisecond,
        _ => TimeUnit::Second,
    };
    let times = import::times(array, fine, place)?;
    let a_day = SECONDS_A_DAY * fine.per_second();
    let days = all(&times, |time: i64| (time % a_day == 0).then_some(time / a_day));
    let days = days.map_err(|row| {
        let time = times.values::<i64>()[row];
        place.at(row, format!("the time {time} {fine} is not a whole day"))
    })?;
    Ok(Column::from_vec(days).with_validity(times.validity))
}

/// Bytes, or text of ASCII alone, filled with zeros to the width of the field.
fn texts(array: &ArrayRef, field: &Field, place: &Place<'_>) -> Result<Column> {
    let (column, is_text) = match import::column(array, DataType::Binary, place) {
        Ok(column) => (column, false),
        Err(error) => match import::column(array, DataType::Utf8, place) {
            Ok(column) => (column, true),
            Err(_) => return Err(error),
        },
    };
    let most = field.data().1;
    let mut bytes = MutableBuffer::from_len_zeroed(array.len() * field.width);
    let rows = bytes.as_slice_mut().chunks_exact_mut(field.width);
    for (row, to) in rows.enumerate().filter(|(row, _)| column.is_valid(*row)) {
        let text = column.bytes_at(row);
        if is_text && !text.is_ascii() {
            return Err(place.at(row, "the text is not ASCII: encode it to bytes"));
        }
        let text = if field.kind == Kind::Pascal { text } else { without_zeros(text) };
        if text.len() > most {
            let what = format!("{} bytes do not fit {}", text.len(), field.dtype());
            return Err(place.at(row, what));
        }
        field.put_bytes(to, text);
    }
    Ok(Column::from_buffer(bytes.into()).with_validity(column.validity))
}

/// Lists, of `count` values each.
fn vectors(array: &ArrayRef, field: &Field, count: usize, place: &Place<'_>) -> Result<Values> {
    let rows = array.len();
    let lens: Vec<usize> = match array.data_type() {
        ArrowType::FixedSizeList(_, len) => vec![*len as usize; rows],
        ArrowType::List(_) => array.as_list::<i32>().offsets().lengths().collect(),
        ArrowType::LargeList(_) => array.as_list::<i64>().offsets().lengths().collect(),
        other => return Err(place.error(format!("lists of {count} were expected, not {other}"))),
    };
    let there = |row: usize| array.is_valid(row);
    if let Some(row) = (0..rows).find(|&row| there(row) && lens[row] != count) {
        return Err(place.at(row, format!("a row has {count} values, not {}", lens[row])));
    }
    let of_row = |row: usize| match array.data_type() {
        ArrowType::FixedSizeList(..) => array.as_fixed_size_list().value(row),
        ArrowType::List(_) => array.as_list::<i32>().value(row),
        _ => array.as_list::<i64>().value(row),
    };
    let one = Field { count: None, nullable: false, ..field.clone() };
    if let Some(values) = together(array, rows * count)
        && let Ok(fitted) = fit(&values, &one, place)
    {
        return Ok(Values { bytes: fitted.bytes, validity: None });
    }
    // Row by row, and where one does not fit with its place.
    let mut bytes = vec![0; rows * field.size()];
    for (row, to) in bytes.chunks_exact_mut(field.size()).enumerate().filter(|(row, _)| there(*row))
    {
        let values = of_row(row);
        for (at, to) in to.chunks_exact_mut(field.width).enumerate() {
            let place = Place { first_row: place.first_row + row, ..*place };
            to.copy_from_slice(&fit(&values.slice(at, 1), &one, &place)?.bytes);
        }
    }
    Ok(Values { bytes: bytes.into(), validity: array.nulls().cloned() })
}

/// The values of all lists, of which none is null.
fn together(array: &ArrayRef, len: usize) -> Option<ArrayRef> {
    let start = |offset: Option<usize>| offset.unwrap_or(0);
    let (values, start) = match array.data_type() {
        _ if array.null_count() > 0 => return None,
        ArrowType::FixedSizeList(..) => (array.as_fixed_size_list().values(), 0),
        ArrowType::List(_) => {
            let lists = array.as_list::<i32>();
            (lists.values(), start(lists.offsets().first().map(|first| first.as_usize())))
        }
        _ => {
            let lists = array.as_list::<i64>();
            (lists.values(), start(lists.offsets().first().map(|first| first.as_usize())))
        }
    };
    (start + len <= values.len()).then(|| values.slice(start, len))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, UInt64Array,
    };

    use super::*;
    use crate::series::{ColumnFormat, Layout};

    fn field(format: &str, nullable: bool) -> Field {
        let column = ColumnFormat { name: "c".into(), format: format.into(), nullable };
        Layout::new(&[column]).unwrap().fields()[0].clone()
    }

    fn fitted(format: &str, array: ArrayRef) -> Result<Vec<u8>> {
        let place = Place { column: "c", first_row: 10 };
        fit(&array, &field(format, false), &place).map(|values| values.bytes.to_vec())
    }

    fn refused(format: &str, array: ArrayRef, row: usize) {
        let error = fitted(format, array).unwrap_err();
        assert!(error.message().contains(&format!("row {row}")), "{format}: {error}");
    }

    #[test]
    fn integers_fit_by_their_number() {
        let ints = |values: &[i64]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
        assert_eq!(fitted("b", ints(&[-128, 127])).unwrap(), [0x80, 0x7f]);
        assert_eq!(fitted(">h", ints(&[1, -2])).unwrap(), [0, 1, 0xff, 0xfe]);
        assert_eq!(fitted("Q", ints(&[7])).unwrap(), 7u64.to_le_bytes());
        let large = Arc::new(UInt64Array::from(vec![1, u64::MAX]));
        assert_eq!(fitted("Q", large.clone()).unwrap()[8..], [0xff; 8]);
        refused("q", large, 11);
        refused("b", ints(&[0, 128]), 11);
        refused("Q", ints(&[0, 5, -1]), 12);
        refused("q", Arc::new(Int64Array::from(vec![Some(1), None])), 11);
        assert!(fitted("q", Arc::new(Float64Array::from(vec![1.0]))).is_err());
        assert!(fitted("q", Arc::new(BooleanArray::from(vec![true]))).is_err());
    }

    #[test]
    fn floats_are_rounded_and_stay_finite() {
        let floats = |values: &[f64]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
        assert_eq!(fitted("f", floats(&[0.1])).unwrap(), 0.1f32.to_le_bytes());
        assert_eq!(fitted("e", floats(&[1.5, f64::INFINITY])).unwrap(), [0, 0x3e, 0, 0x7c]);
        refused("f", floats(&[1.0, 1e300]), 11);
        refused("e", floats(&[1.0, 65520.0]), 11);
        let nothing = Arc::new(Float64Array::from(vec![None, Some(2.0)]));
        let bytes = fitted("d", nothing).unwrap();
        assert!(f64::from_le_bytes(bytes[..8].try_into().unwrap()).is_nan());
    }

    #[test]
    fn texts_fill_their_width_and_times_their_unit() {
        let texts = Arc::new(BinaryArray::from(vec![b"ab".as_slice(), b"abc\0\0"]));
        assert_eq!(fitted("3s", texts.clone()).unwrap(), b"ab\0abc");
        assert_eq!(fitted("7p", texts.clone()).unwrap(), b"\x02ab\0\0\0\0\x05abc\0\0\0");
        refused("2s", texts, 11);
        refused("3s", Arc::new(StringArray::from(vec!["a", "\u{e9}"])), 11);
        let days = Arc::new(Date32Array::from(vec![Some(2), None]));
        assert_eq!(fitted("M8[D]", days.clone()).unwrap()[..8], 2i64.to_le_bytes());
        let bytes = fitted("M8[s]", days).unwrap();
        assert_eq!(bytes[..8], (2 * SECONDS_A_DAY).to_le_bytes());
        assert_eq!(bytes[8..], NOT_A_TIME.to_le_bytes());
    }

    #[test]
    fn what_fits_goes_through_the_kernel_and_back() {
        let values = Arc::new(Int64Array::from(vec![Some(3), None, Some(100)])) as ArrayRef;
        let place = Place { column: "c", first_row: 0 };
        for format in ["b", ">i", "q", "M8[ms]", "e", ">d"] {
            let field = field(format, true);
            let fitted = fit(&values, &field, &place).unwrap();
            let column = field.to_column(&fitted);
            assert!(column.fits(field.data_type()) && column.null_count() == 1, "{format}");
            let back = field.to_values(&column);
            assert_eq!(back.bytes, fitted.bytes, "{format}");
        }
    }
}
