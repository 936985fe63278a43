//! Rows that are the same but for their number, of which a rule lets one stay.
//!
//! What makes two rows the same (time and key, say) is the caller's. In a sorted run such rows stand
//! together, the first to arrive before the others, so whether a row stays is told by the rows next
//! to it. Runs that were once resolved have no two of them; then only where runs meet is there
//! anything to look at, and [`contested`] says where.

use crate::base::schema::OnConflict;

/// Whether a row stays of which the one before it in sorted order is the same (`repeats`), or the
/// one behind it (`repeated`). Where a conflict is an error there is none, unless what was deleted
/// was brought back by a salvage: then it gives way to what came after it.
pub const fn stays(rule: OnConflict, repeats: bool, repeated: bool) -> bool {
    match rule {
        OnConflict::All => true,
        OnConflict::First => !repeats,
        OnConflict::Last | OnConflict::Error => !repeated,
    }
}

/// The rows that stay of `rows` sorted ones; `None` if all of them do. `same` says whether a row is
/// the same as the next one.
pub fn survivors(rows: usize, rule: OnConflict, same: impl Fn(usize) -> bool) -> Option<Vec<u32>> {
    if rule == OnConflict::All {
        return None;
    }
    let before_last = rows.saturating_sub(1);
    let first = (0..before_last).find(|&row| same(row))?;
    let mut left: Vec<u32> = (0..first as u32).collect();
    let mut repeats = false;
    for row in first..rows {
        let repeated = row < before_last && same(row);
        if stays(rule, repeats, repeated) {
            left.push(row as u32);
        }
        repeats = repeated;
    }
    Some(left)
}

/// The stretches of time, both ends within, in which more than one run may have rows that are the
/// same: where two of them overlap that `meet`. They follow each other and do not touch. The runs
/// come by least time, as their least and greatest one.
pub fn contested<R>(
    runs: &[R],
    span: impl Fn(&R) -> (i64, i64),
    meet: impl Fn(&R, &R) -> bool,
) -> Vec<(i64, i64)> {
    let mut found: Vec<(i64, i64)> = Vec::new();
    let mut open: Vec<&R> = Vec::new();
    for run in runs {
        let (least, greatest) = span(run);
        open.retain(|other| span(other).1 >= least);
        let shared = open.iter().filter(|other| meet(other, run)).map(|other| span(other).1);
        if let Some(end) = shared.max().map(|end| end.min(greatest)) {
            match found.last_mut() {
                Some(last) if last.1 >= least => last.1 = last.1.max(end),
                _ => found.push((least, end)),
            }
        }
        open.push(run);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn one_of_each_stays(mut rows in prop::collection::vec(0u8..20, 0..60)) {
            rows.sort_unstable();
            let mut first: BTreeMap<u8, u32> = BTreeMap::new();
            let mut last: BTreeMap<u8, u32> = BTreeMap::new();
            for (row, value) in (0..).zip(&rows) {
                first.entry(*value).or_insert(row);
                last.insert(*value, row);
            }
            for (rule, expected) in [
                (OnConflict::First, first.into_values().collect::<Vec<_>>()),
                (OnConflict::Last, last.values().copied().collect()),
                (OnConflict::Error, last.values().copied().collect()),
                (OnConflict::All, (0..rows.len() as u32).collect()),
            ] {
                let left = survivors(rows.len(), rule, |row| rows[row] == rows[row + 1]);
                prop_assert_eq!(left.is_none(), expected.len() == rows.len());
                prop_assert_eq!(left.unwrap_or(expected.clone()), expected, "{}", rule.name());
            }
        }

        #[test]
        fn what_is_contested_is_where_runs_meet(
            spans in prop::collection::vec((0i64..60, 0i64..20, 0u8..3), 0..12),
        ) {
            let mut runs: Vec<_> =
                spans.iter().map(|&(least, len, kind)| (least, least + len, kind)).collect();
            runs.sort_unstable();
            // Runs of kind 0 meet all others.
            let meet = |a: &(i64, i64, u8), b: &(i64, i64, u8)| a.2 == b.2 || a.2 * b.2 == 0;
            let found = contested(&runs, |run| (run.0, run.1), meet);
            for pair in found.windows(2) {
                prop_assert!(pair[0].1 < pair[1].0);
            }
            for ts in 0..80 {
                let there: Vec<_> = runs.iter().filter(|r| r.0 <= ts && ts <= r.1).collect();
                let shared = there.iter().enumerate().any(|(at, a)| {
                    there[at + 1..].iter().any(|b| meet(a, b))
                });
                let inside = found.iter().any(|(a, b)| (*a..=*b).contains(&ts));
                prop_assert!(inside || !shared, "{}", ts);
                // Two stretches that overlap are told as one, and nothing between them.
                prop_assert!(!inside || there.len() > 1, "{}", ts);
            }
        }
    }
}
