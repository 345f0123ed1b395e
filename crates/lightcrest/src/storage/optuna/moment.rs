//! Dates of Optuna: microseconds since 1970 (UTC) here, and there the local time of whoever wrote them,
//! without a word of where that was; journals mostly say it.

/// Where the times of a database without zones were taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Zone {
    /// Where this program runs. On systems other than Unix that counts as UTC.
    #[default]
    Local,
    /// So many seconds east of UTC.
    East(i32),
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400;

impl Zone {
    /// How many seconds it is ahead of UTC at a moment, in seconds since 1970.
    fn ahead(self, at: i64) -> i64 {
        match self {
            Self::Local => local(at),
            Self::East(seconds) => seconds.into(),
        }
    }
}

#[cfg(unix)]
fn local(at: i64) -> i64 {
    let time = at as libc::time_t;
    let mut parts = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are to values that live until the call returns, and all zeros are a `tm`.
    let parts = unsafe {
        libc::localtime_r(&time, parts.as_mut_ptr());
        parts.assume_init()
    };
    parts.tm_gmtoff as i64
}

#[cfg(not(unix))]
fn local(_: i64) -> i64 {
    0
}

/// `2026-11-30 09:05:00.123456`, with a `T` in between or not, a fraction or none, an offset or none: then
/// it is the time of the zone. Where clocks were put back, the earlier of two.
pub(super) fn read(text: &str, zone: Zone) -> Option<i64> {
    let (date, rest) = text.trim().split_once([' ', 'T'])?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, offset) = match rest.find(['+', '-', 'Z']) {
        Some(at) => (&rest[..at], Some(&rest[at..])),
        None => (rest, None),
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut time = time.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next().unwrap_or(Some(0))?);
    let within = (1..=12).contains(&month) && (1..=31).contains(&day) && (0..24).contains(&hour);
    if !within || !(0..60).contains(&minute) || !(0..=60).contains(&second) {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let there = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    let ahead = match offset {
        None => zone.ahead(there - zone.ahead(there)),
        Some("Z") => 0,
        Some(offset) => {
            let (hours, minutes) = offset[1..].split_once(':').unwrap_or((&offset[1..], "0"));
            let seconds =
                hours.parse::<i64>().ok()? * 3600 + minutes.get(..2).unwrap_or("0").parse::<i64>().ok()? * 60;
            if offset.starts_with('-') { -seconds } else { seconds }
        }
    };
    Some((there - ahead) * SECOND + micros)
}

/// As the tables have it: the time of the zone, with six digits of the second.
pub(super) fn write(at: i64, zone: Zone) -> String {
    let seconds = at.div_euclid(SECOND);
    let there = seconds + zone.ahead(seconds);
    let (year, month, day) = date(there.div_euclid(DAY));
    let rest = there.rem_euclid(DAY);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let micros = at.rem_euclid(SECOND);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}")
}

/// As journals have it.
pub(super) fn write_utc(at: i64) -> String {
    write(at, Zone::East(0)).replace(' ', "T") + "+00:00"
}

/// Days since 1970 of a date: Hinnant's `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1; // since 1 March
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date of a day since 1970: Hinnant's `civil_from_days`.
fn date(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_all_their_forms() {
        let at = 1_796_029_500_123_456; // 2026-11-30 09:05:00.123456 UTC
        let utc = Zone::East(0);
        for text in [
            "2026-11-30 09:05:00.123456",
            "2026-11-30T09:05:00.123456+00:00",
            "2026-11-30T09:05:00.123456Z",
            "2026-11-30T11:05:00.123456+02:00",
            "2026-11-30T05:35:00.123456-03:30",
        ] {
            assert_eq!(read(text, utc), Some(at), "{text}");
        }
        assert_eq!(read("2026-11-30 11:05:00.123456", Zone::East(7200)), Some(at));
        assert_eq!(read("2026-11-30 09:05:00", utc), Some(at - 123_456));
        assert_eq!(read("2026-11-30 09:05:00.1", utc), Some(at - 23_456));
        assert_eq!(read("1969-12-31 23:59:59.000001", utc), Some(-999_999));
        for text in [
            "",
            "yesterday",
            "2026-11-30",
            "2026-13-01 00:00:00",
            "2026-11-30 24:00:00",
            "2026-11-30 xx:00:00",
        ] {
            assert_eq!(read(text, utc), None, "{text}");
        }
    }

    #[test]
    fn moments_come_back() {
        for zone in [Zone::East(0), Zone::East(-12_600), Zone::Local] {
            for at in [0, 951_782_400_000_000, 1_796_029_500_123_456, 4_102_444_799_999_999, -1] {
                assert_eq!(read(&write(at, zone), zone), Some(at), "{at} in {zone:?}");
                assert_eq!(read(&write_utc(at), zone), Some(at));
            }
        }
        assert_eq!(write(951_782_400_000_001, Zone::East(0)), "2000-02-29 00:00:00.000001");
    }
}
