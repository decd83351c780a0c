//! Chains that strangers submit: whatever verifies keeps its order and ends with the root, and nobody
//! signs in the root's name.

use chancery_submissions::{Roots, Submission, SubmittedChain, SubmittedKind};

/// The root whose certificates are taken: that of the seeds, whose key was thrown away.
const ROOT: &[u8] = include_bytes!("../seeds/submitted_chain/root");

/// Reads an input as certificates in DER, each after its length in two bytes, and verifies them as
/// both kinds of submission.
pub fn run(input: &[u8]) {
    let mut ders = Vec::new();
    let mut rest = input;
    while let Some(([high, low], after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (der, after) = after.split_at(length);
        ders.push(der.to_vec());
        rest = after;
    }
    let mut roots = Roots::default();
    let (_, root) = ROOT.split_at(2);
    roots.add(root.to_vec()).expect("the seed is a root");
    for kind in [SubmittedKind::Certificate, SubmittedKind::Precertificate] {
        let Ok(chain) = SubmittedChain::new(ders.clone()) else {
            return;
        };
        let Ok(verified) = roots.verify(kind, chain) else {
            continue;
        };
        assert_eq!(verified.leaf(), ders[0]);
        let issuers = verified.issuers();
        assert!(issuers.starts_with(&ders[1..]));
        assert_eq!(issuers.last().map(|der| &der[..]), Some(root));
        if let Ok(submission) = Submission::new(verified) {
            assert_eq!(submission.issuers().len(), issuers_of(&ders, root));
        }
    }
}

fn issuers_of(ders: &[Vec<u8>], root: &[u8]) -> usize {
    match ders.last() {
        Some(last) if last == root => ders.len() - 1,
        _ => ders.len(),
    }
}
