//! What is known of a run of text or bytes, which are ordered by their bytes.

use crate::base::batch::Column;
use crate::db::aggregate::{Accumulate, Aggregate, Run};
use crate::db::digest::KnownVectors;

/// The states of a column of text or bytes.
#[derive(Debug, Default)]
pub(super) struct Texts {
    states: Vec<State>,
}

#[derive(Debug, Default)]
struct State {
    count: u64,
    /// Least, greatest, first and last, once there is a value.
    known: Option<[Vec<u8>; 4]>,
}

impl State {
    fn reduce<'a>(&mut self, mut values: impl Iterator<Item = &'a [u8]>) {
        let Some(first) = values.next() else { return };
        let (mut min, mut max, mut last) = (first, first, first);
        self.count += 1;
        for value in values {
            self.count += 1;
            min = min.min(value);
            max = max.max(value);
            last = value;
        }
        match &mut self.known {
            None => self.known = Some([min, max, first, last].map(<[u8]>::to_vec)),
            Some([least, greatest, _, latest]) => {
                if min < &least[..] {
                    *least = min.to_vec();
                }
                if max > &greatest[..] {
                    *greatest = max.to_vec();
                }
                *latest = last.to_vec();
            }
        }
    }

    fn get(&self, aggregate: Aggregate) -> Option<&[u8]> {
        let [min, max, first, last] = self.known.as_ref()?;
        match aggregate {
            Aggregate::Min => Some(min),
            Aggregate::Max => Some(max),
            Aggregate::First => Some(first),
            Aggregate::Last => Some(last),
            _ => None,
        }
    }
}

impl Accumulate for Texts {
    fn reduce(&mut self, column: &Column, runs: &[Run]) {
        for run in runs {
            if run.slot >= self.states.len() {
                self.states.resize_with(run.slot + 1, State::default);
            }
            let rows = (run.start..run.start + run.len).filter(|&row| column.is_valid(row));
            self.states[run.slot].reduce(rows.map(|row| column.bytes_at(row)));
        }
    }

    fn reduce_known(&mut self, slot: usize, known: KnownVectors<'_>) {
        if slot >= self.states.len() {
            self.states.resize_with(slot + 1, State::default);
        }
        self.states[slot].count += known.map(|known| known.count).sum::<u64>();
    }

    fn finish(&self, aggregate: Aggregate, order: &[usize]) -> Option<Column> {
        let states = || order.iter().map(|&slot| &self.states[slot]);
        if aggregate == Aggregate::Count {
            return Some(Column::from_vec(states().map(|state| state.count as i64).collect()));
        }
        let bytes: usize = states().filter_map(|state| state.get(aggregate)).map(<[u8]>::len).sum();
        i32::try_from(bytes).ok()?;
        let valid = states().map(|state| state.known.is_some()).collect::<Vec<bool>>();
        let texts = Column::from_texts(states().map(|state| state.get(aggregate).unwrap_or(b"")));
        Some(texts.with_validity(Some(valid.into())))
    }

    fn forget(&mut self, slots: usize) {
        self.states.drain(..slots);
    }
}
