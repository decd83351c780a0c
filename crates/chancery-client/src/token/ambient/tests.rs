//! Each source against a server, a program or a file of its kind.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::task::JoinHandle;

use super::*;
use crate::http;

fn token() -> String {
    let claims = URL_SAFE_NO_PAD.encode(r#"{"iss":"i","sub":"ci","aud":"sigstore","exp":1}"#);
    format!("e30.{claims}.c2VjcmV0")
}

/// Answers one request, and returns it.
async fn answer_once(status: &'static str, body: String) -> (String, JoinHandle<String>) {
    let length = body.len();
    http::tests::answer_once(format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
    .await
}

struct Environment(BTreeMap<&'static str, String>);

impl Environment {
    fn of<const N: usize>(variables: [(&'static str, &str); N]) -> Self {
        Self(
            variables
                .map(|(name, value)| (name, value.to_owned()))
                .into(),
        )
    }

    fn get(&self, name: &str) -> Option<OsString> {
        self.0.get(name).map(Into::into)
    }
}

fn nowhere<'a>(variable: &'a dyn Fn(&str) -> Option<OsString>) -> Places<'a> {
    Places {
        variable,
        file: "/nowhere/at/all".into(),
        google_metadata: "http://127.0.0.1:1".to_owned(),
    }
}

fn detect(environment: &Environment) -> Result<Option<AmbientSource>, AmbientError> {
    AmbientSource::detect(&nowhere(&|name| environment.get(name)))
}

#[test]
fn each_place_is_known_by_its_variables() {
    for (variables, expected) in [
        (("SIGSTORE_ID_TOKEN", "x"), AmbientSource::Variable),
        (("BUILDKITE_JOB_ID", "x"), AmbientSource::Buildkite),
        (("CIRCLE_OIDC_TOKEN_V2", "x"), AmbientSource::CircleCi),
        (("GCE_METADATA_HOST", "x"), AmbientSource::Google),
    ] {
        let found = detect(&Environment::of([variables])).unwrap();
        assert_eq!(found, Some(expected));
    }
    assert_eq!(detect(&Environment::of([("HOME", "/")])).unwrap(), None);
    assert_eq!(
        detect(&Environment::of([("SIGSTORE_ID_TOKEN", "")])).unwrap(),
        None
    );
}

#[test]
fn a_job_without_permission_is_told_what_it_lacks() {
    for (variable, said) in [
        ("GITHUB_ACTIONS", "id-token: write"),
        ("GITLAB_CI", "id_tokens"),
    ] {
        let error = detect(&Environment::of([(variable, "true")])).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn github_is_asked_for_the_audience_with_its_secret() {
    let body = format!("{{\"count\":1,\"value\":\"{}\"}}", token());
    let (url, answered) = answer_once("200 OK", body).await;
    let environment = Environment::of([
        ("GITHUB_ACTIONS", "true"),
        (
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            &format!("{url}/token?api-version=2.0"),
        ),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-secret"),
    ]);
    let variable = |name: &str| environment.get(name);
    let places = nowhere(&variable);
    let source = AmbientSource::detect(&places).unwrap().unwrap();
    let token = source.token(&places, "sigstore").await.unwrap();
    assert_eq!(token.proof_subject(), "ci");
    let request = answered.await.unwrap();
    assert!(
        request.starts_with("GET /token?api-version=2.0&audience=sigstore HTTP"),
        "{request}"
    );
    assert!(
        request.contains("authorization: Bearer runner-secret\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn google_is_asked_with_its_header_for_a_whole_token() {
    let (url, answered) = answer_once("200 OK", token()).await;
    let variable = |_: &str| None;
    let places = Places {
        google_metadata: url,
        ..nowhere(&variable)
    };
    AmbientSource::Google
        .token(&places, "sigstore")
        .await
        .unwrap();
    let request = answered.await.unwrap();
    assert!(
        request.contains("audience=sigstore&format=full HTTP"),
        "{request}"
    );
    assert!(request.contains("metadata-flavor: Google\r\n"), "{request}");
}

#[tokio::test]
async fn the_metadata_server_that_the_environment_names_is_asked() {
    let (url, answered) = answer_once("200 OK", token()).await;
    let host = url.strip_prefix("http://").unwrap();
    let environment = Environment::of([("GCE_METADATA_HOST", host)]);
    let variable = |name: &str| environment.get(name);
    let places = nowhere(&variable);
    let source = AmbientSource::detect(&places).unwrap().unwrap();
    source.token(&places, "a b&c").await.unwrap();
    let request = answered.await.unwrap();
    assert!(request.contains("?audience=a+b%26c&format"), "{request}");
}

/// The variable by which the next test knows that it is the child.
const CHILD: &str = "CHANCERY_TEST_METADATA";

#[expect(
    clippy::disallowed_methods,
    reason = "a test hands this to itself in another process"
)]
fn metadata_of_child() -> Option<String> {
    std::env::var(CHILD).ok()
}

#[tokio::test]
async fn the_metadata_server_is_asked_past_a_proxy() {
    if let Some(google_metadata) = metadata_of_child() {
        let variable = |_: &str| None;
        let places = Places {
            google_metadata,
            ..nowhere(&variable)
        };
        let token = AmbientSource::Google.token(&places, "sigstore").await;
        assert_eq!(token.unwrap().proof_subject(), "ci");
        return;
    }
    let (metadata, _answered) = answer_once("200 OK", token()).await;
    let (proxy, _answered) = answer_once("502 Proxy", String::new()).await;
    // The proxy is read from the environment of a process, which a test must not change.
    let child = Command::new(std::env::current_exe().unwrap())
        .arg("the_metadata_server_is_asked_past_a_proxy")
        .envs([("HTTP_PROXY", &proxy), ("http_proxy", &proxy)])
        .envs([("NO_PROXY", ""), ("no_proxy", ""), (CHILD, &metadata)])
        .env_remove("REQUEST_METHOD")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn githubs_secret_is_not_sent_in_clear_text() {
    let environment = Environment::of([
        ("GITHUB_ACTIONS", "true"),
        (
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            "http://runner.invalid/token",
        ),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-secret"),
    ]);
    let variable = |name: &str| environment.get(name);
    let places = nowhere(&variable);
    let error = AmbientSource::GitHub.token(&places, "sigstore").await;
    let error = error.unwrap_err();
    assert!(matches!(error, AmbientError::Setup(_)), "{error}");
    assert!(error.to_string().contains("https"), "{error}");
}

#[tokio::test]
async fn a_server_that_refuses_redirects_or_sends_too_much_gives_no_token() {
    let too_much = "x".repeat(2 * IdentityToken::LONGEST);
    for (status, body, said) in [
        ("403 Forbidden", String::new(), "403"),
        (
            "302 Found\r\nlocation: http://127.0.0.1:1/",
            String::new(),
            "302",
        ),
        ("200 OK", too_much, "longer"),
    ] {
        let (url, _answered) = answer_once(status, body).await;
        let variable = |_: &str| None;
        let places = Places {
            google_metadata: url,
            ..nowhere(&variable)
        };
        let error = AmbientSource::Google
            .token(&places, "sigstore")
            .await
            .unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_file_is_read_anew_each_time_and_never_whole_if_it_is_long() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let variable = |_: &str| None;
    let places = Places {
        file: path.clone(),
        ..nowhere(&variable)
    };
    std::fs::write(&path, token() + "\n").unwrap();
    let source = AmbientSource::detect(&places).unwrap().unwrap();
    assert_eq!(source, AmbientSource::File(path.clone()));
    source.token(&places, "sigstore").await.unwrap();
    std::fs::write(&path, "x".repeat(10 * IdentityToken::LONGEST)).unwrap();
    let error = source.token(&places, "sigstore").await.unwrap_err();
    let found = IdentityToken::LONGEST + 1;
    assert!(
        matches!(error, AmbientError::Token { source: TokenError::TooLong { found: it }, .. } if it == found),
        "{error}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn buildkite_and_circleci_are_asked_through_their_programs() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n*'--audience sigstore'|*'{{\"aud\":\"sigstore\"}}') echo {};;\n*) \
         echo refused >&2; exit 1;;\nesac\n",
        token()
    );
    for name in ["buildkite-agent", "circleci"] {
        let path = folder.path().join(name);
        std::fs::write(&path, &script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    let path = folder.path().as_os_str().to_owned();
    let variable = |name: &str| (name == "PATH").then(|| path.clone());
    let places = nowhere(&variable);
    AmbientSource::Buildkite
        .token(&places, "sigstore")
        .await
        .unwrap();
    AmbientSource::CircleCi
        .token(&places, "sigstore")
        .await
        .unwrap();

    std::fs::write(
        folder.path().join("buildkite-agent"),
        "#!/bin/sh\nwhile :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done\n",
    )
    .unwrap();
    let endless = AmbientSource::Buildkite.token(&places, "sigstore").await;
    let error = endless.unwrap_err();
    assert!(error.to_string().contains("more than any token"), "{error}");

    std::fs::write(
        folder.path().join("circleci"),
        "#!/bin/sh\necho no such command >&2; exit 3\n",
    )
    .unwrap();
    let error = AmbientSource::CircleCi
        .token(&places, "sigstore")
        .await
        .unwrap_err();
    assert!(error.to_string().ends_with("no such command"), "{error}");
}
