//! Policies: what is read, what is refused, and what is enough.

use proptest::prelude::*;

use super::*;
use crate::note::KeyName;

fn key(name: &str, seed: u8) -> VerifierKey {
    VerifierKey::Cosignature {
        name: KeyName::parse(name).unwrap(),
        public_key: [seed; 32],
    }
}

fn witness(name: &str, seed: u8) -> String {
    format!("witness {name} {}\n", key(name, seed))
}

fn six() -> String {
    let names = ["X1", "X2", "X3", "Y1", "Y2", "Y3"];
    names
        .iter()
        .zip(1..)
        .map(|(name, seed)| witness(name, seed))
        .collect()
}

fn faults(text: &str) -> PolicyFault {
    WitnessPolicy::parse(text.as_bytes()).unwrap_err().fault
}

#[test]
fn the_shape_of_the_specifications_example_is_read_and_judged() {
    let log = VerifierKey::Ed25519 {
        name: KeyName::parse("log.example").unwrap(),
        public_key: [77; 32],
    };
    let text = format!(
        "# two organizations\nlog {log} https://log.example/\n\n{}\
         group X-witnesses 2 X1 X2 X3\n\tgroup  Y-witnesses\tany Y1 Y2 Y3 \n\
         group X-and-Y all X-witnesses Y-witnesses\n  # enough:\nquorum X-and-Y",
        six()
    );
    let policy = WitnessPolicy::parse(text.as_bytes()).unwrap();
    assert_eq!(policy.logs()[0].key, log);
    assert_eq!(
        policy.logs()[0].url.as_deref(),
        Some("https://log.example/")
    );
    assert_eq!(policy.witnesses().len(), 6);
    assert_eq!(policy.witnesses()[3].key, key("Y1", 4));
    for set in 0_u8..64 {
        let xs = (set & 7).count_ones();
        let ys = (set >> 3).count_ones();
        let enough = policy.is_satisfied(|place| set >> place & 1 == 1);
        assert_eq!(enough, xs >= 2 && ys >= 1, "{set:06b}");
    }
}

#[test]
fn a_quorum_may_be_one_witness_or_none() {
    let one = WitnessPolicy::parse(format!("{}quorum X2\n", six()).as_bytes()).unwrap();
    assert!(one.is_satisfied(|place| place == 1));
    assert!(!one.is_satisfied(|place| place != 1));
    let none = WitnessPolicy::parse(b"quorum none\n").unwrap();
    assert!(none.is_satisfied(|_| false));
}

#[test]
fn malformed_policies_are_refused() {
    let six = six();
    let w = |rest: &str| format!("{six}{rest}");
    let undefined = |name: &str| PolicyFault::Undefined(name.to_owned());
    let cases = [
        (String::new(), PolicyFault::NoQuorum),
        (w("quorum X1\nquorum X1"), PolicyFault::QuorumTwice),
        (w("quorum X4"), undefined("X4")),
        ("quorum".to_owned(), PolicyFault::Items),
        ("quorum none none".to_owned(), PolicyFault::Items),
        (
            "Quorum none".to_owned(),
            PolicyFault::Keyword("Quorum".to_owned()),
        ),
        ("quorum none\r".to_owned(), PolicyFault::ControlCharacter),
        (w("group g 0 X1 X2\nquorum g"), PolicyFault::Threshold),
        (w("group g 3 X1 X2\nquorum g"), PolicyFault::Threshold),
        (w("group g +1 X1 X2\nquorum g"), PolicyFault::Threshold),
        (w("group g any\nquorum g"), PolicyFault::Items),
        (w("group g any g\nquorum g"), undefined("g")),
        (w("group g any none\nquorum g"), undefined("none")),
        (
            w("group none any X1\nquorum none"),
            PolicyFault::NameTaken("none".to_owned()),
        ),
        (
            w("group X1 any X2\nquorum X1"),
            PolicyFault::NameTaken("X1".to_owned()),
        ),
        (
            w("group g any X1\ngroup h any X1\nquorum h"),
            PolicyFault::MemberTwice("X1".to_owned()),
        ),
        (
            w("group g 2 X1 X1\nquorum g"),
            PolicyFault::MemberTwice("X1".to_owned()),
        ),
        (w(&witness("other", 1)), PolicyFault::KeyTwice),
        (
            w(&witness("X1", 9)),
            PolicyFault::NameTaken("X1".to_owned()),
        ),
        (
            "witness a b".to_owned(),
            ParseVerifierKeyError::Parts.into(),
        ),
    ];
    for (text, fault) in cases {
        assert_eq!(faults(&text), fault, "{text}");
    }
    assert_eq!(
        WitnessPolicy::parse(b"quorum none\n\xff")
            .unwrap_err()
            .fault,
        PolicyFault::NotText
    );
    let log = key("log.example", 3);
    assert!(matches!(
        faults(&format!("log {log}")),
        PolicyFault::KeyType(_)
    ));
    let many: String = (0..=100).map(|n| witness(&format!("w{n}"), n)).collect();
    assert_eq!(
        WitnessPolicy::parse(many.as_bytes()),
        Err(ParsePolicyError {
            line: 101,
            fault: PolicyFault::TooMany
        })
    );
}

proptest! {
    #[test]
    fn more_cosignatures_are_never_less_enough(set: u8, more: u8, threshold in 1_usize..=3) {
        let text = format!(
            "{}group g {threshold} X1 X2 X3\ngroup h all g Y1\nquorum h", six()
        );
        let policy = WitnessPolicy::parse(text.as_bytes()).unwrap();
        let enough = |set: u8| policy.is_satisfied(|place| set >> place & 1 == 1);
        prop_assert!(!enough(set) || enough(set | more));
    }

    #[test]
    fn no_text_makes_the_parser_panic(lines in "((log|witness|group|quorum|#)[ \t][a-z0-9+/= ]{0,30}\n){0,8}") {
        let _ = WitnessPolicy::parse(lines.as_bytes());
    }
}
