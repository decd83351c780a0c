//! Requests to witnesses: what is read and what is refused.

use proptest::prelude::*;

use super::*;
use crate::note::{KeyName, NoteSignature};

fn request(old_size: u64, proof: Vec<Hash>) -> AddCheckpoint {
    let line = NoteSignature {
        name: KeyName::parse("log.example").unwrap(),
        key_id: [1, 2, 3, 4],
        signature: vec![5; 64],
    };
    let text = "log.example\n7\nroot\n".to_owned();
    AddCheckpoint {
        old_size,
        proof,
        checkpoint: SignedNote::new(text, vec![line]).unwrap(),
    }
}

proptest! {
    #[test]
    fn a_request_reads_back(
        old_size: u64,
        proof in proptest::collection::vec(any::<[u8; 32]>(), 0..=63),
    ) {
        let request = request(old_size, proof.into_iter().map(Hash::from_bytes).collect());
        prop_assert_eq!(AddCheckpoint::parse(request.encode().as_bytes()), Ok(request));
    }

    #[test]
    fn whatever_is_read_is_written_as_it_was(
        place in 0_usize..300,
        byte: u8,
    ) {
        let mut bytes = request(5, vec![Hash::EMPTY_ROOT; 3]).encode().into_bytes();
        let place = place % bytes.len();
        bytes[place] = byte;
        if let Ok(read) = AddCheckpoint::parse(&bytes) {
            prop_assert_eq!(read.encode().into_bytes(), bytes);
        }
    }
}

#[test]
fn malformed_requests_are_refused() {
    let note = request(0, Vec::new()).checkpoint.encode();
    let hash = STANDARD.encode([0; 32]);
    let too_long = format!("old 1\n{}\n{note}", format!("{hash}\n").repeat(64));
    let endless = format!("old 1\n{}", "A".repeat(1_000_000));
    let cases = [
        (String::new(), ParseAddCheckpointError::NoEmptyLine),
        ("old 1\n".to_owned(), ParseAddCheckpointError::NoEmptyLine),
        (endless, ParseAddCheckpointError::NoEmptyLine),
        (format!("\n\n{note}"), ParseAddCheckpointError::OldSize),
        (
            format!("old 01\n\n{note}"),
            ParseAddCheckpointError::OldSize,
        ),
        (
            format!("old +1\n\n{note}"),
            ParseAddCheckpointError::OldSize,
        ),
        (
            format!("old 1 \n\n{note}"),
            ParseAddCheckpointError::OldSize,
        ),
        (format!("new 1\n\n{note}"), ParseAddCheckpointError::OldSize),
        (
            format!("old 18446744073709551616\n\n{note}"),
            ParseAddCheckpointError::OldSize,
        ),
        (
            format!("old 1\n{hash}\nAAAA\n\n{note}"),
            ParseAddCheckpointError::ProofLine { line: 3 },
        ),
        (
            format!("old 1\r\n{hash}\n\n{note}"),
            ParseAddCheckpointError::OldSize,
        ),
        (too_long, ParseAddCheckpointError::ProofTooLong),
        (
            "old 1\n\nlog.example\n7\nroot\n".to_owned(),
            ParseNoteError::NoSignatures.into(),
        ),
    ];
    for (body, error) in cases {
        let shown: String = body.chars().take(60).collect();
        assert_eq!(
            AddCheckpoint::parse(body.as_bytes()),
            Err(error),
            "{shown:?}"
        );
    }
}

#[test]
fn a_witnessed_size_is_a_number_on_a_line() {
    assert_eq!(parse_witnessed_size(b"0\n"), Some(0));
    assert_eq!(parse_witnessed_size(b"4096\n"), Some(4096));
    for other in [
        &b"4096"[..],
        b"",
        b"\n",
        b"04\n",
        b"-1\n",
        b"4096\n\n",
        b"\xff\n",
    ] {
        assert_eq!(parse_witnessed_size(other), None, "{other:?}");
    }
}
