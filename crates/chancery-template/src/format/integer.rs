//! Prints integers: Go's `%b %c %d %o %O %q %U %x %X`.

use super::Formatter;
use crate::quote::quote_char;
use crate::text::{BoundedText, is_printable};
use crate::value::Value;

impl Formatter<'_> {
    pub(super) fn integer(
        &mut self,
        negative: bool,
        magnitude: u64,
        verb: char,
        value: &Value<'_>,
    ) {
        let code = if negative {
            None
        } else {
            u32::try_from(magnitude).ok()
        };
        let character = code.and_then(char::from_u32);
        let shown = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        match verb {
            'v' => self.digits(negative, magnitude, 'd'),
            'b' | 'd' | 'o' | 'O' | 'x' | 'X' => self.digits(negative, magnitude, verb),
            'c' => self.pad(shown.encode_utf8(&mut [0; 4]).as_bytes()),
            'q' => {
                let mut constant = BoundedText::new(self.out.limit());
                quote_char(shown, self.flags.plus, &mut constant);
                self.pad_made(constant);
            }
            'U' => {
                // Go prints the two's complement of a negative number.
                let bits = if negative {
                    magnitude.wrapping_neg()
                } else {
                    magnitude
                };
                self.code_point(bits, character);
            }
            _ => self.bad_verb(value, verb),
        }
    }

    fn code_point(&mut self, bits: u64, character: Option<char>) {
        let digits = self.flags.precision.unwrap_or(0).max(4);
        if digits > self.out.limit() {
            return self.out.overflow();
        }
        let mut text = format!("U+{}", zero_filled(format!("{bits:X}"), digits));
        if let Some(c) = character.filter(|c| self.flags.sharp && is_printable(*c)) {
            text.push_str(&format!(" '{c}'"));
        }
        self.pad_with_spaces(text.as_bytes());
    }

    /// Prints an integer in the base of its verb.
    pub(super) fn digits(&mut self, negative: bool, magnitude: u64, verb: char) {
        let flags = self.flags;
        if flags.precision == Some(0) && magnitude == 0 {
            return self.pad_with_spaces(b"");
        }
        let signed = negative || flags.plus || flags.space;
        // A precision asks for leading zeros, and so does the zero flag without one.
        let least = match flags.precision {
            Some(precision) => precision,
            None if flags.zero && !flags.minus => {
                flags.width.unwrap_or(0).saturating_sub(usize::from(signed))
            }
            None => 0,
        };
        if least > self.out.limit() {
            return self.out.overflow();
        }
        let digits = match verb {
            'b' => format!("{magnitude:b}"),
            'o' | 'O' => format!("{magnitude:o}"),
            'x' => format!("{magnitude:x}"),
            'X' => format!("{magnitude:X}"),
            _ => magnitude.to_string(),
        };
        let digits = zero_filled(digits, least);
        let prefix = match verb {
            'b' if flags.sharp => "0b",
            'o' if flags.sharp && !digits.starts_with('0') => "0",
            'O' if flags.sharp && !digits.starts_with('0') => "0o0",
            'O' => "0o",
            'x' if flags.sharp => "0x",
            'X' if flags.sharp => "0X",
            _ => "",
        };
        let sign = match (negative, flags.plus, flags.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        };
        self.pad_with_spaces(format!("{sign}{prefix}{digits}").as_bytes());
    }
}

/// Puts zeros before digits; Rust's own width ends at 65,535.
fn zero_filled(digits: String, least: usize) -> String {
    let zeros = "0".repeat(least.saturating_sub(digits.len()));
    zeros + &digits
}
