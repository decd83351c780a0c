//! What of an answer is compared, and when two are the same.

use std::collections::BTreeSet;

use der::Decode as _;
use serde_json::{Map, Value, json};
use x509_cert::Certificate;
use x509_cert::ext::Extension;

const SUBJECT_KEY_IDENTIFIER: &str = "2.5.29.14";
const AUTHORITY_KEY_IDENTIFIER: &str = "2.5.29.35";
const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";
const PEM_HEAD: &str = "-----BEGIN CERTIFICATE-----";

/// The sentences that are Fulcio's own. Other messages come from its parsers, in their own words.
const FULCIO_SENTENCES: [&str; 6] = [
    "There was an error",
    "The signature supplied",
    "The public key supplied",
    "The certificate signing request",
    "signing algorithm not permitted",
    "Not Found",
];

/// An answer as it came.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) has_sct_header: bool,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Says what is compared of the answer to a request for `path`; `base` is the issuer's URL.
    pub(super) fn describe(&self, path: &str, base: &str) -> anyhow::Result<Value> {
        let mut described = Map::new();
        described.insert("status".to_owned(), self.status.into());
        described.insert("content_type".to_owned(), self.content_type.clone().into());
        let text = String::from_utf8_lossy(&self.body);
        let json = serde_json::from_slice::<Value>(&self.body).ok();
        let issued = (200..300).contains(&self.status) && path.contains("signingCert");
        if issued && path.contains("/v1/") {
            described.insert("sct_header".to_owned(), self.has_sct_header.into());
            let pems: Vec<String> = text
                .split(PEM_HEAD)
                .skip(1)
                .map(|rest| format!("{PEM_HEAD}{rest}"))
                .collect();
            described.insert("certificate".to_owned(), certificate(&pems, base)?);
        } else if issued {
            let json = json.ok_or_else(|| anyhow::anyhow!("no JSON: {text}"))?;
            described.insert("keys".to_owned(), names(&json));
            let content = json.as_object().and_then(|o| o.values().next());
            let list = content.map(|content| content["chain"]["certificates"].clone());
            let pems: Vec<String> = serde_json::from_value(list.unwrap_or_default())?;
            described.insert("certificate".to_owned(), certificate(&pems, base)?);
        } else {
            self.describe_other(&mut described, json, path, base);
        }
        Ok(Value::Object(described))
    }

    fn describe_other(
        &self,
        described: &mut Map<String, Value>,
        json: Option<Value>,
        path: &str,
        base: &str,
    ) {
        let text = String::from_utf8_lossy(&self.body);
        let start = |length| text.chars().take(length).collect::<String>().into();
        let refused = self.status >= 400;
        let Some(json) = json else {
            let (name, value) = if refused {
                ("body", start(200))
            } else {
                ("text_head", start(28))
            };
            described.insert(name.to_owned(), value);
            return;
        };
        described.insert("keys".to_owned(), names(&json));
        if refused {
            described.insert("code".to_owned(), json["code"].clone());
            described.insert("message".to_owned(), json["message"].clone());
        } else if path.ends_with("/configuration") {
            described.insert("issuers".to_owned(), issuers(&json["issuers"], base));
        }
    }
}

fn names(json: &Value) -> Value {
    let members = json.as_object().into_iter().flat_map(Map::keys);
    let mut names: Vec<&String> = members.collect();
    names.sort();
    json!(names)
}

/// Sorts issuers by URL and puts a name in place of the test issuer's.
fn issuers(list: &Value, base: &str) -> Value {
    let text = list.to_string().replace(base, "<base>");
    let mut issuers: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
    issuers.sort_by_key(|issuer| {
        let url = issuer
            .get("issuerUrl")
            .or_else(|| issuer.get("wildcardIssuerUrl"));
        url.and_then(Value::as_str).map(str::to_owned)
    });
    Value::Array(issuers)
}

/// Says what a certificate holds but for what differs from one issuance or CA to the next.
fn certificate(chain: &[String], base: &str) -> anyhow::Result<Value> {
    let parse = |text: Option<&String>| {
        let text = text.ok_or_else(|| anyhow::anyhow!("no certificate"))?;
        anyhow::Ok(Certificate::from_der(pem::parse(text)?.contents())?)
    };
    let (leaf, last) = (parse(chain.first())?, parse(chain.last())?);
    let leaf = leaf.tbs_certificate();
    let serial = leaf.serial_number().as_bytes();
    let significant: Vec<u8> = serial.iter().copied().skip_while(|b| *b == 0).collect();
    // Positive, of at most 160 bits, and long enough to have been drawn at random.
    let serial_ok = serial[0] < 0x80 && (13..=20).contains(&significant.len());
    let validity = leaf.validity();
    let seconds = validity.not_after.to_unix_duration() - validity.not_before.to_unix_duration();
    let extensions: Vec<Value> = leaf
        .extensions()
        .into_iter()
        .flatten()
        .filter(|e| e.extn_id.to_string() != SUBJECT_KEY_IDENTIFIER)
        .map(|e| extension(e, base))
        .collect();
    let subject = match leaf.subject().is_empty() {
        true => json!({}),
        false => leaf.subject().to_string().into(),
    };
    let mut ends: Vec<bool> = chain.iter().map(|pem| pem.ends_with('\n')).collect();
    ends.sort_unstable();
    ends.dedup();
    let root = last.tbs_certificate();
    Ok(json!({
        "version": format!("{:?}", leaf.version()).to_lowercase(),
        "subject": subject,
        "seconds": seconds.as_secs(),
        "spki_alg": key_algorithm(&leaf.subject_public_key_info().algorithm.oid.to_string()),
        "serial_ok": serial_ok,
        "extensions": extensions,
        "chain_ends_in_root": chain.len() > 1 && root.subject() == root.issuer(),
        "pem_ends_with_newline": ends,
    }))
}

fn extension(extension: &Extension, base: &str) -> Value {
    let oid = extension.extn_id.to_string();
    let value = match oid.as_str() {
        AUTHORITY_KEY_IDENTIFIER => "<aki>".to_owned(),
        SCT_LIST => "<sct list>".to_owned(),
        _ => hex(extension.extn_value.as_bytes()).replace(&hex(base.as_bytes()), "<base>"),
    };
    json!([oid, extension.critical, value])
}

fn key_algorithm(oid: &str) -> &str {
    match oid {
        "1.2.840.10045.2.1" => "ec",
        "1.2.840.113549.1.1.1" => "rsa",
        "1.3.101.112" => "ed25519",
        other => other,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Tells what differs: each member with what was wanted and what came.
///
/// A parser's words are its own, a message may say more than Fulcio's, a wrong method may be 405 as
/// well as 501, and what is too large may be 413.
pub(super) fn differences(want: &Value, got: &Value) -> Vec<String> {
    let message = want["message"].as_str().unwrap_or_default();
    let (mut got, mut want) = (got.clone(), want.clone());
    if want["status"].as_u64().is_some_and(|status| status >= 400) {
        let status = got["status"].as_u64().unwrap_or_default();
        let other_method = want["status"] == 501 && [405, 501].contains(&status);
        let too_large = message.contains("too large") && status == 413;
        if other_method || too_large {
            return Vec::new();
        }
        let free = !FULCIO_SENTENCES.iter().any(|s| message.starts_with(s));
        let says_more = got["message"]
            .as_str()
            .is_some_and(|m| m.starts_with(message));
        if free || says_more {
            got["message"] = Value::Null;
            want["message"] = Value::Null;
        }
    }
    let mut differences = Vec::new();
    compare("", &want, &got, &mut differences);
    differences
}

/// Goes down to the members and extensions that differ.
fn compare(name: &str, want: &Value, got: &Value, differences: &mut Vec<String>) {
    if want == got {
        return;
    }
    let below = |member: &str| match name {
        "" => member.to_owned(),
        name => format!("{name}.{member}"),
    };
    match (want, got) {
        (Value::Object(wanted), Value::Object(gotten)) => {
            let names: BTreeSet<&String> = wanted.keys().chain(gotten.keys()).collect();
            for member in names {
                compare(&below(member), &want[member], &got[member], differences);
            }
        }
        (Value::Array(wanted), Value::Array(gotten)) if wanted.len() == gotten.len() => {
            for (index, (want, got)) in wanted.iter().zip(gotten).enumerate() {
                compare(&below(&index.to_string()), want, got, differences);
            }
        }
        _ => differences.push(format!("{name}: want {want} got {got}")),
    }
}
