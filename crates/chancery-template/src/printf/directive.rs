//! Reads the directives of a format string, whatever its arguments are.

use super::MAX_COUNT;
use crate::format::Flags;
use crate::text::runes;

/// What stands from `%` to the verb.
pub(super) struct Directive {
    pub(super) flags: Flags,
    /// `[n]` before the width, before the precision and before the verb.
    pub(super) places: [Option<Place>; 3],
    pub(super) width: Count,
    pub(super) precision: Option<Count>,
    /// Whether a number stands after a place, where it can mean nothing.
    pub(super) misplaced: bool,
    /// Nothing when the format ends before it.
    pub(super) verb: Option<char>,
}

/// `[n]`: which argument comes next, counted from 0.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Argument(usize),
    Malformed,
}

#[derive(Clone, Copy)]
pub(super) enum Count {
    Absent,
    Number(usize),
    /// `*`
    Argument,
}

impl Directive {
    /// Reads what follows `%`; returns the rest of the format too.
    pub(super) fn parse(format: &[u8]) -> (Self, &[u8]) {
        let (flags, mut rest) = parse_flags(format);
        let mut directive = Self {
            flags,
            places: [None; 3],
            width: Count::Absent,
            precision: None,
            misplaced: false,
            verb: None,
        };
        let [first, second, third] = &mut directive.places;
        (*first, rest) = parse_place(rest);
        let mut after_place = matches!(first, Some(Place::Argument(_)));
        (directive.width, rest) = parse_count(rest);
        match directive.width {
            Count::Argument => after_place = false,
            Count::Number(_) if after_place => directive.misplaced = true,
            _ => {}
        }
        // A point that ends the format is its verb.
        if let [b'.', after @ ..] = rest
            && !after.is_empty()
        {
            directive.misplaced |= after_place;
            (*second, rest) = parse_place(after);
            after_place = matches!(second, Some(Place::Argument(_)));
            let precision;
            (precision, rest) = parse_count(rest);
            if matches!(precision, Count::Argument) {
                after_place = false;
            }
            directive.precision = Some(precision);
        }
        if !after_place {
            (*third, rest) = parse_place(rest);
        }
        if let Some(rune) = runes(rest).next() {
            directive.verb = Some(rune.char());
            rest = rest.get(rune.len()..).unwrap_or_default();
        }
        (directive, rest)
    }
}

fn parse_flags(format: &[u8]) -> (Flags, &[u8]) {
    let mut flags = Flags::default();
    let mut rest = format;
    while let [flag, after @ ..] = rest {
        match flag {
            b'#' => flags.sharp = true,
            b'0' => flags.zero = true,
            b'+' => flags.plus = true,
            b'-' => flags.minus = true,
            b' ' => flags.space = true,
            _ => break,
        }
        rest = after;
    }
    (flags, rest)
}

fn parse_count(format: &[u8]) -> (Count, &[u8]) {
    if let [b'*', rest @ ..] = format {
        return (Count::Argument, rest);
    }
    match parse_decimal(format) {
        (Some(number), rest) => (Count::Number(number), rest),
        (None, rest) => (Count::Absent, rest),
    }
}

/// Reads digits; one that goes on beyond the limit swallows the rest of the format, as in Go.
fn parse_decimal(format: &[u8]) -> (Option<usize>, &[u8]) {
    let (mut number, mut rest) = (None, format);
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        let so_far = number.unwrap_or(0);
        if so_far > MAX_COUNT {
            return (None, &[]);
        }
        number = Some(so_far * 10 + usize::from(digit - b'0'));
        rest = after;
    }
    (number, rest)
}

/// Reads `[n]`; one that is not closed gives up only its bracket.
fn parse_place(format: &[u8]) -> (Option<Place>, &[u8]) {
    let [b'[', after @ ..] = format else {
        return (None, format);
    };
    let closing = after.iter().position(|byte| *byte == b']');
    let (Some(closing), 3..) = (closing, format.len()) else {
        return (Some(Place::Malformed), after);
    };
    let (digits, rest) = after.split_at_checked(closing).unwrap_or_default();
    let rest = rest.get(1..).unwrap_or_default();
    let place = match parse_decimal(digits) {
        // The place before the first is no argument, but it is well written.
        (Some(number), []) => Place::Argument(number.checked_sub(1).unwrap_or(usize::MAX)),
        _ => Place::Malformed,
    };
    (Some(place), rest)
}
