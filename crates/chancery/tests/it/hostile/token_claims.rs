//! Well-signed tokens whose claims are wrong.

use serde_json::{Value, json};

use super::{Either, Expect, Hostile, Issued, Refused, World};

fn tokens(world: &World, claim: &str, rows: Vec<(Value, Expect)>) -> Vec<Hostile> {
    let tokens = rows.into_iter().map(|(value, expect)| {
        let name: String = format!("{claim} {value}").chars().take(80).collect();
        (name, world.token(&json!({ claim: value })), expect)
    });
    world.with_tokens(tokens)
}

#[tokio::test]
async fn tokens_out_of_their_time_are_refused() {
    let world = World::start().await;
    let mut rows = tokens(
        &world,
        "exp",
        vec![
            (json!("@drop"), Refused),
            (json!("@now-3600"), Refused),
            (json!("@now-1"), Refused),
            (json!("@now+60"), Issued),
            (json!("4000000000"), Either),
            (json!(4_000_000_000.5), Either),
            (json!(-1), Refused),
            (json!(0), Refused),
            (json!(null), Refused),
            (json!(true), Refused),
            (json!("@now+315360000"), Either),
            (json!(u64::MAX), Either),
            (json!(1e300), Either),
            (json!([4_000_000_000_u64]), Refused),
            (json!({}), Refused),
        ],
    );
    rows.extend(tokens(
        &world,
        "nbf",
        vec![
            (json!("@now-60"), Issued),
            (json!("@now+3600"), Refused),
            (json!("@now+120"), Either),
            (json!("soon"), Refused),
            (json!(null), Either),
            (json!([0]), Refused),
        ],
    ));
    rows.extend(tokens(
        &world,
        "iat",
        vec![
            (json!("@drop"), Either),
            (json!("@now+3600"), Either),
            (json!("@now-31536000"), Either),
            (json!("today"), Refused),
            (json!({}), Refused),
        ],
    ));
    // 2^63 and 2^64 + now, which a 64-bit reader takes for another time.
    let honest = Value::Object(world.claims(&json!({ "exp": 7 }))).to_string();
    for exp in ["9223372036854775808", "18446744075504931616", "1e400"] {
        let token = world.token_of(honest.replace("\"exp\":7", &format!("\"exp\":{exp}")));
        rows.extend(world.with_tokens([(format!("exp {exp}"), token, Either)]));
    }
    world.judge(rows).await;
}

#[tokio::test]
async fn tokens_of_other_issuers_are_refused() {
    let world = World::start().await;
    let url = world.issuer.url();
    let port = url.rsplit(':').next().unwrap();
    let mut names: Vec<Value> = [
        format!("{url}/"),
        url.to_uppercase(),
        url.replace("http:", "HTTP:"),
        url.replace("http:", "https:"),
        url.replace("localhost", "Localhost"),
        url.replace("localhost", "user@localhost"),
        url.replace("localhost", "localhost."),
        url.replace("localhost", "127.0.0.1"),
        url.replace("localhost", "127.1"),
        url.replace("localhost", "[::1]"),
        url.replace("localhost", "2130706433"),
        url.replace("localhost", "ⓛocalhost"),
        url.replace("localhost", "xn--localhost-.test"),
        url.replace("localhost", "%6cocalhost"),
        format!("{url}?x"),
        format!("{url}#x"),
        format!("{url}\n"),
        format!("{url}\0"),
        format!(" {url}"),
        format!("{url}/."),
        format!("{url}/x/.."),
        format!("{url}/unknown"),
        format!("{url}/meta/a/b"),
        format!("{url}/meta/a\n"),
        format!("{url}/meta/a?x"),
        format!("{url}/meta/"),
        format!("{url}/meta/.."),
        format!("{url}/meta/%2e%2e"),
        format!("x{url}/meta/a"),
        format!("{url}/meta/a/"),
        format!("http://evil.test/{url}/meta/a"),
        format!("http://localhost:{port}@evil.test"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://[::ffff:169.254.169.254]".to_owned(),
        "file:///etc/passwd".to_owned(),
        "unix:///run/x.sock".to_owned(),
        String::new(),
        format!("{url}/{}", "a".repeat(1_000_000)),
        format!("{url}/{}", "a".repeat(10_000)),
    ]
    .into_iter()
    .map(Value::from)
    .collect();
    names.extend([
        json!("@drop"),
        json!(1),
        json!(null),
        json!([url]),
        json!({ "a": url }),
    ]);
    let rows = names.into_iter().map(|name| (name, Refused)).collect();
    world.judge(tokens(&world, "iss", rows)).await;
}

#[tokio::test]
async fn tokens_for_other_audiences_are_refused() {
    let world = World::start().await;
    let many: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
    let refused = [
        json!("@drop"),
        json!("other"),
        json!(""),
        json!([]),
        json!([""]),
        json!([1]),
        json!(["sigstore", 1]),
        json!([["sigstore"]]),
        json!(null),
        json!(true),
        json!({ "sigstore": true }),
        json!("sigstore2"),
        json!("sig"),
        json!("Sigstore"),
        json!("sigstore "),
        json!("sigstore other"),
        json!("sigstore,other"),
        json!("sigstore\u{0}"),
        json!("ｓigstore"),
    ];
    let mut rows: Vec<(Value, Expect)> = refused.into_iter().map(|aud| (aud, Refused)).collect();
    rows.push((json!(["other", "sigstore"]), Issued));
    rows.push((json!(many), Either));
    let mut rows = tokens(&world, "aud", rows);
    rows.extend(tokens(
        &world,
        "azp",
        vec![(json!("another-client"), Either)],
    ));
    world.judge(rows).await;
}

#[tokio::test]
async fn names_that_are_no_proven_address_are_refused() {
    let world = World::start().await;
    let refused = [
        json!("@drop"),
        json!(""),
        json!(null),
        json!(5),
        json!(true),
        json!([super::EMAIL]),
        json!({ "a": super::EMAIL }),
        json!("a@b@example.test"),
        json!("alice"),
        json!("@example.test"),
        json!("alice@"),
        json!("alice@example.test\n"),
        json!("alice@example.test\r\nBcc: x"),
        json!("alice\u{0}@example.test"),
        json!("alice@example.test\u{0}.evil.test"),
        json!("álice@example.test"),
        json!("alice@bücher.test"),
        json!("\u{202e}ecila@example.test"),
        json!("Alice <alice@example.test>"),
        json!("<alice@example.test>"),
        json!("al ice@example.test"),
        json!(" alice@example.test"),
        json!("\"al ice\"@example.test"),
        json!("alice@[127.0.0.1]"),
        json!("alice@example.test,mallory@example.test"),
        json!("alice\u{1b}[31m@example.test"),
        json!("a..b@example.test"),
        json!(format!("alice@{}", "a".repeat(1_000_000))),
    ];
    let mut rows: Vec<(Value, Expect)> = refused.into_iter().map(|name| (name, Refused)).collect();
    rows.push((
        json!(format!("{}@example.test", "a".repeat(10_000))),
        Either,
    ));
    let mut rows = tokens(&world, "email", rows);
    rows.extend(tokens(
        &world,
        "email_verified",
        vec![
            (json!("@drop"), Refused),
            (json!(false), Refused),
            (json!(null), Refused),
            (json!("true"), Issued),
            (json!("True"), Either),
            (json!("false"), Refused),
            (json!("yes"), Refused),
            (json!(""), Refused),
            (json!(1), Refused),
            (json!({}), Refused),
            (json!([true]), Refused),
        ],
    ));
    rows.extend(tokens(
        &world,
        "sub",
        vec![
            (json!("@drop"), Either),
            (json!(""), Either),
            (json!(5), Refused),
            (json!([]), Refused),
            (json!({}), Refused),
            (json!("a".repeat(1_000_000)), Either),
            (json!("a\u{0}b"), Refused),
            (json!("a\r\nb"), Refused),
        ],
    ));
    world.judge(rows).await;
}

/// A token of another issuer with a name, and a request that proves possession over that name.
fn with_subject(world: &World, path: &str, claims: &Value, expect: Expect) -> Hostile {
    let mut all = claims.clone();
    all["iss"] = format!("{}{path}", world.issuer.url()).into();
    let name = claims["sub"].as_str().unwrap_or_default();
    let body = json!({
        "credentials": { "oidcIdentityToken": world.token(&all) },
        "publicKeyRequest": world.public_key_request(name),
    });
    let what: String = format!("{path} {claims}").chars().take(120).collect();
    Hostile::new(what, body.to_string(), expect)
}

#[tokio::test]
async fn workload_names_that_lead_elsewhere_are_refused() {
    let world = World::start().await;
    let mut rows = Vec::new();
    for (name, expect) in [
        ("spiffe://example.org/a", Issued),
        ("spiffe://example.org/../b", Refused),
        ("spiffe://example.org/./b", Refused),
        ("spiffe://example.org/a/..", Refused),
        ("spiffe://example.org/%2e%2e/b", Refused),
        ("spiffe://example.org/a?x", Refused),
        ("spiffe://example.org/a#x", Refused),
        ("spiffe://user@example.org/a", Refused),
        ("spiffe://example.org:1/a", Refused),
        ("spiffe://example.org.evil.test/a", Refused),
        ("spiffe://evil.test/example.org", Refused),
        ("SPIFFE://example.org/a", Refused),
        ("spiffe://example.org/a\n", Refused),
        ("spiffe://example.org/a\u{0}", Refused),
        ("spiffe://example.org/a b", Refused),
        ("", Refused),
    ] {
        rows.push(with_subject(
            &world,
            "/spiffe",
            &json!({ "sub": name }),
            expect,
        ));
    }
    for (name, expect) in [
        ("http://localhost/a", Issued),
        ("http://localhost.evil.test/a", Refused),
        ("http://evil.test/http://localhost", Refused),
        ("http://evil.test#http://localhost", Refused),
        ("https://localhost/a", Refused),
        ("http://localhost@evil.test/a", Refused),
        ("http://localhost\\@evil.test/a", Refused),
        ("javascript://localhost/%0aalert(1)", Refused),
        ("http://localhost/a\r\nb", Refused),
        ("http://localhost/a\u{0}", Refused),
        ("//localhost/a", Refused),
        ("http:localhost", Refused),
        ("", Refused),
    ] {
        rows.push(with_subject(
            &world,
            "/uri",
            &json!({ "sub": name }),
            expect,
        ));
    }
    let account = |namespace: Value, name: Value| {
        let account = json!({ "namespace": namespace, "serviceaccount": { "name": name } });
        json!({ "sub": "system:serviceaccount:a:b", "kubernetes.io": account })
    };
    for path in ["/k8s", "/meta/cluster"] {
        for (claims, expect) in [
            (account(json!("a"), json!("b")), Issued),
            (account(json!(""), json!("b")), Refused),
            (account(json!("a"), json!("")), Refused),
            (account(json!(null), json!("b")), Refused),
            (account(json!(["a"]), json!("b")), Refused),
            (account(json!("a\u{0}"), json!("b")), Refused),
            (account(json!("a\n"), json!("b")), Refused),
            (account(json!("../../evil"), json!("b")), Either),
            (json!({ "sub": "system:serviceaccount:a:b" }), Refused),
            (json!({ "sub": "x", "kubernetes.io": [] }), Refused),
        ] {
            rows.push(with_subject(&world, path, &claims, expect));
        }
    }
    world.judge(rows).await;
}

#[tokio::test]
async fn pipelines_cannot_write_what_they_like_into_certificates() {
    let world = World::start().await;
    let values: Vec<(Value, Expect)> = vec![
        (json!("a/b.yml@refs/heads/main"), Issued),
        (json!(5), Either),
        (json!(true), Either),
        (json!("{{.sub}}"), Either),
        (json!("{{ printf \"%1000000s\" .sub }}"), Either),
        (json!("a b"), Either),
        (json!("a%2e%2e/b"), Either),
        (json!("../../other"), Either),
        (json!("ä"), Either),
        (json!("a".repeat(3000)), Either),
        (json!("a".repeat(100_000)), Refused),
        (json!(null), Refused),
        (json!(["a"]), Refused),
        (json!({ "a": 1 }), Refused),
    ];
    let mut rows = Vec::new();
    for claim in ["workflow", "repository", "ref"] {
        let honest = json!({ "sub": "s", "workflow": "w", "repository": "r", "ref": "f" });
        // The name has none of these; an extension may, as in Fulcio.
        let controlled = if claim == "workflow" { Refused } else { Either };
        let controls = ["a\nb", "a\r\nb", "a\u{0}b", "a\u{1b}[31m", "a\u{7f}"];
        let controls = controls.map(|text| (json!(text), controlled));
        for (value, expect) in values.iter().chain(&controls) {
            let mut claims = honest.clone();
            claims[claim] = value.clone();
            rows.push(with_subject(&world, "/ci", &claims, *expect));
        }
        let mut missing = honest.clone();
        missing.as_object_mut().unwrap().remove(claim);
        rows.push(with_subject(&world, "/ci", &missing, Refused));
    }
    world.judge(rows).await;
}
