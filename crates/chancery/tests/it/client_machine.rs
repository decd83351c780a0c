//! The machine of somebody who signs and verifies, beside a development instance.

use std::fs;
use std::path::Path;
use std::process::Output;

use chancery_tests::server::Server;
use serde_json::Value;

use crate::harness::chancery;

/// Who signs.
pub(crate) const WHO: &str = "ada@example.com";

/// Somebody's machine, with the instance's documents in files.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    pub(crate) async fn beside(server: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["trusted_root.json", "signing_config.v0.2.json"] {
            let url = format!("{}/{name}", server.url());
            let document = reqwest::get(url).await.unwrap().bytes().await.unwrap();
            fs::write(folder.path().join(name), document).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn sign(&self, arguments: &[&str]) -> Output {
        let trust = [
            "--trusted-root",
            "trusted_root.json",
            "--signing-config",
            "signing_config.v0.2.json",
        ];
        chancery(self.path(), &[&["sign"], arguments, &trust].concat())
    }

    /// Signs as somebody, and returns what is said of it.
    #[track_caller]
    pub(crate) fn signed(&self, arguments: &[&str]) -> Value {
        let who = ["--as", WHO, "--format", "json"];
        let output = self.sign(&[arguments, &who].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path().join(name)).unwrap()).unwrap()
    }

    /// Changes a document that the machine has.
    pub(crate) fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut document = self.json(name);
        change(&mut document);
        self.write(name, &document.to_string());
    }

    /// Verifies files as signed by whom [`Machine::signed`] signs as, unless the arguments say
    /// otherwise.
    pub(crate) fn verify(&self, arguments: &[&str]) -> Output {
        let has = |flag: &str| arguments.iter().any(|argument| argument.starts_with(flag));
        let mut all = vec!["verify", "--trusted-root", "trusted_root.json"];
        if !has("--identity") {
            all.extend(["--identity", WHO]);
        }
        if !has("--issuer") {
            all.extend(["--issuer-regexp", r"http://localhost:\d+/dev-oidc"]);
        }
        all.extend(arguments);
        chancery(self.path(), &all)
    }
}
