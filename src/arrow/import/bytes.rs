//! Text and bytes, in each of Arrow's layouts.

use arrow_array::cast::AsArray;
use arrow_array::types::{ByteArrayType, ByteViewType};
use arrow_array::{Array, ArrayRef, GenericByteArray, GenericByteViewArray};
use arrow_buffer::{ArrowNativeType, Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType as ArrowType;

use super::{Place, indexed};
use crate::base::{Column, Data, DataType};
use crate::error::Result;

/// The array as a column of text or bytes; `None` if it holds something else.
pub(super) fn column(array: &ArrayRef, to: DataType, place: &Place<'_>) -> Result<Option<Column>> {
    let column = match (array.data_type(), to) {
        (ArrowType::Utf8, DataType::Utf8) => same(array.as_string::<i32>(), place)?,
        (ArrowType::LargeUtf8, DataType::Utf8) => large(array.as_string::<i64>(), place)?,
        (ArrowType::Utf8View, DataType::Utf8) => views(array.as_string_view()),
        (ArrowType::Binary, DataType::Binary) => same(array.as_binary::<i32>(), place)?,
        (ArrowType::LargeBinary, DataType::Binary) => large(array.as_binary::<i64>(), place)?,
        (ArrowType::BinaryView, DataType::Binary) => views(array.as_binary_view()),
        (ArrowType::FixedSizeBinary(width), DataType::Binary) => fixed(array, *width),
        _ => return Ok(None),
    };
    if to == DataType::Utf8 {
        check_text(&column, array, place)?;
    }
    Ok(Some(column))
}

/// How many bytes of text a column made of this array holds.
pub(super) fn text_size(array: &ArrayRef, place: &Place<'_>) -> Result<u64> {
    Ok(match array.data_type() {
        ArrowType::Utf8 => span(array.as_string::<i32>()),
        ArrowType::LargeUtf8 => span(array.as_string::<i64>()),
        ArrowType::Binary => span(array.as_binary::<i32>()),
        ArrowType::LargeBinary => span(array.as_binary::<i64>()),
        ArrowType::Utf8View => array.as_string_view().lengths().map(u64::from).sum(),
        ArrowType::BinaryView => array.as_binary_view().lengths().map(u64::from).sum(),
        ArrowType::FixedSizeBinary(width) => array.len() as u64 * width.unsigned_abs() as u64,
        _ if holds_text(array.data_type()) => indexed::text_size(array, place)?,
        _ => 0,
    })
}

/// True for text and bytes, and for what points at them.
fn holds_text(ty: &ArrowType) -> bool {
    match ty {
        ArrowType::Dictionary(_, entries) => holds_text(entries),
        ArrowType::RunEndEncoded(_, entries) => holds_text(entries.data_type()),
        _ => ty.is_string() || ty.is_binary(),
    }
}

fn span<T: ByteArrayType>(array: &GenericByteArray<T>) -> u64 {
    let offsets = array.value_offsets();
    let ends = (offsets.first(), offsets.last());
    let (Some(first), Some(last)) = ends else { return 0 };
    (last.as_usize() - first.as_usize()) as u64
}

fn same<T: ByteArrayType<Offset = i32>>(
    array: &GenericByteArray<T>,
    place: &Place<'_>,
) -> Result<Column> {
    if array.is_empty() {
        return Ok(none());
    }
    check_offsets(array, place)?;
    let (offsets, values) = (array.offsets(), array.values());
    if offsets[0] > 0 || (offsets[array.len()] as usize) < values.len() {
        return Ok(from_first(array));
    }
    let (offsets, values) = (offsets.clone(), values.clone());
    Ok(Column { data: Data::Bytes { offsets, values }, validity: None })
}

fn large<T: ByteArrayType<Offset = i64>>(
    array: &GenericByteArray<T>,
    place: &Place<'_>,
) -> Result<Column> {
    if array.is_empty() {
        return Ok(none());
    }
    check_offsets(array, place)?;
    Ok(from_first(array))
}

/// Offsets made relative to the first, so that they fit 32 bits. Of the bytes, which are shared, those
/// that are no value's are left out: they need not be text.
fn from_first<T: ByteArrayType>(array: &GenericByteArray<T>) -> Column {
    let from = array.value_offsets();
    let base = from.first().map_or(0, |first| first.as_usize());
    let offset = |offset: &T::Offset| narrow((offset.as_usize() - base) as i64);
    let offsets: Vec<i32> = from.iter().map(offset).collect();
    let len = offsets.last().map_or(0, |last| *last as usize);
    bytes(offsets, array.values().slice_with_length(base, len))
}

/// No values. The offset of a slice without rows may well be past the bytes, of which it has none.
fn none() -> Column {
    bytes(vec![0], Buffer::default())
}

/// Refuses offsets that go backwards or past the bytes, which Arrow's own readers take on trust.
fn check_offsets<T: ByteArrayType>(array: &GenericByteArray<T>, place: &Place<'_>) -> Result<()> {
    let (offsets, len) = (array.value_offsets(), array.values().len());
    let ends = offsets.first().zip(offsets.last());
    let within = ends.is_some_and(|(first, last)| {
        first.to_usize().is_some() && last.to_usize().is_some_and(|last| last <= len)
    });
    if within && offsets.is_sorted() {
        return Ok(());
    }
    Err(place.error("the offsets of its values are damaged"))
}

fn views<T: ByteViewType + ?Sized>(array: &GenericByteViewArray<T>) -> Column {
    let total: usize = array.lengths().map(|len| len as usize).sum();
    let (mut offsets, mut values) =
        (Vec::with_capacity(array.len() + 1), Vec::with_capacity(total));
    offsets.push(0);
    for value in array.bytes_iter() {
        values.extend_from_slice(value);
        offsets.push(narrow(values.len() as i64));
    }
    bytes(offsets, Buffer::from_vec(values))
}

fn fixed(array: &ArrayRef, width: i32) -> Column {
    let array = array.as_fixed_size_binary();
    let offsets = (0..=array.len() as i64).map(|row| narrow(row * i64::from(width)));
    let len = array.len() * width as usize;
    let values = Buffer::from(array.values().as_slice()[..len].to_vec());
    bytes(offsets.collect(), values)
}

fn bytes(offsets: Vec<i32>, values: Buffer) -> Column {
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Column { data: Data::Bytes { offsets, values }, validity: None }
}

/// An offset within a column whose text was found to be less than 2 GiB.
fn narrow(offset: i64) -> i32 {
    i32::try_from(offset).expect("the chunk was cut to less than 2 GiB of text")
}

/// Refuses text that is not UTF-8: a producer that breaks that rule of Arrow's must not make this
/// library break it towards its own readers.
fn check_text(column: &Column, array: &ArrayRef, place: &Place<'_>) -> Result<()> {
    let Data::Bytes { offsets, values } = &column.data else { return Ok(()) };
    let (first, last) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
    let all = &values[first..last];
    if all.is_ascii() {
        return Ok(());
    }
    if let Ok(text) = std::str::from_utf8(all)
        && offsets.iter().all(|&offset| text.is_char_boundary(offset as usize - first))
    {
        return Ok(());
    }
    let is_bad = |row: &usize| std::str::from_utf8(column.bytes_at(*row)).is_err();
    match (0..array.len()).find(|row| array.is_valid(*row) && is_bad(row)) {
        Some(row) => Err(place.at(row, "the text is not UTF-8")),
        // Only what lies under nulls is bad, and nobody may look there as text. Still refused,
        // as it would be handed to readers who check whole buffers.
        None => Err(place.error("the text under a null is not UTF-8")),
    }
}
