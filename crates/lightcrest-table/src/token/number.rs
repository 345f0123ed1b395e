//! Numbers as people write them.
//!
//! A convention says which of `.` and `,` begins the decimals; the other one, a blank or an apostrophe may
//! then separate groups of three digits. `1,234` is 1.234 under one convention and 1234 under the other: a
//! column is read under one that fits all of its values.

use serde::{Deserialize, Serialize};

/// What begins the decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decimal {
    /// `1,234.5`
    #[default]
    Point,
    /// `1.234,5`
    Comma,
}

/// A number and how it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number {
    /// Its value; infinities are values.
    pub value: f64,
    /// Whether a currency or a per cent sign was taken off.
    pub dressed: bool,
    /// Digits only, after a sign.
    pub whole: bool,
}

const SIGNS: [char; 6] = ['$', '€', '£', '¥', '₹', '%'];
const BLANKS: [char; 4] = [' ', '\u{a0}', '\u{202f}', '\''];

/// A number under a convention; the field has no blanks around it.
pub fn parse(token: &str, decimal: Decimal) -> Option<Number> {
    let first = token.bytes().next()?;
    let plain = first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.');
    if plain && decimal == Decimal::Point && token.bytes().all(is_plain) {
        return simple(token, false);
    }
    if !token.bytes().any(|byte| byte.is_ascii_digit()) {
        return infinity(token);
    }
    let (negative, body) = signed(token);
    let bare = body.trim_matches(SIGNS).trim();
    let dressed = bare.len() != body.len();
    // A sign may stand behind the currency: $-5.
    let (again, bare) = if dressed { signed(bare) } else { (false, bare) };
    let text = canonical(bare, decimal)?;
    let mut number = simple(&text, dressed)?;
    if negative || again {
        number.value = -number.value;
    }
    Some(number)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E')
}

fn signed(token: &str) -> (bool, &str) {
    match token.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest),
        None => (false, token.strip_prefix('+').unwrap_or(token)),
    }
}

fn simple(text: &str, dressed: bool) -> Option<Number> {
    let whole = text.trim_start_matches(['-', '+']).bytes().all(|byte| byte.is_ascii_digit());
    Some(Number { value: text.parse().ok()?, dressed, whole })
}

/// `inf` and its like. NaN is missing and no number.
fn infinity(token: &str) -> Option<Number> {
    let (negative, body) = signed(token);
    let known = ["inf", "infinity", "∞"].iter().any(|word| body.eq_ignore_ascii_case(word));
    let value = if negative { f64::NEG_INFINITY } else { f64::INFINITY };
    known.then_some(Number { value, dressed: false, whole: false })
}

/// Without groups, with a point: as Rust reads numbers.
fn canonical(body: &str, decimal: Decimal) -> Option<String> {
    let (point, group) = match decimal {
        Decimal::Point => ('.', ','),
        Decimal::Comma => (',', '.'),
    };
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], &body[at..]),
        None => (body, ""),
    };
    let (whole, fraction) = match mantissa.split_once(point) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.is_some_and(|fraction| !digits(fraction)) {
        return None;
    }
    let separator = whole.chars().find(|c| !c.is_ascii_digit());
    let whole = match separator {
        None => whole.to_owned(),
        Some(separator) if separator == group || BLANKS.contains(&separator) => {
            let mut groups = whole.split(separator);
            let first = groups.next()?;
            let fine = (1..=3).contains(&first.len()) && digits(first) && !first.starts_with('0');
            if !fine || !groups.all(|group| group.len() == 3 && digits(group)) {
                return None;
            }
            whole.replace(separator, "")
        }
        Some(_) => return None,
    };
    Some(match fraction {
        Some(fraction) => format!("{whole}.{fraction}{exponent}"),
        None => format!("{whole}{exponent}"),
    })
}

/// Whether the field is digits with a zero in front that a number would lose: `00123`.
pub fn has_leading_zero(token: &str) -> bool {
    let body = token.trim_start_matches(['-', '+']);
    body.len() > 1 && body.starts_with('0') && body.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the field is digits, an `e` and digits, as codes may be: `12e5`.
pub fn is_exponent_code(token: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    token.split_once(['e', 'E']).is_some_and(|(a, b)| digits(a) && digits(b))
}

/// Largest whole number below which every other one is an f64.
pub const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convention_decides_what_marks_mean() {
        let read = |token, decimal| parse(token, decimal).map(|number| number.value);
        let cases = [
            ("1.5", Some(1.5), None),
            ("1,5", None, Some(1.5)),
            ("1,234", Some(1234.0), Some(1.234)),
            ("1.234", Some(1.234), Some(1234.0)),
            ("1.234,5", None, Some(1234.5)),
            ("1,234.5", Some(1234.5), None),
            ("1 234", Some(1234.0), Some(1234.0)),
            ("1'234'567", Some(1234567.0), Some(1234567.0)),
            ("0.123", Some(0.123), None),
            ("-1e-3", Some(-0.001), Some(-0.001)),
            ("12 %", Some(12.0), Some(12.0)),
            ("$1,200", Some(1200.0), Some(1.2)),
            ("-$5", Some(-5.0), Some(-5.0)),
            ("$-5", Some(-5.0), Some(-5.0)),
            ("inf", Some(f64::INFINITY), Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY), Some(f64::NEG_INFINITY)),
            ("1e308", Some(1e308), Some(1e308)),
            ("0x1F", None, None),
            ("12,34,567", None, None),
            ("1-2", None, None),
            ("e5", None, None),
            ("%", None, None),
            ("", None, None),
        ];
        for (token, point, comma) in cases {
            assert_eq!(read(token, Decimal::Point), point, "{token}");
            assert_eq!(read(token, Decimal::Comma), comma, "{token}");
        }
        // Thirty digits are a number, and no panic.
        assert!(parse("123456789012345678901234567890", Decimal::Point).unwrap().value > LARGEST_WHOLE);
    }

    #[test]
    fn codes_are_told_from_numbers() {
        assert!(has_leading_zero("00123") && has_leading_zero("01") && !has_leading_zero("0"));
        assert!(!has_leading_zero("0.5"));
        assert!(is_exponent_code("12e5") && !is_exponent_code("1.2e5") && !is_exponent_code("12e-5"));
    }
}
