//! The presets of `config/issuers`: each can be used as it is written, and makes of a token such as
//! the provider mints the certificate that it promises.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_identity::{
    Explanation, IdentityConfig, Issuers, IssuersOptions, OwnerRule, Reach, Verdict,
};
use serde_json::{Value, json};

/// When the tokens below are valid: none of the checks here depends on the clock.
const NOW: u64 = 1_800_000_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/issuers")
}

/// Takes a preset as `serve` does: owners of shared issuers must be named.
fn preset(name: &str) -> Issuers {
    let path = folder().join(name);
    let document = std::fs::read(&path).unwrap();
    let config = IdentityConfig::parse(&document, name).unwrap();
    assert!(config.warnings().is_empty(), "{:?}", config.warnings());
    let options = IssuersOptions {
        owner_rule: OwnerRule::Require,
        ..IssuersOptions::default()
    };
    Issuers::new(config, options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn token(mut claims: Value) -> String {
    let times = [("iat", NOW), ("nbf", NOW), ("exp", NOW + 300)];
    let members = claims.as_object_mut().unwrap();
    members.extend(times.map(|(name, time)| (name.to_owned(), json!(time))));
    members.entry("aud").or_insert_with(|| json!("sigstore"));
    members.entry("jti").or_insert_with(|| json!("a-1"));
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(&json!({"alg": "RS256", "kid": "1"}));
    format!("{header}.{}.AAAA", encode(&claims))
}

async fn explained(name: &str, claims: Value) -> Explanation {
    let now: SystemTime = UNIX_EPOCH + Duration::from_secs(NOW);
    preset(name)
        .explain(&token(claims), now, Reach::Offline)
        .await
}

/// File, a token's claims, the name in the certificate.
fn cases() -> Vec<(&'static str, Value, &'static str)> {
    let github = json!({
        "iss": "https://token.actions.githubusercontent.com",
        "sub": "repo:example-org/tool:ref:refs/heads/main",
        "repository": "example-org/tool", "repository_id": "7", "repository_owner": "example-org",
        "repository_owner_id": "6", "repository_visibility": "private", "ref": "refs/heads/main",
        "sha": "c0ffee", "workflow": "release", "event_name": "push", "run_id": "1",
        "run_attempt": "1", "runner_environment": "github-hosted",
        "workflow_ref": "example-org/tool/.github/workflows/r.yml@refs/heads/main",
        "workflow_sha": "c0ffee",
        "job_workflow_ref": "example-org/tool/.github/workflows/r.yml@refs/heads/main",
        "job_workflow_sha": "c0ffee", "enterprise": "example-enterprise",
    });
    let with = |base: &Value, issuer: &str| {
        let mut claims = base.clone();
        claims["iss"] = json!(issuer);
        claims
    };
    let gitlab = json!({
        "iss": "https://gitlab.com", "sub": "project_path:example-group/tool:ref_type:branch:ref:main",
        "namespace_path": "example-group", "namespace_id": "1", "project_path": "example-group/tool",
        "project_id": "2", "pipeline_source": "push", "job_id": "3", "ref": "main",
        "ref_type": "branch", "sha": "c0ffee", "runner_environment": "gitlab-hosted",
        "runner_id": 1, "ci_config_sha": null,
        "ci_config_ref_uri": "gitlab.com/example-group/tool//.gitlab-ci.yml@refs/heads/main",
    });
    let kubernetes = json!({
        "sub": "system:serviceaccount:builds:signer",
        "kubernetes.io": {"namespace": "builds", "serviceaccount": {"name": "signer", "uid": "1"}},
    });
    const SERVICE_ACCOUNT: &str = "https://kubernetes.io/namespaces/builds/serviceaccounts/signer";
    let zero = "00000000-0000-4000-8000-000000000000";
    vec![
        (
            "github.yaml",
            github.clone(),
            "https://github.com/example-org/tool/.github/workflows/r.yml@refs/heads/main",
        ),
        (
            "github-enterprise-cloud.yaml",
            with(
                &github,
                "https://token.actions.githubusercontent.com/example-enterprise",
            ),
            "https://github.com/example-org/tool/.github/workflows/r.yml@refs/heads/main",
        ),
        (
            "github-enterprise-server.yaml",
            with(&github, "https://github.example.org/_services/token"),
            "https://github.example.org/example-org/tool/.github/workflows/r.yml@refs/heads/main",
        ),
        (
            "gitlab.yaml",
            gitlab.clone(),
            "https://gitlab.com/example-group/tool//.gitlab-ci.yml@refs/heads/main",
        ),
        (
            "gitlab-self-managed.yaml",
            with(&gitlab, "https://gitlab.example.org"),
            "https://gitlab.com/example-group/tool//.gitlab-ci.yml@refs/heads/main",
        ),
        (
            "buildkite.yaml",
            json!({
                "iss": "https://agent.buildkite.com", "sub": "organization:example-org:…",
                "organization_slug": "example-org", "pipeline_slug": "tool", "build_number": 61,
                "build_commit": "c0ffee", "build_source": "ui", "step_key": null,
                "job_id": "0184990a", "runner_environment": "self-hosted",
            }),
            "https://buildkite.com/example-org/tool",
        ),
        (
            "circleci.yaml",
            json!({
                "iss": format!("https://oidc.circleci.com/org/{zero}"),
                "sub": format!("org/{zero}/project/p/user/u"),
                "oidc.circleci.com/project-id": "p", "oidc.circleci.com/ssh-rerun": false,
                "oidc.circleci.com/context-ids": [], "oidc.circleci.com/workflow-id": "w",
                "oidc.circleci.com/job-id": "j", "oidc.circleci.com/pipeline-id": "l",
                "oidc.circleci.com/pipeline-definition-id": "d",
            }),
            "https://circleci.com/api/v2/projects/p/pipeline-definitions/d",
        ),
        (
            "codefresh.yaml",
            json!({
                "iss": "https://oidc.codefresh.io", "sub": "account:1:pipeline:2",
                "account_name": "example-account", "account_id": "1", "pipeline_id": "2",
                "pipeline_name": "tool/build", "workflow_id": "3",
            }),
            "https://g.codefresh.io/example-account/tool/build:1/2",
        ),
        (
            "buddy.yaml",
            json!({
                "iss": "https://api.buddy.works", "sub": "pipeline:1",
                "workspace_domain": "example-workspace", "project_name": "tool", "pipeline_id": 1,
                "execution_id": 2, "runner_environment": "buddy", "triggered_on": "click",
            }),
            "https://app.buddy.works/example-workspace/tool/pipelines/pipeline/1",
        ),
        (
            "jenkins.yaml",
            json!({
                "iss": "https://jenkins.example.org/oidc", "build_number": 12,
                "sub": "https://jenkins.example.org/job/tool/",
            }),
            "https://jenkins.example.org/job/tool/",
        ),
        (
            "azure-pipelines.yaml",
            json!({
                "iss": format!("https://vstoken.dev.azure.com/{zero}"),
                "aud": "api://AzureADTokenExchange", "sub": "p://example/tool/build",
                "org_id": zero, "prj_id": "p", "def_id": "4", "run_id": "9",
            }),
            "https://dev.azure.com/00000000-0000-4000-8000-000000000000/p/_build?definitionId=4",
        ),
        (
            "bitbucket.yaml",
            json!({
                "iss": "https://api.bitbucket.org/2.0/workspaces/example-workspace/pipelines-config/identity/oidc",
                "aud": format!("ari:cloud:bitbucket::workspace/{zero}"), "sub": "{r}:{s}",
                "repositoryUuid": "{r}", "pipelineUuid": "{p}", "branchName": "main",
            }),
            "https://bitbucket.org/example-workspace/%7Br%7D",
        ),
        (
            "google.yaml",
            json!({
                "iss": "https://accounts.google.com", "sub": "1", "hd": "example.org",
                "email": "sam@example.org", "email_verified": true,
            }),
            "sam@example.org",
        ),
        (
            "kubernetes-in-cluster.yaml",
            with(&kubernetes, "https://kubernetes.default.svc"),
            SERVICE_ACCOUNT,
        ),
        (
            "kubernetes-clouds.yaml",
            with(
                &kubernetes,
                "https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE0123456789ABCDEF0123456789",
            ),
            "https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE0123456789ABCDEF0123456789\
             /namespaces/builds/serviceaccounts/signer",
        ),
        (
            "spiffe.yaml",
            json!({"iss": "https://oidc.spire.example.org", "sub": "spiffe://example.org/ns/a"}),
            "spiffe://example.org/ns/a",
        ),
        (
            "entra.yaml",
            json!({
                "iss": format!("https://login.microsoftonline.com/{zero}/v2.0"), "sub": "pairwise",
                "aud": "00000000-0000-4000-8000-000000000002", "oid": "o", "tid": zero,
                "preferred_username": "sam@example.org",
            }),
            "sam@example.org",
        ),
        (
            "keycloak.yaml",
            json!({
                "iss": "https://login.example.org/realms/example", "sub": "1",
                "email": "sam@example.org", "email_verified": true,
            }),
            "sam@example.org",
        ),
        (
            "dex.yaml",
            json!({
                "iss": "https://dex.example.org/auth", "sub": "1", "email": "sam@example.org",
                "email_verified": true,
            }),
            "sam@example.org",
        ),
        (
            "okta.yaml",
            json!({
                "iss": "https://example.okta.com/oauth2/default", "aud": "0oa0example0client0id",
                "sub": "1", "email": "sam@example.org", "email_verified": true,
            }),
            "sam@example.org",
        ),
        (
            "chainguard.yaml",
            json!({
                "iss": "https://issuer.enforce.dev",
                "sub": "0000000000000000000000000000000000000000/0000000000000000",
            }),
            "https://issuer.enforce.dev/0000000000000000000000000000000000000000/0000000000000000",
        ),
        (
            "public-email.yaml",
            json!({
                "iss": "https://oauth2.sigstore.dev/auth", "sub": "1", "email": "sam@example.org",
                "email_verified": true, "federated_claims": {"connector_id": "https://idp.test"},
            }),
            "sam@example.org",
        ),
    ]
}

#[tokio::test]
async fn each_preset_makes_the_name_that_it_promises() {
    for (file, claims, name) in cases() {
        let explained = explained(file, claims).await;
        assert_eq!(
            explained.verdict,
            Verdict::Undecided,
            "{file}: {explained:#?}"
        );
        assert_eq!(explained.certificate.unwrap().name, name, "{file}");
    }
}

#[test]
fn every_file_of_the_folder_is_a_preset_with_a_case() {
    let files = std::fs::read_dir(folder()).unwrap();
    let files: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    let cases: BTreeSet<String> = cases().iter().map(|case| case.0.to_owned()).collect();
    assert_eq!(files, cases);
}

#[tokio::test]
async fn strangers_of_a_shared_issuer_are_refused_by_the_preset() {
    for (file, claim) in [
        ("github.yaml", "repository_owner"),
        ("gitlab.yaml", "namespace_path"),
        ("buildkite.yaml", "organization_slug"),
        ("codefresh.yaml", "account_name"),
        ("google.yaml", "hd"),
    ] {
        let (_, mut claims, _) = cases().into_iter().find(|case| case.0 == file).unwrap();
        claims[claim] = json!("stranger");
        let explained = explained(file, claims).await;
        assert_eq!(explained.verdict, Verdict::Refused, "{file}");
        let codes: Vec<_> = explained
            .steps
            .iter()
            .filter_map(|step| step.code)
            .collect();
        assert_eq!(codes, ["rule-not-allowed"], "{file}");
    }
}
