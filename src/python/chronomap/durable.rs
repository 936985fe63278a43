//! A map that keeps what is done to it in a file.
//!
//! Keys are read from the file when they are touched. A put or a delete is written before it is
//! made, without any Python in between, so that the file has the changes in the order in which the
//! map has them: keys of such a map run no code of the user's, and values are told before. What
//! changes many keys is made on a copy, told, and written if the map is still what was copied.

use pyo3::prelude::*;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::access::raise;
use super::base::ChronoMapBase;
use super::cells::{self, Coder};
use super::changes::{end_of, facts_between, trimmed};
use super::handle::{Key, Value};
use super::probe::Probe;
use super::queue::Queue;
use super::state::Done;
use crate::chronomap::{
    Entry, Fact, Facts, Fold, Gone, Row, What, ended_by, moment, rows, seconds,
};
use crate::db::{AutoMaintenance, Batches, DbOptions, Receipt};
use crate::error::{Error, Result};
use crate::python::detached::Detached;

/// The file of a map.
pub(super) struct Durable {
    facts: Detached<Facts>,
    pub(super) coder: Coder,
    queue: Queue,
}

/// Which keys were read.
#[derive(Debug)]
pub(super) struct Loaded {
    all: bool,
    keys: HashSet<String>,
    /// Which moment of the file they are of.
    moment: u64,
}

impl Default for Loaded {
    fn default() -> Self {
        Self { all: true, keys: HashSet::new(), moment: 0 }
    }
}

impl Loaded {
    /// True if all were.
    pub(super) fn is_all(&self) -> bool {
        self.all
    }

    /// The number of the moment that comes next.
    pub(super) fn next_moment(&self) -> u64 {
        self.moment + 1
    }
}

/// Keys are read one by one until so much of the file would have been read faster as a whole: to
/// find one costs as much as to read so many rows.
const ROWS_A_SEARCH: u64 = 300;
/// So often a change of many keys is tried before others let it pass.
const PATIENCE: u32 = 3;

type Kept = Entry<Key, Value>;
type Folding = Fold<Value>;

impl Durable {
    pub(super) fn open(
        py: Python<'_>,
        path: PathBuf,
        options: DbOptions,
        coder: Coder,
    ) -> PyResult<Self> {
        let facts = py.detach(|| Facts::open(&path, options))?;
        Ok(Self { facts: Detached::new(facts), coder, queue: Queue::default() })
    }

    pub(super) fn close(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.facts.db().close())?)
    }

    pub(super) fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.facts.refresh())?)
    }

    /// What no key was read of.
    pub(super) fn unread(&self, moment: u64) -> PyResult<Loaded> {
        Ok(Loaded { all: self.facts.is_empty()?, keys: HashSet::new(), moment })
    }

    /// How many changes the file has.
    pub(super) fn changes(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.facts.len()?).unwrap_or(usize::MAX))
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
        let batches = py.detach(|| self.facts.all())?;
        self.entries(py, batches, &HashSet::new(), Some(time))
    }
}

impl Durable {
    /// The keys that are there by the changes read, but for those to be left out, and by those that
    /// were recorded up to a time, if one is given.
    fn entries(
        &self,
        py: Python<'_>,
        mut batches: Batches,
        without: &HashSet<String>,
        known: Option<f64>,
    ) -> PyResult<Vec<Kept>> {
        let until = known.map_or(i64::MAX, |known| (known * 1e9) as i64);
        let mut folds: HashMap<String, Folding> = HashMap::new();
        let mut gone = vec![];
        while let Some(piece) = py.detach(|| batches.next()) {
            let piece = piece?;
            for row in rows(&piece)? {
                if row.what == What::Forgotten {
                    if row.recorded > until {
                        return Err(forgotten(row.recorded));
                    }
                    continue;
                }
                if row.recorded > until || without.contains(row.key) {
                    continue;
                }
                let value = self.value_of(py, &row)?;
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
            entries.extend(self.entry(py, &text, fold)?);
        }
        Ok(entries)
    }

    fn value_of(&self, py: Python<'_>, row: &Row<'_>) -> PyResult<Option<Value>> {
        match row.what {
            What::Begin | What::Put => {
                let value = cells::decode(py, row, &self.coder);
                let what = || format!("the value of key {} put at {}", row.key, row.at);
                // What the user's decoder raises, or the lack of one, is told as it is.
                let own = |error: &PyErr| self.coder.decoder.is_some() || cells::is_own(py, error);
                let told = |error: PyErr| match own(&error) {
                    true => error,
                    false => self.damaged(py, &what(), &error),
                };
                Ok(Some(Value::new(&value.map_err(told)?)?))
            }
            What::Removed | What::Trimmed | What::Ends | What::Forgotten => Ok(None),
        }
    }

    fn entry(&self, py: Python<'_>, text: &str, fold: Folding) -> PyResult<Option<Kept>> {
        let Some((versions, end, born)) = fold.finish() else { return Ok(None) };
        let read = cells::key_of(py, text).and_then(|key| {
            let probe = Probe::new(&key)?;
            Ok(Entry::new(probe.key(), probe.hash(), versions, end).born_at(born))
        });
        read.map(Some).map_err(|error| {
            let most = text.char_indices().nth(100).map_or(text.len(), |(at, _)| at);
            self.damaged(py, &format!("the key {}", &text[..most]), &error)
        })
    }

    /// What is wrong with something that was read, said of the file.
    fn damaged(&self, py: Python<'_>, what: &str, error: &PyErr) -> PyErr {
        let told = error.value(py).to_string();
        Error::corruption(format!("{what} cannot be read: {told}"))
            .in_file(self.facts.db().path())
            .into()
    }
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
        Ok(Some(Fact { key, value, ..Fact::bare("", What::Put) }))
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
        self.wait_for_turn(py);
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
        self.wait_for_turn(py);
        // No Python from here on.
        let facts = facts.into_iter().enumerate().map(|(place, fact)| {
            let lives = self.lives(py, &probe_of(place), now);
            self.version(fact, lives, time, end)
        });
        Ok(durable.write(&facts.collect::<Vec<_>>(), now)?)
    }

    /// Writes that keys are gone, of those that are there, all or none. Of a key that no file keeps
    /// there is nothing to write.
    pub(super) fn write_removals(
        &self,
        py: Python<'_>,
        probes: &[Probe<'_, '_>],
        now: f64,
    ) -> PyResult<Option<Receipt>> {
        let Some(durable) = self.durable() else { return Ok(None) };
        let mut texts = vec![];
        for probe in probes {
            texts.push(self.touch_to_read(py, probe)?);
        }
        self.wait_for_turn(py);
        // No Python from here on.
        let there = |probe: &Probe<'_, '_>| {
            self.with(py, |state| state.map.find(probe.hash(), |key| probe.is(key)).is_some())
        };
        let mut facts: Vec<Fact> = vec![];
        for (probe, text) in probes.iter().zip(texts) {
            let told = |text: &String| facts.iter().any(|fact| fact.key == *text);
            let text = text.filter(|text| there(probe) && (probes.len() == 1 || !told(text)));
            facts.extend(text.map(|text| Fact::bare(&text, What::Removed)));
        }
        Ok(durable.write(&facts, now)?)
    }

    /// Writes that of a key's versions so many are left.
    pub(super) fn write_pruned(
        &self,
        key: Option<String>,
        left: usize,
        now: f64,
    ) -> PyResult<Option<Receipt>> {
        let (Some(durable), Some(key)) = (self.durable(), key) else { return Ok(None) };
        Ok(durable.write(&[trimmed(&key, left)], now)?)
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
            Some(durable) => self.read_key(py, durable, cells::key_text(probe.object())?).map(Some),
            None => Ok(None),
        }
    }

    /// The same for whoever only reads: a key that no file keeps is not there.
    #[inline]
    pub(super) fn touch_to_read(
        &self,
        py: Python<'_>,
        probe: &Probe<'_, '_>,
    ) -> PyResult<Option<String>> {
        let Some(durable) = self.durable() else { return Ok(None) };
        match cells::key_text(probe.object()) {
            Err(error) if cells::is_own(py, &error) => Ok(None),
            text => self.read_key(py, durable, text?).map(Some),
        }
    }

    fn read_key(&self, py: Python<'_>, durable: &Durable, text: String) -> PyResult<String> {
        let (is_read, count, moment) = self.with(py, |state| {
            let loaded = &state.loaded;
            (loaded.all || loaded.keys.contains(&text), loaded.keys.len(), loaded.moment)
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
            for row in rows(&piece?)?.filter(|row| row.key == text) {
                fold.apply(&row, durable.value_of(py, &row)?, &mut gone);
            }
        }
        let entry = durable.entry(py, &text, fold)?;
        let (left, moved) = self.with(py, |state| {
            if state.loaded.moment != moment {
                return (entry, true);
            }
            // Another thread may have read it meanwhile, and changed it.
            if state.loaded.all || !state.loaded.keys.insert(text.clone()) {
                return (entry, false);
            }
            entry.into_iter().for_each(|entry| state.map.restore(entry));
            (None, false)
        });
        drop(left);
        if moved { self.read_key(py, durable, text) } else { Ok(text) }
    }

    /// Reads all keys that were not read.
    pub(super) fn read_all(&self, py: Python<'_>) -> PyResult<()> {
        let Some(durable) = self.durable() else { return Ok(()) };
        if self.with(py, |state| state.loaded.all) {
            return Ok(());
        }
        let (read, moment) =
            self.with(py, |state| (state.loaded.keys.clone(), state.loaded.moment));
        let batches = py.detach(|| durable.facts.all())?;
        let entries = durable.entries(py, batches, &read, None)?;
        let mut read = vec![];
        for entry in entries {
            let key = entry.key().get(py).to_owned();
            read.push((cells::key_text(&key)?, entry));
        }
        let (left, moved) = self.with(py, |state| {
            let mut left = vec![];
            let moved = state.loaded.moment != moment;
            for (text, entry) in read {
                // A key that was touched meanwhile is newer in the map.
                match moved || state.loaded.all || state.loaded.keys.contains(&text) {
                    true => left.push(entry),
                    false => state.map.restore(entry),
                }
            }
            if moved {
                return ((left, HashSet::new()), true);
            }
            state.loaded.all = true;
            ((left, std::mem::take(&mut state.loaded.keys)), false)
        });
        drop(left);
        if moved { self.read_all(py) } else { Ok(()) }
    }

    /// Makes a change of many keys on the map that it is given, and writes what it came to. If that
    /// fails, the map is what it was. `done` is what a context has to know of it.
    pub(super) fn recorded<R>(
        &self,
        py: Python<'_>,
        done: &Done<'_>,
        mut change: impl FnMut(&Self) -> PyResult<R>,
    ) -> PyResult<R> {
        let Some(durable) = self.durable() else { return self.noted(py, done, || change(self)) };
        let mut turn = None;
        for attempt in 0.. {
            let now = self.now(py)?;
            // An encoder may wait for what others hold, who would wait for the turn.
            if attempt == PATIENCE && durable.coder.encoder.is_none() {
                turn = Some(durable.queue.enter(py));
            }
            self.read_all(py)?;
            let before = self.with(py, |state| state.map.copy());
            let scratch = Self::of(before.copy());
            let result = change(&scratch)?;
            let after = scratch.with(py, |state| state.map.copy());
            let last = durable.facts.number(0);
            let (facts, begun) = facts_between(py, &before, &after, &durable.coder, last)?;
            let mut gone = Gone::default();
            // No Python from here on: nobody changes the map meanwhile.
            let written = self.with(py, |state| {
                if !state.map.same(&before) {
                    return None;
                }
                let receipt = match durable.write(&facts, now) {
                    Ok(receipt) => receipt,
                    Err(error) => return Some(Err(error)),
                };
                state.map.become_copy_of(&after, &mut gone);
                for &(place, hash, born) in &begun {
                    if let Some(others) = facts.len().checked_sub(place + 1) {
                        state.map.renumber(hash, born, durable.facts.number(others));
                    }
                }
                state.note_since(&before, done);
                Some(Ok(receipt))
            });
            if let Some(receipt) = written {
                drop(turn);
                durable.settle(py, receipt?)?;
                return Ok(result);
            }
        }
        unreachable!("there are as many attempts as it takes")
    }

    /// Waits for whoever changes many keys and could not, as others changed some all the time.
    #[inline]
    pub(super) fn wait_for_turn(&self, py: Python<'_>) {
        if let Some(durable) = self.durable() {
            durable.queue.pass(py);
        }
    }

    /// Forgets what the map was known to be before now: the file has what it is, and gets smaller.
    /// Others read and write meanwhile.
    pub(super) fn forget(&self, py: Python<'_>) -> PyResult<()> {
        let Some(durable) = self.durable() else { return Ok(()) };
        let now = self.now(py)?;
        py.detach(|| durable.facts.forget(now))?;
        // Keys that ended some time ago are not in the file any more.
        let mut gone = Gone::default();
        self.with(py, |state| state.map.sweep(ended_by(now), &mut gone));
        Ok(())
    }

    pub(super) fn flush(&self, py: Python<'_>) -> PyResult<()> {
        match self.durable() {
            Some(durable) => Ok(py.detach(|| durable.facts.db().flush())?),
            None => Ok(()),
        }
    }

    /// The number of the change after which so many others were recorded; none if there is no file.
    #[inline]
    pub(super) fn recorded_at(&self, others: usize) -> Option<u64> {
        Some(self.durable()?.facts.number(others))
    }
}

#[cold]
fn forgotten(recorded: i64) -> PyErr {
    let message = format!(
        "what was known before {} s was forgotten by compact(): ask for a later time",
        recorded as f64 / 1e9
    );
    raise("ChronoMapValueError", (message,))
}

/// How a map's file is opened.
pub(super) fn options(mode: &str, durability: &str, interval_ms: i64) -> PyResult<DbOptions> {
    let options = crate::python::db::options(mode, durability, interval_ms)?;
    Ok(options.auto_maintenance(Some(AutoMaintenance::default())))
}
