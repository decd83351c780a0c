//! Go's format strings: directives, the arguments they take, and what is said of those that fit
//! ill.
//!
//! <https://pkg.go.dev/fmt#hdr-Printing>

mod directive;

use crate::MAX_OUTPUT;
use crate::format::{Flags, Formatter};
use crate::functions::CallError;
use crate::text::BoundedText;
use crate::value::Value;
use directive::{Count, Directive, Place};

/// The verb that would print the address of a map, another one each time.
const REFUSED_VERB: char = 'p';

/// Go takes no number beyond this for a width, a precision or the place of an argument.
const MAX_COUNT: usize = 1_000_000;

/// Returns the first verb of a format that this crate does not do.
pub(crate) fn refused_verb(format: &[u8]) -> Option<char> {
    let mut rest = format;
    while let Some((_, after)) = split_at_percent(rest) {
        let (directive, after) = Directive::parse(after);
        if directive.verb == Some(REFUSED_VERB) {
            return directive.verb;
        }
        rest = after;
    }
    None
}

/// Formats the arguments as Go's `fmt.Sprintf` does.
pub(crate) fn sprintf(format: &[u8], arguments: &[Value<'_>]) -> Result<BoundedText, CallError> {
    let mut state = State {
        out: BoundedText::new(MAX_OUTPUT),
        arguments,
        next: 0,
        reordered: false,
        misplaced: false,
    };
    let mut rest = format;
    while let Some((text, after)) = split_at_percent(rest) {
        state.out.push(text);
        let (directive, after) = Directive::parse(after);
        state.directive(&directive)?;
        rest = after;
    }
    state.out.push(rest);
    state.surplus();
    Ok(state.out)
}

fn split_at_percent(format: &[u8]) -> Option<(&[u8], &[u8])> {
    let position = format.iter().position(|byte| *byte == b'%')?;
    let (text, rest) = format.split_at_checked(position)?;
    Some((text, rest.get(1..)?))
}

struct State<'v, 'a> {
    out: BoundedText,
    arguments: &'v [Value<'a>],
    /// The argument that comes next.
    next: usize,
    /// Whether a place was named at all: then none is told to be surplus.
    reordered: bool,
    /// Whether a place in the directive at hand is wrong.
    misplaced: bool,
}

impl State<'_, '_> {
    fn directive(&mut self, directive: &Directive) -> Result<(), CallError> {
        let mut flags = directive.flags;
        let [before_width, before_precision, before_verb] = directive.places;
        self.misplaced = directive.misplaced;
        self.go_to(before_width);
        match directive.width {
            Count::Absent => {}
            Count::Number(width) => flags.width = Some(width),
            Count::Argument => match self.count() {
                Some(width) => {
                    flags.width = usize::try_from(width.unsigned_abs()).ok();
                    if width < 0 {
                        flags.minus = true;
                        flags.zero = false;
                    }
                }
                None => self.out.push(b"%!(BADWIDTH)"),
            },
        }
        self.go_to(before_precision);
        match directive.precision {
            None => {}
            Some(Count::Absent) => flags.precision = Some(0),
            Some(Count::Number(precision)) => flags.precision = Some(precision),
            Some(Count::Argument) => {
                flags.precision = self.count().and_then(|count| usize::try_from(count).ok());
                if flags.precision.is_none() {
                    self.out.push(b"%!(BADPREC)");
                }
            }
        }
        self.go_to(before_verb);
        self.verb(directive.verb, flags)
    }

    fn verb(&mut self, verb: Option<char>, mut flags: Flags) -> Result<(), CallError> {
        let Some(verb) = verb else {
            self.out.push(b"%!(NOVERB)");
            return Ok(());
        };
        if verb == '%' {
            self.out.push(b"%");
            return Ok(());
        }
        if verb == REFUSED_VERB {
            let what = format!("the verb {verb:?} of printf");
            return Err(CallError::Unsupported(what));
        }
        if self.misplaced {
            self.complain(verb, b"BADINDEX");
            return Ok(());
        }
        let Some(argument) = self.arguments.get(self.next) else {
            self.complain(verb, b"MISSING");
            return Ok(());
        };
        if matches!(verb, 'v' | 'w') {
            flags.sharp_v = std::mem::take(&mut flags.sharp);
            flags.plus = false;
        }
        self.next += 1;
        Formatter::with_flags(&mut self.out, flags).argument(argument, verb);
        Ok(())
    }

    fn complain(&mut self, verb: char, what: &[u8]) {
        self.out.push(b"%!");
        self.out.push_char(verb);
        self.out.push(b"(");
        self.out.push(what);
        self.out.push(b")");
    }

    fn go_to(&mut self, place: Option<Place>) {
        match place {
            None => {}
            Some(Place::Argument(place)) if place < self.arguments.len() => {
                self.reordered = true;
                self.next = place;
            }
            Some(_) => {
                self.reordered = true;
                self.misplaced = true;
            }
        }
    }

    /// Takes an argument as a width or precision.
    fn count(&mut self) -> Option<i64> {
        let argument = self.arguments.get(self.next)?;
        self.next += 1;
        let count = argument.as_integer()?;
        (count.unsigned_abs() <= MAX_COUNT as u64).then_some(count)
    }

    /// Tells the arguments that no directive has taken.
    fn surplus(&mut self) {
        let surplus = self.arguments.get(self.next..).unwrap_or_default();
        if self.reordered || surplus.is_empty() {
            return;
        }
        self.out.push(b"%!(EXTRA ");
        for (index, argument) in surplus.iter().enumerate() {
            if index > 0 {
                self.out.push(b", ");
            }
            if !matches!(argument, Value::Nil) {
                self.out.push(argument.type_name().as_bytes());
                self.out.push(b"=");
            }
            Formatter::new(&mut self.out).value(argument, 'v');
        }
        self.out.push(b")");
    }
}
