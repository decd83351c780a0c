//! JSON request bodies, read as the gRPC gateway reads them.

use serde::de::DeserializeOwned;

use super::json_object::JsonObject;
use crate::error::ApiError;

/// Parses the first JSON value of a body. No value at all is an empty message, and what stands
/// behind the first one is not read: both as with the gRPC gateway.
///
/// # Errors
///
/// Refuses what is no JSON object, a member twice, a value of the wrong type and text that is not
/// UTF-8.
pub(super) fn parse<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, ApiError> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<JsonObject<T>>();
    let Some(first) = values.next() else {
        return Ok(T::default());
    };
    let JsonObject(message) = first.map_err(|error| malformed(&describe(&error)))?;
    // The JSON parser does not look at the text of members that it skips.
    let read = body.get(..values.byte_offset()).unwrap_or(body);
    std::str::from_utf8(read)
        .map_err(|error| malformed(&format!("no UTF-8 from byte {} on", error.valid_up_to())))?;
    Ok(message)
}

/// Refuses a body that cannot be read.
pub(super) fn malformed(reason: &str) -> ApiError {
    ApiError::malformed("The request body could not be parsed", reason)
}

/// Says what is wrong and where, without the parser's quotes of what was sent: a token, perhaps.
fn describe(error: &serde_json::Error) -> String {
    let said = error.to_string();
    if error.is_data() && !said.starts_with("duplicate field") {
        let (line, column) = (error.line(), error.column());
        return format!("a value of the wrong type at line {line} column {column}");
    }
    said
}
