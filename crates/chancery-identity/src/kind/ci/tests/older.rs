//! Tests of the types that Fulcio has for single providers.

use super::*;

#[test]
fn tokens_of_the_older_types_have_the_same_extensions() {
    let github_workflow = built_in("github-workflow", "");
    assert_eq!(outcome(&github_workflow, &github()), GITHUB);
    // Neither environment nor address of the service are the token's to say.
    let more = with(&github(), "environment", json!("prod"));
    let more = with(&more, "url", json!("https://evil.test"));
    assert_eq!(outcome(&github_workflow, &more), GITHUB);
    assert_eq!(outcome(&built_in("gitlab-pipeline", ""), &gitlab()), GITLAB);
    assert_eq!(
        outcome(&built_in("codefresh-workflow", ""), &codefresh()),
        CODEFRESH
    );
    assert_eq!(
        outcome(&built_in("buildkite-job", ""), &buildkite()),
        "https://buildkite.com/acme/app"
    );
}

#[test]
fn the_older_types_miss_each_claim_that_they_need() {
    for (kind, claims, needed) in [
        (
            "github-workflow",
            github(),
            &[
                "job_workflow_ref",
                "sha",
                "event_name",
                "repository",
                "workflow",
                "ref",
                "job_workflow_sha",
                "runner_environment",
                "repository_id",
                "repository_owner",
                "repository_owner_id",
                "repository_visibility",
                "workflow_ref",
                "workflow_sha",
                "run_id",
                "run_attempt",
            ][..],
        ),
        (
            "gitlab-pipeline",
            gitlab(),
            &[
                "project_path",
                "pipeline_source",
                "pipeline_id",
                "ci_config_ref_uri",
                "job_id",
                "ref",
                "ref_type",
                "namespace_path",
                "namespace_id",
                "project_id",
                "sha",
                "runner_environment",
            ],
        ),
        (
            "buildkite-job",
            buildkite(),
            &["organization_slug", "pipeline_slug"],
        ),
        (
            "codefresh-workflow",
            codefresh(),
            &["account_id", "pipeline_id", "workflow_id"],
        ),
        (
            "chainguard-identity",
            json!({"iss": "https://idp.test", "sub": "x"}),
            &["sub"],
        ),
    ] {
        let kind = built_in(kind, "");
        for claim in needed {
            let missing = if *claim == "sub" {
                "subject-missing"
            } else {
                "claim-missing"
            };
            for (value, code) in [
                (json!(null), missing),
                (json!(""), missing),
                (json!(5), "claim-refused"),
                (json!(["x"]), "claim-refused"),
            ] {
                assert_eq!(
                    outcome(&kind, &with(&claims, claim, value)),
                    code,
                    "{claim}"
                );
            }
        }
    }
}

#[test]
fn a_github_workflow_is_joined_to_its_host_as_by_go() {
    let kind = built_in("github-workflow", "");
    for (reference, expected) in [
        (
            "acme/app/a b.yml@ü#1?x",
            "https://github.com/acme/app/a%20b.yml@%C3%BC%231%3Fx",
        ),
        (
            "acme//app/./x/../y.yml@main",
            "https://github.com/acme/app/y.yml@main",
        ),
        ("../../x", "https://github.com/x"),
        (":80/x", "https://github.com/:80/x"),
        // Go drops the path and certifies the host.
        ("acme/app/%zz@x", "name-refused"),
    ] {
        let claims = with(&github(), "job_workflow_ref", json!(reference));
        assert_eq!(name(&kind, &claims), expected, "{reference}");
    }
}

#[test]
fn a_gitlab_pipeline_has_a_branch_or_a_tag_and_a_runner() {
    let kind = built_in("gitlab-pipeline", "");
    let tag = outcome(&kind, &with(&gitlab(), "ref_type", json!("tag")));
    assert!(
        tag.contains("source_repository_ref=refs/tags/main"),
        "{tag}"
    );
    assert_eq!(
        outcome(&kind, &with(&gitlab(), "ref_type", json!("odd"))),
        "claim-refused"
    );
    for (runner, code) in [
        (json!(null), "claim-missing"),
        (json!(0), "claim-refused"),
        (json!("1"), "claim-refused"),
        (json!(1.5), "claim-refused"),
    ] {
        assert_eq!(outcome(&kind, &with(&gitlab(), "runner_id", runner)), code);
    }
    for (uri, expected) in [
        (
            "https://gitlab.com/a/b//c.yml@x",
            "https://gitlab.com/a/b//c.yml@x",
        ),
        (
            "gitlab.corp.test:8443/a//c.yml@x",
            "https://gitlab.corp.test:8443/a//c.yml@x",
        ),
        (
            "gitlab.com/a b//c.yml@x",
            "https://gitlab.com/a%20b//c.yml@x",
        ),
        ("//gitlab.com/a", "https://gitlab.com/a"),
        ("git lab.com/a", "name-refused"),
        ("evil.test@gitlab.com/a", "name-refused"),
        ("/a", "name-refused"),
    ] {
        let claims = with(&gitlab(), "ci_config_ref_uri", json!(uri));
        assert_eq!(name(&kind, &claims), expected, "{uri}");
    }
    let bare = with(&gitlab(), "ci_config_sha", json!(null));
    let bare = outcome(&kind, &with(&bare, "project_visibility", json!(null)));
    assert!(
        !bare.contains("digest=dd") && !bare.contains("visibility"),
        "{bare}"
    );
}

#[test]
fn a_codefresh_workflow_may_leave_out_what_it_has_defaults_for() {
    let kind = built_in("codefresh-workflow", "");
    let expected = "https://g.codefresh.io/acme/proj/pipe:a1/p1";
    for value in [json!(null), json!("")] {
        assert_eq!(
            name(&kind, &with(&codefresh(), "platform_url", value)),
            expected
        );
    }
    assert_eq!(
        name(&kind, &with(&codefresh(), "account_name", json!(null))),
        "https://cf.corp.test/proj/pipe:a1/p1"
    );
    let bare = with(&codefresh(), "runner_environment", json!(null));
    assert!(!outcome(&kind, &bare).contains("runner_environment"));
    assert_eq!(
        outcome(&kind, &with(&codefresh(), "initiator", json!(5))),
        "claim-refused"
    );
}

#[test]
fn a_chainguard_identity_is_below_its_issuer_and_signs_its_address_if_it_has_one() {
    let kind = built_in("chainguard-identity", "");
    let claims = json!({"iss": "https://idp.test/x", "sub": "abc/def"});
    let signed = |claims: &Value| match identify(&kind, claims) {
        Ok(identity) => identity.name,
        Err(error) => error.code().to_owned(),
    };
    assert_eq!(outcome(&kind, &claims), "https://idp.test/x/abc/def");
    assert_eq!(signed(&claims), "abc/def");
    let verified = with(&claims, "email", json!("a@b.test"));
    assert_eq!(signed(&verified), "email-not-verified");
    let verified = with(&verified, "email_verified", json!(true));
    assert_eq!(signed(&verified), "a@b.test");
    assert_eq!(outcome(&kind, &verified), "https://idp.test/x/abc/def");
    for (name, value, accepted) in [
        ("act", json!({"sub": "x", "none": null}), true),
        ("act", json!({"sub": {"a": "b"}}), false),
        ("act", json!("x"), false),
        (
            "internal",
            json!({"service-principal": "x", "other": 5}),
            true,
        ),
        ("internal", json!({"service-principal": 5}), false),
        ("internal", json!([]), false),
        ("email_verified", json!("yes"), false),
    ] {
        let outcome = signed(&with(&claims, name, value.clone()));
        assert_eq!(outcome == "abc/def", accepted, "{name}: {value}: {outcome}");
    }
}
