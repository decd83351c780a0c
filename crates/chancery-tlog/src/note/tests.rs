//! Tests of signed notes.

use proptest::prelude::*;

use super::*;

const NOTE: &str = "The chancery is open.\n\n\
    \u{2014} clerk.example.com \
    x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn parse(note: &str) -> Result<SignedNote, ParseNoteError> {
    SignedNote::parse(note.as_bytes())
}

#[test]
fn a_note_is_taken_apart_and_put_together_again() {
    let note = parse(NOTE).unwrap();
    assert_eq!(note.text(), "The chancery is open.\n");
    let [signature] = note.signatures() else {
        panic!("{note:?}")
    };
    assert_eq!(signature.name.as_str(), "clerk.example.com");
    assert_eq!(
        (signature.key_id, signature.signature.len()),
        ([0xc7, 0x4f, 0x20, 0xa3], 64)
    );
    assert_eq!(note.encode(), NOTE);
    assert_eq!(
        SignedNote::new(note.text().to_owned(), note.signatures().to_vec()),
        Ok(note)
    );
}

#[test]
fn signatures_are_found_by_name_and_key_id() {
    let note =
        parse("text\n\n\u{2014} a AAAAAQE=\n\u{2014} b AAAAAQI=\n\u{2014} a AAAAAgM=\n").unwrap();
    let find = |name, id| {
        let name = KeyName::parse(name).unwrap();
        note.signature_by(&name, [0, 0, 0, id])
            .map(|found| found.signature.clone())
    };
    assert_eq!(
        (find("a", 1), find("b", 1), find("a", 2)),
        (Some(vec![1]), Some(vec![2]), Some(vec![3]))
    );
    assert_eq!((find("b", 2), find("c", 1)), (None, None));
}

#[test]
fn a_text_may_have_empty_lines() {
    let note = parse("a\n\n\u{2014} b AAAAAQE=\n\n\u{2014} c AAAAAQE=\n").unwrap();
    assert_eq!(note.text(), "a\n\n\u{2014} b AAAAAQE=\n");
    assert_eq!(note.signatures().len(), 1);
}

#[test]
fn malformed_notes_are_refused() {
    let signature = |line: &str| format!("text\n\n{line}\n");
    let line = |reason| ParseNoteError::Signature { number: 1, reason };
    let tab = NoteTextError::ControlCharacter { character: '\t' };
    let cases = [
        (String::new(), ParseNoteError::NoSignatures),
        ("text\n".to_owned(), ParseNoteError::NoSignatures),
        ("text\n\n".to_owned(), ParseNoteError::NoSignatures),
        (
            "text\n\u{2014} a AAAAAQE=\n".to_owned(),
            ParseNoteError::NoSignatures,
        ),
        (
            "text\n\n\u{2014} a AAAAAQE=".to_owned(),
            ParseNoteError::NoSignatures,
        ),
        (
            "te\txt\n\n\u{2014} a AAAAAQE=\n".to_owned(),
            ParseNoteError::Text(tab),
        ),
        (signature("- a AAAAAQE="), line("no em dash and space")),
        (
            signature("\u{2014}a AAAAAQE="),
            line("no em dash and space"),
        ),
        (signature("\u{2014} AAAAAQE="), line("no key name")),
        (signature("\u{2014}  AAAAAQE="), line("not a key name")),
        (signature("\u{2014} a+b AAAAAQE="), line("not a key name")),
        (
            signature("\u{2014} a\u{a0}b AAAAAQE="),
            line("not a key name"),
        ),
        (signature("\u{2014} a b AAAAAQE="), line("not base64")),
        (signature("\u{2014} a AAAAAQE= "), line("not base64")),
        (signature("\u{2014} a AAAAAQE"), line("not base64")),
        (signature("\u{2014} a AAAAAQF="), line("not base64")),
        (
            signature("\u{2014} a "),
            line("no signature after the key id"),
        ),
        (
            signature("\u{2014} a AAAAAQ=="),
            line("no signature after the key id"),
        ),
        (signature("\u{2014} a AAAAAQE=\r"), line("not base64")),
        (
            format!("text\n\n{}", "\u{2014} a AAAAAQE=\n".repeat(101)),
            ParseNoteError::TooManySignatures,
        ),
        ("a".repeat(MAX_LENGTH + 1), ParseNoteError::TooLong),
    ];
    for (note, error) in cases {
        assert_eq!(
            parse(&note),
            Err(error),
            "{:?}",
            &note[..note.len().min(80)]
        );
    }
    let not_utf8 = SignedNote::parse(b"te\xffxt\n\n\xe2\x80\x94 a AAAAAQE=\n");
    assert!(matches!(not_utf8, Err(ParseNoteError::NotUtf8(_))));
}

#[test]
fn a_text_without_final_newline_cannot_be_signed() {
    assert_eq!(
        SignedNote::new("text".to_owned(), vec![]),
        Err(NoteTextError::NoFinalNewline)
    );
    let carriage_return = NoteTextError::ControlCharacter { character: '\r' };
    assert_eq!(
        SignedNote::new("text\r\n".to_owned(), vec![]),
        Err(carriage_return)
    );
}

fn signature() -> impl Strategy<Value = NoteSignature> {
    let name = "[^\\s+\\x00-\\x1f\\x7f]{1,9}";
    let signature = prop::collection::vec(any::<u8>(), 1..80);
    (name, any::<[u8; 4]>(), signature).prop_map(|(name, key_id, signature)| NoteSignature {
        name: KeyName::parse(&name).unwrap(),
        key_id,
        signature,
    })
}

proptest! {
    #[test]
    fn what_is_encoded_is_parsed_again(
        text in "([^\\x00-\\x1f]*\n){1,4}",
        signatures in prop::collection::vec(signature(), 1..5),
    ) {
        let note = SignedNote::new(text, signatures).unwrap();
        prop_assert_eq!(SignedNote::parse(note.encode().as_bytes()), Ok(note));
    }

    #[test]
    fn what_is_parsed_is_encoded_again(
        note in "([a-c\n\u{2014} +=AQE]|\n\n\u{2014} a AAAAAQE=\n){0,40}",
    ) {
        if let Ok(parsed) = SignedNote::parse(note.as_bytes()) {
            prop_assert_eq!(parsed.encode(), note);
        }
    }
}
