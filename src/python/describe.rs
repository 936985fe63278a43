//! What objects say of themselves at a prompt, in one line of bounded length. Nothing is read for
//! it: rows and times come from what the kernel keeps in memory.

use crate::arrow::OutColumn;
use crate::base::iso8601;
use crate::base::schema::OnConflict;
use crate::base::{TableSpec, TimeUnit};
use crate::db;
use crate::error::{ErrorKind, Result};

/// Most columns, and most tables, of a line.
const MOST: usize = 16;

/// A time as ISO 8601 text, or as the number it is where its year has no four digits.
fn time(ts: i64, unit: TimeUnit) -> String {
    let nanos = i128::from(ts) * i128::from(TimeUnit::Nanosecond.per_second() / unit.per_second());
    iso8601::text(nanos).unwrap_or_else(|| format!("{ts} {unit}"))
}

/// Columns as `name type, ...`.
pub(super) fn columns(columns: &[OutColumn]) -> String {
    listed(columns.iter().map(|column| format!("{} {}", column.name, column.ty)))
}

/// A table: rows, range of time, columns, key, and the rule for rows of one time and key.
pub(super) fn table(table: &db::Table, of: &[OutColumn]) -> String {
    let state = match rows(table) {
        Ok(rows) => format!(": {rows}"),
        Err(error) if error.kind() == ErrorKind::TableNotFound => " (dropped)".into(),
        Err(_) => " (closed)".into(),
    };
    let (name, columns, rules) = (table.name(), columns(of), rules(&table.spec()));
    format!("<chronolite.Table {name:?}{state}; {columns}{rules}>")
}

/// How many rows, and their first and last time as text.
pub(super) fn extent(table: &db::Table) -> Result<(u64, Option<[String; 2]>)> {
    let unit = table.spec().unit;
    let ends = table.min_ts()?.zip(table.max_ts()?);
    Ok((table.len()?, ends.map(|(min, max)| [time(min, unit), time(max, unit)])))
}

fn rows(table: &db::Table) -> Result<String> {
    let (rows, ends) = extent(table)?;
    let plural = if rows == 1 { "" } else { "s" };
    let ends = ends.map(|[first, last]| format!(", {first} to {last}")).unwrap_or_default();
    Ok(format!("{rows} row{plural}{ends}"))
}

fn rules(spec: &TableSpec) -> String {
    let names = spec.key.iter().map(|&at| spec.columns[at].name.clone());
    let key = if spec.key.is_empty() { String::new() } else { format!("; key {}", listed(names)) };
    match spec.on_conflict {
        OnConflict::All => key,
        rule => format!("{key}; on_conflict {}", rule.name()),
    }
}

/// A database and its tables.
pub(super) fn database(db: &db::Db) -> String {
    let tables = match db.tables() {
        Ok(names) if names.is_empty() => ": no tables".into(),
        Ok(names) => format!(": {}", listed(names.into_iter())),
        Err(_) => " (closed)".into(),
    };
    format!("<chronolite.Db {:?}{tables}>", db.path())
}

fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(MOST);
    let mut text = items.take(MOST).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_every_unit() {
        assert_eq!(time(1_500, TimeUnit::Millisecond), "1970-01-01T00:00:01.500");
        assert_eq!(time(-1, TimeUnit::Second), "1969-12-31T23:59:59");
        assert_eq!(time(i64::MAX, TimeUnit::Second), format!("{} s", i64::MAX));
        assert_eq!(time(i64::MIN, TimeUnit::Nanosecond), "1677-09-21T00:12:43.145224192");
    }

    #[test]
    fn long_lists_are_cut() {
        let names = |n: usize| listed((0..n).map(|i| i.to_string()));
        assert_eq!(names(2), "0, 1");
        assert!(names(20).ends_with("15 and 4 more"));
    }
}
