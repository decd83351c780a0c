//! Identity tokens that a machine has of itself: in CI, in a cloud, in a cluster.

mod http;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

use super::{IdentityToken, TokenError};

/// Where cosign looks for a token that a pod was given.
const SIGSTORE_FILE: &str = "/var/run/sigstore/cosign/oidc-token";
/// Where Google's machines ask who they are.
const GOOGLE_METADATA: &str = "http://metadata.google.internal";
/// How long a program or server may take for a token.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a machine's own token comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AmbientSource {
    /// The variable `SIGSTORE_ID_TOKEN`, which GitLab fills as `id_tokens` says, or anybody else.
    Variable,
    /// GitHub Actions: a request to where its variables say, with `permissions: id-token: write`.
    GitHub,
    /// Buildkite: `buildkite-agent oidc request-token`.
    Buildkite,
    /// `CircleCI`: `circleci run oidc get`, because the tokens in its variables have another audience.
    CircleCi,
    /// A machine of Google's cloud, or a run of Cloud Build: its metadata server.
    Google,
    /// A file that is kept fresh, such as a projected Kubernetes or SPIFFE token.
    File(PathBuf),
}

/// What the environment and the machine say, handed in by whoever reads them.
pub struct Places<'a> {
    /// Returns the value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The file in which clusters put a token; usually [`Places::SIGSTORE_FILE`].
    pub file: PathBuf,
    /// The metadata server, unless the variable `GCE_METADATA_HOST` names another; usually
    /// [`Places::GOOGLE_METADATA`].
    pub google_metadata: String,
}

/// Why there is no token although the environment says that there should be one.
#[derive(Debug, thiserror::Error)]
pub enum AmbientError {
    /// Something is there, and no token.
    #[error("the token of {source_name} cannot be used")]
    Token {
        /// Where it is from.
        source_name: &'static str,
        /// What is wrong.
        source: TokenError,
    },
    /// A file cannot be read.
    #[error("the token in {} cannot be read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program that gives tokens could not be run, or gave none.
    #[error("`{program}` gave no identity token: {why}")]
    Program {
        /// What was run.
        program: String,
        /// What it said, cut off.
        why: String,
    },
    /// A server that gives tokens did not.
    #[error("{source_name} gave no identity token: {why}")]
    Server {
        /// Where it should have come from.
        source_name: &'static str,
        /// What happened, free of secrets.
        why: String,
    },
    /// The environment is half there.
    #[error("{0}")]
    Setup(&'static str),
}

impl<'a> Places<'a> {
    /// Where cosign looks for a token that a pod was given.
    pub const SIGSTORE_FILE: &'static str = SIGSTORE_FILE;
    /// Where Google's machines ask who they are.
    pub const GOOGLE_METADATA: &'static str = GOOGLE_METADATA;

    /// The usual places, with this environment.
    pub fn usual(variable: &'a dyn Fn(&str) -> Option<OsString>) -> Self {
        Self {
            variable,
            file: SIGSTORE_FILE.into(),
            google_metadata: GOOGLE_METADATA.to_owned(),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        let value = (self.variable)(name)?.into_string().ok()?;
        (!value.is_empty()).then_some(value)
    }

    /// Returns whom the variable names that is looked at to tell whether this is Google's machine.
    fn metadata_server(&self) -> String {
        match self.text("GCE_METADATA_HOST") {
            Some(host) => format!("http://{host}"),
            None => self.google_metadata.clone(),
        }
    }

    fn is_set(&self, name: &str) -> bool {
        self.text(name).is_some()
    }
}

impl AmbientSource {
    /// Tells where a token can be had here, by the environment alone: nobody is asked.
    ///
    /// # Errors
    /// [`AmbientError::Setup`] in a CI job that lacks the permission to ask for one.
    pub fn detect(places: &Places<'_>) -> Result<Option<Self>, AmbientError> {
        let found = if places.is_set("SIGSTORE_ID_TOKEN") {
            Self::Variable
        } else if places.text("GITHUB_ACTIONS").as_deref() == Some("true") {
            if !places.is_set("ACTIONS_ID_TOKEN_REQUEST_URL") {
                return Err(AmbientError::Setup(
                    "this job of GitHub Actions may not ask for an identity token: give it \
                     `permissions: id-token: write`",
                ));
            }
            Self::GitHub
        } else if places.text("GITLAB_CI").as_deref() == Some("true") {
            return Err(AmbientError::Setup(
                "this job of GitLab has no identity token: give it `id_tokens: SIGSTORE_ID_TOKEN: \
                 aud: sigstore`",
            ));
        } else if places.is_set("BUILDKITE_AGENT_ACCESS_TOKEN") || places.is_set("BUILDKITE_JOB_ID")
        {
            Self::Buildkite
        } else if places.is_set("CIRCLE_OIDC_TOKEN_V2") || places.is_set("CIRCLE_OIDC_TOKEN") {
            Self::CircleCi
        } else if places.file.is_file() {
            Self::File(places.file.clone())
        } else if is_google(places) {
            Self::Google
        } else {
            return Ok(None);
        };
        Ok(Some(found))
    }

    /// Returns its name, for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Variable => "SIGSTORE_ID_TOKEN",
            Self::GitHub => "GitHub Actions",
            Self::Buildkite => "Buildkite",
            Self::CircleCi => "CircleCI",
            Self::Google => "Google's metadata server",
            Self::File(_) => "a file",
        }
    }

    /// Gets a token for an audience, usually [`IdentityToken::AUDIENCE`].
    ///
    /// A variable or a file has the token that somebody else asked for, perhaps for another
    /// audience: [`SigningSession::begin`](crate::sign::SigningSession::begin) refuses that.
    ///
    /// # Errors
    /// [`AmbientError`] says what stood in the way.
    pub async fn token(
        &self,
        places: &Places<'_>,
        audience: &str,
    ) -> Result<IdentityToken, AmbientError> {
        let text = match self {
            Self::Variable => Zeroizing::new(places.text("SIGSTORE_ID_TOKEN").unwrap_or_default()),
            Self::GitHub => http::github(places, audience).await?,
            Self::Google => http::google(&places.metadata_server(), audience).await?,
            Self::Buildkite => {
                let arguments = ["oidc", "request-token", "--audience", audience];
                program("buildkite-agent", &arguments, places).await?
            }
            Self::CircleCi => {
                let claims = serde_json::json!({"aud": audience}).to_string();
                let arguments = ["run", "oidc", "get", "--claims", &claims];
                program("circleci", &arguments, places).await?
            }
            Self::File(path) => file(path).await?,
        };
        let source_name = self.name();
        IdentityToken::parse(&text).map_err(|source| AmbientError::Token {
            source_name,
            source,
        })
    }
}

fn is_google(places: &Places<'_>) -> bool {
    // What Google's own libraries look at, without a request to a name that elsewhere is unknown.
    let product = std::fs::read_to_string("/sys/class/dmi/id/product_name");
    places.is_set("GCE_METADATA_HOST")
        || product.is_ok_and(|name| name.trim() == "Google Compute Engine")
}

async fn file(path: &PathBuf) -> Result<Zeroizing<String>, AmbientError> {
    let unreadable = |source| AmbientError::File {
        path: path.clone(),
        source,
    };
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    // What grows leaves pieces of itself behind.
    let mut text = Zeroizing::new(String::with_capacity(IdentityToken::LONGEST + 1));
    let most = IdentityToken::LONGEST as u64 + 1;
    let read = file.take(most).read_to_string(&mut text).await;
    read.map_err(unreadable)?;
    Ok(text)
}

/// Runs a CI's own program, which prints a token.
async fn program(
    name: &str,
    arguments: &[&str],
    places: &Places<'_>,
) -> Result<Zeroizing<String>, AmbientError> {
    let failed = |why: String| AmbientError::Program {
        program: format!("{name} {}", arguments.join(" ")),
        why,
    };
    let mut command = Command::new(name);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(path) = (places.variable)("PATH") {
        command.env("PATH", path);
    }
    let output = tokio::time::timeout(PATIENCE, bounded_output(command)).await;
    let (status, stdout, stderr) = output
        .map_err(|_| failed(format!("it took longer than {} s", PATIENCE.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&stderr);
        let said: String = said.trim().chars().take(300).collect();
        return Err(failed(said.replace(char::is_control, " ")));
    }
    let text = std::str::from_utf8(&stdout).map_err(|_| failed("it printed no text".to_owned()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Runs a program, and returns how it ended, what it printed, and the beginning of its complaints.
async fn bounded_output(
    mut command: Command,
) -> io::Result<(ExitStatus, Zeroizing<Vec<u8>>, Vec<u8>)> {
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let printing = async {
        let mut printed = Zeroizing::new(Vec::with_capacity(IdentityToken::LONGEST + 1));
        if let Some(stdout) = stdout {
            let most = IdentityToken::LONGEST as u64 + 1;
            stdout.take(most).read_to_end(&mut printed).await?;
        }
        match printed.len() > IdentityToken::LONGEST {
            true => Err(io::Error::other("it printed more than any token has")),
            false => Ok(printed),
        }
    };
    let complaining = async {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            (&mut stderr).take(4096).read_to_end(&mut said).await?;
            // A full pipe would stop the program.
            tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await?;
        }
        Ok(said)
    };
    let (printed, said) = tokio::try_join!(printing, complaining)?;
    Ok((child.wait().await?, printed, said))
}

#[cfg(test)]
mod tests;
