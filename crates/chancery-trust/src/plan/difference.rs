//! What a plan changes, line by line, for people.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Plan, Published};
use crate::documents::{
    CertificateAuthority, SIGNING_CONFIG, Service, SigningConfig, TRUSTED_ROOT, TransparencyLog,
    TrustedRoot, Window,
};
use crate::tuf::{Metadata, Role, Root, Signed, Targets};

/// What a plan changes. Its `Display` is the text that operators judge before they sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    lines: Vec<String>,
}

/// Things by what names them, with what is said of each.
/// A list, as one name may be there twice.
type Described = Vec<(String, String)>;

impl Difference {
    pub(super) fn of(plan: &Plan) -> Self {
        let previous = plan.previous.as_ref();
        let mut lines = Vec::new();
        if let Some(root) = &plan.root {
            let before = previous.and_then(Published::root);
            lines.push(format!("root, {}:", versions(before, root)));
            let before = before.map(Signed::content);
            compare(&mut lines, before.map(keys), keys(root.content()), "");
        }
        if let Some(targets) = &plan.targets {
            let before = previous.map(|previous| &previous.targets);
            lines.push(format!("targets, {}:", versions(before, targets)));
            lines.extend(before.and_then(|before| left_out(before, targets)));
            let before = before.map(signed);
            compare(&mut lines, before, signed(targets), "");
            let documents = previous.map(|previous| &previous.documents);
            compare(
                &mut lines,
                documents.map(trusted),
                trusted(&plan.documents),
                "  what was made under it will not verify any more",
            );
            compare(&mut lines, documents.map(asked), asked(&plan.documents), "");
        }
        Self { lines }
    }

    /// Returns the text line by line: `+` for what comes, `-` for what goes, `~` for what changes.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

/// Says what comes after which: an older version than that in force would be compared with wrongly.
fn versions<T: Metadata>(before: Option<&Signed<T>>, after: &Signed<T>) -> String {
    match before {
        Some(before) => format!("version {} after {}", after.version(), before.version()),
        None => format!("version {}", after.version()),
    }
}

/// Says which versions are left out. Versions that are used up cannot be had again, so it has to have
/// a reason.
fn left_out<T: Metadata>(before: &Signed<T>, after: &Signed<T>) -> Option<String> {
    let first = before.version().checked_add(1)?;
    (first < after.version()).then(|| {
        let last = after.version().get() - 1;
        format!("  ! versions from {first} to {last} are left out, as if published and lost")
    })
}

/// Writes what differs; `gone` is said of what goes.
fn compare(lines: &mut Vec<String>, before: Option<Described>, after: Described, gone: &str) {
    let mut before = before.unwrap_or_default();
    let mut new = Vec::new();
    for now in after {
        match before.iter().position(|then| *then == now) {
            Some(same) => drop(before.remove(same)),
            None => new.push(now),
        }
    }
    for (name, said) in before {
        if let Some(at) = new.iter().position(|(now, _)| *now == name) {
            let (_, now) = new.remove(at);
            lines.push(format!("  ~ {name}: {said} -> {now}"));
            continue;
        }
        lines.push(format!("  - {name}: {said}"));
        if !gone.is_empty() {
            lines.push(format!("  !{gone}"));
        }
    }
    lines.extend(new.iter().map(|(name, said)| format!("  + {name}: {said}")));
}

fn keys(root: &Root) -> Described {
    let mut described = vec![("expires".to_owned(), root.head().expires.to_string())];
    for role in Role::ALL {
        let keys = root.role(role);
        for id in &keys.keyids {
            described.push((format!("{role} key {id}"), "signs".to_owned()));
        }
        let needed = format!("{} of {}", keys.threshold, keys.keyids.len());
        described.push((format!("{role} signatures"), needed));
    }
    described
}

/// Describes what is signed: whatever is in a file, another file is another hash.
fn signed(targets: &Signed<Targets>) -> Described {
    let mut described = vec![("expires".to_owned(), targets.expires().to_string())];
    for (name, file) in targets.content().documents() {
        let sha256 = hex::encode(file.hashes.sha256);
        described.push((format!("file {name}"), format!("sha256 {sha256}")));
    }
    described
}

/// Describes what verifiers trust.
fn trusted(documents: &BTreeMap<String, String>) -> Described {
    let text = documents.get(TRUSTED_ROOT).map_or("", String::as_str);
    let Ok(root) = TrustedRoot::parse(text.as_bytes()) else {
        return vec![(TRUSTED_ROOT.to_owned(), digest(text.as_bytes()))];
    };
    let logs = root.ctlogs.iter().map(|log| of_log("log", log));
    let ledgers = root.tlogs.iter().map(|log| of_log("ledger", log));
    let authorities = root.certificate_authorities.iter();
    let authorities = authorities.map(|chain| of_chain("certificates of", chain));
    let timestamps = root.timestamp_authorities.iter();
    let timestamps = timestamps.map(|chain| of_chain("timestamps of", chain));
    logs.chain(ledgers)
        .chain(authorities)
        .chain(timestamps)
        .collect()
}

fn of_log(what: &str, log: &TransparencyLog) -> (String, String) {
    let key = &log.public_key;
    let mut said = of_window(&log.window());
    let names = [
        ("id", &log.log_id),
        ("checkpoints by", &log.checkpoint_key_id),
    ];
    for (what, name) in names {
        if let Some(name) = name {
            said = format!("{said}, {what} {}", hex::encode(&name.key_id.0));
        }
    }
    let kinds = [&key.key_details, &log.hash_algorithm].map(|kind| kind.escape_debug());
    let [details, hash] = kinds;
    (
        format!(
            "{what} {}, key {}",
            log.base_url.escape_debug(),
            digest(&key.raw_bytes.0)
        ),
        format!("{said}, {details}, {hash}{}", run_by(log.operator.as_ref())),
    )
}

fn of_chain(what: &str, chain: &CertificateAuthority) -> (String, String) {
    let mut all = Sha256::new();
    for certificate in chain.certificates() {
        all.update(Sha256::digest(certificate));
    }
    let chained = hex::encode(all.finalize());
    let name = chain.subject.as_ref().map_or(String::new(), |subject| {
        format!("{}, {}", subject.common_name, subject.organization)
    });
    let (uri, name) = (chain.uri.escape_debug(), name.escape_debug());
    let window = of_window(&chain.valid_for.unwrap_or_default());
    (
        format!("{what} {uri} ({name}), chain {chained}"),
        format!("{window}{}", run_by(chain.operator.as_ref())),
    )
}

fn run_by(operator: Option<&String>) -> String {
    let said = operator.map(|operator| format!(", run by {}", operator.escape_debug()));
    said.unwrap_or_default()
}

/// Describes whom signers ask.
fn asked(documents: &BTreeMap<String, String>) -> Described {
    let text = documents.get(SIGNING_CONFIG).map_or("", String::as_str);
    let Ok(config) = serde_json::from_str::<SigningConfig>(text) else {
        return vec![(SIGNING_CONFIG.to_owned(), digest(text.as_bytes()))];
    };
    let services = |what: &'static str, services: Vec<Service>| {
        let services = services.into_iter();
        services.map(move |service| {
            let window = of_window(&service.valid_for);
            let name = format!("signers ask {} for {what}", service.url.escape_debug());
            let version = service.major_api_version;
            let run_by = run_by(Some(&service.operator));
            (name, format!("{window}, API version {version}{run_by}"))
        })
    };
    services("certificates", config.ca_urls)
        .chain(services("tokens", config.oidc_urls))
        .chain(services("ledger entries", config.rekor_tlog_urls))
        .chain(services("timestamps", config.tsa_urls))
        .collect()
}

fn of_window(window: &Window) -> String {
    let said = |time: SystemTime| {
        let text = OffsetDateTime::from(time).format(&Rfc3339);
        text.unwrap_or_else(|_| "no time that can be said".to_owned())
    };
    let start = window.start.map_or_else(|| "ever".to_owned(), said);
    match window.end {
        Some(end) => format!("from {start} to {}", said(end)),
        None => format!("from {start}"),
    }
}

/// Whole: whoever can make keys whose digests begin alike must not pass for another.
fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
