//! Reads the grammar of templates: text, actions and the blocks between them.
//!
//! <https://pkg.go.dev/text/template#hdr-Actions>

mod blocks;
mod pipeline;

use std::collections::{BTreeMap, BTreeSet};

use crate::ast::{Node, Nodes};
use crate::error::{ParseError, Position};
use crate::lex::{Keyword, Kind, Lexed, Token, lex};
use crate::quote::unquote;
use crate::{MAX_DEPTH, MAX_SOURCE};

/// What a source holds.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    /// The templates that it defines; its own has no name.
    pub(crate) templates: BTreeMap<Vec<u8>, Nodes>,
    /// The names that it looks up in the dot or in `$`.
    pub(crate) keys: BTreeSet<String>,
}

pub(crate) fn parse(source: &str) -> Result<Parsed, ParseError> {
    if source.len() > MAX_SOURCE {
        return Err(ParseError::TooLarge {
            at: Position { line: 1, column: 1 },
            exceeds: "is longer than 64 KiB",
        });
    }
    let mut parser = Parser {
        lexed: lex(source),
        cursor: 0,
        depth: 0,
        body: Body::new(),
        parsed: Parsed {
            templates: BTreeMap::new(),
            keys: BTreeSet::new(),
        },
    };
    parser.source()?;
    Ok(parser.parsed)
}

struct Parser<'s> {
    lexed: Lexed<'s>,
    cursor: usize,
    /// Open blocks and parentheses.
    depth: usize,
    body: Body,
    parsed: Parsed,
}

/// What is known in the body of one template and in no other.
struct Body {
    variables: Vec<String>,
    open_ranges: usize,
}

impl Body {
    fn new() -> Self {
        Self {
            variables: vec!["$".to_owned()],
            open_ranges: 0,
        }
    }
}

/// A node, or the action that ends a list of nodes.
enum Item {
    Node(Node),
    /// `{{ end }}`
    End(Position),
    /// `{{ else }}`, or the `{{ else` before an `if` or `with` that is not yet read.
    Else(Position),
}

enum Ending {
    End,
    Else(Position),
}

impl<'s> Parser<'s> {
    fn source(&mut self) -> Result<(), ParseError> {
        let at = Position { line: 1, column: 1 };
        let mut nodes = Vec::new();
        while let Some(token) = self.peek()? {
            if token.kind == Kind::LeftDelimiter && self.skip_to_define()? {
                self.definition()?;
                continue;
            }
            match self.item()? {
                Item::Node(node) => nodes.push(node),
                Item::End(at) => return Err(syntax(at, "{{ end }} without a block to end")),
                Item::Else(at) => return Err(syntax(at, "{{ else }} outside a block")),
            }
        }
        self.define(Vec::new(), nodes, at)
    }

    /// Goes past `{{ define`, or nowhere.
    fn skip_to_define(&mut self) -> Result<bool, ParseError> {
        let start = self.cursor;
        self.cursor += 1;
        let token = self.next_operand()?;
        let defines = token.is_some_and(|token| token.kind == Kind::Keyword(Keyword::Define));
        if !defines {
            self.cursor = start;
        }
        Ok(defines)
    }

    fn definition(&mut self) -> Result<(), ParseError> {
        let (name, at) = self.template_name("define")?;
        self.expect_right_delimiter("define")?;
        self.template_body(name, at)
    }

    /// Reads nodes up to `{{ end }}` as a template of its own.
    fn template_body(&mut self, name: Vec<u8>, at: Position) -> Result<(), ParseError> {
        let outer = std::mem::replace(&mut self.body, Body::new());
        let (nodes, ending) = self.nested(at, Self::nodes)?;
        self.body = outer;
        match ending {
            Ending::End => self.define(name, nodes, at),
            Ending::Else(at) => Err(syntax(at, "{{ else }} outside a block")),
        }
    }

    /// Keeps a template; of two with one name only one may have more than space.
    fn define(&mut self, name: Vec<u8>, nodes: Nodes, at: Position) -> Result<(), ParseError> {
        match self.parsed.templates.get(&name) {
            Some(known) if !is_blank(known) => {
                if !is_blank(&nodes) {
                    let name = String::from_utf8_lossy(&name);
                    let problem = format!("the template {name:?} is defined twice");
                    return Err(syntax(at, problem));
                }
            }
            _ => {
                self.parsed.templates.insert(name, nodes);
            }
        }
        Ok(())
    }

    /// Reads nodes up to the action that ends or divides their block.
    fn nodes(&mut self) -> Result<(Nodes, Ending), ParseError> {
        let mut nodes = Vec::new();
        while self.peek()?.is_some() {
            match self.item()? {
                Item::Node(node) => nodes.push(node),
                Item::End(_) => return Ok((nodes, Ending::End)),
                Item::Else(at) => return Ok((nodes, Ending::Else(at))),
            }
        }
        Err(syntax(self.lexed.end, "the template ends before {{ end }}"))
    }

    fn item(&mut self) -> Result<Item, ParseError> {
        match self.next_operand()? {
            Some(token) if token.kind == Kind::Text => {
                Ok(Item::Node(Node::Text(token.text.to_owned())))
            }
            Some(token) if token.kind == Kind::LeftDelimiter => self.action(),
            // Only `{{ else if` and `{{ else with` in another block leave something here.
            found => Err(self.unexpected(found, "{{ else }} of this block")),
        }
    }

    fn action(&mut self) -> Result<Item, ParseError> {
        let start = self.cursor;
        let token = self.next_operand()?;
        let Some(Token {
            kind: Kind::Keyword(keyword),
            at,
            ..
        }) = token
        else {
            self.cursor = start;
            let pipeline = self.pipeline("an action", Kind::RightDelimiter)?;
            return Ok(Item::Node(Node::Action(pipeline)));
        };
        let node = match keyword {
            Keyword::Block => self.block(at)?,
            Keyword::Break => self.loop_control("break", Node::Break, at)?,
            Keyword::Continue => self.loop_control("continue", Node::Continue, at)?,
            Keyword::Else => return self.otherwise(at),
            Keyword::End => {
                self.expect_right_delimiter("end")?;
                return Ok(Item::End(at));
            }
            Keyword::If | Keyword::With => self.conditional(keyword, at)?,
            Keyword::Range => self.range(at)?,
            Keyword::Template => self.invocation(at)?,
            Keyword::Define => {
                let problem = "{{ define }} inside a block; it can stand only outside of all";
                return Err(syntax(at, problem));
            }
        };
        Ok(Item::Node(node))
    }

    fn template_name(&mut self, context: &str) -> Result<(Vec<u8>, Position), ParseError> {
        match self.next_operand()? {
            Some(token) if token.kind == Kind::String => Ok((string(&token)?, token.at)),
            found => Err(self.unexpected(found, &format!("{context}, which wants a name"))),
        }
    }

    fn expect_right_delimiter(&mut self, context: &str) -> Result<(), ParseError> {
        match self.next_operand()? {
            Some(token) if token.kind == Kind::RightDelimiter => Ok(()),
            found => Err(self.unexpected(found, context)),
        }
    }

    /// Reads something that stands inside something else, as long as that is not too deep.
    fn nested<T>(
        &mut self,
        at: Position,
        read: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        if self.depth == MAX_DEPTH {
            return Err(ParseError::TooLarge {
                at,
                exceeds: "is nested deeper than 64 levels",
            });
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn unexpected(&self, found: Option<Token<'s>>, context: &str) -> ParseError {
        let Some(token) = found else {
            return syntax(self.lexed.end, format!("the template ends in {context}"));
        };
        let mut text: String = token.text.chars().take(20).collect();
        if text.len() < token.text.len() {
            text.push('…');
        }
        syntax(token.at, format!("unexpected {text:?} in {context}"))
    }

    /// Returns the next token and stays before it; nothing at the end.
    fn peek(&self) -> Result<Option<Token<'s>>, ParseError> {
        match (self.lexed.tokens.get(self.cursor), &self.lexed.error) {
            (Some(token), _) => Ok(Some(*token)),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(None),
        }
    }

    /// Returns the next token that is no space and stays before it, but after the space.
    fn peek_operand(&mut self) -> Result<Option<Token<'s>>, ParseError> {
        while let Some(token) = self.peek()? {
            if token.kind != Kind::Space {
                return Ok(Some(token));
            }
            self.cursor += 1;
        }
        Ok(None)
    }

    fn next_operand(&mut self) -> Result<Option<Token<'s>>, ParseError> {
        let token = self.peek_operand()?;
        self.cursor += 1;
        Ok(token)
    }
}

fn is_blank(nodes: &[Node]) -> bool {
    nodes
        .iter()
        .all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
}

fn string(token: &Token<'_>) -> Result<Vec<u8>, ParseError> {
    unquote(token.text).ok_or_else(|| {
        let problem = "an escape in this string is not one of Go's".to_owned();
        syntax(token.at, problem)
    })
}

fn syntax(at: Position, problem: impl Into<String>) -> ParseError {
    ParseError::Syntax {
        at,
        problem: problem.into(),
    }
}
