//! One cell of a row, for row-at-a-time appends.

/// A value on its way into a row. It must fit the column's type exactly or by widening: integers
/// widen, integers become floats where exact; nothing narrows in silence.
///
/// ```
/// use chronolite::{DataType, Db, DbOptions, TableSpec, Value};
///
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// let columns = [("temp", DataType::F64), ("site", DataType::Utf8)];
/// let sensor = db.create_table("sensor", TableSpec::new(columns))?;
/// sensor.append_row(1000, &[20.5.into(), "north".into()])?;
/// // 21 is a float without loss.
/// sensor.append_row(2000, &[Value::Int(21), Value::Null])?;
/// assert!(sensor.append_row(3000, &[Value::Str("21"), Value::Null]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// No value.
    Null,
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer; only needed above `i64::MAX`.
    UInt(u64),
    /// A float.
    Float(f64),
    /// Text.
    Str(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// The kind of value, for messages.
    ///
    /// ```
    /// use chronolite::Value;
    ///
    /// assert_eq!((Value::Int(1).kind(), Value::Str("a").kind()), ("integer", "text"));
    /// ```
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::UInt(_) => "integer",
            Self::Float(_) => "float",
            Self::Str(_) => "text",
            Self::Bytes(_) => "bytes",
        }
    }
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f32> for Value<'_> {
    fn from(value: f32) -> Self {
        Self::Float(value.into())
    }
}

impl From<i32> for Value<'_> {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u64> for Value<'_> {
    fn from(value: u64) -> Self {
        Self::UInt(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Str(value)
    }
}
