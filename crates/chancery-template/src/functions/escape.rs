//! Escaping for HTML, JavaScript and the query of a URL.

use super::{CallError, push_all, text};
use crate::MAX_OUTPUT;
use crate::text::{BoundedText, Rune, Text, is_printable, runes};
use crate::value::Value;

/// Writes the arguments as `print` does and escapes what that gives.
pub(super) fn escape<'a>(
    mut arguments: Vec<Value<'a>>,
    write: impl FnOnce(&[u8], &mut BoundedText),
) -> Result<Value<'a>, CallError> {
    let mut escaped = BoundedText::new(MAX_OUTPUT);
    if let [Value::Text(only)] = arguments.as_slice() {
        write(only, &mut escaped);
    } else {
        for argument in &mut arguments {
            if matches!(argument, Value::Nil) {
                *argument = Value::Text(Text::Borrowed(b"<no value>"));
            }
        }
        let mut plain = BoundedText::new(MAX_OUTPUT);
        push_all(&arguments, false, &mut plain);
        write(&plain.into_bytes().ok_or(CallError::TooLong)?, &mut escaped);
    }
    text(escaped)
}

pub(super) fn html(bytes: &[u8], out: &mut BoundedText) {
    for byte in bytes {
        match byte {
            b'\0' => out.push("\u{fffd}".as_bytes()),
            b'"' => out.push(b"&#34;"),
            b'\'' => out.push(b"&#39;"),
            b'&' => out.push(b"&amp;"),
            b'<' => out.push(b"&lt;"),
            b'>' => out.push(b"&gt;"),
            other => out.push(&[*other]),
        }
    }
}

pub(super) fn js(bytes: &[u8], out: &mut BoundedText) {
    for rune in runes(bytes) {
        match rune {
            Rune::Char(c @ ('\\' | '\'' | '"')) => out.push(&[b'\\', c as u8]),
            Rune::Char(c @ ('\0'..' ' | '<' | '>' | '&' | '=')) => push_code(c, out),
            Rune::Char(c) if c.is_ascii() || is_printable(c) => out.push_char(c),
            Rune::Char(c) => push_code(c, out),
            Rune::Invalid(byte) => out.push(&[byte]),
        }
    }
}

fn push_code(c: char, out: &mut BoundedText) {
    out.push(format!("\\u{:04X}", u32::from(c)).as_bytes());
}

pub(super) fn urlquery(bytes: &[u8], out: &mut BoundedText) {
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(&[*byte]);
            }
            b' ' => out.push(b"+"),
            other => out.push(format!("%{other:02X}").as_bytes()),
        }
    }
}
