//! Canonical JSON, as TUF signs it (OLPC): members sorted, no spaces, integers only, and nothing
//! escaped in texts but `"` and `\`.

use serde_json::Value;

/// There is no canonical form: a number is no integer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a number in it is no integer")]
pub struct NotCanonical;

/// Returns the bytes that are signed for a value.
///
/// # Errors
/// [`NotCanonical`] for a fraction, or an integer beyond 64 bits.
pub fn canonical(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut bytes = Vec::new();
    write(value, &mut bytes)?;
    Ok(bytes)
}

/// The depth is bounded by whoever parsed the value: `serde_json` refuses more than 128 levels.
fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(true) => out.extend(b"true"),
        Value::Bool(false) => out.extend(b"false"),
        Value::Number(number) => {
            if !number.is_i64() && !number.is_u64() {
                return Err(NotCanonical);
            }
            out.extend(number.to_string().bytes());
        }
        Value::String(text) => write_text(text, out),
        Value::Array(values) => {
            out.push(b'[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(value, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (i, (name, value)) in members.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_text(name, out);
                out.push(b':');
                write(value, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' || byte == b'\\' {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_sorted_and_only_two_characters_are_escaped() {
        let value = json!({"b": [1, -2, true, null], "a": "q\"b\\n\n\té", "A": {}});
        assert_eq!(
            String::from_utf8(canonical(&value).unwrap()).unwrap(),
            "{\"A\":{},\"a\":\"q\\\"b\\\\n\n\té\",\"b\":[1,-2,true,null]}"
        );
    }

    #[test]
    fn fractions_have_no_canonical_form() {
        assert_eq!(canonical(&json!([1.5])), Err(NotCanonical));
    }
}
