//! Retention: rows older than a length of time go. They are hidden by a delete, and segments that
//! it hides as a whole are dropped without being read.
//!
//! "Old" is by the clock on the wall: a row of a time before now less the length, in the table's
//! unit. Rows of later times never go, whatever the table's newest row is.

use std::sync::Arc;
use std::time::Duration;

use crate::base::time::TimeUnit;
use crate::db::core::Core;
use crate::db::extent::time_range;
use crate::db::pack::{PackReport, Stop};
use crate::db::rounds::wall_clock;
use crate::db::table::{Db, Table};
use crate::db::worth::hidden_groups;
use crate::error::{ErrorKind, Result};
use crate::format::spec::TableId;

const NANOS: i128 = 1_000_000_000;
/// More deletes of a table are looked through for those that a later one makes superfluous.
const MANY_DELETES: usize = 8;

impl Db {
    /// Deletes the rows older than the `retention` of the options, of all tables, and gives their
    /// space back; without one it does nothing. Segments that are partly old are written anew where
    /// that is at least half of them. What it reports is of the segments that went.
    ///
    /// ```
    /// use std::time::Duration;
    /// use chronolite::{DataType, Db, DbOptions, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let hour = DbOptions::default().retention(Some(Duration::from_secs(3600)));
    /// let db = Db::open(folder.path().join("plant.chl"), hour)?;
    /// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// sensor.append_row(1_704_067_200_000, &[20.5.into()])?;
    /// assert_eq!(sensor.len()?, 1);
    /// db.compact_retention_now()?;
    /// assert_eq!(sensor.len()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Db::flush`].
    pub fn compact_retention_now(&self) -> Result<PackReport> {
        self.core.check_writable()?;
        self.core.check_tended()?;
        self.core.apply_retention(wall_clock())
    }
}

impl Table {
    /// Deletes the rows older than `age`, by the clock on the wall. They are gone at once; rows that
    /// are appended later are not touched, however old.
    ///
    /// ```
    /// use std::time::Duration;
    /// use chronolite::{DataType, Db, DbOptions, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// sensor.append_row(1_704_067_200_000, &[20.5.into()])?;
    /// sensor.retain(Duration::from_secs(7 * 86_400))?;
    /// assert_eq!(sensor.len()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::delete`].
    pub fn retain(&self, age: Duration) -> Result<()> {
        self.retain_from(cutoff(wall_clock(), age, self.spec().unit))
    }

    /// Deletes the rows before `cutoff`, a time in the table's unit: [`Table::delete`] from the
    /// beginning.
    ///
    /// ```
    /// use chronolite::{DataType, Db, DbOptions, TableSpec};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// sensor.append_row(1000, &[20.5.into()])?;
    /// sensor.append_row(2000, &[21.5.into()])?;
    /// sensor.retain_from(2000)?;
    /// assert_eq!(sensor.min_ts()?, Some(2000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Table::delete`].
    pub fn retain_from(&self, cutoff: i64) -> Result<()> {
        self.delete(None, Some(cutoff), None)
    }
}

impl Core {
    /// Deletes what is old at `now` and gives its space back.
    pub(crate) fn apply_retention(self: &Arc<Self>, now: i128) -> Result<PackReport> {
        if self.options.retention.is_none() {
            return Ok(PackReport::default());
        }
        let _alone = self.packing.lock();
        self.delete_old(now)?;
        self.flush()?;
        let report = self.drop_hidden(&|| false)?;
        self.give_back()?;
        Ok(report)
    }

    /// Deletes the rows that are old at `now`, in nanoseconds since 1970.
    pub(crate) fn delete_old(self: &Arc<Self>, now: i128) -> Result<()> {
        let Some(age) = self.options.retention else { return Ok(()) };
        let (view, visible) = self.snapshot();
        for table in view.tables() {
            let cutoff = cutoff(now, age, table.def.spec.unit);
            let oldest = time_range(self, table, visible)?.map(|(oldest, _)| oldest);
            if oldest.is_none_or(|oldest| oldest >= cutoff) {
                continue;
            }
            match self.delete(table.def.id, i64::MIN, Some(cutoff), None) {
                // Dropped meanwhile.
                Err(e) if e.kind() == ErrorKind::TableNotFound => {}
                receipt => receipt?.map_or(Ok(()), |receipt| self.settle(receipt))?,
            }
        }
        Ok(())
    }

    /// Drops the segments that deletes hide as a whole, and rewrites those of which they hide most.
    /// The lock that packs hold is held.
    pub(crate) fn drop_hidden(self: &Arc<Self>, stop: Stop<'_>) -> Result<PackReport> {
        let mut report = PackReport::default();
        let (view, _) = self.snapshot();
        let tables: Vec<TableId> = view.tables().map(|table| table.def.id).collect();
        drop(view);
        for id in tables {
            let groups = self.snapshot().0.table(id).map(|table| hidden_groups(table));
            report += self.pack_groups(id, groups.unwrap_or_default(), stop)?;
            let deletes = self.snapshot().0.table(id).map_or(0, |table| table.deletes.len());
            if deletes > MANY_DELETES {
                self.forget_superfluous(id)?;
            }
        }
        Ok(report)
    }
}

/// The first time that is not old yet.
fn cutoff(now: i128, age: Duration, unit: TimeUnit) -> i64 {
    let from = now - age.as_nanos().min(i128::MAX as u128 / 2) as i128;
    let cutoff = from.div_euclid(NANOS / i128::from(unit.per_second()));
    cutoff.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cutoff_is_in_the_tables_unit_and_rounds_towards_keeping() {
        let now = 10 * NANOS + 1;
        let age = Duration::from_millis(1500);
        assert_eq!(cutoff(now, age, TimeUnit::Second), 8);
        assert_eq!(cutoff(now, age, TimeUnit::Millisecond), 8500);
        assert_eq!(cutoff(now, age, TimeUnit::Nanosecond), 8_500_000_001);
        assert_eq!(cutoff(0, Duration::from_nanos(1), TimeUnit::Second), -1);
        assert_eq!(cutoff(now, Duration::ZERO, TimeUnit::Second), 10);
        assert_eq!(cutoff(now, Duration::MAX, TimeUnit::Nanosecond), i64::MIN);
        assert_eq!(
            cutoff(i128::from(i64::MAX) * 9, Duration::ZERO, TimeUnit::Nanosecond),
            i64::MAX
        );
    }
}
