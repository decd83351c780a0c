//! Entries, proofs and checkpoints of the vectors, each changed in one thing.

use super::*;

#[test]
fn an_entry_of_something_else_is_refused() {
    let spec = |body: &mut Value, pointer: &str, value: &str| {
        *body
            .pointer_mut(&format!("/spec/hashedRekordV002{pointer}"))
            .unwrap() = value.into();
    };
    let digest = STANDARD.encode([7; 32]);
    let mut case = Case::good();
    case.change_body(|body| spec(body, "/data/digest", &digest));
    case.is_refused_by("entry-body", "another artifact");
    let mut case = Case::good();
    case.change_body(|body| spec(body, "/signature/content", "AAAA"));
    case.is_refused_by("entry-body", "another signature");
    let mut case = Case::good();
    case.change_body(|body| {
        spec(body, "/signature/verifier/x509Certificate/rawBytes", "AAAA");
    });
    case.is_refused_by("entry-body", "another certificate");
    let mut case = Case::good();
    case.change_body(|body| body["extra"] = 1.into());
    case.is_refused_by("entry-body", "no entry");
    let mut case = Case::good();
    case.entry()["kindVersion"]["kind"] = "dsse".into();
    case.is_refused_by("entry-body", "another kind");
    let mut case = Case::good();
    case.entry()["kindVersion"]["version"] = "0.0.9".into();
    assert!(case.verify().is_err());
    // The envelope's signature is in the entry; a body of the message is of no envelope.
    let mut case = Case::of(DSSE);
    let body = Case::good().entry()["canonicalizedBody"].clone();
    case.entry()["canonicalizedBody"] = body;
    case.entry()["kindVersion"]["kind"] = "hashedrekord".into();
    case.is_refused_by("entry-body", "another artifact");
}

#[test]
fn a_changed_body_that_says_the_same_is_not_in_the_tree() {
    let mut case = Case::good();
    let body = bytes(&case.entry()["canonicalizedBody"]);
    case.entry()["canonicalizedBody"] = STANDARD.encode([&body[..], b" "].concat()).into();
    case.is_refused_by("inclusion-proof", "");
}

#[test]
fn a_bad_proof_is_refused() {
    let mut case = Case::good();
    flip(&mut case.proof()["hashes"][0], 3);
    case.is_refused_by("inclusion-proof", "");
    let mut case = Case::good();
    case.proof()["hashes"] = json!([]);
    case.is_refused_by("inclusion-proof", "");
    let mut case = Case::good();
    case.entry()["logIndex"] = "0".into();
    case.is_refused_by("inclusion-proof", "another place");
    let mut case = Case::good();
    case.proof()["logIndex"] = "0".into();
    case.is_refused_by("inclusion-proof", "");
    let mut case = Case::good();
    case.proof()["logIndex"] = "-1".into();
    case.is_refused_by("inclusion-proof", "");
    let mut case = Case::good();
    case.proof()["treeSize"] = "3".into();
    case.is_refused_by("inclusion-proof", "another size");
    let mut case = Case::good();
    flip(&mut case.proof()["rootHash"], 0);
    case.is_refused_by("inclusion-proof", "another root");
    let mut case = Case::good();
    case.entry()
        .as_object_mut()
        .unwrap()
        .remove("inclusionProof");
    case.is_refused_by("inclusion-proof", "no inclusion proof");
}

#[test]
fn a_bad_checkpoint_is_refused() {
    let refused = |change: &dyn Fn(&str) -> String, saying: &str| {
        let mut case = Case::good();
        case.change_checkpoint(change);
        case.is_refused_by("checkpoint", saying);
    };
    let without_line = |number: usize| {
        move |text: &str| {
            let lines = text.split_inclusive('\n').enumerate();
            lines
                .filter(|(at, _)| *at != number)
                .map(|(_, line)| line)
                .collect::<String>()
        }
    };
    refused(&without_line(0), "");
    refused(&without_line(1), "not origin");
    refused(&without_line(2), "");
    refused(&without_line(4), "none of its signatures");
    refused(
        &|text| text.replacen("rekor.chancery.test\n", "other.test\n", 1),
        "is wrong",
    );
    refused(&|text| text.replacen("\n2\n", "\n3\n", 1), "is wrong");
    refused(
        &|text| text.replace("— rekor.chancery.test", "— other.test"),
        "none of its",
    );
    refused(&|text| text.replace("uhdmDeY", "uhdmDeZ"), "is wrong");
    refused(&|text| text.replace("uhdmDeY", "uhdmEeY"), "none of its");
    refused(&|_| String::new(), "");
    refused(
        &|text| format!("{text}{}", "— a.test AAAAAAA=\n".repeat(100)),
        "more than 100",
    );
    let mut case = Case::good();
    case.proof().as_object_mut().unwrap().remove("checkpoint");
    case.is_refused_by("checkpoint", "no checkpoint");
}

#[test]
fn signatures_of_others_beside_the_ledgers_do_not_matter() {
    let lines = |text: &str| -> (String, Vec<String>) {
        let (body, signatures) = text.split_once("\n\n").unwrap();
        let signatures = signatures.lines().map(|line| format!("{line}\n"));
        (format!("{body}\n\n"), signatures.collect())
    };
    let mut not_first = Case::good();
    not_first.change_checkpoint(|text| {
        let (body, signatures) = lines(text);
        body + &signatures[1] + &signatures[0]
    });
    not_first.verify().unwrap();
    let mut twice = Case::good();
    twice.change_checkpoint(|text| {
        let (body, signatures) = lines(text);
        body + &signatures[0] + &signatures[0] + &signatures[1]
    });
    twice.verify().unwrap();
    let mut alone = Case::good();
    alone.change_checkpoint(|text| {
        let (body, signatures) = lines(text);
        body + &signatures[0]
    });
    alone.verify().unwrap();
}

#[test]
fn only_so_many_signatures_in_the_ledgers_name_are_tried() {
    let after_wrong = |number: usize| {
        let mut case = Case::good();
        case.change_checkpoint(|text| {
            let (body, signatures) = text.split_once("\n\n").unwrap();
            let good = signatures.lines().next().unwrap();
            let (name, signature) = good.rsplit_once(' ').unwrap();
            let mut signature = STANDARD.decode(signature).unwrap();
            *signature.last_mut().unwrap() ^= 1;
            let wrong = format!("{name} {}\n", STANDARD.encode(signature));
            format!("{body}\n\n{}{good}\n", wrong.repeat(number))
        });
        case
    };
    let most = crate::bundle::limits::CHECKPOINT_SIGNATURES;
    after_wrong(most - 1).verify().unwrap();
    after_wrong(most).is_refused_by("checkpoint", "is wrong");
}
