//! The extensions that a template can fill, by the names that Fulcio's configuration has for them.

use chancery_certs::FulcioExtensions;

/// One extension. The issuer's and the subject's are always the token's own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extension {
    /// In a YAML file.
    pub(crate) name: &'static str,
    /// In a JSON file, in any case.
    json_name: &'static str,
    field: fn(&mut FulcioExtensions) -> &mut Option<String>,
}

/// What a key under `extension-templates` means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ExtensionKey {
    Extension(&'static Extension),
    /// `issuer` and `subject`, which Fulcio knows and does not use.
    Ignored,
}

macro_rules! extension {
    ($name:literal, $json_name:literal, $field:ident) => {
        Extension {
            name: $name,
            json_name: $json_name,
            field: |extensions| &mut extensions.$field,
        }
    };
}

/// In the order of their numbers, in which Fulcio fills them.
#[rustfmt::skip]
static EXTENSIONS: [Extension; 20] = [
    extension!("github-workflow-trigger", "GithubWorkflowTrigger", github_workflow_trigger),
    extension!("github-workflow-sha", "GithubWorkflowSHA", github_workflow_sha),
    extension!("github-workflow-name", "GithubWorkflowName", github_workflow_name),
    extension!("github-workflow-repository", "GithubWorkflowRepository", github_workflow_repository),
    extension!("github-workflow-ref", "GithubWorkflowRef", github_workflow_ref),
    extension!("build-signer-uri", "BuildSignerURI", build_signer_uri),
    extension!("build-signer-digest", "BuildSignerDigest", build_signer_digest),
    extension!("runner-environment", "RunnerEnvironment", runner_environment),
    extension!("source-repository-uri", "SourceRepositoryURI", source_repository_uri),
    extension!("source-repository-digest", "SourceRepositoryDigest", source_repository_digest),
    extension!("source-repository-ref", "SourceRepositoryRef", source_repository_ref),
    extension!("source-repository-identifier", "SourceRepositoryIdentifier",
        source_repository_identifier),
    extension!("source-repository-owner-uri", "SourceRepositoryOwnerURI",
        source_repository_owner_uri),
    extension!("source-repository-owner-identifier", "SourceRepositoryOwnerIdentifier",
        source_repository_owner_identifier),
    extension!("build-config-uri", "BuildConfigURI", build_config_uri),
    extension!("build-config-digest", "BuildConfigDigest", build_config_digest),
    extension!("build-trigger", "BuildTrigger", build_trigger),
    extension!("run-invocation-uri", "RunInvocationURI", run_invocation_uri),
    extension!("source-repository-visibility-at-signing", "SourceRepositoryVisibilityAtSigning",
        source_repository_visibility_at_signing),
    extension!("deployment-environment", "DeploymentEnvironment", deployment_environment),
];

impl ExtensionKey {
    /// Returns what a key means; if it means nothing, the known one that is nearest.
    pub(crate) fn parse(key: &str) -> Result<Self, &'static str> {
        let is = |name: &str, json_name: &str| name == key || json_name.eq_ignore_ascii_case(key);
        if is("issuer", "Issuer") || is("subject", "Subject") {
            return Ok(Self::Ignored);
        }
        let known = EXTENSIONS
            .iter()
            .find(|known| is(known.name, known.json_name));
        known.map(Self::Extension).ok_or_else(|| {
            let distance = |known: &&Extension| strsim::damerau_levenshtein(known.name, key);
            EXTENSIONS
                .iter()
                .min_by_key(distance)
                .map_or("", |nearest| nearest.name)
        })
    }
}

impl Extension {
    /// Returns the extension of that name.
    pub(crate) fn by_name(name: &str) -> Option<&'static Self> {
        EXTENSIONS.iter().find(|known| known.name == name)
    }

    /// Returns where the extension stands among all, by its number.
    pub(crate) fn position(&self) -> usize {
        let same = |known: &Self| known.name == self.name;
        EXTENSIONS.iter().position(same).unwrap_or_default()
    }

    /// Sets the extension's value.
    pub(crate) fn set(&self, extensions: &mut FulcioExtensions, value: String) {
        *(self.field)(extensions) = Some(value);
    }
}
