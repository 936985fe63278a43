//! The states of a column, a slot for each row of the result.

use arrow_buffer::{BooleanBuffer, NullBuffer};

use crate::base::batch::{Column, Data};
use crate::base::schema::DataType;
use crate::db::aggregate::exact::ExactDeviations;
use crate::db::aggregate::moments::{Deviations, Moments};
use crate::db::aggregate::number::{Number, Sum};
use crate::db::aggregate::state::{Needs, State};
use crate::db::aggregate::text::Texts;
use crate::db::aggregate::{Aggregate, Input};
use crate::db::digest::KnownVectors;

/// Rows of a piece that follow each other and belong to one row of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// The row of the result, counted from the first that was not forgotten.
    pub(crate) slot: usize,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// The states of a column. Slots are used in order: a new one is at most one past the last.
pub(crate) trait Accumulate: std::fmt::Debug + Send {
    /// Takes in the rows of a piece of the column. Those of a slot come in order, over all calls.
    fn reduce(&mut self, column: &Column, runs: &[Run]);
    /// Takes in vectors of which no more is known than their statistics. What these do not tell was
    /// not asked for (see `db::digest`).
    fn reduce_known(&mut self, slot: usize, known: KnownVectors<'_>);
    /// The results of these slots, in this order; `None` if one does not fit its type.
    fn finish(&self, aggregate: Aggregate, order: &[usize]) -> Option<Column>;
    /// Gives up the first slots; the others are counted from 0 again.
    fn forget(&mut self, slots: usize);
}

/// No states yet, for a column of the input.
pub(crate) fn accumulator(input: &Input) -> Box<dyn Accumulate> {
    let needs = Needs::of(input.outputs.iter().map(|(aggregate, _)| *aggregate));
    macro_rules! numbers {
        ($t:ty) => {
            match input.exact {
                false => Box::new(Plain::<$t>::new(needs)),
                true => Box::new(Exact::<$t>::new(needs)),
            }
        };
    }
    match input.ty {
        DataType::I8 => numbers!(i8),
        DataType::I16 => numbers!(i16),
        DataType::I32 => numbers!(i32),
        DataType::I64 => numbers!(i64),
        DataType::U8 => numbers!(u8),
        DataType::U16 => numbers!(u16),
        DataType::U32 => numbers!(u32),
        DataType::U64 => numbers!(u64),
        DataType::F32 => numbers!(f32),
        DataType::F64 => numbers!(f64),
        DataType::Bool => match input.exact {
            false => Box::new(Bools(Plain::new(needs))),
            true => Box::new(Bools(Exact::new(needs))),
        },
        DataType::Utf8 | DataType::Binary => Box::new(Texts::default()),
    }
}

#[derive(Debug)]
struct Numbers<T, S, D> {
    states: Vec<State<T, S, D>>,
    needs: Needs,
    /// The values of a run that are not null.
    dense: Vec<T>,
}

/// Sums and deviations in floats, rounded as they go.
type Plain<T> = Numbers<T, <T as Number>::Sum, Moments<T>>;
/// The same, rounded once.
type Exact<T> = Numbers<T, <T as Number>::ExactSum, ExactDeviations>;

impl<T: Number, S: Sum<T>, D: Deviations<T>> Numbers<T, S, D> {
    fn new(needs: Needs) -> Self {
        Self { states: vec![], needs, dense: vec![] }
    }

    fn reduce_values(&mut self, values: &[T], nulls: Option<&NullBuffer>, runs: &[Run]) {
        let Self { states, needs, dense } = self;
        for run in runs {
            let all = &values[run.start..run.start + run.len];
            let valid = match nulls.map(|nulls| nulls.slice(run.start, run.len)) {
                Some(nulls) if nulls.null_count() > 0 => {
                    dense.clear();
                    for (from, to) in nulls.valid_slices() {
                        dense.extend_from_slice(&all[from..to]);
                    }
                    &dense[..]
                }
                _ => all,
            };
            at(states, run.slot).add(valid, *needs);
        }
    }
}

/// The state of a slot, which is at most one past the last.
fn at<S: Default>(states: &mut Vec<S>, slot: usize) -> &mut S {
    if slot == states.len() {
        states.push(S::default());
    }
    &mut states[slot]
}

impl<T: Number, S: Sum<T>, D: Deviations<T>> Accumulate for Numbers<T, S, D> {
    fn reduce(&mut self, column: &Column, runs: &[Run]) {
        self.reduce_values(column.values(), column.validity.as_ref(), runs);
    }

    fn reduce_known(&mut self, slot: usize, known: KnownVectors<'_>) {
        let state = at(&mut self.states, slot);
        known.for_each(|known| state.add_known(&known, self.needs));
    }

    fn finish(&self, aggregate: Aggregate, order: &[usize]) -> Option<Column> {
        let states = order.iter().map(|&slot| &self.states[slot]);
        Some(match aggregate {
            Aggregate::Count => Column::from_vec(states.map(|s| s.count as i64).collect()),
            Aggregate::Sum => {
                let totals = states.map(State::total).collect::<Option<Vec<_>>>()?;
                column(totals.into_iter())
            }
            Aggregate::Mean => column(states.map(State::mean)),
            Aggregate::Min => column(states.map(|s| s.min)),
            Aggregate::Max => column(states.map(|s| s.max)),
            Aggregate::First => column(states.map(|s| s.ends.map(|ends| ends.0))),
            Aggregate::Last => column(states.map(|s| s.ends.map(|ends| ends.1))),
            Aggregate::Std => column(states.map(State::std)),
        })
    }

    fn forget(&mut self, slots: usize) {
        self.states.drain(..slots);
    }
}

/// Booleans, as the numbers 0 and 1.
#[derive(Debug)]
struct Bools<S, D>(Numbers<u8, S, D>);

impl<S: Sum<u8>, D: Deviations<u8>> Accumulate for Bools<S, D> {
    fn reduce(&mut self, column: &Column, runs: &[Run]) {
        let Data::Bool(bits) = &column.data else { return };
        let bytes: Vec<u8> = bits.iter().map(u8::from).collect();
        self.0.reduce_values(&bytes, column.validity.as_ref(), runs);
    }

    fn reduce_known(&mut self, slot: usize, known: KnownVectors<'_>) {
        self.0.reduce_known(slot, known);
    }

    fn finish(&self, aggregate: Aggregate, order: &[usize]) -> Option<Column> {
        let column = self.0.finish(aggregate, order)?;
        if aggregate.result_type(DataType::Bool) != Some(DataType::Bool) {
            return Some(column);
        }
        let bits: BooleanBuffer = column.values::<u8>().iter().map(|&byte| byte != 0).collect();
        Some(Column { data: Data::Bool(bits), validity: column.validity })
    }

    fn forget(&mut self, slots: usize) {
        self.0.forget(slots);
    }
}

/// Values that may be missing as a column.
fn column<V: arrow_buffer::ArrowNativeType>(values: impl Iterator<Item = Option<V>>) -> Column {
    let values: Vec<Option<V>> = values.collect();
    let valid: NullBuffer = values.iter().map(Option::is_some).collect::<Vec<_>>().into();
    let values = values.into_iter().map(Option::unwrap_or_default).collect();
    Column::from_vec(values).with_validity(Some(valid))
}
