//! What people type or paste so that a client works with an instance.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use sha2::{Digest as _, Sha256};

/// A client of Sigstore's, or where one runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Client {
    /// Chancery's own command line.
    Chancery,
    /// cosign, version 3.
    Cosign,
    /// sigstore-python.
    Python,
    /// sigstore-js: its command line and its libraries.
    Js,
    /// sigstore-java.
    Java,
    /// sigstore-go.
    Go,
    /// sigstore-rust.
    Rust,
    /// gitsign.
    Gitsign,
    /// A workflow of GitHub Actions.
    GithubActions,
    /// A job of GitLab CI.
    Gitlab,
    /// A pipeline of Jenkins.
    Jenkins,
    /// Sigstore's policy controller for Kubernetes.
    PolicyController,
}

impl Client {
    /// Every client.
    pub const ALL: [Self; 12] = [
        Self::Chancery,
        Self::Cosign,
        Self::Python,
        Self::Js,
        Self::Java,
        Self::Go,
        Self::Rust,
        Self::Gitsign,
        Self::GithubActions,
        Self::Gitlab,
        Self::Jenkins,
        Self::PolicyController,
    ];

    /// Returns its name for command lines.
    #[must_use]
    pub fn argument(self) -> &'static str {
        match self {
            Self::Chancery => "chancery",
            Self::Cosign => "cosign",
            Self::Python => "python",
            Self::Js => "js",
            Self::Java => "java",
            Self::Go => "go",
            Self::Rust => "rust",
            Self::Gitsign => "gitsign",
            Self::GithubActions => "github-actions",
            Self::Gitlab => "gitlab",
            Self::Jenkins => "jenkins",
            Self::PolicyController => "policy-controller",
        }
    }

    /// Returns its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chancery => "chancery",
            Self::Cosign => "cosign",
            Self::Python => "sigstore-python",
            Self::Js => "sigstore-js",
            Self::Java => "sigstore-java",
            Self::Go => "sigstore-go",
            Self::Rust => "sigstore-rust",
            Self::Gitsign => "gitsign",
            Self::GithubActions => "GitHub Actions",
            Self::Gitlab => "GitLab CI",
            Self::Jenkins => "Jenkins",
            Self::PolicyController => "policy-controller",
        }
    }
}

/// The newest root metadata of a TUF repository.
#[derive(Clone, Copy, Debug)]
pub struct TufRoot<'a> {
    /// The metadata, as they are served.
    pub json: &'a [u8],
    /// Their version, from 1 on.
    pub version: u32,
}

impl TufRoot<'_> {
    /// Returns the file in the repository that will always have this version: what people paste
    /// holds on when there is a newer one.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.root.json", self.version)
    }

    /// Returns the SHA-256 in hexadecimal, which people compare before they trust it.
    #[must_use]
    pub fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.json))
    }
}

/// What the texts are about.
#[derive(Clone, Copy, Debug)]
pub struct Instructions<'a> {
    /// The instance's public base URL, without a slash at its end.
    pub url: &'a str,
    /// Its TUF root; `None` if nothing is signed.
    pub root: Option<TufRoot<'a>>,
    /// An issuer whose tokens it takes, to show in the examples.
    pub issuer: Option<&'a str>,
}

impl Instructions<'_> {
    /// Returns the text for a client. Lines that begin with `#` are for people.
    #[must_use]
    pub fn text(&self, client: Client) -> String {
        let mut text = format!("# {}\n", client.name());
        let written = match client {
            Client::Chancery => self.chancery(&mut text),
            Client::Cosign => self.cosign(&mut text),
            Client::Python => self.python(&mut text),
            Client::Js => self.js(&mut text),
            Client::Java => self.java(&mut text),
            Client::Go => self.go(&mut text),
            Client::Rust => self.rust(&mut text),
            Client::Gitsign => self.gitsign(&mut text),
            Client::GithubActions => self.github(&mut text),
            Client::Gitlab => self.gitlab(&mut text),
            Client::Jenkins => self.jenkins(&mut text),
            Client::PolicyController => self.policy_controller(&mut text),
        };
        // Writing into a text does not fail.
        debug_assert!(written.is_ok());
        text
    }

    fn issuer(&self) -> &str {
        self.issuer.unwrap_or("ISSUER")
    }

    /// Fetches the root and compares it, as far as there is one.
    fn fetch_root(&self, text: &mut String, indent: &str) -> std::fmt::Result {
        let url = self.url;
        match self.root {
            Some(root) => writeln!(
                text,
                "{indent}curl -sSf {url}/tuf/{} -o root.json\n\
                 {indent}echo '{}  root.json' | sha256sum -c -",
                root.file_name(),
                root.checksum()
            ),
            None => writeln!(
                text,
                "{indent}curl -sSfO {url}/trusted_root.json\n\
                 {indent}curl -sSfO {url}/signing_config.v0.2.json"
            ),
        }
    }

    fn chancery(&self, text: &mut String) -> std::fmt::Result {
        let url = self.url;
        match self.root {
            Some(root) => writeln!(
                text,
                "chancery client setup {url} --root-checksum {}",
                root.checksum()
            ),
            None => {
                self.fetch_root(text, "")?;
                writeln!(
                    text,
                    "# Say --trusted-root trusted_root.json --signing-config \
                     signing_config.v0.2.json wherever you sign or verify."
                )
            }
        }
    }

    fn cosign(&self, text: &mut String) -> std::fmt::Result {
        let issuer = self.issuer();
        let files = self.initialize_cosign(text, "")?;
        writeln!(
            text,
            "cosign sign-blob --yes {}--identity-token TOKEN-FILE --bundle FILE.sigstore.json FILE\n\
             cosign verify-blob {}--bundle FILE.sigstore.json --certificate-identity WHO \
             --certificate-oidc-issuer {issuer} FILE",
            files[0], files[1]
        )
    }

    /// Has cosign trust the instance; returns what it must be told to sign and to verify.
    fn initialize_cosign(
        &self,
        text: &mut String,
        indent: &str,
    ) -> Result<[&'static str; 2], std::fmt::Error> {
        let url = self.url;
        let Some(root) = self.root else {
            self.fetch_root(text, indent)?;
            return Ok([
                "--signing-config signing_config.v0.2.json --trusted-root trusted_root.json ",
                "--trusted-root trusted_root.json ",
            ]);
        };
        writeln!(
            text,
            "{indent}cosign initialize --mirror {url}/tuf --root {url}/tuf/{} \
             --root-checksum {}",
            root.file_name(),
            root.checksum()
        )?;
        Ok(["", ""])
    }

    fn python(&self, text: &mut String) -> std::fmt::Result {
        let (url, issuer) = (self.url, self.issuer());
        let how = if self.root.is_some() {
            self.fetch_root(text, "")?;
            writeln!(
                text,
                "sigstore --instance {url}/tuf trust-instance root.json"
            )?;
            format!("--instance {url}/tuf")
        } else {
            writeln!(text, "curl -sSfO {url}/client_trust_config.json")?;
            "--trust-config client_trust_config.json".to_owned()
        };
        writeln!(
            text,
            "sigstore {how} sign --identity-token \"$(cat TOKEN-FILE)\" --bundle \
             FILE.sigstore.json FILE\n\
             sigstore {how} verify identity --bundle FILE.sigstore.json --cert-identity WHO \
             --cert-oidc-issuer {issuer} FILE"
        )
    }

    fn js(&self, text: &mut String) -> std::fmt::Result {
        let (url, issuer) = (self.url, self.issuer());
        self.fetch_root(text, "")?;
        writeln!(
            text,
            "CI=true SIGSTORE_ID_TOKEN=$(cat TOKEN-FILE) sigstore attest STATEMENT.json \
             --fulcio-url {url} --no-tlog-upload --tsa-server-url {url} -o \
             FILE.sigstore.json\n\
             sigstore verify FILE.sigstore.json --tlog-threshold 0 --tuf-mirror-url {url}/tuf \
             --tuf-root-path root.json --certificate-issuer {issuer} --certificate-identity-email \
             WHO"
        )
    }

    fn java(&self, text: &mut String) -> std::fmt::Result {
        self.fetch_root(text, "")?;
        writeln!(
            text,
            "// Needs TLS with a certificate that the JVM trusts: it talks gRPC.\n\
             SigstoreTufClient.builder().tufMirror(URI.create(\"{}/tuf/\"), \
             RootProvider.fromFile(Path.of(\"root.json\")))",
            self.url
        )
    }

    fn go(&self, text: &mut String) -> std::fmt::Result {
        self.fetch_root(text, "")?;
        writeln!(
            text,
            "opts := tuf.DefaultOptions().WithRoot(rootJSON).WithRepositoryBaseURL(\"{}/tuf\")",
            self.url
        )
    }

    fn rust(&self, text: &mut String) -> std::fmt::Result {
        let url = self.url;
        writeln!(
            text,
            "curl -sSfO {url}/trusted_root.json\n\
             curl -sSfO {url}/signing_config.v0.2.json\n\
             # TrustedRoot::from_file(\"trusted_root.json\"), \
             SigningConfig::from_file(\"signing_config.v0.2.json\")"
        )
    }

    fn gitsign(&self, text: &mut String) -> std::fmt::Result {
        let (url, issuer) = (self.url, self.issuer());
        writeln!(
            text,
            "git config gpg.x509.program gitsign\n\
             git config gpg.format x509\n\
             git config commit.gpgsign true\n\
             git config gitsign.fulcio {url}\n\
             git config gitsign.issuer {issuer}\n\
             # It gets its certificate here, and enters its signature in version 1 of Rekor, which\n\
             # is not here. Name one of yours, or it is the public one.\n\
             git config gitsign.rekor REKOR-V1-URL"
        )
    }

    fn github(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "permissions:\n  id-token: write\nsteps:\n  - uses: sigstore/cosign-installer@v4\n  - \
             run: |"
        )?;
        self.in_ci(text, "      ")
    }

    fn gitlab(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "sign:\n  id_tokens:\n    SIGSTORE_ID_TOKEN:\n      aud: sigstore\n  script:\n    - |"
        )?;
        self.in_ci(text, "      ")
    }

    fn jenkins(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "// With a credential of the OpenID Connect provider plugin, audience sigstore.\n\
             withCredentials([string(credentialsId: 'sigstore', variable: 'SIGSTORE_ID_TOKEN')]) \
             {{\n  sh '''"
        )?;
        self.in_ci(text, "    ")?;
        writeln!(text, "  '''\n}}")
    }

    /// Signs with cosign where the token is found by itself.
    fn in_ci(&self, text: &mut String, indent: &str) -> std::fmt::Result {
        let [files, _] = self.initialize_cosign(text, indent)?;
        writeln!(
            text,
            "{indent}cosign sign-blob --yes {files}--bundle FILE.sigstore.json FILE"
        )
    }

    fn policy_controller(&self, text: &mut String) -> std::fmt::Result {
        let url = self.url;
        writeln!(
            text,
            "apiVersion: policy.sigstore.dev/v1alpha1\n\
             kind: TrustRoot\n\
             metadata:\n  name: chancery\n\
             spec:\n  remote:\n    mirror: {url}/tuf"
        )?;
        match self.root {
            Some(root) => writeln!(text, "    root: {}", STANDARD.encode(root.json)),
            None => writeln!(text, "    # root: there is no TUF repository here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_names_the_instance_and_compares_the_root_before_it_is_trusted() {
        let root = TufRoot {
            json: b"root",
            version: 3,
        };
        let instructions = Instructions {
            url: "https://ca.test",
            root: Some(root),
            issuer: Some("https://login.test"),
        };
        let checksum = root.checksum();
        for client in Client::ALL {
            let text = instructions.text(client);
            assert!(text.contains("https://ca.test"), "{text}");
            let trusts = text.contains("root.json") && !text.contains("trusted_root.json");
            assert!(!trusts || text.contains(&checksum), "{text}");
            assert!(!text.contains("/tuf/root.json"), "that changes: {text}");
        }
    }

    #[test]
    fn without_a_repository_the_files_are_named() {
        let instructions = Instructions {
            url: "https://ca.test",
            root: None,
            issuer: None,
        };
        let text = instructions.text(Client::Cosign);
        assert!(text.contains("--trusted-root trusted_root.json"), "{text}");
        assert!(!text.contains("/tuf"), "{text}");
    }
}
