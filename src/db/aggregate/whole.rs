//! Aggregates of all rows of a scan.

use crate::base::batch::Column;
use crate::base::value::Value;
use crate::db::aggregate::{Accumulate, Aggregate, Input, Run, accumulator};
use crate::db::digest::{Digest, Stretch};
use crate::db::plan::ScanColumn;
use crate::error::{Error, ErrorKind, Result};

/// What the values of a scan come to.
#[derive(Debug)]
pub struct Summary {
    columns: Vec<ScanColumn>,
    values: Vec<Column>,
}

impl Summary {
    /// What `aggregate` is for a column; `None` if it was not asked for. A time is an `Int` in the
    /// table's unit.
    pub fn get(&self, column: &str, aggregate: Aggregate) -> Option<Value<'_>> {
        let name = format!("{column}_{}", aggregate.name());
        let place = self.columns.iter().position(|column| column.name() == name)?;
        Some(self.values[place].value(self.columns[place].stored(), 0))
    }

    /// The results as columns of one row, called `temp_mean` and so on, in the order asked for.
    pub fn columns(&self) -> impl Iterator<Item = (&ScanColumn, &Column)> {
        self.columns.iter().zip(&self.values)
    }

    /// The summary of `pieces`.
    pub(crate) fn of(
        inputs: &[Input],
        pieces: impl Iterator<Item = Result<Digest>>,
    ) -> Result<Self> {
        let mut states: Vec<Box<dyn Accumulate>> = inputs.iter().map(accumulator).collect();
        for (state, input) in states.iter_mut().zip(inputs) {
            // There is a result even if there are no rows.
            state.reduce(&Column::nulls(input.ty, 0), &[Run { slot: 0, start: 0, len: 0 }]);
        }
        for piece in pieces {
            let Digest { stretches, vectors, columns } = piece?;
            for (place, (state, input)) in states.iter_mut().zip(inputs).enumerate() {
                for stretch in &stretches {
                    match (stretch, &vectors) {
                        (Stretch::Rows(rows), _) => {
                            let run = Run { slot: 0, start: rows.start, len: rows.len() };
                            state.reduce(&columns[input.place], &[run]);
                        }
                        (Stretch::Vectors(some), Some(vectors)) => {
                            state.reduce_known(0, vectors.known(place, some.clone()));
                        }
                        (Stretch::Vectors(_), None) => {}
                    }
                }
            }
        }
        let outputs = inputs.iter().flat_map(|input| &input.outputs);
        let columns = outputs.map(|(_, column)| column.clone()).collect();
        Ok(Self { columns, values: results(inputs, &states, &[0])? })
    }
}

/// The results of these slots, in this order.
///
/// # Errors
/// `Overflow` if a sum does not fit its type.
pub(crate) fn results(
    inputs: &[Input],
    states: &[Box<dyn Accumulate>],
    order: &[usize],
) -> Result<Vec<Column>> {
    let mut values = vec![];
    for (input, state) in inputs.iter().zip(states) {
        for (aggregate, output) in &input.outputs {
            let result = state.finish(*aggregate, order);
            values.push(result.ok_or_else(|| overflow(output))?);
        }
    }
    Ok(values)
}

#[cold]
fn overflow(output: &ScanColumn) -> Error {
    let (name, ty) = (output.name(), output.stored());
    if ty.is_bytes() {
        let message = format!("{name:?}: 2 GiB of text and more do not fit one column");
        return Error::new(ErrorKind::Overflow, message);
    }
    let message = format!("{name:?}: a sum does not fit {ty}; take the mean, or fewer rows");
    Error::new(ErrorKind::Overflow, message)
}
