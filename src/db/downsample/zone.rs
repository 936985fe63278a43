//! The clock on the wall of a time zone. The rules are those of the IANA database that is built in,
//! so that a result does not depend on the machine.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};

/// The clock of a zone. Times count from 1970-01-01, in a unit of which there are `per_second` a
/// second; those in 128 bits cannot overflow.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    zone: TimeZone,
    per_second: i64,
}

impl Clock {
    pub(super) fn new(name: &str, per_second: i64) -> Result<Self> {
        let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| {
            Error::invalid(format!(
                "there is no time zone {name:?}; tz is a name of the IANA database, such as \
                 \"Europe/Berlin\""
            ))
        })?;
        Ok(Self { zone, per_second })
    }

    /// What the clock shows at a time.
    pub(super) fn local(&self, ts: i64) -> i128 {
        let second = timestamp(ts.div_euclid(self.per_second).into());
        let offset = self.zone.to_offset(second).seconds();
        i128::from(ts) + i128::from(offset) * i128::from(self.per_second)
    }

    /// The first time at which the clock shows `local` or, if it is put forward over it, later.
    pub(super) fn instant(&self, local: i128) -> i128 {
        let per_second = i128::from(self.per_second);
        let (second, rest) = (local.div_euclid(per_second), local.rem_euclid(per_second));
        let shown: DateTime = Offset::UTC.to_datetime(timestamp(second));
        let offset = match self.zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, .. } => before,
            AmbiguousOffset::Gap { before, .. } => {
                // The clock was put forward at the last change up to here.
                let after = timestamp(second - i128::from(before.seconds()));
                let past = after.saturating_add(SignedDuration::from_secs(1)).unwrap_or(after);
                if let Some(change) = self.zone.preceding(past).next() {
                    return i128::from(change.timestamp().as_second()) * per_second;
                }
                before
            }
        };
        (second - i128::from(offset.seconds())) * per_second + rest
    }
}

/// The time of that second, or the last that has a year of at most four digits.
fn timestamp(second: i128) -> Timestamp {
    let (min, max) = (Timestamp::MIN, Timestamp::MAX);
    let second = i64::try_from(second).unwrap_or(if second < 0 { i64::MIN } else { i64::MAX });
    let second = second.clamp(min.as_second(), max.as_second());
    Timestamp::from_second(second).unwrap_or(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i128 = 3600;
    const DAY: i128 = 24 * HOUR;

    #[test]
    fn clocks_change() {
        let new_york = Clock::new("America/New_York", 1).unwrap();
        // 2024-03-10 07:00 UTC: from 02:00 to 03:00; 2024-11-03 06:00 UTC: from 02:00 to 01:00.
        let (spring, autumn) = (1_710_054_000i64, 1_730_613_600i64);
        assert_eq!(new_york.local(spring - 1), i128::from(spring) - 1 - 5 * HOUR);
        assert_eq!(new_york.local(spring), i128::from(spring) - 4 * HOUR);
        let skipped = i128::from(spring) - 5 * HOUR;
        for local in [skipped, skipped + HOUR / 2, skipped + HOUR] {
            assert_eq!(new_york.instant(local), i128::from(spring), "{local}");
        }
        let repeated = i128::from(autumn) - 5 * HOUR;
        assert_eq!(new_york.instant(repeated), i128::from(autumn) - HOUR);
    }

    #[test]
    fn a_day_may_be_missing_and_midnight_too() {
        // Samoa had no 2011-12-30; Toronto put its clocks forward at 23:30 on 1919-03-30.
        let apia = Clock::new("Pacific/Apia", 1).unwrap();
        let thirtieth = 15_338 * DAY;
        assert_eq!(apia.instant(thirtieth), apia.instant(thirtieth + DAY));
        let toronto = Clock::new("America/Toronto", 1000).unwrap();
        let midnight = -18_539 * DAY * 1000;
        let start = toronto.instant(midnight);
        assert_eq!(toronto.local(start as i64), midnight + (HOUR * 1000) / 2);
        assert_eq!(toronto.local(start as i64 - 1), midnight - (HOUR * 1000) / 2 - 1);
    }

    #[test]
    fn no_time_is_too_far() {
        let clock = Clock::new("Europe/Berlin", 1).unwrap();
        for ts in [i64::MIN, i64::MAX] {
            assert_eq!(clock.instant(clock.local(ts)), i128::from(ts));
        }
        assert!(Clock::new("Mars/Olympus", 1).is_err());
    }
}
