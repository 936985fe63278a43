//! Days of rows in a table of the kernel. The time of a row is the number of its day, counted from
//! 1970-01-01, times [`ROWS_A_DAY`], plus its number within the day: a day, a range of days and a
//! slice of it are each a range of time.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::base::{Batch, TableSpec};
use crate::db::Table;
use crate::error::{Error, Result};
use crate::series::Layout;

/// The most rows of a day.
pub const ROWS_A_DAY: i64 = 1 << 40;
/// The days that Python has a date for, from 0001-01-01 to 9999-12-31.
const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;

/// The days of a table, for whoever writes.
#[derive(Debug)]
pub struct PackedDays {
    table: Table,
    /// How many rows the days have that were appended to.
    counts: Mutex<HashMap<i64, i64>>,
}

impl PackedDays {
    /// Those of a table that holds the rows of a layout.
    pub fn new(table: Table) -> Self {
        Self { table, counts: Mutex::default() }
    }

    /// Appends rows to a day, all or none; `batches` gives them this time and those that follow.
    ///
    /// # Errors
    /// Those of [`Table::append`], and `InvalidInput` of more rows than a day may have.
    pub fn append(
        &self,
        day: i64,
        rows: usize,
        batches: impl FnOnce(i64) -> Vec<Batch>,
    ) -> Result<()> {
        let mut counts = self.counts.lock();
        let there = match counts.remove(&day) {
            Some(there) => there,
            None => rows_of(&self.table, day)?,
        };
        let all = i64::try_from(rows).ok().and_then(|rows| there.checked_add(rows));
        let all = all.filter(|all| *all <= ROWS_A_DAY);
        let all = all.ok_or_else(|| Error::invalid("a day has at most 2^40 rows"))?;
        // If this fails, the table is asked again how many there are.
        self.table.append(batches(day * ROWS_A_DAY + there))?;
        counts.insert(day, all);
        Ok(())
    }

    /// Deletes the rows of a day. True if there were any.
    ///
    /// # Errors
    /// Those of [`Table::delete`].
    pub fn delete(&self, day: i64) -> Result<bool> {
        let mut counts = self.counts.lock();
        counts.remove(&day);
        if rows_of(&self.table, day)? == 0 {
            return Ok(false);
        }
        let start = day * ROWS_A_DAY;
        self.table.delete(Some(start), Some(start + ROWS_A_DAY), None)?;
        Ok(true)
    }
}

/// The days from `first` to `last` that have rows, in order, and how many.
///
/// # Errors
/// `Schema` of times that are of no day.
pub fn days(table: &Table, first: i64, last: i64) -> Result<Vec<(i64, i64)>> {
    let mut days = vec![];
    let mut end = last;
    while end >= first {
        let Some((day, rows)) = newest(table, end)? else { break };
        if day < first {
            break;
        }
        days.push((day, rows));
        end = day - 1;
    }
    days.reverse();
    Ok(days)
}

/// How many rows a day has.
fn rows_of(table: &Table, day: i64) -> Result<i64> {
    Ok(newest(table, day)?.filter(|(newest, _)| *newest == day).map_or(0, |(_, rows)| rows))
}

/// The last day up to one that has rows, and how many.
fn newest(table: &Table, day: i64) -> Result<Option<(i64, i64)>> {
    let end = day * ROWS_A_DAY + (ROWS_A_DAY - 1);
    for batch in table.asof(end, None)?.all_batches()? {
        let time = batch?.first().and_then(|times| times.values::<i64>().first().copied());
        let Some(time) = time else { continue };
        let (day, row) = (time.div_euclid(ROWS_A_DAY), time.rem_euclid(ROWS_A_DAY));
        if !DAYS.contains(&day) {
            let name = table.name();
            return Err(Error::schema(format!("table {name:?} has rows of no day: {time}")));
        }
        return Ok(Some((day, row + 1)));
    }
    Ok(None)
}

impl Layout {
    /// Refuses a table that does not hold such rows.
    ///
    /// # Errors
    /// `Schema`, which says how it differs.
    pub fn check_table(&self, name: &str, found: &TableSpec) -> Result<()> {
        let asked = self.table().storage(found.storage);
        match found.difference(&asked) {
            None => Ok(()),
            Some(how) => Err(Error::schema(format!("table {name:?} holds other rows: {how}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Column, DataType};
    use crate::db::{Db, DbOptions};

    #[test]
    fn days_are_ranges_of_time() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path().join("a.chl"), DbOptions::default()).unwrap();
        let table = db.create_table("t", TableSpec::new([("v", DataType::I64)])).unwrap();
        let packed = PackedDays::new(table.clone());
        let append = |packed: &PackedDays, day, rows: usize| {
            let batch = |first: i64| {
                let times: Vec<i64> = (first..).take(rows).collect();
                vec![Batch { columns: vec![Column::from_vec(times.clone())], ts: times.into() }]
            };
            packed.append(day, rows, batch).unwrap();
        };
        for (day, rows) in [(5, 2), (-3, 1), (5, 3), (9, 4)] {
            append(&packed, day, rows);
        }
        let all = |first, last| days(&table, first, last).unwrap();
        assert_eq!(all(-100, 100), [(-3, 1), (5, 5), (9, 4)]);
        assert_eq!((all(0, 8), all(6, 8)), (vec![(5, 5)], vec![]));
        // Whoever writes next finds what is there.
        let packed = PackedDays::new(table.clone());
        assert!(packed.delete(5).unwrap() && !packed.delete(5).unwrap());
        assert_eq!(all(-100, 100), [(-3, 1), (9, 4)]);
        append(&packed, 5, 7);
        assert_eq!(all(5, 5), [(5, 7)]);
        db.close().unwrap();
    }
}
