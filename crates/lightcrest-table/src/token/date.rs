//! Dates and times as people write them, as seconds since 1970-01-01 UTC.
//!
//! A column has one order. Where day and month could be exchanged, a value above 12 proves it.

use serde::{Deserialize, Serialize};

/// In which order a date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// `2024-03-31`, also with a time and a zone
    YearFirst,
    /// `31/03/2024`
    DayFirst,
    /// `03/31/2024`
    MonthFirst,
    /// `20240331`
    Compact,
    /// Seconds since 1970
    EpochSeconds,
    /// Milliseconds since 1970
    EpochMilliseconds,
}

impl DateOrder {
    /// How a person would write it.
    pub fn shown(self) -> &'static str {
        match self {
            Self::YearFirst => "year-month-day",
            Self::DayFirst => "day/month/year",
            Self::MonthFirst => "month/day/year",
            Self::Compact => "yyyymmdd",
            Self::EpochSeconds => "seconds since 1970",
            Self::EpochMilliseconds => "milliseconds since 1970",
        }
    }
}

/// What a field says as a date.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment {
    /// Seconds since 1970-01-01T00:00:00Z.
    At(f64),
    /// It has the form of a date, but there is no such day: 0000-00-00, 31 February.
    Impossible,
}

/// The moment of a field; none if it has not the form of a date in that order.
pub fn parse(token: &str, order: DateOrder) -> Option<Moment> {
    match order {
        DateOrder::EpochSeconds | DateOrder::EpochMilliseconds => {
            let value: f64 = token.parse().ok()?;
            let unit = if order == DateOrder::EpochSeconds { 1.0 } else { 1e-3 };
            return Some(if value.is_finite() { Moment::At(value * unit) } else { Moment::Impossible });
        }
        DateOrder::Compact => {
            if token.len() != 8 || !token.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let part = |range: std::ops::Range<usize>| token[range].parse::<i64>().ok();
            return Some(moment(part(0..4)?, part(4..6)?, part(6..8)?, 0.0));
        }
        _ => {}
    }
    if !(6..=40).contains(&token.len()) || !token.is_ascii() {
        return None;
    }
    let (date, time) = split_time(token);
    let [a, b, c] = parts(date)?;
    let seconds = match time {
        Some(time) => seconds(time)?,
        None => 0.0,
    };
    let number = |text: &str| -> Option<i64> {
        let fine = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if fine { text.parse().ok() } else { None }
    };
    // A month by its name needs no order.
    if let Some((month, day, year)) = named(a, b, c) {
        return Some(moment(full_year(year)?, month, number(day)?, seconds));
    }
    match order {
        DateOrder::YearFirst if a.len() == 4 && b.len() <= 2 && c.len() <= 2 => {
            Some(moment(number(a)?, number(b)?, number(c)?, seconds))
        }
        DateOrder::DayFirst | DateOrder::MonthFirst if a.len() <= 2 && b.len() <= 2 && c.len() != 3 => {
            let (day, month) = if order == DateOrder::DayFirst { (a, b) } else { (b, a) };
            Some(moment(full_year(c)?, number(month)?, number(day)?, seconds))
        }
        _ => None,
    }
}

/// Date and time, of which only the date must be there.
fn split_time(token: &str) -> (&str, Option<&str>) {
    if token.len() > 10
        && let Some((date, time)) = token.split_once('T')
        && date.ends_with(|c: char| c.is_ascii_digit())
    {
        return (date, Some(time));
    }
    match token.find(':').and_then(|colon| token[..colon].rfind(' ')) {
        Some(blank) => (&token[..blank], Some(&token[blank + 1..])),
        None => (token, None),
    }
}

fn parts(date: &str) -> Option<[&str; 3]> {
    let separator = date.chars().find(|c| !c.is_ascii_alphanumeric())?;
    let mut parts =
        date.split(separator).map(|part| part.trim_matches([',', '.', ' '])).filter(|p| !p.is_empty());
    let three = [parts.next()?, parts.next()?, parts.next()?];
    let fine = matches!(separator, '-' | '/' | '.' | ' ') && parts.next().is_none();
    fine.then_some(three)
}

/// Month, day and year where the month is a name: `12 Jan 2020`, `Jan 12, 2020`.
fn named<'a>(a: &'a str, b: &'a str, c: &'a str) -> Option<(i64, &'a str, &'a str)> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let month = |text: &str| {
        let start = text.get(..3)?.to_ascii_lowercase();
        let index = MONTHS.iter().position(|name| *name == start)?;
        text.bytes().all(|byte| byte.is_ascii_alphabetic()).then_some(index as i64 + 1)
    };
    if let Some(found) = month(b) {
        return Some(if a.len() == 4 { (found, c, a) } else { (found, a, c) });
    }
    month(a).map(|found| (found, b, c))
}

/// Two digits are of 1969 to 2068, as POSIX has it.
fn full_year(text: &str) -> Option<i64> {
    let year: i64 = text.parse().ok()?;
    match text.len() {
        4 => Some(year),
        2 if year >= 69 => Some(1900 + year),
        2 => Some(2000 + year),
        _ => None,
    }
}

/// Seconds of a time of day, less its zone: `23:59`, `23:59:59.5+02:00`, `11:59 PM`, `00:00Z`.
fn seconds(time: &str) -> Option<f64> {
    let time = time.trim();
    let (time, half) = match time.len().checked_sub(2).and_then(|at| time.split_at_checked(at)) {
        Some((rest, end)) if end.eq_ignore_ascii_case("am") => (rest.trim(), Some(0.0)),
        Some((rest, end)) if end.eq_ignore_ascii_case("pm") => (rest.trim(), Some(12.0)),
        _ => (time, None),
    };
    let (time, zone) = match time.strip_suffix(['Z', 'z']).or_else(|| time.strip_suffix(" UTC")) {
        Some(rest) => (rest, 0.0),
        None => match time.rfind(['+', '-']) {
            Some(at) => (time[..at].trim_end(), offset(&time[at..])?),
            None => (time, 0.0),
        },
    };
    let mut parts = time.split(':');
    let digits = |text: &str| (1..=2).contains(&text.len()).then(|| text.parse::<u32>().ok()).flatten();
    let mut hour = f64::from(digits(parts.next()?)?);
    let minute = f64::from(digits(parts.next()?)?);
    let second: f64 = match parts.next() {
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => text.parse().ok()?,
        Some(_) => return None,
        None => 0.0,
    };
    if let Some(half) = half {
        hour = hour % 12.0 + half;
    }
    let fine = hour <= 24.0 && minute < 60.0 && second < 61.0 && parts.next().is_none();
    fine.then_some(hour * 3600.0 + minute * 60.0 + second - zone)
}

/// Seconds east of Greenwich: `+02:00`, `-0530`, `+02`.
fn offset(text: &str) -> Option<f64> {
    let (sign, body) = (if text.starts_with('-') { -1.0 } else { 1.0 }, &text[1..]);
    let digits: String = body.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (f64, f64) = match digits.len() {
        2 => (digits.parse().ok()?, 0.0),
        4 => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
        _ => return None,
    };
    Some(sign * (hours * 3600.0 + minutes * 60.0))
}

fn moment(year: i64, month: i64, day: i64, seconds: f64) -> Moment {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    if year < 1 || day < 1 || day > length {
        return Moment::Impossible;
    }
    Moment::At(days(year, month, day) as f64 * 86400.0 + seconds)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant 2013, *chrono-compatible low-level date
/// algorithms*, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month (1 to 12) and day of a count of days since 1970-01-01 (Hinnant, `civil_from_days`).
pub fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted - era * 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_their_order() {
        use DateOrder::{Compact, DayFirst, EpochMilliseconds, MonthFirst, YearFirst};
        // Seconds by `date -u -d ... +%s`.
        let cases = [
            ("2024-02-29", YearFirst, 1_709_164_800.0),
            ("2024/2/9", YearFirst, 1_707_436_800.0),
            ("2024-02-29T12:30:15Z", YearFirst, 1_709_209_815.0),
            ("2024-02-29 12:30", YearFirst, 1_709_209_800.0),
            ("2024-02-29T12:30:15.5+02:00", YearFirst, 1_709_202_615.5),
            ("2024-02-29T12:30:15-0530", YearFirst, 1_709_229_615.0),
            ("29/02/2024", DayFirst, 1_709_164_800.0),
            ("29.2.24", DayFirst, 1_709_164_800.0),
            ("2/29/2024 1:05 PM", MonthFirst, 1_709_211_900.0),
            ("29 Feb 2024", MonthFirst, 1_709_164_800.0),
            ("February 29, 2024", DayFirst, 1_709_164_800.0),
            ("9999-12-31", YearFirst, 253_402_214_400.0),
            ("20240229", Compact, 1_709_164_800.0),
            ("1709164800000", EpochMilliseconds, 1_709_164_800.0),
        ];
        for (token, order, expected) in cases {
            assert_eq!(parse(token, order), Some(Moment::At(expected)), "{token}");
        }
    }

    #[test]
    fn days_that_are_none_are_impossible_and_other_fields_are_no_dates() {
        use DateOrder::{DayFirst, MonthFirst, YearFirst};
        for (token, order) in [
            ("0000-00-00", YearFirst),
            ("2023-02-29", YearFirst),
            ("13/13/2024", DayFirst),
            ("31/12/2024", MonthFirst),
        ] {
            assert_eq!(parse(token, order), Some(Moment::Impossible), "{token}");
        }
        for token in ["12345678", "a-b-c", "1-2-3-4", "192.168.0.1", "hello there you", "2024-01-01 noon: no"]
        {
            assert_eq!(parse(token, YearFirst), None, "{token}");
        }
    }

    #[test]
    fn days_and_their_dates_are_inverse() {
        for day in (-800_000..3_000_000).step_by(97) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
        }
        assert_eq!(civil(0), (1970, 1, 1));
    }
}
