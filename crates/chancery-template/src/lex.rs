//! Cuts a template into text and the pieces of its actions.

mod token;

use crate::error::{ParseError, Position};
use crate::text::is_alphanumeric;

use token::word;
pub(crate) use token::{Keyword, Kind, Token};

/// All pieces up to the end, or up to the first that cannot be read.
#[derive(Debug)]
pub(crate) struct Lexed<'s> {
    pub(crate) tokens: Vec<Token<'s>>,
    /// Why there are no more; nothing at the end of the source.
    pub(crate) error: Option<ParseError>,
    /// Where the last piece ends.
    pub(crate) end: Position,
}

pub(crate) fn lex(source: &str) -> Lexed<'_> {
    let mut lexer = Lexer {
        source,
        position: 0,
        tokens: Vec::new(),
        counted: 0,
        line: 1,
        line_start: 0,
    };
    let error = lexer.run().err();
    Lexed {
        end: lexer.locate(lexer.position),
        tokens: lexer.tokens,
        error,
    }
}

/// What Go trims and what separates operands; no other space counts.
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

struct Lexer<'s> {
    source: &'s str,
    position: usize,
    tokens: Vec<Token<'s>>,
    /// How far lines are counted.
    counted: usize,
    line: u32,
    line_start: usize,
}

impl<'s> Lexer<'s> {
    fn run(&mut self) -> Result<(), ParseError> {
        loop {
            let text = self.rest();
            let Some(length) = text.find("{{") else {
                self.token_if_any(Kind::Text, text.len());
                return Ok(());
            };
            let (text, after) = (take(text, length), drop_bytes(text, length + 2));
            let trims = after.starts_with('-') && drop_bytes(after, 1).starts_with(SPACES);
            let kept = if trims {
                text.trim_end_matches(SPACES)
            } else {
                text
            };
            self.token_if_any(Kind::Text, kept.len());
            self.position += length - kept.len();
            let marker = if trims { 2 } else { 0 };
            if drop_bytes(after, marker).starts_with("/*") {
                self.position += 2 + marker;
                self.comment()?;
            } else {
                let start = self.position;
                self.token(Kind::LeftDelimiter, 2);
                self.position += marker;
                self.action(start)?;
            }
        }
    }

    fn comment(&mut self) -> Result<(), ParseError> {
        let start = self.position;
        let Some(length) = drop_bytes(self.rest(), 2).find("*/") else {
            return Err(self.error(start, "the comment that begins here is not closed"));
        };
        self.position += length + 4;
        match self.right_delimiter() {
            Some(trims) => {
                self.position += if trims { 4 } else { 2 };
                self.skip_spaces(trims);
                Ok(())
            }
            None => Err(self.error(start, "the action goes on after its comment")),
        }
    }

    /// Reads an action up to and with its right delimiter.
    fn action(&mut self, start: usize) -> Result<(), ParseError> {
        let mut parentheses = Vec::new();
        loop {
            if let Some(trims) = self.right_delimiter() {
                if let Some(&parenthesis) = parentheses.last() {
                    return Err(self.error(parenthesis, "this parenthesis is not closed"));
                }
                self.position += if trims { 2 } else { 0 };
                self.token(Kind::RightDelimiter, 2);
                self.skip_spaces(trims);
                return Ok(());
            }
            let rest = self.rest();
            let Some(first) = rest.chars().next() else {
                return Err(self.error(start, "the action that begins here is not closed"));
            };
            match first {
                ' ' | '\t' | '\r' | '\n' => self.spaces(),
                '=' => self.token(Kind::Assign, 1),
                ':' if rest.starts_with(":=") => self.token(Kind::Declare, 2),
                ':' => return Err(self.error(self.position, "\":\" without \"=\"")),
                '|' => self.token(Kind::Pipe, 1),
                '"' => self.quoted(Kind::String, '"')?,
                '\'' => self.quoted(Kind::Char, '\'')?,
                '`' => match drop_bytes(rest, 1).find('`') {
                    Some(length) => self.token(Kind::String, length + 2),
                    None => return Err(self.error(self.position, "a \"`\" that is not closed")),
                },
                '$' => self.name(Kind::Variable)?,
                '.' if !drop_bytes(rest, 1).starts_with(|c: char| c.is_ascii_digit()) => {
                    self.name(Kind::Field)?;
                }
                '.' | '+' | '-' | '0'..='9' => self.number()?,
                '(' => {
                    parentheses.push(self.position);
                    self.token(Kind::LeftParenthesis, 1);
                }
                ')' if parentheses.pop().is_none() => {
                    return Err(self.error(self.position, "\")\" without \"(\""));
                }
                ')' => self.token(Kind::RightParenthesis, 1),
                _ if is_alphanumeric(first) => self.name(Kind::Identifier)?,
                '!'..='~' => self.token(Kind::Punctuation, 1),
                _ => {
                    let problem = format!("the character {first:?} cannot stand in an action");
                    return Err(self.error(self.position, &problem));
                }
            }
        }
    }

    /// Reads spaces, but for one that belongs to a trim marker.
    fn spaces(&mut self) {
        let rest = self.rest();
        let mut length = rest.len() - rest.trim_start_matches(SPACES).len();
        if drop_bytes(rest, length).starts_with("-}}") {
            length -= 1;
        }
        self.token(Kind::Space, length);
    }

    /// Reads a constant in which a backslash takes away the meaning of what follows.
    fn quoted(&mut self, kind: Kind, quote: char) -> Result<(), ParseError> {
        let mut escaped = false;
        for (index, c) in self.rest().char_indices().skip(1) {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == quote => {
                    self.token(kind, index + 1);
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(self.error(self.position, &format!("a {quote:?} that is not closed")))
    }

    /// Reads a name with the sigil that it may begin with.
    fn name(&mut self, kind: Kind) -> Result<(), ParseError> {
        let rest = self.rest();
        let sigil = usize::from(kind != Kind::Identifier);
        let after = drop_bytes(rest, sigil).trim_start_matches(is_alphanumeric);
        let length = rest.len() - after.len();
        if let Some(c) = after.chars().next()
            && !SPACES.contains(&c)
            && !".,|:)(".contains(c)
            && !after.starts_with("}}")
        {
            let problem = format!(
                "{c:?} cannot follow {:?}; a claim with such a name is written \
                 {{{{ index . \"…\" }}}}",
                take(rest, length)
            );
            return Err(self.error(self.position + length, &problem));
        }
        let kind = match kind {
            Kind::Field if length == 1 => Kind::Dot,
            Kind::Identifier => word(take(rest, length)),
            _ => kind,
        };
        self.token(kind, length);
        Ok(())
    }

    /// Reads what may be a number; whether it is one is told when it is parsed.
    fn number(&mut self) -> Result<(), ParseError> {
        let rest = self.rest();
        let mut length = number_length(rest);
        let after = drop_bytes(rest, length);
        if after.starts_with(['+', '-']) {
            length += number_length(after);
            let number = take(rest, length);
            if number.ends_with('i') {
                return Err(ParseError::Unsupported {
                    at: self.locate(self.position),
                    what: format!("the imaginary number {number}"),
                });
            }
            let problem = format!("{number:?} is no number");
            return Err(self.error(self.position, &problem));
        }
        if after.starts_with(is_alphanumeric) {
            let problem = format!("a letter cannot follow the number {:?}", take(rest, length));
            return Err(self.error(self.position, &problem));
        }
        self.token(Kind::Number, length);
        Ok(())
    }

    /// Tells whether the action ends here, and if so, whether spaces after it are trimmed.
    fn right_delimiter(&self) -> Option<bool> {
        let rest = self.rest();
        let trims = rest.starts_with(SPACES) && drop_bytes(rest, 1).starts_with("-}}");
        (trims || rest.starts_with("}}")).then_some(trims)
    }

    fn skip_spaces(&mut self, trims: bool) {
        if trims {
            let rest = self.rest();
            self.position += rest.len() - rest.trim_start_matches(SPACES).len();
        }
    }

    fn rest(&self) -> &'s str {
        drop_bytes(self.source, self.position)
    }

    fn token_if_any(&mut self, kind: Kind, length: usize) {
        if length > 0 {
            self.token(kind, length);
        }
    }

    fn token(&mut self, kind: Kind, length: usize) {
        let text = take(self.rest(), length);
        let at = self.locate(self.position);
        self.tokens.push(Token { kind, text, at });
        self.position += length;
    }

    fn error(&mut self, position: usize, problem: &str) -> ParseError {
        ParseError::Syntax {
            at: self.locate(position),
            problem: problem.to_owned(),
        }
    }

    /// Returns the place of a byte; asked in ascending order, it counts each line once.
    fn locate(&mut self, position: usize) -> Position {
        if position < self.counted {
            (self.counted, self.line, self.line_start) = (0, 1, 0);
        }
        let passed = self.source.get(self.counted..position).unwrap_or_default();
        for (index, _) in passed.match_indices('\n') {
            self.line = self.line.saturating_add(1);
            self.line_start = self.counted + index + 1;
        }
        self.counted = position;
        Position {
            line: self.line,
            column: u32::try_from(position - self.line_start + 1).unwrap_or(u32::MAX),
        }
    }
}

/// Returns how many bytes at the front of the text look like one number.
fn number_length(text: &str) -> usize {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let radix = match rest.as_bytes() {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 10,
    };
    let rest = if radix == 10 {
        rest
    } else {
        drop_bytes(rest, 2)
    };
    let is_digit = |c: char| c == '_' || c.is_digit(radix);
    let rest = rest.trim_start_matches(is_digit);
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(is_digit),
        None => rest,
    };
    let exponent = match radix {
        10 => rest.strip_prefix(['e', 'E']),
        16 => rest.strip_prefix(['p', 'P']),
        _ => None,
    };
    let rest = exponent.map_or(rest, |digits| {
        let digits = digits.strip_prefix(['+', '-']).unwrap_or(digits);
        digits.trim_start_matches(|c: char| c == '_' || c.is_ascii_digit())
    });
    text.len() - rest.strip_prefix('i').unwrap_or(rest).len()
}

fn take(text: &str, length: usize) -> &str {
    text.get(..length).unwrap_or(text)
}

fn drop_bytes(text: &str, length: usize) -> &str {
    text.get(length..).unwrap_or_default()
}
