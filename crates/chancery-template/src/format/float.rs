//! Prints floats: Go's `%e %f %g %b %x` and their capitals.

use super::Formatter;
use crate::value::Value;

/// More decimal places than any `f64` has: what follows is zeros.
const MOST_PLACES: usize = 1100;

impl Formatter<'_> {
    pub(super) fn float(&mut self, number: f64, verb: char, value: &Value<'_>) {
        let style = match verb {
            'v' => 'g',
            'F' => 'f',
            'b' | 'e' | 'E' | 'f' | 'g' | 'G' | 'x' | 'X' => verb,
            _ => return self.bad_verb(value, verb),
        };
        let six = matches!(style, 'e' | 'E' | 'f').then_some(6);
        let precision = self.flags.precision.or(six);
        if precision.is_some_and(|precision| precision > self.out.limit()) {
            return self.out.overflow();
        }
        let mut digits = digits(number.abs(), style, precision);
        if self.flags.sharp && style != 'b' {
            digits = with_point(&digits, style, precision);
        }
        let sign = match (number.is_sign_negative(), self.flags.plus, self.flags.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        };
        let width = self.flags.width.unwrap_or(0);
        if self.flags.zero && !self.flags.minus && !sign.is_empty() {
            self.out.push(sign.as_bytes());
            let zeros = width.saturating_sub(digits.len() + 1);
            self.out.push_repeated(b'0', zeros);
            self.out.push(digits.as_bytes());
        } else {
            self.pad(format!("{sign}{digits}").as_bytes());
        }
    }
}

fn digits(magnitude: f64, style: char, precision: Option<usize>) -> String {
    match style {
        'b' => binary(magnitude),
        'x' | 'X' => hexadecimal(magnitude, style == 'X', precision),
        'e' | 'E' => {
            let decimal = Decimal::rounded(magnitude, precision.unwrap_or(6) + 1);
            decimal.scientific(precision.unwrap_or(6), style)
        }
        'f' => {
            let places = precision.unwrap_or(6);
            let printed = places.min(MOST_PLACES);
            let mut digits = format!("{magnitude:.printed$}");
            digits.push_str(&"0".repeat(places - printed));
            digits
        }
        _ => general(magnitude, style == 'G', precision),
    }
}

/// `%g`: scientific for exponents that are small or past the precision, all digits otherwise.
fn general(magnitude: f64, upper: bool, precision: Option<usize>) -> String {
    let (decimal, precision, limit) = match precision {
        None => {
            let decimal = Decimal::shortest(magnitude);
            let count = decimal.digits.len();
            (decimal, count, 6)
        }
        Some(precision) => {
            let precision = precision.max(1);
            let decimal = Decimal::rounded(magnitude, precision);
            let count = decimal.digits.len();
            let whole = decimal.point <= i32::try_from(count).unwrap_or(i32::MAX);
            let limit = if whole {
                precision.min(count)
            } else {
                precision
            };
            (decimal, precision, limit)
        }
    };
    let count = decimal.digits.len();
    let exponent = decimal.point - 1;
    if exponent < -4 || exponent >= i32::try_from(limit).unwrap_or(i32::MAX) {
        let places = precision.min(count).saturating_sub(1);
        return decimal.scientific(places, if upper { 'E' } else { 'e' });
    }
    decimal.plain()
}

/// Decimal digits without zeros at either end, and where the point is among them.
struct Decimal {
    digits: String,
    /// How many digits are before the point.
    point: i32,
}

impl Decimal {
    /// The fewest digits that tell the float from all others, and of those the nearest to it.
    fn shortest(magnitude: f64) -> Self {
        let shortest = format!("{magnitude:e}");
        let decimal = Self::parse(&shortest);
        // Rust rounds up where two are equally near, Go to even. At a power of two the nearest
        // may be another float's.
        let places = decimal.digits.len().saturating_sub(1);
        let nearest = format!("{magnitude:.places$e}");
        match nearest.parse() {
            Ok(value) if magnitude.total_cmp(&value).is_eq() => Self::parse(&nearest),
            _ => decimal,
        }
    }

    fn rounded(magnitude: f64, count: usize) -> Self {
        let places = count.min(MOST_PLACES).saturating_sub(1);
        Self::parse(&format!("{magnitude:.places$e}"))
    }

    /// Reads Rust's own scientific notation.
    fn parse(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let digits = mantissa.replace('.', "");
        let digits = digits.trim_end_matches('0').to_owned();
        let point = match exponent.parse::<i32>() {
            Ok(exponent) if !digits.is_empty() => exponent + 1,
            _ => 0,
        };
        Self { digits, point }
    }

    fn scientific(&self, places: usize, letter: char) -> String {
        let (first, rest) = self.digits.split_at_checked(1).unwrap_or(("0", ""));
        let mut text = first.to_owned();
        if places > 0 {
            text.push('.');
            text.push_str(rest);
            text.push_str(&"0".repeat(places.saturating_sub(rest.len())));
        }
        let exponent = if self.digits.is_empty() {
            0
        } else {
            self.point - 1
        };
        let sign = if exponent < 0 { '-' } else { '+' };
        text.push_str(&format!("{letter}{sign}{:02}", exponent.unsigned_abs()));
        text
    }

    fn plain(&self) -> String {
        let count = self.digits.len();
        let Ok(point) = usize::try_from(self.point) else {
            let zeros = "0".repeat(self.point.unsigned_abs() as usize);
            return format!("0.{zeros}{}", self.digits);
        };
        if point >= count {
            let zeros = "0".repeat(point - count);
            let whole = format!("{}{zeros}", self.digits);
            return if whole.is_empty() {
                "0".to_owned()
            } else {
                whole
            };
        }
        match self.digits.split_at_checked(point) {
            Some(("", fraction)) => format!("0.{fraction}"),
            Some((whole, fraction)) => format!("{whole}.{fraction}"),
            None => self.digits.clone(),
        }
    }
}

/// Returns the integer and the power of two that make up a float.
fn parts(magnitude: f64) -> (u64, i32) {
    let bits = magnitude.to_bits();
    let mantissa = bits & ((1 << 52) - 1);
    match (bits >> 52) as i32 & 0x7ff {
        0 => (mantissa, -1074),
        exponent => (mantissa | 1 << 52, exponent - 1075),
    }
}

fn binary(magnitude: f64) -> String {
    let (mantissa, exponent) = parts(magnitude);
    format!("{mantissa}p{exponent:+}")
}

fn hexadecimal(magnitude: f64, upper: bool, precision: Option<usize>) -> String {
    let (mut mantissa, mut exponent) = parts(magnitude);
    if mantissa == 0 {
        exponent = 0;
    } else {
        // The leading one goes to bit 52, so that 13 digits follow the point.
        let shift = mantissa.leading_zeros().saturating_sub(11);
        mantissa <<= shift;
        exponent += 52 - i32::try_from(shift).unwrap_or(0);
    }
    if let Some(places @ ..13) = precision {
        let dropped = 52 - 4 * places;
        let (kept, half) = (mantissa >> dropped, 1_u64 << (dropped - 1));
        let rest = mantissa & ((1 << dropped) - 1);
        let up = rest > half || (rest == half && kept & 1 == 1);
        mantissa = (kept + u64::from(up)) << dropped;
        if mantissa >> 53 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut fraction = format!("{:013x}", mantissa & ((1 << 52) - 1));
    match precision {
        None => fraction.truncate(fraction.trim_end_matches('0').len()),
        Some(places) => {
            fraction.push_str(&"0".repeat(places.saturating_sub(13)));
            fraction.truncate(places);
        }
    }
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    let exponent = exponent.unsigned_abs();
    let text = format!("0x{}{point}{fraction}p{sign}{exponent:02}", mantissa >> 52);
    if upper { text.to_uppercase() } else { text }
}

/// Puts back the point and the zeros that `#` asks to keep.
fn with_point(digits: &str, style: char, precision: Option<usize>) -> String {
    let exponent_letters: &[char] = match style {
        'x' | 'X' => &['p', 'P'],
        _ => &['e', 'E', 'p', 'P'],
    };
    let split = digits.find(exponent_letters).unwrap_or(digits.len());
    let (mantissa, exponent) = digits.split_at_checked(split).unwrap_or((digits, ""));
    let wanted = match style {
        'g' | 'G' | 'x' => precision.unwrap_or(6),
        _ => 0,
    };
    let significant = mantissa.replace('.', "");
    let mut shown = significant.trim_start_matches('0').len();
    if mantissa == "0" {
        shown += 1;
    }
    let point = if mantissa.contains('.') { "" } else { "." };
    let zeros = "0".repeat(wanted.saturating_sub(shown));
    format!("{mantissa}{point}{zeros}{exponent}")
}
