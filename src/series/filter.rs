//! Which rows a predicate keeps: what the kernel's filter says of the values of fields.

use std::sync::Arc;

use crate::base::predicate::{Compare, Filter, Input, Literal, Name, Operand, Predicate};
use crate::base::{Column, TableSpec, iso8601};
use crate::db::parallel;
use crate::error::{Error, Result};
use crate::series::rows::gather;
use crate::series::{Kind, Layout, Unit, Values};

/// So many rows are looked at at once.
const PART: usize = 1 << 16;
/// So many bytes of a column, if its values are long.
const PART_BYTES: usize = 1 << 28;

impl Layout {
    /// The table of the kernel that holds such rows, under a time that none of the columns is.
    pub fn table(&self) -> TableSpec {
        let names = || self.fields().iter().map(|field| field.name.as_str());
        let mut time = "row".to_owned();
        while names().any(|name| name == time) {
            time.push('_');
        }
        let columns = self.fields().iter().map(|field| (field.name.clone(), field.data_type()));
        TableSpec { time_column: time, ..TableSpec::new(columns) }
    }

    /// A predicate in terms of what the kernel keeps: times as numbers, text as bytes.
    ///
    /// # Errors
    /// `InvalidInput` if what a column of times is compared with is none; `Schema` of a column that
    /// is not there, cannot be compared so, or has several values a row.
    pub fn in_kernels_terms(&self, predicate: &Predicate) -> Result<Predicate> {
        predicate.check_size()?;
        let translated = self.translated(predicate)?;
        let table = self.table();
        if Filter::new(&translated, &table)?.inputs().contains(&Input::Time) {
            let name = &table.time_column;
            return Err(Error::schema(format!("where: there is no column {name:?}")));
        }
        Ok(translated)
    }

    fn translated(&self, predicate: &Predicate) -> Result<Predicate> {
        let all = |parts: &[Arc<Predicate>]| {
            parts.iter().map(|part| self.translated(part).map(Arc::new)).collect::<Result<_>>()
        };
        Ok(match predicate {
            Predicate::Compare(Operand::Column(name), compare, Operand::Value(value)) => {
                let (compare, value) = self.literal(name, *compare, value)?;
                Predicate::Compare(Operand::Column(name.clone()), compare, Operand::Value(value))
            }
            Predicate::Compare(value @ Operand::Value(_), compare, column) => {
                let turned = Predicate::Compare(column.clone(), compare.turned(), value.clone());
                return match column {
                    Operand::Column(_) => self.translated(&turned),
                    Operand::Value(_) => Ok(predicate.clone()),
                };
            }
            Predicate::In(name, values) => {
                let values = values.iter();
                let values = values.map(|value| Ok(self.literal(name, Compare::Equal, value)?.1));
                Predicate::In(name.clone(), values.collect::<Result<_>>()?)
            }
            Predicate::Not(part) => Predicate::Not(Arc::new(self.translated(part)?)),
            Predicate::And(parts) => Predicate::And(all(parts)?),
            Predicate::Or(parts) => Predicate::Or(all(parts)?),
            other => other.clone(),
        })
    }

    fn literal(&self, name: &Name, by: Compare, value: &Literal) -> Result<(Compare, Literal)> {
        let field = self.fields().iter().find(|field| field.name == name.name);
        let Some(field) = field else { return Ok((by, value.clone())) };
        if field.count.is_some() {
            let name = &field.name;
            return Err(Error::schema(format!("where: {name:?} has several values a row")));
        }
        Ok(match (field.kind, value) {
            (Kind::Bytes | Kind::Pascal, Literal::Text(text)) => {
                (by, Literal::Bytes(text.clone().into_bytes()))
            }
            (Kind::Time(unit), Literal::Time(nanos)) => whole(by, *nanos, unit),
            (Kind::Time(unit), Literal::Text(text)) => {
                let nanos = iso8601::parse(text).map_err(|why| {
                    Error::invalid(format!("where: {text:?} is not an ISO 8601 time: {why}"))
                })?;
                whole(by, nanos, unit)
            }
            _ => (by, value.clone()),
        })
    }
}

/// A comparison with a time that may lie between two counts of a unit.
fn whole(by: Compare, nanos: i128, unit: Unit) -> (Compare, Literal) {
    let step = unit.nanos();
    let count = nanos.div_euclid(step);
    if nanos.rem_euclid(step) == 0 {
        return (by, Literal::Int(count));
    }
    match by {
        Compare::Less | Compare::LessEqual => (Compare::LessEqual, Literal::Int(count)),
        Compare::Greater | Compare::GreaterEqual => (Compare::Greater, Literal::Int(count)),
        // No count is equal to one that is past them all.
        Compare::Equal | Compare::NotEqual => (by, Literal::Int(i128::from(i64::MAX) + 1)),
    }
}

/// A byte for each row, 1 if the predicate keeps it.
///
/// # Errors
/// `Schema` or `InvalidInput` of a predicate that says nothing of such rows.
pub fn select(layout: &Layout, pieces: &[&[u8]], predicate: &Predicate) -> Result<Vec<u8>> {
    let filter = Filter::new(&layout.in_kernels_terms(predicate)?, &layout.table())?;
    let record = layout.record_size();
    let rows = PART.min(PART_BYTES / record).max(1);
    let parts: Vec<_> = pieces.iter().flat_map(|piece| piece.chunks(rows * record)).collect();
    let kept = parallel::map(
        parts.len(),
        || (),
        |(), number| {
            let part = parts[number];
            let count = part.len() / record;
            let mut fetch = |input: usize| Ok::<_, Error>(column(layout, &filter, input, part));
            Ok(match filter.select(count, &mut fetch)? {
                None => vec![1; count],
                Some(numbers) => {
                    let mut keep = vec![0; count];
                    numbers.iter().for_each(|row| keep[*row as usize] = 1);
                    keep
                }
            })
        },
    );
    kept.into_iter().collect::<Result<Vec<_>>>().map(|parts| parts.concat())
}

fn column(layout: &Layout, filter: &Filter, input: usize, rows: &[u8]) -> Column {
    let field = match filter.inputs()[input] {
        Input::Value(position, _) => &layout.fields()[position],
        // Its name is that of none of the columns.
        Input::Time => return Column::from_vec(vec![0i64; rows.len() / layout.record_size()]),
    };
    let mut gathered = gather(&[rows], layout.record_size(), &[field.span()], None);
    let bytes = gathered.pop().unwrap_or_default();
    field.to_column(&Values { bytes, validity: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::ColumnFormat;

    #[test]
    fn rows_are_kept_by_number_text_and_time() {
        let columns =
            [("n", "q"), ("name", "2s"), ("t", "M8[s]"), ("v", "2h")].map(|(name, format)| {
                ColumnFormat { name: name.into(), format: format.into(), nullable: false }
            });
        let layout = Layout::new(&columns).unwrap();
        let mut rows = vec![];
        for (n, name, t) in [(1i64, b"a\0", 10i64), (2, b"bc", 20), (3, b"a\0", i64::MIN)] {
            rows.extend_from_slice(&n.to_le_bytes());
            rows.extend_from_slice(name);
            rows.extend_from_slice(&t.to_le_bytes());
            rows.extend_from_slice(&[0; 4]);
        }
        let (first, second) = rows.split_at(layout.record_size());
        let kept = |text: &str| {
            select(&layout, &[first, second], &Predicate::parse(text).unwrap()).unwrap()
        };
        assert_eq!(kept("n >= 2"), [0, 1, 1]);
        assert_eq!(kept("name == 'a' and 3 > n"), [1, 0, 0]);
        assert_eq!(kept("t > '1970-01-01T00:00:10'"), [0, 1, 0]);
        assert_eq!(kept("t <= '1970-01-01T00:00:19.5'"), [1, 0, 0]);
        assert_eq!(kept("t != '1970-01-01T00:00:19.5'"), [1, 1, 0]);
        assert_eq!(kept("t is null"), [0, 0, 1]);
        for text in ["v > 1", "row > 1", "n > 'a'"] {
            assert!(select(&layout, &[first], &Predicate::parse(text).unwrap()).is_err(), "{text}");
        }
    }
}
