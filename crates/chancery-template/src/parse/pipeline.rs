//! Reads what an action computes: pipelines of commands over operands.
//!
//! <https://pkg.go.dev/text/template#hdr-Pipelines>

use super::{Parser, string, syntax};
use crate::ast::{Command, Function, Operand, Pipeline, Term};
use crate::error::{ParseError, Position};
use crate::lex::{Kind, Token};
use crate::number::{NotANumber, Number, parse_char, parse_number};
use crate::printf::refused_verb;

impl<'s> Parser<'s> {
    /// Reads commands up to and with the token that ends them.
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipeline, ParseError> {
        let first = self.peek_operand()?;
        let (variables, assigns) = self.declarations(context)?;
        let mut commands: Vec<Command> = Vec::new();
        loop {
            let token = self.peek_operand()?;
            if token.is_some_and(|token| token.kind == end) {
                self.cursor += 1;
                break;
            }
            if !token.is_some_and(|token| begins_operand(token.kind)) {
                return Err(self.unexpected(token, context));
            }
            let command = self.command()?;
            if !commands.is_empty() && command.head.term.is_plain() {
                let problem = "a value cannot take the result of the command before it";
                return Err(syntax(command.head.at, problem));
            }
            commands.push(command);
        }
        let at = first.map_or(self.lexed.end, |token| token.at);
        if commands.is_empty() {
            return Err(syntax(at, format!("{context} without a value")));
        }
        Ok(Pipeline {
            at,
            variables,
            assigns,
            commands,
        })
    }

    /// Reads the variables before `:=` or `=`, if there are any.
    fn declarations(&mut self, context: &str) -> Result<(Vec<String>, bool), ParseError> {
        let mut variables = Vec::new();
        loop {
            let start = self.cursor;
            let Some(variable) = self.next_operand()?.filter(|t| t.kind == Kind::Variable) else {
                self.cursor = start;
                return Ok((variables, false));
            };
            let Some(sign) = self.next_operand()? else {
                self.cursor = start;
                return Ok((variables, false));
            };
            let is_comma = sign.kind == Kind::Punctuation && sign.text == ",";
            if !is_comma && !matches!(sign.kind, Kind::Assign | Kind::Declare) {
                self.cursor = start;
                return Ok((variables, false));
            }
            variables.push(variable.text.to_owned());
            self.body.variables.push(variable.text.to_owned());
            if !is_comma {
                return Ok((variables, sign.kind == Kind::Assign));
            }
            if context != "range" || variables.len() > 1 {
                return Err(syntax(sign.at, format!("too many variables in {context}")));
            }
            let next = self.peek_operand()?;
            if !next.is_some_and(|token| {
                matches!(
                    token.kind,
                    Kind::Variable | Kind::RightDelimiter | Kind::RightParenthesis
                )
            }) {
                return Err(self.unexpected(next, "the variables of range"));
            }
        }
    }

    /// Reads operands up to a pipe, which is taken, or to the end of the pipeline, which is not.
    fn command(&mut self) -> Result<Command, ParseError> {
        let mut operands = Vec::new();
        loop {
            if let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            let token = self.peek()?;
            match token.map(|token| token.kind) {
                Some(Kind::Space) => self.cursor += 1,
                Some(Kind::Pipe) => {
                    self.cursor += 1;
                    break;
                }
                Some(Kind::RightDelimiter | Kind::RightParenthesis) => break,
                _ => return Err(self.unexpected(token, "an operand")),
            }
        }
        let mut operands = operands.into_iter();
        let Some(head) = operands.next() else {
            return Err(syntax(self.lexed.end, "a command without a value"));
        };
        let arguments: Vec<_> = operands.collect();
        self.inspect_call(&head, &arguments)?;
        Ok(Command { head, arguments })
    }

    /// Notes the keys that are looked up, and refuses what `printf` would refuse each time.
    fn inspect_call(&mut self, head: &Operand, arguments: &[Operand]) -> Result<(), ParseError> {
        match (&head.term, arguments) {
            (
                Term::Function(Function::Index),
                [
                    Operand { term: map, .. },
                    Operand {
                        term: Term::Text(key),
                        ..
                    },
                    ..,
                ],
            ) => {
                let is_dot = match map {
                    Term::Dot => true,
                    Term::Variable { name, fields } => name == "$" && fields.is_empty(),
                    _ => false,
                };
                if is_dot && let Ok(key) = str::from_utf8(key) {
                    self.parsed.keys.insert(key.to_owned());
                }
            }
            (
                Term::Function(Function::Printf),
                [
                    Operand {
                        term: Term::Text(format),
                        at,
                    },
                    ..,
                ],
            ) => {
                if let Some(verb) = refused_verb(format) {
                    return Err(ParseError::Unsupported {
                        at: *at,
                        what: format!("the verb {verb:?} of printf"),
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads a term with the fields that are taken of it; nothing if no term comes next.
    fn operand(&mut self) -> Result<Option<Operand>, ParseError> {
        let Some(mut operand) = self.term()? else {
            return Ok(None);
        };
        let mut fields = Vec::new();
        while let Some(token) = self.peek()?
            && token.kind == Kind::Field
        {
            if fields.is_empty() && operand.term.is_plain() {
                return Err(syntax(token.at, "a field cannot be taken of this value"));
            }
            fields.push(field_name(&token));
            self.cursor += 1;
        }
        if let (Term::Variable { name, .. }, [key, ..]) = (&operand.term, fields.as_slice())
            && name == "$"
        {
            self.parsed.keys.insert(key.clone());
        }
        match &mut operand.term {
            Term::Fields(names) | Term::Variable { fields: names, .. } => names.extend(fields),
            _ if fields.is_empty() => {}
            _ => {
                operand = Operand {
                    at: operand.at,
                    term: Term::Chain {
                        base: Box::new(operand),
                        fields,
                    },
                }
            }
        }
        Ok(Some(operand))
    }

    fn term(&mut self) -> Result<Option<Operand>, ParseError> {
        let Some(token) = self.peek_operand()? else {
            return Ok(None);
        };
        if !begins_operand(token.kind) {
            return Ok(None);
        }
        self.cursor += 1;
        let at = token.at;
        let term = match token.kind {
            Kind::Bool => Term::Bool(token.text == "true"),
            Kind::Char => match parse_char(token.text) {
                Some(code) => Term::Number(Number::Int(code)),
                None => return Err(syntax(at, format!("{} is no character", token.text))),
            },
            Kind::Dot => Term::Dot,
            Kind::Field => {
                let name = field_name(&token);
                self.parsed.keys.insert(name.clone());
                Term::Fields(vec![name])
            }
            Kind::Identifier => match Function::named(token.text) {
                Some(function) => Term::Function(function),
                None => {
                    let name = token.text.to_owned();
                    return Err(ParseError::UnknownFunction { at, name });
                }
            },
            Kind::LeftParenthesis => {
                let inner = self.nested(at, |parser| {
                    parser.pipeline("parentheses", Kind::RightParenthesis)
                })?;
                Term::Parenthesized(Box::new(inner))
            }
            Kind::Nil => Term::Nil,
            Kind::Number => Term::Number(number(&token)?),
            Kind::Variable => self.variable(&token)?,
            _ => Term::Text(string(&token)?),
        };
        Ok(Some(Operand { at, term }))
    }

    fn variable(&self, token: &Token<'s>) -> Result<Term, ParseError> {
        let name = token.text.to_owned();
        if !self.body.variables.contains(&name) {
            return Err(ParseError::UndefinedVariable { at: token.at, name });
        }
        Ok(Term::Variable {
            name,
            fields: Vec::new(),
        })
    }
}

fn begins_operand(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Bool
            | Kind::Char
            | Kind::Dot
            | Kind::Field
            | Kind::Identifier
            | Kind::LeftParenthesis
            | Kind::Nil
            | Kind::Number
            | Kind::String
            | Kind::Variable
    )
}

fn field_name(token: &Token<'_>) -> String {
    token.text.trim_start_matches('.').to_owned()
}

fn number(token: &Token<'_>) -> Result<Number, ParseError> {
    let at: Position = token.at;
    parse_number(token.text).map_err(|error| match error {
        NotANumber::Syntax => syntax(at, format!("{:?} is no number", token.text)),
        NotANumber::Overflow => syntax(at, format!("the integer {} is too large", token.text)),
        NotANumber::Imaginary => ParseError::Unsupported {
            at,
            what: format!("the imaginary number {}", token.text),
        },
    })
}
