//! Predicates as text that parses to the same again.

use std::fmt::{self, Display, Formatter};

use crate::base::iso8601;
use crate::base::predicate::{Literal, Name, Operand, Predicate};

/// Words that a name must not be unless it is in quotes.
const KEYWORDS: [&str; 12] =
    ["and", "or", "not", "in", "is", "between", "null", "true", "false", "nan", "inf", "timestamp"];

impl Display for Predicate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(None) => f.write_str("null"),
            Self::Known(Some(truth)) => write!(f, "{truth}"),
            Self::Is(name) => write!(f, "{name}"),
            Self::Compare(left, compare, right) => write!(f, "{left} {} {right}", compare.sign()),
            Self::In(name, values) => {
                write!(f, "{name} in (")?;
                list(f, values.iter(), ", ")?;
                f.write_str(")")
            }
            Self::IsNull(name) => write!(f, "{name} is null"),
            Self::IsNan(name) => write!(f, "{name} is nan"),
            Self::Not(part) => match &**part {
                Self::IsNull(name) => write!(f, "{name} is not null"),
                Self::IsNan(name) => write!(f, "{name} is not nan"),
                other => write!(f, "not {}", Inner(other)),
            },
            Self::And(parts) => list(f, parts.iter().map(|part| Inner(part)), " and "),
            Self::Or(parts) => list(f, parts.iter().map(|part| Inner(part)), " or "),
        }
    }
}

/// A part of another predicate, in parentheses where it is not one test.
struct Inner<'a>(&'a Predicate);

impl Display for Inner<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Predicate::And(_) | Predicate::Or(_) => write!(f, "({})", self.0),
            other => write!(f, "{other}"),
        }
    }
}

fn list<T: Display>(
    f: &mut Formatter<'_>,
    parts: impl Iterator<Item = T>,
    between: &str,
) -> fmt::Result {
    for (at, part) in parts.enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        write!(f, "{part}")?;
    }
    Ok(())
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(name) => write!(f, "{name}"),
            Self::Value(value) => write!(f, "{value}"),
        }
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        let plain = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
            && !KEYWORDS.iter().any(|word| word.eq_ignore_ascii_case(name));
        if plain { f.write_str(name) } else { quoted(f, name, '"') }
    }
}

fn quoted(f: &mut Formatter<'_>, text: &str, quote: char) -> fmt::Result {
    write!(f, "{quote}")?;
    for c in text.chars() {
        if c == quote {
            write!(f, "{quote}")?;
        }
        write!(f, "{c}")?;
    }
    write!(f, "{quote}")
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::Float(float) if float.is_nan() => f.write_str("nan"),
            Self::Float(float) => write!(f, "{float:?}"),
            Self::Text(text) => quoted(f, text, '\''),
            Self::Bytes(bytes) => {
                f.write_str("x'")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("'")
            }
            Self::Time(nanos) => match iso8601::text(*nanos) {
                Some(text) => write!(f, "timestamp '{text}'"),
                None => write!(f, "timestamp '{nanos} ns'"),
            },
        }
    }
}
