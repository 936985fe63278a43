//! `CREATE TABLE` and `INSERT INTO ... VALUES` as calls on [`Db`].
//!
//! `statement` reads the text, with `types` and `literal`, word by word as `cursor` hands it out;
//! `create` and `insert` do it. Whatever is not one of the two statements in these forms is refused
//! where it stands, and nothing in them nests. The words are those of sqlparser's lexer; its parser
//! would double the size of the extension, for statements that are refused here.

mod create;
mod cursor;
mod insert;
mod literal;
mod statement;
mod types;

use crate::db::Db;
use crate::error::Result;
use statement::Statement;

impl Db {
    /// Carries out one SQL statement and returns how many rows it inserted:
    /// `CREATE TABLE [IF NOT EXISTS] name (column type, ...)` or
    /// `INSERT INTO name [(column, ...)] VALUES (value, ...), ...`, all of whose rows are appended
    /// or none.
    ///
    /// Names stand bare, in `"double quotes"` or in backticks, and are taken as they are written.
    /// A table's time is its first column if that is a `TIMESTAMP` (with a precision of 0, 3, 6 or
    /// 9 it says the unit; milliseconds otherwise), or a `BIGINT` called `ts_ms` or `ts`; or else a
    /// column `ts` that is not named. Types are those of SQL and those of
    /// [`column_type`](crate::nanots::column_type), whose meaning comes first: `INTEGER` and `INT`
    /// have 64 bits, and so has `FLOAT`. Lengths, as in `VARCHAR(10)`, limit nothing.
    ///
    /// Values are numbers, `'text'`, `X'00ff'`, `TRUE`, `FALSE` and `NULL`; a time is an integer in
    /// the table's unit or ISO 8601 text. Without a list of columns the time comes first; in one,
    /// `ts_ms` (whose integers are milliseconds) and `ts` name it as well, and a column that is not
    /// in the list is null.
    ///
    /// ```
    /// use chronolite::{Db, DbOptions};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
    /// assert_eq!(db.execute("CREATE TABLE sensor (temp DOUBLE, humidity DOUBLE)")?, 0);
    /// assert_eq!(db.execute("INSERT INTO sensor VALUES (1000, 25.5, 60), (2000, -1.5, 61)")?, 2);
    /// let (ts_ms, cols) = db.query_table_range_columns("sensor", 0, 2000)?;
    /// assert_eq!((ts_ms, cols), (vec![1000, 2000], vec![vec![25.5, -1.5], vec![60.0, 61.0]]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` if the text is no such statement, `TableNotFound` if there is no such table,
    /// `Schema` if columns or values do not fit it: each says at what line and column, and nothing
    /// was done. Otherwise as for [`Db::create_table`] and [`crate::Table::append`].
    pub fn execute(&self, sql: &str) -> Result<u64> {
        match statement::parse(sql)? {
            Statement::Create(create) => create.execute(self),
            Statement::Insert(insert) => insert.execute(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::db::DbOptions;

    #[test]
    fn deep_nesting_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path().join("a.chl"), DbOptions::default()).unwrap();
        let depth = 200_000;
        for (open, close) in [("ARRAY<", ">"), ("STRUCT<a ", ">"), ("Nullable(", ")")] {
            let ty = format!("{}INT{}", open.repeat(depth), close.repeat(depth));
            assert!(db.execute(&format!("CREATE TABLE t (a {ty})")).is_err(), "{open}");
        }
        for sign in ["(", "-", "+", "/*", "CASE WHEN ", "NOT "] {
            let sign = sign.repeat(depth);
            assert!(db.execute(&format!("INSERT INTO t VALUES (1, {sign}1)")).is_err());
            assert!(db.execute(&format!("{sign}INSERT INTO t VALUES (1, 1)")).is_err());
        }
        assert_eq!(db.tables().unwrap(), Vec::<String>::new());
    }

    fn words() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "CREATE",
            "TABLE",
            "IF",
            "NOT",
            "EXISTS",
            "INSERT",
            "INTO",
            "VALUES",
            "t",
            "s",
            "ts",
            "ts_ms",
            "x",
            "\"q\"",
            "`q`",
            "\"",
            "`",
            "'",
            "''",
            "'a'",
            "X'0f'",
            "X'0'",
            "(",
            ")",
            ",",
            ";",
            ".",
            "-",
            "+",
            "*",
            "1",
            "1.5",
            "1e999",
            "9223372036854775808",
            "NULL",
            "TRUE",
            "TIMESTAMP",
            "TIMESTAMP(3)",
            "'2024-01-01'",
            "DOUBLE",
            "BIGINT",
            "UNSIGNED",
            "VARCHAR(3)",
            "ARRAY<",
            ">",
            "--",
            "/*",
            "*/",
            "$1",
            "$a$",
            "?",
            "@",
            "E'\\'",
            "U&'\\0'",
            "\n",
            "é",
            "\0",
        ]);
        prop::collection::vec(word, 0..24).prop_map(|words| words.join(" "))
    }

    proptest! {
        #[test]
        fn odd_input_never_panics(start in 0..4usize, words in words(), text in ".*") {
            let folder = tempfile::tempdir().unwrap();
            let db = Db::open(folder.path().join("a.chl"), DbOptions::default()).unwrap();
            db.execute("CREATE TABLE t (x DOUBLE, s TEXT)").unwrap();
            let start = ["", "CREATE TABLE ", "INSERT INTO t ", "INSERT INTO t VALUES "][start];
            let before = db.table("t").unwrap().len().unwrap();
            match db.execute(&format!("{start}{words}")) {
                Ok(rows) => prop_assert_eq!(db.table("t").unwrap().len().unwrap(), before + rows),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
            let _ = db.execute(&format!("{start}{text}"));
        }
    }
}
