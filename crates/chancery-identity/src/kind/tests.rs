//! Tests of the types' rules, at load and for each token.

use serde_json::{Value, json};

use super::*;

fn entry(members: &str) -> Entry {
    yaml_serde::from_str(members).unwrap()
}

fn load(address: &str, members: &str) -> Result<Kind, EntryFault> {
    Kind::new(&entry(members), address, false)
}

/// What a kind makes of a token: the certified name, or the code of the refusal.
fn outcome(kind: &Kind, claims: &Value) -> String {
    match kind.identify(&VerifiedClaims::of_test(claims)) {
        Ok(identity) => identity.san.to_string(),
        Err(error) => error.code().to_owned(),
    }
}

#[test]
fn addresses_that_fulcio_certifies_are_certified_as_they_are_given() {
    let kind = load("https://idp.test", "{type: email}").unwrap();
    let local = "a".repeat(300);
    for email in [
        "alice@example.test",
        "Alice@Example.TEST",
        "alice+tag@example.test",
        "ali%ce@example.test",
        "a.b-c_d@example.test",
        "bob@mail.corp.example.test",
        "bob@example.t",
        "alice@example.test.",
        "x@a_b.example.test",
        &format!("{local}@example.test"),
    ] {
        assert_eq!(
            outcome(&kind, &json!({"email": email, "email_verified": true})),
            email
        );
    }
}

#[test]
fn what_is_no_address_is_refused() {
    let kind = load("https://idp.test", "{type: email}").unwrap();
    for (email, code) in [
        (json!(null), "email-missing"),
        (json!(""), "email-missing"),
        (json!(5), "claim-refused"),
        (json!(["alice@example.test"]), "claim-refused"),
        (json!({"a": "b"}), "claim-refused"),
        (json!("alice@example.test\n"), "claim-refused"),
        (json!("alice\0@example.test"), "claim-refused"),
        (json!("alice\u{202e}@example.test"), "claim-refused"),
        (json!("a".repeat(4096) + "@example.test"), "claim-refused"),
        (json!("alice"), "email-malformed"),
        (json!("@example.test"), "email-malformed"),
        (json!("alice@"), "email-malformed"),
        (json!("alice@localhost"), "email-malformed"),
        (json!("alice@x@example.test"), "email-malformed"),
        (json!("a..b@example.test"), "email-malformed"),
        (json!(".a@example.test"), "email-malformed"),
        (json!("al ice@example.test"), "email-malformed"),
        (json!("\"al ice\"@example.test"), "email-malformed"),
        (json!("Alice <alice@example.test>"), "email-malformed"),
        (json!("bob@[127.0.0.1]"), "email-malformed"),
        (json!("bob@127.0.0.1"), "email-malformed"),
        (json!("bob@example..test"), "email-malformed"),
        (json!("bob@-example.test"), "email-malformed"),
        (json!("álice@example.test"), "email-malformed"),
        (json!("alice@bücher.test"), "email-malformed"),
    ] {
        let claims = json!({"email": email, "email_verified": true});
        assert_eq!(outcome(&kind, &claims), code, "{email}");
    }
}

#[test]
fn an_address_counts_only_if_it_is_verified() {
    let strict = load("https://idp.test", "{type: email}").unwrap();
    let skip = load(
        "https://idp.test",
        "{type: email, skip-email-verification: true}",
    )
    .unwrap();
    let email = "alice@example.test";
    for (verified, by_strict, by_skip) in [
        (json!(true), true, true),
        (json!("true"), true, true),
        (json!("True"), true, true),
        (json!(false), false, true),
        (json!("false"), false, true),
        (json!(null), false, true),
        (json!("TRUE"), false, false),
        (json!("yes"), false, false),
        (json!(1), false, false),
        (json!({}), false, false),
    ] {
        let claims = json!({"email": email, "email_verified": verified});
        let expected = |accepted| {
            if accepted {
                email
            } else {
                "email-not-verified"
            }
        };
        assert_eq!(outcome(&strict, &claims), expected(by_strict), "{verified}");
        assert_eq!(
            outcome(&skip, &claims),
            expected(by_skip),
            "skip {verified}"
        );
    }
    assert_eq!(
        outcome(&strict, &json!({"email": email})),
        "email-not-verified"
    );
}

#[test]
fn service_accounts_have_kubernetes_names() {
    let claims = |namespace: Value, account: Value| {
        json!({
            "sub": "system:serviceaccount:ns1:sa1",
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account}},
        })
    };
    let kind = load("https://idp.test", "{type: kubernetes}").unwrap();
    let code = |claims: &Value| outcome(&kind, claims);
    assert_eq!(
        code(&claims(json!("ns1"), json!("sa1"))),
        "https://kubernetes.io/namespaces/ns1/serviceaccounts/sa1"
    );
    assert_eq!(
        code(&claims(json!("n s"), json!("a/b?c"))),
        "https://kubernetes.io/namespaces/n%20s/serviceaccounts/a/b?c"
    );
    assert_eq!(
        code(&claims(json!("n%20s"), json!("sa1"))),
        "https://kubernetes.io/namespaces/n%20s/serviceaccounts/sa1"
    );
    assert_eq!(code(&claims(json!("n%s"), json!("x"))), "subject-malformed");
    assert_eq!(code(&claims(json!(""), json!("sa1"))), "claim-missing");
    assert_eq!(code(&claims(json!("ns1"), json!(""))), "claim-missing");
    assert_eq!(code(&claims(json!("ns1"), json!(null))), "claim-missing");
    assert_eq!(code(&claims(json!("ns1"), json!(7))), "claim-refused");
    assert_eq!(code(&claims(json!("ns1"), json!("a\nb"))), "claim-refused");
    assert_eq!(
        code(&json!({"sub": "x", "kubernetes.io": "text"})),
        "claim-missing"
    );
    assert_eq!(code(&json!({"sub": "x"})), "claim-missing");
    for (member, value, expected) in [
        ("pod", json!("text"), "claim-refused"),
        ("pod", json!({"name": 5}), "claim-refused"),
        ("pod", json!(null), "accepted"),
        ("pod", json!({"name": "p", "uid": "q"}), "accepted"),
        ("serviceaccount", json!("text"), "claim-refused"),
        (
            "serviceaccount",
            json!({"name": "a", "uid": 5}),
            "claim-refused",
        ),
        ("serviceaccount", json!(null), "claim-missing"),
    ] {
        let mut claims = claims(json!("ns1"), json!("sa1"));
        claims["kubernetes.io"][member] = value.clone();
        let outcome = code(&claims);
        let accepted = outcome.starts_with("https:") && expected == "accepted";
        assert!(
            accepted || outcome == expected,
            "{member}: {value}: {outcome}"
        );
    }
    let mut nobody = claims(json!("ns1"), json!("sa1"));
    nobody["sub"] = json!("");
    assert_eq!(code(&nobody), "subject-missing");
}

#[test]
fn spiffe_ids_are_of_the_one_trust_domain() {
    let kind = load(
        "https://idp.test",
        "{type: spiffe, spiffe-trust-domain: example.org}",
    )
    .unwrap();
    for id in [
        "spiffe://example.org",
        "spiffe://example.org/ns/a/sa/b",
        "spiffe://example.org/A_b.c-d",
        "spiffe://example.org/...",
    ] {
        assert_eq!(outcome(&kind, &json!({"sub": id})), id);
    }
    for (id, code) in [
        ("spiffe://evil.org/a", "subject-foreign"),
        ("spiffe://a.example.org/x", "subject-foreign"),
        ("spiffe://EXAMPLE.org/x", "subject-malformed"),
        ("SPIFFE://example.org/x", "subject-malformed"),
        ("spiffe://example.org:80/a", "subject-malformed"),
        ("spiffe://u@example.org/a", "subject-malformed"),
        ("spiffe://example.org/a%2fb", "subject-malformed"),
        ("spiffe://example.org/a?b", "subject-malformed"),
        ("spiffe://example.org//a", "subject-malformed"),
        ("spiffe://example.org/a/", "subject-malformed"),
        ("spiffe://example.org/", "subject-malformed"),
        ("spiffe://example.org/../x", "subject-malformed"),
        ("spiffe://example.org/./x", "subject-malformed"),
        ("spiffe:///a", "subject-malformed"),
        ("https://example.org/a", "subject-malformed"),
        ("", "subject-missing"),
    ] {
        assert_eq!(outcome(&kind, &json!({"sub": id})), code, "{id}");
    }
    let long = "spiffe://example.org/".to_owned() + &"a".repeat(2048);
    assert_eq!(outcome(&kind, &json!({"sub": long})), "subject-malformed");
}

#[test]
fn uris_are_of_the_subject_domain_and_certified_as_go_writes_them() {
    let members = "{type: uri, subject-domain: 'http://localhost'}";
    let kind = load("http://localhost:9000/uri", members).unwrap();
    for (subject, expected) in [
        ("http://localhost/users/1", "http://localhost/users/1"),
        ("http://localhost", "http://localhost"),
        ("http://localhost:81/u", "http://localhost:81/u"),
        ("HTTP://localhost/u", "http://localhost/u"),
        ("http://localhost/a b", "http://localhost/a%20b"),
        ("http://localhost/a#b", "http://localhost/a#b"),
        ("http://evil.test/u", "subject-foreign"),
        ("https://localhost/u", "subject-foreign"),
        ("http://LOCALHOST/u", "subject-foreign"),
        ("http://localhost.evil.test/u", "subject-foreign"),
        ("http://localhost@evil.test/u", "subject-malformed"),
        ("http://x:y@localhost/u", "subject-malformed"),
        ("bob@localhost.test", "subject-is-email"),
        ("bob", "subject-malformed"),
        ("http://localhost/?ü", "name-refused"),
        ("http://localhost/\t", "claim-refused"),
        ("", "subject-missing"),
    ] {
        assert_eq!(
            outcome(&kind, &json!({"sub": subject})),
            expected,
            "{subject}"
        );
    }
}

#[test]
fn user_names_get_the_subject_domain() {
    let members = "{type: username, subject-domain: localhost}";
    let kind = load("http://localhost:9000/username", members).unwrap();
    for (subject, expected) in [
        ("bob", "bob!localhost"),
        ("bob smith", "bob smith!localhost"),
        ("böb", "böb!localhost"),
        ("bob@localhost", "bob@localhost!localhost"),
        ("bob!x", "subject-malformed"),
        ("bob@example.test", "subject-is-email"),
        ("bób@example.test", "subject-is-email"),
        ("bob@bücher.test", "subject-is-email"),
        ("bob\u{7f}", "claim-refused"),
        ("bob\u{2028}", "claim-refused"),
        ("", "subject-missing"),
    ] {
        assert_eq!(
            outcome(&kind, &json!({"sub": subject})),
            expected,
            "{subject}"
        );
    }
}

#[test]
fn subject_domains_are_the_issuers_own() {
    let uri = |address: &str, domain: &str| {
        load(
            address,
            &format!("{{type: uri, subject-domain: '{domain}'}}"),
        )
        .is_ok()
    };
    assert!(uri("https://accounts.example.com", "https://example.com"));
    assert!(uri(
        "https://accounts.example.com",
        "https://users.example.com"
    ));
    assert!(uri("https://10.0.0.1:8443/x", "https://10.0.0.1"));
    assert!(!uri("https://accounts.example.com", "http://example.com"));
    assert!(!uri("https://accounts.example.com", "https://example.org"));
    assert!(!uri("https://accounts.example.com", "https://com"));
    assert!(!uri("https://accounts.example.com", "example.com"));
    assert!(!uri("https://accounts.example.com", ""));
    let name = |address: &str, domain: &str| {
        load(
            address,
            &format!("{{type: username, subject-domain: '{domain}'}}"),
        )
        .is_ok()
    };
    assert!(name("https://accounts.example.com", "example.com"));
    assert!(!name("https://accounts.example.com", "https://example.com"));
    assert!(!name("https://accounts.example.com", "example.org"));
    assert!(!name("https://accounts.example.com", ""));
}

#[test]
fn trust_domains_are_read_as_go_spiffe_reads_them() {
    let spiffe = |domain: &str| {
        load(
            "https://a.test",
            &format!("{{type: spiffe, spiffe-trust-domain: '{domain}'}}"),
        )
        .is_ok()
    };
    assert!(spiffe("example.org"));
    assert!(spiffe("spiffe://example.org"));
    assert!(spiffe("spiffe://example.org/a/b"));
    for domain in [
        "",
        "Example.org",
        "example.org:80",
        "https://example.org",
        "a/b",
    ] {
        assert!(!spiffe(domain), "{domain}");
    }
}
