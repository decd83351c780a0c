//! What makes a request one of gRPC, and what it may take.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use crate::error::ApiError;
use crate::request_body::{RequestLimits, read_whole};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Tells whether the request is one of gRPC with protobuf, whatever its path.
pub(crate) fn is_grpc(request: &Request) -> bool {
    let media = request.headers().get(header::CONTENT_TYPE);
    let media = media.map_or(&b""[..], |media| media.as_bytes());
    let media = media.split(|&byte| byte == b';').next().unwrap_or_default();
    let ours: [&[u8]; 2] = [b"application/grpc", b"application/grpc+proto"];
    request.method() == Method::POST
        && ours
            .iter()
            .any(|name| media.trim_ascii().eq_ignore_ascii_case(name))
}

/// Returns the service and the method of a route, if it is one of gRPC's:
/// `/<package>.<Service>/<Method>`.
pub(crate) fn method(route: &str) -> Option<(&str, &str)> {
    let (service, method) = route.strip_prefix('/')?.split_once('/')?;
    let plain = !method.is_empty() && !method.contains(['/', '{']);
    (service.contains('.') && plain).then_some((service, method))
}

/// Returns the time that the client gives the request.
///
/// # Errors
///
/// Refuses a `grpc-timeout` that is none.
pub(crate) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, ApiError> {
    let Some(value) = headers.get(&GRPC_TIMEOUT) else {
        return Ok(None);
    };
    let timeout = value.to_str().ok().and_then(parse_timeout);
    timeout.map(Some).ok_or_else(|| {
        let reason = "grpc-timeout is one to eight digits and one of H, M, S, m, u, n";
        ApiError::malformed("The request's metadata could not be read", reason)
    })
}

/// Reads `TimeoutValue TimeoutUnit` of gRPC over HTTP/2.
fn parse_timeout(text: &str) -> Option<Duration> {
    const LONGEST: usize = 8;
    let (value, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if value.is_empty() || value.len() > LONGEST || !value.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = value.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value.checked_mul(3600)?)),
        "M" => Some(Duration::from_secs(value.checked_mul(60)?)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

/// Reads the request's messages whole, within the limits that all request bodies have, before
/// anything looks at them.
///
/// What is not gRPC is answered 415, as gRPC over HTTP/2 has it.
pub(super) async fn whole(
    State(limits): State<RequestLimits>,
    request: Request,
    next: Next,
) -> Response {
    if !is_grpc(&request) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let (head, body) = request.into_parts();
    match read_whole(body, limits).await {
        Ok(body) => next.run(Request::from_parts(head, Body::from(body))).await,
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_told_from_documents() {
        assert_eq!(
            method("/dev.sigstore.fulcio.v2.CA/GetTrustBundle"),
            Some(("dev.sigstore.fulcio.v2.CA", "GetTrustBundle"))
        );
        for route in [
            "/",
            "/trusted_root.json",
            "/api/v2/signingCert",
            "/ct/{log}/tile/{*tile}",
            "/a.B/",
            "/a.B/C/D",
        ] {
            assert_eq!(method(route), None, "{route}");
        }
    }

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        for (text, millis) in [
            ("1H", 3_600_000),
            ("2M", 120_000),
            ("3S", 3_000),
            ("00000004m", 4),
            ("5000u", 5),
            ("6000000n", 6),
            ("99999999H", 359_999_996_400_000),
        ] {
            let expected = Duration::from_millis(millis);
            assert_eq!(parse_timeout(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "S",
            "1",
            "1s",
            "-1S",
            "+1S",
            "123456789S",
            "1.5S",
            "1 S",
            "1ü",
        ] {
            assert_eq!(parse_timeout(text), None, "{text}");
        }
    }

    #[test]
    fn grpc_with_protobuf_is_told_from_its_relatives() {
        let is_grpc = |method: Method, media: &str| {
            let request = Request::builder().method(method).uri("/");
            let request = request.header(header::CONTENT_TYPE, media);
            is_grpc(&request.body(Body::empty()).unwrap())
        };
        for media in [
            "application/grpc",
            "application/grpc+proto",
            "Application/gRPC; charset=utf-8",
        ] {
            assert!(is_grpc(Method::POST, media), "{media}");
            assert!(!is_grpc(Method::GET, media), "{media}");
        }
        for media in [
            "application/json",
            "application/grpc-web",
            "application/grpc+json",
            "application/grpcx",
            "",
        ] {
            assert!(!is_grpc(Method::POST, media), "{media}");
        }
    }
}
