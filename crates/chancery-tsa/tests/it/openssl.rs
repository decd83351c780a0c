//! OpenSSL makes requests, and verifies what is answered: another implementation of RFC 3161.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use chancery_keys::{KeyType, LocalKey};
use chancery_log::clock::SystemClock;
use chancery_tsa::{
    FailureInfo, SIGSTORE_POLICY, TimestampAuthority, TimestampAuthorityParts, TimestampRequest,
    TsaCeremony,
};

fn openssl(folder: &Path, arguments: &str) -> Output {
    Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("openssl, which these tests need, did not start")
}

fn said(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn authority(key_type: KeyType, intermediate: bool) -> TimestampAuthority {
    let key = || LocalKey::generate(key_type).unwrap();
    let (root, middle, leaf) = (key(), key(), key());
    let ceremony = TsaCeremony {
        organization: "Example",
        common_name: "Example timestamps",
        now: SystemTime::now(),
    };
    let middle = intermediate.then_some(&middle);
    TimestampAuthority::new(TimestampAuthorityParts {
        chain: ceremony.perform(&root, middle, &leaf).unwrap(),
        signer: Arc::new(leaf),
        clock: Arc::new(SystemClock),
        check: None,
        floor: UNIX_EPOCH,
        policy: SIGSTORE_POLICY,
    })
    .unwrap()
}

/// Writes the authority's chain apart: what signs, what stands between, and the root.
fn write_chain(folder: &Path, authority: &TimestampAuthority) {
    let pem = authority.chain().pem();
    let blocks: Vec<_> = pem.split_inclusive("-----END CERTIFICATE-----\n").collect();
    let (root, untrusted) = blocks.split_last().unwrap();
    std::fs::write(folder.join("root.pem"), root).unwrap();
    std::fs::write(folder.join("untrusted.pem"), untrusted.concat()).unwrap();
}

#[tokio::test]
async fn openssl_accepts_what_it_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("data"), b"whatever").unwrap();
    for (key_type, intermediate) in [(KeyType::P256, false), (KeyType::P384, true)] {
        let authority = authority(key_type, intermediate);
        write_chain(folder, &authority);
        for asked in [
            "-sha256",
            "-sha384 -cert",
            "-sha512 -no_nonce",
            "-sha512 -no_nonce -cert",
        ] {
            let made = openssl(
                folder,
                &format!("ts -query -data data {asked} -out request.tsq"),
            );
            assert!(made.status.success(), "{}", said(&made));
            let request = std::fs::read(folder.join("request.tsq")).unwrap();
            let request = TimestampRequest::parse_der(&request).unwrap();
            let stamp = authority.stamp(&request).await.unwrap();
            std::fs::write(folder.join("answer.tsr"), stamp.response()).unwrap();

            let with = "-CAfile root.pem -untrusted untrusted.pem";
            for against in ["-queryfile request.tsq", "-data data"] {
                let command = format!("ts -verify {against} -in answer.tsr {with}");
                let verified = openssl(folder, &command);
                let said = said(&verified);
                assert!(
                    verified.status.success() && said.contains("Verification: OK"),
                    "{asked} {against}: {said}"
                );
            }
        }
    }
}

#[tokio::test]
async fn openssl_refuses_it_for_other_data_and_under_another_root() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("data"), b"whatever").unwrap();
    std::fs::write(folder.join("other"), b"something else").unwrap();
    openssl(
        folder,
        "ts -query -data data -sha256 -cert -out request.tsq",
    );
    let request = std::fs::read(folder.join("request.tsq")).unwrap();
    let request = TimestampRequest::parse_der(&request).unwrap();
    let one = authority(KeyType::P256, false);
    let stamp = one.stamp(&request).await.unwrap();
    std::fs::write(folder.join("answer.tsr"), stamp.response()).unwrap();

    write_chain(folder, &one);
    let verified = openssl(
        folder,
        "ts -verify -data other -in answer.tsr -CAfile root.pem",
    );
    assert!(!verified.status.success());
    write_chain(folder, &authority(KeyType::P256, false));
    let verified = openssl(
        folder,
        "ts -verify -data data -in answer.tsr -CAfile root.pem",
    );
    assert!(!verified.status.success());
}

#[tokio::test]
async fn openssl_reads_the_answers_fields() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let authority = authority(KeyType::P256, false);
    let request = TimestampRequest::parse_der(include_bytes!("../vectors/request.tsq")).unwrap();
    let stamp = authority.stamp(&request).await.unwrap();
    std::fs::write(folder.join("answer.tsr"), stamp.response()).unwrap();
    let text = said(&openssl(folder, "ts -reply -in answer.tsr -text"));
    for expected in [
        "Status: Granted.",
        "Version: 1",
        "Policy OID: 1.3.6.1.4.1.57264.2",
        "Hash Algorithm: sha256",
        "Accuracy: 0x01 seconds, unspecified millis, unspecified micros",
        "Ordering: no",
        "Nonce: unspecified",
        "TSA: DirName:/O=Example/CN=Example timestamps",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
}

#[test]
fn openssl_reads_refusals() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (reason, expected) in [
        (
            FailureInfo::BadAlgorithm,
            "unrecognized or unsupported algorithm identifier",
        ),
        (
            FailureInfo::BadRequest,
            "transaction not permitted or supported",
        ),
        (
            FailureInfo::BadDataFormat,
            "the data submitted has the wrong format",
        ),
        (
            FailureInfo::TimeNotAvailable,
            "the TSA's time source is not available",
        ),
        (
            FailureInfo::UnacceptedPolicy,
            "the requested TSA policy is not supported by the TSA",
        ),
        (
            FailureInfo::UnacceptedExtension,
            "the requested extension is not supported by the TSA",
        ),
        (
            FailureInfo::SystemFailure,
            "the request cannot be handled due to system failure",
        ),
    ] {
        std::fs::write(folder.join("answer.tsr"), reason.to_response_der().unwrap()).unwrap();
        let text = said(&openssl(folder, "ts -reply -in answer.tsr -text"));
        assert!(text.contains("Status: Rejected."), "{text}");
        assert!(text.contains(expected), "{reason:?}: {text}");
    }
}
