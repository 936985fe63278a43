//! The types of value columns.

use std::fmt;

/// The type of a value column.
///
/// ```
/// use chronolite::{DataType, TableSpec};
///
/// let spec = TableSpec::new([("temp", DataType::F64), ("site", DataType::Utf8)]);
/// assert_eq!(spec.columns[1].ty, DataType::Utf8);
/// assert_eq!(DataType::Utf8.to_string(), "utf8");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)]
#[non_exhaustive]
pub enum DataType {
    I8 = 1,
    I16 = 2,
    I32 = 3,
    I64 = 4,
    U8 = 5,
    U16 = 6,
    U32 = 7,
    U64 = 8,
    F32 = 9,
    F64 = 10,
    Bool = 11,
    Utf8 = 12,
    Binary = 13,
}

impl DataType {
    /// All types, in the order of their codes in a file.
    ///
    /// ```
    /// use chronolite::DataType;
    ///
    /// assert!(DataType::ALL.iter().all(|ty| DataType::from_name(ty.name()) == Some(*ty)));
    /// ```
    pub const ALL: [Self; 13] = [
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::F32,
        Self::F64,
        Self::Bool,
        Self::Utf8,
        Self::Binary,
    ];

    /// The type with this code in a file.
    #[doc(hidden)]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| *ty as u8 == code)
    }

    /// The name in the API: `i8` to `i64`, `u8` to `u64`, `f32`, `f64`, `bool`, `utf8`, `binary`.
    ///
    /// ```
    /// assert_eq!(chronolite::DataType::U16.name(), "u16");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bool => "bool",
            Self::Utf8 => "utf8",
            Self::Binary => "binary",
        }
    }

    /// The type of that name.
    ///
    /// ```
    /// use chronolite::DataType;
    ///
    /// assert_eq!(DataType::from_name("f32"), Some(DataType::F32));
    /// assert_eq!(DataType::from_name("decimal"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.name() == name)
    }

    /// Bytes a value, for the types of fixed width; bool, utf8 and binary have none.
    ///
    /// ```
    /// use chronolite::DataType;
    ///
    /// assert_eq!((DataType::I32.width(), DataType::Utf8.width()), (Some(4), None));
    /// ```
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::I8 | Self::U8 => Some(1),
            Self::I16 | Self::U16 => Some(2),
            Self::I32 | Self::U32 | Self::F32 => Some(4),
            Self::I64 | Self::U64 | Self::F64 => Some(8),
            Self::Bool | Self::Utf8 | Self::Binary => None,
        }
    }

    /// True for `f32` and `f64`.
    ///
    /// ```
    /// use chronolite::DataType;
    ///
    /// assert!(DataType::F32.is_float() && !DataType::I32.is_float());
    /// ```
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// True for `i8` to `i64`.
    ///
    /// ```
    /// use chronolite::DataType;
    ///
    /// assert!(DataType::I8.is_signed_int() && !DataType::U8.is_signed_int());
    /// ```
    pub const fn is_signed_int(self) -> bool {
        matches!(self, Self::I8 | Self::I16 | Self::I32 | Self::I64)
    }

    /// True for `utf8` and `binary`.
    ///
    /// ```
    /// use chronolite::DataType;
    ///
    /// assert!(DataType::Binary.is_bytes() && !DataType::Bool.is_bytes());
    /// ```
    pub const fn is_bytes(self) -> bool {
        matches!(self, Self::Utf8 | Self::Binary)
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_their_own_inverse() {
        for ty in DataType::ALL {
            assert_eq!(DataType::from_code(ty as u8), Some(ty));
            assert_eq!(DataType::from_name(ty.name()), Some(ty));
        }
        assert_eq!(DataType::from_code(0), None);
    }
}
