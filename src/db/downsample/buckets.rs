//! Which bucket a time is in.
//!
//! Without a zone, buckets follow each other from the origin both ways, all of one length. With one,
//! whole days and weeks are the calendar's: they begin when the clock on the wall shows the
//! origin's time of day, and last 23 or 25 hours where clocks change. Shorter buckets are counted
//! within such a day, in time that passes (as a repeated hour does twice); the last one of a day
//! ends where the next day begins.

use crate::base::time::TimeUnit;
use crate::db::downsample::zone::Clock;
use crate::error::{Error, Result};

const SECONDS_A_DAY: i64 = 86_400;
/// From 1969-12-29, a Monday, to 1970-01-01.
const DAYS_FROM_MONDAY: i64 = 3;

/// A bucket, `[start, end)`. One that begins before the least time begins at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) start: i64,
    /// `None` past the greatest time.
    pub(super) end: Option<i64>,
}

impl Bucket {
    fn new(start: i128, end: i128) -> Self {
        let start = i64::try_from(start).unwrap_or(i64::MIN);
        Self { start, end: i64::try_from(end).ok() }
    }

    pub(super) fn holds(&self, ts: i64) -> bool {
        self.start <= ts && self.end.is_none_or(|end| ts < end)
    }
}

/// What divides time into buckets.
#[derive(Debug, Clone)]
pub(super) enum Buckets {
    Even { every: i64, origin: i64 },
    Civil(Box<Civil>),
}

/// Buckets by the clock on the wall.
#[derive(Debug, Clone)]
pub(super) struct Civil {
    clock: Clock,
    day: i64,
    /// How many days a bucket has, or, if it is shorter, a part of a day.
    days: i64,
    part: Option<i64>,
    /// What the clock shows at the beginning of some day.
    origin: i128,
    /// The days, from where to where, that the last time was in.
    last: (i128, i128),
}

impl Buckets {
    /// Buckets of length `every`. `origin` begins one; `None` is 1970-01-01 or, for whole weeks, a
    /// Monday.
    pub(super) fn new(
        every: i64,
        origin: Option<i64>,
        tz: Option<&str>,
        unit: TimeUnit,
    ) -> Result<Self> {
        if every <= 0 {
            return Err(Error::invalid(format!("every = {every} {unit}; a bucket has a length")));
        }
        let day = SECONDS_A_DAY * unit.per_second();
        let monday = if every % (7 * day) == 0 { -DAYS_FROM_MONDAY * day } else { 0 };
        let Some(tz) = tz else {
            return Ok(Self::Even { every, origin: origin.unwrap_or(monday) });
        };
        if every % day != 0 && day % every != 0 {
            return Err(Error::invalid(format!(
                "with tz, every is a number of whole days or goes into a day; {every} {unit} does \
                 neither"
            )));
        }
        let clock = Clock::new(tz, unit.per_second())?;
        let origin = origin.map_or(monday.into(), |origin| clock.local(origin));
        let (days, part) = ((every / day).max(1), (every < day).then_some(every));
        Ok(Self::Civil(Box::new(Civil { clock, day, days, part, origin, last: (1, 0) })))
    }

    /// The bucket that a time is in.
    pub(super) fn at(&mut self, ts: i64) -> Bucket {
        match self {
            Self::Even { every, origin } => even(ts, *every, *origin),
            Self::Civil(civil) => civil.at(ts),
        }
    }

    /// The bucket that follows one; `None` past the greatest time.
    pub(super) fn after(&mut self, bucket: Bucket) -> Option<Bucket> {
        bucket.end.map(|end| self.at(end))
    }

    /// About how many buckets there are from one to another.
    pub(super) fn between(&self, first: Bucket, last: Bucket) -> i128 {
        let every = match self {
            Self::Even { every, .. } => *every,
            Self::Civil(civil) => civil.part.unwrap_or(civil.day.saturating_mul(civil.days)),
        };
        (i128::from(last.start) - i128::from(first.start)) / i128::from(every) + 1
    }
}

fn even(ts: i64, every: i64, origin: i64) -> Bucket {
    // Nearly always 64 bits are enough, and their division is quicker.
    if let Some(start) = ts.checked_sub(origin).and_then(|t| ts.checked_sub(t.rem_euclid(every))) {
        return Bucket { start, end: start.checked_add(every) };
    }
    let (ts, every, origin) = (i128::from(ts), i128::from(every), i128::from(origin));
    let start = ts - (ts - origin).rem_euclid(every);
    Bucket::new(start, start + every)
}

impl Civil {
    fn at(&mut self, ts: i64) -> Bucket {
        let wide = i128::from(ts);
        if wide < self.last.0 || wide >= self.last.1 {
            self.last = self.days_of(ts);
        }
        let (start, end) = self.last;
        let Some(part) = self.part else { return Bucket::new(start, end) };
        let start = wide - (wide - start) % i128::from(part);
        Bucket::new(start, end.min(start + i128::from(part)))
    }

    /// From where to where the days last that `ts` is in.
    fn days_of(&self, ts: i64) -> (i128, i128) {
        let (day, days, ts) = (i128::from(self.day), i128::from(self.days), i128::from(ts));
        let begin = |number: i128| self.clock.instant(self.origin + number * day);
        // Right but where clocks changed between the beginning of the day and now.
        let mut number = (self.clock.local(ts as i64) - self.origin).div_euclid(day);
        while begin(number) > ts {
            number -= 1;
        }
        while begin(number + 1) <= ts {
            number += 1;
        }
        let first = number.div_euclid(days) * days;
        (begin(first), begin(first + days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    fn seconds(every: i64, origin: Option<i64>, tz: Option<&str>) -> Buckets {
        Buckets::new(every, origin, tz, TimeUnit::Second).unwrap()
    }

    #[test]
    fn buckets_are_half_open_and_floor_before_the_origin() {
        let mut buckets = seconds(10, None, None);
        for (ts, start) in [(0, 0), (9, 0), (10, 10), (-1, -10), (-10, -10), (-11, -20)] {
            assert_eq!(buckets.at(ts), Bucket { start, end: Some(start + 10) }, "{ts}");
        }
        assert_eq!(seconds(10, Some(3), None).at(2), Bucket { start: -7, end: Some(3) });
    }

    #[test]
    fn weeks_begin_on_mondays() {
        // 2024-01-01 was a Monday.
        let monday = 1_704_067_200;
        let mut weeks = seconds(7 * DAY, None, None);
        assert_eq!(weeks.at(monday).start, monday);
        assert_eq!(weeks.at(monday - 1).start, monday - 7 * DAY);
        assert_eq!(seconds(7 * DAY, Some(0), None).at(1).start, 0);
        let local = seconds(7 * DAY, None, Some("America/New_York")).at(monday);
        assert_eq!(local.start, monday - 7 * DAY + 5 * HOUR);
    }

    #[test]
    fn no_time_overflows() {
        for every in [1, 7, DAY, i64::MAX] {
            for origin in [i64::MIN, -1, 0, i64::MAX] {
                let mut buckets = seconds(every, Some(origin), None);
                for ts in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
                    let bucket = buckets.at(ts);
                    assert!(bucket.holds(ts), "{every} {origin} {ts} {bucket:?}");
                }
            }
        }
        assert_eq!(seconds(10, None, None).at(i64::MAX).end, None);
        for every in [HOUR, DAY, 7 * DAY] {
            for ts in [i64::MIN, i64::MAX] {
                assert!(seconds(every, None, Some("Europe/Berlin")).at(ts).holds(ts));
            }
        }
    }

    #[test]
    fn local_days_have_23_to_25_hours() {
        let mut days = seconds(DAY, None, Some("America/New_York"));
        // 2024-03-10 and 2024-11-03, noon UTC.
        for (noon, hours) in [(1_710_072_000, 23), (1_730_635_200, 25), (1_710_158_400, 24)] {
            let day = days.at(noon);
            assert_eq!(day.end.unwrap() - day.start, hours * HOUR);
            let mut parts = seconds(6 * HOUR, None, Some("America/New_York"));
            let (mut part, mut lengths) = (parts.at(day.start), vec![]);
            while part.start < day.end.unwrap() {
                lengths.push((part.end.unwrap() - part.start) / HOUR);
                part = parts.after(part).unwrap();
            }
            assert_eq!(lengths.iter().sum::<i64>(), hours);
            assert_eq!(lengths[..3], [6, 6, 6]);
        }
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for (every, tz) in
            [(0, None), (-1, None), (7 * HOUR, Some("UTC")), (36 * HOUR, Some("UTC"))]
        {
            assert!(Buckets::new(every, None, tz, TimeUnit::Second).is_err(), "{every}");
        }
    }

    proptest! {
        #[test]
        fn buckets_cover_time_without_a_gap(
            ts in -4_000_000_000i64..8_000_000_000,
            every in prop::sample::select(vec![1i64, 900, HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY]),
            origin in prop::option::of(-100_000_000i64..2_000_000_000),
            tz in prop::sample::select(vec![
                None, Some("UTC"), Some("America/New_York"), Some("Asia/Kolkata"),
                Some("Australia/Lord_Howe"), Some("Pacific/Apia"), Some("Africa/Casablanca"),
            ]),
        ) {
            let mut buckets = seconds(every, origin, tz);
            let bucket = buckets.at(ts);
            prop_assert!(bucket.holds(ts));
            prop_assert_eq!(seconds(every, origin, tz).at(bucket.start), bucket);
            let next = buckets.after(bucket).unwrap();
            prop_assert_eq!(Some(next.start), bucket.end);
            prop_assert_eq!(buckets.at(next.start - 1), bucket);
            if let Some(origin) = origin {
                prop_assert!(tz.is_some() || buckets.at(origin).start == origin);
            }
        }
    }
}
