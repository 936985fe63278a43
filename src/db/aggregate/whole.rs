//! Aggregates of all rows of a scan.

use crate::base::batch::Column;
use crate::base::value::Value;
use crate::db::aggregate::{Accumulate, Aggregate, Input, Run, accumulator};
use crate::db::digest::{Digest, Stretch};
use crate::db::plan::ScanColumn;
use crate::error::{Error, ErrorKind, Result};

/// What the values of a scan come to.
///
/// ```
/// use chronolite::{Aggregate, AggregateSpec, ScanSpec, Value};
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// let wanted = [("temp", vec![Aggregate::Mean]), ("ts", vec![Aggregate::Max])];
/// let summary = sensor.scan(ScanSpec::default())?.aggregate(&AggregateSpec::new(wanted))?;
/// assert_eq!(summary.get("temp", Aggregate::Mean), Some(Value::Float(21.5)));
/// assert_eq!(summary.get("ts", Aggregate::Max), Some(Value::Int(3000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Summary {
    columns: Vec<ScanColumn>,
    values: Vec<Column>,
}

impl Summary {
    /// What `aggregate` is for a column; `None` if it was not asked for. A time is an `Int` in the
    /// table's unit.
    ///
    /// ```
    /// use chronolite::{Aggregate, AggregateSpec, ScanSpec, Value};
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// let wanted = AggregateSpec::new([("temp", vec![Aggregate::Count, Aggregate::Min])]);
    /// // Of no rows, a count is 0 and all else null.
    /// let summary = sensor.scan(ScanSpec::default())?.aggregate(&wanted)?;
    /// assert_eq!(summary.get("temp", Aggregate::Count), Some(Value::Int(0)));
    /// assert_eq!(summary.get("temp", Aggregate::Min), Some(Value::Null));
    /// assert_eq!(summary.get("temp", Aggregate::Max), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get(&self, column: &str, aggregate: Aggregate) -> Option<Value<'_>> {
        let name = format!("{column}_{}", aggregate.name());
        let place = self.columns.iter().position(|column| column.name() == name)?;
        Some(self.values[place].value(self.columns[place].stored(), 0))
    }

    /// The results as columns of one row, called `temp_mean` and so on, in the order asked for.
    ///
    /// ```
    /// use chronolite::{Aggregate, AggregateSpec, ScanSpec};
    /// # use chronolite::{DataType, Db, DbOptions, TableSpec};
    /// # let folder = tempfile::tempdir()?;
    /// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
    /// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
    ///     sensor.append_row(ts, &[temp.into()])?;
    /// }
    /// let wanted = AggregateSpec::new([("temp", vec![Aggregate::Min, Aggregate::Max])]);
    /// let summary = sensor.scan(ScanSpec::default())?.aggregate(&wanted)?;
    /// let values = summary.columns().map(|(column, of)| (column.name(), of.values::<f64>()[0]));
    /// assert!(values.eq([("temp_min", 20.5), ("temp_max", 22.5)]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
