//! The grammar of the two statements.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token};

use super::cursor::{Cursor, Name};
use super::literal::{Literal, literal};
use super::types::{ColumnType, column_type};
use crate::error::Result;

pub(super) enum Statement {
    Create(Create),
    Insert(Insert),
}

/// `CREATE TABLE [IF NOT EXISTS] name (column type [NULL | NOT NULL], ...)`
pub(super) struct Create {
    pub(super) table: Name,
    pub(super) if_not_exists: bool,
    pub(super) columns: Vec<ColumnDecl>,
}

/// A column as it was declared.
pub(super) struct ColumnDecl {
    pub(super) name: Name,
    pub(super) ty: ColumnType,
    /// Where it says NOT NULL.
    pub(super) not_null: Option<Location>,
}

/// `INSERT INTO name [(column, ...)] VALUES (value, ...), ...`
pub(super) struct Insert {
    pub(super) table: Name,
    pub(super) columns: Option<Vec<Name>>,
    pub(super) rows: Vec<Row>,
}

/// A row, and where it begins.
pub(super) struct Row {
    pub(super) at: Location,
    pub(super) cells: Vec<Literal>,
}

/// Reads a text that is one statement.
pub(super) fn parse(sql: &str) -> Result<Statement> {
    let mut cursor = Cursor::new(sql)?;
    let statement = if cursor.keywords(&[Keyword::CREATE, Keyword::TABLE]) {
        Statement::Create(create(&mut cursor)?)
    } else if cursor.keywords(&[Keyword::INSERT, Keyword::INTO]) {
        Statement::Insert(insert(&mut cursor)?)
    } else {
        return Err(cursor.unexpected("CREATE TABLE or INSERT INTO"));
    };
    while cursor.sign(&Token::SemiColon) {}
    match cursor.peek() {
        Token::EOF => Ok(statement),
        _ => Err(cursor.unexpected("the end of the statement")),
    }
}

fn create(cursor: &mut Cursor) -> Result<Create> {
    let if_not_exists = cursor.keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
    let table = cursor.name("the name of a table")?;
    let columns = cursor.list(|cursor| {
        let name = cursor.name("the name of a column")?;
        let ty = column_type(cursor)?;
        let constraint = cursor.at();
        let not_null = cursor.keywords(&[Keyword::NOT, Keyword::NULL]).then_some(constraint);
        if not_null.is_none() {
            cursor.keywords(&[Keyword::NULL]);
        }
        Ok(ColumnDecl { name, ty, not_null })
    })?;
    Ok(Create { table, if_not_exists, columns })
}

fn insert(cursor: &mut Cursor) -> Result<Insert> {
    let table = cursor.name("the name of a table")?;
    let columns = match cursor.peek() {
        Token::LParen => Some(cursor.list(|cursor| cursor.name("the name of a column"))?),
        _ => None,
    };
    if !cursor.keywords(&[Keyword::VALUES]) {
        return Err(cursor.unexpected("VALUES"));
    }
    let mut rows = vec![row(cursor)?];
    while cursor.sign(&Token::Comma) {
        rows.push(row(cursor)?);
    }
    Ok(Insert { table, columns, rows })
}

fn row(cursor: &mut Cursor) -> Result<Row> {
    Ok(Row { at: cursor.at(), cells: cursor.list(literal)? })
}
