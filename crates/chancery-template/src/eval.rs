//! Walks a template and writes its text.

mod pipeline;
mod range;

use std::collections::BTreeMap;

use crate::ast::{Conditional, Node, Pipeline};
use crate::error::{Position, RenderError};
use crate::format::Formatter;
use crate::parse::Parsed;
use crate::text::BoundedText;
use crate::value::Value;
use crate::{MAX_OUTPUT, MAX_RENDER_DEPTH, MAX_STEPS};

pub(crate) fn render(
    template: &Parsed,
    claims: &BTreeMap<String, String>,
) -> Result<String, RenderError> {
    let mut renderer = Renderer {
        template,
        output: BoundedText::new(MAX_OUTPUT),
        steps: 0,
        depth: 0,
        at: Position { line: 1, column: 1 },
    };
    let nodes = template.templates.get(&b""[..]);
    renderer.nodes(
        nodes.map_or(&[], Vec::as_slice),
        &mut Scope::new(Value::Map(claims)),
    )?;
    let exceeded = renderer.too_much("makes more than 64 KiB of text");
    let bytes = renderer.output.into_bytes().ok_or(exceeded)?;
    String::from_utf8(bytes).map_err(|_| RenderError::NotUtf8)
}

struct Renderer<'a> {
    template: &'a Parsed,
    output: BoundedText,
    /// The work done, in the units of [`MAX_STEPS`].
    steps: usize,
    /// How many lists of nodes, pipelines and templates are being evaluated.
    depth: usize,
    /// The last place that was reached.
    at: Position,
}

/// What names mean at one place.
struct Scope<'a> {
    dot: Value<'a>,
    /// The last of those with one name counts.
    variables: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Scope<'a> {
    /// Begins a template: it sees no variable of the one that invokes it.
    fn new(dot: Value<'a>) -> Self {
        Self {
            variables: vec![("$", dot.clone())],
            dot,
        }
    }
}

/// How a list of nodes ends.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl<'a> Renderer<'a> {
    fn nodes(&mut self, nodes: &'a [Node], scope: &mut Scope<'a>) -> Result<Flow, RenderError> {
        self.deeper(|renderer| {
            for node in nodes {
                let flow = renderer.node(node, scope)?;
                if flow != Flow::Next {
                    return Ok(flow);
                }
            }
            Ok(Flow::Next)
        })
    }

    fn node(&mut self, node: &'a Node, scope: &mut Scope<'a>) -> Result<Flow, RenderError> {
        self.step(1)?;
        match node {
            Node::Text(text) => self.output.push(text.as_bytes()),
            Node::Action(pipeline) => {
                let value = self.pipeline(pipeline, scope)?;
                if pipeline.variables.is_empty() {
                    self.write(&value);
                }
            }
            Node::Conditional(conditional) => return self.conditional(conditional, scope),
            Node::Range(range) => return self.range(range, scope),
            Node::Template { at, name, argument } => {
                self.invoke(*at, name, argument.as_ref(), scope)?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        if self.output.overflowed() {
            return Err(self.too_much("makes more than 64 KiB of text"));
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, value: &Value<'a>) {
        match value {
            Value::Nil => self.output.push(b"<no value>"),
            Value::Text(text) => self.output.push(text),
            _ => Formatter::new(&mut self.output).value(value, 'v'),
        }
    }

    fn conditional(
        &mut self,
        conditional: &'a Conditional,
        scope: &mut Scope<'a>,
    ) -> Result<Flow, RenderError> {
        let declared = scope.variables.len();
        let mut chosen = None;
        for (pipeline, nodes) in &conditional.arms {
            let value = self.pipeline(pipeline, scope)?;
            if value.is_true() {
                chosen = Some((value, nodes));
                break;
            }
        }
        let flow = match chosen {
            Some((value, nodes)) if conditional.sets_dot => {
                let outer = std::mem::replace(&mut scope.dot, value);
                let flow = self.nodes(nodes, scope)?;
                scope.dot = outer;
                flow
            }
            Some((_, nodes)) => self.nodes(nodes, scope)?,
            None => self.nodes(&conditional.otherwise, scope)?,
        };
        scope.variables.truncate(declared);
        Ok(flow)
    }

    fn invoke(
        &mut self,
        at: Position,
        name: &'a [u8],
        argument: Option<&'a Pipeline>,
        scope: &mut Scope<'a>,
    ) -> Result<(), RenderError> {
        let Some(nodes) = self.template.templates.get(name) else {
            let name = String::from_utf8_lossy(name).into_owned();
            return Err(RenderError::UndefinedTemplate { at, name });
        };
        let dot = match argument {
            Some(pipeline) => self.pipeline(pipeline, scope)?,
            None => Value::Nil,
        };
        self.nodes(nodes, &mut Scope::new(dot))?;
        Ok(())
    }

    /// Evaluates something inside something else, as long as that is not too deep.
    fn deeper<T>(
        &mut self,
        evaluate: impl FnOnce(&mut Self) -> Result<T, RenderError>,
    ) -> Result<T, RenderError> {
        if self.depth == MAX_RENDER_DEPTH {
            return Err(self.too_much("goes deeper than 128 levels"));
        }
        self.depth += 1;
        let result = evaluate(self);
        self.depth -= 1;
        result
    }

    /// Pays for work.
    fn step(&mut self, steps: usize) -> Result<(), RenderError> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS {
            return Err(self.too_much("takes more than 100,000 steps"));
        }
        Ok(())
    }

    fn too_much(&self, exceeds: &'static str) -> RenderError {
        RenderError::TooMuch {
            at: self.at,
            exceeds,
        }
    }
}
