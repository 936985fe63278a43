//! A map that keeps what is done to it in a file.
//!
//! Keys are read from the file when they are touched. A put or a delete is written before it is
//! made; what changes many keys is made first, and then written as what it came to, or taken back.
//! Keys of such a map run no code of the user's, so that all of this happens while nobody else is
//! attached: the file has the changes in the order in which the map has them.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use pyo3::prelude::*;

use super::base::ChronoMapBase;
use super::cells::{self, Coder};
use super::handle::{Key, Value};
use super::probe::Probe;
use crate::chronomap::{
    Cells, Entry, FRESH, Fact, Facts, Fold, Gone, Map, NEVER, Row, What, moment, rows, seconds,
};
use crate::db::{AutoMaintenance, Batches, DbOptions, Receipt};
use crate::error::Result;
use crate::index::trie::Side;
use crate::python::detached::Detached;

/// The file of a map.
pub(super) struct Durable {
    facts: Detached<Facts>,
    pub(super) coder: Coder,
}

/// Which keys were read.
#[derive(Debug)]
pub(super) struct Loaded {
    all: bool,
    keys: HashSet<String>,
}

impl Default for Loaded {
    fn default() -> Self {
        Self { all: true, keys: HashSet::new() }
    }
}

/// Keys are read one by one until so much of the file would have been read faster as a whole: to
/// find one costs as much as to read so many rows.
const ROWS_A_SEARCH: u64 = 500;

type Kept = Entry<Key, Value>;
type Folding = Fold<Value>;
/// Which fact a key begins with, its hash, and the number that it has until then.
type Begun = (usize, u64, u64);

impl Durable {
    pub(super) fn open(
        py: Python<'_>,
        path: PathBuf,
        options: DbOptions,
        coder: Coder,
    ) -> PyResult<Self> {
        let facts = py.detach(|| Facts::open(&path, options))?;
        Ok(Self { facts: Detached::new(facts), coder })
    }

    pub(super) fn close(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.facts.db().close())?)
    }

    pub(super) fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.facts.refresh())?)
    }

    /// What no key was read of.
    pub(super) fn unread(&self) -> PyResult<Loaded> {
        Ok(Loaded { all: self.facts.is_empty()?, keys: HashSet::new() })
    }

    /// Writes changes. What is returned has to be settled when the map has them too.
    fn write(&self, facts: &[Fact], now: f64) -> Result<Option<Receipt>> {
        let receipt = match facts {
            [] => return Ok(None),
            [one] => self.facts.write(one, now)?,
            many => self.facts.write_all(many, now)?,
        };
        Ok(Some(receipt))
    }

    /// Waits until what was written is as durable as the file's level says.
    fn settle(&self, py: Python<'_>, receipt: Option<Receipt>) -> PyResult<()> {
        match receipt.filter(Receipt::pending) {
            Some(receipt) => Ok(py.detach(|| self.facts.db().settle(receipt))?),
            None => Ok(()),
        }
    }

    /// What was said of all keys up to a time in seconds.
    pub(super) fn known(&self, py: Python<'_>, time: f64) -> PyResult<Vec<Kept>> {
        let batches = py.detach(|| self.facts.until(Some(time)))?;
        entries(py, batches, &HashSet::new(), &self.coder)
    }
}

/// The keys that are there by the changes read, but for those to be left out.
fn entries(
    py: Python<'_>,
    mut batches: Batches,
    without: &HashSet<String>,
    coder: &Coder,
) -> PyResult<Vec<Kept>> {
    let mut folds: HashMap<String, Folding> = HashMap::new();
    let mut gone = vec![];
    while let Some(piece) = py.detach(|| batches.next()) {
        let piece = piece?;
        for row in rows(&piece)? {
            if without.contains(row.key) {
                continue;
            }
            let value = value_of(py, &row, coder)?;
            match folds.get_mut(row.key) {
                Some(fold) => fold.apply(&row, value, &mut gone),
                None => {
                    let fold = folds.entry(row.key.to_owned()).or_default();
                    fold.apply(&row, value, &mut gone);
                }
            }
        }
        gone.clear();
    }
    let mut entries = Vec::with_capacity(folds.len());
    for (text, fold) in folds {
        entries.extend(entry(py, &text, fold)?);
    }
    Ok(entries)
}

fn value_of(py: Python<'_>, row: &Row<'_>, coder: &Coder) -> PyResult<Option<Value>> {
    match row.what {
        What::Begin | What::Put => Ok(Some(Value::new(&cells::decode(py, row, coder)?)?)),
        What::Removed | What::Trimmed | What::Ends => Ok(None),
    }
}

fn entry(py: Python<'_>, text: &str, fold: Folding) -> PyResult<Option<Kept>> {
    let Some((versions, end, born)) = fold.finish() else { return Ok(None) };
    let key = cells::key_of(py, text)?;
    let probe = Probe::new(&key)?;
    Ok(Some(Entry::new(probe.key(), probe.hash(), versions, end).born_at(born)))
}

impl ChronoMapBase {
    /// A version as it is to be written, with its key read; none if there is no file.
    pub(super) fn fact(
        &self,
        py: Python<'_>,
        probe: &Probe<'_, '_>,
        value: &Value,
    ) -> PyResult<Option<Fact>> {
        let (Some(durable), Some(key)) = (self.durable(), self.touch(py, probe)?) else {
            return Ok(None);
        };
        let value = cells::encode(&value.get(py).to_owned(), &durable.coder)?;
        Ok(Some(Fact { key, what: What::Put, at: 0.0, end: None, most: 0, since: 0, value }))
    }

    /// Writes a version, which begins its key if that is not there.
    pub(super) fn write_fact(
        &self,
        fact: Option<Fact>,
        lives: bool,
        (time, end): (i64, Option<i64>),
        now: f64,
    ) -> Result<Option<Receipt>> {
        let (Some(durable), Some(fact)) = (self.durable(), fact) else { return Ok(None) };
        durable.write(&[self.version(fact, lives, time, end)], now)
    }

    fn version(&self, fact: Fact, lives: bool, time: i64, end: Option<i64>) -> Fact {
        let what = if lives { What::Put } else { What::Begin };
        let end = end.map(|end| end_of(end).unwrap_or(f64::INFINITY));
        Fact { what, at: seconds(time), end, most: self.most(), ..fact }
    }

    /// The same, once it is known whether the key is there.
    pub(super) fn write(
        &self,
        py: Python<'_>,
        probe: &Probe<'_, '_>,
        fact: Option<Fact>,
        version: (i64, Option<i64>),
        now: f64,
    ) -> PyResult<Option<Receipt>> {
        if fact.is_none() {
            return Ok(None);
        }
        let lives = self.lives(py, probe, now);
        Ok(self.write_fact(fact, lives, version, now)?)
    }

    fn lives(&self, py: Python<'_>, probe: &Probe<'_, '_>, now: f64) -> bool {
        self.with(py, |state| {
            let entry = state.map.find(probe.hash(), |key| probe.is(key));
            entry.is_some_and(|entry| entry.lives(moment(now)))
        })
    }

    /// Writes a version of each of these keys, all or none.
    pub(super) fn write_items<'a, 'py: 'a>(
        &self,
        py: Python<'_>,
        probe_of: &impl Fn(usize) -> Probe<'a, 'py>,
        values: &[Value],
        (time, end): (i64, Option<i64>),
        now: f64,
    ) -> PyResult<Option<Receipt>> {
        let Some(durable) = self.durable() else { return Ok(None) };
        let mut facts = Vec::with_capacity(values.len());
        for (place, value) in values.iter().enumerate() {
            facts.extend(self.fact(py, &probe_of(place), value)?);
        }
        // Nobody else is attached from here on.
        let facts = facts.into_iter().enumerate().map(|(place, fact)| {
            let lives = self.lives(py, &probe_of(place), now);
            self.version(fact, lives, time, end)
        });
        Ok(durable.write(&facts.collect::<Vec<_>>(), now)?)
    }

    /// Writes that a key is gone, if it is there.
    pub(super) fn write_removal(
        &self,
        py: Python<'_>,
        probe: &Probe<'_, '_>,
        now: f64,
    ) -> PyResult<Option<Receipt>> {
        let (Some(durable), Some(key)) = (self.durable(), self.touch(py, probe)?) else {
            return Ok(None);
        };
        let is_there =
            self.with(py, |state| state.map.find(probe.hash(), |key| probe.is(key)).is_some());
        if !is_there {
            return Ok(None);
        }
        Ok(durable.write(&[bare(&key, What::Removed)], now)?)
    }

    /// Writes that of a key's versions so many are left.
    pub(super) fn write_pruned(
        &self,
        py: Python<'_>,
        key: Option<String>,
        left: usize,
    ) -> PyResult<Option<Receipt>> {
        let (Some(durable), Some(key)) = (self.durable(), key) else { return Ok(None) };
        Ok(durable.write(&[trimmed(&key, left)], self.now(py)?)?)
    }

    /// Waits until what was written is as durable as it is to be.
    #[inline]
    pub(super) fn settle_written(&self, py: Python<'_>, receipt: Option<Receipt>) -> PyResult<()> {
        match (self.durable(), receipt) {
            (Some(durable), Some(receipt)) => durable.settle(py, Some(receipt)),
            _ => Ok(()),
        }
    }

    /// Reads what the file has of a key, unless it was read. The key's text, if there is a file.
    #[inline]
    pub(super) fn touch(&self, py: Python<'_>, probe: &Probe<'_, '_>) -> PyResult<Option<String>> {
        match self.durable() {
            Some(durable) => self.read_key(py, durable, probe).map(Some),
            None => Ok(None),
        }
    }

    fn read_key(
        &self,
        py: Python<'_>,
        durable: &Durable,
        probe: &Probe<'_, '_>,
    ) -> PyResult<String> {
        let text = cells::key_text(probe.object())?;
        let (is_read, count) = self.with(py, |state| {
            let loaded = &state.loaded;
            (loaded.all || loaded.keys.contains(&text), loaded.keys.len())
        });
        if is_read {
            return Ok(text);
        }
        if count as u64 * ROWS_A_SEARCH > durable.facts.len()? {
            self.read_all(py)?;
            return Ok(text);
        }
        let mut batches = py.detach(|| durable.facts.of_key(&text))?;
        let (mut fold, mut gone) = (Folding::default(), vec![]);
        while let Some(piece) = py.detach(|| batches.next()) {
            for row in rows(&piece?)? {
                fold.apply(&row, value_of(py, &row, &durable.coder)?, &mut gone);
            }
        }
        let entry = entry(py, &text, fold)?;
        let left = self.with(py, |state| {
            // Another thread may have read it meanwhile, and changed it.
            if state.loaded.all || !state.loaded.keys.insert(text.clone()) {
                return entry;
            }
            entry.into_iter().for_each(|entry| state.map.restore(entry));
            None
        });
        drop(left);
        Ok(text)
    }

    /// Reads all keys that were not read.
    pub(super) fn read_all(&self, py: Python<'_>) -> PyResult<()> {
        let Some(durable) = self.durable() else { return Ok(()) };
        if self.with(py, |state| state.loaded.all) {
            return Ok(());
        }
        let read = self.with(py, |state| state.loaded.keys.clone());
        let batches = py.detach(|| durable.facts.until(None))?;
        let entries = entries(py, batches, &read, &durable.coder)?;
        let mut read = vec![];
        for entry in entries {
            let key = entry.key().get(py).to_owned();
            read.push((cells::key_text(&key)?, entry));
        }
        let left = self.with(py, |state| {
            let mut left = vec![];
            for (text, entry) in read {
                // A key that was touched meanwhile is newer in the map.
                match state.loaded.all || state.loaded.keys.contains(&text) {
                    true => left.push(entry),
                    false => state.map.restore(entry),
                }
            }
            state.loaded.all = true;
            (left, std::mem::take(&mut state.loaded.keys))
        });
        drop(left);
        Ok(())
    }

    /// Makes a change of many keys, and writes what it came to. If that fails, the map is what it
    /// was.
    pub(super) fn recorded<R>(
        &self,
        py: Python<'_>,
        change: impl FnOnce() -> PyResult<R>,
    ) -> PyResult<R> {
        let Some(durable) = self.durable() else { return self.noted(py, change) };
        self.read_all(py)?;
        let before = self.with(py, |state| state.map.copy());
        let written = self.noted(py, change).and_then(|result| {
            let (facts, begun) = self.facts_since(py, &before, &durable.coder)?;
            let receipt = durable.write(&facts, self.now(py)?)?;
            self.number(py, facts.len(), begun);
            Ok((result, receipt))
        });
        match written {
            Ok((result, receipt)) => {
                drop(before);
                durable.settle(py, receipt)?;
                Ok(result)
            }
            Err(error) => {
                let mut gone = Gone::default();
                self.with(py, |state| state.map.become_copy_of(&before, &mut gone));
                Err(error)
            }
        }
    }

    pub(super) fn flush(&self, py: Python<'_>) -> PyResult<()> {
        match self.durable() {
            Some(durable) => Ok(py.detach(|| durable.facts.db().flush())?),
            None => Ok(()),
        }
    }

    /// What the map has become since it was another one, as changes.
    fn facts_since(
        &self,
        py: Python<'_>,
        before: &Map<Key, Value>,
        coder: &Coder,
    ) -> PyResult<(Vec<Fact>, Vec<Begun>)> {
        let mut changed = vec![];
        self.with(py, |state| {
            state.map.differ(before, &mut |side, entry| changed.push((side, entry.clone())));
        });
        type Sides = (Option<Kept>, Option<Kept>);
        let mut keys: HashMap<String, Sides> = HashMap::new();
        for (side, entry) in changed {
            let text = cells::key_text(&entry.key().get(py).to_owned())?;
            let sides = keys.entry(text).or_default();
            match side {
                Side::This => sides.1 = Some(entry),
                Side::Other => sides.0 = Some(entry),
            }
        }
        // In the order in which the keys came: by it they are listed when the file is opened.
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_by_key(|(_, (_, after))| after.as_ref().map(Entry::born));
        let (mut facts, mut begun) = (vec![], vec![]);
        for (text, (before, after)) in keys {
            if let Some(after) = after.as_ref().filter(|after| after.born() & FRESH != 0) {
                begun.push((facts.len(), after.hash(), after.born()));
            }
            change_of(py, text, (before.as_ref(), after.as_ref()), coder, &mut facts)?;
        }
        Ok((facts, begun))
    }

    /// Keys that begin have the times at which that was recorded as their numbers.
    fn number(&self, py: Python<'_>, facts: usize, begun: Vec<Begun>) {
        self.with(py, |state| {
            for (place, hash, born) in begun {
                let others = facts.checked_sub(place + 1);
                if let Some(recorded) = others.and_then(|others| self.recorded_at(others)) {
                    state.map.renumber(hash, born, recorded);
                }
            }
        });
    }

    /// When the change was recorded after which so many others were; none if there is no file.
    #[inline]
    pub(super) fn recorded_at(&self, others: usize) -> Option<u64> {
        let last = self.durable()?.facts.last();
        Some((last - others as i64).max(0).cast_unsigned())
    }
}

/// How a map's file is opened.
pub(super) fn options(mode: &str, durability: &str, interval_ms: i64) -> PyResult<DbOptions> {
    let options = crate::python::db::options(mode, durability, interval_ms)?;
    Ok(options.auto_maintenance(Some(AutoMaintenance::default())))
}

fn bare(key: &str, what: What) -> Fact {
    Fact { key: key.into(), what, at: 0.0, end: None, most: 0, since: 0, value: Cells::default() }
}

/// A key of whose versions so many are left.
fn trimmed(key: &str, left: usize) -> Fact {
    match u32::try_from(left).unwrap_or(u32::MAX) {
        0 => bare(key, What::Removed),
        most => Fact { most, ..bare(key, What::Trimmed) },
    }
}

fn end_of(end: i64) -> Option<f64> {
    (end != NEVER).then(|| seconds(end))
}

/// Adds the changes that make one state of a key the other.
fn change_of(
    py: Python<'_>,
    key: String,
    (before, after): (Option<&Kept>, Option<&Kept>),
    coder: &Coder,
    facts: &mut Vec<Fact>,
) -> PyResult<()> {
    let Some(after) = after else {
        facts.extend(before.map(|_| bare(&key, What::Removed)));
        return Ok(());
    };
    let same = |one: &(i64, Value), other: &(i64, Value)| {
        one.0 == other.0 && one.1.place() == other.1.place()
    };
    if let Some(before) = before.filter(|before| before.born() == after.born()) {
        let (were, are) = (before.versions(), after.versions());
        let skipped = were.len().saturating_sub(are.len());
        let rest = were.slice(skipped..were.len());
        if are.len() <= were.len() && rest.zip(are.iter()).all(|(one, other)| same(one, other)) {
            if skipped > 0 {
                facts.push(trimmed(&key, are.len()));
            }
            if before.end() != after.end() {
                facts.push(Fact { end: end_of(after.end()), ..bare(&key, What::Ends) });
            }
            return Ok(());
        }
    }
    let mut what = What::Begin;
    for (time, value) in after.versions().iter() {
        let value = cells::encode(&value.get(py).to_owned(), coder)?;
        let end = end_of(after.end()).filter(|_| what == What::Begin);
        // A key that came just now came when this is recorded.
        let recorded = what == What::Begin && after.born() & FRESH == 0;
        let since = if recorded { after.born().cast_signed() } else { 0 };
        let (key, at) = (key.clone(), seconds(*time));
        facts.push(Fact { key, what, at, end, most: 0, since, value });
        what = What::Put;
    }
    Ok(())
}
