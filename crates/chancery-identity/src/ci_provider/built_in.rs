//! The providers that Fulcio has types of their own for, as data: which claims a token must have,
//! and what they become.
//!
//! Fulcio keeps these types for old configurations and wires the service's address in. Here it is
//! a default, so that `template-values` can name a GitHub or GitLab of one's own.

use std::collections::BTreeMap;

use chancery_template::{ParseError, Template};

use crate::ci_provider::CiProvider;
use crate::ci_provider::extension::Extension;
use crate::ci_provider::recipe::Recipe;

/// A claim that a type knows, and what it must be. Others are not looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declared {
    pub(crate) name: &'static str,
    pub(crate) rule: Rule,
}

/// What a claim must be. Null counts as missing, and so does the empty text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule {
    /// A text.
    Required,
    /// A text if it is there, else the default, else empty.
    Optional,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// An integer of 64 bits that is not zero.
    Integer,
    /// If it is there, an object that has texts only.
    OptionalTexts,
    /// If it is there, an object in which this member is a text if it is there.
    OptionalObject(&'static str),
}

/// A provider as it is written below.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    /// Fulcio's name of the type.
    pub(crate) name: &'static str,
    pub(crate) claims: &'static [Declared],
    /// Whether a verified e-mail address, if the token has one, is what clients sign.
    pub(crate) signs_email: bool,
    defaults: &'static [(&'static str, &'static str)],
    subject: Source,
    extensions: &'static [(&'static str, Source)],
}

/// A [`Recipe`] as it is written below.
#[derive(Debug)]
enum Source {
    Claim(&'static str),
    Template(&'static str),
    Joined(&'static str, &'static [&'static str]),
    OnHttps(&'static str),
}

use Rule::{Integer, OneOf, Optional, OptionalObject, OptionalTexts, Required};
use Source::{Claim, Joined, OnHttps, Template as Text};

/// All of them.
pub(crate) static BUILT_IN: [BuiltIn; 5] = [GITHUB, GITLAB, BUILDKITE, CODEFRESH, CHAINGUARD];

const fn claim(name: &'static str, rule: Rule) -> Declared {
    Declared { name, rule }
}

const GITHUB: BuiltIn = BuiltIn {
    name: "github-workflow",
    claims: &[
        claim("job_workflow_ref", Required),
        claim("sha", Required),
        claim("event_name", Required),
        claim("repository", Required),
        claim("workflow", Required),
        claim("ref", Required),
        claim("job_workflow_sha", Required),
        claim("runner_environment", Required),
        claim("repository_id", Required),
        claim("repository_owner", Required),
        claim("repository_owner_id", Required),
        claim("repository_visibility", Required),
        claim("workflow_ref", Required),
        claim("workflow_sha", Required),
        claim("run_id", Required),
        claim("run_attempt", Required),
    ],
    signs_email: false,
    defaults: &[("url", "https://github.com/")],
    subject: Joined("{{.url}}", &["{{.job_workflow_ref}}"]),
    extensions: &[
        ("github-workflow-trigger", Claim("event_name")),
        ("github-workflow-sha", Claim("sha")),
        ("github-workflow-name", Claim("workflow")),
        ("github-workflow-repository", Claim("repository")),
        ("github-workflow-ref", Claim("ref")),
        (
            "build-signer-uri",
            Joined("{{.url}}", &["{{.job_workflow_ref}}"]),
        ),
        ("build-signer-digest", Claim("job_workflow_sha")),
        ("runner-environment", Claim("runner_environment")),
        (
            "source-repository-uri",
            Joined("{{.url}}", &["{{.repository}}"]),
        ),
        ("source-repository-digest", Claim("sha")),
        ("source-repository-ref", Claim("ref")),
        ("source-repository-identifier", Claim("repository_id")),
        (
            "source-repository-owner-uri",
            Joined("{{.url}}", &["{{.repository_owner}}"]),
        ),
        (
            "source-repository-owner-identifier",
            Claim("repository_owner_id"),
        ),
        (
            "build-config-uri",
            Joined("{{.url}}", &["{{.workflow_ref}}"]),
        ),
        ("build-config-digest", Claim("workflow_sha")),
        ("build-trigger", Claim("event_name")),
        (
            "run-invocation-uri",
            Joined(
                "{{.url}}",
                &[
                    "{{.repository}}",
                    "actions/runs",
                    "{{.run_id}}",
                    "attempts",
                    "{{.run_attempt}}",
                ],
            ),
        ),
        (
            "source-repository-visibility-at-signing",
            Claim("repository_visibility"),
        ),
    ],
};

const GITLAB: BuiltIn = BuiltIn {
    name: "gitlab-pipeline",
    claims: &[
        claim("project_path", Required),
        claim("pipeline_source", Required),
        claim("pipeline_id", Required),
        claim("ci_config_ref_uri", Required),
        claim("job_id", Required),
        claim("ref", Required),
        claim("ref_type", OneOf(&["branch", "tag"])),
        claim("namespace_path", Required),
        claim("namespace_id", Required),
        claim("project_id", Required),
        claim("sha", Required),
        claim("runner_environment", Required),
        claim("runner_id", Integer),
        claim("ci_config_sha", Optional),
        claim("project_visibility", Optional),
    ],
    signs_email: false,
    defaults: &[("url", "https://gitlab.com/")],
    subject: OnHttps("{{.ci_config_ref_uri}}"),
    extensions: &[
        ("build-signer-uri", OnHttps("{{.ci_config_ref_uri}}")),
        ("build-signer-digest", Claim("ci_config_sha")),
        ("runner-environment", Claim("runner_environment")),
        (
            "source-repository-uri",
            Joined("{{.url}}", &["{{.project_path}}"]),
        ),
        ("source-repository-digest", Claim("sha")),
        (
            "source-repository-ref",
            Text(r#"refs/{{if eq .ref_type "branch"}}heads{{else}}tags{{end}}/{{.ref}}"#),
        ),
        ("source-repository-identifier", Claim("project_id")),
        (
            "source-repository-owner-uri",
            Joined("{{.url}}", &["{{.namespace_path}}"]),
        ),
        ("source-repository-owner-identifier", Claim("namespace_id")),
        ("build-config-uri", OnHttps("{{.ci_config_ref_uri}}")),
        ("build-config-digest", Claim("ci_config_sha")),
        ("build-trigger", Claim("pipeline_source")),
        (
            "run-invocation-uri",
            Joined("{{.url}}", &["{{.project_path}}", "-/jobs", "{{.job_id}}"]),
        ),
        (
            "source-repository-visibility-at-signing",
            Claim("project_visibility"),
        ),
    ],
};

const BUILDKITE: BuiltIn = BuiltIn {
    name: "buildkite-job",
    claims: &[
        claim("organization_slug", Required),
        claim("pipeline_slug", Required),
    ],
    signs_email: false,
    defaults: &[("url", "https://buildkite.com")],
    subject: Text("{{.url}}/{{.organization_slug}}/{{.pipeline_slug}}"),
    extensions: &[],
};

const CODEFRESH: BuiltIn = BuiltIn {
    name: "codefresh-workflow",
    claims: &[
        claim("account_id", Required),
        claim("pipeline_id", Required),
        claim("workflow_id", Required),
        claim("account_name", Optional),
        claim("pipeline_name", Optional),
        claim("initiator", Optional),
        claim("scm_repo_url", Optional),
        claim("scm_user_name", Optional),
        claim("scm_ref", Optional),
        claim("scm_pull_request_target_branch", Optional),
        claim("runner_environment", Optional),
        claim("platform_url", Optional),
    ],
    signs_email: false,
    defaults: &[("platform_url", "https://g.codefresh.io")],
    subject: Joined(
        "{{.platform_url}}",
        &[
            "{{.account_name}}",
            "{{.pipeline_name}}:{{.account_id}}/{{.pipeline_id}}",
        ],
    ),
    extensions: &[
        (
            "build-signer-uri",
            Joined("{{.platform_url}}", &["build", "{{.workflow_id}}"]),
        ),
        ("runner-environment", Claim("runner_environment")),
        ("source-repository-uri", Claim("scm_repo_url")),
        ("source-repository-ref", Claim("scm_ref")),
        (
            "build-config-uri",
            Joined("{{.platform_url}}", &["api/pipelines", "{{.pipeline_id}}"]),
        ),
        (
            "run-invocation-uri",
            Joined("{{.platform_url}}", &["build", "{{.workflow_id}}"]),
        ),
    ],
};

const CHAINGUARD: BuiltIn = BuiltIn {
    name: "chainguard-identity",
    claims: &[
        claim("sub", Required),
        claim("email", Optional),
        claim("act", OptionalTexts),
        claim("internal", OptionalObject("service-principal")),
    ],
    signs_email: true,
    defaults: &[],
    subject: Joined("{{.issuer}}", &["{{.sub}}"]),
    extensions: &[],
};

impl BuiltIn {
    /// Returns the one that is Fulcio's type of that name.
    pub(crate) fn by_type(name: &str) -> Option<&'static Self> {
        BUILT_IN.iter().find(|provider| provider.name == name)
    }

    /// Parses the templates.
    pub(crate) fn provider(&self) -> CiProvider {
        #[expect(
            clippy::expect_used,
            reason = "the tables above are constant, and a test parses them"
        )]
        self.parse().expect("built-in templates parse")
    }

    fn parse(&self) -> Result<CiProvider, ParseError> {
        let defaults = self.defaults.iter();
        let mut extensions = Vec::new();
        for (name, source) in self.extensions {
            if let Some(extension) = Extension::by_name(name) {
                extensions.push((extension, source.parse()?));
            }
        }
        Ok(CiProvider {
            defaults: defaults
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect::<BTreeMap<_, _>>(),
            name: Some(self.subject.parse()?),
            extensions,
        })
    }
}

impl Source {
    fn parse(&self) -> Result<Recipe, ParseError> {
        Ok(match self {
            Self::Claim(claim) => Recipe::Claim((*claim).to_owned()),
            Self::Template(template) => Recipe::Template(Box::new(Template::parse(template)?)),
            Self::Joined(base, elements) => Recipe::Joined {
                base: Template::parse(base)?,
                elements: elements
                    .iter()
                    .map(|element| Template::parse(element))
                    .collect::<Result<_, _>>()?,
            },
            Self::OnHttps(template) => Recipe::OnHttps(Template::parse(template)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_name_known_extensions_and_parse() {
        for built_in in &BUILT_IN {
            let provider = built_in.parse().unwrap();
            assert_eq!(provider.extensions.len(), built_in.extensions.len());
            let positions = provider.extensions.iter();
            assert!(positions.is_sorted_by_key(|(extension, _)| extension.position()));
        }
    }
}
