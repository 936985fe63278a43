//! `INSERT INTO ... VALUES`: the rows of a statement as one batch.

use arrow_buffer::{ArrowNativeType, BooleanBuffer, NullBuffer};

use super::cursor::{Name, placed};
use super::literal::Literal;
use super::statement::{Insert, Row};
use crate::base::{Batch, Column, ColumnDef, Data, DataType, TableSpec, Value};
use crate::db::Db;
use crate::db::validate::fit_value;
use crate::error::{Error, Result};

/// What a value of a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// The time; its integers are in milliseconds if `in_ms`, and else in the table's unit.
    Time { in_ms: bool },
    /// The value of the column at that position.
    Value(usize),
}

impl Insert {
    pub(super) fn execute(&self, db: &Db) -> Result<u64> {
        let table = db.table(&self.table.text).map_err(|error| placed(error, self.table.at))?;
        let spec = &table.spec();
        let targets = match &self.columns {
            Some(names) => named(spec, names, &self.table)?,
            None => {
                let values = (0..spec.columns.len()).map(Target::Value);
                std::iter::once(Target::Time { in_ms: false }).chain(values).collect()
            }
        };
        for row in &self.rows {
            self.check_width(row, &targets, spec)?;
        }
        let ts = times(spec, &self.rows, &targets)?;
        let columns = spec.columns.iter().enumerate().map(|(position, column)| {
            match targets.iter().position(|target| *target == Target::Value(position)) {
                Some(cell) => values(column, self.rows.iter().map(|row| &row.cells[cell])),
                None => Ok(Column::nulls(column.ty, self.rows.len())),
            }
        });
        let columns = columns.collect::<Result<_>>()?;
        table.append(vec![Batch { ts: ts.into(), columns }])
    }

    fn check_width(&self, row: &Row, targets: &[Target], spec: &TableSpec) -> Result<()> {
        if row.cells.len() == targets.len() {
            return Ok(());
        }
        let names: Vec<_> = match &self.columns {
            Some(names) => names.iter().map(|name| name.text.as_str()).collect(),
            None => {
                let values = spec.columns.iter().map(|column| column.name.as_str());
                std::iter::once(spec.time_column.as_str()).chain(values).collect()
            }
        };
        let (has, wanted, names) = (row.cells.len(), names.len(), names.join(", "));
        let what = format!("a row of {has} values for {wanted} columns ({names})");
        Err(placed(Error::schema(what), row.at))
    }
}

/// What the columns of a list are.
fn named(spec: &TableSpec, names: &[Name], table: &Name) -> Result<Vec<Target>> {
    let mut targets: Vec<Target> = Vec::with_capacity(names.len());
    let is_time = |target: &Target| matches!(target, Target::Time { .. });
    for name in names {
        let target = target(spec, &name.text).map_err(|error| placed(error, name.at))?;
        let twice = match is_time(&target) {
            true => targets.iter().any(is_time),
            false => targets.contains(&target),
        };
        if twice {
            let what = format!("column {:?} is named twice", name.text);
            return Err(placed(Error::schema(what), name.at));
        }
        targets.push(target);
    }
    if !targets.iter().any(is_time) {
        let what = format!("the time column {:?} is missing from the list", spec.time_column);
        return Err(placed(Error::schema(what), table.at));
    }
    Ok(targets)
}

fn target(spec: &TableSpec, name: &str) -> Result<Target> {
    if name == spec.time_column {
        return Ok(Target::Time { in_ms: false });
    }
    match (spec.position(name), name) {
        (Ok(position), _) => Ok(Target::Value(position)),
        (Err(_), "ts_ms") => Ok(Target::Time { in_ms: true }),
        (Err(_), "ts") => Ok(Target::Time { in_ms: false }),
        (Err(error), _) => Err(error),
    }
}

fn times(spec: &TableSpec, rows: &[Row], targets: &[Target]) -> Result<Vec<i64>> {
    let time = targets.iter().enumerate().find_map(|(cell, target)| match target {
        Target::Time { in_ms } => Some((cell, *in_ms)),
        Target::Value(_) => None,
    });
    let (cell, in_ms) = time.unwrap_or_default();
    rows.iter().map(|row| row.cells[cell].time(spec.unit, in_ms)).collect()
}

/// A column of the values, each of which has to fit it.
fn values<'a>(column: &ColumnDef, literals: impl Iterator<Item = &'a Literal>) -> Result<Column> {
    let mut text = 0;
    let fitted = literals.map(|literal| {
        let fitted = fit_value(column, literal.value(), usize::MAX)
            .map_err(|error| placed(error, literal.at))?;
        text += match fitted {
            Value::Str(value) => value.len(),
            Value::Bytes(value) => value.len(),
            _ => 0,
        };
        Ok(fitted)
    });
    let fitted: Vec<Value<'_>> = fitted.collect::<Result<_>>()?;
    if i32::try_from(text).is_err() {
        let what =
            format!("column {:?}: {text} bytes in one statement; insert fewer rows", column.name);
        return Err(Error::invalid(what));
    }
    let valid = fitted.iter().map(|value| !matches!(value, Value::Null)).collect::<BooleanBuffer>();
    Ok(column_of(column.ty, &fitted).with_validity(Some(NullBuffer::new(valid))))
}

/// A column of values of its type; what stands for a null does not matter.
fn column_of(ty: DataType, values: &[Value<'_>]) -> Column {
    match ty {
        DataType::I8 => numbers(values, |value| integer(value) as i8),
        DataType::I16 => numbers(values, |value| integer(value) as i16),
        DataType::I32 => numbers(values, |value| integer(value) as i32),
        DataType::I64 => numbers(values, |value| integer(value) as i64),
        DataType::U8 => numbers(values, |value| integer(value) as u8),
        DataType::U16 => numbers(values, |value| integer(value) as u16),
        DataType::U32 => numbers(values, |value| integer(value) as u32),
        DataType::U64 => numbers(values, |value| integer(value) as u64),
        DataType::F32 => numbers(values, |value| float(value) as f32),
        DataType::F64 => numbers(values, float),
        DataType::Bool => {
            let bits = values.iter().map(|value| *value == Value::Bool(true));
            Column { data: Data::Bool(bits.collect()), validity: None }
        }
        DataType::Utf8 | DataType::Binary => {
            Column::from_texts(values.iter().map(|value| match *value {
                Value::Str(text) => text.as_bytes(),
                Value::Bytes(bytes) => bytes,
                _ => &[],
            }))
        }
    }
}

fn numbers<T: ArrowNativeType>(values: &[Value<'_>], of: impl Fn(Value<'_>) -> T) -> Column {
    Column::from_vec(values.iter().map(|&value| of(value)).collect())
}

fn integer(value: Value<'_>) -> i128 {
    match value {
        Value::Int(value) => i128::from(value),
        Value::UInt(value) => i128::from(value),
        _ => 0,
    }
}

fn float(value: Value<'_>) -> f64 {
    if let Value::Float(value) = value { value } else { 0.0 }
}
