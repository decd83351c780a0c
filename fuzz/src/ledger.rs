//! Requests to the ledger: what is verified is logged in one form, which reads back as the same.

use chancery_ledger::{EntryRequest, LedgerContents, MAX_BODY_BYTES, VerifiedEntry};

/// Reads a request and verifies it, or reads a body.
pub fn run(input: &[u8]) {
    let _ = LedgerContents::default().terms(input);
    if let Ok(entry) = VerifiedEntry::from_body(input) {
        assert_eq!(entry.body(), input, "a body has another form");
    }
    if let Ok(request) = EntryRequest::parse(input) {
        log(request);
    }
}

/// Verifies a request: what would be logged reads back as it is.
pub(crate) fn log(request: EntryRequest) {
    let Ok(entry) = request.verify() else {
        return;
    };
    assert!(entry.body().len() <= MAX_BODY_BYTES, "no tile holds it");
    match VerifiedEntry::from_body(entry.body()) {
        Ok(again) => {
            assert_eq!(again.artifact(), entry.artifact());
            assert_eq!(again.key(), entry.key());
        }
        Err(error) => panic!("what was verified does not read back: {error}"),
    }
}
