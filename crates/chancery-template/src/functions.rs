//! The functions of Go's templates, but for when `and` and `or` stop.
//!
//! <https://pkg.go.dev/text/template#hdr-Functions>

mod compare;
mod escape;

use crate::MAX_OUTPUT;
use crate::ast::Function;
use crate::format::Formatter;
use crate::printf::sprintf;
use crate::text::{BoundedText, Text};
use crate::value::Value;

/// Why a call gives no value.
#[derive(Debug)]
pub(crate) enum CallError {
    /// What is wrong with the arguments.
    Arguments(String),
    /// The result would pass the limit for one string.
    TooLong,
    /// What this crate does not do.
    Unsupported(String),
}

impl CallError {
    fn refuse<T>(problem: impl Into<String>) -> Result<T, Self> {
        Err(Self::Arguments(problem.into()))
    }
}

/// Calls a function with as many arguments as it takes.
pub(crate) fn call<'a>(
    function: Function,
    mut arguments: Vec<Value<'a>>,
) -> Result<Value<'a>, CallError> {
    match function {
        Function::Print => return print(&arguments, false),
        Function::Println => return print(&arguments, true),
        Function::Html => return escape::escape(arguments, escape::html),
        Function::Js => return escape::escape(arguments, escape::js),
        Function::Urlquery => return escape::escape(arguments, escape::urlquery),
        // All but the last are known not to decide.
        Function::And | Function::Or => return Ok(arguments.pop().unwrap_or(Value::Nil)),
        _ => {}
    }
    let Some((first, rest)) = arguments.split_first() else {
        return CallError::refuse("is given no argument");
    };
    match function {
        Function::Eq => compare::equals_any(first, rest).map(Value::Bool),
        Function::Ne | Function::Lt | Function::Le | Function::Gt | Function::Ge => match rest {
            [second] => compare::compare(function, first, second).map(Value::Bool),
            _ => CallError::refuse("wants two arguments"),
        },
        Function::Index => index(first, rest),
        Function::Slice => slice(first, rest),
        Function::Len => len(first),
        Function::Not => Ok(Value::Bool(!first.is_true())),
        Function::Printf => match first {
            Value::Text(format) => sprintf(format, rest).and_then(text),
            _ => CallError::refuse(format!(
                "the format is {} and not a string",
                first.described()
            )),
        },
        _ => CallError::refuse(format!("{} is no function", first.described())),
    }
}

fn text<'a>(result: BoundedText) -> Result<Value<'a>, CallError> {
    match result.into_bytes() {
        Some(bytes) => Ok(Value::Text(bytes.into())),
        None => Err(CallError::TooLong),
    }
}

fn print<'a>(arguments: &[Value<'a>], line: bool) -> Result<Value<'a>, CallError> {
    let mut out = BoundedText::new(MAX_OUTPUT);
    push_all(arguments, line, &mut out);
    if line {
        out.push(b"\n");
    }
    text(out)
}

/// Writes values with a space between two when neither is a string, or between all.
fn push_all(values: &[Value<'_>], spaced: bool, out: &mut BoundedText) {
    let mut after_text = true;
    for (index, value) in values.iter().enumerate() {
        let is_text = matches!(value, Value::Text(_));
        if (spaced && index > 0) || !(is_text || after_text) {
            out.push(b" ");
        }
        Formatter::new(out).value(value, 'v');
        after_text = is_text;
    }
}

fn len<'a>(value: &Value<'_>) -> Result<Value<'a>, CallError> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::Map(map) => map.len(),
        _ => return CallError::refuse(format!("{} has no length", value.described())),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index<'a>(value: &Value<'a>, indexes: &[Value<'a>]) -> Result<Value<'a>, CallError> {
    if matches!(value, Value::Nil) {
        return CallError::refuse("nil has no elements");
    }
    let mut value = value.clone();
    for index in indexes {
        value = match (&value, index) {
            (Value::Map(map), Value::Text(key)) => {
                // A key that is not UTF-8 is in no token.
                let found = str::from_utf8(key).ok().and_then(|key| map.get(key));
                Value::borrowed(found.map_or("", String::as_str))
            }
            (Value::Map(_), _) => {
                return CallError::refuse(format!(
                    "the name of a claim is a string, not {}",
                    index.described()
                ));
            }
            (Value::Text(text), _) => {
                let position = position(index, text.len())?;
                let Some(byte) = text.get(position) else {
                    return CallError::refuse(past_the_end(text.len()));
                };
                Value::Byte(*byte)
            }
            _ => {
                return CallError::refuse(format!("{} has no elements", value.described()));
            }
        };
    }
    Ok(value)
}

fn slice<'a>(value: &Value<'a>, bounds: &[Value<'a>]) -> Result<Value<'a>, CallError> {
    let Value::Text(text) = value else {
        return CallError::refuse(format!("{} cannot be cut", value.described()));
    };
    let (start, end) = match bounds {
        [] => (0, text.len()),
        [start] => (position(start, text.len())?, text.len()),
        [start, end] => (position(start, text.len())?, position(end, text.len())?),
        _ => return CallError::refuse("a string is cut at two places at most"),
    };
    if start > end {
        return CallError::refuse("the end is before the start");
    }
    let piece = match text {
        Text::Borrowed(bytes) => bytes.get(start..end).map(Text::Borrowed),
        Text::Made(bytes) => bytes.get(start..end).map(|piece| piece.to_vec().into()),
    };
    match piece {
        Some(piece) => Ok(Value::Text(piece)),
        None => CallError::refuse(past_the_end(text.len())),
    }
}

/// Reads a position from the start up to and with the end.
fn position(index: &Value<'_>, length: usize) -> Result<usize, CallError> {
    let Some(position) = index.as_integer() else {
        return CallError::refuse(format!(
            "a position is an integer, not {}",
            index.described()
        ));
    };
    match usize::try_from(position) {
        Ok(position) if position <= length => Ok(position),
        _ => CallError::refuse(past_the_end(length)),
    }
}

fn past_the_end(length: usize) -> String {
    format!("the position is not in the string, which has {length} bytes")
}
