//! Tests of checkpoints and of the RFC 6962 signature under them.

use proptest::prelude::*;

use super::*;

const EMPTY: &str = "ct.example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";

#[test]
fn the_checkpoint_of_an_empty_tree_is_read_and_written() {
    let checkpoint = Checkpoint::parse(EMPTY).unwrap();
    assert_eq!(checkpoint.origin.as_str(), "ct.example.com/log");
    assert_eq!(checkpoint.head, TreeHead::EMPTY);
    assert_eq!(checkpoint.body(), EMPTY);
}

#[test]
fn malformed_checkpoints_are_refused() {
    let origin = ParseCheckpointError::Origin;
    let cases = [
        (String::new(), ParseCheckpointError::Lines),
        (EMPTY.trim_end().to_owned(), ParseCheckpointError::Lines),
        (format!("{EMPTY}extension\n"), ParseCheckpointError::Lines),
        (format!("{EMPTY}\n"), ParseCheckpointError::Lines),
        (EMPTY.replace("/log", ":80"), origin(OriginError::Port)),
        (
            EMPTY.replace("ct.example.com/log", ""),
            origin(OriginError::Host),
        ),
        (
            EMPTY.replace("\n0\n", "\n\n"),
            ParseCheckpointError::TreeSize,
        ),
        (
            EMPTY.replace("\n0\n", "\n00\n"),
            ParseCheckpointError::TreeSize,
        ),
        (
            EMPTY.replace("\n0\n", "\n01\n"),
            ParseCheckpointError::TreeSize,
        ),
        (
            EMPTY.replace("\n0\n", "\n+1\n"),
            ParseCheckpointError::TreeSize,
        ),
        (
            EMPTY.replace("\n0\n", "\n-1\n"),
            ParseCheckpointError::TreeSize,
        ),
        (
            EMPTY.replace("\n0\n", "\n 1\n"),
            ParseCheckpointError::TreeSize,
        ),
        (
            EMPTY.replace("\n0\n", "\n0x1\n"),
            ParseCheckpointError::TreeSize,
        ),
        (
            EMPTY.replace("\n0\n", "\n18446744073709551616\n"),
            ParseCheckpointError::TreeSize,
        ),
        (
            EMPTY.replace("SuFU=", "SuFU"),
            ParseCheckpointError::RootHash,
        ),
        (
            EMPTY.replace("SuFU=", "SuFV="),
            ParseCheckpointError::RootHash,
        ),
        (
            EMPTY.replace("SuFU=", "SuFUA"),
            ParseCheckpointError::RootHash,
        ),
        (EMPTY.replace("SuFU=", ""), ParseCheckpointError::RootHash),
        (
            EMPTY.replace("SuFU=", "SuFU=\r"),
            ParseCheckpointError::RootHash,
        ),
        (
            EMPTY.replace("47DE", "57DE"),
            ParseCheckpointError::EmptyTree,
        ),
    ];
    for (text, error) in cases {
        assert_eq!(Checkpoint::parse(&text), Err(error), "{text:?}");
    }
}

#[test]
fn what_is_signed_for_a_tree_head_agrees_with_the_known_answer() {
    let root = *b"imustbeexactlythirtytwobyteslong";
    let head = TreeHead {
        tree_size: 6,
        root_hash: Hash::from_bytes(root),
    };
    let expected = [
        "00010000000000000929",
        "0000000000000006",
        &hex::encode(root),
    ]
    .concat();
    assert_eq!(hex::encode(rfc6962_signature_input(&head, 0x929)), expected);
}

#[test]
fn a_cut_off_rfc6962_signature_is_refused() {
    let signature = DigitallySigned::sha256_ecdsa(b"DER".to_vec()).unwrap();
    let whole = Rfc6962NoteSignature {
        timestamp_ms: 1234,
        signature,
    }
    .encode();
    assert_eq!(
        Rfc6962NoteSignature::parse(&whole).unwrap().timestamp_ms,
        1234
    );
    for length in 0..whole.len() {
        assert!(
            Rfc6962NoteSignature::parse(&whole[..length]).is_err(),
            "{length}"
        );
    }
    assert!(Rfc6962NoteSignature::parse(&[&whole[..], b"!"].concat()).is_err());
}

proptest! {
    #[test]
    fn what_is_encoded_is_parsed_again(
        origin in "[a-z0-9]{1,9}(\\.[a-z]{1,3})?(/[a-zA-Z0-9_~-]{1,5}){0,2}",
        tree_size in 1..u64::MAX,
        root_hash in any::<[u8; 32]>(),
    ) {
        let head = TreeHead { tree_size, root_hash: Hash::from_bytes(root_hash) };
        let checkpoint = Checkpoint { origin: Origin::parse(&origin).unwrap(), head };
        prop_assert_eq!(Checkpoint::parse(&checkpoint.body()), Ok(checkpoint));
    }
}
