//! `CREATE TABLE`.

use super::cursor::placed;
use super::statement::{ColumnDecl, Create};
use super::types::ColumnType;
use crate::base::{DataType, TableSpec, TimeUnit};
use crate::db::Db;
use crate::error::{Error, Result};

/// Names that make a column of integers the time.
const TIMES: [&str; 2] = ["ts_ms", "ts"];

impl Create {
    pub(super) fn execute(&self, db: &Db) -> Result<u64> {
        let spec = self.spec()?;
        let name = &self.table.text;
        if self.if_not_exists && db.find_table(name)?.is_some() {
            return Ok(0);
        }
        db.create_table(name, spec).map(|_| 0).map_err(|error| placed(error, self.table.at))
    }

    fn spec(&self) -> Result<TableSpec> {
        let (mut time, mut values) = (None, vec![]);
        for (position, column) in self.columns.iter().enumerate() {
            let (name, at) = (&column.name.text, column.name.at);
            match kind(column) {
                ColumnType::Time(unit) if position == 0 => time = Some((name, unit)),
                ColumnType::Time(_) => {
                    let what =
                        format!("column {name:?} is a time; a table has one, its first column");
                    return Err(placed(Error::schema(what), at));
                }
                ColumnType::Value(ty) => {
                    if let Some(at) = column.not_null {
                        let what = format!("column {name:?}: every value column can hold nulls");
                        return Err(placed(Error::schema(what), at));
                    }
                    values.push((name.as_str(), ty));
                }
            }
        }
        if values.is_empty() {
            let what = format!("table {:?} needs a column beside the time", self.table.text);
            return Err(placed(Error::schema(what), self.table.at));
        }
        let spec = TableSpec::new(values);
        Ok(match time {
            Some((name, unit)) => spec.time_column(name).unit(unit),
            None => spec,
        })
    }
}

/// The type of a column; integers that NanoTS's name of the time names are the time.
fn kind(column: &ColumnDecl) -> ColumnType {
    let named = TIMES.contains(&column.name.text.as_str());
    match column.ty {
        ColumnType::Value(DataType::I64) if named => ColumnType::Time(TimeUnit::Millisecond),
        ty => ty,
    }
}
