//! A name for every request, to find it again in logs.

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::Instrument as _;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken over from a client, as with Fulcio.
const LONGEST: usize = 128;

/// Runs the request in a span with its id, and answers the id as `x-request-id`.
///
/// A client's or proxy's own id is taken over if it looks like one.
pub(crate) async fn assign<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let id = request
        .headers()
        .get(&X_REQUEST_ID)
        .filter(|id| is_plain(id))
        .cloned();
    let id = id.unwrap_or_else(random);
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
    let mut response = next(request).instrument(span).await;
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// Letters, digits and what UUIDs and trace ids are made of: nothing that a log could misread.
fn is_plain(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    let plain = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b':');
    (1..=LONGEST).contains(&id.len()) && id.iter().all(plain)
}

fn random() -> HeaderValue {
    let id = hex::encode(rand::random::<[u8; 8]>());
    HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_ids_are_taken_over() {
        let is_plain = |id: &str| is_plain(&HeaderValue::from_str(id).unwrap());
        assert!(is_plain("018f3c1e-7b7a-7cc2-9d3e-0a1b2c3d4e5f"));
        for id in ["", "a b", "a=b", "\"quoted\"", &"a".repeat(129)] {
            assert!(!is_plain(id), "{id}");
        }
    }
}
