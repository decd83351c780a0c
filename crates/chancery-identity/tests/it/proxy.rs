//! Issuers that are reached through a proxy of their own.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use chancery_identity::{
    AuthenticateError, HttpPolicy, IdentityConfig, Issuers, IssuersOptions, Timings,
};

use crate::issuer::{TestIssuer, code, issuers, now};
use crate::tls::{TlsIssuer, token};

/// A proxy that leads to one place, whatever it is asked for, and writes the heads down.
struct TestProxy {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    async fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let (written, to) = (Arc::clone(&heads), to.to_owned());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, to.clone(), Arc::clone(&written)));
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Reads one head, and from then on passes everything on, the head too unless it asks for a tunnel.
async fn pass(mut stream: TcpStream, to: String, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let text = String::from_utf8(head.clone()).unwrap();
    let tunnel = text.starts_with("CONNECT ");
    heads.lock().unwrap().push(text);
    let mut inner = TcpStream::connect(to).await.unwrap();
    if tunnel {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    } else {
        inner.write_all(&head).await.unwrap();
    }
    let _ = copy_bidirectional(&mut stream, &mut inner).await;
}

fn host(url: &str) -> &str {
    url.split_once("://").unwrap().1
}

fn config(url: &str, entry: &Value) -> Value {
    let mut entry = entry.clone();
    entry["client-id"] = json!("sigstore");
    entry["type"] = json!("email");
    json!({"oidc-issuers": {url: entry}})
}

#[tokio::test]
async fn an_issuer_is_asked_through_its_own_proxy_with_the_proxys_password() {
    let issuer = TestIssuer::start().await;
    let proxy = TestProxy::start(host(issuer.url())).await;
    let url = format!("http://alice:p%40ss@{}", proxy.address);
    let issuers = issuers(
        &config(issuer.url(), &json!({"proxy": url})),
        Timings::default(),
    );
    let shown = issuers
        .authenticate(&issuer.token(&issuer.claims()), now())
        .await;
    assert_eq!(code(&shown), "accepted");
    let heads = proxy.heads();
    let asked = format!(
        "GET {}/.well-known/openid-configuration HTTP/1.1\r\n",
        issuer.url()
    );
    assert!(heads[0].starts_with(&asked), "{heads:?}");
    // RFC 7617: base64 of "alice:p@ss".
    let basic = "proxy-authorization: Basic YWxpY2U6cEBzcw==".to_ascii_lowercase();
    assert!(heads[0].to_ascii_lowercase().contains(&basic), "{heads:?}");
}

#[tokio::test]
async fn an_issuer_on_https_is_asked_through_a_tunnel_that_sees_nothing() {
    let issuer = TlsIssuer::start(None);
    let proxy = TestProxy::start(host(&issuer.url)).await;
    let entry = json!({"ca-cert": issuer.ca, "proxy": format!("http://{}", proxy.address)});
    let issuers = issuers(&config(&issuer.url, &entry), Timings::default());
    let shown = issuers.authenticate(&token(&issuer.url), now()).await;
    assert_eq!(code(&shown), "accepted");
    let connect = format!("CONNECT {} ", host(&issuer.url));
    assert!(proxy.heads().iter().all(|head| head.starts_with(&connect)));
    assert_eq!(issuer.requests().len(), 2);
}

#[tokio::test]
async fn the_proxy_of_one_issuer_is_not_anothers() {
    let (through, direct) = (TestIssuer::start().await, TestIssuer::start().await);
    let proxy = TestProxy::start(host(through.url())).await;
    let entry = |proxy: Value| json!({"client-id": "sigstore", "type": "email", "proxy": proxy});
    let address = format!("http://{}", proxy.address);
    let config = json!({"oidc-issuers": {
        through.url(): entry(json!(address)), direct.url(): entry(Value::Null),
    }});
    let issuers = issuers(&config, Timings::default());
    for issuer in [&through, &direct] {
        let shown = issuers
            .authenticate(&issuer.token(&issuer.claims()), now())
            .await;
        assert_eq!(code(&shown), "accepted");
    }
    assert!(!proxy.heads().is_empty());
    assert!(
        proxy
            .heads()
            .iter()
            .all(|head| head.contains(host(through.url())))
    );
}

#[tokio::test]
async fn a_proxys_password_is_in_no_message() {
    let issuer = TestIssuer::start().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    for (scheme, url) in [("http", issuer.url()), ("https", "https://idp.test")] {
        let proxy = format!("{scheme}://alice:hunter2@{address}");
        let config = config(url, &json!({"proxy": proxy}));
        let config = IdentityConfig::parse(config.to_string().as_bytes(), "test").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let options = IssuersOptions {
            allow_http: HttpPolicy::Allow,
            ..IssuersOptions::default()
        };
        let issuers = Issuers::new(config, options).unwrap();
        assert!(!format!("{issuers:?}").contains("hunter2"));
        let mut claims = issuer.claims();
        claims["iss"] = json!(url);
        let error = issuers.authenticate(&issuer.token(&claims), now()).await;
        let error = error.unwrap_err();
        let AuthenticateError::IssuerUnavailable { cause, .. } = &error else {
            panic!("{error}")
        };
        let mut texts = format!("{error} {error:?} {cause} {cause:?}");
        let mut source = cause.source();
        while let Some(inner) = source {
            texts += &format!(" {inner} {inner:?}");
            source = inner.source();
        }
        // Neither as it is nor as RFC 7617 has it.
        assert!(
            !texts.contains("hunter2") && !texts.contains("YWxpY2U6"),
            "{texts}"
        );
    }
}

#[test]
fn a_proxy_to_hosts_that_tokens_choose_needs_consent() {
    let entry = json!({"client-id": "sigstore", "type": "email", "proxy": "http://proxy.test"});
    let load = |pattern: &str, consent: bool| {
        let mut entry = entry.clone();
        entry["allow-private-addresses"] = json!(consent);
        let config = json!({"meta-issuers": {pattern: entry}}).to_string();
        let config = IdentityConfig::parse(config.as_bytes(), "test").unwrap();
        Issuers::new(config, IssuersOptions::default())
    };
    let error = load("https://*.example.test", false)
        .unwrap_err()
        .to_string();
    assert!(error.contains("allow-private-addresses"), "{error}");
    assert!(load("https://*.example.test", true).is_ok());
    assert!(load("https://idp.example.test/*", false).is_ok());
}
