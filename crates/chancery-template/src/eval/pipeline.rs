//! Computes the values of pipelines.

use super::{Renderer, Scope};
use crate::ast::{Command, Function, Operand, Pipeline, Term};
use crate::error::{Position, RenderError};
use crate::functions::{self, CallError};
use crate::number::Number;
use crate::text::Text;
use crate::value::Value;

/// How many bytes a function may read or write for one step.
const BYTES_PER_STEP: usize = 64;

/// How many variables may be passed over for one step.
const VARIABLES_PER_STEP: usize = 8;

impl<'a> Renderer<'a> {
    pub(super) fn pipeline(
        &mut self,
        pipeline: &'a Pipeline,
        scope: &mut Scope<'a>,
    ) -> Result<Value<'a>, RenderError> {
        self.at = pipeline.at;
        let value = self.deeper(|renderer| {
            let mut last = None;
            for command in &pipeline.commands {
                renderer.step(1)?;
                last = Some(renderer.command(command, last, scope)?);
            }
            Ok(last.unwrap_or(Value::Nil))
        })?;
        for name in &pipeline.variables {
            if pipeline.assigns {
                self.assign(pipeline.at, name, value.clone(), scope)?;
            } else {
                scope.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    pub(super) fn assign(
        &mut self,
        at: Position,
        name: &str,
        value: Value<'a>,
        scope: &mut Scope<'a>,
    ) -> Result<(), RenderError> {
        let index = self.find_variable(at, name, scope)?;
        if let Some((_, slot)) = scope.variables.get_mut(index) {
            *slot = value;
        }
        Ok(())
    }

    fn find_variable(
        &mut self,
        at: Position,
        name: &str,
        scope: &Scope<'a>,
    ) -> Result<usize, RenderError> {
        let found = scope
            .variables
            .iter()
            .rposition(|(known, _)| *known == name);
        let passed = scope.variables.len() - found.unwrap_or(0);
        self.step(passed / VARIABLES_PER_STEP)?;
        found.ok_or_else(|| RenderError::UndefinedVariable {
            at,
            name: name.to_owned(),
        })
    }

    /// Computes one command; `last` is the value of the command before it in the pipeline.
    fn command(
        &mut self,
        command: &'a Command,
        last: Option<Value<'a>>,
        scope: &mut Scope<'a>,
    ) -> Result<Value<'a>, RenderError> {
        let Operand { at, term } = &command.head;
        if let Term::Function(function) = term {
            return self.call(*at, *function, &command.arguments, last, scope);
        }
        let called = !command.arguments.is_empty() || last.is_some();
        if matches!(term, Term::Nil) {
            let problem = "nil alone is no value".to_owned();
            return Err(RenderError::Type { at: *at, problem });
        }
        let value = self.operand(&command.head, scope)?;
        if called {
            let problem = "this is no function and takes no argument".to_owned();
            return Err(RenderError::Type { at: *at, problem });
        }
        Ok(value)
    }

    fn operand(
        &mut self,
        operand: &'a Operand,
        scope: &mut Scope<'a>,
    ) -> Result<Value<'a>, RenderError> {
        let Operand { at, term } = operand;
        self.at = *at;
        match term {
            Term::Bool(value) => Ok(Value::Bool(*value)),
            Term::Dot => Ok(scope.dot.clone()),
            Term::Nil => Ok(Value::Nil),
            Term::Number(Number::Int(value)) => Ok(Value::Int(*value)),
            Term::Number(Number::Float(value)) => Ok(Value::Float(*value)),
            Term::Number(Number::TooLargeForInt) => Err(RenderError::Type {
                at: *at,
                problem: "the integer does not fit 64 bits with a sign".to_owned(),
            }),
            Term::Text(text) => Ok(Value::Text(Text::Borrowed(text))),
            Term::Fields(names) => fields(*at, scope.dot.clone(), names),
            Term::Variable {
                name,
                fields: names,
            } => {
                let index = self.find_variable(*at, name, scope)?;
                let value = scope.variables.get(index).map(|(_, value)| value.clone());
                fields(*at, value.unwrap_or(Value::Nil), names)
            }
            Term::Function(function) => self.call(*at, *function, &[], None, scope),
            Term::Parenthesized(pipeline) => self.pipeline(pipeline, scope),
            Term::Chain {
                base,
                fields: names,
            } => {
                let base = self.operand(base, scope)?;
                fields(*at, base, names)
            }
        }
    }

    fn call(
        &mut self,
        at: Position,
        function: Function,
        arguments: &'a [Operand],
        last: Option<Value<'a>>,
        scope: &mut Scope<'a>,
    ) -> Result<Value<'a>, RenderError> {
        let refused = |problem| RenderError::Function {
            at,
            function: function.name(),
            problem,
        };
        let given = arguments.len() + usize::from(last.is_some());
        let (least, most) = function.arity();
        if given < least || most.is_some_and(|most| given > most) {
            let wanted = if most == Some(least) { "" } else { "at least " };
            let problem = format!("wants {wanted}{least} arguments and is given {given}");
            return Err(refused(problem));
        }
        let mut values = Vec::with_capacity(given);
        for argument in arguments {
            self.step(1)?;
            let value = self.operand(argument, scope)?;
            // Only these two look at an argument before they let the next be evaluated.
            let decided = match function {
                Function::And => !value.is_true(),
                Function::Or => value.is_true(),
                _ => false,
            };
            if decided {
                return Ok(value);
            }
            values.push(value);
        }
        values.extend(last);
        self.at = at;
        self.step(values.iter().map(length).sum::<usize>() / BYTES_PER_STEP)?;
        let value = functions::call(function, values).map_err(|error| match error {
            CallError::Arguments(problem) => refused(problem),
            CallError::TooLong => self.too_much("makes a string longer than 64 KiB"),
            CallError::Unsupported(what) => RenderError::Unsupported { at, what },
        })?;
        self.step(length(&value) / BYTES_PER_STEP)?;
        Ok(value)
    }
}

/// Looks up a name in the claims; what it finds is a string, and has no names in it.
fn fields<'a>(
    at: Position,
    mut value: Value<'a>,
    names: &[String],
) -> Result<Value<'a>, RenderError> {
    for name in names {
        value = match value {
            Value::Map(map) => match map.get(name) {
                Some(text) => Value::borrowed(text),
                None => {
                    let key = name.clone();
                    return Err(RenderError::MissingKey { at, key });
                }
            },
            Value::Nil => {
                let problem = format!(
                    "nil has no field {name:?}; a template that is invoked sees the claims only if \
                     they are passed on, as in {{{{ template \"name\" . }}}}"
                );
                return Err(RenderError::Type { at, problem });
            }
            other => {
                let problem = format!("{} has no field {name:?}", other.described());
                return Err(RenderError::Type { at, problem });
            }
        }
    }
    Ok(value)
}

fn length(value: &Value<'_>) -> usize {
    match value {
        Value::Text(text) => text.len(),
        _ => 0,
    }
}
