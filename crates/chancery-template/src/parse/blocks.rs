//! Reads the actions that open, divide and end blocks, and those that invoke templates.

use super::{Ending, Item, Parser, syntax};
use crate::ast::{Conditional, Node, Nodes, Range};
use crate::error::{ParseError, Position};
use crate::lex::{Keyword, Kind};

impl Parser<'_> {
    pub(super) fn loop_control(
        &mut self,
        word: &'static str,
        node: Node,
        at: Position,
    ) -> Result<Node, ParseError> {
        self.expect_right_delimiter(word)?;
        if self.body.open_ranges == 0 {
            return Err(syntax(
                at,
                format!("{{{{ {word} }}}} outside {{{{ range }}}}"),
            ));
        }
        Ok(node)
    }

    pub(super) fn otherwise(&mut self, at: Position) -> Result<Item, ParseError> {
        let chained = self
            .peek_operand()?
            .is_some_and(|token| matches!(token.kind, Kind::Keyword(Keyword::If | Keyword::With)));
        if !chained {
            self.expect_right_delimiter("else")?;
        }
        Ok(Item::Else(at))
    }

    pub(super) fn conditional(
        &mut self,
        keyword: Keyword,
        at: Position,
    ) -> Result<Node, ParseError> {
        let context = if keyword == Keyword::If { "if" } else { "with" };
        let declared = self.body.variables.len();
        let (mut arms, mut otherwise) = (Vec::new(), Vec::new());
        loop {
            let pipeline = self.pipeline(context, Kind::RightDelimiter)?;
            let (nodes, ending) = self.nested(at, Self::nodes)?;
            arms.push((pipeline, nodes));
            let Ending::Else(at) = ending else {
                break;
            };
            let next = self.peek_operand()?.map(|token| token.kind);
            // An action that only this else can have left open.
            if next == Some(Kind::Keyword(keyword)) {
                self.next_operand()?;
                continue;
            }
            otherwise = self.last_branch(at)?;
            break;
        }
        self.body.variables.truncate(declared);
        Ok(Node::Conditional(Conditional {
            sets_dot: keyword == Keyword::With,
            arms,
            otherwise,
        }))
    }

    pub(super) fn range(&mut self, at: Position) -> Result<Node, ParseError> {
        let declared = self.body.variables.len();
        let over = self.pipeline("range", Kind::RightDelimiter)?;
        self.body.open_ranges += 1;
        let (body, ending) = self.nested(at, Self::nodes)?;
        self.body.open_ranges -= 1;
        let otherwise = match ending {
            Ending::End => Vec::new(),
            Ending::Else(at) => self.last_branch(at)?,
        };
        self.body.variables.truncate(declared);
        Ok(Node::Range(Range {
            over,
            body,
            otherwise,
        }))
    }

    fn last_branch(&mut self, at: Position) -> Result<Nodes, ParseError> {
        match self.nested(at, Self::nodes)? {
            (nodes, Ending::End) => Ok(nodes),
            (_, Ending::Else(at)) => Err(syntax(at, "a second {{ else }} in one block")),
        }
    }

    pub(super) fn invocation(&mut self, at: Position) -> Result<Node, ParseError> {
        let (name, _) = self.template_name("template")?;
        let start = self.cursor;
        let next = self.next_operand()?;
        let argument = if next.is_some_and(|token| token.kind == Kind::RightDelimiter) {
            None
        } else {
            self.cursor = start;
            Some(self.pipeline("template", Kind::RightDelimiter)?)
        };
        Ok(Node::Template { at, name, argument })
    }

    pub(super) fn block(&mut self, at: Position) -> Result<Node, ParseError> {
        let (name, _) = self.template_name("block")?;
        let argument = self.pipeline("block", Kind::RightDelimiter)?;
        self.template_body(name.clone(), at)?;
        Ok(Node::Template {
            at,
            name,
            argument: Some(argument),
        })
    }
}
