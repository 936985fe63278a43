//! What was known is forgotten, so that a file has no more than what the map is.
//!
//! What each key comes to is written into a new table, beside writers, whose changes meanwhile are
//! added as they are. Then the new table takes the place of the old one. The last row that it gets
//! says so: a table without that row is not the map, whenever a crash came.

use std::collections::HashMap;

use super::entry::NEVER;
use super::facts::{Cells, Fact, Facts, NO_KEY, READ_ROWS, Row, What};
use super::facts::{drop_others, nanoseconds, next_name, rows, spec, write_facts};
use super::fold::Fold;
use super::moment::{moment, seconds};
use crate::base::{Batch, Compare, Literal, Predicate};
use crate::db::{Receipt, ScanSpec, Table};
use crate::error::Result;

/// So many changes, or bytes of values, are written at once.
const PIECE: (usize, usize) = (50_000, 32 << 20);
/// So often what was written meanwhile is added before writers have to wait for the rest.
const ROUNDS: usize = 3;

impl Facts {
    /// Forgets all that was recorded before now, which the clock says in seconds: keys that are gone,
    /// or ended before [`ended_by`], versions that were taken off, and when what is left was recorded.
    ///
    /// # Errors
    /// Nothing was changed then, but if the message says that it was.
    pub fn forget(&self, now: f64) -> Result<()> {
        let _one = self.forgets.lock();
        let recorded = nanoseconds(now)?;
        let old = self.table.read().name().to_owned();
        // What an attempt before left behind would be taken for what this one wrote.
        drop_others(self.db(), &old)?;
        let name = next_name(self.db(), &old)?;
        let new = self.db().create_table(&name, spec())?;
        let receipt = match self.move_to(&new, ended_by(now), recorded) {
            Ok(receipt) => receipt,
            Err(error) => {
                // It is not the map; if it is not dropped here, the next attempt does it.
                let _ = self.db().drop_table(&name);
                return Err(error);
            }
        };
        let settled = self.db().settle(receipt).and_then(|()| self.db().drop_table(&old));
        settled.and_then(|()| self.db().compact()).map_err(|error| {
            let kind = error.kind();
            error.recast(kind, "what was known is forgotten, but the file is no smaller yet")
        })
    }

    fn move_to(&self, new: &Table, ended: i64, recorded: i64) -> Result<Receipt> {
        let (before, mut number) = self.moment_of_numbers()?;
        let mut out = Out { facts: self, table: new, recorded, number, piece: vec![], bytes: 0 };
        out.write_keys(&before, ended)?;
        drop(before);
        for _ in 0..ROUNDS {
            let (before, to) = self.moment_of_numbers()?;
            add(&before, new, number, |receipt| self.db().settle(receipt))?;
            number = to;
        }
        // Nobody writes from here on, nor is there any waiting for a disk.
        let mut table = self.table.write();
        add(&table, new, number, |_| Ok(()))?;
        let last = [Fact::bare("", What::Forgotten)];
        let receipt = write_facts(new, &last, self.number(0).., recorded)?;
        *table = new.clone();
        Ok(receipt)
    }

    /// The table as it is, and the number of the last change that it has.
    fn moment_of_numbers(&self) -> Result<(Table, u64)> {
        // Nobody writes in between.
        let table = self.table.write();
        Ok((self.db().snapshot()?.table(table.name())?, self.number(0)))
    }
}

/// Keys that ended by this time are forgotten. A writer may have looked at the clock a while ago, and
/// add to a key that had not ended then.
pub fn ended_by(now: f64) -> i64 {
    moment(now - AN_HOUR)
}

const AN_HOUR: f64 = 3600.0;

/// Adds the changes of larger numbers, as they are.
fn add(
    from: &Table,
    to: &Table,
    number: u64,
    settle: impl Fn(Receipt) -> Result<()>,
) -> Result<()> {
    let larger = Predicate::compare("number", Compare::Greater, Literal::Int(number.into()));
    let spec = ScanSpec { filter: Some(larger), ..ScanSpec::default() };
    for piece in from.scan(spec)?.batches(READ_ROWS)? {
        let mut columns = piece?;
        let ts = columns.remove(0).values::<i64>().to_vec().into();
        settle(to.write(vec![Batch { ts, columns }])?)?;
    }
    Ok(())
}

/// The table that takes what keys come to.
struct Out<'a> {
    facts: &'a Facts,
    table: &'a Table,
    recorded: i64,
    number: u64,
    piece: Vec<Fact>,
    bytes: usize,
}

impl Out<'_> {
    /// Writes what the keys are by a table's changes, but for those that ended by a time.
    fn write_keys(&mut self, from: &Table, ended: i64) -> Result<()> {
        let mut place = NO_KEY;
        let mut folds: HashMap<String, Fold<Cells>> = HashMap::new();
        let mut gone = vec![];
        for piece in from.scan(ScanSpec::default())?.batches(READ_ROWS)? {
            for row in rows(&piece?)? {
                // Keys of one place may take turns.
                if row.place != place {
                    self.write_folds(&mut folds, ended)?;
                    place = row.place;
                }
                let value = matches!(row.what, What::Begin | What::Put).then(|| cells_of(&row));
                match folds.get_mut(row.key) {
                    Some(fold) => fold.apply(&row, value, &mut gone),
                    None => {
                        folds.entry(row.key.to_owned()).or_default().apply(&row, value, &mut gone);
                    }
                }
                gone.clear();
            }
        }
        self.write_folds(&mut folds, ended)?;
        self.write_piece()
    }

    fn write_folds(&mut self, folds: &mut HashMap<String, Fold<Cells>>, ended: i64) -> Result<()> {
        for (key, fold) in folds.drain() {
            let Some((versions, end, since)) = fold.finish().filter(|kept| kept.1 > ended) else {
                continue;
            };
            let mut what = What::Begin;
            for (time, value) in versions.iter() {
                let end = (what == What::Begin && end != NEVER).then(|| seconds(end));
                let (at, value) = (seconds(*time), value.clone());
                self.bytes += key.len() + value.text.len() + value.bytes.len();
                self.piece.push(Fact { at, end, since, value, ..Fact::bare(&key, what) });
                what = What::Put;
                if self.piece.len() == PIECE.0 || self.bytes > PIECE.1 {
                    self.write_piece()?;
                }
            }
        }
        Ok(())
    }

    fn write_piece(&mut self) -> Result<()> {
        let piece = std::mem::take(&mut self.piece);
        self.bytes = 0;
        if piece.is_empty() {
            return Ok(());
        }
        let numbers = std::iter::repeat(self.number);
        let receipt = write_facts(self.table, &piece, numbers, self.recorded)?;
        self.facts.db().settle(receipt)
    }
}

fn cells_of(row: &Row<'_>) -> Cells {
    let (text, bytes) = (row.text.to_owned(), row.bytes.to_vec());
    Cells { kind: row.kind, whole: row.whole, real: row.real, text, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{DataType, TableSpec};
    use crate::db::{DbOptions, Mode};
    use std::path::Path;

    fn put(key: &str, at: i64) -> Fact {
        let value = Cells { kind: 2, whole: at, ..Cells::default() };
        Fact { at: at as f64, value, ..Fact::bare(key, What::Put) }
    }

    /// Each key's versions, its end, and the number by which it came.
    type Kept = Vec<(String, Vec<i64>, i64, u64)>;

    fn kept(facts: &Facts) -> Kept {
        let mut folds: HashMap<String, Fold<i64>> = HashMap::new();
        for piece in facts.all().unwrap() {
            for row in rows(&piece.unwrap()).unwrap() {
                let fold = folds.entry(row.key.to_owned()).or_default();
                fold.apply(&row, Some(row.whole), &mut vec![]);
            }
        }
        let found = folds.into_iter().filter_map(|(key, fold)| {
            let (versions, end, born) = fold.finish()?;
            Some((key, versions.iter().map(|row| row.1).collect(), end, born))
        });
        let mut found: Kept = found.collect();
        found.sort_by_key(|kept| kept.3);
        found
    }

    fn open(path: &Path) -> Facts {
        Facts::open(path, DbOptions::default()).unwrap()
    }

    #[test]
    fn what_the_map_is_stays_and_what_it_was_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.chl");
        let facts = open(&path);
        for at in 0..100 {
            let _ = facts.write(&Fact { most: 3, ..put("b", at) }, 1.0).unwrap();
            let _ = facts.write(&put(&format!("gone {at}"), at), 1.0).unwrap();
            let _ = facts.write(&Fact::bare(&format!("gone {at}"), What::Removed), 1.0).unwrap();
        }
        let _ = facts.write(&Fact { end: Some(50.0), ..put("ends", 1) }, 1.0).unwrap();
        let _ = facts.write(&Fact { end: Some(5.0), ..put("ended", 1) }, 1.0).unwrap();
        let _ = facts.write(&put("a", 1), 1.0).unwrap();
        let mut wanted = kept(&facts);
        wanted.retain(|kept| kept.0 != "ended");
        for _ in 0..2 {
            facts.forget(10.0 + AN_HOUR).unwrap();
            assert_eq!(kept(&facts), wanted);
            assert_eq!(facts.len().unwrap(), 6);
        }
        let _ = facts.write(&put("last", 1), 11.0).unwrap();
        drop(facts);
        let facts = open(&path);
        assert_eq!(facts.db().tables().unwrap(), ["chronomap.2"]);
        assert_eq!(kept(&facts)[..3], wanted);
        assert_eq!(kept(&facts)[3].0, "last");
    }

    #[test]
    fn what_a_failed_attempt_left_is_not_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let facts = open(&folder.path().join("map.chl"));
        let _ = facts.write(&put("a", 1), 1.0).unwrap();
        let left = facts.db().create_table("chronomap.1", spec()).unwrap();
        let _ = write_facts(&left, &[put("deleted", 1)], 1.., 1).unwrap();
        facts.forget(2.0).unwrap();
        assert_eq!(kept(&facts).len(), 1);
        // Theirs, as its columns say, whenever it was made.
        let own = TableSpec::new([("v", DataType::F64)]);
        facts.db().create_table("chronomap", own.clone()).unwrap();
        facts.db().create_table("chronomap.2", own).unwrap();
        facts.forget(3.0).unwrap();
        let path = facts.db().path().to_owned();
        drop((facts, left));
        let facts = open(&path);
        assert_eq!(facts.db().tables().unwrap(), ["chronomap", "chronomap.2", "chronomap.3"]);
        assert_eq!(kept(&facts).len(), 1);
    }

    #[test]
    fn a_table_that_was_not_finished_is_not_the_map() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.chl");
        let facts = open(&path);
        let _ = facts.write(&put("a", 1), 1.0).unwrap();
        let wanted = kept(&facts);
        let new = facts.db().create_table("chronomap.1", spec()).unwrap();
        let _ = write_facts(&new, &[put("b", 1)], 1.., 1).unwrap();
        // What others call their tables is theirs.
        for name in ["chronomap.x", "chronomap.+2", "chronomap.02", "chronomap.7", "chronomaps"] {
            let own = TableSpec::new([("v", DataType::F64)]);
            let own = facts.db().create_table(name, own).unwrap();
            own.append_row(1, &[0.5.into()]).unwrap();
        }
        drop((facts, new));
        let reads = DbOptions { mode: Mode::Read, ..DbOptions::default() };
        assert_eq!(kept(&Facts::open(&path, reads.clone()).unwrap()), wanted);
        let facts = open(&path);
        assert_eq!(kept(&facts), wanted);
        assert!(!facts.db().tables().unwrap().contains(&"chronomap.1".to_owned()));
        facts.forget(2.0).unwrap();
        drop(facts);
        let facts = open(&path);
        assert_eq!(kept(&facts), wanted);
        assert_eq!(facts.db().tables().unwrap().len(), 6);
        // It stopped before the old table was dropped.
        let new = facts.db().create_table("chronomap.2", spec()).unwrap();
        let both = [put("b", 1), Fact::bare("", What::Forgotten)];
        let _ = write_facts(&new, &both, 9.., 1).unwrap();
        drop((facts, new));
        assert_eq!(kept(&Facts::open(&path, reads).unwrap())[0].0, "b");
        assert_eq!(kept(&open(&path))[0].0, "b");
    }

    #[test]
    fn what_is_written_meanwhile_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.chl");
        let facts = open(&path);
        for at in 0..2000 {
            let _ = facts.write(&put(&format!("{}", at % 100), at), 1.0).unwrap();
        }
        std::thread::scope(|scope| {
            let forgets = scope.spawn(|| (0..5).try_for_each(|_| facts.forget(2.0)));
            let mut at = 2000;
            while !forgets.is_finished() || at < 4000 {
                let _ = facts.write(&put(&format!("{}", at % 130), at), 3.0).unwrap();
                if at % 50 == 0 {
                    let few = [Fact::bare("7", What::Removed), put("7", at), put("8", at)];
                    let _ = facts.write_all(&few, 3.0).unwrap();
                }
                at += 1;
                std::thread::sleep(std::time::Duration::from_micros(10));
            }
            forgets.join().unwrap().unwrap();
            let read = kept(&facts);
            let mut found: Vec<_> = read.iter().map(|kept| kept.0.clone()).collect();
            found.sort_unstable_by_key(|key| key.parse::<u64>().unwrap());
            assert_eq!(found, (0..130).map(|key| key.to_string()).collect::<Vec<_>>());
            for (key, versions, ..) in &read {
                let number: i64 = key.parse().unwrap();
                let mut wanted: Vec<_> = (0..2000).filter(|at| at % 100 == number).collect();
                wanted.extend((2000..at).filter(|at| at % 130 == number));
                if !["7", "8"].contains(&key.as_str()) {
                    assert_eq!(*versions, wanted, "{key}");
                }
            }
            facts.forget(4.0).unwrap();
            assert_eq!(kept(&facts), read);
        });
    }
}
