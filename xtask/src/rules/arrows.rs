//! Dependency arrows: which crate may point at which, as `docs/ARCHITECTURE.md` draws them.

use anyhow::Result;

use crate::process::run_quietly;
use crate::workspace;

/// Each crate of the product and the ones of ours that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("chancery-tlog", &[]),
    ("chancery-certs", &[]),
    ("chancery-keys", &[]),
    ("chancery-template", &[]),
    (
        "chancery-identity",
        // keys: which of an issuer's RSA keys anybody can factor is told there.
        &["chancery-certs", "chancery-keys", "chancery-template"],
    ),
    (
        "chancery-ledger",
        &[
            "chancery-certs",
            "chancery-keys",
            "chancery-log",
            "chancery-tlog",
        ],
    ),
    ("chancery-log", &["chancery-keys", "chancery-tlog"]),
    (
        "chancery-ca",
        &[
            "chancery-certs",
            "chancery-identity",
            "chancery-keys",
            "chancery-log",
            "chancery-tlog",
        ],
    ),
    ("chancery-mirror", &["chancery-log", "chancery-tlog"]),
    ("chancery-objects", &["chancery-log", "chancery-tlog"]),
    ("chancery-trust", &["chancery-keys"]),
    (
        "chancery-client",
        // log: for its clock, and for how an error is said with its causes.
        &[
            "chancery-certs",
            "chancery-keys",
            "chancery-log",
            "chancery-tlog",
            "chancery-trust",
            "chancery-tsa",
        ],
    ),
    (
        "chancery-witness",
        &["chancery-keys", "chancery-log", "chancery-tlog"],
    ),
    ("chancery-proto", &[]),
    (
        "chancery-store",
        &["chancery-log", "chancery-tlog", "chancery-trust"],
    ),
    (
        "chancery-submissions",
        &[
            "chancery-ca",
            "chancery-certs",
            "chancery-keys",
            "chancery-log",
            "chancery-tlog",
        ],
    ),
    // log: for its clock only, so that one process has one time.
    ("chancery-tsa", &["chancery-keys", "chancery-log"]),
    (
        "chancery-server",
        &[
            "chancery-ca",
            "chancery-certs",
            "chancery-identity",
            "chancery-keys",
            "chancery-ledger",
            "chancery-log",
            "chancery-proto",
            "chancery-submissions",
            "chancery-tlog",
            "chancery-trust",
            "chancery-tsa",
            "chancery-witness",
        ],
    ),
    (
        "chancery",
        &[
            "chancery-ca",
            "chancery-certs",
            "chancery-client",
            "chancery-identity",
            "chancery-keys",
            "chancery-ledger",
            "chancery-log",
            "chancery-mirror",
            "chancery-objects",
            "chancery-server",
            "chancery-store",
            "chancery-submissions",
            "chancery-tlog",
            "chancery-trust",
            "chancery-tsa",
            "chancery-witness",
        ],
    ),
];

/// Crates that are pure: nothing of these may be anywhere below them.
const PURE: [&str; 3] = ["chancery-tlog", "chancery-certs", "chancery-template"];
const IMPURE: [&str; 6] = ["axum", "hyper", "reqwest", "rustls", "sqlx", "tokio"];

/// Libraries that only some crates of ours may name.
const CONFINED: [(&str, &[&str]); 7] = [
    ("axum", &["chancery-server", "chancery-tests"]),
    ("clap", &["chancery", "chancery-tests", "xtask"]),
    ("object_store", &["chancery-objects"]),
    ("openidconnect", &["chancery", "chancery-client"]),
    ("sqlx", &["chancery-store", "chancery-tests"]),
    (
        "tonic",
        &["chancery-proto", "chancery-server", "chancery-tests"],
    ),
    ("tough", &["chancery-client"]),
];

/// Returns the dependencies that point where none may.
pub(super) fn check() -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (from, allowed) in ARROWS {
        let direct = tree(&["--package", from, "--depth", "1"])?;
        wrong.extend(
            ours(&direct)
                .filter(|to| *to != *from && !allowed.contains(to))
                .map(|to| format!("{from} may not depend on {to}")),
        );
    }
    for from in PURE {
        let below = tree(&["--package", from])?;
        wrong.extend(
            IMPURE
                .into_iter()
                .filter(|name| names(&below).any(|below| below == *name))
                .map(|name| format!("{from} is pure and may not lead to {name}")),
        );
    }
    for (library, allowed) in CONFINED {
        let above = tree(&["--workspace", "--invert", library, "--depth", "1"])?;
        wrong.extend(
            ours(&above)
                .filter(|name| !allowed.contains(name))
                .map(|name| format!("{name} may not depend on {library}")),
        );
    }
    Ok(wrong)
}

/// Lists packages, one a line; dependencies of tests are left out.
fn tree(arguments: &[&str]) -> Result<String> {
    let mut cargo = workspace::cargo("tree");
    cargo.args([
        "--quiet",
        "--locked",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
    ]);
    run_quietly(cargo.args(["--format", "{p}"]).args(arguments))
}

fn names(tree: &str) -> impl Iterator<Item = &str> {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
}

fn ours(tree: &str) -> impl Iterator<Item = &str> {
    names(tree).filter(|name| name.starts_with("chancery") || *name == "xtask")
}

#[cfg(test)]
mod tests {
    use super::{names, ours};

    #[test]
    fn names_and_our_names_are_read_from_a_tree() {
        let tree = "chancery-log v0.1.0 (/src/crates/chancery-log)\nchancery-tlog v0.1.0 (/src)\n\
                    \ntokio v1.54.0 (*)\n";
        assert_eq!(
            names(tree).collect::<Vec<_>>(),
            ["chancery-log", "chancery-tlog", "tokio"]
        );
        assert_eq!(
            ours(tree).collect::<Vec<_>>(),
            ["chancery-log", "chancery-tlog"]
        );
    }
}
