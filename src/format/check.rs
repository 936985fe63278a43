//! Whether a segment is what its footer and its entry say: beyond checksums, that statistics, order
//! and ranges are those of the rows. One column is decoded at a time; times, row numbers and keys
//! are kept, as rows are ordered by them.

use std::cmp::Ordering;

use arrow_buffer::Buffer;

use crate::base::batch::Column;
use crate::base::bytes::Malformed;
use crate::base::schema::TableSpec;
use crate::codec::VECTOR_ROWS;
use crate::format::edit::{Order, SegmentEntry};
use crate::format::footer::{ColumnIndex, Footer, SEQ_ID};
use crate::format::key::KeyColumns;
use crate::format::segment::{key_range, read_column, read_seq, read_ts};
use crate::format::stats::{Lane, Summary, decode_vectors, summarize};

/// What a check of a segment found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Blocks that were read.
    pub blocks: u64,
    /// What is wrong, at places within the extent.
    pub problems: Vec<Malformed>,
}

/// Checks all of a segment of a table of that schema.
pub fn check_segment(
    entry: &SegmentEntry,
    spec: &TableSpec,
    footer: &Footer,
    extent: &Buffer,
) -> Checked {
    let at = entry.footer_at as usize;
    let mut checked = Checked::default();
    let mut wrong = |what| checked.problems.push(Malformed { what, at });
    let label = &footer.label;
    if (label.min_seq, label.as_of_lsn) != (entry.min_seq, entry.as_of_lsn)
        || footer.table().is_none_or(|def| def.id != entry.table)
    {
        wrong("footer that tells another table or numbers than the manifest");
    }
    let key = KeyColumns::of(spec);
    let key_ids: Vec<_> = key.positions().filter_map(|p| spec.columns.get(p)).collect();
    let mut keys: Vec<Column> =
        spec.columns.iter().map(|def| Column::nulls(def.ty, footer.rows as usize)).collect();
    let mut keys_are_whole = true;
    for column in &footer.columns {
        checked.blocks += column.streams.iter().map(|s| s.blocks.len() as u64).sum::<u64>();
        let is_key = key_ids.iter().any(|def| def.id == column.id);
        let def = spec.columns.iter().find(|def| def.id == column.id);
        let read = match def {
            Some(def) if def.ty != column.ty => {
                Err(Malformed { what: "type of a column at odds with its table", at })
            }
            _ => read_column(footer, column, extent, 0..footer.rows as usize),
        };
        match read.and_then(|values| check_column(column, footer, &values, at).map(|()| values)) {
            Ok(values) if is_key => {
                let position = spec.columns.iter().position(|def| def.id == column.id);
                if let Some(place) = position.and_then(|position| keys.get_mut(position)) {
                    *place = values;
                }
            }
            Ok(_) => {}
            Err(bad) => {
                keys_are_whole &= !is_key;
                checked.problems.push(bad);
            }
        }
    }
    if keys_are_whole {
        let one_of_each = spec.on_conflict.keeps_one();
        let order = check_order(entry, footer, extent, (&key, &keys), one_of_each);
        checked.problems.extend(order.err());
        // Whatever the order is said to be.
        let range = key_range(spec, &keys, footer.rows as usize, Order::Time);
        if range != entry.key_range {
            checked.problems.push(Malformed { what: "key range of the manifest", at });
        }
    }
    checked
}

/// The counts and statistics of a column are those of its values.
fn check_column(
    column: &ColumnIndex,
    footer: &Footer,
    values: &Column,
    at: usize,
) -> Result<(), Malformed> {
    let bad = |what| Err(Malformed { what, at });
    let rows = footer.rows as usize;
    if values.null_count() != column.nulls as usize {
        return bad("count of nulls");
    }
    let Some(lane) = Lane::of(column.ty).filter(|_| column.id != SEQ_ID) else { return Ok(()) };
    let Some((whole, vectors)) = summarize(column.ty, values) else { return Ok(()) };
    let same = column.summary.is_some_and(|stored| same_summary(lane, &stored, &whole, true));
    if !same || whole.nans != u64::from(column.nans) {
        return bad("statistics of a column");
    }
    if rows <= VECTOR_ROWS || column.nulls == footer.rows {
        return Ok(());
    }
    let Some(packed) = &column.vectors else { return bad("statistics of vectors") };
    let stored = decode_vectors(lane, rows.div_ceil(VECTOR_ROWS), packed)
        .map_err(|bad| Malformed { what: bad.what, at })?;
    let pairs = stored.iter().zip(&vectors);
    let same = pairs.clone().all(|(stored, is)| same_summary(lane, stored, is, false));
    if same { Ok(()) } else { bad("statistics of vectors") }
}

/// `ends`: NaNs, first and last are kept as well.
fn same_summary(lane: Lane, stored: &Summary, is: &Summary, ends: bool) -> bool {
    let float = lane == Lane::Float;
    let same = |a: u64, b: u64| {
        let both_nan = f64::from_bits(a).is_nan() && f64::from_bits(b).is_nan();
        a == b || (float && both_nan)
    };
    // Of 0.0 and -0.0 either may stand for least and greatest.
    let equal = |a: u64, b: u64| a == b || (float && f64::from_bits(a) == f64::from_bits(b));
    let range = is.count == 0 || (equal(stored.min, is.min) && equal(stored.max, is.max));
    let sum = match lane {
        Lane::Float => same(stored.sum as u64, is.sum as u64),
        Lane::Signed | Lane::Unsigned => stored.sum == is.sum,
    };
    let ends = !ends
        || (stored.nans == is.nans && same(stored.first, is.first) && same(stored.last, is.last));
    stored.count == is.count && range && sum && ends
}

/// Times, keys and row numbers are in order and within what the entry says. Nothing is said of
/// times or row numbers that cannot be read: that was found before. `one_of_each`: no time and key is
/// there twice, and the numbers of rows that gave way may be within what the entry says.
fn check_order(
    entry: &SegmentEntry,
    footer: &Footer,
    extent: &Buffer,
    (key, keys): (&KeyColumns, &[Column]),
    one_of_each: bool,
) -> Result<(), Malformed> {
    let at = entry.footer_at as usize;
    let bad = |what| Err(Malformed { what, at });
    let all = 0..footer.rows as usize;
    let Ok(ts) = read_ts(footer, extent, all.clone()) else { return Ok(()) };
    let ends = (ts.iter().min(), ts.iter().max());
    if ends != (Some(&entry.min_ts), Some(&entry.max_ts)) {
        return bad("times that are not those of the manifest");
    }
    let Ok(seq) = read_seq(entry, footer, extent, all.clone()) else { return Ok(()) };
    let (least, greatest) = (seq.iter().min(), seq.iter().max());
    let above = match one_of_each {
        true => greatest > Some(&entry.max_seq),
        false => greatest != Some(&entry.max_seq),
    };
    if least != Some(&entry.min_seq) || above {
        return bad("row numbers that are not those of the manifest");
    }
    let in_order = |row: usize| {
        let (a, b) = (row - 1, row);
        let (by_time, by_key) = (ts[a].cmp(&ts[b]), || key.compare(keys, a, keys, b));
        let order = match entry.order {
            Order::Time => by_time.then_with(by_key),
            Order::Key => by_key().then(by_time),
        };
        match order {
            Ordering::Equal => !one_of_each && seq[a] < seq[b],
            order => order.is_lt(),
        }
    };
    if (1..all.end).all(in_order) { Ok(()) } else { bad("order of rows") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::schema::{DataType, OnConflict};
    use crate::format::rows::SortedRows;
    use crate::format::segment::{NewSegment, build, read_footer};
    use crate::format::spec::TableDef;

    fn built(change: impl FnOnce(&mut Footer, &mut SegmentEntry)) -> Vec<&'static str> {
        built_for(OnConflict::All, change)
    }

    /// Rows of which each two have the same time and tag.
    fn built_for(
        rule: OnConflict,
        change: impl FnOnce(&mut Footer, &mut SegmentEntry),
    ) -> Vec<&'static str> {
        let spec = TableSpec::new([("v", DataType::F64), ("tag", DataType::Utf8)]);
        let spec = spec.on_conflict(rule).key(&["tag"]).unwrap();
        let def = TableDef { id: 1, name: "t".into(), spec: spec.into() };
        let values: Vec<f64> = (0..3000).map(|i| [f64::NAN, -0.0, 1.5][i % 3]).collect();
        let rows = SortedRows {
            ts: (0..3000i64).map(|i| i / 2).collect::<Vec<_>>().into(),
            seq: (5..3005u64).collect::<Vec<_>>().into(),
            columns: vec![Column::from_vec(values), Column::from_texts(vec!["a"; 3000])],
        };
        let mut extent = Vec::new();
        let new =
            NewSegment { id: 7, def: &def, salt: 9, as_of_lsn: 3, level: 0, order: Order::Time };
        let mut entry = build(new, &rows, &mut extent);
        let extent = Buffer::from_vec(extent);
        let mut footer = read_footer(&entry, 9, &extent).unwrap();
        change(&mut footer, &mut entry);
        let checked = check_segment(&entry, &def.spec, &footer, &extent);
        checked.problems.into_iter().map(|bad| bad.what).collect()
    }

    #[test]
    fn rows_of_one_time_and_key_are_found_where_one_must_have_given_way() {
        for rule in [OnConflict::Last, OnConflict::First, OnConflict::Error] {
            assert_eq!(built_for(rule, |_, _| {}), ["order of rows"]);
            let below = built_for(rule, |_, entry| entry.max_seq -= 1);
            assert_eq!(below, ["row numbers that are not those of the manifest"]);
        }
    }

    #[test]
    fn whatever_is_not_so_is_found() {
        assert_eq!(built(|_, _| {}), Vec::<&str>::new());
        type Change = fn(&mut Footer, &mut SegmentEntry);
        let changes: [(Change, &str); 11] = [
            (|footer, _| footer.label.min_seq += 1, "another table or numbers"),
            (|footer, _| footer.columns[2].nans += 1, "statistics of a column"),
            (|footer, _| footer.columns[2].summary.as_mut().unwrap().count += 1, "of a column"),
            (|footer, _| footer.columns[2].summary.as_mut().unwrap().max += 1, "of a column"),
            (|footer, _| footer.columns[2].vectors = footer.columns[0].vectors.clone(), "vector"),
            (|_, entry| entry.max_ts += 1, "times"),
            (|_, entry| entry.max_seq += 1, "row numbers"),
            (|_, entry| entry.key_range = None, "key range"),
            (|footer, _| footer.columns[3].streams[0].blocks[0].checksum ^= 1, "checksum"),
            (|footer, _| footer.columns[2].ty = DataType::U64, "at odds with its table"),
            (|footer, _| footer.columns[3].ty = DataType::I64, "at odds with its table"),
        ];
        for (change, what) in changes {
            let found = built(change);
            assert!(found.len() == 1 && found[0].contains(what), "{what}: {found:?}");
        }
    }
}
