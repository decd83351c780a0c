//! Number constants: Go's syntax of integers, floats and characters.
//!
//! <https://go.dev/ref/spec#Integer_literals>, with the signs that templates add.

use crate::quote::unquote_char;
use crate::text::Rune;

/// A constant; what type it has is told by how it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
    /// An integer that only an unsigned type could hold: Go refuses it when it is used.
    TooLargeForInt,
}

/// Why a text is no number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NotANumber {
    Syntax,
    Overflow,
    Imaginary,
}

/// Reads a number as the lexer has delimited it.
pub(crate) fn parse_number(text: &str) -> Result<Number, NotANumber> {
    if let Some(real) = text.strip_suffix('i')
        && parse_float(real).is_some()
    {
        return Err(NotANumber::Imaginary);
    }
    let integer = parse_integer(text);
    // Go decides by the letters alone, and knows hexadecimal digits only after an unsigned "0x".
    let is_hex_integer =
        (text.starts_with("0x") || text.starts_with("0X")) && !text.contains(['p', 'P']);
    let looks_like_float = !is_hex_integer && text.contains(['.', 'e', 'E', 'p', 'P']);
    match integer {
        Some(value) if looks_like_float => Ok(Number::Float(value as f64)),
        Some(value) => Ok(i64::try_from(value).map_or(Number::TooLargeForInt, Number::Int)),
        None => match parse_float(text) {
            None => Err(NotANumber::Syntax),
            Some(_) if !text.contains(['.', 'e', 'E', 'p', 'P']) => Err(NotANumber::Overflow),
            Some(value) => Ok(Number::Float(value)),
        },
    }
}

/// Reads a character constant, with its quotes.
pub(crate) fn parse_char(quoted: &str) -> Option<i64> {
    let inner = quoted.strip_prefix('\'')?;
    let (rune, rest) = unquote_char(inner, '\'')?;
    let value = match rune {
        Rune::Char(c) => i64::from(u32::from(c)),
        Rune::Invalid(byte) => i64::from(byte),
    };
    (rest == "'").then_some(value)
}

/// Reads an integer of any base that fits `int` or, without a sign, `uint`.
fn parse_integer(text: &str) -> Option<i128> {
    let (sign, unsigned) = split_sign(text);
    let (radix, digits) = match unsigned.as_bytes() {
        [b'0', b'b' | b'B', _, ..] => (2, unsigned.get(2..)?),
        [b'0', b'o' | b'O', _, ..] => (8, unsigned.get(2..)?),
        [b'0', b'x' | b'X', _, ..] => (16, unsigned.get(2..)?),
        [b'0', _, ..] => (8, unsigned.get(1..)?),
        _ => (10, unsigned),
    };
    let digits = without_underscores(unsigned, digits)?;
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(&digits, radix).ok()?);
    let value = if sign == Some('-') {
        -magnitude
    } else {
        magnitude
    };
    let fits = i64::try_from(value).is_ok() || sign.is_none();
    fits.then_some(value)
}

fn parse_float(text: &str) -> Option<f64> {
    let (sign, unsigned) = split_sign(text);
    let digits = without_underscores(unsigned, unsigned)?;
    let magnitude = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(hexadecimal) => parse_hexadecimal_float(hexadecimal)?,
        // Rust also reads words such as "inf", which are no numbers in Go's templates.
        None if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            digits.parse::<f64>().ok()?
        }
        None => return None,
    };
    let value = if sign == Some('-') {
        -magnitude
    } else {
        magnitude
    };
    value.is_finite().then_some(value)
}

/// Reads what follows `0x`: a mantissa that may have a point, and the exponent of two after `p`.
fn parse_hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (sign, digits) = split_sign(exponent);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // A number so large is beyond every mantissa that fits a template.
    let exponent = digits.parse::<i64>().unwrap_or(1 << 32).min(1 << 32);
    let mut exponent = if sign == Some('-') {
        -exponent
    } else {
        exponent
    };
    let (mut bits, mut seen_point, mut seen_digit) = (0_u64, false, false);
    for c in mantissa.chars() {
        if c == '.' && !seen_point {
            seen_point = true;
            continue;
        }
        let digit = u64::from(c.to_digit(16)?);
        seen_digit = true;
        if bits >> 58 == 0 {
            bits = bits << 4 | digit;
            exponent -= if seen_point { 4 } else { 0 };
        } else {
            // Only whether it is nothing matters for rounding.
            bits |= u64::from(digit != 0);
            exponent += if seen_point { 0 } else { 4 };
        }
    }
    seen_digit.then(|| scale(bits, exponent))
}

/// Returns `bits` times two to the `exponent`, rounded once, half to even.
fn scale(bits: u64, exponent: i64) -> f64 {
    if bits == 0 {
        return 0.0;
    }
    let width = 64 - i64::from(bits.leading_zeros());
    // The exponent of the last place of the result: 53 bits, fewer below the normal numbers.
    let last = (exponent + width - 53).max(-1074);
    let rounded = match last - exponent {
        shift @ ..=0 => bits << -shift,
        shift @ 1..=63 => {
            let (kept, half) = (bits >> shift, 1_u64 << (shift - 1));
            let dropped = bits & ((1 << shift) - 1);
            kept + u64::from(dropped > half || (dropped == half && kept & 1 == 1))
        }
        64 => u64::from(bits > 1 << 63),
        _ => 0,
    };
    let power = match last {
        ..-1022 => f64::from_bits(1 << (last + 1074)),
        -1022..=1023 => f64::from_bits(((last + 1023) as u64) << 52),
        _ => f64::INFINITY,
    };
    rounded as f64 * power
}

fn split_sign(text: &str) -> (Option<char>, &str) {
    match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.chars().next(), rest),
        None => (None, text),
    }
}

/// Returns `digits`, the end of `number`, without underscores; nothing when one of them stands
/// elsewhere than between digits or after the prefix of the base.
fn without_underscores(number: &str, digits: &str) -> Option<String> {
    if !digits.contains('_') {
        return Some(digits.to_owned());
    }
    let bytes = number.as_bytes();
    let hexadecimal = matches!(bytes, [b'0', b'x' | b'X', ..]);
    let prefixed = hexadecimal || matches!(bytes, [b'0', b'b' | b'B' | b'o' | b'O', ..]);
    let is_digit = |index: usize| {
        bytes.get(index).is_some_and(|b| {
            b.is_ascii_digit() || (hexadecimal && b.is_ascii_hexdigit()) || (prefixed && index == 1)
        })
    };
    let stands_well = |index: usize| index > 0 && is_digit(index - 1) && is_digit(index + 1);
    let mut underscores = (0..bytes.len()).filter(|&index| bytes.get(index) == Some(&b'_'));
    underscores
        .all(stands_well)
        .then(|| digits.replace('_', ""))
}

#[cfg(test)]
mod tests;
