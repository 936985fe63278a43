//! Predicates: which rows of a table are wanted.
//!
//! A [`Predicate`] is made in code or from text (`parse`; `print` is the way back). `bind` types it
//! against a table's columns, which makes a [`Filter`] of it: a tree of tests of one column each, a
//! comparison being a range of its values. A filter is asked two things: what could come out for
//! rows of which only statistics are known (`outcome`), and which of some decoded rows it keeps
//! (`select`).
//!
//! The logic has three values, as SQL's: a comparison with a null is unknown, `not` leaves unknown
//! as it is, and a row is kept only where the whole is true. NaN compares as in IEEE 754 and in
//! Arrow's kernels: it is neither equal to, less nor greater than anything, itself included, so that
//! `x != 1.5` and `not (x > 1.5)` keep it. -0.0 equals 0.0. Unlike in Arrow, integers and floats
//! compare as the numbers that they are, never rounded.

mod bind;
mod leaf;
mod lex;
mod outcome;
mod parse;
mod print;
mod select;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::error::{Error, Result};
pub use bind::{Filter, Input};
pub use outcome::{Facts, Outcomes, Range};
pub use parse::{MAX_TEXT, parse};

/// Most levels of a predicate: `not`, `and` and `or` within each other.
pub const MAX_DEPTH: usize = 64;
/// Most comparisons and other nodes of a predicate; values of a list do not count.
pub const MAX_NODES: usize = 10_000;

/// Which rows are wanted. [`Predicate::parse`] makes one of text.
///
/// ```
/// use chronolite::{Compare, Literal, Predicate};
///
/// let warm = Predicate::parse("temp > 24.9 and site = 'a'")?;
/// assert_eq!(warm.to_string(), "temp > 24.9 and site == 'a'");
/// let same = Predicate::compare("temp", Compare::Greater, Literal::Float(24.9))
///     .and(Predicate::compare("site", Compare::Equal, Literal::Text("a".into())));
/// assert_eq!(warm, same);
/// # Ok::<(), chronolite::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Predicate {
    /// True, false or, if it is `None`, unknown for every row.
    Known(Option<bool>),
    /// What a column of booleans says.
    Is(Name),
    /// A comparison, of which one side at least is a column.
    Compare(Operand, Compare, Operand),
    /// True if a column has one of these values.
    In(Name, Arc<[Literal]>),
    /// True if a column is null; never unknown.
    IsNull(Name),
    /// True if a column of floats is NaN.
    IsNan(Name),
    /// The opposite.
    Not(Arc<Predicate>),
    /// All of them.
    And(Vec<Arc<Predicate>>),
    /// One of them at least.
    Or(Vec<Arc<Predicate>>),
}

/// How the sides of a comparison have to stand to each other.
///
/// ```
/// use chronolite::{Compare, Literal, Predicate};
///
/// let warm = Predicate::compare("temp", Compare::GreaterEqual, Literal::Int(25));
/// assert_eq!(warm.to_string(), "temp >= 25");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// A side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A column.
    Column(Name),
    /// A value.
    Value(Literal),
}

/// A column, as it is named.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// Its name.
    pub name: String,
    /// Where in the text it stands, if there is one.
    pub at: Place,
}

impl Name {
    /// A column named in code.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), at: Place(None) }
    }
}

/// A character of the text, counted from 1, that a part of a predicate came from. It makes no
/// difference to what the part is: all are equal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place(pub Option<u32>);

impl PartialEq for Place {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// A value to compare with.
///
/// ```
/// use chronolite::{Compare, Literal, Predicate};
///
/// let of_site = Predicate::compare("site", Compare::Equal, Literal::Text("north".into()));
/// assert_eq!(of_site, Predicate::parse("site == 'north'")?);
/// let warm = Predicate::compare("temp", Compare::Greater, Literal::Float(24.5));
/// assert_eq!(warm, Predicate::parse("temp > 24.5")?);
/// # Ok::<(), chronolite::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Literal {
    /// Nothing: a comparison with it is unknown.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of up to 64 bits, with a sign or without.
    Int(i128),
    /// A float.
    Float(f64),
    /// Text; beside the time column an ISO 8601 time, UTC without a zone.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A time, in nanoseconds since 1970 in UTC.
    Time(i128),
}

impl Compare {
    /// All of them.
    ///
    /// ```
    /// use chronolite::Compare;
    ///
    /// assert_eq!(Compare::ALL.map(Compare::sign), ["==", "!=", "<", "<=", ">", ">="]);
    /// ```
    pub const ALL: [Self; 6] = [
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessEqual,
        Self::Greater,
        Self::GreaterEqual,
    ];

    /// How it is written.
    ///
    /// ```
    /// assert_eq!(chronolite::Compare::LessEqual.sign(), "<=");
    /// ```
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }

    /// The same with the sides changed.
    ///
    /// ```
    /// use chronolite::Compare;
    ///
    /// // 5 < x is x > 5.
    /// assert_eq!(Compare::Less.turned(), Compare::Greater);
    /// ```
    #[must_use]
    pub const fn turned(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
        }
    }
}

impl Predicate {
    /// The predicate that a text is, such as `temp > 24.9 and site == 'a'`.
    ///
    /// | what | how |
    /// | --- | --- |
    /// | comparisons | `==` or `=`, `!=` or `<>`, `<`, `<=`, `>`, `>=`, of a column with a value or another column |
    /// | lists, ranges | `site in ('a', 'b')`, `temp between 20 and 25` (both ends included) |
    /// | nulls, NaN | `temp is null`, `temp is not null`, `temp is nan` |
    /// | together | `and`, `or`, `not`, parentheses; `not in`, `not between` |
    /// | values | `12`, `-1.5e3`, `inf`, `nan`, `true`, `false`, `null`, `'it''s'`, `x'00ff'`, `timestamp '2024-01-01T12:00Z'` |
    /// | columns | by name; a column of booleans by itself; `"in quotes"` where a name is no word, `""` for a quote in it |
    ///
    /// Words are keywords in capitals too. Beside the time column a text is an ISO 8601 time.
    ///
    /// ```
    /// use chronolite::{ErrorKind, Predicate};
    ///
    /// let some = Predicate::parse("temp between 20 and 25 and site in ('a', 'b')")?;
    /// assert_eq!(Predicate::parse(&some.to_string())?, some);
    /// assert_eq!(Predicate::parse("temp >").unwrap_err().kind(), ErrorKind::InvalidInput);
    /// # Ok::<(), chronolite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` with the character at which the text goes wrong.
    pub fn parse(text: &str) -> Result<Self> {
        parse(text)
    }

    /// A comparison of a column with a value.
    ///
    /// ```
    /// use chronolite::{Compare, Literal, Predicate};
    ///
    /// let cold = Predicate::compare("temp", Compare::Less, Literal::Float(0.5));
    /// assert_eq!(cold, Predicate::parse("temp < 0.5")?);
    /// # Ok::<(), chronolite::Error>(())
    /// ```
    pub fn compare(column: impl Into<String>, compare: Compare, value: Literal) -> Self {
        Self::Compare(Operand::Column(Name::new(column)), compare, Operand::Value(value))
    }

    /// True where both are.
    ///
    /// ```
    /// use chronolite::Predicate;
    ///
    /// let both = Predicate::parse("temp > 20")?.and(Predicate::parse("site == 'a'")?);
    /// assert_eq!(both, Predicate::parse("temp > 20 and site == 'a'")?);
    /// # Ok::<(), chronolite::Error>(())
    /// ```
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::And(joined(self, other, |p| match p {
            Self::And(parts) => Ok(parts),
            other => Err(other),
        }))
    }

    /// True where one is.
    ///
    /// ```
    /// use chronolite::Predicate;
    ///
    /// let either = Predicate::parse("temp < 0")?.or(Predicate::parse("temp is null")?);
    /// assert_eq!(either, Predicate::parse("temp < 0 or temp is null")?);
    /// # Ok::<(), chronolite::Error>(())
    /// ```
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Or(joined(self, other, |p| match p {
            Self::Or(parts) => Ok(parts),
            other => Err(other),
        }))
    }

    /// The opposite.
    ///
    /// ```
    /// use chronolite::Predicate;
    ///
    /// let not_there = Predicate::parse("site in ('a', 'b')")?.negated();
    /// assert_eq!(not_there, Predicate::parse("not (site in ('a', 'b'))")?);
    /// # Ok::<(), chronolite::Error>(())
    /// ```
    #[must_use]
    pub fn negated(self) -> Self {
        Self::Not(Arc::new(self))
    }

    /// Refuses what is too deep or too large to be worked on: `InvalidInput`.
    #[doc(hidden)]
    pub fn check_size(&self) -> Result<()> {
        let mut nodes = 0;
        if self.measure(1, &mut nodes) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "where is too large: at most {MAX_DEPTH} levels and {MAX_NODES} comparisons are \
             allowed; of many values make a list"
        )))
    }

    /// Counts nodes; `false` past a limit.
    fn measure(&self, depth: usize, nodes: &mut usize) -> bool {
        *nodes += 1;
        if depth > MAX_DEPTH || *nodes > MAX_NODES {
            return false;
        }
        match self {
            Self::Not(part) => part.measure(depth + 1, nodes),
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().all(|part| part.measure(depth + 1, nodes))
            }
            _ => true,
        }
    }
}

/// Two parts in a row, each by itself or, if `open` opens it, as what it is made of.
fn joined(
    left: Predicate,
    right: Predicate,
    open: impl Fn(Predicate) -> Result<Vec<Arc<Predicate>>, Predicate>,
) -> Vec<Arc<Predicate>> {
    let parts = |side| open(side).unwrap_or_else(|whole| vec![Arc::new(whole)]);
    let mut all = parts(left);
    all.extend(parts(right));
    all
}
