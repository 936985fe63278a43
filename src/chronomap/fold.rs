//! What a key is, by its changes.

use super::entry::NEVER;
use super::facts::{Row, What};
use super::moment::moment;
use crate::index::Versions;

/// What a key is after the changes that were applied.
#[derive(Debug)]
pub struct Fold<V>(Option<Kept<V>>);

/// A key that is there.
#[derive(Debug)]
struct Kept<V> {
    versions: Versions<V>,
    end: i64,
    born: u64,
}

impl<V> Default for Fold<V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V: Clone> Fold<V> {
    /// Applies a change, of which `value` is the value. What went is put into `gone`.
    pub fn apply(&mut self, row: &Row<'_>, value: Option<V>, gone: &mut Vec<V>) {
        // An end that never comes is none.
        let end = row.end.map(|end| if end == f64::INFINITY { NEVER } else { moment(end) });
        match (row.what, &mut self.0) {
            (What::Begin | What::Put, kept) => {
                let Some(value) = value else { return };
                let time = moment(row.at);
                match kept {
                    Some(kept) if row.what == What::Put => {
                        kept.versions.insert(time, value);
                        kept.end = end.unwrap_or(kept.end);
                        if row.most > 0 {
                            kept.keep_last(row.most, gone);
                        }
                    }
                    _ => {
                        let versions = Versions::new(time, value);
                        let born = if row.since != 0 { row.since } else { row.number };
                        *kept = Some(Kept { versions, end: end.unwrap_or(NEVER), born });
                    }
                }
            }
            (What::Removed, kept) => *kept = None,
            (What::Trimmed, Some(kept)) => kept.keep_last(row.most, gone),
            (What::Ends, Some(kept)) => kept.end = end.unwrap_or(NEVER),
            (What::Trimmed | What::Ends, None) | (What::Forgotten, _) => {}
        }
    }

    /// The versions, the end, and the number of the change by which the key came; none if it is gone.
    pub fn finish(self) -> Option<(Versions<V>, i64, u64)> {
        let kept = self.0.filter(|kept| !kept.versions.is_empty())?;
        Some((kept.versions, kept.end, kept.born))
    }
}

impl<V: Clone> Kept<V> {
    fn keep_last(&mut self, most: u32, gone: &mut Vec<V>) {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        self.versions.take_first(self.versions.len().saturating_sub(most), gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_its_changes_come_to() {
        let mut fold = Fold::default();
        let mut number = 0;
        let mut apply = |what, at: f64, end, most| {
            number += 1;
            let row = Row {
                place: 0,
                number,
                recorded: 0,
                key: "",
                what,
                at,
                end,
                most,
                since: 0,
                kind: 0,
                whole: 0,
                real: 0.0,
                text: "",
                bytes: &[],
            };
            fold.apply(&row, Some(number), &mut vec![]);
            fold.0.as_ref().map(|kept| {
                let rows: Vec<_> = kept.versions.iter().map(|row| row.1).collect();
                (rows, kept.end != NEVER, kept.born)
            })
        };
        assert_eq!(apply(What::Trimmed, 0.0, None, 1), None);
        assert_eq!(apply(What::Put, 5.0, Some(9.0), 0), Some((vec![2], true, 2)));
        assert_eq!(apply(What::Put, 1.0, None, 0), Some((vec![3, 2], true, 2)));
        assert_eq!(apply(What::Ends, 0.0, None, 0), Some((vec![3, 2], false, 2)));
        assert_eq!(apply(What::Put, 7.0, None, 2), Some((vec![2, 5], false, 2)));
        assert_eq!(apply(What::Begin, 7.0, Some(1.0), 0), Some((vec![6], true, 6)));
        assert_eq!(apply(What::Put, 8.0, None, 0), Some((vec![6, 7], true, 6)));
        assert_eq!(apply(What::Trimmed, 0.0, None, 1), Some((vec![7], true, 6)));
        assert_eq!(apply(What::Removed, 0.0, None, 0), None);
    }
}
