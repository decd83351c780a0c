//! Prints values under the flags and verbs of Go's format strings.
//!
//! <https://pkg.go.dev/fmt#hdr-Printing>

mod float;
mod integer;

use std::collections::BTreeMap;

use crate::quote::{can_backquote, quote};
use crate::text::{BoundedText, runes};
use crate::value::Value;

/// What stands between `%` and the verb.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) width: Option<usize>,
    pub(crate) precision: Option<usize>,
    pub(crate) minus: bool,
    pub(crate) plus: bool,
    /// `#`, unless the verb is `v`.
    pub(crate) sharp: bool,
    /// `#` of `%#v`: Go's syntax.
    pub(crate) sharp_v: bool,
    pub(crate) space: bool,
    pub(crate) zero: bool,
}

/// Prints values one after the other.
pub(crate) struct Formatter<'o> {
    out: &'o mut BoundedText,
    flags: Flags,
}

impl<'o> Formatter<'o> {
    pub(crate) fn new(out: &'o mut BoundedText) -> Self {
        Self::with_flags(out, Flags::default())
    }

    pub(crate) fn with_flags(out: &'o mut BoundedText, flags: Flags) -> Self {
        Self { out, flags }
    }

    /// Prints an argument of a format string.
    pub(crate) fn argument(&mut self, value: &Value<'_>, verb: char) {
        match (verb, value) {
            ('T', Value::Nil) => self.pad(b"<nil>"),
            ('T', _) => self.text(value.type_name().as_bytes(), 's', value),
            // No map is an error, the only thing that this verb takes.
            ('w', Value::Map(_)) => self.bad_verb(value, verb),
            _ => self.value(value, verb),
        }
    }

    /// Prints a value, or what Go says when the verb does not fit its type.
    pub(crate) fn value(&mut self, value: &Value<'_>, verb: char) {
        match value {
            Value::Nil if verb == 'v' => self.pad(b"<nil>"),
            Value::Nil => self.bad_verb(value, verb),
            Value::Bool(truth) if matches!(verb, 't' | 'v') => {
                self.pad(if *truth { b"true" } else { b"false" });
            }
            Value::Bool(_) => self.bad_verb(value, verb),
            Value::Int(number) => {
                self.integer(*number < 0, number.unsigned_abs(), verb, value);
            }
            Value::Byte(byte) if verb == 'v' && self.flags.sharp_v => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                self.digits(false, u64::from(*byte), 'x');
                self.flags.sharp = sharp;
            }
            Value::Byte(byte) => self.integer(false, u64::from(*byte), verb, value),
            Value::Float(number) => self.float(*number, verb, value),
            Value::Text(text) => self.text(text, verb, value),
            Value::Map(map) => self.map(map, verb),
        }
    }

    fn bad_verb(&mut self, value: &Value<'_>, verb: char) {
        self.out.push(b"%!");
        self.out.push_char(verb);
        self.out.push(b"(");
        if matches!(value, Value::Nil) {
            self.out.push(b"<nil>");
        } else {
            self.out.push(value.type_name().as_bytes());
            self.out.push(b"=");
            self.value(value, 'v');
        }
        self.out.push(b")");
    }

    /// Prints each key and value under the verb, keys in order.
    fn map(&mut self, map: &BTreeMap<String, String>, verb: char) {
        let (open, between, close) = match self.flags.sharp_v {
            true => ("map[string]string{", ", ", "}"),
            false => ("map[", " ", "]"),
        };
        self.out.push(open.as_bytes());
        for (index, (key, value)) in map.iter().enumerate() {
            if self.out.overflowed() {
                return;
            }
            if index > 0 {
                self.out.push(between.as_bytes());
            }
            self.value(&Value::borrowed(key), verb);
            self.out.push(b":");
            self.value(&Value::borrowed(value), verb);
        }
        self.out.push(close.as_bytes());
    }

    fn text(&mut self, bytes: &[u8], verb: char, value: &Value<'_>) {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(bytes),
            'v' | 's' => self.pad(self.truncated(bytes)),
            'q' => self.quoted(bytes),
            'x' | 'X' => self.hexadecimal(bytes, verb == 'X'),
            _ => self.bad_verb(value, verb),
        }
    }

    fn quoted(&mut self, bytes: &[u8]) {
        let bytes = self.truncated(bytes);
        let mut constant = BoundedText::new(self.out.limit());
        if self.flags.sharp && can_backquote(bytes) {
            constant.push(b"`");
            constant.push(bytes);
            constant.push(b"`");
        } else {
            quote(bytes, self.flags.plus, &mut constant);
        }
        self.pad_made(constant);
    }

    /// Cuts a string to as many characters as the precision tells.
    fn truncated<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(precision) = self.flags.precision else {
            return bytes;
        };
        let length = runes(bytes).take(precision).map(|rune| rune.len()).sum();
        bytes.get(..length).unwrap_or(bytes)
    }

    /// Prints the bytes of a string in hexadecimal, as many as the precision tells.
    fn hexadecimal(&mut self, bytes: &[u8], upper: bool) {
        let Flags {
            sharp,
            space,
            precision,
            ..
        } = self.flags;
        let bytes = bytes
            .get(..precision.unwrap_or(bytes.len()))
            .unwrap_or(bytes);
        let mut digits = BoundedText::new(self.out.limit());
        for (index, byte) in bytes.iter().enumerate() {
            if space && index > 0 {
                digits.push(b" ");
            }
            if sharp && (space || index == 0) {
                digits.push(if upper { b"0X" } else { b"0x" });
            }
            let pair = match upper {
                true => format!("{byte:02X}"),
                false => format!("{byte:02x}"),
            };
            digits.push(pair.as_bytes());
        }
        self.pad_made(digits);
    }

    fn pad_made(&mut self, text: BoundedText) {
        match text.into_bytes() {
            Some(bytes) => self.pad(&bytes),
            None => self.out.overflow(),
        }
    }

    fn pad_with_spaces(&mut self, bytes: &[u8]) {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.pad(bytes);
        self.flags.zero = zero;
    }

    /// Writes something and fills it up to the width, which counts characters.
    fn pad(&mut self, bytes: &[u8]) {
        let missing = match self.flags.width {
            Some(width) => width.saturating_sub(runes(bytes).count()),
            None => 0,
        };
        let fill = if self.flags.zero && !self.flags.minus {
            b'0'
        } else {
            b' '
        };
        if self.flags.minus {
            self.out.push(bytes);
            self.out.push_repeated(fill, missing);
        } else {
            self.out.push_repeated(fill, missing);
            self.out.push(bytes);
        }
    }
}
