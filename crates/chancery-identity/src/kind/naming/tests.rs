//! Tests of names that an entry takes from elsewhere than its type does.

use serde_json::{Value, json};

use crate::config::EntryFault;
use crate::issuer::VerifiedClaims;
use crate::kind::Kind;

fn load(members: &str) -> Result<Kind, EntryFault> {
    let entry = yaml_serde::from_str(members).unwrap();
    Kind::new(&entry, "https://idp.test", false)
}

/// What is certified and what is signed, or the code of the refusal.
fn outcome(members: &str, claims: &Value) -> String {
    let kind = load(members).unwrap();
    match kind.identify(&VerifiedClaims::of_test(claims)) {
        Ok(identity) => format!("{} by {}", identity.san, identity.name),
        Err(error) => error.code().to_owned(),
    }
}

fn message(members: &str) -> String {
    load(members)
        .err()
        .map_or_else(String::new, |error| error.to_string())
}

fn account() -> Value {
    json!({
        "iss": "https://oidc.a.test/id/1", "sub": "system:serviceaccount:ns1:sa1",
        "kubernetes.io": {"namespace": "ns1", "serviceaccount": {"name": "sa1"}},
        "cluster": "forged", "namespace": "forged",
    })
}

#[test]
fn two_clusters_never_give_equal_names() {
    let named = "{type: kubernetes, template-values: {cluster: prod-1}, \
        subject-alternative-name-template: \
        'https://k8s.corp.test/{{.cluster}}/{{.namespace}}/{{.serviceaccount}}'}";
    assert_eq!(
        outcome(named, &account()),
        "https://k8s.corp.test/prod-1/ns1/sa1 by system:serviceaccount:ns1:sa1"
    );
    let by_issuer = "{type: kubernetes, subject-alternative-name-template: \
        '{{.issuer}}/{{.namespace}}/{{.serviceaccount}}'}";
    assert_eq!(
        outcome(by_issuer, &account()),
        "https://oidc.a.test/id/1/ns1/sa1 by system:serviceaccount:ns1:sa1"
    );
    let mut empty = account();
    empty["kubernetes.io"]["namespace"] = json!("");
    assert_eq!(outcome(by_issuer, &empty), "claim-missing");
}

#[test]
fn an_address_may_stand_in_another_claim() {
    let upn = "{type: email, identity-claim: upn}";
    let claims = |members: Value| {
        let mut claims = json!({"iss": "https://idp.test", "sub": "u1"});
        claims
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        claims
    };
    for (members, expected) in [
        (json!({"upn": "a@b.test"}), "a@b.test by u1"),
        (
            json!({"upn": "a@b.test", "email": "c@d.test"}),
            "a@b.test by c@d.test",
        ),
        (json!({"upn": "a@b.test", "email": ["x"]}), "a@b.test by u1"),
        (
            json!({"email": "c@d.test", "email_verified": true}),
            "claim-missing",
        ),
        (json!({"upn": "", "email": "c@d.test"}), "claim-missing"),
        (json!({"upn": "no address"}), "email-malformed"),
        (json!({"upn": "a\n@b.test"}), "claim-refused"),
        (json!({"upn": ["a@b.test"]}), "claim-refused"),
        (json!({"upn": "a@b.test", "sub": ""}), "subject-missing"),
    ] {
        assert_eq!(
            outcome(upn, &claims(members.clone())),
            expected,
            "{members}"
        );
    }
    let nested = "{type: username, subject-domain: idp.test, \
        identity-claim: '$.federated_claims.user_id'}";
    let members = json!({"federated_claims": {"user_id": 5}});
    assert_eq!(outcome(nested, &claims(members)), "5!idp.test by u1");
    assert_eq!(
        outcome(nested, &claims(json!({"federated_claims": "x"}))),
        "claim-missing"
    );
}

#[test]
fn what_a_template_makes_obeys_the_rules_of_the_type() {
    let claims = |subject: &str| {
        json!({
            "iss": "https://idp.test", "sub": subject, "email": "a@b.test",
            "email_verified": true, "path": "/p q",
        })
    };
    let template = |kind: &str, template: &str| {
        format!("{{type: {kind}, subject-alternative-name-template: '{template}'}}")
    };
    let uri = |text: &str| template("uri, subject-domain: https://idp.test", text);
    let user = |text: &str| template("username, subject-domain: idp.test", text);
    let spiffe = |text: &str| template("spiffe, spiffe-trust-domain: x.test", text);
    for (members, subject, expected) in [
        (
            uri("https://idp.test{{.path}}"),
            "u1",
            "https://idp.test/p%20q by u1",
        ),
        (uri("https://evil.test/{{.sub}}"), "u1", "subject-foreign"),
        (user("{{.sub}}-x"), "u1", "u1-x!idp.test by u1"),
        (user("{{.sub}}!x"), "u1", "subject-malformed"),
        (user("{{.none}}"), "u1", "claim-missing"),
        (
            spiffe("spiffe://x.test/a/{{.sub}}"),
            "u1",
            "spiffe://x.test/a/u1 by u1",
        ),
        (
            spiffe("spiffe://x.test/a/{{.sub}}"),
            "../u1",
            "subject-malformed",
        ),
        (
            template("email", "{{.sub}}@corp.test"),
            "u1",
            "u1@corp.test by a@b.test",
        ),
        (
            template("email", "{{.sub}}@corp.test"),
            "u 1",
            "email-malformed",
        ),
        (template("email", "path"), "u1", "email-malformed"),
        (
            template("buildkite-job", "https://x.test/{{.sub}}"),
            "u1",
            "claim-missing",
        ),
        (template("kubernetes", "x"), "u1", "claim-missing"),
        (
            template("chainguard-identity", "https://x.test/{{.sub}}"),
            "u1",
            "https://x.test/u1 by a@b.test",
        ),
        (
            template("chainguard-identity", "{{.sub}}"),
            "u1",
            "name-refused",
        ),
        (
            template("chainguard-identity", "{{slice .sub 9}}"),
            "u1",
            "template-failed",
        ),
    ] {
        assert_eq!(outcome(&members, &claims(subject)), expected, "{members}");
    }
    let unverified = json!({"iss": "https://idp.test", "sub": "u1", "email": "a@b.test"});
    let members = template("email", "{{.sub}}@corp.test");
    assert_eq!(outcome(&members, &unverified), "email-not-verified");
}

#[test]
fn a_claim_may_stand_for_the_issuer() {
    let members = "{type: email, issuer-claim: '$.federated_claims.connector_id'}";
    let kind = load(members).unwrap();
    let issuer = |connector: Value| {
        let claims = json!({
            "iss": "https://dex.test", "sub": "u1", "email": "a@b.test", "email_verified": true,
            "federated_claims": {"connector_id": connector},
        });
        match kind.identify(&VerifiedClaims::of_test(&claims)) {
            Ok(identity) => identity.issuer.unwrap(),
            Err(error) => error.code().to_owned(),
        }
    };
    assert_eq!(
        issuer(json!("https://accounts.google.com")),
        "https://accounts.google.com"
    );
    assert_eq!(issuer(json!(5)), "5");
    assert_eq!(issuer(json!("")), "claim-missing");
    assert_eq!(issuer(json!(null)), "claim-missing");
    assert_eq!(issuer(json!(["x"])), "claim-refused");
    assert_eq!(issuer(json!("a\nb")), "claim-refused");
}

#[test]
fn keys_that_would_have_no_effect_or_two_are_refused() {
    for (members, part) in [
        (
            "{type: kubernetes, identity-claim: x}",
            "identity-claim cannot be used",
        ),
        (
            "{type: github-workflow, identity-claim: x}",
            "identity-claim cannot be used",
        ),
        (
            "{type: email, identity-claim: '$.x[*]'}",
            "is not a JSONPath to one claim",
        ),
        (
            "{type: email, issuer-claim: x}",
            "is not a JSONPath to one claim",
        ),
        (
            "{type: email, identity-claim: x, subject-alternative-name-template: y}",
            "use one of them",
        ),
        (
            "{type: email, template-values: {a: b}}",
            "none of its templates uses",
        ),
        (
            "{type: kubernetes, template-values: {a: b}}",
            "none of its templates uses",
        ),
        (
            "{type: kubernetes, subject-alternative-name-template: '{{.x'}",
            "does not parse",
        ),
        (
            "{type: github-workflow, template-values: {ulr: x}}",
            "\"ulr\", which none of its templates uses",
        ),
        (
            "{type: github-workflow, template-values: {issuer: x}}",
            "always comes from the token",
        ),
    ] {
        assert!(
            message(members).contains(part),
            "{members}: {}",
            message(members)
        );
    }
    assert_eq!(message("{type: email, identity-claim: ''}"), "");
    assert_eq!(
        message("{type: email, subject-alternative-name-template: ''}"),
        ""
    );
}
