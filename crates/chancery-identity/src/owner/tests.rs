//! Tests of the owner rule: which addresses are shared, and which rules pin an owner.

use serde_json::{Value, json};

use super::*;

const GITHUB_COM: &str = "https://token.actions.githubusercontent.com";

fn is_pinned(address: &str, claims: Value) -> bool {
    is_pinned_where(address, claims, true)
}

fn is_pinned_where(address: &str, claims: Value, verifies_email: bool) -> bool {
    let rules = serde_json::from_value(json!([{"name": "r", "claims": claims}])).unwrap();
    shared(address)
        .unwrap()
        .ownerless(address, &rules, verifies_email)
        .is_none()
}

#[test]
fn an_address_is_shared_if_anybody_can_get_its_tokens() {
    for address in [
        GITHUB_COM,
        "https://token.actions.githubusercontent.com/*",
        "https://token.actions.githubusercontent.com/acme-*",
        "https://token.*.githubusercontent.com",
        "https://token.actions.*.ghe.com",
        "https://gitlab.com",
        "https://agent.buildkite.com",
        "https://accounts.google.com",
        "https://oauth2.sigstore.dev/auth",
        "https://oidc.circleci.com/org/*",
        "https://login.microsoftonline.com/*/v2.0",
        "https://oidc.eks.*.amazonaws.com/id/*",
        "https://oidc.eks.eu-west-1.amazonaws.com/id/*",
        "https://container.googleapis.com/v1/projects/*/locations/*/clusters/*",
        "https://*.oic.prod-aks.azure.com/*/*",
        "https://oidc.prod-aks.azure.com/*/*",
        "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/*",
        "https://*.okta.com",
        "https://*.okta.com/oauth2/default",
        "https://*.eu.auth0.com/",
        "https://*.s3.eu-central-1.amazonaws.com",
        "https://acme-*.github.io",
    ] {
        assert!(shared(address).is_some(), "{address}");
    }
    for address in [
        "https://token.actions.githubusercontent.com/acme",
        "https://token.actions.githubusercontent.com.evil.test",
        "https://gitlab.acme.test",
        "https://gitlab.com/x",
        "https://oidc.circleci.com/org/5a1e",
        "https://login.microsoftonline.com/5a1e/v2.0",
        "https://oidc.eks.*.amazonaws.com/id/5A1E",
        "https://acme.okta.com/oauth2/*",
        "https://acme.s3.*.amazonaws.com",
        "https://container.googleapis.com/v1/projects/acme/locations/*/clusters/*",
        "http://localhost:9000/*",
        "no URL",
        "",
    ] {
        assert!(shared(address).is_none(), "{address}");
    }
}

#[test]
fn a_rule_pins_an_owner_by_a_value_that_only_the_owner_has() {
    for claims in [
        json!({"repository_owner": "acme"}),
        json!({"repository_owner": ["acme", "acme-labs"], "ref": {"glob": "**"}}),
        json!({"repository_owner_id": 65}),
        json!({"/repository_owner": "acme"}),
        json!({"repository": "acme/x"}),
        json!({"repository": {"glob": "acme/*"}}),
        json!({"repository": {"any-of": ["acme/x", {"glob": "labs/**"}]}}),
        json!({"enterprise": "acme"}),
    ] {
        assert!(is_pinned(GITHUB_COM, claims.clone()), "{claims}");
    }
    for claims in [
        json!({"ref": "refs/heads/main"}),
        json!({"actor": "alice"}),
        json!({"job_workflow_ref": {"glob": "acme/x/.github/**"}}),
        json!({"sub": {"glob": "repo:acme/**"}}),
        json!({"iss": GITHUB_COM}),
        json!({"repository_owner": ""}),
        json!({"repository_owner": {"glob": "acme*"}}),
        json!({"repository_owner": ["acme", {"glob": "*"}]}),
        json!({"repository": {"glob": "acme*/x"}}),
        json!({"repository": {"glob": "*/x"}}),
        json!({"repository": {"glob": "/**"}}),
        json!({"repository": ["acme/x", {"glob": "**"}]}),
        json!({"/x/repository_owner": "acme"}),
    ] {
        assert!(!is_pinned(GITHUB_COM, claims.clone()), "{claims}");
    }
}

#[test]
fn people_are_pinned_by_their_domain_and_clusters_by_their_name() {
    let google = "https://accounts.google.com";
    assert!(is_pinned(google, json!({"email": {"glob": "*@acme.test"}})));
    assert!(is_pinned(google, json!({"hd": "acme.test"})));
    for email in ["*", "*@*", "*.test", "alice@*"] {
        assert!(
            !is_pinned(google, json!({"email": {"glob": email}})),
            "{email}"
        );
    }
    // A stranger can give himself any address that nobody verifies.
    let ours = json!({"email": {"glob": "*@acme.test"}});
    assert!(!is_pinned_where(google, ours, false));
    for (verified, pinned) in [
        (json!(true), true),
        (json!(["true", "True"]), true),
        (json!("false"), false),
        (json!(["true", "false"]), false),
        (json!({"glob": "?rue"}), false),
    ] {
        let claims = json!({"email": {"glob": "*@acme.test"}, "email_verified": verified});
        assert_eq!(
            is_pinned_where(google, claims.clone(), false),
            pinned,
            "{claims}"
        );
    }
    let eks = "https://oidc.eks.*.amazonaws.com/id/*";
    assert!(is_pinned(
        eks,
        json!({"iss": "https://oidc.eks.eu-west-1.amazonaws.com/id/5A"})
    ));
    assert!(!is_pinned(
        eks,
        json!({"iss": {"glob": "https://oidc.eks.eu-west-1.amazonaws.com/id/*"}})
    ));
    let circle = "https://oidc.circleci.com";
    assert!(is_pinned(circle, json!({"sub": {"glob": "org/5a1e/**"}})));
    assert!(!is_pinned(circle, json!({"sub": {"glob": "org/**"}})));
}

#[test]
fn every_example_pins_an_owner() {
    for shared in SHARED {
        for address in shared.addresses {
            let address = address.replace('~', "*");
            for verifies in [true, false] {
                let example = shared.example(&address, verifies).replace('…', "org");
                let claims: Value = yaml_serde::from_str(&example).unwrap();
                assert!(is_pinned_where(&address, claims, verifies), "{example}");
            }
        }
    }
}
