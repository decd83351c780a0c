//! Who signed, and what: certificate, identity, artifact and statement.

use chancery_client::trust::TrustMaterial;
use chancery_client::verify::Check;
use chancery_keys::HashAlgorithm;
use chancery_trust::documents::TrustedRoot;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{flip, planned, refused, refused_after};
use crate::world::{Format, Issued, Made, Plan, Statement, World};

#[test]
fn a_certificate_of_no_trusted_authority_is_refused() {
    refused(
        |plan| plan.issued = Issued::ByAStranger,
        Check::Chain,
        "has not issued it",
    );
    // Not even if the bundle brings the chain along.
    refused(
        |plan| {
            plan.issued = Issued::ByAStranger;
            plan.format = Format::V0_2;
        },
        Check::Chain,
        "has not issued it",
    );
    refused_after(
        |made| made.root["certificateAuthorities"] = json!([]),
        Check::Chain,
        "no certificate authority is trusted",
    );
}

#[test]
fn a_certificate_that_no_ca_issued_is_refused() {
    let world = World::new();
    let mut plan = Plan::default();
    plan.make(&world).holds();
    plan.issued = Issued::ByNoCa;
    let mut made = plan.make(&world);
    made.is_refused_by(Check::Chain, "has not issued it");
    made.root["certificateAuthorities"] = json!([world.authority_without_ca()]);
    made.is_refused_by(Check::Chain, "may not issue");
    let ignored = |made: &Made| {
        let root = TrustedRoot::parse(made.root.to_string().as_bytes()).unwrap();
        let ignored = TrustMaterial::of(&root).ignored().to_vec();
        let [ignored] = &ignored[..] else { panic!() };
        ignored.why.clone()
    };
    assert!(ignored(&made).contains("may not issue"));
    let chain = &mut made.root["certificateAuthorities"][0]["certChain"]["certificates"];
    chain[0]["rawBytes"] = "AAAA".into();
    assert!(ignored(&made).contains("not a certificate"));
}

#[test]
fn the_issuer_is_the_one_that_issued_whatever_the_order_of_the_chain() {
    let world = World::new();
    let strange = Plan {
        issued: Issued::ByAStranger,
        format: Format::V0_2,
        ..Plan::default()
    };
    let mut strange = strange.make(&world);
    let other = strange.material()["x509CertificateChain"]["certificates"][1].take();
    let mut made = Plan::default().make(&world);
    let chain = &mut made.root["certificateAuthorities"][0]["certChain"]["certificates"];
    chain.as_array_mut().unwrap().insert(0, other);
    made.holds();
}

#[test]
fn a_certificate_for_something_else_is_refused() {
    refused(
        |plan| plan.issued = Issued::ForServers,
        Check::Certificate,
        "not codeSigning",
    );
    refused(
        |plan| plan.issued = Issued::WithCertSign,
        Check::Certificate,
        "not digitalSignature",
    );
}

#[test]
fn another_signer_than_the_wanted_is_refused() {
    refused_after(
        |made| made.identity = "bob@chancery.test",
        Check::Identity,
        "signed by \"alice@chancery.test\"",
    );
    refused_after(
        |made| made.issuer = "https://other.test",
        Check::Issuer,
        "logged in with \"https://issuer.chancery.test\"",
    );
}

#[test]
fn another_artifact_or_signature_is_refused() {
    refused_after(
        |made| made.artifact.push(b'x'),
        Check::Artifact,
        "the artifact is",
    );
    let mut unhinted = planned(|_| {});
    let signed = unhinted.bundle["messageSignature"].as_object_mut();
    signed.unwrap().remove("messageDigest");
    unhinted.holds();
    unhinted.artifact.push(b'x');
    unhinted.is_refused_by(Check::EntryBody, "another artifact");
    // With nothing that vouches for the artifact but the signature itself.
    unhinted.thresholds.entries = 0;
    unhinted.material()["tlogEntries"] = json!([]);
    unhinted.is_refused_by(Check::Signature, "has not made the signature");
    unhinted.artifact.pop();
    unhinted.holds();
    refused_after(
        |made| flip(&mut made.bundle["messageSignature"]["signature"]),
        Check::Time,
        "other data",
    );
}

#[test]
fn a_statement_about_something_else_is_refused() {
    let statement = |subject: &[u8]| {
        let statement = Statement::of(subject);
        planned(|plan| plan.statement = Some(statement))
    };
    let good = statement(b"artifact");
    let verified = good.holds();
    let digest = verified.artifact().digest(HashAlgorithm::Sha256);
    assert_eq!(digest, Some(&Sha256::digest(b"artifact")[..]));
    let kind = verified.statement().unwrap().predicate_type();
    assert_eq!(kind, "https://chancery.test/predicate");
    statement(b"other").is_refused_by(Check::Subject, "none of the statement's subjects");
    let mut other = good;
    other.predicate_type = Some("https://chancery.test/other");
    other.is_refused_by(Check::Statement, "is wanted");
    other.predicate_type = Some("https://chancery.test/predicate");
    other.holds();
}

type Change = fn(&mut Value);

#[test]
fn what_is_no_statement_about_the_artifact_is_refused() {
    let no_statement = "it is no in-toto statement";
    let changes: [(Change, Check, &str); 7] = [
        (
            |payload| payload["_type"] = "https://in-toto.io/Statement/v2".into(),
            Check::Statement,
            "which is not known",
        ),
        (
            |payload| payload["predicateType"] = Value::Null,
            Check::Statement,
            no_statement,
        ),
        // Lists in the place of objects, which a reader may take for their members in order.
        (
            |payload| *payload = json!([payload["_type"], payload["subject"], "a", {}]),
            Check::Statement,
            no_statement,
        ),
        (
            |payload| {
                let subject = &mut payload["subject"][0];
                *subject = json!([subject["digest"]]);
            },
            Check::Statement,
            no_statement,
        ),
        (
            |payload| {
                let digest = &mut payload["subject"][0]["digest"];
                *digest = json!([digest["sha256"], null, null]);
            },
            Check::Statement,
            no_statement,
        ),
        (
            |payload| payload["subject"] = json!([]),
            Check::Subject,
            "none of the statement's subjects",
        ),
        // One digest of the artifact does not make up for one of another.
        (
            |payload| payload["subject"][0]["digest"]["sha512"] = "00".repeat(64).into(),
            Check::Subject,
            "none of the statement's subjects",
        ),
    ];
    for (change, check, saying) in changes {
        let statement = Statement {
            change: Some(change),
            ..Statement::of(b"artifact")
        };
        refused(|plan| plan.statement = Some(statement), check, saying);
    }
    // Others beside the artifact do not matter, nor digests of other kinds.
    let others: [Change; 2] = [
        |payload| {
            let subject = payload["subject"][0].clone();
            payload["subject"] = json!([{"digest": {"sha256": "00"}}, {"name": "b"}, subject]);
        },
        |payload| payload["subject"][0]["digest"]["gitCommit"] = "00".into(),
    ];
    for change in others {
        let statement = Statement {
            change: Some(change),
            ..Statement::of(b"artifact")
        };
        planned(|plan| plan.statement = Some(statement)).holds();
    }
}

#[test]
fn an_envelope_of_something_else_is_refused() {
    let mut statement = Statement::of(b"artifact");
    statement.payload_type = "text/plain";
    refused(
        |plan| plan.statement = Some(statement),
        Check::Statement,
        "holds text/plain",
    );
    let good = planned(|plan| plan.statement = Some(Statement::of(b"artifact")));
    good.holds();
    // The payload's type is signed as well.
    let mut renamed = good.clone();
    renamed.bundle["dsseEnvelope"]["payloadType"] = "text/plain".into();
    renamed.is_refused_by(Check::EntryBody, "another artifact");
    renamed.thresholds.entries = 0;
    renamed.material()["tlogEntries"] = json!([]);
    renamed.is_refused_by(Check::Signature, "has not made the signature");
    let mut payload = good;
    flip(&mut payload.bundle["dsseEnvelope"]["payload"]);
    payload.is_refused_by(Check::EntryBody, "another artifact");
}
