//! What SQL's types are here.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;

use super::cursor::{Cursor, placed};
use crate::base::{DataType, TimeUnit};
use crate::error::{Error, Result};
use crate::nanots;

/// The type of a column that was declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    Value(DataType),
    Time(TimeUnit),
}

/// Digits of a `FLOAT(n)` up to which 32 bits are enough, as the standard counts them.
const F32_DIGITS: u64 = 24;

/// Reads a type. Lengths and display widths mean nothing.
pub(super) fn column_type(cursor: &mut Cursor) -> Result<ColumnType> {
    let at = cursor.at();
    let name = match cursor.peek() {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
        _ => return Err(cursor.unexpected("a type")),
    };
    cursor.advance();
    match name.as_str() {
        "DOUBLE" => cursor.keywords(&[Keyword::PRECISION]),
        "CHAR" | "CHARACTER" => cursor.keywords(&[Keyword::VARYING]),
        _ => false,
    };
    let digits = match cursor.peek() {
        Token::LParen => cursor.list(count)?,
        _ => vec![],
    };
    let unknown = || placed(unknown(&name, &digits), at);
    if matches!(name.as_str(), "TIMESTAMP" | "TIMESTAMPTZ" | "DATETIME") {
        let zone = [Keyword::TIME, Keyword::ZONE];
        let stated = cursor.keywords(&[Keyword::WITH]) || cursor.keywords(&[Keyword::WITHOUT]);
        if stated && !cursor.keywords(&zone) {
            return Err(cursor.unexpected("TIME ZONE"));
        }
        return unit_of(&digits).map(ColumnType::Time).ok_or_else(unknown);
    }
    let ty = match cursor.keywords(&[Keyword::UNSIGNED]) {
        true => signed_type(&name).and_then(unsigned),
        false => value_type(&name, &digits),
    };
    ty.map(ColumnType::Value).ok_or_else(unknown)
}

/// A length or a number of digits.
fn count(cursor: &mut Cursor) -> Result<u64> {
    let count = match cursor.peek() {
        Token::Number(digits, _) => digits.parse().ok(),
        _ => None,
    };
    let count = count.ok_or_else(|| cursor.unexpected("a number of digits"))?;
    cursor.advance();
    Ok(count)
}

fn value_type(name: &str, digits: &[u64]) -> Option<DataType> {
    Some(match (name, digits) {
        ("FLOAT", [digits]) if *digits <= F32_DIGITS => DataType::F32,
        ("REAL" | "FLOAT4" | "FLOAT32", []) => DataType::F32,
        ("FLOAT" | "DOUBLE", [] | [_]) | ("FLOAT8" | "FLOAT64", []) => DataType::F64,
        ("BOOLEAN" | "BOOL", []) => DataType::Bool,
        ("TEXT" | "VARCHAR" | "NVARCHAR" | "CHAR" | "CHARACTER" | "CLOB" | "STRING", [] | [_]) => {
            DataType::Utf8
        }
        ("BLOB" | "BYTEA" | "BYTES" | "VARBINARY" | "BINARY", [] | [_]) => DataType::Binary,
        (_, [] | [_]) if signed_type(name).is_some() => return signed_type(name),
        (_, []) => return nanots::column_type(name),
        _ => return None,
    })
}

fn signed_type(name: &str) -> Option<DataType> {
    match name {
        "TINYINT" => Some(DataType::I8),
        "SMALLINT" | "INT2" | "INT16" => Some(DataType::I16),
        "MEDIUMINT" | "INT4" | "INT32" => Some(DataType::I32),
        "INT" | "INTEGER" | "BIGINT" | "INT8" | "INT64" => Some(DataType::I64),
        _ => None,
    }
}

fn unsigned(ty: DataType) -> Option<DataType> {
    match ty {
        DataType::I8 => Some(DataType::U8),
        DataType::I16 => Some(DataType::U16),
        DataType::I32 => Some(DataType::U32),
        DataType::I64 => Some(DataType::U64),
        _ => None,
    }
}

/// The unit with so many decimals of a second; milliseconds if none are given.
fn unit_of(decimals: &[u64]) -> Option<TimeUnit> {
    match decimals {
        [0] => Some(TimeUnit::Second),
        [] | [3] => Some(TimeUnit::Millisecond),
        [6] => Some(TimeUnit::Microsecond),
        [9] => Some(TimeUnit::Nanosecond),
        _ => None,
    }
}

#[cold]
fn unknown(name: &str, digits: &[u64]) -> Error {
    let digits: Vec<_> = digits.iter().map(u64::to_string).collect();
    let digits = if digits.is_empty() { String::new() } else { format!("({})", digits.join(", ")) };
    Error::schema(format!(
        "{name}{digits} is not a column type; the types are DOUBLE, FLOAT, REAL, BIGINT, INTEGER, \
         SMALLINT, TINYINT, these integers UNSIGNED, BOOLEAN, TEXT, VARCHAR, BLOB, BYTEA, {}, and \
         for the time TIMESTAMP, alone or with (0), (3), (6) or (9)",
        DataType::ALL.map(DataType::name).join(", ")
    ))
}
