//! `docs/refusals.md` lists the codes that clients can get, and no others.

use std::collections::BTreeMap;
use std::path::Path;

use chancery_ca::ReasonCode;
use chancery_identity::CODES;
use chancery_server::RefusalCode;

/// The rows of the document's tables: the code, with the HTTP status and the gRPC code.
fn documented() -> BTreeMap<String, (u16, u8)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/refusals.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut rows = BTreeMap::new();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, code, http, grpc, meaning, todo, _] = cells[..] else {
            panic!("not five cells: {row}");
        };
        assert!(!meaning.is_empty() && !todo.is_empty(), "{row}");
        let answer = (http.parse().unwrap(), grpc.parse().unwrap());
        let code = code.trim_matches('`').to_owned();
        assert_eq!(rows.insert(code, answer), None, "twice: {row}");
    }
    rows
}

#[test]
fn the_document_lists_every_code_and_no_other() {
    let mut exist: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
    exist.extend(ReasonCode::ALL.map(ReasonCode::as_str));
    exist.extend(RefusalCode::ALL.map(RefusalCode::as_str));
    exist.sort_unstable();
    exist.dedup();
    assert_eq!(documented().into_keys().collect::<Vec<_>>(), exist);
}

#[test]
fn the_document_gives_the_statuses_that_are_answered() {
    let documented = documented();
    for code in RefusalCode::ALL {
        assert_eq!(documented[code.as_str()].0, code.status(), "{code:?}");
    }
    // As the table in the server's `error.rs` has them.
    let grpc_of = |http| match http {
        400 => 3,
        403 => 7,
        404 => 5,
        429 => 8,
        500 => 13,
        503 => 14,
        504 => 4,
        other => panic!("{other} is answered with no code"),
    };
    for (code, (http, grpc)) in &documented {
        assert_eq!(*grpc, grpc_of(*http), "{code}");
    }
    // Tokens that the same client may send again.
    let later = CODES.iter().filter(|(code, _)| documented[*code].0 != 400);
    let later: Vec<&str> = later.map(|(code, _)| *code).collect();
    assert_eq!(later, ["issuer-unavailable", "rate-limited"]);
}
