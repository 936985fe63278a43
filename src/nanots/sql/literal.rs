//! The values of a row as they are written.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token};

use super::cursor::{Cursor, place};
use crate::base::{TimeUnit, Value, iso8601};
use crate::error::{Error, Result};

/// A value, and where it stands.
pub(super) struct Literal {
    pub(super) at: Location,
    value: Owned,
}

enum Owned {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
}

const WANTED: &str = "a value (a number, 'text', X'...', TRUE, FALSE or NULL)";

/// Reads a value.
pub(super) fn literal(cursor: &mut Cursor) -> Result<Literal> {
    let at = cursor.at();
    let negative = cursor.sign(&Token::Minus);
    if negative || cursor.sign(&Token::Plus) {
        return match cursor.peek() {
            Token::Number(digits, _) => {
                let value = number(digits, negative, at)?;
                cursor.advance();
                Ok(Literal { at, value })
            }
            _ => Err(cursor.unexpected("a number")),
        };
    }
    let value = match cursor.peek() {
        Token::Number(digits, _) => number(digits, false, at)?,
        Token::SingleQuotedString(text) => Owned::Text(text.clone()),
        Token::HexStringLiteral(digits) => Owned::Bytes(bytes(digits, at)?),
        Token::Word(word) if word.quote_style.is_none() => match word.keyword {
            Keyword::NULL => Owned::Null,
            Keyword::TRUE => Owned::Bool(true),
            Keyword::FALSE => Owned::Bool(false),
            Keyword::TIMESTAMP => {
                cursor.advance();
                match cursor.peek() {
                    Token::SingleQuotedString(text) => Owned::Text(text.clone()),
                    _ => return Err(cursor.unexpected("a time in quotes")),
                }
            }
            _ => return Err(cursor.unexpected(WANTED)),
        },
        _ => return Err(cursor.unexpected(WANTED)),
    };
    cursor.advance();
    Ok(Literal { at, value })
}

/// A number: an integer if it is written as one.
fn number(digits: &str, negative: bool, at: Location) -> Result<Owned> {
    let text = if negative { format!("-{digits}") } else { digits.to_owned() };
    let unfit = |why: &str| Error::invalid(format!("{}: {text} {why}", place(at)));
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let signed = text.parse().map(Owned::Int);
        let unsigned = || text.parse().map(Owned::UInt);
        return signed.or_else(|_| unsigned()).map_err(|_| unfit("does not fit 64 bits"));
    }
    match text.parse::<f64>() {
        Ok(float) if float.is_finite() => Ok(Owned::Float(float)),
        Ok(_) => Err(unfit("is beyond the range of floats")),
        Err(_) => Err(unfit("is not a number")),
    }
}

/// The bytes that pairs of hexadecimal digits stand for.
fn bytes(digits: &str, at: Location) -> Result<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            Some((digit(*high)? * 16 + digit(*low)?) as u8)
        }
        _ => None,
    });
    pairs.collect::<Option<_>>().ok_or_else(|| {
        Error::invalid(format!("{}: bytes are pairs of hexadecimal digits", place(at)))
    })
}

impl Literal {
    /// The value.
    pub(super) fn value(&self) -> Value<'_> {
        match &self.value {
            Owned::Null => Value::Null,
            Owned::Bool(value) => Value::Bool(*value),
            Owned::Int(value) => Value::Int(*value),
            Owned::UInt(value) => Value::UInt(*value),
            Owned::Float(value) => Value::Float(*value),
            Owned::Text(text) => Value::Str(text),
            Owned::Bytes(bytes) => Value::Bytes(bytes),
        }
    }

    /// The value as a time in `unit`. An integer is one already, or in milliseconds if `in_ms`.
    pub(super) fn time(&self, unit: TimeUnit, in_ms: bool) -> Result<i64> {
        let error = |what: String| Error::schema(format!("{}: {what}", place(self.at)));
        let nanos = match &self.value {
            Owned::Int(time) if !in_ms => return Ok(*time),
            Owned::Int(time) => i128::from(*time) * 1_000_000,
            Owned::Text(text) => iso8601::parse(text)
                .map_err(|why| error(format!("{text:?} is not an ISO 8601 time: {why}")))?,
            Owned::UInt(time) => return Err(error(format!("{time} does not fit int64"))),
            Owned::Null => return Err(error("a time cannot be null".into())),
            Owned::Bool(_) | Owned::Float(_) | Owned::Bytes(_) => {
                let kind = self.value().kind();
                return Err(error(format!("a time is an integer or ISO 8601 text, not {kind}")));
            }
        };
        let step = 1_000_000_000 / i128::from(unit.per_second());
        if nanos % step != 0 {
            return Err(error(format!("the time is not a whole number of {unit}")));
        }
        let time = i64::try_from(nanos / step);
        time.map_err(|_| error(format!("the time does not fit int64 in {unit}")))
    }
}
