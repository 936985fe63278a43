//! Dictionaries and runs, unfolded: the kernel chooses its own encodings.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int32Type, Int64Type, RunEndIndexType};
use arrow_array::{Array, ArrayRef, RunArray, downcast_dictionary_array, make_array};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_data::transform::MutableArrayData;
use arrow_schema::{ArrowError, DataType as ArrowType};

use super::{MAX_TEXT, Place, bytes};
use crate::base::{Column, DataType, take};
use crate::error::Result;

/// What the rows of an array point at.
struct Indexed {
    entries: ArrayRef,
    /// The entry of each row; 0 for a row that is null.
    rows: Vec<u32>,
    nulls: Option<NullBuffer>,
}

/// True for the arrays that this unfolds.
pub(super) fn is_indexed(array: &ArrayRef) -> bool {
    matches!(array.data_type(), ArrowType::Dictionary(..) | ArrowType::RunEndEncoded(..))
}

/// What the rows point at, as a column of type `to` that `convert` makes of arrays without
/// indirections.
pub(super) fn column(
    array: &ArrayRef,
    to: DataType,
    place: &Place<'_>,
    convert: impl Fn(&ArrayRef, &Place<'_>) -> Result<Column>,
) -> Result<Column> {
    let indexed = Indexed::of(array, place)?;
    if indexed.entries.is_empty() {
        return Ok(Column::nulls(to, array.len()));
    }
    let entries = match bytes::text_size(&indexed.entries, place)? {
        size if size < MAX_TEXT => convert(&indexed.entries, place).ok(),
        _ => None,
    };
    // An error has to name a row, and an entry that no row has does no harm, be it wrong or too
    // much text for one column: row by row then.
    let Some(entries) = entries else {
        let unfolded = indexed.unfold().map_err(|error| place.error(error))?;
        return convert(&unfolded, place);
    };
    let taken = take(&entries, to, &indexed.rows);
    let validity = NullBuffer::union(indexed.nulls.as_ref(), taken.validity.as_ref());
    Ok(Column { data: taken.data, validity: None }.with_validity(validity))
}

/// How many bytes of text the unfolded column holds.
pub(super) fn text_size(array: &ArrayRef, place: &Place<'_>) -> Result<u64> {
    let indexed = Indexed::of(array, place)?;
    let entries = &indexed.entries;
    if bytes::text_size(entries, place)? == 0 {
        return Ok(0);
    }
    let sizes = (0..entries.len()).map(|entry| bytes::text_size(&entries.slice(entry, 1), place));
    let sizes = sizes.collect::<Result<Vec<u64>>>()?;
    Ok(indexed.rows.into_iter().map(|entry| sizes[entry as usize]).sum())
}

impl Indexed {
    fn of(array: &ArrayRef, place: &Place<'_>) -> Result<Self> {
        if let ArrowType::RunEndEncoded(ends, _) = array.data_type() {
            return match ends.data_type() {
                ArrowType::Int16 => Self::of_runs(array.as_run::<Int16Type>(), place),
                ArrowType::Int32 => Self::of_runs(array.as_run::<Int32Type>(), place),
                _ => Self::of_runs(array.as_run::<Int64Type>(), place),
            };
        }
        let keys: Vec<usize> = downcast_dictionary_array!(
            array => array.keys().values().iter().map(|key| key.as_usize()).collect(),
            other => return Err(place.error(format!("{other} has no entries")))
        );
        let dictionary = array.as_any_dictionary();
        Self::new(dictionary.values(), keys, dictionary.keys().nulls(), place)
    }

    fn of_runs<R: RunEndIndexType>(array: &RunArray<R>, place: &Place<'_>) -> Result<Self> {
        let ends = array.run_ends();
        let mut rows = Vec::with_capacity(array.len());
        for (run, end) in (ends.get_start_physical_index()..).zip(ends.sliced_values()) {
            rows.resize(end.as_usize(), run);
        }
        if rows.len() != array.len() {
            return Err(place.error("the runs end before the rows do"));
        }
        Self::new(array.values(), rows, None, place)
    }

    /// Checked, as a producer may break Arrow's rule that a key is within the dictionary.
    fn new(
        entries: &ArrayRef,
        rows: Vec<usize>,
        nulls: Option<&NullBuffer>,
        place: &Place<'_>,
    ) -> Result<Self> {
        let is_null = |row| nulls.is_some_and(|nulls| nulls.is_null(row));
        let entry = |(row, entry): (usize, usize)| match u32::try_from(entry) {
            _ if is_null(row) => Ok(0),
            Ok(small) if entry < entries.len() => Ok(small),
            _ => {
                let len = entries.len();
                Err(place.at(row, format!("a key beyond its dictionary of {len} entries")))
            }
        };
        let rows = rows.into_iter().enumerate().map(entry).collect::<Result<_>>()?;
        Ok(Self { entries: entries.clone(), rows, nulls: nulls.cloned() })
    }

    fn unfold(&self) -> Result<ArrayRef, ArrowError> {
        let entries = self.entries.to_data();
        let mut out = MutableArrayData::new(vec![&entries], true, self.rows.len());
        for (row, &entry) in self.rows.iter().enumerate() {
            if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                out.try_extend_nulls(1)?;
            } else {
                out.try_extend(0, entry as usize, entry as usize + 1)?;
            }
        }
        Ok(make_array(out.freeze()))
    }
}
