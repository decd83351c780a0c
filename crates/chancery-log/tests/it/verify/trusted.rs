//! What was verified before, and heads that others have seen.

use chancery_log::verify::{KnownHead, Options, Since};
use chancery_tlog::{Hash, TreeHead};

use super::numbered::{SIZE, flip, objects, options, replace_term, state_of, verify_with};

#[tokio::test]
async fn what_was_verified_before_is_trusted_and_the_rest_is_not() {
    let before = state_of(300).head.tree;
    for since in [Since::Size(300), Since::Head(before)] {
        let options = || Options { since, ..options() };
        let mut state = state_of(SIZE);
        flip(&mut state.entries[5], 20);
        replace_term(&mut state, 14);
        let report = verify_with(state.clone(), options()).await;
        assert_eq!(objects(&report.findings), [""; 0], "{since:?}");
        assert_eq!((report.entries, report.since), (400, before));

        flip(&mut state.entries[350], 20);
        state.terms.remove(800);
        let findings = verify_with(state, options()).await.findings;
        assert_eq!(findings.first().len(), 2, "{findings:?}");
        assert_eq!(objects(&findings)[0], "entry 350");
        assert!(objects(&findings)[1].ends_with("of entry 400"));
    }
}

#[tokio::test]
async fn a_log_that_went_back_or_is_another_one_is_told_by_the_heads_others_have_seen() {
    let seen = |head| Options {
        known: vec![KnownHead {
            name: "guard".to_owned(),
            head,
        }],
        ..options()
    };
    for size in [0, 1, 256, 300, SIZE] {
        let report = verify_with(state_of(SIZE), seen(state_of(size).head.tree)).await;
        assert_eq!(objects(&report.findings), [""; 0], "{size}");
    }
    let ahead = verify_with(state_of(SIZE), seen(state_of(SIZE + 1).head.tree)).await;
    assert_eq!(objects(&ahead.findings), ["guard"]);
    let said = ahead.findings.first()[0].to_string();
    assert!(
        said.contains("701 entries") && said.contains("has 700"),
        "{said}"
    );
    for tree_size in [1, 256, 300, SIZE] {
        let other = TreeHead {
            tree_size,
            root_hash: Hash::from_bytes([1; 32]),
        };
        let report = verify_with(state_of(SIZE), seen(other)).await;
        assert_eq!(objects(&report.findings), ["guard"], "{tree_size}");
        let since = Since::Head(other);
        let report = verify_with(state_of(SIZE), Options { since, ..options() }).await;
        assert_eq!(objects(&report.findings), ["hash tiles"], "{tree_size}");
        assert_eq!(report.entries, SIZE);
    }
    let since = Since::Size(SIZE + 1);
    let report = verify_with(state_of(SIZE), Options { since, ..options() }).await;
    assert_eq!(objects(&report.findings), ["head"]);
}
