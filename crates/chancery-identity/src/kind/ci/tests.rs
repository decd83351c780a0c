//! Tests of what becomes of builds' tokens, by provider.

mod older;

use serde_json::{Value, json};

use crate::config::IdentityConfig;
use crate::issuer::VerifiedClaims;
use crate::kind::{Identity, IdentityError, Kind};

const PROVIDERS: &str = include_str!("providers.yaml");

/// The kind of an entry of a configuration, by the end of its URL.
fn configured(end: &str) -> Kind {
    let config = IdentityConfig::parse(PROVIDERS.as_bytes(), "providers.yaml").unwrap();
    let address = format!("https://idp.test/{end}");
    Kind::new(&config.issuers[&address][0], &address, false).unwrap()
}

fn built_in(kind: &str, members: &str) -> Kind {
    let entry = yaml_serde::from_str(&format!("{{type: {kind}{members}}}")).unwrap();
    Kind::new(&entry, "https://idp.test", false).unwrap()
}

fn identify(kind: &Kind, claims: &Value) -> Result<Identity, IdentityError> {
    kind.identify(&VerifiedClaims::of_test(claims))
}

/// The certified name and each extension, or the code of the refusal.
fn outcome(kind: &Kind, claims: &Value) -> String {
    match identify(kind, claims) {
        Ok(identity) => {
            let mut lines = vec![identity.san.to_string()];
            let extensions = identity.extensions.present().skip(1);
            lines.extend(extensions.map(|(name, value)| format!("{name}={value}")));
            lines.join("\n")
        }
        Err(error) => error.code().to_owned(),
    }
}

fn name(kind: &Kind, claims: &Value) -> String {
    let outcome = outcome(kind, claims);
    outcome.lines().next().unwrap_or_default().to_owned()
}

/// The claims with one of them replaced; taken away, if by null.
fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

fn github() -> Value {
    json!({
        "iss": "https://idp.test", "sub": "repo:acme/app:ref:refs/heads/main",
        "event_name": "push", "sha": "aa", "workflow": "release", "repository": "acme/app",
        "ref": "refs/heads/main", "job_workflow_ref": "acme/app/.github/w.yml@refs/heads/main",
        "job_workflow_sha": "bb", "runner_environment": "github-hosted", "repository_id": "12",
        "repository_owner": "acme", "repository_owner_id": "42", "repository_visibility": "private",
        "workflow_ref": "acme/app/.github/x.yml@refs/heads/main", "workflow_sha": "cc",
        "run_id": "900", "run_attempt": "2", "actor": "alice", "reviewers": ["x"],
    })
}

const GITHUB: &str = "https://github.com/acme/app/.github/w.yml@refs/heads/main
github_workflow_trigger=push
github_workflow_sha=aa
github_workflow_name=release
github_workflow_repository=acme/app
github_workflow_ref=refs/heads/main
build_signer_uri=https://github.com/acme/app/.github/w.yml@refs/heads/main
build_signer_digest=bb
runner_environment=github-hosted
source_repository_uri=https://github.com/acme/app
source_repository_digest=aa
source_repository_ref=refs/heads/main
source_repository_identifier=12
source_repository_owner_uri=https://github.com/acme
source_repository_owner_identifier=42
build_config_uri=https://github.com/acme/app/.github/x.yml@refs/heads/main
build_config_digest=cc
build_trigger=push
run_invocation_uri=https://github.com/acme/app/actions/runs/900/attempts/2
source_repository_visibility_at_signing=private";

fn gitlab() -> Value {
    json!({
        "iss": "https://idp.test", "sub": "project_path:grp/sub/app:ref_type:branch:ref:main",
        "project_path": "grp/sub/app", "project_id": "77", "namespace_path": "grp/sub",
        "namespace_id": "9", "pipeline_id": "555", "pipeline_source": "push", "job_id": "1234",
        "ref": "main", "ref_type": "branch", "sha": "ee", "runner_id": 1,
        "runner_environment": "gitlab-hosted", "ci_config_sha": "dd",
        "ci_config_ref_uri": "gitlab.com/grp/sub/app//.gitlab-ci.yml@refs/heads/main",
        "project_visibility": "public", "user_identities": [{"provider": "x"}],
    })
}

const GITLAB: &str = "https://gitlab.com/grp/sub/app//.gitlab-ci.yml@refs/heads/main
build_signer_uri=https://gitlab.com/grp/sub/app//.gitlab-ci.yml@refs/heads/main
build_signer_digest=dd
runner_environment=gitlab-hosted
source_repository_uri=https://gitlab.com/grp/sub/app
source_repository_digest=ee
source_repository_ref=refs/heads/main
source_repository_identifier=77
source_repository_owner_uri=https://gitlab.com/grp/sub
source_repository_owner_identifier=9
build_config_uri=https://gitlab.com/grp/sub/app//.gitlab-ci.yml@refs/heads/main
build_config_digest=dd
build_trigger=push
run_invocation_uri=https://gitlab.com/grp/sub/app/-/jobs/1234
source_repository_visibility_at_signing=public";

fn codefresh() -> Value {
    json!({
        "iss": "https://idp.test", "sub": "account:a1:pipeline:p1", "account_id": "a1",
        "account_name": "acme", "pipeline_id": "p1", "pipeline_name": "proj/pipe",
        "workflow_id": "w1", "initiator": "x", "scm_repo_url": "https://git.test/acme/app",
        "scm_ref": "main", "runner_environment": "hybrid", "platform_url": "https://cf.corp.test",
    })
}

const CODEFRESH: &str = "https://cf.corp.test/acme/proj/pipe:a1/p1
build_signer_uri=https://cf.corp.test/build/w1
runner_environment=hybrid
source_repository_uri=https://git.test/acme/app
source_repository_ref=main
build_config_uri=https://cf.corp.test/api/pipelines/p1
run_invocation_uri=https://cf.corp.test/build/w1";

fn buildkite() -> Value {
    json!({
        "iss": "https://idp.test", "sub": "organization:acme:pipeline:app", "build_number": 5,
        "organization_slug": "acme", "pipeline_slug": "app", "build_commit": "ff", "job_id": "018a",
        "build_tag": null, "runner_environment": "self-hosted", "build_source": "webhook",
    })
}

#[test]
fn tokens_of_described_providers_fill_every_extension() {
    let deployed = format!("{GITHUB}\ndeployment_environment=prod");
    assert_eq!(
        outcome(
            &configured("github"),
            &with(&github(), "environment", json!("prod"))
        ),
        deployed
    );
    assert_eq!(outcome(&configured("github"), &github()), GITHUB);
    let staging = format!("{GITLAB}\ndeployment_environment=staging");
    assert_eq!(
        outcome(
            &configured("gitlab"),
            &with(&gitlab(), "environment", json!("staging"))
        ),
        staging
    );
    assert_eq!(outcome(&configured("codefresh"), &codefresh()), CODEFRESH);
    assert_eq!(
        outcome(&configured("buildkite"), &buildkite()),
        "https://buildkite.com/acme/app
runner_environment=self-hosted
source_repository_digest=ff
build_trigger=webhook
run_invocation_uri=https://buildkite.com/acme/app/builds/5#018a"
    );
    let circleci = json!({
        "sub": "org/o1/project/p1/user/u1", "oidc.circleci.com/project-id": "p1",
        "oidc.circleci.com/pipeline-definition-id": "d1", "oidc.circleci.com/pipeline-id": "l1",
        "oidc.circleci.com/workflow-id": "w1", "oidc.circleci.com/job-id": "j1",
        "oidc.circleci.com/ssh-rerun": true, "oidc.circleci.com/vcs-origin": "github.com/acme/app",
        "oidc.circleci.com/vcs-ref": "refs/heads/main", "oidc.circleci.com/context-ids": ["c1"],
    });
    assert_eq!(
        outcome(&configured("circleci"), &circleci),
        "https://circleci.com/api/v2/projects/p1/pipeline-definitions/d1
build_signer_uri=https://circleci.com/api/v2/projects/p1/pipeline-definitions/d1
runner_environment=ssh-rerun
source_repository_uri=github.com/acme/app
source_repository_ref=refs/heads/main
build_config_uri=https://circleci.com/api/v2/pipeline/l1/config
run_invocation_uri=https://app.circleci.com//workflow/w1/job/j1"
    );
    let buddy = json!({
        "sub": "pipeline:12", "workspace_domain": "acme", "project_name": "app", "pipeline_id": 12,
        "execution_id": "e1", "triggered_on": "ON_PUSH", "revision": "11",
        "ref": "refs/heads/main", "runner_environment": "platform-hosted",
    });
    assert_eq!(
        outcome(&configured("buddy"), &buddy),
        "https://app.buddy.works/acme/app/pipelines/pipeline/12
build_signer_uri=https://app.buddy.works/acme/app/pipelines/pipeline/12
runner_environment=platform-hosted
source_repository_uri=https://app.buddy.works/acme/app
source_repository_digest=11
source_repository_ref=refs/heads/main
source_repository_owner_uri=https://app.buddy.works/acme
build_trigger=ON_PUSH
run_invocation_uri=https://app.buddy.works/acme/app/pipelines/pipeline/12/execution/e1"
    );
}

#[test]
fn a_service_of_ones_own_has_its_own_names() {
    let ours = ", template-values: {url: 'https://ghes.corp.test/'}";
    let kind = built_in("github-workflow", ours);
    let expected = GITHUB.replace("https://github.com/", "https://ghes.corp.test/");
    assert_eq!(outcome(&kind, &github()), expected);
    // The operator's word is better than the token's.
    let document = PROVIDERS.replacen(
        "ci-provider: github-workflow",
        "ci-provider: github-workflow\n    template-values: {url: 'https://ghes.corp.test'}",
        1,
    );
    let config = IdentityConfig::parse(document.as_bytes(), "providers.yaml").unwrap();
    let address = "https://idp.test/github";
    let kind = Kind::new(&config.issuers[address][0], address, false).unwrap();
    let other = with(&github(), "url", json!("https://evil.test"));
    assert_eq!(outcome(&kind, &other), expected);
}

#[test]
fn claims_are_filled_in_as_they_are_and_the_name_is_encoded() {
    let kind = configured("github");
    let claims = with(&github(), "workflow", json!("a\tb\u{7}"));
    assert!(outcome(&kind, &claims).contains("github_workflow_name=a\tb\u{7}\n"));
    let claims = with(&github(), "workflow", json!("w".repeat(5000)));
    assert!(outcome(&kind, &claims).contains(&"w".repeat(5000)));
    let reference = "acme/app/a b.yml@ü#1?x";
    let said = outcome(
        &kind,
        &with(&github(), "job_workflow_ref", json!(reference)),
    );
    assert!(
        said.starts_with("https://github.com/acme/app/a%20b.yml@%C3%BC#1?x\n"),
        "{said}"
    );
    assert!(said.contains(&format!(
        "build_signer_uri=https://github.com/{reference}\n"
    )));
    for (value, code) in [
        (json!("acme/%zz"), "name-refused"),
        (json!("acme/a\nb"), "name-refused"),
        (json!("a".repeat(4096)), "name-refused"),
        (json!(null), "claim-missing"),
        (json!(["a"]), "claim-refused"),
        (json!({"a": "b"}), "claim-refused"),
    ] {
        let claims = with(&github(), "job_workflow_ref", value.clone());
        assert_eq!(outcome(&kind, &claims), code, "{value}");
    }
    let hostless = with(&github(), "url", json!(""));
    assert_eq!(outcome(&kind, &hostless), "name-refused");
}

#[test]
fn lists_and_objects_matter_only_to_what_refers_to_them() {
    let refused = |end: &str, claims: Value, name: &str| {
        let error = identify(&configured(end), &claims).unwrap_err();
        assert_eq!(error.code(), "claim-refused");
        assert!(error.to_string().contains(name), "{error}");
    };
    refused(
        "github",
        with(&github(), "workflow", json!(["a"])),
        "workflow",
    );
    refused("github", with(&github(), "url", json!({"a": "b"})), "url");
    refused("odd", json!({"sub": "s", "big": "", "ref": ["x"]}), "ref");
    refused("odd", json!({"sub": "s", "big": ["x"]}), "big");
    assert_eq!(
        name(
            &configured("odd"),
            &json!({"sub": "s", "big": "", "other": ["x"]})
        ),
        "https://odd.test/s"
    );
}

#[test]
fn defaults_are_texts_and_empty_results_are_left_out() {
    let claims = json!({"sub": "s", "big": ""});
    assert_eq!(
        outcome(&configured("odd"), &claims),
        "https://odd.test/s\nbuild_signer_digest=true\nbuild_config_digest=7"
    );
    let emptied = with(&claims, "n", json!(""));
    assert!(!outcome(&configured("odd"), &emptied).contains("build_config_digest"));
    let null = with(&claims, "n", json!(null));
    assert!(outcome(&configured("odd"), &null).contains("build_config_digest=7"));
    assert_eq!(
        outcome(&configured("odd"), &json!({"sub": "s"})),
        "claim-missing"
    );
    assert_eq!(
        outcome(&configured("odd"), &json!({"sub": "", "big": ""})),
        "subject-missing"
    );
}
