//! ISO 8601 text as nanoseconds since 1970 in UTC: `2024-03-01`, `2024-03-01T12:30`,
//! `2024-03-01 12:30:05.25+02:00`, `20240301T123005Z`. The standard library's parser drops what
//! is below a microsecond, so this one does not use it.

use std::ops::RangeInclusive;

/// The time a text names; without a zone it is UTC.
///
/// # Errors
/// What is wrong with the text.
pub fn parse(text: &str) -> Result<i128, &'static str> {
    let mut cursor = Cursor { rest: text.trim_ascii().as_bytes() };
    let (days, extended) = cursor.date()?;
    let mut nanos = i128::from(days) * 86_400 * NANOS;
    if !cursor.rest.is_empty() {
        if !(cursor.skip(b'T') || cursor.skip(b't') || cursor.skip(b' ')) {
            return Err("a time after the date starts with T or a space");
        }
        nanos += cursor.clock(extended)?;
        nanos -= cursor.zone()?;
    }
    if cursor.rest.is_empty() { Ok(nanos) } else { Err("there is more text after the time") }
}

/// A time as text, `2024-03-01T12:30:05.250`: to the second, or as fine as it is in steps of a
/// thousand. `None` if its year is not one of four digits.
pub fn text(nanos: i128) -> Option<String> {
    let (seconds, nanos) = (nanos.div_euclid(NANOS), nanos.rem_euclid(NANOS));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(i64::try_from(days).ok()?);
    if !(0..=9999).contains(&year) {
        return None;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = match nanos {
        0 => String::new(),
        _ if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
        _ if nanos % 1000 == 0 => format!(".{:06}", nanos / 1000),
        _ => format!(".{nanos:09}"),
    };
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}"))
}

const NANOS: i128 = 1_000_000_000;

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn skip(&mut self, byte: u8) -> bool {
        match self.rest.strip_prefix(&[byte]) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Exactly `digits` digits.
    fn number(&mut self, digits: usize, what: &'static str) -> Result<i64, &'static str> {
        let (head, rest) = self.rest.split_at_checked(digits).ok_or(what)?;
        if !head.iter().all(u8::is_ascii_digit) {
            return Err(what);
        }
        self.rest = rest;
        Ok(head.iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0')))
    }

    fn within(
        &mut self,
        range: RangeInclusive<i64>,
        what: &'static str,
    ) -> Result<i64, &'static str> {
        let number = self.number(2, what)?;
        if range.contains(&number) { Ok(number) } else { Err(what) }
    }

    /// Days since 1970, and whether the parts are set apart by hyphens.
    fn date(&mut self) -> Result<(i64, bool), &'static str> {
        let year = self.number(4, "it does not start with a year of four digits")?;
        let extended = self.skip(b'-');
        let month = self.within(1..=12, "the month is not 01 to 12")?;
        if extended && !self.skip(b'-') {
            return Err("a date is YYYY-MM-DD");
        }
        let last = days_in(year, month);
        let day = self.within(1..=last, "the month has no such day")?;
        Ok((days_from_civil(year, month, day), extended))
    }

    fn clock(&mut self, extended: bool) -> Result<i128, &'static str> {
        let mut seconds = self.within(0..=23, "the hour is not 00 to 23")? * 3600;
        let mut fraction = 0;
        if self.another(extended) {
            seconds += self.within(0..=59, "the minute is not 00 to 59")? * 60;
            if self.another(extended) {
                seconds += self.within(0..=59, "the second is not 00 to 59")?;
                if self.skip(b'.') || self.skip(b',') {
                    fraction = self.fraction()?;
                }
            }
        }
        Ok(i128::from(seconds) * NANOS + i128::from(fraction))
    }

    /// True if another part of a clock time follows; skips the colon before it.
    fn another(&mut self, extended: bool) -> bool {
        if extended { self.skip(b':') } else { self.rest.first().is_some_and(u8::is_ascii_digit) }
    }

    fn fraction(&mut self) -> Result<i64, &'static str> {
        let len = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(len);
        self.rest = rest;
        let (kept, beyond) = digits.split_at(len.min(9));
        if len == 0 || beyond.iter().any(|&digit| digit != b'0') {
            return Err("a second has one to nine decimals");
        }
        let nanos = kept.iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
        Ok(nanos * 10_i64.pow(9 - kept.len() as u32))
    }

    /// How far the zone is ahead of UTC, in nanoseconds.
    fn zone(&mut self) -> Result<i128, &'static str> {
        if self.rest.is_empty() || self.skip(b'Z') || self.skip(b'z') {
            return Ok(0);
        }
        let sign = match self.rest.first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err("after the time comes Z or an offset such as +02:00"),
        };
        self.rest = &self.rest[1..];
        let mut seconds = self.within(0..=23, "the zone's hours are not 00 to 23")? * 3600;
        let extended = self.skip(b':');
        if extended || !self.rest.is_empty() {
            seconds += self.within(0..=59, "the zone's minutes are not 00 to 59")? * 60;
        }
        Ok(i128::from(sign * seconds) * NANOS)
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, by counting in eras of 400 years
/// that begin in March (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse, from the same source.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_moment() {
        let expected = 1_709_296_205 * NANOS;
        for text in [
            "2024-03-01T12:30:05",
            "2024-03-01 12:30:05.000000000Z",
            "20240301T123005Z",
            "2024-03-01T14:30:05+02:00",
            "2024-03-01T14:30:05.0000000000+02",
            "2024-03-01T07:00:05-0530",
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        assert_eq!(parse("1970-01-01"), Ok(0));
        assert_eq!(parse("1969-12-31T23:59:59.999999999"), Ok(-1));
        assert_eq!(parse("2000-02-29"), Ok(951_782_400 * NANOS));
        assert_eq!(parse("0001-01-01"), Ok(-62_135_596_800 * NANOS));
    }

    #[test]
    fn text_is_read_back() {
        for days in (-719_000..2_900_000).step_by(97) {
            let nanos = days * 86_400 * NANOS + 45_296 * NANOS;
            assert_eq!(parse(&text(nanos).unwrap()), Ok(nanos));
        }
        assert_eq!(text(-1).unwrap(), "1969-12-31T23:59:59.999999999");
        assert_eq!(text(250_000_000).unwrap(), "1970-01-01T00:00:00.250");
        assert_eq!(text(1000).unwrap(), "1970-01-01T00:00:00.000001");
        assert_eq!(text(i128::from(i64::MAX) * NANOS), None);
        assert_eq!(text(i128::from(i64::MIN) * NANOS), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "now",
            "2024",
            "2024-13-01",
            "2023-02-29",
            "2024-03-01T",
            "2024-03-01T24:00",
            "2024-03-01T12:30:60",
            "2024-03-01T12:30:05.",
            "2024-03-01T12:30:05.0000000001",
            "2024-03-01T12:30:05 Europe/Paris",
            "2024-03-01x",
            "2024-0301",
            "2024-03-01T12:30+",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
