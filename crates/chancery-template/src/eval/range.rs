//! Goes over integers and claims.

use super::{Flow, Renderer, Scope};
use crate::ast::Range;
use crate::error::RenderError;
use crate::value::Value;

impl<'a> Renderer<'a> {
    pub(super) fn range(
        &mut self,
        range: &'a Range,
        scope: &mut Scope<'a>,
    ) -> Result<Flow, RenderError> {
        let declared = scope.variables.len();
        let over = self.pipeline(&range.over, scope)?;
        let at = range.over.at;
        let mut empty = true;
        match &over {
            Value::Int(_) | Value::Byte(_) if range.over.variables.len() > 1 => {
                let problem = "range over an integer sets one variable, not two".to_owned();
                return Err(RenderError::Type { at, problem });
            }
            Value::Int(end) => {
                for index in 0..*end {
                    empty = false;
                    if !self.iteration(range, scope, Value::Nil, Value::Int(index))? {
                        break;
                    }
                }
            }
            Value::Byte(end) => {
                for index in 0..*end {
                    empty = false;
                    if !self.iteration(range, scope, Value::Nil, Value::Byte(index))? {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for (key, value) in *map {
                    empty = false;
                    let (key, value) = (Value::borrowed(key), Value::borrowed(value));
                    if !self.iteration(range, scope, key, value)? {
                        break;
                    }
                }
            }
            Value::Nil => {}
            Value::Bool(_) | Value::Float(_) | Value::Text(_) => {
                let problem = format!("range cannot go over {}", over.described());
                return Err(RenderError::Type { at, problem });
            }
        }
        // In the branch for nothing, Go lets a break end this range and a continue the one around.
        let flow = match empty {
            true => self.nodes(&range.otherwise, scope)?,
            false => Flow::Next,
        };
        let flow = if flow == Flow::Break {
            Flow::Next
        } else {
            flow
        };
        scope.variables.truncate(declared);
        Ok(flow)
    }

    /// Goes once through the body of a range; tells whether to go on.
    fn iteration(
        &mut self,
        range: &'a Range,
        scope: &mut Scope<'a>,
        index: Value<'a>,
        element: Value<'a>,
    ) -> Result<bool, RenderError> {
        self.step(1)?;
        let declared = scope.variables.len();
        let over = &range.over;
        match over.variables.as_slice() {
            [] => {}
            [name] if over.assigns => self.assign(over.at, name, element.clone(), scope)?,
            [first, second, ..] if over.assigns => {
                self.assign(over.at, first, index, scope)?;
                self.assign(over.at, second, element.clone(), scope)?;
            }
            names => {
                // The pipeline has declared them last, with its own value.
                let values = [index, element.clone()];
                let values = values.into_iter().rev().take(names.len());
                for ((_, slot), value) in scope.variables.iter_mut().rev().zip(values) {
                    *slot = value;
                }
            }
        }
        let outer = std::mem::replace(&mut scope.dot, element);
        let flow = self.nodes(&range.body, scope)?;
        scope.dot = outer;
        scope.variables.truncate(declared);
        Ok(flow != Flow::Break)
    }
}
