//! Changes as they are to be written: of one key, and those that make one map another.

use std::collections::HashMap;

use pyo3::prelude::*;

use super::cells::{self, Coder};
use super::handle::{Key, Value};
use crate::chronomap::{Entry, Fact, Map, NEVER, What, seconds};
use crate::index::trie::Side;

type Kept = Entry<Key, Value>;
/// Which fact a key begins with, its hash, and the number that it has until then.
pub(super) type Begun = (usize, u64, u64);

/// What one map has become when it is another one, as changes, and the keys that begin by them. `last`
/// is the number of the last change.
pub(super) fn facts_between(
    py: Python<'_>,
    before: &Map<Key, Value>,
    after: &Map<Key, Value>,
    coder: &Coder,
    last: u64,
) -> PyResult<(Vec<Fact>, Vec<Begun>)> {
    let mut changed = vec![];
    after.differ(before, &mut |side, entry| changed.push((side, entry.clone())));
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
        if let Some(after) = after.as_ref().filter(|after| after.born() > last) {
            begun.push((facts.len(), after.hash(), after.born()));
        }
        change_of(py, text, (before.as_ref(), after.as_ref()), coder, last, &mut facts)?;
    }
    Ok((facts, begun))
}

/// A key of whose versions so many are left.
pub(super) fn trimmed(key: &str, left: usize) -> Fact {
    match u32::try_from(left).unwrap_or(u32::MAX) {
        0 => Fact::bare(key, What::Removed),
        most => Fact { most, ..Fact::bare(key, What::Trimmed) },
    }
}

pub(super) fn end_of(end: i64) -> Option<f64> {
    (end != NEVER).then(|| seconds(end))
}

/// Adds the changes that make one state of a key the other.
fn change_of(
    py: Python<'_>,
    key: String,
    (before, after): (Option<&Kept>, Option<&Kept>),
    coder: &Coder,
    last: u64,
    facts: &mut Vec<Fact>,
) -> PyResult<()> {
    let Some(after) = after else {
        facts.extend(before.map(|_| Fact::bare(&key, What::Removed)));
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
                facts.push(Fact { end: end_of(after.end()), ..Fact::bare(&key, What::Ends) });
            }
            return Ok(());
        }
    }
    let mut what = What::Begin;
    for (time, value) in after.versions().iter() {
        let value = cells::encode(&value.get(py).to_owned(), coder)?;
        let end = end_of(after.end()).filter(|_| what == What::Begin);
        // A key that came just now, or to another map, comes when this is recorded.
        let recorded = what == What::Begin && after.born() <= last;
        let since = if recorded { after.born() } else { 0 };
        let (key, at) = (key.clone(), seconds(*time));
        facts.push(Fact { key, what, at, end, most: 0, since, value });
        what = What::Put;
    }
    Ok(())
}
