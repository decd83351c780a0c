//! Go's quoted strings and characters, read and written.
//!
//! <https://go.dev/ref/spec#String_literals>

use crate::text::{BoundedText, Rune, is_printable, runes};

/// Reads a string constant with its quotation marks or backquotes.
pub(crate) fn unquote(quoted: &str) -> Option<Vec<u8>> {
    if let Some(raw) = quoted.strip_prefix('`') {
        return Some(raw.strip_suffix('`')?.replace('\r', "").into_bytes());
    }
    let mut rest = quoted.strip_prefix('"')?;
    let mut bytes = Vec::new();
    while rest != "\"" {
        let (rune, tail) = unquote_char(rest, '"')?;
        match rune {
            Rune::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Rune::Invalid(byte) => bytes.push(byte),
        }
        rest = tail;
    }
    Some(bytes)
}

/// Reads one character or escape; a byte escape (`\x`, octal) gives [`Rune::Invalid`].
pub(crate) fn unquote_char(text: &str, quote: char) -> Option<(Rune, &str)> {
    let mut chars = text.chars();
    let first = chars.next()?;
    if first == quote || first == '\n' {
        return None;
    }
    if first != '\\' {
        return Some((Rune::Char(first), chars.as_str()));
    }
    let escape = chars.next()?;
    let rest = chars.as_str();
    let simple = match escape {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' => '\\',
        '\'' | '"' if escape == quote => quote,
        'x' => return byte_escape(rest.split_at_checked(2)?, 16),
        '0'..='7' => return byte_escape(text.get(1..)?.split_at_checked(3)?, 8),
        'u' => return char_escape(rest.split_at_checked(4)?),
        'U' => return char_escape(rest.split_at_checked(8)?),
        _ => return None,
    };
    Some((Rune::Char(simple), rest))
}

fn byte_escape<'t>((digits, rest): (&str, &'t str), radix: u32) -> Option<(Rune, &'t str)> {
    let value = u8::try_from(parse_digits(digits, radix)?).ok()?;
    Some((Rune::Invalid(value), rest))
}

fn char_escape<'t>((digits, rest): (&str, &'t str)) -> Option<(Rune, &'t str)> {
    let value = char::from_u32(parse_digits(digits, 16)?)?;
    Some((Rune::Char(value), rest))
}

fn parse_digits(digits: &str, radix: u32) -> Option<u32> {
    let all_digits = digits.chars().all(|c| c.is_digit(radix));
    all_digits.then(|| u32::from_str_radix(digits, radix).ok())?
}

/// Writes a string as a constant, only in ASCII when `ascii` is set.
pub(crate) fn quote(bytes: &[u8], ascii: bool, out: &mut BoundedText) {
    out.push(b"\"");
    for rune in runes(bytes) {
        match rune {
            Rune::Char(c) => push_escaped(c, '"', ascii, out),
            Rune::Invalid(byte) => out.push(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    out.push(b"\"");
}

/// Writes a character as a constant, only in ASCII when `ascii` is set.
pub(crate) fn quote_char(c: char, ascii: bool, out: &mut BoundedText) {
    out.push(b"'");
    push_escaped(c, '\'', ascii, out);
    out.push(b"'");
}

fn push_escaped(c: char, quote: char, ascii: bool, out: &mut BoundedText) {
    let code = u32::from(c);
    match c {
        '\\' => out.push(b"\\\\"),
        _ if c == quote => {
            out.push(b"\\");
            out.push_char(c);
        }
        _ if is_printable(c) && (!ascii || c.is_ascii()) => out.push_char(c),
        '\x07' => out.push(b"\\a"),
        '\x08' => out.push(b"\\b"),
        '\x0c' => out.push(b"\\f"),
        '\n' => out.push(b"\\n"),
        '\r' => out.push(b"\\r"),
        '\t' => out.push(b"\\t"),
        '\x0b' => out.push(b"\\v"),
        '\0'..' ' | '\x7f' => out.push(format!("\\x{code:02x}").as_bytes()),
        ..'\u{10000}' => out.push(format!("\\u{code:04x}").as_bytes()),
        _ => out.push(format!("\\U{code:08x}").as_bytes()),
    }
}

/// Whether a string can be written between backquotes on one line as it is.
pub(crate) fn can_backquote(bytes: &[u8]) -> bool {
    runes(bytes).all(|rune| match rune {
        Rune::Invalid(_) | Rune::Char('\u{feff}' | '`' | '\x7f') => false,
        Rune::Char(c) => c >= ' ' || c == '\t',
    })
}
