//! The unit of a table's time column.

use std::fmt;

/// What one step of a table's time column is. Time counts from 1970-01-01T00:00:00 UTC.
///
/// ```
/// use chronolite::{DataType, TableSpec, TimeUnit};
///
/// let spec = TableSpec::new([("temp", DataType::F64)]).unit(TimeUnit::Microsecond);
/// assert_eq!(spec.unit.to_string(), "us");
/// let noon = 1_704_110_400 * spec.unit.per_second();
/// assert_eq!(noon, 1_704_110_400_000_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimeUnit {
    /// Seconds.
    Second,
    /// Milliseconds.
    Millisecond,
    /// Microseconds.
    Microsecond,
    /// Nanoseconds.
    Nanosecond,
}

impl TimeUnit {
    /// All units, coarsest first.
    ///
    /// ```
    /// use chronolite::TimeUnit;
    ///
    /// assert_eq!(TimeUnit::ALL.map(TimeUnit::name), ["s", "ms", "us", "ns"]);
    /// ```
    pub const ALL: [Self; 4] =
        [Self::Second, Self::Millisecond, Self::Microsecond, Self::Nanosecond];

    /// The short name: `s`, `ms`, `us`, `ns`.
    ///
    /// ```
    /// assert_eq!(chronolite::TimeUnit::Nanosecond.name(), "ns");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Millisecond => "ms",
            Self::Microsecond => "us",
            Self::Nanosecond => "ns",
        }
    }

    /// The unit of that short name.
    ///
    /// ```
    /// use chronolite::TimeUnit;
    ///
    /// assert_eq!(TimeUnit::from_name("ms"), Some(TimeUnit::Millisecond));
    /// assert_eq!(TimeUnit::from_name("hour"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.name() == name)
    }

    /// How many of this unit make a second.
    ///
    /// ```
    /// assert_eq!(chronolite::TimeUnit::Millisecond.per_second(), 1000);
    /// ```
    pub const fn per_second(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Millisecond => 1_000,
            Self::Microsecond => 1_000_000,
            Self::Nanosecond => 1_000_000_000,
        }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
