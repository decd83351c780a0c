//! Whom a session asks, how often, and when it does not ask.

mod certificates;
mod instance;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_trust::documents::TrustedRoot;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

/// Answers one connection after the other with these, and then hangs up on everybody. Returns how
/// many were asked for.
async fn answers(answers: Vec<(u16, String)>) -> (String, JoinHandle<Vec<String>>) {
    let answers = answers.into_iter();
    let answers = answers.map(|(status, body)| (status, "location: /elsewhere", body));
    answers_with_headers(answers.collect()).await
}

/// As [`answers`], each with a header of its own.
async fn answers_with_headers(
    answers: Vec<(u16, &'static str, String)>,
) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let mut asked = Vec::new();
        for (status, header, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let length = head.split("content-length: ").nth(1).unwrap();
            let length = length.split("\r\n").next().unwrap().parse().unwrap();
            // Whoever hangs up with something unread takes the answer back.
            stream.read_exact(&mut vec![0; length]).await.unwrap();
            asked.push(head);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\n{header}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            // Whoever has read enough hangs up.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        asked
    });
    (url, served)
}

fn session(authority: &str, expires: u64) -> SigningSession {
    begin(authority, expires, r#""sigstore""#, "sigstore").unwrap()
}

fn begin(
    authority: &str,
    expires: u64,
    aud: &str,
    wanted: &str,
) -> Result<SigningSession, SignError> {
    let claims = format!(r#"{{"iss":"i","sub":"s","aud":{aud},"exp":{expires}}}"#);
    let token = format!("e30.{}.c2VjcmV0", URL_SAFE_NO_PAD.encode(claims));
    let services = SigningServices {
        authority: authority.to_owned(),
        ledgers: Vec::new(),
        timestamps: Vec::new(),
        login: None,
    };
    let media_type = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
    let trusted = TrustedRoot::parse(format!(r#"{{"mediaType":"{media_type}"}}"#).as_bytes());
    let token = IdentityToken::parse(&token).unwrap();
    SigningSession::begin(services, trusted.unwrap(), token, wanted)
}

const LONG_FROM_NOW: u64 = 9_000_000_000;

async fn refusal(session: &SigningSession) -> SignError {
    session.sign(ArtifactDigest::of(b"a")).await.unwrap_err()
}

#[tokio::test]
async fn a_token_that_ended_is_not_sent() {
    let error = refusal(&session("http://127.0.0.1:1", 1)).await;
    assert!(matches!(error, SignError::TokenExpired { .. }), "{error}");
    assert!(
        error.to_string().contains("1970-01-01T00:00:01Z"),
        "{error}"
    );
}

#[test]
fn a_token_that_counts_elsewhere_is_not_sent() {
    let here = "http://127.0.0.1:1";
    for (aud, wanted, named) in [
        (r#""vault""#, "sigstore", r#""vault""#),
        (
            r#"["sigstore","vault"]"#,
            "sigstore",
            r#""sigstore", "vault""#,
        ),
        ("[]", "sigstore", "no audience"),
        (r#""sigstore""#, "our-ca", r#""sigstore""#),
    ] {
        let error = begin(here, LONG_FROM_NOW, aud, wanted).unwrap_err();
        assert!(matches!(error, SignError::Audience { .. }), "{error}");
        let said = error.to_string();
        assert!(
            said.contains(named) && said.contains(&format!("{wanted:?}")),
            "{said}"
        );
    }
    assert!(begin(here, LONG_FROM_NOW, r#""our-ca""#, "our-ca").is_ok());
}

#[tokio::test]
async fn a_token_is_not_sent_where_others_could_read_it() {
    let error = refusal(&session("http://ca.example.org", LONG_FROM_NOW)).await;
    assert!(matches!(error, SignError::Insecure { .. }), "{error}");
}

#[tokio::test]
async fn a_service_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let busy = || (503, "later".to_owned());
    let no = || {
        (
            403,
            r#"{"code":7,"message":"not you","details":[]}"#.to_owned(),
        )
    };
    let (url, served) = answers(vec![busy(), no()]).await;
    let error = refusal(&session(&url, LONG_FROM_NOW)).await;
    let said = error.to_string();
    assert!(
        matches!(error, SignError::Refused { status: 403, .. }),
        "{said}"
    );
    assert!(
        said.contains("not you") && said.contains("audience"),
        "{said}"
    );
    let asked = served.await.unwrap();
    assert_eq!(asked.len(), 2);
    for request in asked {
        assert!(
            request.starts_with("POST /api/v2/signingCert HTTP"),
            "{request}"
        );
        assert!(request.contains("authorization: Bearer e30."), "{request}");
    }
}

#[tokio::test]
async fn an_authority_that_may_have_taken_the_token_is_not_asked_again() {
    let (url, served) = answers(vec![(500, "it broke".to_owned())]).await;
    let error = refusal(&session(&url, LONG_FROM_NOW)).await;
    assert!(
        matches!(error, SignError::Refused { status: 500, .. }),
        "{error}"
    );
    assert_eq!(served.await.unwrap().len(), 1);

    // It was taken, as the second answer says: the first says why there is no certificate.
    let busy = (503, "the log is away".to_owned());
    let used = (401, "the token was used before [token-used]".to_owned());
    let (url, served) = answers(vec![busy, used]).await;
    let error = refusal(&session(&url, LONG_FROM_NOW)).await;
    assert!(error.to_string().contains("the log is away"), "{error}");
    assert_eq!(served.await.unwrap().len(), 2);
}

/// Returns for how long a service was left alone in all, in whole seconds.
async fn waited_for(answers: Vec<(u16, &'static str)>) -> u64 {
    let answers = answers.into_iter();
    let answers = answers.map(|(status, header)| (status, header, String::new()));
    let (url, served) = answers_with_headers(answers.collect()).await;
    let session = session(&url, LONG_FROM_NOW);
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    refusal(&session).await;
    let waited = begun.elapsed();
    tokio::time::resume();
    served.await.unwrap();
    waited.as_secs()
}

#[tokio::test]
async fn a_busy_service_is_left_alone_for_as_long_as_it_says_and_not_for_ever() {
    let no = (403, "x: y");
    assert_eq!(waited_for(vec![(503, "retry-after: 7"), no]).await, 7);
    assert_eq!(waited_for(vec![(429, "Retry-After: 3600"), no]).await, 30);
    // A date is not understood.
    for (status, header) in [
        (503, "retry-after: Fri, 31 Dec 1999 23:59:59 GMT"),
        (503, "retry-after: -1"),
        (503, "x: y"),
    ] {
        assert_eq!(waited_for(vec![(status, header), no]).await, 0);
    }
    let busy = (429, "retry-after: 20");
    assert_eq!(waited_for(vec![busy, busy, busy]).await, 40);
}

#[tokio::test]
async fn what_the_authority_refused_is_told_to_all_and_the_token_sent_once() {
    let no = || (401, "not you".to_owned());
    let (url, served) = answers(vec![no(), no()]).await;
    let session = session(&url, LONG_FROM_NOW);
    let artifacts = (0..1000u32).map(|number| ArtifactDigest::of(&number.to_be_bytes()));
    let refused: Vec<_> = session.sign_all(artifacts, 32).collect().await;
    assert_eq!(refused.len(), 1000);
    for (_, signed) in refused {
        let error = signed.unwrap_err();
        assert!(
            matches!(&error, SignError::Refused { status: 401, said, .. } if said == "not you"),
            "{error}"
        );
    }
    // The second answer is still to be had.
    assert!(!served.is_finished());
    served.abort();
}

#[tokio::test]
async fn a_token_does_not_follow_a_redirection() {
    let (url, served) = answers(vec![(307, String::new())]).await;
    let error = refusal(&session(&url, LONG_FROM_NOW)).await;
    assert!(
        matches!(error, SignError::Refused { status: 307, .. }),
        "{error}"
    );
    assert_eq!(served.await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_huge_or_no_certificate_is_refused() {
    for (body, said) in [
        ("x".repeat(2 << 20), "more than"),
        ("{}".to_owned(), "receipt"),
        ("[".to_owned(), "no certificate chain"),
    ] {
        let (url, _served) = answers(vec![(200, body)]).await;
        let error = refusal(&session(&url, LONG_FROM_NOW)).await;
        assert!(matches!(error, SignError::Untrusted { .. }), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}
