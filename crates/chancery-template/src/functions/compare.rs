//! Equality and order: only between values of one kind, never by conversion.

use std::cmp::Ordering;

use super::CallError;
use crate::ast::Function;
use crate::value::Value;

/// Go's `eq`: whether the first equals one of the rest, which are looked at in order.
pub(super) fn equals_any(first: &Value<'_>, rest: &[Value<'_>]) -> Result<bool, CallError> {
    if rest.is_empty() {
        return CallError::refuse("is given nothing to compare with");
    }
    for other in rest {
        if equals(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Go's `ne`, `lt`, `le`, `gt` and `ge`.
pub(super) fn compare(
    function: Function,
    first: &Value<'_>,
    second: &Value<'_>,
) -> Result<bool, CallError> {
    if function == Function::Ne {
        return Ok(!equals(first, second)?);
    }
    let ordering = order(first, second)?;
    Ok(match function {
        Function::Lt => ordering == Ordering::Less,
        Function::Le => ordering != Ordering::Greater,
        Function::Gt => ordering == Ordering::Greater,
        _ => ordering != Ordering::Less,
    })
}

fn equals(first: &Value<'_>, second: &Value<'_>) -> Result<bool, CallError> {
    if let (Some(a), Some(b)) = (first.as_integer(), second.as_integer()) {
        return Ok(a == b);
    }
    match (first, second) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (Value::Text(a), Value::Text(b)) => Ok(**a == **b),
        _ => incompatible(first, second),
    }
}

fn order(first: &Value<'_>, second: &Value<'_>) -> Result<Ordering, CallError> {
    if let (Some(a), Some(b)) = (first.as_integer(), second.as_integer()) {
        return Ok(a.cmp(&b));
    }
    match (first, second) {
        // No constant is NaN.
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b).unwrap_or(Ordering::Equal)),
        (Value::Text(a), Value::Text(b)) => Ok(a.cmp(b)),
        _ => incompatible(first, second),
    }
}

fn incompatible<T>(first: &Value<'_>, second: &Value<'_>) -> Result<T, CallError> {
    CallError::refuse(format!(
        "{} and {} cannot be compared; nothing is converted",
        first.described(),
        second.described()
    ))
}
