//! Shared issuers, which vouch for everybody's tokens, and the claims that say whose a token is.
//!
//! A private CA that trusts one of them without looking at the owner gives certificates to strangers.
//! So each allow rule of its entries must pin the owner, or the operator must have said `any-owner`.
//! The providers' documentation of their tokens is the source of the table.

use crate::rules::{Pattern, Rule, RuleList};
use crate::wildcard::leaves_open;

/// An issuer, or a family of issuers, that anybody can get tokens from.
pub(crate) struct SharedIssuer {
    /// Its addresses. In a family's, `~` is the part that tells the members apart, and `*` one that
    /// does not: a pattern with a wildcard there is open to all members, one without is not.
    addresses: &'static [&'static str],
    /// The claims that pin an owner.
    pins: &'static [Pin],
}

/// A claim that pins the owner of a token.
#[derive(Clone, Copy)]
enum Pin {
    /// By its value.
    Exact(&'static str),
    /// By a path whose first segments are fixed, as many as the number says.
    Below(&'static str, usize),
    /// By an e-mail address whose domain is fixed, if the issuer has verified it.
    Domain(&'static str),
}

const PEOPLE: &[Pin] = &[Pin::Domain("email"), Pin::Exact("sub")];

const GITHUB: &[Pin] = &[
    Pin::Exact("repository_owner"),
    Pin::Exact("repository_owner_id"),
    Pin::Exact("repository_id"),
    Pin::Exact("enterprise"),
    Pin::Exact("enterprise_id"),
    Pin::Below("repository", 1),
];

const SHARED: &[SharedIssuer] = &[
    SharedIssuer {
        addresses: &[
            "https://token.actions.githubusercontent.com",
            "https://token.actions.githubusercontent.com/~",
            "https://token.actions.~.ghe.com",
        ],
        pins: GITHUB,
    },
    SharedIssuer {
        addresses: &["https://gitlab.com"],
        pins: &[
            Pin::Below("namespace_path", 1),
            Pin::Exact("namespace_id"),
            Pin::Below("project_path", 1),
            Pin::Exact("project_id"),
        ],
    },
    SharedIssuer {
        addresses: &["https://agent.buildkite.com"],
        pins: &[
            Pin::Exact("organization_slug"),
            Pin::Exact("organization_id"),
            Pin::Exact("pipeline_id"),
        ],
    },
    SharedIssuer {
        addresses: &[
            "https://oidc.circleci.com",
            "https://oidc.circleci.com/org/~",
        ],
        pins: &[
            Pin::Exact("oidc.circleci.com/project-id"),
            Pin::Below("sub", 2),
        ],
    },
    SharedIssuer {
        addresses: &["https://oidc.codefresh.io"],
        pins: &[
            Pin::Exact("account_id"),
            Pin::Exact("account_name"),
            Pin::Exact("pipeline_id"),
        ],
    },
    SharedIssuer {
        addresses: &["https://api.buddy.works"],
        pins: &[Pin::Exact("workspace_id"), Pin::Exact("workspace_domain")],
    },
    SharedIssuer {
        addresses: &["https://vstoken.dev.azure.com/~"],
        pins: &[Pin::Exact("org_id"), Pin::Exact("prj_id")],
    },
    SharedIssuer {
        addresses: &["https://api.bitbucket.org/2.0/workspaces/~/pipelines-config/identity/oidc"],
        pins: &[Pin::Exact("workspaceUuid"), Pin::Exact("repositoryUuid")],
    },
    SharedIssuer {
        addresses: &["https://oidc.vercel.com", "https://oidc.vercel.com/~"],
        pins: &[Pin::Exact("owner"), Pin::Exact("owner_id")],
    },
    SharedIssuer {
        addresses: &["https://app.terraform.io"],
        pins: &[
            Pin::Exact("terraform_organization_name"),
            Pin::Exact("terraform_organization_id"),
        ],
    },
    SharedIssuer {
        addresses: &["https://accounts.google.com"],
        pins: &[Pin::Exact("hd"), Pin::Domain("email"), Pin::Exact("sub")],
    },
    SharedIssuer {
        addresses: &[
            "https://oauth2.sigstore.dev/auth",
            "https://oauth2.sigstage.dev/auth",
            "https://issuer.hello.coop",
            "https://www.kaggle.com/api/v1/models/signing",
            "https://sigstore.verify.ibm.com/oauth2",
        ],
        pins: PEOPLE,
    },
    SharedIssuer {
        addresses: &["https://issuer.enforce.dev", "https://issuer.chainops.dev"],
        pins: &[Pin::Below("sub", 1), Pin::Domain("email")],
    },
    SharedIssuer {
        addresses: &[
            "https://login.microsoftonline.com/~/v2.0",
            "https://login.microsoftonline.us/~/v2.0",
            "https://login.microsoftonline.com/common/v2.0",
            "https://login.microsoftonline.com/organizations/v2.0",
            "https://login.microsoftonline.com/consumers/v2.0",
            // The tenant of all personal accounts.
            "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            "https://sts.windows.net/~/",
        ],
        pins: &[Pin::Exact("tid"), Pin::Exact("oid"), Pin::Exact("sub")],
    },
    // Anybody's cluster; its tokens have nothing but their issuer that tells whose.
    SharedIssuer {
        addresses: &[
            "https://oidc.eks.*.amazonaws.com/id/~",
            "https://oidc.eks.*.amazonaws.com.cn/id/~",
            "https://container.googleapis.com/v1/projects/~/locations/*/clusters/*",
            "https://oidc.prod-aks.azure.com/~",
            "https://oidc.prod-aks.azure.com/~/",
            "https://oidc.prod-aks.azure.com/~/*",
            "https://oidc.prod-aks.azure.com/~/*/",
            "https://*.oic.prod-aks.azure.com/~",
            "https://*.oic.prod-aks.azure.com/~/",
            "https://*.oic.prod-aks.azure.com/~/*",
            "https://*.oic.prod-aks.azure.com/~/*/",
        ],
        pins: &[],
    },
    // Anybody's user directory.
    SharedIssuer {
        addresses: &[
            "https://~.okta.com",
            "https://~.okta.com/oauth2/*",
            "https://~.oktapreview.com",
            "https://~.oktapreview.com/oauth2/*",
            "https://~.auth0.com/",
            "https://~.*.auth0.com/",
            "https://cognito-idp.*.amazonaws.com/~",
            "https://securetoken.google.com/~",
        ],
        pins: &[],
    },
    // Anybody's web pages, on which a cluster, too, may publish its keys.
    SharedIssuer {
        addresses: &[
            "https://~.s3.amazonaws.com",
            "https://~.s3.amazonaws.com/*",
            "https://~.s3.*.amazonaws.com",
            "https://~.s3.*.amazonaws.com/*",
            "https://s3.amazonaws.com/~",
            "https://s3.*.amazonaws.com/~",
            "https://~.cloudfront.net",
            "https://storage.googleapis.com/~",
            "https://~.blob.core.windows.net/*",
            "https://~.github.io",
            "https://~.gitlab.io",
        ],
        pins: &[],
    },
];

/// Returns the shared issuer that `address`, a URL or a pattern, stands for or can stand for.
pub(crate) fn shared(address: &str) -> Option<&'static SharedIssuer> {
    SHARED.iter().find(|shared| {
        let mut addresses = shared.addresses.iter();
        addresses.any(|shared| leaves_open(address, shared))
    })
}

impl SharedIssuer {
    /// Returns the first rule that tokens of every owner can match, as far as owners go.
    /// `verifies_email` tells whether the entry refuses addresses that nobody has verified: with
    /// those, a stranger can give himself any domain.
    pub(crate) fn ownerless<'a>(
        &self,
        address: &str,
        rules: &'a RuleList,
        verifies_email: bool,
    ) -> Option<&'a Rule> {
        let mut rules = rules.iter();
        rules.find(|rule| !self.is_pinned(address, rule, verifies_email))
    }

    /// Returns a claim that pins the owner, with a value, as YAML has them.
    pub(crate) fn example(&self, address: &str, verifies_email: bool) -> String {
        let good = |pin: &&Pin| verifies_email || !matches!(pin, Pin::Domain(_));
        match self.pins.iter().find(good) {
            Some(Pin::Exact(claim)) => format!("{claim}: YOURS"),
            Some(Pin::Below(claim, 1)) => format!("{claim}: {{glob: YOURS/**}}"),
            Some(Pin::Below(claim, _)) => format!("{claim}: {{glob: …/YOURS/**}}"),
            Some(Pin::Domain(claim)) => format!("{claim}: {{glob: \"*@YOUR.DOMAIN\"}}"),
            None => format!("iss: {}", address.replace('*', "YOURS")),
        }
    }

    fn is_pinned(&self, address: &str, rule: &Rule, verifies_email: bool) -> bool {
        let verifies_email = verifies_email || rule.demands("email_verified", &["true", "True"]);
        // What tells the members of a family apart is their name.
        let by_name = address.contains('*').then_some(Pin::Exact("iss"));
        let mut pins = self.pins.iter().copied().chain(by_name);
        pins.any(|pin| {
            let mut own = rule.patterns(pin.claim());
            own.any(|patterns| {
                patterns
                    .iter()
                    .all(|pattern| pin.holds(pattern, verifies_email))
            })
        })
    }
}

impl Pin {
    const fn claim(self) -> &'static str {
        match self {
            Self::Exact(claim) | Self::Below(claim, _) | Self::Domain(claim) => claim,
        }
    }

    /// Tells whether texts that the pattern matches are of one owner. Names of owners are free to
    /// take, so that a wildcard within one pins nobody.
    fn holds(self, pattern: &Pattern, verifies_email: bool) -> bool {
        match (self, pattern) {
            (Self::Domain(_), _) if !verifies_email => false,
            (_, Pattern::Equal(text)) => !text.is_empty(),
            (Self::Exact(_), Pattern::Glob(_)) => false,
            (Self::Below(_, depth), Pattern::Glob(glob)) => {
                let prefix = glob.prefix();
                let mut segments = prefix.split('/');
                segments
                    .by_ref()
                    .take(depth)
                    .all(|segment| !segment.is_empty())
                    && segments.next().is_some()
            }
            (Self::Domain(_), Pattern::Glob(glob)) => {
                let suffix = glob.suffix();
                let domain = suffix.rsplit_once('@').map(|(_, domain)| domain);
                domain.is_some_and(|domain| !domain.is_empty())
            }
        }
    }
}

#[cfg(test)]
mod tests;
