//! Arrow arrays of any type, some of them as a producer makes them that breaks Arrow's rules, as
//! columns of every type.

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, Int64Array, NullArray, PrimitiveArray, RunArray,
    StringViewArray, make_array, new_null_array,
};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType as Arrow, Field, IntervalUnit, TimeUnit as Unit};
use chronolite::arrow::export::{self, OutColumn, OutType};
use chronolite::arrow::import::{Place, batches, column, time};
use chronolite::base::TimeUnit;
use chronolite::{DataType, TableSpec};

use super::memory::limited;

const MAX_ROWS: usize = 40;
const PLACE: Place<'_> = Place { column: "x", first_row: 0 };

pub fn import(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(array) = array(&mut u, 0) else { return };
    limited(data.len(), || {
        DataType::ALL.iter().for_each(|&to| check(&array, to));
        for unit in TimeUnit::ALL {
            if let Ok(times) = time(&array, unit, &PLACE) {
                assert_eq!(times.len(), array.len());
            }
        }
    });
}

/// A column that was taken is what the array is, and goes out and in again.
fn check(array: &ArrayRef, to: DataType) {
    let ts: ArrayRef = Arc::new(Int64Array::from_iter_values(0..array.len() as i64));
    let batches = batches(&TableSpec::new([("x", to)]), &["ts", "x"], &[vec![ts, array.clone()]]);
    let Ok(column) = column(array, to, &PLACE) else {
        assert!(batches.is_err(), "{to}: taken in a batch, but not by itself");
        return;
    };
    assert!(column.fits(to) && column.len(to) == array.len(), "{to}: {column:?}");
    let nulls = array.logical_nulls();
    let is_null = |row| nulls.as_ref().is_some_and(|nulls: &NullBuffer| nulls.is_null(row));
    assert!((0..array.len()).all(|row| is_null(row) != column.is_valid(row)), "{to}: nulls");
    let batches = batches.expect("a batch of a column that is taken");
    assert!(batches.iter().map(|batch| batch.rows()).sum::<usize>() == array.len());
    let def = OutColumn { name: "x".into(), ty: OutType::Value(to) };
    let out = export::array(column.clone(), &def).expect("an array of a column");
    assert_eq!(out.len(), array.len());
    let again = export::column(&out, &def).expect("a column of that array");
    assert!(again.same_as(&column, to), "{to}: {again:?} is not {column:?}");
}

/// Types whose values are of fixed width.
fn primitive(u: &mut Unstructured<'_>) -> Result<Arrow> {
    let zone = u.arbitrary::<bool>()?.then(|| "+02:00".into());
    let unit =
        *u.choose(&[Unit::Second, Unit::Millisecond, Unit::Microsecond, Unit::Nanosecond])?;
    let (precision, scale) = (u.int_in_range(1..=9)?, u.int_in_range(-9..=9)?);
    let wide = (u.int_in_range(1..=38)?, u.int_in_range(-38..=38)?);
    Ok(u.choose(&[
        Arrow::Int8,
        Arrow::Int16,
        Arrow::Int32,
        Arrow::Int64,
        Arrow::UInt8,
        Arrow::UInt16,
        Arrow::UInt32,
        Arrow::UInt64,
        Arrow::Float16,
        Arrow::Float32,
        Arrow::Float64,
        Arrow::Timestamp(unit, zone),
        Arrow::Date32,
        Arrow::Date64,
        Arrow::Time32(Unit::Second),
        Arrow::Time64(Unit::Microsecond),
        Arrow::Duration(unit),
        Arrow::Interval(IntervalUnit::MonthDayNano),
        Arrow::Decimal32(precision, scale.min(precision as i8)),
        Arrow::Decimal64(precision, scale.min(precision as i8)),
        Arrow::Decimal128(wide.0, wide.1.min(wide.0 as i8)),
        Arrow::Decimal256(wide.0, wide.1.min(wide.0 as i8)),
    ])?
    .clone())
}

/// An array, and a slice of it.
fn array(u: &mut Unstructured<'_>, depth: usize) -> Result<ArrayRef> {
    let rows = u.int_in_range(0..=MAX_ROWS)?;
    let array = match u.int_in_range(0..=if depth < 2 { 9 } else { 6 })? {
        0 | 1 => {
            let ty = primitive(u)?;
            let width = ty.primitive_width().unwrap_or(0);
            checked(ty, rows, vec![Buffer::from(u.bytes(rows * width)?)], nulls(u, rows)?)
        }
        2 => checked(Arrow::Boolean, rows, vec![Buffer::from(u.bytes(rows)?)], nulls(u, rows)?),
        3 => {
            let width = u.int_in_range(0..=5)?;
            let values = Buffer::from(u.bytes(rows * width as usize)?);
            checked(Arrow::FixedSizeBinary(width), rows, vec![values], nulls(u, rows)?)
        }
        4 => texts(u, rows)?,
        5 => views(u, rows)?,
        6 => match u.int_in_range(0..=2)? {
            0 => Arc::new(NullArray::new(rows)),
            1 => {
                let item = Field::new("item", Arrow::Int32, true);
                new_null_array(&Arrow::List(Arc::new(item)), rows)
            }
            _ => new_null_array(
                &Arrow::Struct(vec![Field::new("a", Arrow::Utf8, true)].into()),
                rows,
            ),
        },
        7 | 8 => dictionary(u, rows, depth)?,
        _ => runs(u, depth)?,
    };
    let start = u.int_in_range(0..=MAX_ROWS)?.min(array.len());
    let len = u.int_in_range(0..=MAX_ROWS)?.min(array.len() - start);
    Ok(array.slice(start, len))
}

fn nulls(u: &mut Unstructured<'_>, rows: usize) -> Result<Option<NullBuffer>> {
    if u.arbitrary()? {
        return Ok(None);
    }
    let bits = u.bytes(rows.div_ceil(8))?;
    Ok(Some(NullBuffer::from_iter((0..rows).map(|row| bits[row / 8] >> (row % 8) & 1 == 1))))
}

fn checked(ty: Arrow, rows: usize, buffers: Vec<Buffer>, nulls: Option<NullBuffer>) -> ArrayRef {
    let data = ArrayData::builder(ty).len(rows).buffers(buffers).nulls(nulls);
    make_array(data.build().expect("buffers of that type"))
}

/// The same of what a producer in C hands over, which nobody checked.
fn unchecked(data: arrow_data::ArrayDataBuilder) -> ArrayRef {
    // SAFETY: it is not what Arrow promises: offsets within bytes, keys within dictionaries, text
    // of UTF-8. The import is to find that out, and nothing else touches it. The buffers are as
    // long as the rows need.
    #[allow(unsafe_code)]
    make_array(unsafe { data.build_unchecked() })
}

/// Texts and byte strings, with offsets that are what they may be.
fn texts(u: &mut Unstructured<'_>, rows: usize) -> Result<ArrayRef> {
    let ty = u.choose(&[Arrow::Utf8, Arrow::Binary, Arrow::LargeUtf8, Arrow::LargeBinary])?.clone();
    let wild = u.ratio(1, 8)?;
    let mut offsets = vec![i64::from(u.int_in_range(0..=3u8)?)];
    for row in 0..rows {
        let step = if wild {
            i64::from(u.arbitrary::<i32>()? >> (row % 30))
        } else {
            u.int_in_range(0..=9)?
        };
        offsets.push(offsets[row].saturating_add(step));
    }
    let end = offsets[rows].clamp(0, 400) as usize;
    let values = Buffer::from(u.bytes(end.min(u.len()))?);
    let offsets = match ty {
        Arrow::Utf8 | Arrow::Binary => {
            Buffer::from_iter(offsets.iter().map(|&offset| offset as i32))
        }
        _ => Buffer::from_iter(offsets),
    };
    let data = ArrayData::builder(ty).len(rows).add_buffer(offsets).add_buffer(values);
    Ok(unchecked(data.nulls(nulls(u, rows)?)))
}

fn views(u: &mut Unstructured<'_>, rows: usize) -> Result<ArrayRef> {
    let mut values = vec![];
    for _ in 0..rows {
        let len = u.int_in_range(0..=20)?;
        values.push(if u.ratio(1, 5)? { None } else { Some(u.bytes(len)?.to_vec()) });
    }
    if u.arbitrary()? {
        return Ok(Arc::new(BinaryViewArray::from_iter(values)));
    }
    let texts =
        values.iter().map(|value| value.as_ref().map(|bytes| String::from_utf8_lossy(bytes)));
    Ok(Arc::new(StringViewArray::from_iter(texts)))
}

/// Keys may be beyond the dictionary.
fn dictionary(u: &mut Unstructured<'_>, rows: usize, depth: usize) -> Result<ArrayRef> {
    let values = array(u, depth + 1)?;
    let key = u.choose(&[Arrow::Int8, Arrow::UInt8, Arrow::Int16, Arrow::UInt32, Arrow::Int64])?;
    let width = key.primitive_width().unwrap_or(0);
    let wild = u.ratio(1, 8)?;
    let mut keys = vec![0; rows * width];
    for key in keys.chunks_exact_mut(width) {
        if wild {
            u.fill_buffer(key)?;
        } else if !values.is_empty() {
            key[0] = u.int_in_range(0..=values.len() - 1)? as u8;
        }
    }
    let ty = Arrow::Dictionary(Box::new(key.clone()), Box::new(values.data_type().clone()));
    let data = ArrayData::builder(ty).len(rows).add_buffer(Buffer::from(&keys[..]));
    Ok(unchecked(data.nulls(nulls(u, rows)?).add_child_data(values.to_data())))
}

fn runs(u: &mut Unstructured<'_>, depth: usize) -> Result<ArrayRef> {
    let values = array(u, depth + 1)?;
    let mut ends = vec![];
    for _ in 0..values.len() {
        ends.push(ends.last().unwrap_or(&0) + u.int_in_range(1..=5)?);
    }
    let ends = PrimitiveArray::<Int32Type>::from(ends);
    match RunArray::try_new(&ends, &values) {
        Ok(array) => Ok(Arc::new(array)),
        Err(_) => Ok(values),
    }
}
